//! Means and deviations of windowed features. A window counts values of items, so they can be learnt only when the corpus
//! is known: by one more look at the rows of every bucket, if some window is normalised at all. In: the `scan` folders and
//! the corpus. Out: the encoder with its moments.

use super::history::UserHistory;
use super::job::Job;
use super::numbers::ItemNumbers;
use crate::error::Result;
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use twinspire_core::encode::{FeatureEncoder, WindowFitter};
use twinspire_core::interaction::Part;

/// The encoder, with what windows hold as of the samples of the train part.
///
/// # Errors
/// Damaged tables; an item that no scan saw.
pub(super) fn fit_windows(
    job: &Job<'_>,
    scans: &[PathBuf],
    items: &ItemNumbers,
    encoder: FeatureEncoder,
) -> Result<FeatureEncoder> {
    let mut fitter = WindowFitter::new(encoder.schema());
    if !fitter.is_needed() {
        return Ok(encoder);
    }
    let looks: Vec<Result<WindowFitter>> = scans.par_iter().map(|scan| look(job, scan, items, &encoder)).collect();
    for look in looks {
        fitter.merge(look?);
    }
    Ok(encoder.with_moments(fitter.moments())?)
}

fn look(job: &Job<'_>, scan: &Path, items: &ItemNumbers, encoder: &FeatureEncoder) -> Result<WindowFitter> {
    let mut fitter = WindowFitter::new(encoder.schema());
    let bucket = job.stored(scan).open()?;
    let (features, numbers) = (items.features(), items.of_bucket(&bucket)?);
    let mode = job.settings.mode();
    for group in bucket.groups() {
        let rows = &bucket.rows[group];
        let items: Vec<u32> = rows.iter().map(|row| numbers[row.item as usize]).collect();
        let history = UserHistory::of(rows, &items);
        let mut behaviour = encoder.windows().of(history.timed(), &features);
        for row in rows.iter().filter(|row| row.part == Part::Train && row.is_sample(mode)) {
            fitter.see(behaviour.as_of(row.time));
        }
    }
    Ok(fitter)
}
