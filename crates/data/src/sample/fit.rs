//! What is known once every bucket has been scanned. In: the `scan` folders, in the order of the buckets. Out:
//! `features.json`, `items.arrow`, `attributes.arrow` and `found.json`; and, when they are opened again, [`Fit`].

use super::attributes::attributes_of;
use super::corpus::Corpus;
use super::job::Job;
use super::numbers::ItemNumbers;
use super::rows::append_encoded;
use super::scan::{ITEM_CHUNK, Scan, fit_items};
use super::windows::fit_windows;
use crate::error::{DataError, Result};
use crate::statistics::hottest_share;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use twinspire_core::encode::{Collisions, EncodedRows, FeatureEncoder, Fitter, WindowFitter};
use twinspire_core::items::ItemTable;
use twinspire_core::stage::{read_json, write_json};
use twinspire_core::table::write_table;
use twinspire_core::vfs::{Vfs, write_file};
use twinspire_core::{CoreError, ids::MISSING};

/// The fitted encoder.
pub(super) const FEATURES: &str = "features.json";
/// The corpus.
pub(super) const ITEMS: &str = "items.arrow";
/// Attributes of the corpus, where some are declared.
pub(super) const ATTRIBUTES: &str = "attributes.arrow";
const FOUND: &str = "found.json";

/// What the first look at all buckets found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Found {
    /// Row of each bucket's first user in the history table.
    pub first_users: Vec<u32>,
    pub users: u64,
    /// Rows that were left out, by reason.
    pub filtered: BTreeMap<String, u64>,
    pub items: u64,
    /// Items without a positive in the train part.
    pub cold_items: u64,
    pub hottest_share: f64,
    pub collisions: Vec<Collisions>,
}

impl Found {
    /// Reads it from a `fit` folder.
    ///
    /// # Errors
    /// A damaged file.
    pub fn read(vfs: &dyn Vfs, folder: &Path) -> Result<Self> {
        Ok(read_json(vfs, &folder.join(FOUND))?)
    }
}

/// The encoder and the corpus, for encoding buckets.
pub(super) struct Fit {
    pub encoder: FeatureEncoder,
    pub numbers: ItemNumbers,
    pub found: Found,
}

impl Fit {
    /// Reads the files of a `fit` folder.
    ///
    /// # Errors
    /// A damaged file.
    pub fn open(vfs: &dyn Vfs, folder: &Path) -> Result<Self> {
        let path = folder.join(FEATURES);
        let text = vfs.read(&path).map_err(|error| DataError::io(&path, error))?;
        let encoder = FeatureEncoder::from_json(&path, &String::from_utf8_lossy(&text))?;
        let numbers = ItemNumbers::of(&ItemTable::open(&folder.join(ITEMS), &encoder)?);
        Ok(Self { encoder, numbers, found: Found::read(vfs, folder)? })
    }
}

/// Joins the scans, in the order of the buckets, and writes the files of the `fit` folder.
///
/// # Errors
/// Damaged files, more users or items than fit, no positive in the train part, features that cannot be encoded, I/O.
pub(super) fn write_fit(
    job: &Job<'_>,
    vfs: &dyn Vfs,
    scans: &[PathBuf],
    staging: &Path,
) -> Result<BTreeMap<String, u64>> {
    let (mut seen, mut fitter, mut found) = (Vec::new(), Fitter::new(job.settings.features()), Found::default());
    for folder in scans {
        let scan = Scan::read(vfs, folder)?;
        found.first_users.push(row_of_user(found.users)?);
        found.users += u64::from(scan.users);
        scan.filtered.into_iter().for_each(|(reason, count)| *found.filtered.entry(reason).or_default() += count);
        seen.push(scan.items);
        fitter.merge(scan.fitter);
    }
    row_of_user(found.users)?;
    let columns = &job.sources.log_columns[..job.sources.item_log_columns];
    let corpus = Corpus::new(&seen, columns, job.sources.items.as_ref())?;
    if corpus.counts().iter().sum::<u64>() == 0 {
        let reason = "the train part has no positive, so there is nothing to learn from".to_owned();
        return Err(DataError::Unsuitable { what: "samples.split".to_owned(), reason });
    }
    let (mut fitted, collisions) =
        fit_items(fitter, &corpus, &job.sources, job.settings.features(), job.settings.mode());
    found.collisions = collisions;
    found.items = corpus.len() as u64;
    found.cold_items = corpus.counts().iter().filter(|&&count| count == 0).count() as u64;
    found.hottest_share = hottest_share(corpus.counts());
    // Nothing is known of windows yet; they do not read into the corpus.
    fitted.moments.extend(WindowFitter::new(job.settings.features()).moments());
    let encoder = FeatureEncoder::new(job.settings.features().clone(), fitted)?;
    let rows = encode_items(job, &corpus, &encoder)?;
    write_table(vfs, &staging.join(ITEMS), &ItemTable::batch(corpus.ids(), corpus.counts(), rows, &encoder)?)?;
    if let Some(batch) = attributes_of(&corpus, job.settings.items_table(), job.sources.items.as_ref())? {
        write_table(vfs, &staging.join(ATTRIBUTES), &batch)?;
    }
    let items = ItemNumbers::of(&ItemTable::open(&staging.join(ITEMS), &encoder)?);
    let encoder = fit_windows(job, scans, &items, encoder)?;
    write_file(vfs, &staging.join(FEATURES), encoder.to_json().as_bytes())?;
    write_json(vfs, &staging.join(FOUND), &found)?;
    Ok(BTreeMap::from([("items".to_owned(), found.items), ("users".to_owned(), found.users)]))
}

/// The row of the history table that the next user gets.
fn row_of_user(users: u64) -> Result<u32> {
    let row = u32::try_from(users).ok().filter(|&row| row < MISSING);
    row.ok_or_else(|| DataError::Unsuitable {
        what: "input.user".to_owned(),
        reason: format!("expected fewer than {MISSING} users, found {users}"),
    })
}

/// Item features of the whole corpus, in its order.
fn encode_items(job: &Job<'_>, corpus: &Corpus, encoder: &FeatureEncoder) -> Result<EncodedRows> {
    let one_chunk = |chunk: usize| -> Result<EncodedRows> {
        let (mut rows, mut values) = (encoder.empty_item_rows(), Vec::new());
        for item in chunk * ITEM_CHUNK..((chunk + 1) * ITEM_CHUNK).min(corpus.len()) {
            job.sources.corpus_values(corpus, item, &mut values);
            encoder.encode_item(&values, &mut rows).map_err(|error| of_item(corpus.id(item), error))?;
        }
        Ok(rows)
    };
    let chunks = (0..corpus.len().div_ceil(ITEM_CHUNK)).into_par_iter();
    let encoded: Vec<Result<EncodedRows>> = chunks.map(one_chunk).collect();
    let mut rows = encoder.empty_item_rows();
    for chunk in encoded {
        append_encoded(&mut rows, chunk?)?;
    }
    Ok(rows)
}

fn of_item(id: &str, error: CoreError) -> CoreError {
    if let CoreError::Invalid { field, reason } = error {
        return CoreError::Invalid { field: format!("item {id:?}, {field}"), reason };
    }
    error
}
