//! The passes of all losses but that of labelled pairs: forward of all chunks, the loss over the whole batch, backward of all chunks.

use super::chunk::{Buffers, Chunk};
use super::temperature::LearnedScale;
use super::{Batch, Engine, Objective, Pairing, lock};
use crate::kernel::Buffer;
use crate::loss::{LossSum, softmax};
use crate::model::Parameters;
use crate::negative::{Draw, Met};
use crate::tower::Weights;

/// Columns of a whole batch.
#[derive(Debug, Default)]
pub(super) struct BatchColumns {
    /// Vectors and gradients of users `[rows, dimension]`.
    users: [Buffer; 2],
    /// Of the positives, each with negatives of its own `[rows · group, dimension]`.
    items: [Buffer; 2],
    /// Of what all rows meet: first the positives again where rows are negatives of each other, then drawn items, and then
    /// rows of earlier batches, which get no gradient.
    candidates: [Buffer; 2],
    weights: Vec<f32>,
    item_shifts: Vec<f32>,
    candidate_shifts: Vec<f32>,
    /// Multiplies the gradient of each candidate that has one; none where all candidates have one.
    pushes: Vec<f32>,
    /// (item, candidate), ascending: candidates of one item are neighbours.
    by_item: Vec<(u32, u32)>,
    workspace: softmax::Workspace,
}

impl Engine<'_> {
    /// Forward passes and the loss; the gradients of the vectors stay in the columns.
    pub(super) fn softmax_loss(&mut self, parameters: &Parameters, batch: &Batch<'_>) -> LossSum {
        let chunks = batch.chunks();
        self.reserve(batch, chunks);
        self.read(parameters, batch);
        let (layout, buffers, shared, drawn) = (self.layout, &self.buffers, &self.shared, self.drawn.len());
        let (rows, dimension, group) = (batch.rows.len(), layout.dimension(), batch.pairing.group());
        let columns = &mut self.columns;
        let repeated = if self.objective.takes_rows(&batch.pairing) { rows } else { 0 };
        let (earlier, earlier_vectors) = self.earlier.met(self.steps, rows);
        columns.resize(dimension, (rows, group), (repeated + drawn, earlier.len()));
        columns.candidates[0][(repeated + drawn) * dimension..].copy_from_slice(earlier_vectors);
        let cells = batch.pairing.chunk_rows() * dimension;
        let vectors = columns.users[0].chunks_mut(cells).zip(columns.items[0].chunks_mut(cells * group));
        let work = self.chunks.iter_mut().zip(buffers).zip(vectors).enumerate();
        self.team.each(work, |_, (number, ((chunk, buffers), (users, items)))| {
            let mut buffers = lock(buffers);
            chunk.forward(layout, parameters, (shared, batch.starts(number, drawn)), &mut buffers);
            chunk.read_users(layout, (&buffers, group), users);
            items.copy_from_slice(&buffers.vectors(chunk).1[..items.len()]);
        });
        columns.read(batch, (&self.chunks[..chunks], buffers), dimension, repeated);
        let met = Met { rows: &self.items, earlier };
        columns.read_shifts(&self.objective, batch.pairing, (met, &self.drawn), repeated);
        self.pass(batch)
    }

    fn pass(&mut self, batch: &Batch<'_>) -> LossSum {
        let (columns, objective) = (&mut self.columns, &self.objective);
        let Some(criterion) = objective.criterion() else { return LossSum::default() };
        let learned = self.temperature.as_ref().map(LearnedScale::temperature);
        let criterion = learned.map_or(criterion, |temperature| criterion.at(temperature));
        let [users, user_gradients] = &mut columns.users;
        let [items, item_gradients] = &mut columns.items;
        let [candidates, candidate_gradients] = &mut columns.candidates;
        let by_item = &columns.by_item;
        let hidden = |row: usize, hidden: &mut Vec<u32>| objective.hide(batch, by_item, row, hidden);
        let loss = softmax::Batch {
            users,
            items,
            item_shifts: &columns.item_shifts,
            candidates,
            candidate_shifts: &columns.candidate_shifts,
            hidden: &hidden,
            dimension: self.layout.dimension(),
            score: self.layout.score(),
            weights: &columns.weights,
            criterion,
        };
        let gradients =
            softmax::Gradients { users: user_gradients, items: item_gradients, candidates: candidate_gradients };
        let sum = columns.workspace.pass(&loss, gradients, &self.team);
        if let Some(temperature) = &mut self.temperature {
            temperature.take(users, user_gradients, self.layout.dimension());
        }
        let rows = candidate_gradients.chunks_exact_mut(self.layout.dimension());
        rows.zip(&columns.pushes).for_each(|(row, push)| row.iter_mut().for_each(|value| *value *= push));
        sum
    }

    /// Backward passes of all chunks; `weight` is that of all rows.
    pub(super) fn softmax_backward(&mut self, parameters: &Parameters, batch: &Batch<'_>, weight: f64) {
        let (layout, columns, drawn) = (self.layout, &self.columns, self.drawn.len());
        let (dense, transposed) = (&parameters.dense[..], &self.transposed[..]);
        let repeated = if self.objective.takes_rows(&batch.pairing) { batch.rows.len() } else { 0 };
        let size = batch.group_chunks();
        let groups = self.chunks[..batch.chunks()].chunks_mut(size).zip(self.buffers.chunks(size));
        self.team.each(groups.zip(&mut self.gradients).enumerate(), |_, (group, ((chunks, buffers), gradient))| {
            gradient.fill(0.0);
            for (number, (chunk, buffers)) in (group * size..).zip(chunks.iter_mut().zip(buffers)) {
                let rows = batch.chunk(number);
                let users = &columns.users[1][rows.start * layout.dimension()..rows.end * layout.dimension()];
                let items = columns.gradient(batch, (number, drawn), layout.dimension(), repeated);
                let weights = Weights { dense, transposed, gradient: &mut *gradient };
                chunk.vectors_backward(layout, weights, &mut lock(buffers), (users, &items));
            }
        });
        self.shared_backward(parameters, batch, weight);
    }
}

impl BatchColumns {
    /// `moving` candidates get gradients, `still` ones do not.
    fn resize(&mut self, dimension: usize, (rows, group): (usize, usize), (moving, still): (usize, usize)) {
        let shapes = [[rows; 2], [rows * group; 2], [moving + still, moving]];
        for (columns, shape) in [&mut self.users, &mut self.items, &mut self.candidates].into_iter().zip(shapes) {
            columns.iter_mut().zip(shape).for_each(|(column, rows)| column.resize(rows * dimension));
        }
    }

    /// Vectors of the positives, each of `dimension` numbers.
    pub(super) fn positives(&self, dimension: usize, group: usize) -> impl DoubleEndedIterator<Item = &[f32]> {
        self.items[0].chunks_exact(dimension * group).map(move |items| &items[..dimension])
    }

    /// Takes the weights, and the vectors of the candidates, from the chunks.
    fn read(
        &mut self,
        batch: &Batch<'_>,
        (chunks, buffers): (&[Chunk], &[std::sync::Mutex<Buffers>]),
        dimension: usize,
        repeated: usize,
    ) {
        let group = batch.pairing.group();
        let (repeats, drawn) = self.candidates[0].split_at_mut(repeated * dimension);
        let positives = self.items[0].chunks_exact(dimension * group);
        repeats
            .chunks_exact_mut(dimension)
            .zip(positives)
            .for_each(|(to, from)| to.copy_from_slice(&from[..dimension]));
        self.weights.clear();
        self.item_shifts.clear();
        let mut start = 0;
        for (chunk, buffers) in chunks.iter().zip(buffers) {
            let (weights, shifts) = chunk.row_weights(group);
            self.weights.extend(weights);
            self.item_shifts.extend(shifts);
            let (buffers, own) = (lock(buffers), shifts.len() * dimension);
            let extra = &buffers.vectors(chunk).1[own..];
            drawn[start..start + extra.len()].copy_from_slice(extra);
            start += extra.len();
        }
    }

    /// Shifts and items of the candidates.
    fn read_shifts(
        &mut self,
        objective: &Objective,
        pairing: Pairing<'_>,
        (met, drawn): (Met<'_>, &[Draw]),
        repeated: usize,
    ) {
        self.pushes.clear();
        if !met.earlier.is_empty() {
            let moving = met.rows[..repeated].iter().copied().chain(drawn.iter().map(|draw| draw.item));
            self.pushes.extend(moving.map(|item| objective.push(&pairing, met, item)));
        }
        let rows = met.rows[..repeated].iter().map(|&item| (item, objective.row_shift(&pairing, met, item)));
        let drawn = drawn.iter().map(|draw| (draw.item, draw.shift));
        let earlier = met.earlier.iter().map(|&item| (item, objective.earlier_shift(&pairing, met, item)));
        self.by_item.clear();
        self.candidate_shifts.clear();
        for (candidate, (item, shift)) in rows.chain(drawn).chain(earlier).enumerate() {
            self.candidate_shifts.push(shift);
            self.by_item.push((item, candidate as u32));
        }
        self.by_item.sort_unstable();
        if let Objective::InBatch { log_probability, .. } = objective
            && !log_probability.is_empty()
        {
            let corrected = met.rows.iter().map(|&item| -log_probability[item as usize]);
            self.item_shifts.iter_mut().zip(corrected).for_each(|(shift, own)| *shift = own);
        }
    }

    /// Gradient of the item vectors of a chunk: positives with their own negatives, then the chunk's drawn items.
    fn gradient(
        &self,
        batch: &Batch<'_>,
        (number, drawn): (usize, usize),
        dimension: usize,
        repeated: usize,
    ) -> Vec<f32> {
        let (group, rows) = (batch.pairing.group(), batch.chunk(number));
        let extra = batch.extra(number, drawn);
        let mut gradient = self.items[1][rows.start * group * dimension..rows.end * group * dimension].to_vec();
        if repeated > 0 {
            let repeats = self.candidates[1][rows.start * dimension..].chunks_exact(dimension);
            for (target, more) in gradient.chunks_exact_mut(group * dimension).zip(repeats) {
                crate::kernel::add_to(&mut target[..dimension], more);
            }
        }
        let cells = (repeated + extra.start) * dimension..(repeated + extra.end) * dimension;
        gradient.extend(&self.candidates[1][cells]);
        gradient
    }
}
