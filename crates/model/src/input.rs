//! The input of one tower for one chunk of rows: ids are looked up and joined into a matrix.
//!
//! In: rows of encoded features with their histories. Out: `[rows, width]`, and the ids that were read, which the
//! optimizer needs again.

use crate::kernel::Buffer;
use crate::layer::embedding::{Columns, gather};
use crate::layer::linear::{Layers, Linear};
use crate::layer::product::{Matrix, multiply, multiply_into};
use crate::layout::{Field, InputLayout, Source};
use crate::optimizer::Shard;
use crate::sequence::Elements;
use crate::shared::Shared;
use std::ops::Range;
use twinspire_core::encode::EncodedView;
use twinspire_core::ids::MISSING;

/// One row before its embeddings are looked up.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    /// Encoded features that hold the row.
    pub(crate) features: &'a EncodedView<'a>,
    /// Which row of them.
    pub(crate) row: usize,
    /// Row of the history table, or MISSING.
    pub(crate) user: u32,
    /// Item indices, oldest first.
    pub(crate) history: &'a [u32],
    /// Position of the history that is left out, or MISSING.
    pub(crate) skip: u32,
}

impl<'a> Row<'a> {
    /// A row of features alone.
    pub(crate) fn of(features: &'a EncodedView<'a>, row: usize) -> Self {
        Self { features, row, user: MISSING, history: &[], skip: MISSING }
    }
}

/// The rows of a chunk.
pub(crate) trait RowSource: Sync {
    /// Row `number` of the chunk.
    fn row(&self, number: usize) -> Row<'_>;

    /// Asks for the memory of rows that are read next.
    fn ask(&self, _rows: Range<usize>) {}

    /// When the items of its history were chosen, and when its event is, microseconds UTC; nothing where no history is read.
    fn times(&self, _number: usize) -> (&[i64], i64) {
        (&[], 0)
    }
}

/// Each row of a source so many times in turn, once for each interest.
pub(crate) struct Repeated<'a, S>(pub(crate) &'a S, pub(crate) usize);

impl<S: RowSource> RowSource for Repeated<'_, S> {
    fn row(&self, number: usize) -> Row<'_> {
        self.0.row(number / self.1)
    }
}

/// The looked-up input of a chunk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChunkInput {
    rows: usize,
    /// `[rows, width]`; after the backward pass, its gradient.
    values: Buffer,
    /// `[single fields, rows]`.
    ids: Vec<u32>,
    /// One for each sequence field.
    sequences: Vec<Elements>,
    /// First row in the batch.
    start: usize,
    /// Which single fields are shared with the batch; their columns of `values` are not filled.
    shared: Vec<bool>,
    /// The other columns, in runs.
    runs: Vec<Range<usize>>,
    /// Starts with the gradient of the first layer's output `[rows, outputs]`, where fields are shared.
    slopes: Buffer,
}

impl Field {
    fn columns(&self, layout: &InputLayout) -> Columns {
        Columns { stride: layout.width, first: self.column, width: self.dimension }
    }
}

impl ChunkInput {
    /// Reads the ids, elements and numbers of `rows` rows. `items` are the features of the corpus, for histories.
    pub(crate) fn read(
        &mut self,
        layout: &InputLayout,
        items: &EncodedView<'_>,
        (source, rows): (&impl RowSource, usize),
    ) {
        self.count(rows);
        if !layout.has_features() {
            return;
        }
        self.values.resize(rows * layout.width);
        self.ids.resize(layout.single.len() * rows, 0);
        self.sequences.resize_with(layout.sequences.len(), Elements::default);
        self.sequences.iter_mut().for_each(Elements::clear);
        for number in 0..rows {
            self.read_row(layout, items, number, source.row(number));
        }
    }

    /// Becomes that many rows, of which nothing is read.
    pub(crate) fn count(&mut self, rows: usize) {
        self.rows = rows;
    }

    /// Looks up what is not `shared` with the batch, of which row `start` is the first here. Vectors of histories that have an
    /// encoder are left to be filled in.
    pub(crate) fn look_up(&mut self, layout: &InputLayout, tables: &[Buffer], (shared, start): (&Shared, usize)) {
        self.start = start;
        self.values.resize(self.rows * layout.width);
        self.shared.clear();
        self.shared.extend((0..layout.single.len()).map(|number| shared.has(number)));
        shared.other_columns(layout.width, &mut self.runs);
        for (number, field) in layout.single.iter().enumerate().filter(|(number, _)| !shared.has(*number)) {
            let ids = &self.ids[number * self.rows..(number + 1) * self.rows];
            gather(&tables[field.table], ids, &mut self.values, field.columns(layout));
        }
        for (sequence, elements) in layout.sequences.iter().zip(&self.sequences) {
            let columns = sequence.field.columns(layout);
            sequence.encoder.forward(elements, &tables[sequence.field.table], &mut self.values, columns);
        }
    }

    /// `y = x · W` of the first layer, without the bias.
    pub(crate) fn forward(&self, layer: &Linear, dense: &[f32], shared: &Shared, y: &mut [f32]) {
        if !self.shares() {
            return layer.forward(dense, &self.values, self.rows, y);
        }
        let (x, weight) = (Matrix::new(&self.values, self.rows, layer.inputs), layer.matrix(dense));
        let y = &mut y[..self.rows * layer.outputs];
        shared.forward(self.start..self.start + self.rows, y);
        for run in &self.runs {
            multiply(y, x.columns(run.start, run.len()), weight.rows(run.start, run.len()), true);
        }
    }

    /// Adds the gradient of the first layer's weight to `gradient`; the values become the gradient of the input, to
    /// which `skipped` is added: what a residual layer passes on. What is shared is left to `SharedField::backward`, which
    /// needs `dy`: it is kept, and another buffer left in its place.
    pub(crate) fn backward(
        &mut self,
        layer: &Linear,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        dy: &mut Buffer,
        skipped: Option<&[f32]>,
    ) {
        let rows = self.rows;
        if !self.shares() {
            layer.backward_weight(&self.values, dy, rows, gradient);
            if let Some(skipped) = skipped {
                self.values[..skipped.len()].copy_from_slice(skipped);
            }
            return layer.backward_input(layers, dy, rows, (&mut self.values, skipped.is_some()));
        }
        self.slopes.resize(dy.len());
        std::mem::swap(&mut self.slopes, dy);
        let weight = layer.gradients(gradient).0;
        let slopes = Matrix::new(&self.slopes, rows, layer.outputs);
        for Range { start, end } in self.runs.iter().cloned() {
            let x = Matrix::new(&self.values, rows, layer.inputs).columns(start, end - start);
            let target = &mut weight[start * layer.outputs..end * layer.outputs];
            multiply(target, x.transposed(), slopes, true);
        }
        for run in &self.runs {
            let transposed = layer.transposed(layers.transposed).columns(run.start, run.len());
            multiply_into((&mut self.values[run.start..], layer.inputs), slopes, transposed, false);
        }
    }

    fn read_row(&mut self, layout: &InputLayout, items: &EncodedView<'_>, number: usize, row: Row<'_>) {
        let (features, width) = (row.features, layout.single.len());
        for (field, id) in features.single[row.row * width..][..width].iter().enumerate() {
            self.ids[field * self.rows + number] = *id;
        }
        if layout.dense > 0 {
            let numbers = &features.dense[row.row * layout.dense..][..layout.dense];
            self.values[number * layout.width + layout.dense_column..][..layout.dense].copy_from_slice(numbers);
        }
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

    /// Ids of a single field, `[rows]`.
    pub(crate) fn ids(&self, number: usize) -> &[u32] {
        &self.ids[number * self.rows..(number + 1) * self.rows]
    }

    /// `[rows, width]`, all columns filled, unless fields are shared.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// As [`ChunkInput::values`], to be filled in, or replaced by their gradients.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Gradient of the first layer's output `[rows, outputs]` of the last backward pass that shared fields.
    pub(crate) fn slopes(&self, layer: &Linear) -> &[f32] {
        &self.slopes[..self.rows * layer.outputs]
    }

    fn shares(&self) -> bool {
        self.shared.contains(&true)
    }

    /// Adds the gradients of table `table` to a shard: fields in the order of the layout, rows in order.
    pub(crate) fn collect(&self, layout: &InputLayout, table: usize, shard: &mut Shard) {
        for (number, (field, shared)) in layout.single.iter().zip(&self.shared).enumerate() {
            if field.table == table && !shared {
                shard.add_rows(self.ids(number), &self.values, field.columns(layout));
            }
        }
        for (sequence, elements) in layout.sequences.iter().zip(&self.sequences) {
            if sequence.field.table == table {
                sequence.encoder.backward(elements, &self.values, sequence.field.columns(layout), shard);
            }
        }
    }
}
