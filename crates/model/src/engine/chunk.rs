//! One chunk of a batch: what is kept until the optimizer has read it, and the passes over it.

use super::grid::Grid;
use super::interests::{read_out, spread};
use super::{Batch, Ending, Pairing};
use crate::batch::{CorpusItems, ItemsOf, UsersOf};
use crate::config::Score;
use crate::input::{ChunkInput, Repeated};
use crate::kernel::{Buffer, add_to};
use crate::layer::linear::Layers;
use crate::layout::{InputLayout, ModelLayout};
use crate::loss::LossSum;
use crate::loss::bce::{self, Gradients, Pairs};
use crate::model::Parameters;
use crate::negative::Positive;
use crate::optimizer::Shard;
use crate::sequence::{Encoded, TokenGradients};
use crate::shared::Shared;
use crate::tower::{TowerWorkspace, Weights};
use std::ops::Range;
use twinspire_core::encode::EncodedView;

/// What all chunks of a step read.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) layout: &'a ModelLayout,
    pub(super) parameters: &'a Parameters,
    /// Features of the corpus.
    corpus: &'a EncodedView<'a>,
    layers: Layers<'a>,
    pub(super) shared: &'a [Shared; 2],
    pub(super) grid: &'a Grid,
    /// Sum of the weights of the batch.
    pub(super) weight: f64,
}

impl<'a> Given<'a> {
    pub(super) fn new(
        layout: &'a ModelLayout,
        (parameters, corpus): (&'a Parameters, &'a EncodedView<'a>),
        (transposed, shared, grid, weight): (&'a [f32], &'a [Shared; 2], &'a Grid, f64),
    ) -> Self {
        let layers = Layers { dense: &parameters.dense, transposed };
        Self { layout, parameters, corpus, layers, shared, grid, weight }
    }
}

/// Inputs and outcomes of a chunk, and the gradients of its inputs.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    user: ChunkInput,
    item: ChunkInput,
    /// Where negatives are drawn, corpus row of each item: positives, each with negatives of its own.
    items: Vec<u32>,
    /// One an item, as the next three.
    labels: Vec<f32>,
    weights: Vec<f32>,
    /// Added to the score in a softmax.
    shifts: Vec<f32>,
    scores: Vec<f32>,
    /// Sum of the weights of its items, where rows are paired with them.
    pub(super) weight: f64,
    sum: LossSum,
    /// Gradient of a learned temperature.
    pub(super) by_scale: f64,
}

/// What a worker takes one chunk after another through: the user's side, and what it is compared with.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    rows: (usize, usize),
    /// One for each history of the user tower that has an encoder.
    encoded: Vec<Encoded>,
    /// Input of the user tower, where nothing of it is read after the chunk: memory of one chunk, which stays in the cache.
    passing: ChunkInput,
    user: TowerWorkspace,
    /// Of pairs; a softmax needs all items of a batch at once.
    item: TowerWorkspace,
    /// Of the interest of each row that meets its items, where users have several: its number, its vectors, and their
    /// gradients.
    chosen: (Vec<usize>, [Buffer; 2]),
    user_gradient: Buffer,
    item_gradient: Buffer,
}

/// What a group of chunks leaves: one for each history of the user tower that has an encoder.
pub(super) type Left = Vec<TokenGradients>;

impl Buffers {
    /// Grows to chunks of that many rows and items.
    pub(super) fn reserve(&mut self, layout: &ModelLayout, (users, items): (usize, usize)) {
        self.encoded.resize_with(layout.user.histories.len(), Encoded::default);
        let rows = (self.rows.0.max(users), self.rows.1.max(items));
        if rows == self.rows {
            return;
        }
        self.rows = rows;
        let interests = layout.user.interests();
        self.user = layout.user_tower.workspace(rows.0 * interests, true);
        self.item = layout.item_tower.workspace(rows.1, true);
        self.user_gradient.resize(rows.0 * interests * layout.dimension());
        self.item_gradient.resize(rows.1 * layout.dimension());
        let chosen = if interests > 1 { rows.0 * layout.dimension() } else { 0 };
        self.chosen.1.iter_mut().for_each(|buffer| buffer.resize(chosen));
    }

    /// Starts a group of these chunks.
    pub(super) fn begin(&mut self, given: Given<'_>, (chunks, ending): (Range<usize>, Ending), left: &mut Left) {
        let Given { layout, parameters, corpus, shared: [users, _], .. } = given;
        left.resize_with(layout.user.histories.len(), TokenGradients::default);
        let lefts = self.encoded.iter_mut().zip(left);
        for ((own, history), (encoded, left)) in layout.user.histories.iter().zip(users.histories()).zip(lefts) {
            history.begin(own, (parameters, corpus), chunks.clone(), (&mut *encoded, &mut *left));
            if ending == Ending::Gradients {
                history.start(own, (encoded, left));
            }
        }
    }

    /// Ends it after the backward passes of its chunks.
    pub(super) fn end(&self, given: Given<'_>, gradient: &mut [f32], left: &mut Left) {
        let Given { layout, layers, shared: [users, _], .. } = given;
        let lefts = self.encoded.iter().zip(left);
        for ((own, history), left) in layout.user.histories.iter().zip(users.histories()).zip(lefts) {
            history.end(own, (layers, &mut *gradient), left);
        }
    }
}

impl Chunk {
    /// Reads the samples of chunk `number` and draws negatives of their own; `items` are those of all rows of the batch. Its
    /// items are read where rows are `paired` with them alone.
    pub(super) fn read(
        &mut self,
        layout: &ModelLayout,
        (batch, grid): (&Batch<'_>, &Grid),
        number: usize,
        (items, paired): (&[u32], bool),
    ) {
        let (samples, rows) = (batch.samples, &batch.rows[grid.rows(number)]);
        // Where histories were read, all samples have been asked for.
        if layout.user.histories.is_empty() {
            samples.prefetch(rows, !matches!(batch.pairing, Pairing::Own));
        }
        self.read_outcomes(batch, (number, rows), items);
        let counted = if paired { &self.weights[..] } else { &[] };
        self.weight = counted.iter().map(|&weight| f64::from(weight)).sum();
        self.scores.resize(self.labels.len(), 0.0);
        let corpus = samples.corpus();
        let interests = layout.user.interests();
        let users = (&Repeated(&UsersOf(samples, rows), interests), rows.len() * interests);
        self.user.read(&layout.user, corpus, users);
        match batch.pairing {
            _ if !paired => self.item.read(&layout.item, corpus, (&ItemsOf(samples, &[]), 0)),
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
        let outcomes = rows.iter().map(|&row| batch.samples.outcome(row));
        match batch.pairing {
            Pairing::Drawn(drawn) if batch.pairing.group() > 1 => {
                let mut rng = drawn.stream(batch.number, number);
                for (&row, outcome) in rows.iter().zip(outcomes) {
                    self.push(outcome.item, (outcome.label, outcome.weight, 0.0));
                    let event = batch.samples.event(row);
                    let positive = Positive { item: outcome.item, user: event.user, time: event.time, batch: items };
                    drawn.mix.draw_own(&positive, drawn.mix.known(batch.samples, row), &mut rng, |draw| {
                        self.push(draw.item, (0.0, outcome.weight * draw.weight, draw.shift));
                    });
                }
            }
            Pairing::Drawn(_) | Pairing::Own => {
                // Column by column: what is known to be long enough is not asked at every row.
                self.labels.extend(outcomes.clone().map(|outcome| outcome.label));
                self.weights.extend(outcomes.clone().map(|outcome| outcome.weight));
                self.shifts.resize(rows.len(), 0.0);
                if matches!(batch.pairing, Pairing::Drawn(_)) {
                    self.items.extend(outcomes.map(|outcome| outcome.item));
                }
            }
        }
    }

    fn push(&mut self, item: u32, (label, weight, shift): (f32, f32, f32)) {
        self.items.push(item);
        self.labels.push(label);
        self.weights.push(weight);
        self.shifts.push(shift);
    }

    /// Looks up the users of chunk `number`, encodes their histories, and takes them through their tower.
    pub(super) fn forward_users(
        &mut self,
        given: Given<'_>,
        number: usize,
        (buffers, left): (&mut Buffers, &mut Left),
    ) {
        let Given { layout, parameters, shared: [users, _], grid, .. } = given;
        let start = grid.rows(number).start * layout.user.interests();
        let input = self.user_input(&layout.user, &mut buffers.passing);
        input.look_up(&layout.user, &parameters.tables, (users, start));
        let lefts = buffers.encoded.iter_mut().zip(left);
        for ((own, history), left) in layout.user.histories.iter().zip(users.histories()).zip(lefts) {
            let target = (input.values_mut(), own.columns(layout.user.width));
            history.forward((own, parameters), number..number + 1, left, target);
        }
        layout.user_tower.forward(&parameters.dense, (input, users), &mut buffers.user);
    }

    /// The input of the user tower, if need be in the memory that is `passing` from chunk to chunk.
    fn user_input<'a>(&'a mut self, layout: &InputLayout, passing: &'a mut ChunkInput) -> &'a mut ChunkInput {
        if layout.has_features() {
            return &mut self.user;
        }
        passing.count(self.user.rows());
        passing
    }

    /// Looks up the items of chunk `number`, and takes them through their tower.
    pub(super) fn forward_items(&mut self, given: Given<'_>, number: usize, buffers: &mut Buffers) {
        let Given { layout, parameters, shared: [_, items], grid, .. } = given;
        self.item.look_up(&layout.item, &parameters.tables, (items, grid.rows(number).start * grid.group));
        layout.item_tower.forward(&parameters.dense, (&self.item, items), &mut buffers.item);
    }

    /// Inputs of the user tower and of the item tower.
    pub(super) fn inputs(&self) -> [&ChunkInput; 2] {
        [&self.user, &self.item]
    }

    /// Corpus rows of its items, where negatives are drawn.
    pub(super) fn items(&self) -> &[u32] {
        &self.items
    }

    /// What `compare` gives for the vectors of the users, `[rows, dimension]`, and where their gradients are to be written; of
    /// several interests, those of the one that meets the row's items, of which the chunk has those of `places` `[rows, group]`.
    pub(super) fn compare_users<R>(
        &self,
        layout: &ModelLayout,
        (items, places, group): (&[f32], &[u32], usize),
        buffers: &mut Buffers,
        compare: impl FnOnce(&[f32], &mut [f32]) -> R,
    ) -> R {
        let (users, interests, dimension) =
            (buffers.user.vectors(self.user.rows()), layout.user.interests(), layout.dimension());
        if interests == 1 {
            return compare(users, &mut buffers.user_gradient[..users.len()]);
        }
        let cells = users.len() / interests;
        let (numbers, [vectors, slopes]) = &mut buffers.chosen;
        read_out((users, (items, places)), (interests, group, dimension), numbers, &mut vectors[..cells]);
        let compared = compare(&vectors[..cells], &mut slopes[..cells]);
        let target = &mut buffers.user_gradient[..users.len()];
        spread(numbers, &slopes[..cells], (interests, dimension), target);
        compared
    }

    fn pairs<'a>(&'a self, buffers: &'a Buffers, layout: &ModelLayout) -> Pairs<'a> {
        let (users, items) = (buffers.user.vectors(self.user.rows()), buffers.item.vectors(self.item.rows()));
        let (interests, dimension) = (layout.user.interests(), layout.dimension());
        let group = items.len() * interests / users.len();
        Pairs { users, items, interests, group, dimension, labels: &self.labels, weights: &self.weights }
    }

    /// Scores of the pairs, without a gradient: of cosines their logits, and the loss; of dot products they themselves, and no
    /// loss.
    pub(super) fn forward_pairs(&mut self, given: Given<'_>, buffers: &Buffers) {
        let mut scores = std::mem::take(&mut self.scores);
        let pairs = self.pairs(buffers, given.layout);
        self.sum = match given.layout.score() {
            Score::Cosine => bce::forward(&pairs, &given.parameters.dense[given.layout.head..], &mut scores),
            Score::Dot => {
                bce::products(pairs, &mut scores);
                LossSum::default()
            }
        };
        self.scores = scores;
    }

    /// Loss of the pairs and the gradients of their vectors; those of the sigmoid layer are added to `gradient`.
    pub(super) fn backward_pairs(&mut self, given: Given<'_>, gradient: &mut [f32], buffers: &mut Buffers) {
        let (mut scores, mut head) = (std::mem::take(&mut self.scores), [0.0; 2]);
        let (mut users, mut items) =
            (std::mem::take(&mut buffers.user_gradient), std::mem::take(&mut buffers.item_gradient));
        let pairs = self.pairs(buffers, given.layout);
        let gradients = Gradients {
            users: &mut users[..pairs.users.len()],
            items: &mut items[..pairs.items.len()],
            head: &mut head,
        };
        self.sum = bce::backward(&pairs, &given.parameters.dense[given.layout.head..], &mut scores, gradients);
        (self.scores, buffers.user_gradient, buffers.item_gradient) = (scores, users, items);
        add_to(&mut gradient[given.layout.head..], &head);
    }

    /// Takes the gradients of the vectors of chunk `number`, which the buffers hold, down through the user tower and the
    /// encoders; those of dense parameters are added to `gradient`.
    pub(super) fn backward_users(
        &mut self,
        given: Given<'_>,
        number: usize,
        gradient: &mut [f32],
        (buffers, left): (&mut Buffers, &mut Left),
    ) {
        let Given { layout, layers, shared: [users, _], weight, .. } = given;
        let slopes = &buffers.user_gradient[..self.user.rows() * layout.dimension()];
        let weights = Weights { layers, gradient: &mut *gradient };
        let input = self.user_input(&layout.user, &mut buffers.passing);
        layout.user_tower.backward(weights, input, slopes, &mut buffers.user);
        let lefts = buffers.encoded.iter_mut().zip(left);
        for ((own, history), left) in layout.user.histories.iter().zip(users.histories()).zip(lefts) {
            let place = (own, own.columns(layout.user.width));
            history.backward(place, (layers, &mut *gradient), (number, input, weight), left);
        }
    }

    /// Likewise of the item tower, from the gradients that [`Chunk::backward_pairs`] left.
    pub(super) fn backward_items(&mut self, given: Given<'_>, gradient: &mut [f32], buffers: &mut Buffers) {
        let Given { layout, layers, .. } = given;
        let slopes = &buffers.item_gradient[..self.item.rows() * layout.dimension()];
        layout.item_tower.backward(Weights { layers, gradient }, &mut self.item, slopes, &mut buffers.item);
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
