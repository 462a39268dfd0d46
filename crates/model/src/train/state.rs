//! Where a run is between two steps: what a checkpoint holds beside tensors.
//!
//! The order of an epoch and all drawn negatives follow from the seed and these numbers, so there is no generator to store.

use super::EpochRecord;
use crate::checkpoint::{self, Pieces, PiecesMut};
use crate::layout::ModelLayout;
use crate::loss::LossSum;
use crate::model::Parameters;
use crate::schedule::Patience;
use serde::{Deserialize, Serialize};

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RunState {
    /// Epochs that are over and judged.
    pub(super) epoch: u32,
    /// Batches of the epoch that were trained on.
    pub(super) batch: u64,
    /// Steps since the start.
    pub(super) steps: u64,
    /// Steps of the earlier model that training started from.
    #[serde(default)]
    pub(super) before: u64,
    /// Loss of the epoch so far.
    pub(super) loss: LossSum,
    /// One record an epoch.
    pub(super) records: Vec<EpochRecord>,
    /// What the best epoch was judged to be; higher is better.
    pub(super) best: Option<f64>,
    /// Steps until the end of the best epoch.
    pub(super) best_steps: Option<u64>,
    /// What the schedule `plateau` has made of the learning rate, as a factor.
    pub(super) reduced: f64,
    /// Of the schedule, and of early stopping.
    pub(super) waiting: [Patience; 2],
    /// Epochs do not get better any more.
    pub(super) ended: bool,
}

impl Default for RunState {
    fn default() -> Self {
        let (loss, records, waiting) = (LossSum::default(), Vec::new(), Default::default());
        let (best, best_steps, reduced) = (None, None, 1.0);
        Self {
            epoch: 0,
            batch: 0,
            steps: 0,
            before: 0,
            loss,
            records,
            best,
            best_steps,
            reduced,
            waiting,
            ended: false,
        }
    }
}

impl RunState {
    /// Name of a checkpoint of this state.
    pub(super) fn name(&self) -> String {
        checkpoint::name(self.steps, self.batch == 0)
    }

    /// Name of the checkpoint at the end of the best epoch.
    pub(super) fn best_name(&self) -> Option<String> {
        self.best_steps.map(|steps| checkpoint::name(steps, true))
    }
}

impl Parameters {
    /// The tensors as a checkpoint holds them, with `role` before their names.
    pub(super) fn pieces<'a>(&'a self, role: &str, layout: &ModelLayout) -> Vec<Pieces<'a>> {
        let tables = layout.tables.iter().zip(&self.tables);
        let tables = tables.map(|(spec, table)| (format!("{role}/{}", spec.name), vec![&table[..]]));
        tables.chain([(format!("{role}/dense"), vec![&self.dense[..]])]).collect()
    }

    /// As [`Parameters::pieces`], to be filled.
    pub(super) fn pieces_mut<'a>(&'a mut self, role: &str, layout: &ModelLayout) -> Vec<PiecesMut<'a>> {
        let tables = layout.tables.iter().zip(&mut self.tables);
        let tables = tables.map(|(spec, table)| (format!("{role}/{}", spec.name), vec![&mut table[..]]));
        tables.chain([(format!("{role}/dense"), vec![&mut self.dense[..]])]).collect()
    }

    /// Is every number finite?
    pub(super) fn is_finite(&self) -> bool {
        let finite = |numbers: &[f32]| numbers.iter().fold(true, |finite, number| finite & number.is_finite());
        finite(&self.dense) && self.tables.iter().all(|table| finite(table))
    }
}
