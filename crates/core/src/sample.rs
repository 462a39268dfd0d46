//! Samples: the rows that train and judge. `samples/<part>/<bucket>.arrow` and `queries/<part>.arrow`.
//!
//! Columns of both: `user` UInt32 (row of the history table, MISSING without one), `item` UInt32 (row of the corpus),
//! `label` Float32 (1 or 0), `weight` Float32, `time` Int64, `history_end` UInt32 and `history_skip` UInt32 (the
//! history as of the event is `items[..history_end]` without position `history_skip`, MISSING = skip nothing),
//! `user_single` FixedSizeList<UInt32>, `user_dense` FixedSizeList<Float32>, and for each multi field
//! `user_multi:<name>` List<UInt32> with `user_multi_weight:<name>` List<Float32>. A FixedSizeList of width 0 is left out.
//! In `labels` mode also the row's own item features with the prefix `item_`.
//! Queries have one row a judged user (or event, without users), the features and history as of the first event of
//! the part, `label` 1, `item` = the first true item, and `truth` List<UInt32>: all true items of the part, ascending.

use crate::encode::{EncodedRows, EncodedView, FeatureEncoder};
use crate::table::ListView;
use crate::Result;
use std::path::{Path, PathBuf};

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
    /// The table of these rows.
    pub fn into_batch(self, _encoder: &FeatureEncoder) -> Result<arrow_array::RecordBatch> { todo!() }
}

/// One file of samples or queries, memory-mapped.
#[derive(Debug, Clone)]
pub struct SampleTable {
    // batch, private
}

impl SampleTable {
    /// Maps a file; `encoder` says which fields it must hold.
    pub fn open(_path: &Path, _encoder: &FeatureEncoder) -> Result<Self> { todo!() }
    /// Wraps a batch that is in memory.
    pub fn from_batch(_batch: arrow_array::RecordBatch) -> Result<Self> { todo!() }
    /// Number of rows.
    pub fn len(&self) -> usize { todo!() }
    /// True without rows.
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    /// Rows of the history table.
    pub fn users(&self) -> &[u32] { todo!() }
    /// Rows of the corpus.
    pub fn items(&self) -> &[u32] { todo!() }
    /// 1 or 0.
    pub fn labels(&self) -> &[f32] { todo!() }
    /// Weights in the loss.
    pub fn weights(&self) -> &[f32] { todo!() }
    /// Microseconds UTC.
    pub fn times(&self) -> &[i64] { todo!() }
    /// Lengths of the histories.
    pub fn history_end(&self) -> &[u32] { todo!() }
    /// Positions left out of the histories.
    pub fn history_skip(&self) -> &[u32] { todo!() }
    /// User and context features.
    pub fn user_features(&self) -> EncodedView<'_> { todo!() }
    /// The rows' own item features, if they have any.
    pub fn item_features(&self) -> Option<EncodedView<'_>> { todo!() }
    /// True items, if these are queries.
    pub fn truth(&self) -> Option<ListView<'_, u32>> { todo!() }
}

/// All files of one part, in the order of their names.
#[derive(Debug, Clone, Default)]
pub struct SampleSet {
    tables: Vec<SampleTable>,
    /// Rows before each table; one longer than `tables`.
    starts: Vec<usize>,
}

impl SampleSet {
    /// Maps every `*.arrow` file of a folder.
    pub fn open(_folder: &Path, _encoder: &FeatureEncoder) -> Result<Self> { todo!() }
    /// Joins tables.
    pub fn new(tables: Vec<SampleTable>) -> Self {
        let mut starts = vec![0];
        for table in &tables {
            starts.push(starts[starts.len() - 1] + table.len());
        }
        Self { tables, starts }
    }
    /// Rows of all tables.
    pub fn len(&self) -> usize { self.starts.last().copied().unwrap_or(0) }
    /// True without rows.
    pub fn is_empty(&self) -> bool { self.len() == 0 }
    /// The tables.
    pub fn tables(&self) -> &[SampleTable] { &self.tables }
    /// The table that holds a row, and the row in it.
    pub fn locate(&self, row: usize) -> (&SampleTable, usize) {
        let table = self.starts.partition_point(|&start| start <= row) - 1;
        (&self.tables[table], row - self.starts[table])
    }
}

/// Where the samples stage leaves its files, under `runs/<date>/samples`.
#[derive(Debug, Clone)]
pub struct SampleLayout {
    /// The folder of the stage.
    pub folder: PathBuf,
}

impl SampleLayout {
    /// `samples/<part>/`, a folder of tables.
    pub fn part(&self, part: crate::interaction::Part) -> PathBuf { self.folder.join(part.name()) }
    /// `samples/queries/<part>.arrow`.
    pub fn queries(&self, part: crate::interaction::Part) -> PathBuf { self.folder.join("queries").join(format!("{}.arrow", part.name())) }
    /// `samples/items.arrow`.
    pub fn items(&self) -> PathBuf { self.folder.join("items.arrow") }
    /// `samples/histories.arrow`.
    pub fn histories(&self) -> PathBuf { self.folder.join("histories.arrow") }
    /// `samples/features.json`.
    pub fn features(&self) -> PathBuf { self.folder.join("features.json") }
    /// `samples/statistics.json`.
    pub fn statistics(&self) -> PathBuf { self.folder.join("statistics.json") }
}
