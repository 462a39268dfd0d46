//! A temperature that training moves.
//!
//! One parameter, `scale = -ln temperature`, moves as the optimizer moves dense parameters, without weight decay, and is cut
//! to its bounds after each step (Radford et al.: "Learning Transferable Visual Models From Natural Language Supervision",
//! ICML 2021, section 2.4). It is no part of the model: scores rank as they are.

use super::Engine;
use crate::checkpoint::{Pieces, PiecesMut};
use crate::config::{LearnedTemperature, LossSection, TrainSection};
use crate::kernel::{Buffer, dot};
use crate::optimizer::{Memory, Step, move_block, slot_name};

impl Engine<'_> {
    /// The temperature of the next step, where training moves it.
    pub(crate) fn temperature(&self) -> Option<f64> {
        self.temperature.as_ref().map(|scale| f64::from(scale.temperature()))
    }

    /// The temperature as a checkpoint holds it, to be filled.
    pub(crate) fn temperature_mut(&mut self) -> Vec<PiecesMut<'_>> {
        self.temperature.iter_mut().flat_map(LearnedScale::pieces_mut).collect()
    }

    /// Gradient of the sum of losses of the last batch by the scale.
    #[cfg(test)]
    pub(crate) fn temperature_gradient(&self) -> Option<f32> {
        self.temperature.as_ref().map(LearnedScale::gradient)
    }

    /// Moves the temperature, if it is learned; false when its gradient is not finite.
    pub(super) fn move_temperature(&mut self, step: Step) -> bool {
        self.temperature.as_mut().is_none_or(|temperature| temperature.step(step))
    }
}

/// Gradient of a sum of losses by the scale, from those of user vectors, `[rows, dimension]` each: a score is
/// `exp(scale) · user · item` and a shift, so that both come from the same slopes.
pub(super) fn by_scale(users: &[f32], gradients: &[f32], dimension: usize) -> f64 {
    let rows = users.chunks_exact(dimension).zip(gradients.chunks_exact(dimension));
    rows.map(|(user, gradient)| f64::from(dot(user, gradient))).sum()
}

/// Name of the parameter in a checkpoint.
const NAME: &str = "temperature";

/// The parameter, its gradient, and what the optimizer remembers of it.
#[derive(Debug, Clone)]
pub(super) struct LearnedScale {
    scale: [f32; 1],
    /// Lowest and highest scale.
    bounds: [f32; 2],
    gradient: f32,
    memory: [Buffer; 2],
}

impl LearnedScale {
    /// At its start, where the loss of the settings has one.
    pub(super) fn new(train: &TrainSection, memory: &Memory) -> Option<Self> {
        let (LossSection::InBatchSoftmax { temperature, .. }
        | LossSection::SampledSoftmax { temperature }
        | LossSection::FullSoftmax { temperature }) = train.loss
        else {
            return None;
        };
        let LearnedTemperature { start, lowest, highest } = temperature.learned()?;
        let scale = |temperature: f64| -temperature.ln() as f32;
        Some(Self {
            scale: [scale(start)],
            bounds: [scale(highest), scale(lowest)],
            gradient: 0.0,
            memory: memory.dense.map(|kept| memory.fresh(kept.of(1))),
        })
    }

    /// Divides the scores of the next step.
    pub(super) fn temperature(&self) -> f32 {
        (-f64::from(self.scale[0])).exp() as f32
    }

    /// Takes the gradient of the sum of losses of a batch: that of the scores' factor, summed over its chunks.
    pub(super) fn take(&mut self, chunks: impl Iterator<Item = f64>) {
        self.gradient = chunks.sum::<f64>() as f32;
    }

    /// Gradient of the sum of losses of the last batch.
    pub(super) fn gradient(&self) -> f32 {
        self.gradient
    }

    /// Moves; false when the gradient is not finite.
    pub(super) fn step(&mut self, step: Step) -> bool {
        let [first, second] = &mut self.memory;
        let moved = move_block(step.of_dense().without_decay(), &mut self.scale, [first, second], &[self.gradient]);
        let [lowest, highest] = self.bounds;
        self.scale[0] = self.scale[0].clamp(lowest, highest);
        moved
    }

    /// What a checkpoint holds.
    pub(super) fn pieces(&self) -> [Pieces<'_>; 3] {
        let [first, second] = &self.memory;
        [
            (NAME.to_owned(), vec![&self.scale[..]]),
            (slot_name(0, NAME), vec![&first[..]]),
            (slot_name(1, NAME), vec![&second[..]]),
        ]
    }

    /// As [`LearnedScale::pieces`], to be filled.
    pub(super) fn pieces_mut(&mut self) -> [PiecesMut<'_>; 3] {
        let [first, second] = &mut self.memory;
        [
            (NAME.to_owned(), vec![&mut self.scale[..]]),
            (slot_name(0, NAME), vec![&mut first[..]]),
            (slot_name(1, NAME), vec![&mut second[..]]),
        ]
    }
}
