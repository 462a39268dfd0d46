//! Epochs of steps, and the checkpoints between them.

use super::state::RunState;
use super::{EpochRecord, TrainContext};
use crate::batch::Samples;
use crate::checkpoint::Checkpoints;
use crate::collapse::{Alarm, Watch};
use crate::config::{EarlyStoppingSection, Keep, ModelSettings, ScheduleSection, TrainedPositions};
use crate::engine::{Batch, Engine, NotFinite, Objective, Pairing};
use crate::error::{ModelError, Result};
use crate::model::{Parameters, TwoTower};
use crate::order::Order;
use crate::schedule::{Moment, learning_rate};
use crate::sequence::Pass;
use crate::tensorboard::{Board, Position, Step};
use crate::validate::{ItemVectors, Judgement};
use std::sync::atomic::Ordering;
use twinspire_core::failpoint;

/// Steps between two looks at the clock.
const CLOCK_EVERY: usize = 16;

/// Role of the tensors of the best epoch in a checkpoint.
const KEPT: &str = "kept";

/// What goes on from step to step beside the model.
pub(super) struct Trainer<'a> {
    context: &'a TrainContext<'a>,
    settings: &'a ModelSettings,
    samples: &'a Samples<'a>,
    pairing: Pairing<'a>,
    checkpoints: &'a Checkpoints<'a>,
    /// The samples in the order of the epoch.
    order: Order,
    /// Batches of the first epoch: what a schedule takes for the length of all.
    epoch_batches: usize,
    pub(super) state: RunState,
    /// Parameters of the best epoch, when it is not the last one that is kept.
    pub(super) kept: Option<Parameters>,
    watch: Watch<'a>,
    /// Training ends after so many steps, also inside an epoch.
    pub(super) until: Option<u64>,
    /// Files for TensorBoard, if they are wanted.
    pub(super) board: Option<Board<'a>>,
    /// The newest checkpoint, and when it was written (at first: when the run began), in microseconds.
    saved: (Option<String>, i64),
}

/// What moves in a step.
pub(super) type Moving<'m, 'e> = (&'m mut Engine<'e>, &'m mut TwoTower);

impl<'a> Trainer<'a> {
    pub(super) fn new(
        context: &'a TrainContext<'a>,
        settings: &'a ModelSettings,
        (samples, pairing): (&'a Samples<'a>, Pairing<'a>),
        objective: &Objective,
        checkpoints: &'a Checkpoints<'a>,
    ) -> Result<Self> {
        let only_positives = *objective != Objective::Bce || !settings.labels_mode();
        let order = Order::new(samples, only_positives, settings.train(), context.stage.seed);
        if order.len() == 0 {
            return Err(ModelError::unsuitable("train", "the training part has no sample that this loss can use"));
        }
        let epoch_batches = order.batches(epoch_steps(settings)).count();
        let watch = Watch::new(settings, samples, &samples.positives_by_item(), context.stage.seed);
        Ok(Self {
            context,
            settings,
            samples,
            pairing,
            checkpoints,
            order,
            epoch_batches,
            state: RunState::default(),
            kept: None,
            watch,
            until: None,
            board: None,
            saved: (None, context.stage.clock.now_micros()),
        })
    }

    /// Goes on from the newest checkpoint, if there is one before the end; false where there is none.
    pub(super) fn resume(&mut self, (engine, model): Moving<'_, '_>) -> Result<bool> {
        if self.context.fresh {
            self.checkpoints.clear()?;
        }
        let Some(loaded) = self.checkpoints.newest::<RunState>(self.context.progress)? else { return Ok(false) };
        if self.until.is_some_and(|until| loaded.state.steps > until) {
            self.checkpoints.clear()?;
            return Ok(false);
        }
        let parameters = &mut model.parameters;
        let layout = engine.layout();
        loaded.fill(parameters.pieces_mut("parameters", layout))?;
        let mut kept = parameters.clone();
        let pieces = kept.pieces_mut(KEPT, layout);
        self.kept = if loaded.holds(&pieces[0].0) { loaded.fill(pieces).map(|()| Some(kept))? } else { None };
        loaded.fill(engine.memory_mut())?;
        engine.resume(loaded.state.before + loaded.state.steps);
        self.state = loaded.state;
        self.saved.0 = Some(self.state.name());
        let (epoch, steps) = (self.state.epoch + 1, self.state.steps);
        self.context.progress.line(&format!("goes on from the checkpoint of step {steps}, in epoch {epoch}"));
        Ok(true)
    }

    /// Are there epochs left, and steps before the end?
    pub(super) fn goes_on(&self) -> bool {
        self.state.epoch < self.settings.train().epochs && !self.state.ended && !self.has_reached_its_end()
    }

    fn has_reached_its_end(&self) -> bool {
        self.until.is_some_and(|until| self.state.steps >= until)
    }

    /// Learning rate of a step of this epoch, which follows `step` others.
    fn rate(&self, step: u64) -> f64 {
        let (train, RunState { epoch, reduced, .. }) = (self.settings.train(), &self.state);
        let steps = self.epoch_batches as u64 * u64::from(train.epochs);
        learning_rate(train, Moment { epoch: *epoch, step, steps, reduced: *reduced })
    }

    /// Where it went on from; nothing where it began anew.
    pub(super) fn position(&self) -> Option<Position> {
        self.saved.0.as_ref().map(|_| Position { steps: self.state.steps, judged: self.state.batch == 0 })
    }

    /// The batches of the epoch that are left; false where training ends before the last of them.
    pub(super) fn epoch(&mut self, (engine, model): Moving<'_, '_>) -> Result<bool> {
        let (train, progress, epoch) = (self.settings.train(), self.context.progress, self.state.epoch);
        let (steps, before) = (epoch_steps(self.settings), self.state.batch as usize);
        let mut order = std::mem::take(&mut self.order);
        order.shuffle(self.context.stage.seed, epoch);
        let samples = order.samples(steps) as u64;
        progress.start(&format!("train epoch {}/{}", epoch + 1, train.epochs), Some(samples), "samples");
        progress.advance(order.samples(before.min(steps)) as u64);
        let (start, mut done) = (self.context.stage.clock.now_micros(), 0);
        let batches = order.batches(steps).count() as u64;
        for (step, rows) in order.batches(steps).skip(before).enumerate() {
            let loss = self.step((engine, model), rows, self.state.batch + 1 == batches)?;
            self.look((engine, model), loss, batches)?;
            done += rows.len();
            progress.advance(rows.len() as u64);
            if step % CLOCK_EVERY == 0 {
                let seconds = (self.context.stage.clock.now_micros() - start) as f64 / 1e6;
                progress.state(&format!("loss {:.4}, {}", self.state.loss.mean(), speed(done, seconds)));
            }
            self.pause((engine, model), step)?;
            if self.has_reached_its_end() {
                break;
            }
        }
        progress.finish();
        self.order = order;
        Ok(self.state.batch >= batches)
    }

    fn step(&mut self, (engine, model): Moving<'_, '_>, rows: &[u32], ends_epoch: bool) -> Result<f64> {
        let (train, number) = (self.settings.train(), self.state.steps);
        let joined = train.positions == TrainedPositions::All;
        let pass = Pass { joined, training: Some((self.context.stage.seed, number)) };
        let batch = Batch { samples: self.samples, rows, pairing: self.pairing, number, pass };
        let (number, learning_rate) = (number + 1, self.rate(number));
        let mut look = self.board.as_ref().and_then(|board| board.look(number, ends_epoch));
        let sum = engine.step(&mut model.parameters, &batch, learning_rate, look.as_mut());
        let sum = sum.map_err(|fault| self.diverged(fault, rows))?;
        self.state.loss.add(sum);
        self.state.batch += 1;
        self.state.steps += 1;
        if let Some(board) = &mut self.board {
            let (loss, epoch_loss) = (sum.mean(), self.state.loss.mean());
            let (samples, temperature) = (rows.len(), engine.temperature());
            let step = Step { number, ends_epoch, learning_rate, loss, epoch_loss, temperature, samples };
            board.step(&step, look.as_ref(), model)?;
        }
        failpoint::hit("train.step");
        Ok(sum.mean())
    }

    /// Looks for signs of collapse after a step inside an epoch of so many batches, where it is time.
    fn look(&mut self, (engine, model): Moving<'_, '_>, loss: f64, batches: u64) -> Result<()> {
        let steps = self.state.steps;
        if !self.watch.is_due(steps) || self.state.batch == batches {
            return Ok(());
        }
        let figures = self.watch.figures(model, loss, None);
        if let Some(board) = &mut self.board {
            board.collapse(steps, &figures)?;
        }
        let alarms = self.warned(self.watch.alarms(&figures, (self.state.epoch, steps)));
        if alarms.is_empty() {
            return Ok(());
        }
        self.save((engine, model))?;
        Err(self.collapsed(self.state.epoch + 1, alarms))
    }

    /// Says aloud which alarms are raised, and returns those that end training.
    fn warned(&self, alarms: Vec<Alarm>) -> Vec<Alarm> {
        for alarm in alarms.iter().filter(|alarm| !alarm.stops) {
            let (reasons, next) = (alarm.sign.reasons(), alarm.sign.next_step());
            self.context.progress.line(&format!("warning: {alarm}. Likely reasons: {reasons}; {next}"));
        }
        alarms.into_iter().filter(|alarm| alarm.stops).collect()
    }

    fn collapsed(&self, epoch: u32, alarms: Vec<Alarm>) -> ModelError {
        let checkpoint = self.checkpoints.folder.join(self.state.name());
        ModelError::Collapsed { epoch, step: self.state.steps, alarms, checkpoint }
    }

    /// Ends training where the last epoch, if it is the last of what was done, raises an alarm that is to end it. So does the
    /// same command after that, until a setting is changed.
    pub(super) fn check_alarms(&self) -> Result<()> {
        let Some(last) = self.state.records.last().filter(|_| self.state.batch == 0) else { return Ok(()) };
        let mut alarms = self.watch.alarms(&last.collapse, (last.epoch - 1, last.steps));
        alarms.retain(|alarm| alarm.stops);
        if alarms.is_empty() { Ok(()) } else { Err(self.collapsed(last.epoch, alarms)) }
    }

    /// What follows a step: a checkpoint when one is due, the end when it was asked for. `step` counts from the start of
    /// the epoch or of the process.
    fn pause(&mut self, moving: Moving<'_, '_>, step: usize) -> Result<()> {
        let checkpoints = &self.settings.train().checkpoints;
        let by_steps = checkpoints.steps.is_some_and(|every| self.state.steps.is_multiple_of(every));
        let spent = || self.context.stage.clock.now_micros() - self.saved.1;
        let by_time = checkpoints.seconds > 0
            && step.is_multiple_of(CLOCK_EVERY)
            && spent() >= i64::from(checkpoints.seconds) * 1_000_000;
        let is_stopped = self.is_stopped();
        if by_steps || by_time || is_stopped {
            self.save(moving)?;
        }
        if is_stopped { Err(self.stopped()) } else { Ok(()) }
    }

    /// Was this run told to end?
    pub(super) fn is_stopped(&self) -> bool {
        self.context.stop.load(Ordering::Relaxed)
    }

    pub(super) fn stopped(&self) -> ModelError {
        let checkpoint = self.checkpoints.folder.join(self.state.name());
        ModelError::Stopped { epoch: self.state.epoch + 1, step: self.state.steps, checkpoint }
    }

    /// Writes a checkpoint of this moment, unless it is there.
    pub(super) fn save(&mut self, (engine, model): Moving<'_, '_>) -> Result<()> {
        let (name, parameters) = (self.state.name(), &model.parameters);
        if self.saved.0.as_ref() == Some(&name) {
            return Ok(());
        }
        if !parameters.is_finite() {
            let fault = NotFinite { what: "model", loss: self.state.loss.mean() };
            return Err(self.diverged(fault, &[]));
        }
        if let Some(board) = &mut self.board {
            board.sync()?;
        }
        let mut tensors = parameters.pieces("parameters", engine.layout());
        if let Some(kept) = &self.kept {
            tensors.extend(kept.pieces(KEPT, engine.layout()));
        }
        tensors.extend(engine.memory());
        self.checkpoints.save(&name, self.state.best_name().as_deref(), &self.state, &tensors)?;
        self.saved = (Some(name), self.context.stage.clock.now_micros());
        Ok(())
    }

    /// The step that follows the state cannot be used.
    fn diverged(&self, fault: NotFinite, rows: &[u32]) -> ModelError {
        ModelError::Diverged {
            epoch: self.state.epoch + 1,
            step: self.state.steps + u64::from(!rows.is_empty()),
            what: fault.what,
            loss: fault.loss,
            rows: rows.to_vec(),
            checkpoint: self.saved.0.as_ref().and_then(|name| self.checkpoints.path(name)),
        }
    }

    /// Ends an epoch that was judged.
    ///
    /// # Errors
    /// There is no metric of the name that is to rank epochs.
    pub(super) fn finish_epoch(
        &mut self,
        judgement: Judgement,
        (model, items): (&TwoTower, &ItemVectors<'_>),
    ) -> Result<()> {
        let (train, rank) = (self.settings.train(), judgement.rank(self.settings.train().metric.as_deref())?);
        let learning_rate = self.rate(self.state.steps.saturating_sub(1));
        if let Some(rank) = rank {
            self.wait(rank);
        }
        let best = match (rank, self.state.best) {
            (Some(rank), Some(best)) => rank > best,
            _ => true,
        };
        if best {
            (self.state.best, self.state.best_steps) = (rank, Some(self.state.steps));
            self.kept = (train.keep == Keep::Best && rank.is_some()).then(|| model.parameters.clone());
        }
        let collapse = self.watch.figures(model, self.state.loss.mean(), Some(items));
        let alarms = self.watch.alarms(&collapse, (self.state.epoch, self.state.steps));
        let raised = alarms.iter().map(|alarm| alarm.sign.name().to_owned()).collect();
        let record = EpochRecord {
            epoch: self.state.epoch + 1,
            steps: self.state.steps,
            samples: self.order.samples(epoch_steps(self.settings)) as u64,
            learning_rate,
            loss: self.state.loss.mean(),
            temperature: judgement.temperature,
            validation: judgement.samples,
            corpus: judgement.corpus,
            collapse,
            alarms: raised,
            best,
        };
        self.context.progress.line(&epoch_line(&record));
        self.warned(alarms);
        if let Some(board) = &mut self.board {
            board.judged(&record)?;
        }
        self.state.records.push(record);
        (self.state.epoch, self.state.batch, self.state.loss) = (self.state.epoch + 1, 0, Default::default());
        Ok(())
    }

    /// Lets the schedule and early stopping hear of an epoch.
    fn wait(&mut self, rank: f64) {
        let train = self.settings.train();
        let [of_schedule, of_stopping] = &mut self.state.waiting;
        if let ScheduleSection::Plateau { factor, patience, min_delta } = train.schedule
            && of_schedule.hear(rank, min_delta) > patience
        {
            of_schedule.restart();
            self.state.reduced *= factor;
        }
        if let Some(EarlyStoppingSection { patience, min_delta }) = train.early_stopping
            && of_stopping.hear(rank, min_delta) >= patience
        {
            self.state.ended = true;
            self.context.progress.line(&format!("training ends: {patience} epochs have not been better"));
        }
    }
}

/// Most steps of one epoch.
fn epoch_steps(settings: &ModelSettings) -> usize {
    usize::try_from(settings.train().steps_per_epoch.unwrap_or(u64::MAX)).unwrap_or(usize::MAX)
}

fn speed(samples: usize, seconds: f64) -> String {
    if seconds <= 0.0 { "- samples/s".into() } else { format!("{:.0} samples/s", samples as f64 / seconds) }
}

fn epoch_line(record: &EpochRecord) -> String {
    let mut line = format!("epoch {}: loss {:.5}", record.epoch, record.loss);
    if let Some(temperature) = record.temperature {
        line.push_str(&format!(", temperature {temperature:.4}"));
    }
    for (name, value) in &record.validation {
        line.push_str(&format!(", validation {name} {value:.5}"));
    }
    for (name, value) in &record.corpus {
        line.push_str(&format!(", {name} {value:.5}"));
    }
    line
}
