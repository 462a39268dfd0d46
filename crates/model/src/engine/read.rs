//! What a batch is before its first pass: samples that are read, chunks, drawn negatives, and what rows share.

use super::chunk::Chunk;
use super::grid::Grid;
use super::items::Items;
use super::{Batch, CACHED_CANDIDATES, Engine, Objective, Pairing};
use crate::batch::UsersOf;
use crate::input::ChunkInput;
use crate::layout::ModelLayout;
use crate::loss::softmax::TILE;
use crate::model::Parameters;
use crate::negative::Met;
use crate::optimizer::Apart;

impl Engine<'_> {
    /// Reads the samples of a batch, cuts it into chunks, and finds what they share; rows are `paired` with items of their own,
    /// or meet those of others.
    pub(super) fn read(&mut self, parameters: &Parameters, batch: &Batch<'_>, paired: bool) {
        let layout = self.layout;
        let source = (&UsersOf(batch.samples, batch.rows), batch.rows.len());
        let histories = (batch.samples.corpus(), source);
        self.shared[0].read_histories((&layout.user, parameters), histories, batch.pass, &self.team);
        self.draw(batch);
        let (items, drawn) = (&self.items[..], &self.drawn[..]);
        let [users, item_fields] = &mut self.shared;
        let candidates = drawn.len() + batch.repeated(&self.objective);
        let sizes = (if candidates > CACHED_CANDIDATES { TILE } else { 1 }, batch.pairing.chunk_rows());
        self.grid = Grid { starts: users.cut(batch.rows.len(), sizes), group: batch.pairing.group() };
        let grid = &self.grid;
        self.chunks.resize_with(self.chunks.len().max(grid.chunks()), Chunk::default);
        let chunks = self.chunks[..grid.chunks()].iter_mut().enumerate();
        self.team.each(chunks, |_, (number, chunk)| chunk.read(layout, (batch, grid), number, (items, paired)));
        let chunks = &self.chunks[..grid.chunks()];
        self.met_items.clear();
        if !paired {
            let mut held: Vec<u32> = match batch.pairing {
                Pairing::Own => items.to_vec(),
                Pairing::Drawn(_) => chunks.iter().flat_map(Chunk::items).copied().collect(),
            };
            let of_rows = held.len();
            held.extend(&items[..batch.repeated(&self.objective)]);
            held.extend(drawn.iter().map(|draw| draw.item));
            self.met_items.read(layout, batch, (&held, of_rows), &self.team);
        }
        let [of_users, of_items] = inputs(chunks, &self.met_items);
        let users = users.fields((&layout.user_tower, &layout.user), of_users.iter().copied());
        let items = item_fields.fields((&layout.item_tower, &layout.item), of_items.iter().copied());
        self.team.each(users.chain(items), |_, field| field.find(parameters));
        let towers = [&layout.user_tower, &layout.item_tower].into_iter().zip(&self.shared);
        let ranges = towers.flat_map(|(tower, shared)| shared.parameters(tower));
        self.apart = Apart::new(layout.dense_len(), ranges);
    }

    /// Gradients of what the batch shares; those of dense parameters go to the first group, whose chunks have none of them.
    pub(super) fn shared_backward(&mut self, parameters: &Parameters) {
        let ([users, items], chunks) = (&mut self.shared, &self.chunks[..self.grid.chunks()]);
        let ModelLayout { user, item, user_tower, item_tower, .. } = self.layout;
        let [of_users, of_items] = inputs(chunks, &self.met_items);
        let user_fields = users.fields((user_tower, user), of_users.iter().copied());
        let fields = user_fields.chain(items.fields((item_tower, item), of_items.iter().copied()));
        self.team.each(fields, |_, field| field.backward(parameters));
        users.take_profiles(&self.lefts[..self.grid.groups()]);
        let Some(first) = self.gradients.first_mut() else { return };
        users.dense_gradient(user_tower, first);
        items.dense_gradient(item_tower, first);
    }

    /// Finds the items of the rows, and draws the negatives that they share. Pairs of their own need neither.
    fn draw(&mut self, batch: &Batch<'_>) {
        self.items.clear();
        if let (Pairing::Own, Objective::Bce) = (batch.pairing, &self.objective) {
            return;
        }
        self.items.extend(batch.rows.iter().map(|&row| batch.samples.outcome(row).item));
        self.drawn.clear();
        if let (Pairing::Drawn(drawn), Objective::Drawn { .. }) = (batch.pairing, &self.objective) {
            let met = Met { rows: &self.items, earlier: self.earlier.met(self.steps, batch.rows.len()).0 };
            drawn.draw_shared(batch.number, met, &mut self.drawn);
        }
    }
}

/// Inputs of the user tower and of the item tower.
fn inputs<'a>(chunks: &'a [Chunk], items: &'a Items) -> [Vec<&'a ChunkInput>; 2] {
    let of_chunks = chunks.iter().map(Chunk::inputs);
    [
        of_chunks.clone().map(|inputs| inputs[0]).collect(),
        of_chunks.map(|inputs| inputs[1]).chain(items.inputs()).collect(),
    ]
}
