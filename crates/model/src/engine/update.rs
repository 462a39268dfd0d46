//! The end of a step: gradients are summed, cut where the settings say so, and parameters move.

use super::chunk::{Chunk, Left};
use super::items::Items;
use super::{Engine, Look};
use crate::export::dense_tensors;
use crate::kernel::Buffer;
use crate::layout::ModelLayout;
use crate::model::Parameters;
use crate::optimizer::{Dense, Shard, Step, Table, TablePart};
use crate::shared::Shared;

/// Keeps the division by the length of a gradient from 0, as PyTorch does.
const LEAST_LENGTH: f64 = 1e-6;

impl Engine<'_> {
    /// Sums gradients and moves parameters; false when a gradient is not finite.
    pub(super) fn apply(
        &mut self,
        parameters: &mut Parameters,
        (rate, scale): (f64, f64),
        look: Option<&mut Look>,
    ) -> bool {
        let moved = self.move_parameters(parameters, (rate, scale), look);
        moved.is_some_and(|step| self.move_temperature(step))
    }

    /// Moves all but the temperature; returns the step by which they moved, nothing when a gradient is not finite.
    fn move_parameters(
        &mut self,
        parameters: &mut Parameters,
        (rate, scale): (f64, f64),
        look: Option<&mut Look>,
    ) -> Option<Step> {
        let step = Step::new(&self.optimizer, &self.clip, (rate, self.steps), scale);
        if self.clip.norm.is_none() && look.is_none() {
            return self.move_all(parameters, step).then_some(step);
        }
        let length = self.length() * scale;
        if let Some(look) = look {
            look.norm = Some(length);
            if look.wants_histograms {
                self.show(scale, look);
            }
        }
        let Some(most) = self.clip.norm else {
            return self.move_summed(parameters, step).then_some(step);
        };
        let shortened = step.scaled((most / (length + LEAST_LENGTH)).min(1.0));
        (length.is_finite() && self.move_summed(parameters, shortened)).then_some(shortened)
    }

    /// Sums and moves block by block and row by row, while they are at hand.
    fn move_all(&mut self, parameters: &mut Parameters, step: Step) -> bool {
        let (lefts, chunks) = (&self.lefts[..self.grid.groups()], &self.chunks[..self.grid.chunks()]);
        let (layout, shared) = (self.layout, &self.shared);
        let read = (shared, lefts, chunks, &self.met_items);
        let (dense, tables, gradients) = (&mut self.dense, &mut self.tables, &self.gradients[..self.grid.groups()]);
        self.team.each(table_parts(tables, &mut parameters.tables), |_, (number, part)| {
            match shared.iter().find_map(|shared| shared.only(layout, number)) {
                Some(distinct) => part.step_distinct(step, distinct),
                None => part.step(step, |shard| collect(layout, number, read, shard)),
            }
        });
        dense.step(step, &mut parameters.dense, (gradients, &self.apart), &self.team)
    }

    /// Sums all gradients, and leaves the sums where they are. Returns their length: the root of all squares.
    fn length(&mut self) -> f64 {
        let (lefts, chunks) = (&self.lefts[..self.grid.groups()], &self.chunks[..self.grid.chunks()]);
        let (layout, shared) = (self.layout, &self.shared);
        let read = (shared, lefts, chunks, &self.met_items);
        let mut squares = Dense::sum(&mut self.gradients[..self.grid.groups()], &self.apart, &self.team);
        for (number, rows) in self.tables.iter_mut().enumerate() {
            squares += match shared.iter().find_map(|shared| shared.only(layout, number)) {
                Some(distinct) => rows.squares_distinct(distinct),
                None => rows.collect(&self.team, |shard| collect(layout, number, read, shard)),
            };
        }
        let temperature = self.temperature.as_ref().map_or(0.0, |temperature| f64::from(temperature.gradient()));
        (squares + temperature * temperature).sqrt()
    }

    /// Moves by the sums that [`Engine::length`] left.
    fn move_summed(&mut self, parameters: &mut Parameters, step: Step) -> bool {
        let summed = self.grid.groups().min(1);
        let (layout, shared) = (self.layout, &self.shared);
        self.team.each(table_parts(&mut self.tables, &mut parameters.tables), |_, (number, part)| {
            match shared.iter().find_map(|shared| shared.only(layout, number)) {
                Some(distinct) => part.step_distinct(step, distinct),
                None => part.step_collected(step),
            }
        });
        self.dense.step(step, &mut parameters.dense, (&self.gradients[..summed], &self.apart), &self.team)
    }

    /// Fills in histograms of the sums that [`Engine::length`] left, times `scale`.
    fn show(&self, scale: f64, look: &mut Look) {
        for (number, (spec, rows)) in self.layout.tables.iter().zip(&self.tables).enumerate() {
            let only = self.shared.iter().find_map(|shared| shared.only(self.layout, number));
            look.add(&spec.name, &rows.collected(only), scale);
        }
        for summed in &self.gradients[..self.grid.groups().min(1)] {
            for (name, _, gradient) in dense_tensors(self.layout, summed) {
                look.add(&name, &[gradient], scale);
            }
        }
    }
}

/// The parts of all tables, each with the number of its table.
fn table_parts<'t>(
    tables: &'t mut [Table],
    parameters: &'t mut [Buffer],
) -> impl Iterator<Item = (usize, TablePart<'t>)> {
    let tables = tables.iter_mut().zip(parameters).enumerate();
    tables.flat_map(|(number, (rows, table))| rows.parts(table).map(move |part| (number, part)))
}

/// Adds the gradients of a table to a shard: histories, what else is shared, users first, then the chunks in order, then items that
/// rows meet together.
pub(super) fn collect(
    layout: &ModelLayout,
    table: usize,
    (shared, lefts, chunks, items): (&[Shared; 2], &[Left], &[Chunk], &Items),
    shard: &mut Shard,
) {
    shared[0].collect_histories(&layout.user, table, lefts, shard);
    shared.iter().for_each(|shared| shared.collect(table, shard));
    chunks.iter().for_each(|chunk| chunk.collect(layout, table, shard));
    items.collect(layout, table, shard);
}
