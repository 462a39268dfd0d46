//! The end of the samples stage. In: the folders of all units. Out: every file of [`SampleLayout`]. What is one table for
//! all users is joined in the order of the buckets; samples are taken over as they are, last, so that a run which fails
//! before finds its units again.

use super::encode::{JUDGED, PARTS};
use super::fit::{ATTRIBUTES, FEATURES, Found, ITEMS};
use super::job::{COUNTS, HISTORIES, Job, Step, queries_of, samples_of};
use super::unchosen::{IMPRESSIONS, REJECTIONS};
use crate::error::{DataError, Result};
use crate::statistics::{HistoryLengths, PartCounts, Statistics};
use arrow_array::RecordBatch;
use std::path::{Path, PathBuf};
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{read_json, write_json};
use twinspire_core::table::{concatenated, list_lengths, read_mapped, write_table};
use twinspire_core::vfs::copy_file;

impl Job<'_> {
    /// Makes all files of the stage from those of the units, and says what was counted.
    ///
    /// # Errors
    /// Damaged files; a table above what one file holds; I/O.
    pub fn finish(&self, layout: &SampleLayout) -> Result<Statistics> {
        let vfs = self.context.stage.vfs;
        let fit = self.folder(Step::Fit);
        let encoded: Vec<PathBuf> = (0..self.buckets).map(|bucket| self.folder(Step::Encode(bucket))).collect();
        copy_file(vfs, &fit.join(FEATURES), &layout.features())?;
        copy_file(vfs, &fit.join(ITEMS), &layout.items())?;
        let attributes = fit.join(ATTRIBUTES);
        if vfs.exists(&attributes).map_err(|error| DataError::io(&attributes, error))? {
            copy_file(vfs, &attributes, &layout.attributes())?;
        }
        let histories = concatenated(&tables(&encoded, HISTORIES)?)?;
        let lengths = HistoryLengths::of(list_lengths(&histories, "items")?);
        write_table(vfs, &layout.histories(), &histories)?;
        drop(histories);
        for part in JUDGED {
            let queries = tables(&encoded, &queries_of(part))?;
            if !queries.is_empty() {
                self.create_folder(layout.queries(part).parent())?;
                write_table(vfs, &layout.queries(part), &concatenated(&queries)?)?;
            }
        }
        let statistics = self.statistics(&encoded, lengths)?;
        write_json(vfs, &layout.statistics(), &statistics)?;
        self.take_over(&encoded, IMPRESSIONS, &layout.impressions())?;
        self.take_over(&encoded, REJECTIONS, &layout.rejections())?;
        for part in PARTS {
            self.create_folder(Some(&layout.part(part)))?;
            self.take_over(&encoded, &samples_of(part), &layout.part(part))?;
        }
        Ok(statistics)
    }

    /// Moves the tables of this name to `folder`, each under the number of its bucket.
    fn take_over(&self, encoded: &[PathBuf], name: &str, folder: &Path) -> Result<()> {
        let vfs = self.context.stage.vfs;
        for (bucket, unit) in encoded.iter().enumerate() {
            let from = unit.join(name);
            if vfs.exists(&from).map_err(|error| DataError::io(&from, error))? {
                self.create_folder(Some(folder))?;
                let to = folder.join(format!("{bucket:05}.arrow"));
                vfs.rename(&from, &to).map_err(|error| DataError::io(&from, error))?;
            }
        }
        Ok(())
    }

    fn create_folder(&self, folder: Option<&Path>) -> Result<()> {
        let Some(folder) = folder else { return Ok(()) };
        self.context.stage.vfs.create_dir_all(folder).map_err(|error| DataError::io(folder, error))
    }

    fn statistics(&self, encoded: &[PathBuf], history_lengths: HistoryLengths) -> Result<Statistics> {
        let vfs = self.context.stage.vfs;
        let found = Found::read(vfs, &self.folder(Step::Fit))?;
        let mut counts = PARTS.map(|_| PartCounts::default());
        for folder in encoded {
            let more: [PartCounts; 3] = read_json(vfs, &folder.join(COUNTS))?;
            counts.iter_mut().zip(&more).for_each(|(counts, more)| counts.add(more));
        }
        let filtered: u64 = found.filtered.values().sum();
        Ok(Statistics {
            read: counts.iter().map(|part| part.interactions).sum::<u64>() + filtered,
            filtered: found.filtered,
            users: found.users,
            items: found.items,
            cold_items: found.cold_items,
            hottest_share: found.hottest_share,
            history_lengths,
            parts: PARTS.into_iter().zip(counts).collect(),
            collisions: found.collisions,
        })
    }
}

/// The tables of this name in the folders, where there is one.
fn tables(folders: &[PathBuf], name: &str) -> Result<Vec<RecordBatch>> {
    let paths = folders.iter().map(|folder| folder.join(name)).filter(|path| path.exists());
    Ok(paths.map(|path| read_mapped(&path)).collect::<twinspire_core::Result<_>>()?)
}
