//! The second pass: rows to samples. In: one bucket, split, and the fitted encoder. Out: [`BucketRows`]: samples by
//! part, queries of the judged parts, and the histories of the bucket's users.

use super::down_sample::DownSampling;
use super::history::UserHistory;
use super::numbers::ItemNumbers;
use super::rows::{Plain, empty_histories, empty_queries, empty_samples, list_end, push_plain, push_user};
use super::side::Entry;
use super::source::Sources;
use super::unchosen::Unchosen;
use crate::bucket::{Bucket, Row};
use crate::config::Mode;
use crate::statistics::PartCounts;
use twinspire_core::behaviour::Behaviour;
use twinspire_core::encode::{EncodedView, FeatureEncoder, Raw};
use twinspire_core::history::HistoryRows;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::{EventKind, Part};
use twinspire_core::sample::SampleRows;
use twinspire_core::{CoreError, Result};

/// All parts, in the order of their numbers.
pub(super) const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// The judged parts: those that have queries.
pub(super) const JUDGED: [Part; 2] = [Part::Validation, Part::Test];

/// What the second pass needs to know.
pub(super) struct Encoding<'a> {
    pub mode: Mode,
    pub encoder: &'a FeatureEncoder,
    pub sources: &'a Sources,
    /// Weight of each positive event, by its number.
    pub weights: &'a [f32],
    pub down_sampling: DownSampling<'a>,
    pub numbers: &'a ItemNumbers,
    /// Encoded features of the corpus, which windows count.
    pub items: EncodedView<'a>,
}

/// Everything that one bucket becomes.
pub(super) struct BucketRows {
    /// In the order of [`PARTS`].
    pub samples: [SampleRows; 3],
    /// In the order of [`JUDGED`].
    pub queries: [SampleRows; 2],
    pub histories: HistoryRows,
    pub unchosen: Unchosen,
    /// In the order of [`PARTS`].
    pub counts: [PartCounts; 3],
}

/// The rows of one user.
struct UserRows<'a> {
    bucket: &'a Bucket,
    rows: &'a [Row],
    /// Corpus row of each.
    items: &'a [u32],
    history: &'a UserHistory,
    /// What windows of the history hold.
    behaviour: Behaviour<'a>,
    /// Row of the history table, or MISSING.
    user: u32,
    /// Her rows of the user table.
    profile: Option<Entry>,
}

/// Says in which row a value could not be encoded.
fn at(place: impl FnOnce() -> String, error: CoreError) -> CoreError {
    if let CoreError::Invalid { field, reason } = error {
        return CoreError::Invalid { field: format!("{}, {field}", place()), reason };
    }
    error
}

impl Encoding<'_> {
    /// Encodes a bucket whose first user has the row `first_user` in the history table.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that names the row whose features cannot be encoded.
    pub fn bucket(&self, bucket: &Bucket, first_user: u32) -> Result<BucketRows> {
        let own_items = self.mode == Mode::Labels;
        let mut made = BucketRows {
            samples: PARTS.map(|_| empty_samples(self.encoder, own_items)),
            queries: JUDGED.map(|_| empty_queries(self.encoder)),
            histories: empty_histories(self.sources),
            unchosen: Unchosen::default(),
            counts: PARTS.map(|_| PartCounts::default()),
        };
        let numbers = self.numbers.of_bucket(bucket)?;
        for group in bucket.groups() {
            let rows = &bucket.rows[group];
            let items: Vec<u32> = rows.iter().map(|row| numbers[row.item as usize]).collect();
            let history = UserHistory::of(rows, &items);
            let mut user = UserRows {
                bucket,
                rows,
                items: &items,
                history: &history,
                behaviour: self.encoder.windows().of(history.timed(), &self.items),
                user: if rows[0].user == MISSING { MISSING } else { first_user + rows[0].user },
                profile: self.sources.user_entry(bucket.user_key(&rows[0])),
            };
            self.push_samples(&mut user, &mut made)?;
            for (part, queries) in JUDGED.into_iter().zip(&mut made.queries) {
                self.push_query(&mut user, part, queries, &mut made.counts[part as usize])?;
            }
            self.push_history(&user, &mut made.histories)?;
            if user.user != MISSING {
                made.unchosen.push(user.user, user.rows, user.items)?;
            }
        }
        Ok(made)
    }

    fn push_row(&self, user: &mut UserRows<'_>, number: usize, rows: &mut SampleRows) -> Result<()> {
        let row = &user.rows[number];
        let mut values: Vec<Raw<'_>> = Vec::new();
        self.sources.user_values(user.bucket, row, user.profile, &mut values);
        let encoded = self.encoder.encode_user(&values, user.behaviour.as_of(row.time), &mut rows.user_features);
        encoded.map_err(|error| at(|| row.place(), error))?;
        if let Some(features) = &mut rows.item_features {
            self.sources.own_item_values(user.bucket, row, &mut values);
            self.encoder.encode_item(&values, features).map_err(|error| at(|| row.place(), error))?;
        }
        let item = user.items[number];
        let seen = user.history.seen_by(row, item);
        let positive = row.is_positive();
        let weight = if positive { self.weights[usize::from(row.event)] } else { 1.0 };
        push_plain(rows, &Plain { user: user.user, item, positive, weight, time: row.time, seen });
        Ok(())
    }

    fn push_samples(&self, user: &mut UserRows<'_>, made: &mut BucketRows) -> Result<()> {
        for (number, row) in user.rows.iter().enumerate() {
            let counts = &mut made.counts[row.part as usize];
            counts.interactions += 1;
            match (row.kind, self.mode) {
                (EventKind::Positive, _) => counts.positives += 1,
                (EventKind::Impression | EventKind::Rejected, Mode::Labels) => counts.negatives += 1,
                (EventKind::Impression, Mode::Events) => counts.impressions += 1,
                (EventKind::Rejected, Mode::Events) => counts.rejected += 1,
            }
            if row.is_sample(self.mode) {
                if !self.down_sampling.keeps(row, user.items[number]) {
                    counts.down_sampled += 1;
                    continue;
                }
                counts.samples += 1;
                self.push_row(user, number, &mut made.samples[row.part as usize])?;
            }
        }
        Ok(())
    }

    /// One query if the user has positives in the part: features and history as of her first sample in it.
    fn push_query(
        &self,
        user: &mut UserRows<'_>,
        part: Part,
        queries: &mut SampleRows,
        counts: &mut PartCounts,
    ) -> Result<()> {
        let of_part = |row: &Row| row.part == part && row.is_sample(self.mode);
        let first = user.rows.iter().position(of_part);
        let first_positive = user.rows.iter().position(|row| of_part(row) && row.is_positive());
        let (Some(first), Some(first_positive)) = (first, first_positive) else { return Ok(()) };
        self.push_row(user, first, queries)?;
        let positives = user.rows.iter().zip(user.items).filter(|(row, _)| of_part(row) && row.is_positive());
        let mut truth: Vec<u32> = positives.map(|(_, &item)| item).collect();
        truth.sort_unstable();
        truth.dedup();
        // The row is a query now: it stands for its true items, whatever its first sample was.
        let last = queries.item.len() - 1;
        queries.item[last] = user.items[first_positive];
        queries.label[last] = 1.0;
        counts.queries += 1;
        counts.queries_without_user += u64::from(user.user == MISSING);
        counts.queries_without_history += u64::from(queries.history_end[last] == 0);
        if let Some((offsets, items)) = &mut queries.truth {
            items.extend(truth);
            offsets.push(list_end(items.len())?);
        }
        Ok(())
    }

    fn push_history(&self, user: &UserRows<'_>, histories: &mut HistoryRows) -> Result<()> {
        let Some(key) = user.bucket.user_key(&user.rows[0]) else { return Ok(()) };
        let last_known = self.sources.kept.iter().map(|column| {
            let value = |row| self.sources.kept_value(column, user.bucket, row, user.profile);
            user.rows.iter().rev().find_map(value)
        });
        push_user(histories, key, user.history, last_known)
    }
}
