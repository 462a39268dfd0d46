//! The end of a step: gradients are summed, cut where the settings say so, and parameters move.

use super::chunk::Chunk;
use super::{Batch, Engine, Look};
use crate::export::dense_tensors;
use crate::layout::ModelLayout;
use crate::model::Parameters;
use crate::optimizer::{Dense, Shard, Step};
use crate::shared::Shared;
use rayon::prelude::*;

/// Keeps the division by the length of a gradient from 0, as PyTorch does.
const LEAST_LENGTH: f64 = 1e-6;

impl Engine<'_> {
    /// Sums gradients and moves parameters; false when a gradient is not finite.
    pub(super) fn apply(
        &mut self,
        parameters: &mut Parameters,
        batch: &Batch<'_>,
        (rate, scale): (f64, f64),
        look: Option<&mut Look>,
    ) -> bool {
        let step = Step::new(&self.optimizer, &self.clip, (rate, self.steps), scale);
        if self.clip.norm.is_none() && look.is_none() {
            return self.move_all(parameters, batch, step);
        }
        let length = self.length(batch) * scale;
        if let Some(look) = look {
            look.norm = Some(length);
            if look.wants_histograms {
                self.show(batch, scale, look);
            }
        }
        let Some(most) = self.clip.norm else { return self.move_summed(parameters, batch, step) };
        let shortened = step.scaled((most / (length + LEAST_LENGTH)).min(1.0));
        length.is_finite() && self.move_summed(parameters, batch, shortened)
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
    fn move_summed(&mut self, parameters: &mut Parameters, batch: &Batch<'_>, step: Step) -> bool {
        let summed = batch.groups().min(1);
        let is_finite = self.dense.step(step, &mut parameters.dense, &self.gradients[..summed]);
        for (number, (rows, table)) in self.tables.iter_mut().zip(&mut parameters.tables).enumerate() {
            match self.shared.iter().find_map(|shared| shared.only(self.layout, number)) {
                Some(distinct) => rows.step_distinct(step, table, distinct),
                None => rows.step_collected(step, table),
            }
        }
        is_finite
    }

    /// Fills in histograms of the sums that [`Engine::length`] left, times `scale`.
    fn show(&self, batch: &Batch<'_>, scale: f64, look: &mut Look) {
        for (number, (spec, rows)) in self.layout.tables.iter().zip(&self.tables).enumerate() {
            let only = self.shared.iter().find_map(|shared| shared.only(self.layout, number));
            look.add(&spec.name, &rows.collected(only), scale);
        }
        for summed in &self.gradients[..batch.groups().min(1)] {
            for (name, _, gradient) in dense_tensors(self.layout, summed) {
                look.add(&name, &[gradient], scale);
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
