//! Samples: the rows that train and judge. `samples/<part>/<bucket>.arrow` and `queries/<part>.arrow`.
//!
//! Columns of both: `user` UInt32 (row of the history table, MISSING without one), `item` UInt32 (row of the corpus),
//! `label` Float32 (1 or 0), `weight` Float32, `time` Int64, `history_end` UInt32 and `history_skip` UInt32 (the
//! history as of the event is `items[..history_end]` without position `history_skip`, MISSING = skip nothing),
//! and the encoded user and context features with the prefix `user_` (see [`crate::table`]).
//! In `labels` mode also the row's own item features with the prefix `item_`.
//! Queries have one row a judged user (or event, without users), the features and history as of the first event of
//! the part, `label` 1, `item` = the first true item, and `truth` `List<UInt32>`: all true items of the part, ascending.

use crate::encode::{EncodedRows, EncodedView, FeatureEncoder};
use crate::items;
use crate::table::{self, EncodedTable, ListView, SharedLists, batch_of, check_ids, check_layout, layout_text};
use crate::{CoreError, Result};
use arrow_array::types::{Float32Type, Int64Type, UInt32Type};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, UInt32Array};
use arrow_buffer::ScalarBuffer;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const USER_LAYOUT_KEY: &str = "user_layout";
const USER_PREFIX: &str = "user_";

/// Rows before they are written, or while they stay in memory.
#[derive(Debug, Clone, Default)]
pub struct SampleRows {
    /// Row of the history table, or MISSING.
    pub user: Vec<u32>,
    /// Row of the corpus.
    pub item: Vec<u32>,
    /// 1 or 0.
    pub label: Vec<f32>,
    /// Weight in the loss.
    pub weight: Vec<f32>,
    /// Microseconds UTC.
    pub time: Vec<i64>,
    /// Length of the history as of the event.
    pub history_end: Vec<u32>,
    /// Position that is left out of the history, or MISSING.
    pub history_skip: Vec<u32>,
    /// Encoded user and context features.
    pub user_features: EncodedRows,
    /// The row's own item features (`labels` mode).
    pub item_features: Option<EncodedRows>,
    /// True items (queries): offsets and values.
    pub truth: Option<(Vec<i32>, Vec<u32>)>,
}

impl SampleRows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.user.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.user.is_empty()
    }

    /// The table of these rows.
    ///
    /// # Errors
    /// `Damaged` when the columns have different lengths.
    pub fn into_batch(self, encoder: &FeatureEncoder) -> Result<RecordBatch> {
        let integers = |values: Vec<u32>| Arc::new(UInt32Array::from(values)) as ArrayRef;
        let floats = |values: Vec<f32>| Arc::new(Float32Array::from(values)) as ArrayRef;
        let mut columns = vec![
            ("user".to_owned(), integers(self.user)),
            ("item".to_owned(), integers(self.item)),
            ("label".to_owned(), floats(self.label)),
            ("weight".to_owned(), floats(self.weight)),
            ("time".to_owned(), Arc::new(Int64Array::from(self.time)) as ArrayRef),
            ("history_end".to_owned(), integers(self.history_end)),
            ("history_skip".to_owned(), integers(self.history_skip)),
        ];
        let mut layouts = vec![(USER_LAYOUT_KEY, layout_text(encoder.user_layout()))];
        columns.extend(table::encoded_columns(USER_PREFIX, self.user_features));
        if let Some(item_features) = self.item_features {
            columns.extend(table::encoded_columns(items::PREFIX, item_features));
            layouts.push((items::LAYOUT_KEY, layout_text(encoder.item_layout())));
        }
        if let Some((offsets, values)) = self.truth {
            columns.push(("truth".to_owned(), table::list_column::<UInt32Type>(offsets, values)));
        }
        batch_of(columns, layouts)
    }
}

/// One file of samples or queries, memory-mapped.
#[derive(Debug, Clone)]
pub struct SampleTable {
    users: ScalarBuffer<u32>,
    items: ScalarBuffer<u32>,
    labels: ScalarBuffer<f32>,
    weights: ScalarBuffer<f32>,
    times: ScalarBuffer<i64>,
    history_end: ScalarBuffer<u32>,
    history_skip: ScalarBuffer<u32>,
    user_features: EncodedTable,
    item_features: Option<EncodedTable>,
    truth: Option<SharedLists<u32>>,
}

impl SampleTable {
    /// Maps a file.
    ///
    /// # Errors
    /// `Damaged`, or `Mismatch` when its fields are not those of `encoder`; I/O.
    pub fn open(path: &Path, encoder: &FeatureEncoder) -> Result<Self> {
        let batch = table::read_mapped(path)?;
        Self::checked(&batch, encoder).map_err(|error| error.of_file(path))
    }

    fn checked(batch: &RecordBatch, encoder: &FeatureEncoder) -> Result<Self> {
        check_layout(batch, USER_LAYOUT_KEY, encoder.user_layout())?;
        let samples = Self::from_batch(batch)?;
        check_ids(&samples.user_features(), encoder.user_layout())?;
        if let Some(features) = samples.item_features() {
            check_layout(batch, items::LAYOUT_KEY, encoder.item_layout())?;
            check_ids(&features, encoder.item_layout())?;
        }
        Ok(samples)
    }

    /// Wraps a batch that is in memory.
    ///
    /// # Errors
    /// `Damaged` when a column is missing or of another type.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let has_items = batch.schema_ref().metadata().contains_key(items::LAYOUT_KEY);
        let has_truth = batch.column_by_name("truth").is_some();
        Ok(Self {
            users: table::shared::<UInt32Type>(batch, "user")?,
            items: table::shared::<UInt32Type>(batch, "item")?,
            labels: table::shared::<Float32Type>(batch, "label")?,
            weights: table::shared::<Float32Type>(batch, "weight")?,
            times: table::shared::<Int64Type>(batch, "time")?,
            history_end: table::shared::<UInt32Type>(batch, "history_end")?,
            history_skip: table::shared::<UInt32Type>(batch, "history_skip")?,
            user_features: EncodedTable::new(batch, USER_PREFIX)?,
            item_features: has_items.then(|| EncodedTable::new(batch, items::PREFIX)).transpose()?,
            truth: has_truth.then(|| table::shared_lists::<UInt32Type>(batch, "truth")).transpose()?,
        })
    }

    /// Refuses rows that point outside the corpus or the history table; whoever opens a file with them calls it.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn check_references(&self, items: usize, users: usize) -> Result<()> {
        let foreign_item = self.items.iter().any(|&item| item as usize >= items);
        let foreign_user = self.users.iter().any(|&user| user != crate::ids::MISSING && user as usize >= users);
        let foreign_truth =
            self.truth.as_ref().is_some_and(|truth| truth.values.iter().any(|&item| item as usize >= items));
        if foreign_item || foreign_user || foreign_truth {
            return Err(CoreError::damaged("samples", "a row points outside the corpus or the history table"));
        }
        Ok(())
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Rows of the history table, or MISSING.
    pub fn users(&self) -> &[u32] {
        &self.users
    }

    /// Rows of the corpus.
    pub fn items(&self) -> &[u32] {
        &self.items
    }

    /// 1 or 0.
    pub fn labels(&self) -> &[f32] {
        &self.labels
    }

    /// Weights in the loss.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Microseconds UTC.
    pub fn times(&self) -> &[i64] {
        &self.times
    }

    /// Lengths of the histories.
    pub fn history_end(&self) -> &[u32] {
        &self.history_end
    }

    /// Positions left out of the histories, or MISSING.
    pub fn history_skip(&self) -> &[u32] {
        &self.history_skip
    }

    /// User and context features.
    pub fn user_features(&self) -> EncodedView<'_> {
        self.user_features.view()
    }

    /// The rows' own item features, if they have any.
    pub fn item_features(&self) -> Option<EncodedView<'_>> {
        self.item_features.as_ref().map(EncodedTable::view)
    }

    /// True items, if these are queries.
    pub fn truth(&self) -> Option<ListView<'_, u32>> {
        self.truth.as_ref().map(SharedLists::view)
    }
}

/// All files of one part, in the order of their names.
#[derive(Debug, Clone, Default)]
pub struct SampleSet {
    tables: Vec<SampleTable>,
    /// Rows before each table; one longer than `tables`.
    starts: Vec<usize>,
}

impl SampleSet {
    /// Maps every `*.arrow` file of a folder; a folder that is not there is an empty set.
    ///
    /// # Errors
    /// As [`SampleTable::open`].
    pub fn open(folder: &Path, encoder: &FeatureEncoder) -> Result<Self> {
        let tables: Result<Vec<_>> =
            table::tables_in(folder)?.iter().map(|path| SampleTable::open(path, encoder)).collect();
        Ok(Self::new(tables?))
    }

    /// Joins tables.
    pub fn new(tables: Vec<SampleTable>) -> Self {
        let mut starts = vec![0];
        let mut rows = 0;
        for table in &tables {
            rows += table.len();
            starts.push(rows);
        }
        Self { tables, starts }
    }

    /// Rows of all tables.
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tables.
    pub fn tables(&self) -> &[SampleTable] {
        &self.tables
    }

    /// The table that holds a row, and the row in it.
    pub fn locate(&self, row: usize) -> (&SampleTable, usize) {
        let (table, row) = self.position(row);
        (&self.tables[table], row)
    }

    /// Number of the table that holds a row, and the row in it.
    pub fn position(&self, row: usize) -> (usize, usize) {
        let table = self.starts.partition_point(|&start| start <= row) - 1;
        (table, row - self.starts[table])
    }
}

/// Where the samples stage leaves its files, under `runs/<date>/samples`.
#[derive(Debug, Clone)]
pub struct SampleLayout {
    /// The folder of the stage.
    pub folder: PathBuf,
}

impl SampleLayout {
    /// `<part>/`, a folder of tables.
    pub fn part(&self, part: crate::interaction::Part) -> PathBuf {
        self.folder.join(part.name())
    }

    /// `queries/<part>.arrow`; not there when the part has no queries.
    pub fn queries(&self, part: crate::interaction::Part) -> PathBuf {
        self.folder.join("queries").join(format!("{}.arrow", part.name()))
    }

    /// `items.arrow`.
    pub fn items(&self) -> PathBuf {
        self.folder.join("items.arrow")
    }

    /// `attributes.arrow`, which is there where attributes of items are declared.
    pub fn attributes(&self) -> PathBuf {
        self.folder.join("attributes.arrow")
    }

    /// `histories.arrow`.
    pub fn histories(&self) -> PathBuf {
        self.folder.join("histories.arrow")
    }

    /// `impressions/`, tables of [`crate::user_items`]: what users were shown in the training part and never chose; not
    /// there without users or impressions.
    pub fn impressions(&self) -> PathBuf {
        self.folder.join("impressions")
    }

    /// `rejections/`, likewise: what users refused in the training part.
    pub fn rejections(&self) -> PathBuf {
        self.folder.join("rejections")
    }

    /// `features.json`.
    pub fn features(&self) -> PathBuf {
        self.folder.join("features.json")
    }

    /// `statistics.json`.
    pub fn statistics(&self) -> PathBuf {
        self.folder.join("statistics.json")
    }
}
