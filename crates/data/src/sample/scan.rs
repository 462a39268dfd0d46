//! The first pass: what must be known before any row can be encoded. In: one bucket, split. Out: its items, what the
//! fitters saw of the train part, and counts; also as files, for whoever joins the buckets.

use super::corpus::{Corpus, SeenItems};
use super::job::COUNTS;
use super::source::Sources;
use crate::bucket::Bucket;
use crate::config::Mode;
use arrow_array::Array;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::Result;
use twinspire_core::encode::{Collisions, Fitted, Fitter};
use twinspire_core::interaction::Part;
use twinspire_core::schema::FeatureSchema;
use twinspire_core::stage::{read_json, write_json};
use twinspire_core::table::write_table;
use twinspire_core::vfs::Vfs;

/// Items that are seen or encoded by one thread at a time; part of the result's order, so it never changes.
pub(super) const ITEM_CHUNK: usize = 16_384;

/// What one bucket holds.
pub(super) struct Scan {
    /// Different users.
    pub users: u32,
    /// Rows that were left out, by reason.
    pub filtered: BTreeMap<String, u64>,
    pub items: SeenItems,
    pub fitter: Fitter,
}

/// Items, and what the fitters saw.
pub(super) const ITEMS: &str = "items.arrow";
const FITTER: &str = "fitter.json";

impl Scan {
    /// Writes the scan into a folder.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&self, vfs: &dyn Vfs, folder: &Path) -> Result<()> {
        write_table(vfs, &folder.join(ITEMS), self.items.table())?;
        write_json(vfs, &folder.join(FITTER), &self.fitter)?;
        write_json(vfs, &folder.join(COUNTS), &(self.users, &self.filtered))
    }

    /// Reads what [`Scan::write`] wrote.
    ///
    /// # Errors
    /// Damaged files.
    pub fn read(vfs: &dyn Vfs, folder: &Path) -> Result<Self> {
        let (users, filtered) = read_json(vfs, &folder.join(COUNTS))?;
        let items = SeenItems::open(&folder.join(ITEMS))?;
        Ok(Self { users, filtered, items, fitter: read_json(vfs, &folder.join(FITTER))? })
    }
}

/// Looks at every row of a bucket.
///
/// # Errors
/// More than 2 GiB of text.
pub(super) fn scan(bucket: &Bucket, sources: &Sources, schema: &FeatureSchema, mode: Mode) -> Result<Scan> {
    let mut fitter = Fitter::new(schema);
    let mut values = Vec::new();
    for group in bucket.groups() {
        let rows = &bucket.rows[group];
        let profile = sources.user_entry(bucket.user_key(&rows[0]));
        for row in rows.iter().filter(|row| row.part == Part::Train && row.is_sample(mode)) {
            sources.user_values(bucket, row, profile, &mut values);
            fitter.see_user(&values);
            if mode == Mode::Labels {
                sources.own_item_values(bucket, row, &mut values);
                fitter.see_item(&values, 1);
            }
        }
    }
    let items = SeenItems::of(bucket, &sources.log_columns[..sources.item_log_columns])?;
    Ok(Scan { users: bucket.users().len() as u32, filtered: bucket.filtered.clone(), items, fitter })
}

/// Fits on the items of the corpus, on top of what was seen of the rows. Each item is seen once, and in `events` mode
/// once more for each of its train positives, so that a vocabulary counts occurrences in the train part.
pub(super) fn fit_items(
    rows: Fitter,
    corpus: &Corpus,
    sources: &Sources,
    schema: &FeatureSchema,
    mode: Mode,
) -> (Fitted, Vec<Collisions>) {
    let chunks: Vec<Fitter> = (0..corpus.len().div_ceil(ITEM_CHUNK))
        .into_par_iter()
        .map(|chunk| {
            let mut fitter = Fitter::new(schema);
            let mut values = Vec::new();
            for item in chunk * ITEM_CHUNK..((chunk + 1) * ITEM_CHUNK).min(corpus.len()) {
                sources.corpus_values(corpus, item, &mut values);
                let occurrences = if mode == Mode::Events { corpus.counts()[item] } else { 0 };
                fitter.see_item(&values, 1 + occurrences);
            }
            fitter
        })
        .collect();
    let mut fitter = rows;
    chunks.into_iter().for_each(|chunk| fitter.merge(chunk));
    fitter.finish()
}
