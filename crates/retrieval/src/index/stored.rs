//! An index of either kind that can be written and opened.
//!
//! In: vectors, or the file of an index. Out: [`StoredIndex`]. It chooses no kind: [`super::choice`] does.

use super::VectorIndex;
use super::about::{BuiltKind, CurvePoint, IndexReport};
use super::choice::scores_each;
use super::exact::ExactIndex;
use super::fit::Judged;
use super::image::Image;
use super::ivf::IvfIndex;
use crate::error::Result;
use crate::filter::Corpus;
use crate::rows::{best, leave_out};
use crate::scan::ScanQueries;
use crate::set::ItemSet;
use arrow_array::RecordBatch;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::OnceLock;
use twinspire_core::CoreError;
use twinspire_core::attribute::{AttributeTable, Filter};
use twinspire_core::query::Scored;
use twinspire_core::table::encode_table;
use twinspire_core::vfs::Vfs;

/// An index with its description.
#[derive(Debug)]
pub struct StoredIndex {
    report: IndexReport,
    kind: Kind,
    row_of_item: OnceLock<Vec<u32>>,
    /// Where the id of each item ends.
    id_ends: OnceLock<Vec<usize>>,
    attributes: Option<AttributeTable>,
}

#[derive(Debug)]
enum Kind {
    Exact(ExactIndex),
    Ivf(IvfIndex),
}

impl StoredIndex {
    /// The index of a sealed image.
    pub(super) fn new(image: Image, report: IndexReport) -> Self {
        let kind = match &report.cells {
            None => Kind::Exact(ExactIndex::of_image(image)),
            Some(cells) => Kind::Ivf(IvfIndex::new(image, cells.reach)),
        };
        Self { report, kind, row_of_item: OnceLock::new(), id_ends: OnceLock::new(), attributes: None }
    }

    /// Maps a file: nothing is copied, every byte is checked.
    ///
    /// # Errors
    /// `Io`, or `Damaged` that says what does not fit.
    pub fn open(path: &Path) -> Result<Self> {
        let image = Image::open(path)?;
        let damaged = |reason: &str| CoreError::damaged(path, reason);
        let report: IndexReport = serde_json::from_slice(image.about()).map_err(|error| damaged(&error.to_string()))?;
        let (sizes, cells) = (image.sizes(), report.cells.as_ref().map_or(0, |cells| cells.cells));
        let is_cellular = report.kind == BuiltKind::Ivf;
        let reach_is_sound = report.cells.as_ref().is_none_or(|cells| cells.reach.is_finite());
        let described = (report.items, report.dimension, cells, is_cellular);
        if described != (sizes.items, sizes.dimension, sizes.cells, sizes.cells > 0) || !reach_is_sound {
            return Err(damaged("its description does not fit its vectors").into());
        }
        let attributes = match image.attributes() {
            [] => None,
            bytes => Some(AttributeTable::from_bytes(bytes).map_err(|error| error.of_file(path))?),
        };
        if attributes.as_ref().is_some_and(|table| table.items() != report.items) {
            return Err(damaged("its attributes are those of other items").into());
        }
        Ok(Self { attributes, ..Self::new(image, report) })
    }

    /// An index that was built, with the attributes of its items; they are written with it.
    ///
    /// # Errors
    /// `Damaged` when the table is not one of as many items.
    pub fn with_attributes(self, batch: &RecordBatch) -> Result<Self> {
        let table = AttributeTable::from_batch(batch)?;
        if table.items() != self.report.items {
            return Err(CoreError::damaged("attributes", "they are those of other items").into());
        }
        let mut image = match self.kind {
            Kind::Exact(index) => index.into_image(),
            Kind::Ivf(index) => index.into_image(),
        };
        let about = image.about().to_vec();
        image.seal(&encode_table(batch)?, &about);
        Ok(Self { attributes: Some(table), ..Self::new(image, self.report) })
    }

    /// Attributes of the items, where there are some.
    pub fn attributes(&self) -> Option<&AttributeTable> {
        self.attributes.as_ref()
    }

    /// The items that fit a filter.
    ///
    /// # Errors
    /// `Invalid` of the field `filter`, with the names that there are.
    pub fn fitting(&self, filter: &Filter) -> Result<ItemSet> {
        let ids: FxHashMap<&str, u32> = self.ids().into_iter().zip(0..).collect();
        let find = |id: &str| ids.get(id).copied();
        let corpus = Corpus { items: self.len(), attributes: self.attributes(), find: &find };
        Ok(corpus.fitting(&corpus.resolve(filter)?))
    }

    /// Id of an item of an index that has ids.
    pub fn id(&self, item: u32) -> &str {
        let bytes = self.image().id_bytes();
        let ends = self.id_ends.get_or_init(|| {
            let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end);
            breaks.chain([bytes.len()]).collect()
        });
        let start = (item as usize).checked_sub(1).map_or(0, |before| ends[before] + 1);
        std::str::from_utf8(&bytes[start..ends[item as usize]]).expect("ids are checked when an index is opened")
    }

    /// Vector of an item.
    pub(super) fn vector(&self, item: u32) -> &[f32] {
        let rows = self.image().rows();
        let row = self.row_of_item().map_or(item, |rows| rows[item as usize]);
        &rows.values[row as usize * rows.dimension..][..rows.dimension]
    }

    /// Writes the one file that [`StoredIndex::open`] maps.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn write(&self, vfs: &dyn Vfs, path: &Path) -> Result<()> {
        Ok(self.image().write(vfs, path)?)
    }

    /// What it says of itself.
    pub fn report(&self) -> &IndexReport {
        &self.report
    }

    /// Recall and cost of other queries, `[queries, dimension]`, at the reaches of the stored curve; none where every item
    /// is looked at. `vectors` are those it was built from.
    pub fn curve_of(&self, vectors: &[f32], queries: &[f32]) -> Vec<CurvePoint> {
        match (&self.kind, &self.report.cells) {
            (Kind::Ivf(index), Some(cells)) => {
                let judged = Judged::of(vectors, queries, self.report.dimension, self.report.k);
                cells.curve.iter().map(|point| judged.judge(index, point.reach)).collect()
            }
            (Kind::Exact(_), _) | (Kind::Ivf(_), None) => Vec::new(),
        }
    }

    /// Bytes of its file.
    pub fn file_bytes(&self) -> usize {
        self.image().len()
    }

    /// The ids it was built with, by item.
    pub fn ids(&self) -> Vec<&str> {
        self.image().ids().filter(|ids| !ids.is_empty()).map(|ids| ids.split('\n').collect()).unwrap_or_default()
    }

    /// Scores each of a few items.
    fn search_each(&self, queries: ScanQueries<'_>, k: usize, few: &ItemSet) -> Vec<Vec<Scored>> {
        let rows = self.image().rows();
        let mut wanted: Vec<u32> = match self.row_of_item() {
            None => few.iter().collect(),
            Some(row_of_item) => few.iter().map(|item| row_of_item[item as usize]).collect(),
        };
        wanted.sort_unstable();
        let one = |(query, excluded): (&[f32], &&[u32])| {
            let mut scored = Vec::with_capacity(wanted.len());
            rows.score(&wanted, query, &mut scored);
            leave_out(best(scored, k + excluded.len()), excluded, k)
        };
        match queries.excluded {
            [excluded] => vec![one((queries.vectors, excluded))],
            _ => queries.vectors.par_chunks_exact(rows.dimension).zip(queries.excluded).map(one).collect(),
        }
    }

    /// Where rows do not lie in the order of the items: the row of each item, made when the first tight filter comes.
    fn row_of_item(&self) -> Option<&[u32]> {
        let items = self.image().rows().items?;
        Some(self.row_of_item.get_or_init(|| {
            let mut rows = vec![0; items.len()];
            items.iter().zip(0..).for_each(|(&item, row)| rows[item as usize] = row);
            rows
        }))
    }

    fn image(&self) -> &Image {
        match &self.kind {
            Kind::Exact(index) => index.image(),
            Kind::Ivf(index) => index.image(),
        }
    }

    fn index(&self) -> &dyn VectorIndex {
        match &self.kind {
            Kind::Exact(index) => index,
            Kind::Ivf(index) => index,
        }
    }
}

impl VectorIndex for StoredIndex {
    /// A tight filter needs no index: where the cost table says so, each item that it leaves is scored.
    fn search(&self, queries: ScanQueries<'_>, k: usize, allowed: Option<&ItemSet>) -> Vec<Vec<Scored>> {
        let sizes = (self.report.kind, self.len(), self.report.dimension);
        match allowed.filter(|allowed| scores_each(allowed.count(), sizes, k)) {
            Some(few) => self.search_each(queries, k, few),
            None => self.index().search(queries, k, allowed),
        }
    }

    fn len(&self) -> usize {
        self.index().len()
    }

    fn is_exact(&self) -> bool {
        self.index().is_exact()
    }
}
