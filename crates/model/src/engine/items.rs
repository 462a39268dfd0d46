//! The items of a batch in which every row meets items of others: each goes through its tower once, however many rows hold it.
//!
//! In: the items that rows and candidates hold, by number in the corpus, or the samples' own, one a row. Out: their vectors, and
//! which of them each row holds; backward, from the gradients of what rows and candidates hold, those of the tower.

use super::grid::split;
use super::{Batch, CHUNK_ROWS, Pairing};
use crate::batch::{CorpusItems, ItemsOf};
use crate::input::ChunkInput;
use crate::kernel::Buffer;
use crate::layer::distinct::{Groups, sum_groups};
use crate::layer::embedding::{Columns, gather};
use crate::layer::ids::Ids;
use crate::layer::linear::Layers;
use crate::layout::ModelLayout;
use crate::model::Parameters;
use crate::optimizer::Shard;
use crate::shared::Shared;
use crate::team::Team;
use crate::tower::{TowerWorkspace, Weights};
use std::ops::Range;

/// The items of a batch.
#[derive(Debug, Default)]
pub(super) struct Items {
    /// Corpus rows, where items are those of the corpus.
    ids: Ids,
    /// Which item each place holds: first those of the rows, then the candidates.
    places: Vec<u32>,
    /// Places by item.
    groups: Groups,
    /// Number of places that rows hold.
    of_rows: usize,
    count: usize,
    chunks: Vec<ItemChunk>,
    /// `[items, dimension]`.
    vectors: Buffer,
}

/// Items that go through the tower together.
#[derive(Debug, Default)]
struct ItemChunk {
    input: ChunkInput,
    tower: TowerWorkspace,
    slopes: Buffer,
}

/// What is done at once once it is known which items there are.
enum Part<'a> {
    /// Places are sorted by item.
    Sort(&'a mut Groups),
    /// A chunk's samples are read.
    Read(usize, &'a mut ItemChunk),
}

impl Items {
    /// Forgets the batch before.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Reads the items of a batch; `held` are the numbers in the corpus of what places hold, of which the first `of_rows` are
    /// those of the rows.
    pub(super) fn read(
        &mut self,
        layout: &ModelLayout,
        batch: &Batch<'_>,
        (held, of_rows): (&[u32], usize),
        team: &Team,
    ) {
        let candidates = held.len() - of_rows;
        self.of_rows = of_rows;
        self.places.clear();
        match batch.pairing {
            Pairing::Own => {
                self.count = of_rows;
                self.places.extend((0..of_rows as u32).chain(0..candidates as u32));
            }
            Pairing::Drawn(_) => {
                self.ids.find(held);
                self.count = self.ids.distinct().len();
                self.places.extend_from_slice(self.ids.index());
            }
        }
        let (count, chunks, ids, places) = (self.count, self.chunks(), &self.ids, &self.places[..]);
        self.chunks.resize_with(self.chunks.len().max(chunks), ItemChunk::default);
        let parts = self.chunks[..chunks].iter_mut().enumerate().map(|(number, chunk)| Part::Read(number, chunk));
        team.each([Part::Sort(&mut self.groups)].into_iter().chain(parts), |_, part| match part {
            Part::Sort(groups) => groups.sort(places, count, [of_rows, candidates].into_iter()),
            Part::Read(number, ItemChunk { input, .. }) => {
                let (own, corpus) = (range(number, count), batch.samples.corpus());
                match batch.pairing {
                    Pairing::Own => {
                        let rows = &batch.rows[own];
                        input.read(&layout.item, corpus, (&ItemsOf(batch.samples, rows), rows.len()));
                    }
                    Pairing::Drawn(_) => {
                        let rows = &ids.distinct()[own];
                        input.read(&layout.item, corpus, (&CorpusItems(batch.samples, rows), rows.len()));
                    }
                }
            }
        });
    }

    /// Number of chunks.
    fn chunks(&self) -> usize {
        self.count.div_ceil(CHUNK_ROWS)
    }

    /// Inputs of the tower, one a chunk.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &ChunkInput> {
        self.chunks[..self.chunks()].iter().map(|chunk| &chunk.input)
    }

    /// Vectors of the items `[items, dimension]`, and which of them the rows hold.
    pub(super) fn of_rows(&self) -> (&[f32], &[u32]) {
        (&self.vectors, &self.places[..self.of_rows])
    }

    /// Takes the items through their tower, and writes the vectors of what the candidates hold.
    pub(super) fn forward(
        &mut self,
        layout: &ModelLayout,
        (parameters, shared): (&Parameters, &Shared),
        candidates: &mut [f32],
        team: &Team,
    ) {
        let (width, count) = (layout.dimension(), self.count);
        self.vectors.resize(count * width);
        let chunks = self.chunks.iter_mut().zip(self.vectors.chunks_mut(CHUNK_ROWS * width)).enumerate();
        team.each(chunks, |_, (number, (ItemChunk { input, tower, .. }, target))| {
            if tower.room() < input.rows() {
                *tower = layout.item_tower.workspace(CHUNK_ROWS, true);
            }
            input.look_up(&layout.item, &parameters.tables, (shared, range(number, count).start));
            layout.item_tower.forward(&parameters.dense, (input, shared), tower);
            target.copy_from_slice(tower.vectors(input.rows()));
        });
        let (vectors, places) = (&self.vectors[..], &self.places[self.of_rows..]);
        let parts = places.chunks(CHUNK_ROWS).zip(candidates.chunks_mut(CHUNK_ROWS * width));
        team.each(parts, |_, (places, target)| {
            gather(vectors, places, target, Columns { stride: width, first: 0, width });
        });
    }

    /// Takes the gradients of what rows and candidates hold down; those of dense parameters are added to `gradients`.
    pub(super) fn backward(
        &mut self,
        layout: &ModelLayout,
        layers: Layers<'_>,
        slopes: [&[f32]; 2],
        (gradients, team): (&mut [Buffer], &Team),
    ) {
        let (width, count, places) = (layout.dimension(), self.count, &self.groups);
        let (chunks, groups) = (self.chunks(), gradients.len().max(1));
        let first = |group: usize| chunks * group / groups;
        let parts = split(&mut self.chunks, (0..groups).map(|group| first(group + 1) - first(group)));
        team.each(parts.into_iter().zip(gradients).enumerate(), |_, (group, (chunks, gradient))| {
            for (number, ItemChunk { input, tower, slopes: own }) in (first(group)..).zip(chunks) {
                let items = range(number, count);
                own.resize(items.len() * width);
                sum_groups(own, (places, items), &slopes, width);
                layout.item_tower.backward(Weights { layers, gradient }, input, own, tower);
            }
        });
    }

    /// Adds the gradients of a table to a shard.
    pub(super) fn collect(&self, layout: &ModelLayout, table: usize, shard: &mut Shard) {
        self.inputs().for_each(|input| input.collect(&layout.item, table, shard));
    }
}

/// Items of a chunk.
fn range(number: usize, count: usize) -> Range<usize> {
    number * CHUNK_ROWS..count.min((number + 1) * CHUNK_ROWS)
}
