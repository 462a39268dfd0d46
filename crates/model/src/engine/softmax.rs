//! The passes of all losses but that of labelled pairs. The loss of a row needs the vector of its own user, but those of all
//! items: these go through their tower first, and last on the way back. In between, each chunk of users goes all the way.

use super::by_item::ByItem;
use super::chunk::{Chunk, Given};
use super::temperature::{LearnedScale, by_scale};
use super::{Batch, Ending, Engine, Objective, Pairing, lock};
use crate::kernel::Buffer;
use crate::layer::linear::Layers;
use crate::loss::{LossSum, softmax};
use crate::model::Parameters;
use crate::negative::{Draw, Met};

/// Columns of a whole batch.
#[derive(Debug, Default)]
pub(super) struct BatchColumns {
    /// Gradients of the positives, each with negatives of its own `[rows · group, dimension]`.
    item_gradients: Buffer,
    /// Vectors and gradients of what all rows meet: first the positives again where rows are negatives of each other, then
    /// drawn items, and then rows of earlier batches, which get no gradient.
    candidates: [Buffer; 2],
    weights: Vec<f32>,
    item_shifts: Vec<f32>,
    candidate_shifts: Vec<f32>,
    /// Multiplies the gradient of each candidate that has one; none where all candidates have one.
    pushes: Vec<f32>,
    by_item: ByItem,
    workspace: softmax::Workspace,
}

impl Engine<'_> {
    /// All items forward; then chunk by chunk users forward, their losses, and, if gradients are wanted, users backward while
    /// they are in the cache; then all items backward.
    pub(super) fn softmax_pass(&mut self, parameters: &Parameters, batch: &Batch<'_>, ending: Ending) -> LossSum {
        self.reserve((self.grid.most(), 0));
        self.forward_items(parameters, batch);
        let weight = self.columns.weights.iter().map(|&weight| f64::from(weight)).sum();
        let loss = self.pass_users(parameters, batch, (ending, weight));
        if let Some(temperature) = &mut self.temperature {
            temperature.take(self.chunks[..self.grid.chunks()].iter().map(|chunk| chunk.by_scale));
        }
        if ending == Ending::Gradients {
            self.backward_items(parameters);
        }
        LossSum { loss, weight }
    }

    fn forward_items(&mut self, parameters: &Parameters, batch: &Batch<'_>) {
        let (group, dimension) = (self.grid.group, self.layout.dimension());
        let repeated = batch.repeated(&self.objective);
        let moving = repeated + self.drawn.len();
        let (earlier, earlier_vectors) = self.earlier.met(self.steps, batch.rows.len());
        self.columns.resize(dimension, batch.rows.len() * group, (moving, earlier.len()));
        let [candidates, _] = &mut self.columns.candidates;
        let (candidates, still) = candidates.split_at_mut(moving * dimension);
        still.copy_from_slice(earlier_vectors);
        self.met_items.forward(self.layout, (parameters, &self.shared[1]), candidates, &self.team);
        self.columns.read(&self.chunks[..self.grid.chunks()], group);
        let met = Met { rows: &self.items, earlier };
        self.columns.read_shifts(&self.objective, batch.pairing, (met, &self.drawn), repeated);
    }

    /// Returns the loss; the gradients of the items stay in the columns.
    fn pass_users(&mut self, parameters: &Parameters, batch: &Batch<'_>, (ending, weight): (Ending, f64)) -> f64 {
        let (columns, objective, grid, apart) = (&mut self.columns, &self.objective, &self.grid, &self.apart);
        let Some(criterion) = objective.criterion() else { return 0.0 };
        let learned = self.temperature.as_ref().map(LearnedScale::temperature);
        let (layout, dimension) = (self.layout, self.layout.dimension());
        let (item_gradients, [candidates, candidate_gradients]) =
            (&mut columns.item_gradients, &mut columns.candidates);
        let (items, places) = self.met_items.of_rows();
        let by_item = &columns.by_item;
        let met = softmax::Batch {
            items,
            places,
            item_shifts: &columns.item_shifts,
            candidates,
            candidate_shifts: &columns.candidate_shifts,
            hidden: &|row, hidden| objective.hide(batch, by_item, row, hidden),
            dimension,
            score: layout.score(),
            weights: &columns.weights,
            criterion: learned.map_or(criterion, |temperature| criterion.at(temperature)),
        };
        let moving = candidate_gradients.len() / dimension;
        let (prepared, groups) = columns.workspace.prepare(&met, (grid.groups(), moving));
        let given =
            Given::new(layout, (parameters, batch.samples.corpus()), (&self.transposed, &self.shared, grid, weight));
        let buffers = &self.buffers;
        let mut slopes = grid.cut(item_gradients, grid.group * dimension);
        let chunks = grid.by_group(&mut self.chunks).into_iter().zip(grid.by_group(&mut slopes));
        let work = chunks.zip(groups).zip(self.gradients.iter_mut().zip(&mut self.lefts)).enumerate();
        self.team.each(work, |thread, (group, (((chunks, slopes), held), (gradient, left)))| {
            let mut buffers = lock(&buffers[thread]);
            apart.clear(gradient);
            buffers.begin(given, (grid.chunks_of(group), ending), left);
            for (number, (chunk, item_gradients)) in grid.chunks_of(group).zip(chunks.iter_mut().zip(slopes)) {
                chunk.forward_users(given, number, (&mut buffers, left));
                let first = grid.rows(number).start;
                let own = (items, &places[first * grid.group..], grid.group);
                chunk.by_scale = chunk.compare_users(layout, own, &mut buffers, |users, user_gradients| {
                    held.pass(prepared, softmax::Rows { first, users, user_gradients, item_gradients });
                    learned.map_or(0.0, |_| by_scale(users, user_gradients, dimension))
                });
                if ending == Ending::Gradients {
                    chunk.backward_users(given, number, gradient, (&mut buffers, left));
                }
            }
            held.end(prepared);
            if ending == Ending::Gradients {
                buffers.end(given, gradient, left);
            }
        });
        let loss = columns.workspace.finish(candidate_gradients, dimension, &self.team);
        let rows = candidate_gradients.chunks_exact_mut(dimension);
        rows.zip(&columns.pushes).for_each(|(row, push)| row.iter_mut().for_each(|value| *value *= push));
        loss
    }

    fn backward_items(&mut self, parameters: &Parameters) {
        let layers = Layers { dense: &parameters.dense, transposed: &self.transposed };
        let slopes = [&self.columns.item_gradients[..], &self.columns.candidates[1][..]];
        let gradients = &mut self.gradients[..self.grid.groups()];
        self.met_items.backward(self.layout, layers, slopes, (gradients, &self.team));
    }
}

impl BatchColumns {
    /// `moving` candidates get gradients, `still` ones do not.
    fn resize(&mut self, dimension: usize, items: usize, (moving, still): (usize, usize)) {
        self.item_gradients.resize(items * dimension);
        let [candidates, gradients] = &mut self.candidates;
        candidates.resize((moving + still) * dimension);
        gradients.resize(moving * dimension);
    }

    /// Takes weights and shifts of the rows' items from the chunks.
    fn read(&mut self, chunks: &[Chunk], group: usize) {
        self.weights.clear();
        self.item_shifts.clear();
        for chunk in chunks {
            let (weights, shifts) = chunk.row_weights(group);
            self.weights.extend(weights);
            self.item_shifts.extend(shifts);
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
        self.candidate_shifts.clear();
        self.by_item.read(rows.chain(drawn).chain(earlier).map(|(item, shift)| {
            self.candidate_shifts.push(shift);
            item
        }));
        if let Objective::InBatch { log_probability, .. } = objective
            && !log_probability.is_empty()
        {
            let corrected = met.rows.iter().map(|&item| -log_probability[item as usize]);
            self.item_shifts.iter_mut().zip(corrected).for_each(|(shift, own)| *shift = own);
        }
    }
}
