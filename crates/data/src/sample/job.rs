//! The two passes over the buckets. In: the interaction tables, by bucket. Out: every file of the stage. Held at a
//! time: one bucket a thread, the corpus, what the fitters saw (distinct values), and the histories and queries of the
//! buckets that are done; samples are written bucket by bucket. Results are joined in the order of the buckets, so no
//! byte depends on the number of threads.

use super::corpus::{Corpus, SeenItems};
use super::down_sample::DownSampling;
use super::encode::{BucketRows, Encoding, JUDGED, PARTS};
use super::rows::{append_histories, append_queries, empty_histories, empty_queries, history_lengths};
use super::scan::{Scan, fit_items, scan};
use super::source::Sources;
use super::split::SplitRule;
use crate::bucket::Bucket;
use crate::clean::Cleaning;
use crate::config::{DownSample, Mode};
use crate::error::{DataError, Result};
use crate::statistics::{HistoryLengths, PartCounts, Statistics, hottest_share};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use twinspire_core::encode::{Collisions, FeatureEncoder, Fitter};
use twinspire_core::history::HistoryRows;
use twinspire_core::items::ItemTable;
use twinspire_core::progress::Progress;
use twinspire_core::sample::{SampleLayout, SampleRows};
use twinspire_core::schema::FeatureSchema;
use twinspire_core::stage::write_json;
use twinspire_core::table::write_table;
use twinspire_core::vfs::{Vfs, write_file};
use twinspire_core::{CoreError, ids::MISSING};

/// Everything that the passes read.
pub(super) struct Job<'a> {
    pub vfs: &'a dyn Vfs,
    pub progress: &'a dyn Progress,
    pub schema: &'a FeatureSchema,
    pub mode: Mode,
    pub rule: SplitRule,
    pub cleaning: Cleaning,
    /// Weight of each positive event, by its number.
    pub weights: Vec<f32>,
    pub down_sample: DownSample,
    pub seed: u64,
    pub sources: Sources,
    /// Files of each bucket.
    pub buckets: Vec<Vec<PathBuf>>,
}

/// What the first pass found.
struct Found {
    /// Row of each bucket's first user in the history table.
    first_users: Vec<u32>,
    users: u64,
    filtered: BTreeMap<String, u64>,
    corpus: Corpus,
    encoder: FeatureEncoder,
    collisions: Vec<Collisions>,
}

/// What the second pass collects.
struct Collected {
    queries: [SampleRows; 2],
    histories: HistoryRows,
    counts: [PartCounts; 3],
}

fn file_name(bucket: usize) -> String {
    format!("{bucket:05}.arrow")
}

impl Job<'_> {
    /// Writes all files of the stage into `layout` and returns what was counted. Runs in the thread pool it is called in.
    ///
    /// # Errors
    /// Damaged tables, features that cannot be encoded, no positive in the train part, I/O.
    pub fn write(&self, layout: &SampleLayout) -> Result<Statistics> {
        let found = self.first_pass()?;
        write_file(self.vfs, &layout.features(), found.encoder.to_json().as_bytes())?;
        let encoding = Encoding {
            mode: self.mode,
            encoder: &found.encoder,
            sources: &self.sources,
            corpus: &found.corpus,
            weights: &self.weights,
            down_sampling: DownSampling::new(self.down_sample, self.seed, found.corpus.counts()),
        };
        let items = ItemTable::batch(found.corpus.ids(), found.corpus.counts(), encoding.items()?, &found.encoder)?;
        write_table(self.vfs, &layout.items(), &items)?;
        drop(items);
        let collected = self.second_pass(&encoding, &found.first_users, layout)?;
        let lengths = HistoryLengths::of(history_lengths(&collected.histories));
        write_table(self.vfs, &layout.histories(), &collected.histories.into_batch()?)?;
        for (part, queries) in JUDGED.into_iter().zip(collected.queries) {
            if !queries.item.is_empty() {
                write_table(self.vfs, &layout.queries(part), &queries.into_batch(&found.encoder)?)?;
            }
        }
        let statistics = found.statistics(lengths, collected.counts);
        write_json(self.vfs, &layout.statistics(), &statistics)?;
        Ok(statistics)
    }

    /// Does `work` for every bucket, a few at a time, and takes the results in the order of the buckets.
    fn in_order<T: Send>(
        &self,
        what: &str,
        work: impl Fn(usize) -> Result<T> + Sync,
        mut take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        self.progress.start(what, Some(self.buckets.len() as u64), "buckets");
        let numbers: Vec<usize> = (0..self.buckets.len()).collect();
        let all = numbers.chunks(rayon::current_num_threads()).try_for_each(|group| {
            let done: Vec<Result<T>> = group.par_iter().map(|&bucket| work(bucket)).collect();
            done.into_iter().try_for_each(|result| {
                take(result?)?;
                self.progress.advance(1);
                Ok(())
            })
        });
        self.progress.finish();
        all
    }

    /// A bucket with the final parts.
    fn load(&self, bucket: usize) -> Result<Bucket> {
        let columns = [&self.sources.log_columns, self.cleaning.columns()].concat();
        let mut loaded = Bucket::load(&self.buckets[bucket], &columns)?;
        self.cleaning.apply(&mut loaded);
        self.rule.apply(&mut loaded);
        Ok(loaded)
    }

    fn first_pass(&self) -> Result<Found> {
        let (mut seen, mut fitter) = (SeenItems::default(), Fitter::new(self.schema));
        let (mut first_users, mut users, mut filtered) = (Vec::with_capacity(self.buckets.len()), 0, BTreeMap::new());
        let look = |bucket: usize| Ok(scan(self.load(bucket)?, &self.sources, self.schema, self.mode));
        self.in_order("looking at interactions", look, |found: Scan| {
            first_users.push(row_of_user(users)?);
            users += u64::from(found.users);
            found.filtered.into_iter().for_each(|(reason, count)| *filtered.entry(reason).or_default() += count);
            seen.merge(found.items);
            fitter.merge(found.fitter);
            Ok(())
        })?;
        row_of_user(users)?;
        let corpus = Corpus::new(seen, self.sources.items.as_ref())?;
        if corpus.counts().iter().sum::<u64>() == 0 {
            let reason = "the train part has no positive, so there is nothing to learn from".to_owned();
            return Err(DataError::Unsuitable { what: "samples.split".to_owned(), reason });
        }
        let (fitted, collisions) = fit_items(fitter, &corpus, &self.sources, self.schema, self.mode);
        let encoder = FeatureEncoder::new(self.schema.clone(), fitted)?;
        Ok(Found { first_users, users, filtered, corpus, encoder, collisions })
    }

    fn second_pass(&self, encoding: &Encoding<'_>, first_users: &[u32], layout: &SampleLayout) -> Result<Collected> {
        let judged = layout.queries(PARTS[1]);
        let folders = PARTS.map(|part| layout.part(part)).into_iter().chain(judged.parent().map(PathBuf::from));
        for folder in folders {
            self.vfs.create_dir_all(&folder).map_err(|source| CoreError::io(&folder, source))?;
        }
        let mut collected = Collected {
            queries: JUDGED.map(|_| empty_queries(encoding.encoder)),
            histories: empty_histories(&self.sources),
            counts: PARTS.map(|_| PartCounts::default()),
        };
        let make = |bucket: usize| {
            let mut made = encoding.bucket(&self.load(bucket)?, first_users[bucket])?;
            self.write_samples(&mut made, bucket, encoding.encoder, layout)?;
            Ok(made)
        };
        self.in_order("making samples", make, |made: BucketRows| {
            for (queries, more) in collected.queries.iter_mut().zip(made.queries) {
                append_queries(queries, more)?;
            }
            collected.counts.iter_mut().zip(&made.counts).for_each(|(counts, more)| counts.add(more));
            Ok(append_histories(&mut collected.histories, made.histories)?)
        })?;
        Ok(collected)
    }

    /// Writes the samples of a bucket, one file a part, and lets go of them.
    fn write_samples(
        &self,
        made: &mut BucketRows,
        bucket: usize,
        encoder: &FeatureEncoder,
        layout: &SampleLayout,
    ) -> Result<()> {
        for (part, samples) in PARTS.into_iter().zip(&mut made.samples) {
            let samples = std::mem::take(samples);
            if !samples.item.is_empty() {
                write_table(self.vfs, &layout.part(part).join(file_name(bucket)), &samples.into_batch(encoder)?)?;
            }
        }
        Ok(())
    }
}

/// The row of the history table that the next user gets.
fn row_of_user(users: u64) -> Result<u32> {
    let row = u32::try_from(users).ok().filter(|&row| row < MISSING);
    row.ok_or_else(|| DataError::Unsuitable {
        what: "input.user".to_owned(),
        reason: format!("expected fewer than {MISSING} users, found {users}"),
    })
}

impl Found {
    fn statistics(self, history_lengths: HistoryLengths, counts: [PartCounts; 3]) -> Statistics {
        let per_item = self.corpus.counts();
        Statistics {
            read: counts.iter().map(|part| part.interactions).sum::<u64>() + self.filtered.values().sum::<u64>(),
            filtered: self.filtered,
            users: self.users,
            items: self.corpus.len() as u64,
            cold_items: per_item.iter().filter(|&&count| count == 0).count() as u64,
            hottest_share: hottest_share(per_item),
            history_lengths,
            parts: PARTS.into_iter().zip(counts).collect(),
            collisions: self.collisions,
        }
    }
}
