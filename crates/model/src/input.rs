//! The input of one tower for one chunk of rows: ids are looked up and joined into a matrix.
//!
//! In: rows of encoded features with their histories. Out: `[rows, width]`, and the ids that were read, which the
//! optimizer needs again.

use crate::layer::embedding::{Columns, gather};
use crate::layer::product::MIN_ROWS;
use crate::layout::{Field, InputLayout, Source};
use crate::optimizer::Shard;
use crate::sequence::Elements;
use twinspire_core::encode::EncodedView;

/// One row before its embeddings are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Encoded features that hold the row.
    pub(crate) features: &'a EncodedView<'a>,
    /// Which row of them.
    pub(crate) row: usize,
    /// Item indices, oldest first.
    pub(crate) history: &'a [u32],
    /// Position of the history that is left out, or MISSING.
    pub(crate) skip: u32,
}

/// The rows of a chunk.
pub(crate) trait RowSource {
    /// Row `number` of the chunk.
    fn row(&self, number: usize) -> Row<'_>;
}

/// The looked-up input of a chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChunkInput {
    rows: usize,
    /// `[rows, width]`; after the backward pass, its gradient.
    values: Vec<f32>,
    /// `[single fields, rows]`.
    ids: Vec<u32>,
    /// One for each sequence field.
    sequences: Vec<Elements>,
}

impl Field {
    fn columns(&self, layout: &InputLayout) -> Columns {
        Columns { stride: layout.width, first: self.column, width: self.dimension }
    }
}

impl ChunkInput {
    /// Looks up `rows` rows. `items` are the features of the corpus, for histories.
    pub(crate) fn fill(
        &mut self,
        layout: &InputLayout,
        tables: &[Vec<f32>],
        items: &EncodedView<'_>,
        (source, rows): (&impl RowSource, usize),
    ) {
        self.rows = rows;
        self.values.resize(rows.max(MIN_ROWS) * layout.width, 0.0);
        self.values[rows * layout.width..].fill(0.0);
        self.ids.resize(layout.single.len() * rows, 0);
        self.sequences.resize_with(layout.sequences.len(), Elements::default);
        self.sequences.iter_mut().for_each(Elements::clear);
        for number in 0..rows {
            self.read_row(layout, items, number, source.row(number));
        }
        if rows == 0 {
            return;
        }
        for (field, ids) in layout.single.iter().zip(self.ids.chunks_exact(rows)) {
            gather(&tables[field.table], ids, &mut self.values, field.columns(layout));
        }
        for (sequence, elements) in layout.sequences.iter().zip(&self.sequences) {
            let columns = sequence.field.columns(layout);
            sequence.encoder.forward(elements, &tables[sequence.field.table], &mut self.values, columns);
        }
    }

    fn read_row(&mut self, layout: &InputLayout, items: &EncodedView<'_>, number: usize, row: Row<'_>) {
        let (features, width) = (row.features, layout.single.len());
        for (field, id) in features.single[row.row * width..][..width].iter().enumerate() {
            self.ids[field * self.rows + number] = *id;
        }
        let numbers = &features.dense[row.row * layout.dense..][..layout.dense];
        self.values[number * layout.width + layout.dense_column..][..layout.dense].copy_from_slice(numbers);
        for (sequence, elements) in layout.sequences.iter().zip(&mut self.sequences) {
            match sequence.source {
                Source::Own { number } => {
                    let (ids, weights) = features.multi[number].row(row.row);
                    elements.push_row(sequence.encoder, ids, weights);
                }
                Source::History { of, max_length } => {
                    elements.push_history(sequence.encoder, (row.history, row.skip), (of, max_length), items);
                }
            }
        }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// `[rows, width]`, at least [`MIN_ROWS`] rows.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The same, for the backward pass, which leaves the gradient there.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Adds the gradients of table `table` to a shard: fields in the order of the layout, rows in order.
    pub(crate) fn collect(&self, layout: &InputLayout, table: usize, shard: &mut Shard) {
        if self.rows == 0 {
            return;
        }
        for (field, ids) in layout.single.iter().zip(self.ids.chunks_exact(self.rows)) {
            if field.table == table {
                shard.add_rows(ids, &self.values, field.columns(layout));
            }
        }
        for (sequence, elements) in layout.sequences.iter().zip(&self.sequences) {
            if sequence.field.table == table {
                sequence.encoder.backward(elements, &self.values, sequence.field.columns(layout), shard);
            }
        }
    }
}
