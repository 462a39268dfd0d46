//! Samples per second and peak memory of full training steps.
//!
//! In: settings, and samples of a run or none (then click rows are made in memory). Out: [`BenchReport`], whose names
//! are those of other frameworks' scripts, so that they can be run in turns with this one.

mod rows;
mod sequences;

use crate::batch::Samples;
use crate::config::{LossSection, ModelSection, ModelSettings, TrainSection, TrainedPositions};
use crate::engine::{Batch, Engine, Objective, Pairing};
use crate::error::{ModelError, Result};
use crate::model::TwoTower;
use crate::negative::{Drawn, Mix};
use crate::order::Order;
use crate::sequence::Pass;
use crate::train::{Files, pool, team};
use sequences::Kind;
use serde::Serialize;
use std::time::{Duration, Instant};
use twinspire_core::check::Faults;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::machine::{self, OthersBusy};
use twinspire_core::sample::SampleLayout;

/// Steps of the warm-up at least.
const WARMUP_STEPS: usize = 10;

/// Steps whose mean loss is reported as the final one.
const FINAL_STEPS: usize = 50;

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BenchTask {
    /// Click rows, or the samples of a run.
    Clicks,
    /// A user tower over a history of 50 items: self-attention of 2 heads, mean; in-batch softmax.
    Tower,
    /// Histories of 50 items, trained at all positions by 2 causal blocks and 256 shared negatives; a sample is a history.
    Sasrec,
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    /// What is trained.
    pub task: BenchTask,
    /// The loss of `Clicks`; the other tasks have their own.
    pub loss: LossSection,
    /// Samples a step.
    pub batch_size: u32,
    /// Length of the measured part.
    pub seconds: f64,
    /// Seconds before it.
    pub warmup: f64,
    /// Rows to make, when there are no samples.
    pub rows: u32,
    /// Number of worker threads; 0 stands for all cores.
    pub threads: usize,
    /// Of rows, order and parameters.
    pub seed: u64,
    /// The samples of a run, and whether they carry labels.
    pub samples: Option<(SampleLayout, bool)>,
    /// The towers of `Clicks`.
    pub model: ModelSection,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchReport {
    /// Name of the program.
    pub script: &'static str,
    /// `clicks`, `tower` or `sasrec`.
    pub task: &'static str,
    /// `bce`, `in_batch_softmax`, `sampled_softmax` or `full_softmax`.
    pub loss: &'static str,
    /// Samples a step.
    pub batch: u32,
    /// Worker threads.
    pub threads: usize,
    /// Instruction set that was used.
    pub instruction_set: &'static str,
    /// Samples of all measured steps by their time.
    pub samples_per_s: u64,
    /// Samples of a step by the median time of a step.
    pub samples_per_s_median_step: u64,
    /// Median time of a step, milliseconds.
    pub median_step_ms: f64,
    /// Measured steps.
    pub steps: usize,
    /// Measured steps and those of the warm-up.
    pub steps_with_warmup: usize,
    /// Cores that other processes kept busy meanwhile; a figure above 0.1 is not worth much.
    pub others_busy_cores: f64,
    /// Loss of the first step.
    pub first_loss: f64,
    /// Mean loss of the last 50 steps.
    pub final_loss: f64,
    /// Peak resident memory of the process.
    pub peak_rss_mib: u64,
    /// Load of the machine.
    pub loadavg_1min: f64,
}

/// Trains for the given time and reports how fast it went.
///
/// # Errors
/// Settings that [`ModelSettings::check`] refuses; samples that cannot be read; `Diverged`.
pub fn run(settings: &BenchSettings) -> Result<BenchReport> {
    let files = match (settings.task.kind(), &settings.samples) {
        (Some(kind), _) => sequences::files(kind, settings.batch_size, settings.seed)?,
        (None, Some((layout, _))) => Files::open(layout, None)?,
        (None, None) => rows::files(settings.rows, settings.seed)?,
    };
    let checked = checked(settings, &files.encoder)?;
    pool(settings.threads)?.install(|| measure(settings, &checked, &files))
}

impl BenchTask {
    fn kind(self) -> Option<Kind> {
        match self {
            Self::Clicks => None,
            Self::Tower => Some(Kind::Tower),
            Self::Sasrec => Some(Kind::Positions),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Clicks => "clicks",
            Self::Tower => "tower",
            Self::Sasrec => "sasrec",
        }
    }
}

fn checked(settings: &BenchSettings, encoder: &FeatureEncoder) -> Result<ModelSettings> {
    let (loss, batch_size) = (settings.loss.clone(), settings.batch_size);
    let (model, train) = match settings.task.kind() {
        Some(kind) => kind.sections(batch_size),
        None => (settings.model.clone(), TrainSection { loss, batch_size, ..TrainSection::default() }),
    };
    let of_run = settings.samples.as_ref().is_none_or(|(_, labels_mode)| *labels_mode);
    let labels_mode = settings.task == BenchTask::Clicks && of_run;
    let mut faults = Faults::default();
    let checked = ModelSettings::check(&model, &train, encoder.schema(), labels_mode, &mut faults);
    checked.ok_or_else(|| {
        let texts: Vec<String> =
            faults.into_vec().into_iter().map(|fault| format!("{}: {}", fault.key, fault.reason)).collect();
        ModelError::unsuitable("bench", texts.join("; "))
    })
}

fn measure(settings: &BenchSettings, checked: &ModelSettings, files: &Files) -> Result<BenchReport> {
    let samples = Samples::new(&files.train, files.read_histories(), &files.items);
    let objective = Objective::new(checked.train(), &samples);
    let only_positives = objective != Objective::Bce || !checked.labels_mode();
    let order = Order::new(&samples, only_positives, checked.train(), settings.seed);
    let batch_size = checked.train().batch_size as usize;
    if order.len() < batch_size {
        return Err(ModelError::unsuitable(
            "bench",
            format!("{} samples do not fill a batch of {batch_size}", order.len()),
        ));
    }
    let mix = Mix::new(checked, files, &samples)?;
    let pairing = Pairing::of(checked, Drawn { mix: &mix, seed: settings.seed, purpose: "negatives" });
    let mut model = TwoTower::new(checked.model(), &files.encoder, settings.seed);
    let layout = model.layout.clone();
    let mut engine = Engine::new(&layout, objective, &TrainSection::default()).with_team(team()?);
    let batches: Vec<&[u32]> = order.batches(order.len() / batch_size).collect();
    let steps = Steps { samples: &samples, batches, pairing, settings: checked, seed: settings.seed };
    let mut losses = Vec::with_capacity(1 << 16);
    let mut step = || steps.next(&mut engine, &mut model).map(|loss| losses.push(loss));
    let warm = Instant::now();
    let mut warmup_steps = 0;
    while warmup_steps < WARMUP_STEPS || warm.elapsed() < Duration::from_secs_f64(settings.warmup) {
        step()?;
        warmup_steps += 1;
    }
    let (others, start) = (OthersBusy::start(), Instant::now());
    let (mut times, mut last) = (Vec::with_capacity(1 << 16), Duration::ZERO);
    while times.is_empty() || last < Duration::from_secs_f64(settings.seconds) {
        step()?;
        let now = start.elapsed();
        times.push((now - last).as_secs_f64());
        last = now;
    }
    Ok(report(settings, checked, &Measured { times, losses, seconds: last.as_secs_f64(), others: others.cores() }))
}

/// Batches of the bench, over and over in one order.
struct Steps<'a> {
    samples: &'a Samples<'a>,
    batches: Vec<&'a [u32]>,
    pairing: Pairing<'a>,
    settings: &'a ModelSettings,
    seed: u64,
}

impl Steps<'_> {
    /// One step; the loss.
    fn next(&self, engine: &mut Engine<'_>, model: &mut TwoTower) -> Result<f64> {
        let number = engine.steps();
        let rows = self.batches[number as usize % self.batches.len()];
        let train = self.settings.train();
        let pass = Pass { joined: train.positions == TrainedPositions::All, training: Some((self.seed, number)) };
        let batch = Batch { samples: self.samples, rows, pairing: self.pairing, number, pass };
        let sum = engine.step(&mut model.parameters, &batch, train.learning_rate, None);
        let sum = sum.map_err(|fault| ModelError::diverged((1, number + 1), fault, rows))?;
        Ok(sum.mean())
    }
}

struct Measured {
    times: Vec<f64>,
    losses: Vec<f64>,
    seconds: f64,
    others: f64,
}

fn report(settings: &BenchSettings, checked: &ModelSettings, measured: &Measured) -> BenchReport {
    let mut times = measured.times.clone();
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let batch = f64::from(settings.batch_size);
    let last = &measured.losses[measured.losses.len().saturating_sub(FINAL_STEPS)..];
    BenchReport {
        script: "twinspire bench train",
        task: settings.task.name(),
        loss: match checked.train().loss {
            LossSection::Bce {} => "bce",
            LossSection::InBatchSoftmax { .. } => "in_batch_softmax",
            LossSection::SampledSoftmax { .. } => "sampled_softmax",
            LossSection::FullSoftmax { .. } => "full_softmax",
            LossSection::Bpr { .. } => "bpr",
            LossSection::Hinge { .. } => "hinge",
            LossSection::CosineContrastive { .. } => "cosine_contrastive",
        },
        batch: settings.batch_size,
        threads: rayon::current_num_threads(),
        instruction_set: twinspire_core::stage::instruction_set(),
        samples_per_s: (batch * times.len() as f64 / measured.seconds).round() as u64,
        samples_per_s_median_step: (batch / median).round() as u64,
        median_step_ms: (median * 1e6).round() / 1e3,
        steps: times.len(),
        steps_with_warmup: measured.losses.len(),
        others_busy_cores: measured.others,
        first_loss: measured.losses[0],
        final_loss: last.iter().sum::<f64>() / last.len() as f64,
        peak_rss_mib: machine::peak_rss_mib(),
        loadavg_1min: machine::load_average(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(loss: LossSection, rows: u32) -> BenchSettings {
        let model = ModelSection::default();
        BenchSettings {
            task: BenchTask::Clicks,
            loss,
            batch_size: 128,
            seconds: 0.0,
            warmup: 0.0,
            rows,
            threads: 1,
            seed: 1,
            samples: None,
            model,
        }
    }

    #[test]
    fn a_bench_counts_its_steps_and_learns() {
        for loss in [LossSection::Bce {}, LossSection::default()] {
            let report = run(&settings(loss, 4_000)).unwrap();
            assert_eq!((report.steps, report.steps_with_warmup, report.threads), (1, WARMUP_STEPS + 1, 1));
            assert!(report.samples_per_s > 0 && report.final_loss < report.first_loss, "{report:?}");
        }
        assert!(run(&settings(LossSection::default(), 200)).is_err(), "too few clicks for a batch");
    }

    #[test]
    fn histories_are_trained_as_the_task_says() {
        for (task, name, loss) in
            [(BenchTask::Tower, "tower", "in_batch_softmax"), (BenchTask::Sasrec, "sasrec", "sampled_softmax")]
        {
            let report = run(&BenchSettings { task, batch_size: 4, ..settings(LossSection::Bce {}, 0) }).unwrap();
            assert_eq!((report.task, report.loss, report.batch, report.steps), (name, loss, 4, 1));
            assert!(report.first_loss.is_finite() && report.final_loss.is_finite());
        }
    }
}
