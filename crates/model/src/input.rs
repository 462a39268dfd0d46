//! The input of one tower for one chunk of rows: ids are looked up and joined into a matrix.
//!
//! In: rows of encoded features with their histories. Out: `[rows, width]`, and the ids that were read, which the
//! optimizer needs again.

use crate::kernel::column_sums;
use crate::layer::distinct::Distinct;
use crate::layer::embedding::{Columns, gather};
use crate::layer::linear::Linear;
use crate::layer::product::{MIN_ROWS, Matrix, multiply, multiply_into};
use crate::layout::{Field, InputLayout, Source};
use crate::optimizer::Shard;
use crate::sequence::Elements;
use std::ops::Range;
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
    /// Distinct values of each single field; only those of `shared` count.
    distinct: Vec<Distinct>,
    /// Single fields whose values are multiplied once; their columns of `values` are not filled.
    shared: Vec<usize>,
    /// The other columns, in runs.
    runs: Vec<Range<usize>>,
}

impl Field {
    fn columns(&self, layout: &InputLayout) -> Columns {
        Columns { stride: layout.width, first: self.column, width: self.dimension }
    }
}

impl ChunkInput {
    /// Looks up `rows` rows. `items` are the features of the corpus, for histories. With `share`, a field with few
    /// distinct values is multiplied once a value; the bits of a row then depend on the rest of the chunk.
    pub(crate) fn fill(
        &mut self,
        layout: &InputLayout,
        (tables, share): (&[Vec<f32>], bool),
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
        self.distinct.resize_with(layout.single.len(), Distinct::default);
        self.shared.clear();
        for (number, field) in layout.single.iter().enumerate() {
            let (ids, table) = (&self.ids[number * rows..(number + 1) * rows], &tables[field.table]);
            if share && self.distinct[number].find(ids) {
                self.distinct[number].look_up(table, field.column, field.dimension);
                self.shared.push(number);
            } else {
                gather(table, ids, &mut self.values, field.columns(layout));
            }
        }
        for (sequence, elements) in layout.sequences.iter().zip(&self.sequences) {
            let columns = sequence.field.columns(layout);
            sequence.encoder.forward(elements, &tables[sequence.field.table], &mut self.values, columns);
        }
        self.find_runs(layout.width);
    }

    /// The columns that no shared field covers.
    fn find_runs(&mut self, width: usize) {
        self.runs.clear();
        let mut start = 0;
        for &number in &self.shared {
            let covered = self.distinct[number].columns();
            self.runs.push(start..covered.start);
            start = covered.end;
        }
        self.runs.push(start..width);
        self.runs.retain(|run| !run.is_empty());
    }

    /// `y = x · W` of the first layer, without the bias.
    pub(crate) fn forward(&mut self, layer: &Linear, dense: &[f32], y: &mut [f32]) {
        if self.shared.is_empty() {
            return layer.forward(dense, &self.values, self.rows, y);
        }
        let (x, weight) = (Matrix::new(&self.values, self.rows, layer.inputs), layer.matrix(dense));
        let y = &mut y[..self.rows * layer.outputs];
        if self.runs.is_empty() {
            y.fill(0.0);
        }
        for (number, run) in self.runs.iter().enumerate() {
            multiply(y, x.columns(run.start, run.len()), weight.rows(run.start, run.len()), number > 0);
        }
        for &number in &self.shared {
            self.distinct[number].forward(layer, dense, y);
        }
    }

    /// Gradients of the first layer's parameters; the values become the gradient of the input, to which `skipped` is
    /// added: what a residual layer passes on.
    pub(crate) fn backward(
        &mut self,
        layer: &Linear,
        (dense, gradient): (&[f32], &mut [f32]),
        dy: &[f32],
        skipped: Option<&[f32]>,
    ) {
        let rows = self.rows;
        if self.shared.is_empty() {
            layer.backward_parameters(&self.values, dy, rows, gradient);
            if let Some(skipped) = skipped {
                self.values[..skipped.len()].copy_from_slice(skipped);
            }
            return layer.backward_input(dense, dy, rows, (&mut self.values, skipped.is_some()));
        }
        let (weight, bias) = layer.gradients(gradient);
        let dy = &dy[..rows * layer.outputs];
        column_sums(dy, bias);
        let slopes = Matrix::new(dy, rows, layer.outputs);
        for run in &self.runs {
            let x = Matrix::new(&self.values, rows, layer.inputs).columns(run.start, run.len());
            multiply(
                &mut weight[run.start * layer.outputs..][..run.len() * layer.outputs],
                x.transposed(),
                slopes,
                false,
            );
        }
        for run in &self.runs {
            let transposed = layer.matrix(dense).rows(run.start, run.len()).transposed();
            multiply_into((&mut self.values[run.start..], layer.inputs), slopes, transposed, false);
        }
        for &number in &self.shared {
            self.distinct[number].backward(layer, (dense, &mut *weight), dy);
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

    /// `[rows, width]`, all columns filled, unless fields are shared.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// Adds the gradients of table `table` to a shard: fields in the order of the layout, rows in order.
    pub(crate) fn collect(&self, layout: &InputLayout, table: usize, shard: &mut Shard) {
        for (number, field) in layout.single.iter().enumerate().filter(|(_, field)| field.table == table) {
            if self.shared.contains(&number) {
                let (ids, gradients) = self.distinct[number].rows();
                shard.add_rows(ids, gradients, Columns { stride: field.dimension, first: 0, width: field.dimension });
            } else {
                let ids = &self.ids[number * self.rows..(number + 1) * self.rows];
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

#[cfg(test)]
impl ChunkInput {
    /// Number of shared fields.
    pub(crate) fn shared(&self) -> usize {
        self.shared.len()
    }
}
