//! The passes of all losses but that of labelled pairs. The loss of a row needs the vector of its own user, but those of all
//! items: these go through their tower first, and last on the way back. In between, each chunk of users goes all the way.

use super::chunk::{Chunk, Given};
use super::grid::Grid;
use super::temperature::{LearnedScale, by_scale};
use super::{Batch, Ending, Engine, Objective, Pairing, lock};
use crate::kernel::Buffer;
use crate::loss::{LossSum, softmax};
use crate::model::Parameters;
use crate::negative::{Draw, Met};
use crate::tower::TowerWorkspace;

/// Columns of a whole batch.
#[derive(Debug, Default)]
pub(super) struct BatchColumns {
    /// Vectors and gradients of the positives, each with negatives of its own `[rows · group, dimension]`.
    items: [Buffer; 2],
    /// Of what all rows meet: first the positives again where rows are negatives of each other, then drawn items, and then
    /// rows of earlier batches, which get no gradient.
    candidates: [Buffer; 2],
    /// How many of them are positives.
    repeated: usize,
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
    /// All items forward; then chunk by chunk users forward, their losses, and, if gradients are wanted, users backward while
    /// they are in the cache; then all items backward.
    pub(super) fn softmax_pass(&mut self, parameters: &Parameters, batch: &Batch<'_>, ending: Ending) -> LossSum {
        let (rows, items) = self.grid.most();
        self.reserve((rows, 0));
        let towers = self.item_towers.len().max(self.grid.chunks());
        self.item_towers.resize_with(towers, TowerWorkspace::default);
        for tower in self.item_towers.iter_mut().filter(|tower| tower.room() < items) {
            *tower = self.layout.item_tower.workspace(items, true);
        }
        self.forward_items(parameters, batch);
        let weight = self.columns.weights.iter().map(|&weight| f64::from(weight)).sum();
        let loss = self.pass_users(parameters, batch, (ending, weight));
        if let Some(temperature) = &mut self.temperature {
            temperature.take(self.chunks[..self.grid.chunks()].iter().map(|chunk| chunk.by_scale));
        }
        if ending == Ending::Gradients {
            self.backward_items(parameters, batch);
        }
        LossSum { loss, weight }
    }

    fn forward_items(&mut self, parameters: &Parameters, batch: &Batch<'_>) {
        let (grid, dimension) = (&self.grid, self.layout.dimension());
        let repeated = batch.repeated(&self.objective);
        let (earlier, earlier_vectors) = self.earlier.met(self.steps, batch.rows.len());
        self.columns.resize(dimension, batch.rows.len() * grid.group, (repeated + grid.drawn, earlier.len()));
        self.columns.candidates[0][(repeated + grid.drawn) * dimension..].copy_from_slice(earlier_vectors);
        let given =
            Given::new(self.layout, (parameters, batch.samples.corpus()), (&self.transposed, &self.shared, grid, 0.0));
        let items = grid.cut(&mut self.columns.items[0], grid.group * dimension);
        let work = self.chunks.iter_mut().zip(&mut self.item_towers).zip(items).enumerate();
        self.team.each(work, |_, (number, ((chunk, tower), items))| {
            chunk.forward_items(given, number, tower);
            items.copy_from_slice(&chunk.item_vectors(tower)[..items.len()]);
        });
        self.columns.read(&self.chunks[..grid.chunks()], &self.item_towers, (dimension, grid.group), repeated);
        let met = Met { rows: &self.items, earlier };
        self.columns.read_shifts(&self.objective, batch.pairing, (met, &self.drawn), repeated);
    }

    /// Returns the loss; the gradients of the items stay in the columns.
    fn pass_users(&mut self, parameters: &Parameters, batch: &Batch<'_>, (ending, weight): (Ending, f64)) -> f64 {
        let (columns, objective, grid) = (&mut self.columns, &self.objective, &self.grid);
        let Some(criterion) = objective.criterion() else { return 0.0 };
        let learned = self.temperature.as_ref().map(LearnedScale::temperature);
        let (layout, dimension) = (self.layout, self.layout.dimension());
        let ([items, item_gradients], [candidates, candidate_gradients]) =
            (&mut columns.items, &mut columns.candidates);
        let by_item = &columns.by_item;
        let met = softmax::Batch {
            items,
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
        self.team.each(work, |thread, (group, (((chunks, slopes), own), (gradient, left)))| {
            let mut buffers = lock(&buffers[thread]);
            gradient.fill(0.0);
            buffers.begin(given, (grid.chunks_of(group), ending), left);
            for (number, (chunk, item_gradients)) in grid.chunks_of(group).zip(chunks.iter_mut().zip(slopes)) {
                chunk.forward_users(given, number, (&mut buffers, left));
                let first = grid.rows(number).start;
                let items = &met.items[first * grid.group * dimension..];
                chunk.by_scale =
                    chunk.compare_users(layout, (items, grid.group), &mut buffers, |users, user_gradients| {
                        own.pass(prepared, softmax::Rows { first, users, user_gradients, item_gradients });
                        learned.map_or(0.0, |_| by_scale(users, user_gradients, dimension))
                    });
                if ending == Ending::Gradients {
                    chunk.backward_users(given, number, gradient, (&mut buffers, left));
                }
            }
            own.end(prepared);
            if ending == Ending::Gradients {
                buffers.end(given, gradient, left);
            }
        });
        let loss = columns.workspace.finish(candidate_gradients, dimension, &self.team);
        let rows = candidate_gradients.chunks_exact_mut(dimension);
        rows.zip(&columns.pushes).for_each(|(row, push)| row.iter_mut().for_each(|value| *value *= push));
        loss
    }

    fn backward_items(&mut self, parameters: &Parameters, batch: &Batch<'_>) {
        let (grid, columns, dimension) = (&self.grid, &self.columns, self.layout.dimension());
        let given =
            Given::new(self.layout, (parameters, batch.samples.corpus()), (&self.transposed, &self.shared, grid, 0.0));
        let groups = grid.by_group(&mut self.chunks).into_iter().zip(grid.by_group(&mut self.item_towers));
        self.team.each(groups.zip(&mut self.gradients).enumerate(), |_, (group, ((chunks, towers), gradient))| {
            for (number, (chunk, tower)) in grid.chunks_of(group).zip(chunks.iter_mut().zip(towers)) {
                let slopes = columns.gradient(grid, number, dimension);
                chunk.backward_items(given, (&slopes, &mut *gradient), tower);
            }
        });
    }
}

impl BatchColumns {
    /// `moving` candidates get gradients, `still` ones do not.
    fn resize(&mut self, dimension: usize, items: usize, (moving, still): (usize, usize)) {
        self.items.iter_mut().for_each(|column| column.resize(items * dimension));
        let [candidates, gradients] = &mut self.candidates;
        candidates.resize((moving + still) * dimension);
        gradients.resize(moving * dimension);
    }

    /// Vectors of the positives, each of `dimension` numbers.
    pub(super) fn positives(&self, dimension: usize, group: usize) -> impl DoubleEndedIterator<Item = &[f32]> {
        self.items[0].chunks_exact(dimension * group).map(move |items| &items[..dimension])
    }

    /// Takes the weights, and the vectors of the candidates, from the chunks.
    fn read(
        &mut self,
        chunks: &[Chunk],
        towers: &[TowerWorkspace],
        (dimension, group): (usize, usize),
        repeated: usize,
    ) {
        let (repeats, drawn) = self.candidates[0].split_at_mut(repeated * dimension);
        let positives = self.items[0].chunks_exact(dimension * group);
        repeats
            .chunks_exact_mut(dimension)
            .zip(positives)
            .for_each(|(to, from)| to.copy_from_slice(&from[..dimension]));
        self.repeated = repeated;
        self.weights.clear();
        self.item_shifts.clear();
        let mut start = 0;
        for (chunk, tower) in chunks.iter().zip(towers) {
            let (weights, shifts) = chunk.row_weights(group);
            self.weights.extend(weights);
            self.item_shifts.extend(shifts);
            let extra = &chunk.item_vectors(tower)[shifts.len() * dimension..];
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
    fn gradient(&self, grid: &Grid, number: usize, dimension: usize) -> Vec<f32> {
        let (group, rows, extra) = (grid.group, grid.rows(number), grid.extra(number));
        let mut gradient = self.items[1][rows.start * group * dimension..rows.end * group * dimension].to_vec();
        if self.repeated > 0 {
            let repeats = self.candidates[1][rows.start * dimension..].chunks_exact(dimension);
            for (target, more) in gradient.chunks_exact_mut(group * dimension).zip(repeats) {
                crate::kernel::add_to(&mut target[..dimension], more);
            }
        }
        let cells = (self.repeated + extra.start) * dimension..(self.repeated + extra.end) * dimension;
        gradient.extend(&self.candidates[1][cells]);
        gradient
    }
}
