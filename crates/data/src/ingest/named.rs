//! A row that is put together from named values, in any order: what JSON lines, TFRecord and Parquet give. In: names of
//! columns, then values. Out: a [`Record`]. A column that nobody asked for is not decoded; a value that is missing is an
//! empty cell; several values are one cell with the separator of the column's feature between them.

use super::account::{Kind, Place};
use super::record::{Damaged, Found, Record, Span};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How several values of a column become one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct ListRule {
    /// Between two elements.
    pub separator: char,
    /// Every element is written with its weight; `None`: as it comes.
    pub weighted: Option<bool>,
}

/// Columns that may hold several values.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ListRules {
    /// By name.
    pub columns: BTreeMap<String, ListRule>,
    /// All others, if they may.
    pub others: Option<ListRule>,
}

impl ListRules {
    fn of(&self, column: &str) -> Option<ListRule> {
        self.columns.get(column).copied().or(self.others)
    }
}

/// What a name in a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// This column, whose value is wanted.
    Kept(usize),
    /// A value that nobody asked for.
    Passed,
    /// A column that the row had already.
    Repeated,
}

/// The cells of the row that is being read.
pub(crate) struct NamedCells {
    names: Vec<String>,
    numbers: FxHashMap<String, usize>,
    /// Names that are new become columns, without a cell.
    learns: bool,
    claimed: Vec<bool>,
    lists: Vec<Option<ListRule>>,
    kept: Vec<bool>,
    text: String,
    cells: Vec<Span>,
    fault: Option<(Kind, usize)>,
}

impl NamedCells {
    /// For columns of these names, all of which are kept.
    pub fn new(names: &[String], lists: &ListRules) -> Self {
        Self {
            names: names.to_vec(),
            numbers: names.iter().enumerate().map(|(number, name)| (name.clone(), number)).collect(),
            learns: false,
            claimed: vec![false; names.len()],
            lists: names.iter().map(|name| lists.of(name)).collect(),
            kept: vec![true; names.len()],
            text: String::new(),
            cells: vec![Span::default(); names.len()],
            fault: None,
        }
    }

    /// Keeps no value and learns the names that rows have, after those that are known.
    pub fn learning(names: &[String]) -> Self {
        let none = ListRules::default();
        Self { learns: true, kept: vec![false; names.len()], ..Self::new(names, &none) }
    }

    /// Names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Values of other columns are passed over from now on.
    pub fn keep(&mut self, kept: Vec<bool>) {
        self.kept = kept;
    }

    /// Starts a row: all cells are empty.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cells.fill(Span::default());
        self.claimed.fill(false);
        self.fault = None;
    }

    /// What the name of a value stands for in this row.
    pub fn claim(&mut self, name: &str) -> Claim {
        match self.numbers.get(name).copied() {
            Some(number) if std::mem::replace(&mut self.claimed[number], true) => Claim::Repeated,
            Some(number) if self.kept[number] => Claim::Kept(number),
            Some(_) => Claim::Passed,
            None => {
                self.learn(name);
                Claim::Passed
            }
        }
    }

    fn learn(&mut self, name: &str) {
        if self.learns {
            self.numbers.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
            self.claimed.push(true);
            self.kept.push(false);
            self.lists.push(None);
            self.cells.push(Span::default());
        }
    }

    /// True when a column is kept.
    pub fn keeps(&self, number: usize) -> bool {
        self.kept[number]
    }

    /// How several values of a column become one cell, if they may.
    pub fn list_rule(&self, number: usize) -> Option<ListRule> {
        self.lists[number]
    }

    /// Sets a cell to what `write` appends.
    pub fn set(&mut self, number: usize, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        self.close(number, start);
    }

    /// Sets a cell to the elements that are written to the answer, until it is closed.
    pub fn list(&mut self, number: usize) -> ListCell<'_> {
        let (start, rule) = (self.text.len(), self.lists[number]);
        ListCell { cells: self, number, rule, start, elements: 0 }
    }

    /// Notes what is wrong with a cell; the first fault of a row counts.
    pub fn blame(&mut self, kind: Kind, number: usize) {
        self.fault.get_or_insert((kind, number));
    }

    /// The row, or its fault.
    pub fn found<'a>(&'a self, place: Place<'a>) -> Found<'a> {
        let record = Record::new(place, &self.text, &self.cells);
        match self.fault {
            None => Found::Record(record),
            Some((kind, number)) => {
                Found::Damaged(Damaged { place, kind, cell: Some((number, Cow::Borrowed(record.cell(number)))) })
            }
        }
    }

    fn close(&mut self, number: usize, start: usize) {
        self.cells[number] = Span { start: start as u32, end: self.text.len() as u32 };
    }
}

/// A cell of several values that is being written.
pub(crate) struct ListCell<'a> {
    cells: &'a mut NamedCells,
    number: usize,
    rule: Option<ListRule>,
    start: usize,
    elements: usize,
}

impl ListCell<'_> {
    /// Appends one element. One that holds the separator, or a second one where one is needed, is a fault.
    pub fn element(&mut self, write: impl FnOnce(&mut String)) {
        if self.elements > 0 {
            self.cells.text.push(self.rule.map_or(',', |rule| rule.separator));
        }
        let start = self.cells.text.len();
        write(&mut self.cells.text);
        let holds_separator = self.rule.is_some_and(|rule| self.cells.text[start..].contains(rule.separator));
        if holds_separator || (self.elements > 0 && self.rule.is_none()) {
            self.cells.blame(Kind::BadList, self.number);
        }
        self.elements += 1;
    }

    /// Ends the cell.
    pub fn close(self) {
        self.cells.close(self.number, self.start);
    }
}
