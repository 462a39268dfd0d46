//! One run: epochs of steps, a judgement after each, the kept parameters written at the end.

use super::rung;
use super::state::RunState;
use super::trainer::Trainer;
use super::{EpochRecord, Files, METRICS_FILE, MODEL_FILE, TrainContext, Validator, team};
use crate::batch::Samples;
use crate::checkpoint::{self, CHECKPOINTS_FOLDER, Checkpoints};
use crate::config::{LossSection, ModelSettings};
use crate::engine::{Engine, Objective, Pairing};
use crate::error::Result;
use crate::model::TwoTower;
use crate::negative::{Drawn, Mix};
use crate::tensorboard::{Board, Shown};
use crate::validate::{ItemVectors, Validation};
use crate::warm::{PROVENANCE_FILE, Provenance, StartedFrom, Target};
use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::write_json;
use twinspire_core::vfs::write_file;

/// Pairs that judge a loss without drawn negatives of its own: that many negatives a positive.
const JUDGED_NEGATIVES: usize = 4;

/// How AUC and its kin pair the validation samples with items: with uniform negatives, whatever trains.
fn judged_mix(settings: &ModelSettings, training: &Mix, corpus: usize) -> Mix {
    let count = match settings.train().loss {
        LossSection::Bce {} => training.own_len(),
        LossSection::InBatchSoftmax { .. }
        | LossSection::SampledSoftmax { .. }
        | LossSection::FullSoftmax { .. }
        | LossSection::Bpr { .. }
        | LossSection::Hinge { .. }
        | LossSection::CosineContrastive { .. } => JUDGED_NEGATIVES,
    };
    Mix::uniform(corpus, count)
}

/// Where a run writes.
pub(super) struct Place<'a> {
    /// Of the model and its metrics.
    pub(super) staging: &'a Path,
    pub(super) checkpoints: &'a Checkpoints<'a>,
    /// Of the files for TensorBoard.
    pub(super) board: &'a Path,
    /// Where a rung ends it, in steps since the start; the figures of that moment are written in place of a model then.
    pub(super) until: Option<u64>,
}

/// One run of all epochs that are left.
pub(super) fn run(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    files: &Files,
    place: &Place<'_>,
    validator: Option<Validator<'_>>,
) -> Result<BTreeMap<String, u64>> {
    let seed = context.stage.seed;
    let samples = Samples::new(&files.train, files.read_histories(), &files.items);
    let held_out = Samples::new(&files.validation, files.read_histories(), &files.items);
    let queries = files.queries.as_ref().map(|table| Samples::of_table(table, files.read_histories(), &files.items));
    let mix = Mix::new(settings, files, &samples)?;
    let judged = judged_mix(settings, &mix, files.items.len());
    let of_validation = |mix| Drawn { mix, seed, purpose: "validation negatives" };
    let pairings = [
        if settings.labels_mode() { Pairing::Own } else { Pairing::Drawn(of_validation(&judged)) },
        Pairing::of(settings, of_validation(&mix)),
    ];
    let validation = validation_of(settings, (&held_out, queries.as_ref()), pairings, validator);
    validation.serves(settings.train())?;
    let objective = Objective::new(settings.train(), &samples);
    let mut model = TwoTower::new(settings.model(), &files.encoder, seed);
    crate::summary::lines(&model.layout).iter().for_each(|line| context.progress.line(line));
    let pairing = Pairing::of(settings, Drawn { mix: &mix, seed, purpose: "negatives" });
    let mut trainer = Trainer::new(context, settings, (&samples, pairing), &objective, place.checkpoints)?;
    let layout = model.layout.clone();
    let mut engine = Engine::new(&layout, objective.clone(), settings.train()).with_team(team()?);
    trainer.until = place.until;
    let goes_on = trainer.resume((&mut engine, &mut model))?;
    trainer.check_alarms()?;
    if let Some(start) = context.start.filter(|_| !goes_on) {
        let target = Target { encoder: &files.encoder, model: &mut model, engine: &mut engine };
        trainer.state.before = start.begin((context.stage.vfs, context.progress), settings.train(), target)?;
    }
    let (section, shown) = (&settings.train().tensorboard, shown(settings, files, &samples));
    trainer.board = Board::open(context, section, place.board, trainer.position(), (&shown, &model))?;
    while trainer.goes_on() {
        if !trainer.epoch((&mut engine, &mut model))? {
            break;
        }
        let items = item_vectors(&model, &samples);
        let judgement = validation.judge((&model, &items), &mut engine, &objective);
        trainer.finish_epoch(judgement, (&model, &items))?;
        drop(items);
        trainer.save((&mut engine, &mut model))?;
        trainer.check_alarms()?;
        if trainer.is_stopped() {
            return Err(trainer.stopped());
        }
    }
    if place.until.is_some() {
        trainer.save((&mut engine, &mut model))?;
        let record = rung::record(&trainer.state, &validation, (&model, &item_vectors(&model, &samples)));
        return rung::write(context, place.staging, &record);
    }
    let (state, kept, board) = (trainer.state, trainer.kept, trainer.board);
    model.parameters = kept.unwrap_or(model.parameters);
    board.as_ref().map_or(Ok(()), |board| board.project(&model))?;
    write(context, settings, (files, place), (&model, &state))
}

/// Vectors of the corpus, made when somebody asks for them.
fn item_vectors<'v>(model: &'v TwoTower, samples: &'v Samples<'_>) -> ItemVectors<'v> {
    LazyCell::new(Box::new(|| model.item_vectors(samples.corpus())))
}

/// What judges: the samples that are held out and the queries, each where there are some; `pairings` are those of AUC and its
/// kin, and of the loss.
fn validation_of<'v>(
    settings: &ModelSettings,
    (held_out, queries): (&'v Samples<'v>, Option<&'v Samples<'v>>),
    [judged, pairing]: [Pairing<'v>; 2],
    validator: Option<Validator<'v>>,
) -> Validation<'v> {
    Validation {
        samples: (held_out.len() > 0).then_some(held_out),
        queries,
        validator,
        judged,
        pairing,
        batch_size: settings.train().batch_size as usize,
        steps: settings.train().validation_steps.unwrap_or(u64::MAX),
    }
}

/// Writes the files of the stage; returns its counts.
fn write(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    (files, place): (&Files, &Place<'_>),
    (model, state): (&TwoTower, &RunState),
) -> Result<BTreeMap<String, u64>> {
    model.save(context.stage.vfs, &place.staging.join(MODEL_FILE), &files.encoder)?;
    let lines: Vec<String> = state.records.iter().map(json_line).collect();
    write_file(context.stage.vfs, &place.staging.join(METRICS_FILE), lines.concat().as_bytes())?;
    if let Some(provenance) = provenance(context, settings, state, place.checkpoints)? {
        write_json(context.stage.vfs, &place.staging.join(PROVENANCE_FILE), &provenance)?;
    }
    let samples = state.records.iter().map(|record| record.samples).sum();
    Ok(BTreeMap::from([("steps".to_owned(), state.steps), ("samples".to_owned(), samples)]))
}

/// Where the kept epoch came from; nothing where somebody took its checkpoint away.
fn provenance(
    context: &TrainContext<'_>,
    settings: &ModelSettings,
    state: &RunState,
    checkpoints: &Checkpoints<'_>,
) -> Result<Option<Provenance>> {
    let kept = super::kept(settings.train().keep, &state.records);
    let Some(record) = state.records.iter().find(|record| record.epoch == kept) else { return Ok(None) };
    let name = checkpoint::name(record.steps, true);
    let sha256 = checkpoint::checksum(context.stage.vfs, &checkpoints.folder.join(&name))?;
    let checkpoint = format!("{CHECKPOINTS_FOLDER}/{name}");
    let started_from = context.start.map(StartedFrom::of);
    Ok(sha256.map(|sha256| Provenance { checkpoint, sha256, steps: state.before + record.steps, started_from }))
}

/// What the files for TensorBoard show beside the course of training.
fn shown<'a>(settings: &ModelSettings, files: &'a Files, samples: &'a Samples<'a>) -> Shown<'a> {
    let attributes = files.lists.samples.as_ref().map(SampleLayout::attributes).filter(|path| path.exists());
    let loss = serde_json::json!(settings.train().loss)["kind"].as_str().unwrap_or_default().to_owned();
    Shown { samples, items: &files.items, attributes, loss }
}

fn json_line(record: &EpochRecord) -> String {
    let mut line = serde_json::to_string(record).expect("a record is plain data");
    line.push('\n');
    line
}
