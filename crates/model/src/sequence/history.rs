//! The histories of a batch through their encoder, before the chunks of the batch and after them.
//!
//! In: rows with their histories; later the gradients of the vectors that the rows got. Out: one vector a row; gradients
//! of the encoder's parameters and of the embeddings that tokens read. Sequences are taken in pieces that stay in the L2
//! cache. What a pass over a piece remembers is kept for its backward pass as long as a batch remembers no more than
//! [`KEPT_BYTES`]; else the backward pass runs the forward pass again, a third more products.

use super::token_ids::TokenIds;
use super::{Memory, Spare, Tokens, gaps};
use crate::input::{ChunkInput, RowSource};
use crate::kernel::{Buffer, add_to};
use crate::layer::dropout::Dropout;
use crate::layer::embedding::Columns;
use crate::layout::HistoryLayout;
use crate::model::Parameters;
use crate::optimizer::Shard;
use crate::shared::Shared;
use crate::team::Team;
use std::ops::Range;
use twinspire_core::encode::EncodedView;
use twinspire_core::rng::Rng;

/// Tokens of a piece at least, but for the last one.
const PIECE_TOKENS: usize = 256;

/// Most groups of pieces, and so most threads that encode one batch; each has a gradient of the parameters.
const MAX_GROUPS: usize = 8;

/// Most bytes that the passes over a batch may leave behind.
const KEPT_BYTES: usize = 256 << 20;

/// Numbers that a block of an encoder remembers for each number of a token, roughly.
const NUMBERS_OF_BLOCK: usize = 12;

/// How a batch is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    /// Rows of one user that follow each other are read from one history.
    pub(crate) joined: bool,
    /// Seed and number of the step, from which follows what is dropped and drawn; nothing where a model is used as it is.
    pub(crate) training: Option<(u64, u64)>,
}

/// The histories of a batch, of one feature.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    input: Input,
    /// Sequences of each piece.
    pieces: Vec<Range<usize>>,
    /// Does each piece have a memory of its own until its backward pass?
    kept: bool,
    /// Vectors of the rows `[rows, interests, width]`, and their gradients.
    values: Buffer,
    slopes: Buffer,
    /// Gradients of the tokens `[tokens, width]`.
    gradients: Buffer,
    /// Gradients of the profile.
    profile_slopes: Buffer,
    groups: Vec<Group>,
}

/// What the pieces of a batch read.
#[derive(Debug, Clone, Default)]
struct Input {
    tokens: Tokens,
    /// Buckets of the gaps after the tokens, where the encoder reads them.
    gaps: Vec<u32>,
    /// One for each field of a token.
    fields: Vec<TokenIds>,
    /// The other features of the rows, where the encoder reads them: `[rows, profile]`.
    profile: ChunkInput,
    dropout: Dropout,
    /// What negatives of the encoder's own loss are drawn with; nothing where there is no such loss.
    draws: Option<u64>,
}

/// Pieces that follow each other on one thread.
#[derive(Debug, Clone, Default)]
struct Group {
    /// One for each piece where they are kept, else one for all.
    memories: Vec<Memory>,
    spare: Spare,
    /// Gradient of the encoder's parameters.
    gradient: Buffer,
    /// Sum of the encoder's own losses.
    loss: f64,
}

impl History {
    /// Reads the histories of rows; `items` are the features of the corpus. More than one group means that threads share
    /// the work.
    pub(crate) fn read(
        &mut self,
        layout: &HistoryLayout,
        items: &EncodedView<'_>,
        source: (&impl RowSource, usize),
        pass: Pass,
    ) {
        self.input.tokens.read(source, layout.max_length, pass.joined);
        self.input.fields.resize_with(layout.fields.len(), TokenIds::default);
        for (field, ids) in layout.fields.iter().zip(&mut self.input.fields) {
            ids.read(field, self.input.tokens.items(), items);
        }
        if layout.encoder.reads_gaps() {
            gaps::read(&self.input.tokens, source.0, &mut self.input.gaps);
        }
        if let Some(profile) = &layout.profile {
            self.input.profile.read(profile, items, source);
        }
        self.pieces.clear();
        let (mut start, sequences) = (0, self.input.tokens.sequences());
        for end in 1..=sequences {
            if end == sequences || self.input.tokens.range(&(start..end)).len() >= PIECE_TOKENS {
                self.pieces.push(start..end);
                start = end;
            }
        }
        let remembered = NUMBERS_OF_BLOCK * self.input.tokens.items().len() * layout.width * size_of::<f32>();
        let blocks = layout.encoder.blocks().filter(|blocks| blocks * remembered <= KEPT_BYTES);
        self.kept = pass.training.is_some() && blocks.is_some();
        self.input.dropout = pass.training.map_or_else(Dropout::default, |(seed, step)| {
            Dropout::new(layout.encoder.dropout(), Rng::stream(seed, "dropout", step).next_u64() as u32)
        });
        let draws = pass.training.filter(|_| layout.encoder.auxiliary() > 0.0);
        self.input.draws = draws.map(|(seed, step)| Rng::stream(seed, "next_item", step).next_u64());
        self.values.resize(source.1 * layout.row_cells());
    }

    /// Encodes all sequences; a team, if there is one, shares the work.
    pub(crate) fn forward(&mut self, layout: &HistoryLayout, parameters: &Parameters, team: Option<&Team>) {
        let Self { input, pieces, kept, values, groups, .. } = self;
        if let Some(layout) = &layout.profile {
            input.profile.look_up(layout, &parameters.tables, (&Shared::default(), 0));
        }
        let (width, cells) = (layout.width, layout.row_cells());
        let size = team.map_or(pieces.len(), |_| pieces.len().div_ceil(MAX_GROUPS)).max(1);
        groups.resize_with(groups.len().max(pieces.len().div_ceil(size)), Group::default);
        let (read, tokens) = (Read { layout, parameters, input }, &input.tokens);
        let jobs = jobs(pieces, size, (groups, values), |piece| tokens.rows(piece).len() * cells);
        let encode = |(number, (group, pieces, values)): (usize, Job<'_>)| {
            let first = tokens.rows(&pieces[0]).start * layout.encoder.interests();
            group.loss = 0.0;
            group.memories.resize_with(group.memories.len().max(if *kept { pieces.len() } else { 1 }), Memory::default);
            for (at, piece) in pieces.iter().enumerate() {
                let memory = &mut group.memories[if *kept { at } else { 0 }];
                memory.swap(&mut group.spare);
                read.forward(piece, number * size + at, memory);
                memory.swap(&mut group.spare);
                group.loss += memory.dien.next_item.loss;
                let states = layout.encoder.states(memory);
                read.for_each_vector(piece, |number, seen| {
                    layout.reading.take(states, seen, &mut values[(number - first) * width..][..width]);
                });
            }
        };
        let jobs = jobs.into_iter().enumerate();
        match team {
            Some(team) => team.each(jobs, |_, job| encode(job)),
            None => jobs.for_each(encode),
        }
    }

    /// Copies vectors into the history's columns of `values`, rows of the tower from `start` on.
    pub(crate) fn copy(&self, layout: &HistoryLayout, start: usize, values: &mut [f32], columns: Columns) {
        for (row, number) in values.chunks_exact_mut(columns.stride).zip(start..) {
            let vector = &self.values[number / layout.repeats * columns.width..][..columns.width];
            row[columns.first..columns.first + columns.width].copy_from_slice(vector);
        }
    }

    /// Takes the gradients of the vectors from the inputs of the tower; where several of its rows took one, their sum.
    /// Makes room for the other gradients.
    fn read_slopes<'i>(
        &mut self,
        (layout, columns): (&HistoryLayout, Columns),
        inputs: impl Iterator<Item = &'i ChunkInput>,
    ) {
        let width = layout.width;
        self.slopes.resize(self.values.len());
        self.gradients.resize(self.input.tokens.items().len() * width);
        self.profile_slopes.resize(self.input.profile.values().len());
        let rows = inputs.flat_map(|input| input.values().chunks_exact(columns.stride).take(input.rows()));
        for (number, row) in rows.enumerate() {
            let slope = &mut self.slopes[number / layout.repeats * width..][..width];
            let own = &row[columns.first..columns.first + width];
            if number.is_multiple_of(layout.repeats) { slope.copy_from_slice(own) } else { add_to(slope, own) }
        }
    }

    /// Computes all gradients; `inputs` are the chunks of the batch, whose columns hold those of the vectors, `weight` the sum
    /// of the weights of its rows.
    pub(crate) fn backward<'i>(
        &mut self,
        (layout, columns): (&HistoryLayout, Columns),
        parameters: &Parameters,
        (inputs, weight): (impl Iterator<Item = &'i ChunkInput>, f64),
        team: &Team,
    ) {
        let scale = self.auxiliary_factor(layout) * weight;
        self.read_slopes((layout, columns), inputs);
        let Self { input, pieces, kept, slopes, gradients, groups, profile_slopes, .. } = self;
        let (width, size) = (layout.width, pieces.len().div_ceil(MAX_GROUPS).max(1));
        let profile_width = layout.profile.as_ref().map_or(0, |profile| profile.width);
        let (read, tokens) = (Read { layout, parameters, input }, &input.tokens);
        let jobs = jobs(pieces, size, (groups, gradients), |piece| tokens.range(piece).len() * width);
        let profiles = parts(pieces, size, profile_slopes, |piece| tokens.rows(piece).len() * profile_width);
        let jobs = jobs.into_iter().zip(profiles).enumerate();
        team.each(jobs, |_, (number, ((group, pieces, gradients), mut profiles))| {
            group.gradient.resize(0);
            group.gradient.resize(layout.encoder.len());
            let first = tokens.range(&pieces[0]).start;
            let Group { memories, spare, gradient, .. } = group;
            for (at, piece) in pieces.iter().enumerate() {
                let (memory, place) = (&mut memories[if *kept { at } else { 0 }], number * size + at);
                memory.swap(spare);
                memory.dien.next_item.scale = scale as f32;
                if !*kept {
                    read.forward(piece, place, memory);
                }
                read.backward((piece, place), slopes, (memory, gradient));
                let range = tokens.range(piece);
                let target = &mut gradients[(range.start - first) * width..(range.end - first) * width];
                target.copy_from_slice(&memory.gradient[..range.len() * width]);
                let target = profiles.split_off_mut(..tokens.rows(piece).len() * profile_width).unwrap_or_default();
                target.copy_from_slice(&memory.rows.profile[..target.len()]);
                memory.swap(spare);
            }
        });
        input.profile.set_gradient(profile_slopes);
    }

    /// The encoder's own loss, times its weight: the mean over the steps of all histories.
    pub(crate) fn auxiliary_loss(&self, layout: &HistoryLayout) -> f64 {
        let sum: f64 = self.groups[..self.group_count()].iter().map(|group| group.loss).sum();
        self.auxiliary_factor(layout) * sum
    }

    /// What a step's loss is multiplied by.
    fn auxiliary_factor(&self, layout: &HistoryLayout) -> f64 {
        let steps = self.input.tokens.steps();
        if steps > 0 { layout.encoder.auxiliary() / steps as f64 } else { 0.0 }
    }

    fn group_count(&self) -> usize {
        self.pieces.len().div_ceil(self.pieces.len().div_ceil(MAX_GROUPS).max(1))
    }

    /// Adds the gradient of the encoder's parameters to their places among those of all dense parameters.
    pub(crate) fn parameter_gradient(&self, layout: &HistoryLayout, gradient: &mut [f32]) {
        for group in &self.groups[..self.group_count()] {
            add_to(&mut gradient[layout.offset..layout.offset + layout.encoder.len()], &group.gradient);
        }
    }

    /// Adds the gradients of table `table` to a shard: fields in order, tokens in order.
    pub(crate) fn collect(&self, layout: &HistoryLayout, table: usize, shard: &mut Shard) {
        for (field, ids) in layout.fields.iter().zip(&self.input.fields).filter(|(field, _)| field.table == table) {
            let columns = field.columns(layout.width);
            ids.collect(field.of, (&self.gradients, columns), shard);
        }
        if let Some(profile) = &layout.profile {
            self.input.profile.collect(profile, table, shard);
        }
    }
}

/// What every piece reads.
#[derive(Clone, Copy)]
struct Read<'a> {
    layout: &'a HistoryLayout,
    parameters: &'a Parameters,
    input: &'a Input,
}

impl Read<'_> {
    fn dense(&self) -> &[f32] {
        &self.parameters.dense[self.layout.offset..self.layout.offset + self.layout.encoder.len()]
    }

    fn profile_of(&self, piece: &Range<usize>) -> &[f32] {
        let (width, rows) =
            (self.layout.profile.as_ref().map_or(0, |profile| profile.width), self.input.tokens.rows(piece));
        &self.input.profile.values()[rows.start * width..rows.end * width]
    }

    /// Calls `visit` for each vector of the rows of a piece with its states: those of the tokens that the row sees, or one
    /// of the vector's own.
    fn for_each_vector(&self, piece: &Range<usize>, mut visit: impl FnMut(usize, Range<usize>)) {
        let (encoder, start) = (&self.layout.encoder, self.input.tokens.range(piece).start);
        let first = self.input.tokens.rows(piece).start * encoder.interests();
        self.input.tokens.for_each_row(piece, |row, seen| {
            if !encoder.attends() {
                return visit(row, seen.start - start..seen.end - start);
            }
            let own = row * encoder.interests()..(row + 1) * encoder.interests();
            own.for_each(|number| visit(number, number - first..number - first + 1));
        });
    }

    /// Look-up and encoder of piece `place`.
    fn forward(&self, piece: &Range<usize>, place: usize, memory: &mut Memory) {
        let (layout, ends, range) = (self.layout, self.input.tokens.ends(piece), self.input.tokens.range(piece));
        if layout.encoder.attends() {
            let shape = (layout.encoder.interests(), layout.width);
            memory.rows.read(&self.input.tokens, piece, shape, self.profile_of(piece));
        }
        memory.reserve(layout, ends);
        let target = &mut memory.tokens[..range.len() * layout.width];
        for (field, ids) in layout.fields.iter().zip(&self.input.fields) {
            let (table, columns) = (&self.parameters.tables[field.table], field.columns(layout.width));
            ids.look_up(field.of, table, range.clone(), (target, columns));
        }
        if layout.encoder.reads_gaps() {
            memory.gaps.clear();
            memory.gaps.extend_from_slice(&self.input.gaps[range.clone()]);
        }
        memory.dien.next_item.rng = self.input.draws.map(|seed| Rng::stream(seed, "next_item", place as u64));
        layout.encoder.forward(self.dense(), (ends, self.input.dropout.at(place)), memory);
    }

    /// The pass after [`Read::forward`]; the gradients of the piece's tokens stay in the memory.
    fn backward(
        &self,
        (piece, place): (&Range<usize>, usize),
        slopes: &[f32],
        (memory, gradient): (&mut Memory, &mut Buffer),
    ) {
        let (layout, ends, width) = (self.layout, self.input.tokens.ends(piece), self.layout.width);
        let target = layout.encoder.state_slopes(memory);
        target.fill(0.0);
        self.for_each_vector(piece, |number, seen| {
            layout.reading.spread(&slopes[number * width..][..width], seen, target);
        });
        let parameters = (self.dense(), &mut gradient[..]);
        layout.encoder.backward(parameters, (ends, self.input.dropout.at(place)), memory);
    }
}

/// A group, its pieces, and the part of a matrix that belongs to them.
type Job<'a> = (&'a mut Group, &'a [Range<usize>], &'a mut [f32]);

/// Shares pieces out, `size` to a group; `count` numbers of `cells` belong to the sequences of a piece.
fn jobs<'a>(
    pieces: &'a [Range<usize>],
    size: usize,
    (groups, cells): (&'a mut [Group], &'a mut [f32]),
    count: impl Fn(&Range<usize>) -> usize,
) -> Vec<Job<'a>> {
    let parts = parts(pieces, size, cells, count);
    groups.iter_mut().zip(pieces.chunks(size)).zip(parts).map(|((group, pieces), own)| (group, pieces, own)).collect()
}

/// The part of `cells` of each group.
fn parts<'a>(
    pieces: &[Range<usize>],
    size: usize,
    cells: &'a mut [f32],
    count: impl Fn(&Range<usize>) -> usize,
) -> Vec<&'a mut [f32]> {
    let mut rest = cells;
    let part = |pieces: &[Range<usize>]| {
        let (own, others) = std::mem::take(&mut rest).split_at_mut(pieces.iter().map(&count).sum());
        rest = others;
        own
    };
    pieces.chunks(size).map(part).collect()
}
