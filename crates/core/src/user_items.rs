//! Items of users that are not their positives: what they were shown and did not choose, what they refused, what was mined
//! for them. A folder of tables, each with some of the users.
//!
//! Columns: `user` UInt32 (row of the history table, ascending over all tables in the order of their names; users without
//! items are left out), `items` `List<UInt32>` (rows of the corpus, oldest first), `times` `List<Int64>` (microseconds UTC,
//! one an item).

use crate::table::{SharedLists, batch_of, list_column, read_mapped, shared, shared_lists, tables_in};
use crate::{CoreError, Result};
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_array::{ArrayRef, RecordBatch, UInt32Array};
use arrow_buffer::ScalarBuffer;
use std::path::Path;
use std::sync::Arc;

/// Lists before they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserItemRows {
    /// Rows of the history table, ascending.
    users: Vec<u32>,
    offsets: Vec<i32>,
    items: Vec<u32>,
    times: Vec<i64>,
}

impl Default for UserItemRows {
    fn default() -> Self {
        Self { users: Vec::new(), offsets: vec![0], items: Vec::new(), times: Vec::new() }
    }
}

impl UserItemRows {
    /// Appends the (item, time) pairs of a user, oldest first; nothing where there are none. Users come in ascending order.
    ///
    /// # Errors
    /// `Invalid` when one table would hold 2^31 items or more.
    pub fn push(&mut self, user: u32, entries: impl Iterator<Item = (u32, i64)>) -> Result<()> {
        let before = self.items.len();
        for (item, time) in entries {
            self.items.push(item);
            self.times.push(time);
        }
        if self.items.len() > before {
            let found = self.items.len();
            let too_many = |_| CoreError::Invalid {
                field: "samples".into(),
                reason: format!("expected fewer than 2^31 items in one table, found {found}"),
            };
            self.offsets.push(i32::try_from(found).map_err(too_many)?);
            self.users.push(user);
        }
        Ok(())
    }

    /// Number of users that have items.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// True where no user has items.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Number of items of all users.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The table of these rows.
    ///
    /// # Errors
    /// As [`batch_of`].
    pub fn into_batch(self) -> Result<RecordBatch> {
        let columns = vec![
            ("user".to_owned(), Arc::new(UInt32Array::from(self.users)) as ArrayRef),
            ("items".to_owned(), list_column::<UInt32Type>(self.offsets.clone(), self.items)),
            ("times".to_owned(), list_column::<Int64Type>(self.offsets, self.times)),
        ];
        batch_of(columns, vec![])
    }
}

/// One table, memory-mapped.
#[derive(Debug, Clone)]
struct Table {
    users: ScalarBuffer<u32>,
    items: SharedLists<u32>,
    times: SharedLists<i64>,
}

impl Table {
    fn new(batch: &RecordBatch) -> Result<Self> {
        let users = shared::<UInt32Type>(batch, "user")?;
        let items = shared_lists::<UInt32Type>(batch, "items")?;
        let times = shared_lists::<Int64Type>(batch, "times")?;
        if *items.offsets != *times.offsets {
            return Err(CoreError::damaged("user items", "items and times do not fit each other"));
        }
        Ok(Self { users, items, times })
    }
}

/// The lists of all users.
#[derive(Debug, Clone, Default)]
pub struct UserItems {
    tables: Vec<Table>,
}

impl UserItems {
    /// Maps the tables of a folder; a folder that is not there has none. `users` and `items` are the sizes of the history
    /// table and of the corpus.
    ///
    /// # Errors
    /// `Damaged` when a column is missing, the users do not ascend, or a row points outside the history table or the
    /// corpus; I/O.
    pub fn open(folder: &Path, (users, items): (usize, usize)) -> Result<Self> {
        let mut all = Self::default();
        for path in tables_in(folder)? {
            let table = Table::new(&read_mapped(&path)?).map_err(|error| error.of_file(&path))?;
            let is_inside = table.users.iter().all(|&user| (user as usize) < users)
                && table.items.values.iter().all(|&item| (item as usize) < items);
            if !is_inside {
                return Err(CoreError::damaged(&path, "a row points outside the corpus or the history table"));
            }
            all.push(table).map_err(|error| error.of_file(&path))?;
        }
        Ok(all)
    }

    /// Wraps one batch that is in memory.
    ///
    /// # Errors
    /// As [`UserItems::open`].
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let mut all = Self::default();
        all.push(Table::new(batch)?)?;
        Ok(all)
    }

    fn push(&mut self, table: Table) -> Result<()> {
        let before = self.tables.last().and_then(|table| table.users.last());
        let mut users = before.into_iter().chain(&*table.users);
        if !users.clone().zip(users.by_ref().skip(1)).all(|(user, next)| user < next) {
            return Err(CoreError::damaged("user items", "the users do not ascend"));
        }
        if !table.users.is_empty() {
            self.tables.push(table);
        }
        Ok(())
    }

    /// True where no user has items.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Items of a user, oldest first, and their times, microseconds UTC.
    pub fn of(&self, user: u32) -> (&[u32], &[i64]) {
        let number = self.tables.partition_point(|table| table.users[0] <= user);
        let Some(table) = number.checked_sub(1).map(|number| &self.tables[number]) else { return (&[], &[]) };
        match table.users.binary_search(&user) {
            Ok(row) => (table.items.view().row(row), table.times.view().row(row)),
            Err(_) => (&[], &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::write_table;
    use crate::vfs::RealVfs;

    fn rows(lists: &[(u32, &[u32])]) -> UserItemRows {
        let mut rows = UserItemRows::default();
        for (user, items) in lists {
            rows.push(*user, items.iter().copied().zip(10..)).unwrap();
        }
        rows
    }

    #[test]
    fn lists_survive_their_files_and_damaged_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lists = folder.path().join("lists");
        let open = |users, items| UserItems::open(&lists, (users, items));
        assert!(open(9, 9).unwrap().is_empty(), "a folder that is not there");
        std::fs::create_dir(&lists).unwrap();
        let write = |name: &str, rows: UserItemRows| {
            write_table(&RealVfs, &lists.join(name), &rows.into_batch().unwrap()).unwrap();
        };
        write("0.arrow", rows(&[(1, &[4, 0]), (2, &[]), (3, &[2])]));
        write("1.arrow", rows(&[(7, &[3])]));
        let all = open(8, 5).unwrap();
        assert_eq!(all.of(1), (&[4, 0][..], &[10, 11][..]));
        let items = [0, 2, 3, 4, 7, 9].map(|user| all.of(user).0);
        assert_eq!(items, [&[][..], &[], &[2], &[], &[3], &[]]);
        assert!(open(7, 5).is_err() && open(8, 4).is_err());
        write("2.arrow", rows(&[(6, &[3])]));
        assert!(open(8, 5).unwrap_err().to_string().contains("2.arrow"), "users do not ascend");
    }
}
