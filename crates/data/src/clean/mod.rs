//! Rules that leave rows out before samples are made, one file each, applied in the order of the keys of `[clean]`.
//!
//! Rules of single rows are applied by ingest: `never_shown`, `range`. Rules that look at the rows of one user or one
//! request together are applied to a bucket: `duplicate`, `traffic`, `skip_above`; and so is `wanted_rows`, the last one.
//! Where the rows of a key lie in many buckets, as those of an address do, they are counted over all tables (`crossing`,
//! `tally`) before any bucket is cleaned. In: a bucket. Out: the bucket without those rows, and their number by reason.

mod crossing;
mod deny;
mod duplicate;
mod never_shown;
mod range;
mod skip_above;
mod tally;
mod traffic;
mod wanted_rows;

pub(crate) use crossing::find_suspects;
pub(crate) use deny::DenyLists;
pub(crate) use never_shown::{NEVER_SHOWN, is_never_shown};
pub(crate) use range::{DWELL, POSITION, is_outside};
pub(crate) use tally::Suspects;

use crate::bucket::Bucket;
use crate::config::{DataSettings, KeyOf, Suspicion};
use crate::join::Joining;
use duplicate::Duplicates;
use skip_above::SkipAbove;
use traffic::{BucketKey, Traffic};
use wanted_rows::WantedRows;

/// A rule on the rows of a bucket.
enum Rule {
    Duplicate(Duplicates),
    Traffic(Traffic),
    SkipAbove(SkipAbove),
    Where(WantedRows),
}

impl Rule {
    fn name(&self) -> &str {
        match self {
            Self::Duplicate(_) => duplicate::DUPLICATE,
            Self::Traffic(traffic) => &traffic.name,
            Self::SkipAbove(_) => skip_above::NOT_SEEN,
            Self::Where(_) => wanted_rows::WHERE,
        }
    }

    /// Whether each row stays.
    fn kept(&self, bucket: &Bucket) -> Vec<bool> {
        match self {
            Self::Duplicate(duplicates) => duplicates.kept(bucket),
            Self::Traffic(traffic) => traffic.kept(bucket),
            Self::SkipAbove(page) => page.kept(bucket),
            Self::Where(wanted) => wanted.kept(bucket),
        }
    }
}

/// All rules on the rows of a bucket, in order.
pub(crate) struct Cleaning {
    rules: Vec<Rule>,
    join: Option<Joining>,
    /// Raw columns that the rules look at.
    columns: Vec<String>,
    /// Raw columns of a bucket before these.
    before: usize,
}

impl Cleaning {
    /// The rules of the settings. A bucket must be loaded with `before` raw columns and those of
    /// [`Cleaning::columns`] after them; `crossing` is what [`find_suspects`] found.
    pub fn new(settings: &DataSettings, before: usize, lists: &DenyLists, crossing: Vec<Suspects>) -> Self {
        let mut cleaning = Self { rules: Vec::new(), join: None, columns: Vec::new(), before };
        cleaning.join = Joining::new(settings, |name| cleaning.column(name));
        if let Some(same_in) = settings.duplicates_are_same_in() {
            let duplicates = Duplicates::new(same_in, |name| cleaning.column(name));
            cleaning.rules.push(Rule::Duplicate(duplicates));
        }
        let mut lists = lists.keys.iter().cloned();
        let mut crossing = crossing.into_iter();
        for rule in settings.traffic_rules() {
            let suspects = match rule.suspicion {
                Suspicion::Denied { .. } => lists.next().map(Suspects::of_keys),
                Suspicion::Rate { .. } | Suspicion::Users { .. } | Suspicion::ClickRate { .. } => {
                    rule.crosses_users().then(|| crossing.next()).flatten()
                }
            };
            let key = match &rule.key {
                KeyOf::User => BucketKey::User,
                KeyOf::Columns(names) => BucketKey::Columns(names.iter().map(|name| cleaning.column(name)).collect()),
            };
            let (name, suspicion) = (rule.name.clone(), rule.suspicion.clone());
            cleaning.rules.push(Rule::Traffic(Traffic { name, key, suspicion, suspects }));
        }
        if let Some(page) = &settings.clean().skip_above {
            let [request, position] = [&page.request, &page.position].map(|name| cleaning.column(name));
            cleaning.rules.push(Rule::SkipAbove(SkipAbove { request, position }));
        }
        if let Some(predicate) = settings.predicate().cloned() {
            let columns = predicate.columns().iter().map(|name| cleaning.column(name)).collect();
            cleaning.rules.push(Rule::Where(WantedRows { predicate, columns }));
        }
        cleaning
    }

    /// The number of a raw column in the buckets.
    fn column(&mut self, name: &str) -> usize {
        let known = self.columns.iter().position(|column| column == name);
        let number = known.unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        });
        self.before + number
    }

    /// Raw columns that the rules look at.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Joins impressions and positives, then applies every rule, in order; each sees what the earlier ones left. `watch`
    /// sees the bucket before everything, as `read`, and after each rule with its name.
    pub fn apply(&self, bucket: &mut Bucket, mut watch: impl FnMut(&str, &Bucket)) {
        watch("read", bucket);
        if let Some(join) = &self.join {
            join.apply(bucket);
            watch("join", bucket);
        }
        for rule in &self.rules {
            let kept = rule.kept(bucket);
            bucket.leave_out(kept.into_iter().map(|stays| (!stays).then_some(rule.name())));
            watch(rule.name(), bucket);
        }
        bucket.renumber();
    }
}
