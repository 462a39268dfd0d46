//! One bucket of interactions in memory: rows in the order (user, time, position), grouped by user, whose users and items
//! are numbers. In: tables of interactions (`load`), or what a unit has stored of a bucket (`stored`). Out: rows, and
//! their texts. It splits nothing and encodes nothing.

mod load;
mod names;
mod stored;
#[cfg(test)]
mod tests;

use crate::config::Mode;
use arrow_array::{Array, StringArray};
pub(crate) use load::raw_columns;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
pub(crate) use stored::StoredBucket;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{EventKind, Part, ROWS_OF_A_FILE};
use twinspire_core::{CoreError, Result};

/// One interaction. Its cells stay in their table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Number of the user in the bucket, or MISSING without a user.
    pub user: u32,
    /// Number of the item in the bucket.
    pub item: u32,
    /// Microseconds UTC, or `NO_TIME`.
    pub time: i64,
    /// Breaks ties of time; unique.
    pub position: u64,
    /// What it says of its item.
    pub kind: EventKind,
    /// Number of the positive event.
    pub event: u8,
    /// Which part it belongs to.
    pub part: Part,
    table: u32,
    /// Its cells in the table; MISSING if they were not kept.
    row: u32,
}

/// All interactions of one bucket.
pub(crate) struct Bucket {
    /// Keys of the users, in the order of the rows.
    users: StringArray,
    /// Ids of the items, ascending.
    items: StringArray,
    /// Raw columns of each table, in the order that [`Bucket::load`] was given.
    tables: Vec<Vec<StringArray>>,
    /// By (key of the user, time, position); a row without a user has a key of its own.
    pub rows: Vec<Row>,
    /// Rows that were left out, by reason.
    pub filtered: BTreeMap<String, u64>,
}

fn part_of(code: u8, path: &Path) -> Result<Part> {
    let known = [Part::Train, Part::Validation, Part::Test].into_iter().find(|&part| part as u8 == code);
    known.ok_or_else(|| CoreError::damaged(path, format!("expected a part of 0 to 2, found {code}")))
}

fn kind_of(code: u8, path: &Path) -> Result<EventKind> {
    let unknown = || CoreError::damaged(path, format!("expected a kind of 0 to 2, found {code}"));
    EventKind::from_code(code).ok_or_else(unknown)
}

impl Bucket {
    /// Leaves out the rows that have a reason (one entry a row), and counts them under it.
    pub fn leave_out<'r>(&mut self, mut reasons: impl Iterator<Item = Option<&'r str>>) {
        self.leave_out_where(|_| reasons.next().flatten());
    }

    /// Leaves out the rows for which `reason`, which sees them in order, has one, and counts them under it.
    pub fn leave_out_where<'r>(&mut self, mut reason: impl FnMut(&Row) -> Option<&'r str>) {
        let filtered = &mut self.filtered;
        self.rows.retain(|row| match reason(row) {
            None => true,
            Some(reason) => {
                match filtered.get_mut(reason) {
                    Some(count) => *count += 1,
                    None => drop(filtered.insert(reason.to_owned(), 1)),
                }
                false
            }
        });
    }

    /// Forgets the users and items that have no row any more, and numbers the others anew, in their order.
    pub fn renumber(&mut self) {
        let [mut users, mut items] = [self.users.len(), self.items.len()].map(|names| vec![MISSING; names]);
        for row in &self.rows {
            items[row.item as usize] = 0;
            if row.user != MISSING {
                users[row.user as usize] = 0;
            }
        }
        keep_used(&mut self.users, &mut users);
        keep_used(&mut self.items, &mut items);
        for row in &mut self.rows {
            row.item = items[row.item as usize];
            if row.user != MISSING {
                row.user = users[row.user as usize];
            }
        }
    }

    /// Ranges of rows of one user each, in the order of the keys; a row without a user is alone in its range.
    pub fn groups(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let after = move |group: &Range<usize>| self.group_from(group.end);
        std::iter::successors(self.group_from(0), after)
    }

    /// The range that begins at a row, if there is one.
    pub fn group_from(&self, start: usize) -> Option<Range<usize>> {
        let user = self.rows.get(start)?.user;
        let is_same = |row: &&Row| row.user == user && user != MISSING;
        Some(start..start + 1 + self.rows[start + 1..].iter().take_while(is_same).count())
    }

    /// Keys of the users, by their numbers.
    pub fn users(&self) -> &StringArray {
        &self.users
    }

    /// Ids of the items, by their numbers: ascending.
    pub fn items(&self) -> &StringArray {
        &self.items
    }

    /// Key of the row's user.
    pub fn user_key(&self, row: &Row) -> Option<&str> {
        (row.user != MISSING).then(|| self.users.value(row.user as usize))
    }

    /// Item id of a row.
    pub fn item(&self, row: &Row) -> &str {
        self.items.value(row.item as usize)
    }

    /// Raw value of a column, by its number in the `columns` of [`Bucket::load`].
    pub fn raw(&self, row: &Row, column: usize) -> Option<&str> {
        let values = &self.tables[row.table as usize][column];
        (row.row != MISSING && values.is_valid(row.row as usize)).then(|| values.value(row.row as usize))
    }
}

/// Keeps the names whose number anew is not MISSING, and numbers them.
fn keep_used(names: &mut StringArray, anew: &mut [u32]) {
    let mut kept = 0;
    let used = names.iter().zip(anew).filter(|(_, anew)| **anew != MISSING).map(|(name, anew)| {
        *anew = kept;
        kept += 1;
        name
    });
    *names = used.collect();
}

impl Row {
    /// Reads its cells where another row of the same user and item has them.
    pub fn take_cells(&mut self, other: &Self) {
        (self.table, self.row) = (other.table, other.row);
    }

    /// True for a row that becomes a sample: a positive, or any row that carries its label.
    pub fn is_sample(&self, mode: Mode) -> bool {
        self.is_positive() || mode == Mode::Labels
    }

    /// True for a positive.
    pub fn is_positive(&self) -> bool {
        self.kind.is_positive()
    }

    /// Where the row stood in the input, counted from 1, for messages.
    pub fn place(&self) -> String {
        format!("row {} of input file {}", self.position % ROWS_OF_A_FILE + 1, self.position / ROWS_OF_A_FILE + 1)
    }
}
