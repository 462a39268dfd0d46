//! One more look at all buckets, for the ledger: every rule is applied as when samples were made, and what it changes is
//! counted. In: the units' plan and the files of the samples. Out: [`Ledger`]. Held at a time: one bucket a thread, and one
//! count for each item and rule.

use super::job::Job;
use crate::bucket::Bucket;
use crate::clean::Cleaning;
use crate::config::{DataSettings, day_of};
use crate::error::{DataError, Result};
use crate::ledger::{DayPositives, HotShare, Ledger, RuleEffect, hottest_items, share_on};
use crate::statistics::{Statistics, hottest_share};
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::interaction::{EventKind, NO_TIME, Part};
use twinspire_core::items::ItemTable;
use twinspire_core::partition::Date;
use twinspire_core::sample::{SampleLayout, SampleSet};
use twinspire_core::stage::read_json;

/// Rows of each item.
type ItemCounts = FxHashMap<String, u64>;

/// What one bucket shows.
#[derive(Default)]
struct Look {
    /// Name of a rule, rows that it left out, positives that are left after it.
    rules: Vec<(String, u64, ItemCounts)>,
    days: BTreeMap<(Option<Date>, u8), u64>,
    /// Rows of the train part that are impressions, and rejections.
    unchosen: [ItemCounts; 2],
}

/// What all buckets show.
#[derive(Default)]
struct Seen {
    /// Number of each item, in the order in which they came.
    numbers: FxHashMap<String, usize>,
    /// Counts by the number of the item.
    rules: Vec<(String, u64, Vec<u64>)>,
    days: BTreeMap<(Option<Date>, u8), u64>,
    unchosen: [ItemCounts; 2],
}

/// Looks at all buckets, in the thread pool it is called in.
///
/// # Errors
/// Damaged tables; no samples; I/O.
pub(super) fn ledger(job: &Job<'_>) -> Result<Ledger> {
    let cleaning = job.cleaning_anew()?;
    let mut seen = Seen::default();
    let numbers: Vec<usize> = (0..job.buckets).collect();
    for group in numbers.chunks(rayon::current_num_threads()) {
        let looks: Vec<Result<Look>> = group.par_iter().map(|&bucket| look(job, &cleaning, bucket)).collect();
        for look in looks {
            seen.merge(look?);
        }
    }
    seen.into_ledger(job)
}

fn look(job: &Job<'_>, cleaning: &Cleaning, bucket: usize) -> Result<Look> {
    let mut look = Look::default();
    let mut rows = 0;
    let bucket = job.load_watched(cleaning, bucket, |rule, bucket| {
        let left_out = rows.max(bucket.rows.len()) - bucket.rows.len();
        rows = bucket.rows.len();
        let counts = match look.rules.last() {
            Some((.., counts)) if left_out == 0 => counts.clone(),
            Some(_) | None => counts_of(bucket, |row| row.is_positive()),
        };
        look.rules.push((rule.to_owned(), left_out as u64, counts));
    })?;
    let zone = job.settings.zone();
    let has_days = job.settings.time().map_or(job.settings.is_dated(), |time| time.has_days());
    for row in bucket.rows.iter().filter(|row| row.is_positive()) {
        let day = if has_days && row.time != NO_TIME { day_of(row.time, &zone) } else { None };
        *look.days.entry((day, row.event)).or_default() += 1;
    }
    look.unchosen = [EventKind::Impression, EventKind::Rejected]
        .map(|kind| counts_of(&bucket, |row| row.kind == kind && row.part == Part::Train));
    Ok(look)
}

fn counts_of(bucket: &Bucket, wanted: impl Fn(&crate::bucket::Row) -> bool) -> ItemCounts {
    let mut counts: FxHashMap<&str, u64> = FxHashMap::default();
    bucket.rows.iter().filter(|row| wanted(row)).for_each(|row| *counts.entry(bucket.item(row)).or_default() += 1);
    counts.into_iter().map(|(item, count)| (item.to_owned(), count)).collect()
}

impl Seen {
    /// Adds a bucket; the order does not matter.
    fn merge(&mut self, look: Look) {
        for (number, (name, left_out, counts)) in look.rules.into_iter().enumerate() {
            if self.rules.len() == number {
                self.rules.push((name, 0, Vec::new()));
            }
            let (_, sum, known) = &mut self.rules[number];
            *sum += left_out;
            for (item, count) in counts {
                let next = self.numbers.len();
                let place = *self.numbers.entry(item).or_insert(next);
                known.resize(known.len().max(place + 1), 0);
                known[place] += count;
            }
        }
        look.days.into_iter().for_each(|(key, count)| *self.days.entry(key).or_default() += count);
        for (known, more) in self.unchosen.iter_mut().zip(look.unchosen) {
            more.into_iter().for_each(|(item, count)| *known.entry(item).or_default() += count);
        }
    }

    fn into_ledger(self, job: &Job<'_>) -> Result<Ledger> {
        let layout = SampleLayout { folder: job.folders.samples() };
        let vfs = job.context.stage.vfs;
        let statistics: Statistics = read_json(vfs, &layout.statistics())?;
        let path = layout.features();
        let text = vfs.read(&path).map_err(|error| DataError::io(&path, error))?;
        let encoder = FeatureEncoder::from_json(&path, &String::from_utf8_lossy(&text))?;
        let items = ItemTable::open(&layout.items(), &encoder)?;
        let trained = trained_on(&SampleSet::open(&layout.part(Part::Train), &encoder)?, items.len());
        let hottest = hottest_items(items.counts());
        let share = |of: &str, counts: &[u64]| HotShare {
            of: of.to_owned(),
            rows: counts.iter().sum(),
            share: share_on(&hottest, counts),
        };
        let [impressions, rejections] = self.unchosen.map(|counts| in_corpus(counts, &items));
        let shares = vec![
            share("corpus", &vec![1; items.len()]),
            share("train positives", items.counts()),
            share("positive train samples", &trained),
            share("train impressions", &impressions),
            share("train rejections", &rejections),
        ];
        let rules = self.rules.into_iter().map(|(rule, left_out, mut counts)| {
            counts.resize(counts.len().max(items.len()), 0);
            RuleEffect { rule, left_out, positives: counts.iter().sum(), hottest_share: hottest_share(&counts) }
        });
        Ok(Ledger {
            positives: by_day(self.days, job.settings),
            rules: rules.collect(),
            hottest_items: hottest.len() as u64,
            shares,
            negatives: Vec::new(),
            statistics,
        })
    }
}

fn by_day(days: BTreeMap<(Option<Date>, u8), u64>, settings: &DataSettings) -> Vec<DayPositives> {
    let events = settings.outcome().positives();
    let one = |((day, event), positives): ((Option<Date>, u8), u64)| DayPositives {
        day: day.map(|day| day.to_string()),
        event: events[usize::from(event)].0.to_owned(),
        positives,
    };
    days.into_iter().map(one).collect()
}

/// Positive samples of each item.
fn trained_on(samples: &SampleSet, items: usize) -> Vec<u64> {
    let mut counts = vec![0; items];
    for table in samples.tables() {
        let positive = table.items().iter().zip(table.labels()).filter(|&(_, &label)| label > 0.0);
        positive.for_each(|(&item, _)| counts[item as usize] += 1);
    }
    counts
}

fn in_corpus(counts: ItemCounts, items: &ItemTable) -> Vec<u64> {
    let mut of_row = vec![0; items.len()];
    for (item, count) in counts {
        items.find(&item).into_iter().for_each(|row| of_row[row as usize] += count);
    }
    of_row
}
