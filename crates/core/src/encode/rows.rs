//! Encoded rows of one tower: owned while they are made, borrowed from memory-mapped tables while they are read.

use std::ops::Range;

/// A field with several ids a row: row `r` has `ids[offsets[r]..offsets[r + 1]]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MultiColumn {
    /// `[rows + 1]`, rising, starts with 0.
    pub offsets: Vec<i32>,
    /// Ids of all rows.
    pub ids: Vec<u32>,
    /// One weight an id.
    pub weights: Vec<f32>,
}

impl MultiColumn {
    /// Ends the row that was appended to `ids` and `weights`.
    pub(super) fn end_row(&mut self) {
        let end = i32::try_from(self.ids.len()).expect("a table part has less than 2^31 list values");
        self.offsets.push(end);
    }

    /// Drops everything after the first `rows` rows.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        let end = self.offsets[rows] as usize;
        self.ids.truncate(end);
        self.weights.truncate(end);
    }
}

/// Encoded rows of one tower, owned.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EncodedRows {
    /// Number of rows.
    pub rows: usize,
    /// `[rows, single fields]`, row-major; [`crate::ids::MISSING`] where there is no value.
    pub single: Vec<u32>,
    /// `[rows, dense fields]`, row-major.
    pub dense: Vec<f32>,
    /// One column a multi field.
    pub multi: Vec<MultiColumn>,
}

/// A borrowed [`MultiColumn`].
#[derive(Debug, Clone, Copy)]
pub struct MultiView<'a> {
    /// `[rows + 1]`, rising; need not start with 0.
    pub offsets: &'a [i32],
    /// Ids that the offsets point into.
    pub ids: &'a [u32],
    /// One weight an id.
    pub weights: &'a [f32],
}

impl<'a> MultiView<'a> {
    /// Ids and weights of one row.
    pub fn row(&self, row: usize) -> (&'a [u32], &'a [f32]) {
        let range = self.offsets[row] as usize..self.offsets[row + 1] as usize;
        (&self.ids[range.clone()], &self.weights[range])
    }
}

/// Borrowed [`EncodedRows`].
#[derive(Debug, Clone, Default)]
pub struct EncodedView<'a> {
    /// Number of rows.
    pub rows: usize,
    /// `[rows, single fields]`, row-major.
    pub single: &'a [u32],
    /// `[rows, dense fields]`, row-major.
    pub dense: &'a [f32],
    /// One view a multi field.
    pub multi: Vec<MultiView<'a>>,
}

impl EncodedRows {
    /// The same rows, borrowed.
    pub fn view(&self) -> EncodedView<'_> {
        let multi = self.multi.iter().map(|column| MultiView {
            offsets: &column.offsets,
            ids: &column.ids,
            weights: &column.weights,
        });
        EncodedView { rows: self.rows, single: &self.single, dense: &self.dense, multi: multi.collect() }
    }
}

impl<'a> EncodedView<'a> {
    /// A contiguous part of the rows.
    pub fn slice(&self, range: Range<usize>) -> EncodedView<'a> {
        let width = |cells: usize| cells.checked_div(self.rows).unwrap_or(0);
        let (single, dense) = (width(self.single.len()), width(self.dense.len()));
        let multi =
            self.multi.iter().map(|column| MultiView { offsets: &column.offsets[range.start..=range.end], ..*column });
        EncodedView {
            rows: range.len(),
            single: &self.single[range.start * single..range.end * single],
            dense: &self.dense[range.start * dense..range.end * dense],
            multi: multi.collect(),
        }
    }

    /// Single ids of one row.
    pub fn single_row(&self, row: usize) -> &'a [u32] {
        let width = self.single.len() / self.rows.max(1);
        &self.single[row * width..(row + 1) * width]
    }
}
