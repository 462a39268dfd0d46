//! What every reader gives, whatever the format: a row as cells of text, or a damaged row, each with its place.

use super::account::{Kind, Place};
use std::borrow::Cow;

/// What a reader found next.
pub(crate) enum Found<'a> {
    /// A row with a cell for each column.
    Record(Record<'a>),
    /// A row that is no record.
    Damaged(Damaged<'a>),
}

/// A row that is no record.
pub(crate) struct Damaged<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// What is wrong with it.
    pub kind: Kind,
    /// Number and text of the cell at fault, where one is.
    pub cell: Option<(usize, Cow<'a, str>)>,
}

/// A part of a text, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub start: u32,
    pub end: u32,
}

/// The cells of one row.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    text: &'a str,
    cells: &'a [Span],
}

impl<'a> Record<'a> {
    /// Cells are parts of `text`.
    pub fn new(place: Place<'a>, text: &'a str, cells: &'a [Span]) -> Self {
        Self { place, text, cells }
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// A cell by its number; empty when the value is missing.
    pub fn cell(&self, number: usize) -> &'a str {
        let Span { start, end } = self.cells[number];
        &self.text[start as usize..end as usize]
    }
}
