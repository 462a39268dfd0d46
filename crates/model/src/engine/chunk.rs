//! One chunk of a batch: what is kept until the optimizer has read it, and the passes over it.

use super::interests::{read_out, spread};
use super::{Batch, Pairing};
use crate::batch::{CorpusItems, ItemsOf, UsersOf};
use crate::config::Score;
use crate::input::{ChunkInput, Repeated};
use crate::kernel::{Buffer, add_to};
use crate::layout::ModelLayout;
use crate::loss::LossSum;
use crate::loss::bce::{self, Gradients, Pairs};
use crate::model::Parameters;
use crate::negative::{Draw, Positive};
use crate::optimizer::Shard;
use crate::shared::Shared;
use crate::tower::{TowerWorkspace, Weights};

/// Inputs and outcomes of a chunk, and the gradients of its inputs.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    user: ChunkInput,
    item: ChunkInput,
    /// Where negatives are drawn, corpus row of each item: positives, each with negatives of its own, then a part of those
    /// that all rows share.
    items: Vec<u32>,
    /// One an item, the shared ones aside, as the next three.
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// Added to the score in a softmax.
    shifts: Vec<f32>,
    scores: Vec<f32>,
    /// The interest of each row that meets its items, where users have several.
    chosen: Vec<usize>,
    sum: LossSum,
}

/// Inputs of the user tower and of the item tower.
pub(super) const INPUTS: [fn(&Chunk) -> &ChunkInput; 2] = [|chunk| &chunk.user, |chunk| &chunk.item];

/// Memory of the passes, which one chunk after another uses.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    rows: (usize, usize),
    towers: Towers,
    user_gradient: Buffer,
    item_gradient: Buffer,
}

/// Workspaces of both towers.
#[derive(Debug, Default)]
struct Towers {
    user: TowerWorkspace,
    item: TowerWorkspace,
}

impl Buffers {
    /// Grows to chunks of that many users and items.
    pub(super) fn reserve(&mut self, layout: &ModelLayout, (users, items): (usize, usize)) {
        let rows = (self.rows.0.max(users), self.rows.1.max(items));
        if rows == self.rows {
            return;
        }
        self.rows = rows;
        self.towers.user = layout.user_tower.workspace(rows.0, true);
        self.towers.item = layout.item_tower.workspace(rows.1, true);
        self.user_gradient.resize(rows.0 * layout.dimension());
        self.item_gradient.resize(rows.1 * layout.dimension());
    }

    /// Vectors of the users, of all their interests, and of the items of a chunk.
    pub(super) fn vectors(&self, chunk: &Chunk) -> (&[f32], &[f32]) {
        self.towers.vectors(chunk)
    }
}

impl Towers {
    fn vectors(&self, chunk: &Chunk) -> (&[f32], &[f32]) {
        (self.user.vectors(chunk.user.rows()), self.item.vectors(chunk.item.rows()))
    }
}

impl Chunk {
    /// Reads the samples of chunk `number` and draws negatives of their own; `items` are those of all rows of the batch,
    /// `drawn` the shared negatives that this chunk takes along.
    pub(super) fn read(
        &mut self,
        layout: &ModelLayout,
        batch: &Batch<'_>,
        number: usize,
        (items, drawn): (&[u32], &[Draw]),
    ) {
        let (samples, rows) = (batch.samples, &batch.rows[batch.chunk(number)]);
        samples.prefetch(rows, !matches!(batch.pairing, Pairing::Own));
        self.read_outcomes(batch, (number, rows), items);
        self.scores.resize(self.labels.len(), 0.0);
        self.items.extend(drawn.iter().map(|draw| draw.item));
        let corpus = samples.corpus();
        let interests = layout.user.interests();
        let users = (&Repeated(&UsersOf(samples, rows), interests), rows.len() * interests);
        self.user.read(&layout.user, corpus, users);
        match batch.pairing {
            Pairing::Own => self.item.read(&layout.item, corpus, (&ItemsOf(samples, rows), rows.len())),
            Pairing::Drawn { .. } => {
                let source = (&CorpusItems(samples, &self.items), self.items.len());
                self.item.read(&layout.item, corpus, source);
            }
        }
    }

    fn read_outcomes(&mut self, batch: &Batch<'_>, (number, rows): (usize, &[u32]), items: &[u32]) {
        [&mut self.labels, &mut self.weights, &mut self.shifts].into_iter().for_each(Vec::clear);
        self.items.clear();
        let mut drawn = match batch.pairing {
            Pairing::Own => None,
            Pairing::Drawn(drawn) => Some((drawn.mix, drawn.stream(batch.number, number))),
        };
        for &row in rows {
            let outcome = batch.samples.outcome(row);
            self.labels.push(outcome.label);
            self.weights.push(outcome.weight);
            self.shifts.push(0.0);
            let Some((mix, rng)) = &mut drawn else { continue };
            self.items.push(outcome.item);
            let event = batch.samples.event(row);
            let positive = Positive { item: outcome.item, user: event.user, time: event.time, batch: items };
            mix.draw_own(&positive, mix.known(batch.samples, row), rng, |draw| {
                self.items.push(draw.item);
                self.labels.push(0.0);
                self.weights.push(outcome.weight * draw.weight);
                self.shifts.push(draw.shift);
            });
        }
    }

    /// Look-up and both towers; `starts` are the numbers of the first user and of the first item in the batch.
    pub(super) fn forward(
        &mut self,
        layout: &ModelLayout,
        parameters: &Parameters,
        (shared, starts): (&[Shared; 2], [usize; 2]),
        buffers: &mut Buffers,
    ) {
        let (Parameters { tables, dense }, [users, items]) = (parameters, shared);
        self.user.look_up(&layout.user, tables, (users, starts[0] * layout.user.interests()));
        self.item.look_up(&layout.item, tables, (items, starts[1]));
        layout.user_tower.forward(dense, (&self.user, users), &mut buffers.towers.user);
        layout.item_tower.forward(dense, (&self.item, items), &mut buffers.towers.item);
    }

    fn pairs<'a>(&'a self, (users, items): (&'a [f32], &'a [f32]), layout: &ModelLayout) -> Pairs<'a> {
        let (interests, dimension) = (layout.user.interests(), layout.dimension());
        let group = items.len() * interests / users.len();
        Pairs { users, items, interests, group, dimension, labels: &self.labels, weights: &self.weights }
    }

    /// Writes the vectors of the users of a chunk, `[rows, dimension]`: of several interests the one that meets its items.
    pub(super) fn read_users(
        &mut self,
        layout: &ModelLayout,
        (buffers, group): (&Buffers, usize),
        vectors: &mut [f32],
    ) {
        let (users, items) = buffers.vectors(self);
        match layout.user.interests() {
            1 => vectors.copy_from_slice(users),
            count => {
                let mut chosen = std::mem::take(&mut self.chosen);
                read_out((users, items), (count, group, layout.dimension()), &mut chosen, vectors);
                self.chosen = chosen;
            }
        }
    }

    /// Scores of the pairs, without a gradient: of cosines their logits, and the loss; of dot products they themselves, and no
    /// loss.
    pub(super) fn pairs_forward(&mut self, layout: &ModelLayout, weights: Weights<'_>, buffers: &mut Buffers) {
        let mut scores = std::mem::take(&mut self.scores);
        let pairs = self.pairs(buffers.vectors(self), layout);
        self.sum = match layout.score() {
            Score::Cosine => bce::forward(&pairs, &weights.dense[layout.head..], &mut scores),
            Score::Dot => {
                bce::products(pairs, &mut scores);
                LossSum::default()
            }
        };
        self.scores = scores;
    }

    /// Loss of the pairs and all gradients; those of dense parameters are added to `gradient`.
    pub(super) fn pairs_backward(&mut self, layout: &ModelLayout, weights: Weights<'_>, buffers: &mut Buffers) {
        let (mut scores, mut head) = (std::mem::take(&mut self.scores), [0.0; 2]);
        let vectors = buffers.towers.vectors(self);
        let users = &mut buffers.user_gradient[..vectors.0.len()];
        let items = &mut buffers.item_gradient[..vectors.1.len()];
        let pairs = self.pairs(vectors, layout);
        let gradients = Gradients { users: &mut *users, items: &mut *items, head: &mut head };
        self.sum = bce::backward(&pairs, &weights.dense[layout.head..], &mut scores, gradients);
        self.scores = scores;
        add_to(&mut weights.gradient[layout.head..], &head);
        self.towers_backward(layout, weights, &mut buffers.towers, (users, items));
    }

    /// All gradients from those of the vectors of users and items, `[rows, dimension]` each; those of dense parameters
    /// are added to `gradient`.
    pub(super) fn vectors_backward(
        &mut self,
        layout: &ModelLayout,
        weights: Weights<'_>,
        buffers: &mut Buffers,
        (users, items): (&[f32], &[f32]),
    ) {
        let count = layout.user.interests();
        if count == 1 {
            return self.towers_backward(layout, weights, &mut buffers.towers, (users, items));
        }
        let slopes = &mut buffers.user_gradient[..count * users.len()];
        spread(&self.chosen, users, (count, layout.dimension()), slopes);
        self.towers_backward(layout, weights, &mut buffers.towers, (slopes, items));
    }

    fn towers_backward(
        &mut self,
        layout: &ModelLayout,
        Weights { dense, transposed, gradient }: Weights<'_>,
        towers: &mut Towers,
        (users, items): (&[f32], &[f32]),
    ) {
        let weights = Weights { dense, transposed, gradient: &mut *gradient };
        layout.user_tower.backward(weights, &mut self.user, users, &mut towers.user);
        let weights = Weights { dense, transposed, gradient };
        layout.item_tower.backward(weights, &mut self.item, items, &mut towers.item);
    }

    /// Sums over the pairs.
    pub(super) fn sum(&self) -> LossSum {
        self.sum
    }

    /// Scores, labels and weights of the pairs.
    pub(super) fn judged(&self) -> (&[f32], &[f32], &[f32]) {
        (&self.scores, &self.labels, &self.weights)
    }

    /// Weights of the rows, each of which has `group` items, and shifts of their items.
    pub(super) fn row_weights(&self, group: usize) -> (impl Iterator<Item = f32>, &[f32]) {
        (self.weights.iter().step_by(group).copied(), &self.shifts)
    }

    /// Adds the gradients of a table to a shard: users first, then items.
    pub(super) fn collect(&self, layout: &ModelLayout, table: usize, shard: &mut Shard) {
        self.user.collect(&layout.user, table, shard);
        self.item.collect(&layout.item, table, shard);
    }
}
