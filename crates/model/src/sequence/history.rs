//! The histories of a batch through their encoder, chunk by chunk.
//!
//! In: rows with their histories, which are read for the whole batch; later the gradients of the vectors that the rows got.
//! Out: one vector a row; gradients of the encoder's parameters and of the embeddings that tokens read. A chunk is cut
//! where its sequences have filled their part of the L2 cache, so that what its forward pass remembers is still there when
//! its backward pass comes. Chunks that follow each other on one thread are a group, which shares its distinct items.

use super::token_ids::TokenIds;
use super::{Memory, Parts, Tokens, gaps};
use crate::input::{ChunkInput, RowSource};
use crate::kernel::Buffer;
use crate::layer::dropout::Dropout;
use crate::layer::embedding::Columns;
use crate::layer::linear::Layers;
use crate::layout::HistoryLayout;
use crate::model::Parameters;
use crate::optimizer::Shard;
use crate::shared::Shared;
use std::ops::Range;
use twinspire_core::encode::EncodedView;
use twinspire_core::rng::Rng;

/// Tokens and rows that fill a chunk: each row goes through the tower and its loss as well.
const CHUNK_FILLING: usize = 96;

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
    tokens: Tokens,
    /// Buckets of the gaps after the tokens, where the encoder reads them.
    gaps: Vec<u32>,
    /// The other features of the rows, where the encoder reads them: `[rows, profile]`.
    profile: ChunkInput,
    dropout: Dropout,
    /// What negatives of the encoder's own loss are drawn with; nothing where there is no such loss.
    draws: Option<u64>,
    /// Sequences of each chunk.
    chunks: Vec<Range<usize>>,
}

/// What a worker encodes one chunk after another with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Encoded {
    parts: Parts,
    memory: Memory,
}

/// What a group of chunks leaves for the optimizer.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenGradients {
    /// Of its distinct items, one for each field.
    fields: Vec<TokenIds>,
    /// `[items, width]`.
    items: Buffer,
    /// Of the profiles of its rows.
    profile: Buffer,
    /// Sum of the encoder's own losses.
    loss: f64,
}

impl History {
    /// Takes the histories of rows, which were read in parts; `items` are the features of the corpus.
    pub(crate) fn take<'p>(
        &mut self,
        (layout, parameters): (&HistoryLayout, &Parameters),
        (items, source): (&EncodedView<'_>, (&impl RowSource, usize)),
        pass: Pass,
        parts: impl Iterator<Item = &'p Tokens>,
    ) {
        self.tokens.join(parts);
        if layout.encoder.reads_gaps() {
            gaps::read(&self.tokens, source.0, &mut self.gaps);
        }
        if let Some(profile) = &layout.profile {
            self.profile.read(profile, items, source);
            self.profile.look_up(profile, &parameters.tables, (&Shared::default(), 0));
        }
        self.dropout = pass.training.map_or_else(Dropout::default, |(seed, step)| {
            Dropout::new(layout.encoder.dropout(), Rng::stream(seed, "dropout", step).next_u64() as u32)
        });
        let draws = pass.training.filter(|_| layout.encoder.auxiliary() > 0.0);
        self.draws = draws.map(|(seed, step)| Rng::stream(seed, "next_item", step).next_u64());
    }

    /// Takes the chunks that start at these rows.
    fn take_chunks(&mut self, starts: &[usize]) {
        let sequence = |row: usize| self.tokens.starting_at(row).expect("a chunk starts where a sequence does");
        self.chunks.clear();
        self.chunks.extend(starts.windows(2).map(|ends| sequence(ends[0])..sequence(ends[1])));
    }

    /// Number of chunks.
    pub(crate) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    /// Starts a group of chunks that follow each other: looks up its items, which are features of the corpus, and multiplies
    /// what the encoder's first layer would multiply for each token.
    pub(crate) fn begin(
        &self,
        layout: &HistoryLayout,
        (parameters, items): (&Parameters, &EncodedView<'_>),
        chunks: Range<usize>,
        (Encoded { parts, .. }, left): (&mut Encoded, &mut TokenGradients),
    ) {
        let group = joined(&self.chunks[chunks]);
        let (tokens, width) = (self.tokens.range(&group), layout.width);
        parts.find((tokens.start, &self.tokens.items()[tokens]));
        left.loss = 0.0;
        left.fields.resize_with(layout.fields.len(), TokenIds::default);
        for (field, ids) in layout.fields.iter().zip(&mut left.fields) {
            ids.read(field, parts.items(), items);
            let target = (parts.embeddings_mut(width), field.columns(width));
            ids.look_up(field.of, &parameters.tables[field.table], target);
        }
        if let Some(layer) = layout.encoder.first(self.dropout) {
            let longest = self.tokens.ends(&group).windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            parts.multiply(layer, layout.parameters(&parameters.dense), layout.encoder.added(longest));
        }
    }

    /// Starts the gradients of a group that has begun.
    pub(crate) fn start(
        &self,
        layout: &HistoryLayout,
        (Encoded { parts, .. }, left): (&mut Encoded, &mut TokenGradients),
    ) {
        left.items.resize(parts.items().len() * layout.width);
        left.items.fill(0.0);
        left.profile.resize(0);
        if layout.encoder.first(self.dropout).is_some() {
            parts.start();
        }
    }

    /// Encodes these chunks of the group, which follow each other, one by one, and writes the vectors of their rows into the
    /// history's columns of `values`.
    pub(crate) fn forward(
        &self,
        (layout, parameters): (&HistoryLayout, &Parameters),
        chunks: Range<usize>,
        (encoded, left): (&mut Encoded, &mut TokenGradients),
        (values, columns): (&mut [f32], Columns),
    ) {
        let own = &self.chunks[chunks.clone()];
        let first = self.tokens.rows(&joined(own)).start * layout.encoder.interests();
        for (number, chunk) in chunks.zip(own) {
            self.encode(layout, parameters, (chunk, number), encoded);
            left.loss += encoded.memory.dien.next_item.loss;
            let states = layout.encoder.states(&encoded.memory);
            self.for_each_vector(layout, chunk, |number, seen| {
                for row in layout.rows_of(number - first) {
                    layout.reading.take(states, seen.clone(), columns.of_row_mut(values, row));
                }
            });
        }
    }

    /// Tokens and encoder of chunk `number`.
    fn encode(
        &self,
        layout: &HistoryLayout,
        parameters: &Parameters,
        (chunk, number): (&Range<usize>, usize),
        Encoded { parts, memory, .. }: &mut Encoded,
    ) {
        let (ends, range) = (self.tokens.ends(chunk), self.tokens.range(chunk));
        if layout.encoder.attends() {
            let shape = (layout.encoder.interests(), layout.width);
            memory.rows.read(&self.tokens, chunk, shape, self.profile_of(layout, chunk));
        }
        memory.reserve(layout, ends);
        let gaps = if layout.encoder.reads_gaps() { &self.gaps[range.clone()] } else { &[] };
        layout.encoder.add(ends, gaps, parts.enter(range.clone()));
        let dense = layout.parameters(&parameters.dense);
        parts.tokens(dense, &mut memory.tokens[..range.len() * layout.width]);
        if let Some(layer) = layout.encoder.first(self.dropout) {
            parts.products(&mut layout.encoder.products_mut(memory)[..range.len() * layer.outputs]);
        }
        memory.dien.next_item.rng = self.draws.map(|seed| Rng::stream(seed, "next_item", number as u64));
        layout.encoder.forward(dense, (ends, self.dropout.at(number)), memory);
    }

    fn profile_of(&self, layout: &HistoryLayout, chunk: &Range<usize>) -> &[f32] {
        let (width, rows) = (layout.profile_width(), self.tokens.rows(chunk));
        &self.profile.values()[rows.start * width..rows.end * width]
    }

    /// Calls `visit` for each vector of the rows of a chunk with its states: those of the tokens that the row sees, or one
    /// of the vector's own.
    fn for_each_vector(
        &self,
        layout: &HistoryLayout,
        chunk: &Range<usize>,
        mut visit: impl FnMut(usize, Range<usize>),
    ) {
        let (encoder, start) = (&layout.encoder, self.tokens.range(chunk).start);
        let first = self.tokens.rows(chunk).start * encoder.interests();
        self.tokens.for_each_row(chunk, |row, seen| {
            if !encoder.attends() {
                return visit(row, seen.start - start..seen.end - start);
            }
            let own = row * encoder.interests()..(row + 1) * encoder.interests();
            own.for_each(|number| visit(number, number - first..number - first + 1));
        });
    }

    /// The pass after [`History::forward`]. `input` holds the gradients of the vectors in its columns.
    /// Gradients of the parameters are added to their places among those of all dense parameters; `weight` is the sum of
    /// the weights of the batch, by which all gradients are divided later.
    pub(crate) fn backward(
        &self,
        (layout, columns): (&HistoryLayout, Columns),
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (number, input, weight): (usize, &ChunkInput, f64),
        (encoded, left): (&mut Encoded, &mut TokenGradients),
    ) {
        let (chunk, width) = (&self.chunks[number], layout.width);
        let (ends, tokens) = (self.tokens.ends(chunk), self.tokens.range(chunk).len());
        let Encoded { parts, memory } = encoded;
        memory.dien.next_item.scale = (self.auxiliary_factor(layout) * weight) as f32;
        let first = self.tokens.rows(chunk).start * layout.encoder.interests();
        let target = layout.encoder.state_slopes(memory);
        target.fill(0.0);
        self.for_each_vector(layout, chunk, |number, seen| {
            for row in layout.rows_of(number - first) {
                layout.reading.spread(columns.of_row(input.values(), row), seen.clone(), target);
            }
        });
        let gradient = layout.parameters_mut(gradient);
        layout.encoder.backward((layout.layers(layers), &mut *gradient), (ends, self.dropout.at(number)), memory);
        parts.add(&memory.gradient[..tokens * width], [&mut left.items, gradient]);
        if let Some(layer) = layout.encoder.first(self.dropout) {
            parts.add_products(&layout.encoder.product_slopes(memory)[..tokens * layer.outputs]);
        }
        let (profile, before) = (self.tokens.rows(chunk).len() * layout.profile_width(), left.profile.len());
        left.profile.resize(before + profile);
        left.profile[before..].copy_from_slice(&memory.rows.profile[..profile]);
    }

    /// Ends a group whose chunks all had their backward pass.
    pub(crate) fn end(
        &self,
        layout: &HistoryLayout,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (Encoded { parts, .. }, left): (&Encoded, &mut TokenGradients),
    ) {
        if let Some(layer) = layout.encoder.first(self.dropout) {
            let parameters = (layout.layers(layers), layout.parameters_mut(gradient));
            parts.backward(layer, parameters, &mut left.items);
        }
    }

    /// Takes the gradients of the profiles from the groups.
    pub(crate) fn take_profiles<'l>(&mut self, groups: impl Iterator<Item = &'l TokenGradients>) {
        let mut rest = self.profile.values_mut();
        for left in groups {
            let own = rest.split_off_mut(..left.profile.len()).expect("a row has one profile");
            own.copy_from_slice(&left.profile);
        }
    }

    /// The encoder's own loss, times its weight: the mean over the steps of all histories.
    pub(crate) fn auxiliary_loss<'l>(
        &self,
        layout: &HistoryLayout,
        groups: impl Iterator<Item = &'l TokenGradients>,
    ) -> f64 {
        self.auxiliary_factor(layout) * groups.map(|left| left.loss).sum::<f64>()
    }

    /// What a step's loss is multiplied by.
    fn auxiliary_factor(&self, layout: &HistoryLayout) -> f64 {
        let steps = self.tokens.steps();
        if steps > 0 { layout.encoder.auxiliary() / steps as f64 } else { 0.0 }
    }

    /// Adds the gradients of table `table` to a shard: fields in order, groups and their items in order, then the profile's.
    pub(crate) fn collect<'l>(
        &self,
        layout: &HistoryLayout,
        table: usize,
        groups: impl Iterator<Item = &'l TokenGradients> + Clone,
        shard: &mut Shard,
    ) {
        for (number, field) in layout.fields.iter().enumerate().filter(|(_, field)| field.table == table) {
            for left in groups.clone() {
                left.fields[number].collect(field.of, (&left.items, field.columns(layout.width)), shard);
            }
        }
        if let Some(profile) = &layout.profile {
            self.profile.collect(profile, table, shard);
        }
    }
}

/// The sequences of chunks that follow each other.
fn joined(chunks: &[Range<usize>]) -> Range<usize> {
    chunks.first().map_or(0, |first| first.start)..chunks.last().map_or(0, |last| last.end)
}

/// Cuts rows into chunks: of at least `fewest` of them and, once they are `most` or they fill a chunk with their tokens, up to
/// the next one with which a sequence of every history starts. Returns the first row of each chunk, and the number of rows.
pub(crate) fn cut(histories: &mut [History], rows: usize, (fewest, most): (usize, usize)) -> Vec<usize> {
    let Some(first) = histories.first() else {
        return (0..rows).step_by(most).chain([rows]).collect();
    };
    let mut starts = vec![0];
    let (mut start, mut before) = (0, 0);
    for end in first.tokens.first_rows().skip(1) {
        let tokens: Option<usize> = histories.iter().map(|history| history.tokens.before(end)).sum();
        let Some(tokens) = tokens else { continue };
        let count = end - start;
        let is_full = count >= most || count >= fewest && tokens - before + count >= CHUNK_FILLING;
        if is_full || end == rows {
            starts.push(end);
            (start, before) = (end, tokens);
        }
    }
    histories.iter_mut().for_each(|history| history.take_chunks(&starts));
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Row;
    use twinspire_core::encode::EncodedRows;
    use twinspire_core::ids::MISSING;

    /// User and length of the history of each row.
    struct Rows<'a>(&'a EncodedView<'a>, &'a [(u32, usize)]);

    const ITEMS: [u32; 300] = [7; 300];

    impl RowSource for Rows<'_> {
        fn row(&self, number: usize) -> Row<'_> {
            let (user, length) = self.1[number];
            Row { user, history: &ITEMS[..length], skip: MISSING, ..Row::of(self.0, number) }
        }
    }

    fn history(rows: &[(u32, usize)], max_length: usize, joined: bool) -> History {
        let (features, mut history) = (EncodedRows::default(), History::default());
        history.tokens.read((&Rows(&features.view(), rows), 0..rows.len()), (max_length, joined));
        history
    }

    #[test]
    fn without_histories_rows_fill_a_chunk() {
        assert_eq!(cut(&mut [], 10, (1, 4)), [0, 4, 8, 10]);
        assert_eq!(cut(&mut [], 0, (1, 4)), [0]);
    }

    #[test]
    fn tokens_fill_a_chunk_that_has_enough_rows() {
        let rows: Vec<(u32, usize)> = (0..9).map(|user| (user, 40)).collect();
        let mut histories = [history(&rows, 200, false)];
        assert_eq!(cut(&mut histories, 9, (1, 128)), [0, 3, 6, 9]);
        assert_eq!(histories[0].chunks, [0..3, 3..6, 6..9]);
        assert_eq!(cut(&mut histories, 9, (4, 128)), [0, 4, 8, 9]);
        assert_eq!(cut(&mut histories, 9, (1, 2)), [0, 2, 4, 6, 8, 9], "rows may fill it first");
        let rows: Vec<_> = (0..3).flat_map(|user| (1..=50).map(move |length| (user, length))).collect();
        assert_eq!(cut(&mut [history(&rows, 50, true)], 150, (1, 128)), [0, 50, 100, 150], "rows count as tokens do");
    }

    #[test]
    fn a_chunk_ends_where_a_sequence_of_every_history_ends() {
        // The longer history holds all rows of a user, the shorter one starts anew in their middle.
        let rows: Vec<(u32, usize)> = [1, 2, 3].iter().flat_map(|&user| (0..8).map(move |row| (user, row))).collect();
        let mut histories = [history(&rows, 4, true), history(&rows, 300, true)];
        assert!(histories[0].tokens.starting_at(5).is_some() && histories[1].tokens.starting_at(5).is_none());
        assert_eq!(cut(&mut histories, 24, (1, 5)), [0, 8, 16, 24]);
        assert_eq!(cut(&mut histories[..1], 24, (1, 5))[..2], [0, 5]);
    }
}
