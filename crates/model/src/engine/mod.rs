//! One training step over the chunks of a batch.
//!
//! In: samples by number, parameters. Out: moved parameters and the loss. Fields with few distinct values are found and
//! multiplied once for the batch ([`read`]). Where rows meet items of others, all items go through their tower first
//! ([`items`], [`softmax`]), and what a row must not meet is found by item ([`by_item`]). A worker takes a chunk of rows through
//! look-up, encoders, forward, loss and backward while it stays in the L2 cache ([`chunk`]); the chunks of a group ([`grid`]),
//! one after another, share the items of their histories and add up one dense gradient. Then what the batch shares gets its
//! gradients, dense gradients are summed in the order of the groups, and embedding rows that were read are moved ([`update`]).
//! The grid of chunks depends on the batch and the settings only, so the bytes of a model do not depend on the number of
//! threads.

mod by_item;
mod chunk;
mod grid;
mod interests;
mod items;
mod look;
mod objective;
mod read;
mod softmax;
mod temperature;
mod update;

pub(crate) use look::Look;
pub(crate) use objective::{Objective, Pairing};

use crate::batch::Samples;
use crate::checkpoint::{Pieces, PiecesMut};
use crate::config::{ClipSection, OptimizerSection, TrainSection};
use crate::kernel::Buffer;
use crate::layer::linear::transpose;
use crate::layout::ModelLayout;
use crate::loss::LossSum;
use crate::model::Parameters;
use crate::negative::{Draw, Earlier};
use crate::optimizer::{Apart, Dense, Memory, Table};
use crate::sequence::Pass;
use crate::shared::Shared;
use crate::team::Team;
use chunk::{Buffers, Chunk, Given, Left};
use grid::Grid;
use items::Items;
use softmax::BatchColumns;
use std::sync::{Mutex, MutexGuard};
use temperature::LearnedScale;

/// Rows that a worker takes through the towers at once.
pub(crate) const CHUNK_ROWS: usize = 128;

/// Candidates beyond which a chunk has at least as many rows as a tile of the softmax: so many do not stay in the L2 cache,
/// and are read once a tile.
const CACHED_CANDIDATES: usize = 4096;

/// The rows of a batch, and what they are read from.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) samples: &'a Samples<'a>,
    /// Numbers of the samples.
    pub(crate) rows: &'a [u32],
    pub(crate) pairing: Pairing<'a>,
    /// Number of the batch: each has its own stream of drawn negatives.
    pub(crate) number: u64,
    /// How its histories are read.
    pub(crate) pass: Pass,
}

/// A step that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NotFinite {
    /// `loss` or `gradient`.
    pub(crate) what: &'static str,
    pub(crate) loss: f64,
}

/// Where a pass over a batch ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Loss,
    Gradients,
}

/// Everything a step needs beside samples and parameters; its memory is reused from step to step.
pub(crate) struct Engine<'a> {
    team: Team,
    layout: &'a ModelLayout,
    objective: Objective,
    optimizer: OptimizerSection,
    clip: ClipSection,
    grid: Grid,
    chunks: Vec<Chunk>,
    /// Weights of linear layers, transposed, each at its place among the dense parameters.
    transposed: Buffer,
    /// Gradient of all dense parameters, one a group of chunks.
    gradients: Vec<Buffer>,
    /// What the first of them alone has.
    apart: Apart,
    /// What the histories of each group leave.
    lefts: Vec<Left>,
    /// Fields of the user tower and of the item tower whose values a batch shares.
    shared: [Shared; 2],
    /// One for each thread.
    buffers: Vec<Mutex<Buffers>>,
    /// Where rows meet items of others.
    met_items: Items,
    columns: BatchColumns,
    /// Items of the rows of the batch.
    items: Vec<u32>,
    /// Negatives that the rows of the batch share.
    drawn: Vec<Draw>,
    /// Rows of earlier batches, which all rows meet.
    earlier: Earlier,
    dense: Dense,
    tables: Vec<Table>,
    /// The temperature, where training moves it.
    temperature: Option<LearnedScale>,
    steps: u64,
}

impl<'a> Engine<'a> {
    /// An engine that has done no step, on the calling thread.
    pub(crate) fn new(layout: &'a ModelLayout, objective: Objective, train: &TrainSection) -> Self {
        let memory = Memory::new(&train.optimizer);
        Self {
            team: Team::default(),
            layout,
            objective,
            optimizer: train.optimizer.clone(),
            clip: train.clip,
            grid: Grid::default(),
            chunks: Vec::new(),
            transposed: Buffer::zeros(layout.dense_len()),
            gradients: Vec::new(),
            apart: Apart::default(),
            lefts: Vec::new(),
            shared: Default::default(),
            buffers: Vec::new(),
            met_items: Items::default(),
            columns: BatchColumns::default(),
            items: Vec::new(),
            drawn: Vec::new(),
            earlier: Earlier::new(train, layout.dimension()),
            dense: Dense::new(layout.dense_len(), &memory),
            tables: layout.tables.iter().map(|table| Table::new(table, &memory)).collect(),
            temperature: LearnedScale::new(train, &memory),
            steps: 0,
        }
    }

    /// Shares its work among the threads of a team.
    pub(crate) fn with_team(self, team: Team) -> Self {
        Self { team, ..self }
    }

    /// What it trains.
    pub(crate) fn layout(&self) -> &'a ModelLayout {
        self.layout
    }

    /// Steps done so far.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Goes on after that many steps, whose memory was put into [`Engine::memory_mut`].
    pub(crate) fn resume(&mut self, steps: u64) {
        self.steps = steps;
    }

    /// What the optimizer remembers, rows of earlier batches, and a learned temperature, as a checkpoint holds it.
    pub(crate) fn memory(&self) -> Vec<Pieces<'_>> {
        let tables = self.layout.tables.iter().zip(&self.tables);
        let tables = tables.flat_map(|(spec, table)| table.memory(&spec.name));
        let temperature = self.temperature.iter().flat_map(LearnedScale::pieces);
        tables.chain(self.dense.memory()).chain(self.earlier.memory()).chain(temperature).collect()
    }

    /// As [`Engine::memory`], to be filled.
    pub(crate) fn memory_mut(&mut self) -> Vec<PiecesMut<'_>> {
        let Self { layout, tables, dense, earlier, temperature, .. } = self;
        let temperature = temperature.iter_mut().flat_map(LearnedScale::pieces_mut);
        optimizer_memory_mut(layout, tables, dense).chain(earlier.memory_mut()).chain(temperature).collect()
    }

    /// What the optimizer remembers alone, to be filled.
    pub(crate) fn optimizer_memory_mut(&mut self) -> Vec<PiecesMut<'_>> {
        optimizer_memory_mut(self.layout, &mut self.tables, &mut self.dense).collect()
    }

    /// Trains on a batch and returns its sums of losses and weights. Whoever looks at the gradients costs time, and changes
    /// nothing.
    ///
    /// # Errors
    /// When the loss or a gradient is not finite; the parameters are of no use then.
    pub(crate) fn step(
        &mut self,
        parameters: &mut Parameters,
        batch: &Batch<'_>,
        rate: f64,
        look: Option<&mut Look>,
    ) -> Result<LossSum, NotFinite> {
        let sum = self.gradients(parameters, batch);
        self.remember(batch);
        self.steps += 1;
        if !sum.loss.is_finite() {
            return Err(NotFinite { what: "loss", loss: sum.mean() });
        }
        if sum.weight > 0.0 && !self.apply(parameters, (rate, 1.0 / sum.weight), look) {
            return Err(NotFinite { what: "gradient", loss: sum.mean() });
        }
        Ok(sum)
    }

    /// Keeps the items of a batch that has its gradients for those that follow.
    pub(crate) fn remember(&mut self, batch: &Batch<'_>) {
        let (width, (vectors, places)) = (self.layout.dimension(), self.met_items.of_rows());
        let positives = places.iter().step_by(batch.pairing.group());
        self.earlier.push(&self.items, positives.map(|&place| &vectors[place as usize * width..][..width]));
    }

    /// Leaves the gradients of a batch in its groups and chunks, not yet divided by the sum of weights.
    pub(crate) fn gradients(&mut self, parameters: &Parameters, batch: &Batch<'_>) -> LossSum {
        transpose(&self.layout.linear(), &parameters.dense, &mut self.transposed, &self.team);
        self.pass(parameters, batch, Ending::Gradients)
    }

    /// Loss of a batch, without training.
    pub(crate) fn loss(&mut self, parameters: &Parameters, batch: &Batch<'_>) -> LossSum {
        self.pass(parameters, batch, Ending::Loss)
    }

    fn pass(&mut self, parameters: &Parameters, batch: &Batch<'_>, ending: Ending) -> LossSum {
        self.read(parameters, batch, matches!(self.objective, Objective::Bce));
        let sum = match self.objective {
            Objective::Bce => self.pairs_pass(parameters, batch, ending),
            Objective::InBatch { .. } | Objective::Drawn { .. } => self.softmax_pass(parameters, batch, ending),
        };
        if ending == Ending::Gradients {
            self.shared_backward(parameters);
        }
        // Losses of encoders count as much as all rows together.
        let lefts = &self.lefts[..self.grid.groups()];
        LossSum { loss: sum.loss + self.shared[0].auxiliary_loss(&self.layout.user, lefts) * sum.weight, ..sum }
    }

    /// Calls `take(scores, labels, weights)` for the pairs of a batch: dot products, or of cosines logits of the sigmoid layer,
    /// which rise with the cosine as long as its factor is above 0. Returns the loss of the pairs; of dot products none.
    pub(crate) fn scores(
        &mut self,
        parameters: &Parameters,
        batch: &Batch<'_>,
        mut take: impl FnMut(&[f32], &[f32], &[f32]),
    ) -> LossSum {
        self.read(parameters, batch, true);
        let sum = self.pairs_pass(parameters, batch, Ending::Loss);
        for chunk in &self.chunks[..self.grid.chunks()] {
            let (scores, labels, weights) = chunk.judged();
            take(scores, labels, weights);
        }
        sum
    }

    /// Forward pass, loss, and perhaps backward pass of every chunk, each group on one thread.
    fn pairs_pass(&mut self, parameters: &Parameters, batch: &Batch<'_>, ending: Ending) -> LossSum {
        self.reserve((self.grid.most(), self.grid.most() * self.grid.group));
        let weight = self.chunks[..self.grid.chunks()].iter().map(|chunk| chunk.weight).sum();
        let step = (&self.transposed[..], &self.shared, &self.grid, weight);
        let given = Given::new(self.layout, (parameters, batch.samples.corpus()), step);
        let buffers = &self.buffers;
        let (grid, apart) = (&self.grid, &self.apart);
        let groups = grid.by_group(&mut self.chunks).into_iter().zip(&mut self.gradients).zip(&mut self.lefts);
        self.team.each(groups.enumerate(), |thread, (group, ((chunks, gradient), left))| {
            let mut buffers = lock(&buffers[thread]);
            apart.clear(gradient);
            buffers.begin(given, (grid.chunks_of(group), ending), left);
            for (number, chunk) in grid.chunks_of(group).zip(chunks) {
                chunk.forward_users(given, number, (&mut buffers, left));
                chunk.forward_items(given, number, &mut buffers);
                if ending == Ending::Loss {
                    chunk.forward_pairs(given, &buffers);
                    continue;
                }
                chunk.backward_pairs(given, gradient, &mut buffers);
                chunk.backward_users(given, number, gradient, (&mut buffers, left));
                chunk.backward_items(given, gradient, &mut buffers);
            }
            if ending == Ending::Gradients {
                buffers.end(given, gradient, left);
            }
        });
        let mut sum = LossSum::default();
        self.chunks[..self.grid.chunks()].iter().for_each(|chunk| sum.add(chunk.sum()));
        sum
    }

    /// Makes room for the groups of a batch, and for what every thread needs for a chunk of so many rows and items.
    fn reserve(&mut self, most: (usize, usize)) {
        let layout = self.layout;
        let groups = self.gradients.len().max(self.grid.groups());
        self.gradients.resize_with(groups, || Buffer::zeros(layout.dense_len()));
        self.lefts.resize_with(groups, Left::default);
        self.buffers.resize_with(self.team.threads(), Mutex::default);
        for buffers in &mut self.buffers {
            buffers.get_mut().expect("no worker panicked").reserve(layout, most);
        }
    }
}

impl Batch<'_> {
    /// Rows whose items are negatives of the other rows: all or none.
    fn repeated(&self, objective: &Objective) -> usize {
        if objective.takes_rows(&self.pairing) { self.rows.len() } else { 0 }
    }
}

fn optimizer_memory_mut<'a>(
    layout: &'a ModelLayout,
    tables: &'a mut [Table],
    dense: &'a mut Dense,
) -> impl Iterator<Item = PiecesMut<'a>> {
    let tables = layout.tables.iter().zip(tables).flat_map(|(spec, table)| table.memory_mut(&spec.name));
    tables.chain(dense.memory_mut())
}

fn lock(buffers: &Mutex<Buffers>) -> MutexGuard<'_, Buffers> {
    buffers.lock().expect("no worker panicked")
}

#[cfg(test)]
impl Engine<'_> {
    /// Gradient of all dense parameters, after [`Engine::gradients`] of a batch of all groups.
    pub(crate) fn dense_gradient(&self) -> Vec<f64> {
        let mut gradients = self.gradients.clone();
        Dense::sum(&mut gradients, &self.apart, &self.team);
        gradients[0].iter().map(|&gradient| f64::from(gradient)).collect()
    }

    /// Gradients of the rows of a table that were read, likewise.
    pub(crate) fn table_gradients(&self, table: usize) -> std::collections::BTreeMap<u32, Vec<f32>> {
        self.tables[table].gradients(|shard| {
            update::collect(self.layout, table, (&self.shared, &self.lefts, &self.chunks, &self.met_items), shard)
        })
    }
}
