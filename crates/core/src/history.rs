//! Histories, stored once per user: `histories.arrow`, one row a user.
//!
//! Columns: `user` Utf8, `items` `List<UInt32>` (item indices of the user's positives, oldest first), `times`
//! `List<Int64>`, and one nullable Utf8 column `f:<column>` for each raw user-side column (the last known value).
//! A sample points at (user, end position, skipped position); prefixes are never copied.

use crate::hash::fingerprint64;
use crate::ids::MISSING;
use crate::table::{SharedLists, batch_of, list_column, read_mapped, shared_lists, text_column, texts};
use crate::{CoreError, Result};
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use std::path::Path;
use std::sync::Arc;

/// The history table, memory-mapped.
#[derive(Debug, Clone)]
pub struct Histories {
    batch: RecordBatch,
    users: StringArray,
    items: SharedLists<u32>,
    times: SharedLists<i64>,
    /// (fingerprint of the key, row), ascending: 12 bytes a user.
    by_key: Arc<Vec<(u64, u32)>>,
    /// Raw columns that hold the key of every user.
    key_columns: Arc<Vec<String>>,
}

/// Histories before they are written, one row a user.
#[derive(Debug, Clone, Default)]
pub struct HistoryRows {
    /// Keys of the users.
    pub users: Vec<String>,
    /// Ends of the rows in `items` and `times`; starts with 0.
    pub offsets: Vec<i32>,
    /// Item indices, oldest first.
    pub items: Vec<u32>,
    /// Microseconds UTC.
    pub times: Vec<i64>,
    /// Raw user-side columns: name and one value a user.
    pub raw: Vec<(String, Vec<Option<String>>)>,
}

impl HistoryRows {
    /// The table of these rows.
    ///
    /// # Errors
    /// `Damaged` when the columns have different lengths, `Invalid` when one holds 2 GiB of text.
    pub fn into_batch(self) -> Result<RecordBatch> {
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("user".into(), texts("user", self.users.iter().map(|user| Some(user.as_str())))?),
            ("items".into(), list_column::<UInt32Type>(self.offsets.clone(), self.items)),
            ("times".into(), list_column::<Int64Type>(self.offsets, self.times)),
        ];
        for (name, values) in self.raw {
            let column = texts(&name, values.iter().map(Option::as_deref))?;
            columns.push((format!("f:{name}"), column));
        }
        batch_of(columns, vec![])
    }
}

impl Histories {
    /// Maps `histories.arrow`; `items` is the size of the corpus.
    ///
    /// # Errors
    /// `Damaged` when a column is missing, a key occurs twice or an item lies outside the corpus; I/O.
    pub fn open(path: &Path, items: usize) -> Result<Self> {
        let histories = Self::from_batch(read_mapped(path)?).map_err(|error| error.of_file(path))?;
        if histories.items.values.iter().any(|&item| item as usize >= items) {
            return Err(CoreError::damaged(path, "a history holds an item outside the corpus"));
        }
        Ok(histories)
    }

    /// Wraps a batch that is in memory.
    ///
    /// # Errors
    /// As [`Histories::open`].
    pub fn from_batch(batch: RecordBatch) -> Result<Self> {
        let users = text_column(&batch, "user")?.clone();
        let items = shared_lists::<UInt32Type>(&batch, "items")?;
        let times = shared_lists::<Int64Type>(&batch, "times")?;
        if users.null_count() > 0 || *items.offsets != *times.offsets {
            return Err(CoreError::damaged("histories.arrow", "users, items and times do not fit each other"));
        }
        let key = |row: usize| (fingerprint64(users.value(row).as_bytes()), row as u32);
        let mut by_key: Vec<(u64, u32)> = (0..users.len()).map(key).collect();
        by_key.sort_unstable();
        let equal = |pair: &[(u64, u32)]| {
            pair[0].0 == pair[1].0 && users.value(pair[0].1 as usize) == users.value(pair[1].1 as usize)
        };
        if by_key.windows(2).any(equal) {
            return Err(CoreError::damaged("histories.arrow", "a user occurs twice"));
        }
        let key_columns = Arc::new(key_columns(&batch, &users));
        Ok(Self { batch, users, items, times, by_key: Arc::new(by_key), key_columns })
    }

    /// A table without users.
    pub fn empty() -> Self {
        let rows = HistoryRows { offsets: vec![0], ..HistoryRows::default() };
        rows.into_batch().and_then(Self::from_batch).expect("an empty table is whole")
    }

    /// Number of users.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// True without users.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Row of a user key.
    pub fn find(&self, user: &str) -> Option<u32> {
        let wanted = fingerprint64(user.as_bytes());
        let start = self.by_key.partition_point(|&(fingerprint, _)| fingerprint < wanted);
        let equal = self.by_key[start..].iter().take_while(|(fingerprint, _)| *fingerprint == wanted);
        equal.map(|&(_, row)| row).find(|&row| self.user(row) == user)
    }

    /// Key of a user.
    pub fn user(&self, row: u32) -> &str {
        self.users.value(row as usize)
    }

    /// All item indices of a user, oldest first.
    pub fn items(&self, row: u32) -> &[u32] {
        self.items.view().row(row as usize)
    }

    /// The history of a sample: the items before `end`; nothing where the user is MISSING. The position that a sample
    /// skips is the caller's to leave out.
    pub fn before(&self, user: u32, end: u32) -> &[u32] {
        if user == MISSING {
            return &[];
        }
        let items = self.items(user);
        &items[..(end as usize).min(items.len())]
    }

    /// Times of [`Histories::before`], microseconds UTC.
    pub fn times_before(&self, user: u32, end: u32) -> &[i64] {
        if user == MISSING {
            return &[];
        }
        let times = self.times(user);
        &times[..(end as usize).min(times.len())]
    }

    /// Times of [`Histories::items`], microseconds UTC.
    pub fn times(&self, row: u32) -> &[i64] {
        self.times.view().row(row as usize)
    }

    /// Time of the last event of all users, microseconds UTC; 0 without events.
    pub fn last_time(&self) -> i64 {
        self.times.values.iter().copied().max().unwrap_or_default()
    }

    /// True when a raw column is the user key itself: it holds the key of every user. A user without a row then has her
    /// key as its value too, as she would have had in the log.
    pub fn is_key(&self, column: &str) -> bool {
        self.key_columns.iter().any(|key| key == column)
    }

    /// Last known raw value of a user-side column.
    pub fn raw(&self, row: u32, column: &str) -> Option<&str> {
        let values = text_column(&self.batch, &format!("f:{column}")).ok()?;
        (!values.is_null(row as usize)).then(|| values.value(row as usize))
    }
}

/// Raw columns that equal the keys; none where there is no user to tell.
fn key_columns(batch: &RecordBatch, users: &StringArray) -> Vec<String> {
    let schema = batch.schema_ref();
    let raw = schema.fields().iter().filter_map(|field| field.name().strip_prefix("f:"));
    let equal = |column: &str| {
        !users.is_empty() && text_column(batch, &format!("f:{column}")).is_ok_and(|values| values == users)
    };
    raw.filter(|column| equal(column)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> HistoryRows {
        HistoryRows {
            users: ["ann", "bob", "eve"].map(String::from).to_vec(),
            offsets: vec![0, 2, 2, 3],
            items: vec![4, 0, 1],
            times: vec![10, 20, 5],
            raw: vec![("city".into(), vec![Some("Rome".into()), None, None])],
        }
    }

    #[test]
    fn users_are_found_by_key_and_histories_end_where_they_are_told() {
        let histories = Histories::from_batch(rows().into_batch().unwrap()).unwrap();
        let ann = histories.find("ann").unwrap();
        assert_eq!((histories.items(ann), histories.times(ann)), (&[4, 0][..], &[10, 20][..]));
        assert_eq!(histories.before(ann, 1), [4]);
        assert_eq!((histories.before(ann, 9), histories.before(MISSING, 3)), (&[4, 0][..], &[][..]));
        assert_eq!(histories.raw(ann, "city"), Some("Rome"));
        assert_eq!((histories.raw(1, "city"), histories.raw(ann, "age"), histories.find("zoe")), (None, None, None));
        assert!(Histories::empty().find("ann").is_none());
    }

    #[test]
    fn a_double_user_and_a_foreign_item_are_refused() {
        let mut twice = rows();
        twice.users[1] = "ann".into();
        assert!(Histories::from_batch(twice.into_batch().unwrap()).is_err());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("h.arrow");
        crate::table::write_table(&crate::vfs::RealVfs, &path, &rows().into_batch().unwrap()).unwrap();
        assert!(Histories::open(&path, 5).is_ok() && Histories::open(&path, 4).is_err());
        let other = batch_of(vec![("id".into(), texts("id", [Some("a")].into_iter()).unwrap())], vec![]).unwrap();
        crate::table::write_table(&crate::vfs::RealVfs, &path, &other).unwrap();
        let error = Histories::open(&path, 5).unwrap_err().to_string();
        assert!(error.contains("h.arrow") && error.contains("`user`"), "{error}");
    }
}
