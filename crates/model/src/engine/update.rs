//! The end of a step: gradients are summed, cut where the settings say so, and parameters move.

use super::chunk::Chunk;
use super::{Batch, Engine};
use crate::layout::ModelLayout;
use crate::model::Parameters;
use crate::optimizer::{Dense, Shard, Step};
use crate::shared::Shared;
use rayon::prelude::*;

/// Keeps the division by the length of a gradient from 0, as PyTorch does.
const LEAST_LENGTH: f64 = 1e-6;

impl Engine<'_> {
    /// Sums gradients and moves parameters; false when a gradient is not finite.
    pub(super) fn apply(&mut self, parameters: &mut Parameters, batch: &Batch<'_>, rate: f64, scale: f64) -> bool {
        let step = Step::new(&self.optimizer, &self.clip, (rate, self.steps), scale);
        match self.clip.norm {
            None => self.move_all(parameters, batch, step),
            Some(most) => {
                let length = self.length(batch) * scale;
                length.is_finite() && {
                    self.move_summed(parameters, batch, step.scaled((most / (length + LEAST_LENGTH)).min(1.0)));
                    true
                }
            }
        }
    }

    /// Sums and moves block by block and row by row, while they are at hand.
    fn move_all(&mut self, parameters: &mut Parameters, batch: &Batch<'_>, step: Step) -> bool {
        let (layout, chunks, shared) = (self.layout, &self.chunks[..batch.chunks()], &self.shared);
        let (dense, tables, gradients) = (&mut self.dense, &mut self.tables, &self.gradients[..batch.groups()]);
        let move_dense = || dense.step(step, &mut parameters.dense, gradients);
        let move_tables = || {
            tables.par_iter_mut().zip(&mut parameters.tables).enumerate().for_each(|(number, (rows, table))| {
                match shared.iter().find_map(|shared| shared.only(layout, number)) {
                    Some(distinct) => rows.step_distinct(step, table, distinct),
                    None => rows.step(step, table, |shard| collect(layout, number, (shared, chunks), shard)),
                }
            });
        };
        rayon::join(move_dense, move_tables).0
    }

    /// Sums all gradients, and leaves the sums where they are. Returns their length: the root of all squares.
    fn length(&mut self, batch: &Batch<'_>) -> f64 {
        let (layout, chunks, shared) = (self.layout, &self.chunks[..batch.chunks()], &self.shared);
        let mut squares = Dense::sum(&mut self.gradients[..batch.groups()]);
        for (number, rows) in self.tables.iter_mut().enumerate() {
            squares += match shared.iter().find_map(|shared| shared.only(layout, number)) {
                Some(distinct) => rows.squares_distinct(distinct),
                None => rows.collect(|shard| collect(layout, number, (shared, chunks), shard)),
            };
        }
        squares.sqrt()
    }

    /// Moves by the sums that [`Engine::length`] left.
    fn move_summed(&mut self, parameters: &mut Parameters, batch: &Batch<'_>, step: Step) {
        let summed = batch.groups().min(1);
        self.dense.step(step, &mut parameters.dense, &self.gradients[..summed]);
        for (number, (rows, table)) in self.tables.iter_mut().zip(&mut parameters.tables).enumerate() {
            match self.shared.iter().find_map(|shared| shared.only(self.layout, number)) {
                Some(distinct) => rows.step_distinct(step, table, distinct),
                None => rows.step_collected(step, table),
            }
        }
    }
}

/// Adds the gradients of a table to a shard: what is shared, users first, then the chunks in order.
pub(super) fn collect(layout: &ModelLayout, table: usize, (shared, chunks): (&[Shared], &[Chunk]), shard: &mut Shard) {
    let inputs = [&layout.user, &layout.item];
    shared.iter().zip(inputs).for_each(|(shared, input)| shared.collect(input, table, shard));
    chunks.iter().for_each(|chunk| chunk.collect(layout, table, shard));
}
