//! One run: epochs of steps, a judgement after each, the kept parameters written at the end.

use super::{EpochRecord, Files, METRICS_FILE, MODEL_FILE, TrainContext, Validator};
use crate::batch::{Samples, shuffle};
use crate::config::{Keep, LossSection, ModelSettings, OptimizerSection};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::error::{ModelError, Result};
use crate::loss::LossSum;
use crate::model::{Parameters, TwoTower};
use crate::negative::{Drawn, Mix};
use crate::schedule::learning_rate;
use crate::validate::{Judgement, Validation};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::vfs::write_file;

/// Pairs that judge a loss without drawn negatives of its own: that many negatives a positive.
const JUDGED_NEGATIVES: usize = 4;

/// Steps between two looks at the clock.
const STATE_EVERY: usize = 16;

/// How AUC and its kin pair the validation samples with items: with uniform negatives, whatever trains.
fn judged_mix(settings: &ModelSettings, training: &Mix, corpus: usize) -> Mix {
    let count = match settings.train().loss {
        LossSection::Bce {} => training.own_len(),
        LossSection::InBatchSoftmax { .. } | LossSection::SampledSoftmax { .. } | LossSection::FullSoftmax { .. } => {
            JUDGED_NEGATIVES
        }
    };
    Mix::uniform(corpus, count)
}

/// One run of all epochs.
pub(super) fn run(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    files: &Files,
    (staging, validator): (&Path, Option<Validator<'_>>),
) -> Result<BTreeMap<String, u64>> {
    let seed = context.stage.seed;
    let samples = Samples::new(&files.train, files.read_histories(), &files.items);
    let held_out = Samples::new(&files.validation, files.read_histories(), &files.items);
    let queries = files.queries.as_ref().map(|table| Samples::of_table(table, files.read_histories(), &files.items));
    let mix = Mix::new(settings, files, &samples)?;
    let judged = judged_mix(settings, &mix, files.items.len());
    let of_validation = |mix| Drawn { mix, seed, purpose: "validation negatives" };
    let validation = Validation {
        samples: (held_out.len() > 0).then_some(&held_out),
        queries: queries.as_ref(),
        validator,
        judged: if settings.labels_mode() { Pairing::Own } else { Pairing::Drawn(of_validation(&judged)) },
        pairing: Pairing::of(settings, of_validation(&mix)),
        batch_size: settings.train().batch_size as usize,
        steps: settings.train().validation_steps.unwrap_or(u64::MAX),
    };
    let objective = Objective::new(&settings.train().loss, &samples);
    let mut model = TwoTower::new(settings.model(), &files.encoder, seed);
    crate::summary::lines(&model.layout).iter().for_each(|line| context.progress.line(line));
    let pairing = Pairing::of(settings, Drawn { mix: &mix, seed, purpose: "negatives" });
    let mut trainer = Trainer::new(context, settings, (&samples, pairing), &objective)?;
    let layout = model.layout.clone();
    let OptimizerSection::Adam(adam) = settings.train().optimizer;
    let mut engine = Engine::new(&layout, objective.clone(), adam);
    for epoch in 0..settings.train().epochs {
        let loss = trainer.epoch(&mut engine, &mut model.parameters, epoch)?;
        let judgement = validation.judge(&model, &mut engine, &objective);
        trainer.record(epoch, (loss, engine.steps()), judgement, &model.parameters);
    }
    let (records, kept) = (trainer.records, trainer.kept);
    model.parameters = kept.unwrap_or(model.parameters);
    model.save(context.stage.vfs, &staging.join(MODEL_FILE), &files.encoder)?;
    let lines: Vec<String> = records.iter().map(json_line).collect();
    write_file(context.stage.vfs, &staging.join(METRICS_FILE), lines.concat().as_bytes())?;
    let samples = records.iter().map(|record| record.samples).sum();
    Ok(BTreeMap::from([("steps".to_owned(), engine.steps()), ("samples".to_owned(), samples)]))
}

fn json_line(record: &EpochRecord) -> String {
    let mut line = serde_json::to_string(record).expect("a record is plain data");
    line.push('\n');
    line
}

/// What goes on from epoch to epoch beside the model.
struct Trainer<'a> {
    context: &'a TrainContext<'a>,
    settings: &'a ModelSettings,
    samples: &'a Samples<'a>,
    pairing: Pairing<'a>,
    /// Numbers of the samples, in the order of the epoch.
    order: Vec<u32>,
    records: Vec<EpochRecord>,
    best: Option<f64>,
    /// Parameters of the best epoch, when it is not the last one that is kept.
    kept: Option<Parameters>,
}

impl<'a> Trainer<'a> {
    fn new(
        context: &'a TrainContext<'a>,
        settings: &'a ModelSettings,
        (samples, pairing): (&'a Samples<'a>, Pairing<'a>),
        objective: &Objective,
    ) -> Result<Self> {
        let order = samples.numbers(*objective != Objective::Bce || !settings.labels_mode());
        if order.is_empty() {
            return Err(ModelError::unsuitable("train", "the training part has no sample that this loss can use"));
        }
        Ok(Self { context, settings, samples, pairing, order, records: Vec::new(), best: None, kept: None })
    }

    /// Samples of one epoch.
    fn epoch_samples(&self) -> usize {
        let train = self.settings.train();
        let steps = usize::try_from(train.steps_per_epoch.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        self.order.len().min(steps.saturating_mul(train.batch_size as usize))
    }

    fn epoch(&mut self, engine: &mut Engine<'_>, parameters: &mut Parameters, epoch: u32) -> Result<LossSum> {
        let (train, progress) = (self.settings.train(), self.context.progress);
        shuffle(&mut self.order, self.context.stage.seed, epoch);
        let rows = &self.order[..self.epoch_samples()];
        progress.start(&format!("train epoch {}/{}", epoch + 1, train.epochs), Some(rows.len() as u64), "samples");
        let (rate, start) = (learning_rate(train, epoch), self.context.stage.clock.now_micros());
        let (mut total, mut done) = (LossSum::default(), 0);
        for (step, rows) in rows.chunks(train.batch_size as usize).enumerate() {
            let number = engine.steps();
            let batch = Batch { samples: self.samples, rows, pairing: self.pairing, number };
            let sum = engine.step(parameters, &batch, rate);
            let sum = sum.map_err(|fault| ModelError::diverged(epoch + 1, number + 1, fault))?;
            total.add(sum);
            done += rows.len();
            progress.advance(rows.len() as u64);
            if step % STATE_EVERY == 0 {
                let seconds = (self.context.stage.clock.now_micros() - start) as f64 / 1e6;
                progress.state(&format!("loss {:.4}, {}", total.mean(), speed(done, seconds)));
            }
        }
        progress.finish();
        Ok(total)
    }

    fn record(&mut self, epoch: u32, (loss, steps): (LossSum, u64), judgement: Judgement, parameters: &Parameters) {
        let train = self.settings.train();
        let rank = judgement.rank();
        let best = match (rank, self.best) {
            (Some(rank), Some(best)) => rank > best,
            _ => true,
        };
        if best {
            self.best = rank;
            self.kept = (train.keep == Keep::Best && rank.is_some()).then(|| parameters.clone());
        }
        let record = EpochRecord {
            epoch: epoch + 1,
            steps,
            samples: self.epoch_samples() as u64,
            learning_rate: learning_rate(train, epoch),
            loss: loss.mean(),
            validation: judgement.samples,
            corpus: judgement.corpus,
            best,
        };
        self.context.progress.line(&epoch_line(&record));
        self.records.push(record);
    }
}

fn speed(samples: usize, seconds: f64) -> String {
    if seconds <= 0.0 { "- samples/s".into() } else { format!("{:.0} samples/s", samples as f64 / seconds) }
}

fn epoch_line(record: &EpochRecord) -> String {
    let mut line = format!("epoch {}: loss {:.5}", record.epoch, record.loss);
    for (name, value) in &record.validation {
        line.push_str(&format!(", validation {name} {value:.5}"));
    }
    for (name, value) in &record.corpus {
        line.push_str(&format!(", {name} {value:.5}"));
    }
    line
}
