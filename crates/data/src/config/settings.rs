//! The checked settings of the data stage, which nothing else can build.

use super::checks::{check_down_sample, check_input, check_moments, check_nobody, check_requests, check_side_tables};
use super::cleaning::{check_clean, check_predicate};
use super::derived::{Derived, check_derived};
use super::form::check_lists;
use super::split::check_split;
use super::{
    AttributeSection, CleanSection, DownSample, InputSection, ItemsSection, Join, KeyOf, Mode, Outcome, SameIn,
    SamplesSection, Split, TimeSection, TimeSettings, TrafficRule, UsersSection,
};
use crate::files::is_url;
use crate::sql::Expression;
use jiff::tz::TimeZone;
use std::path::Path;
use twinspire_core::attribute::Attribute;
use twinspire_core::check::Faults;
use twinspire_core::schema::FeatureSchema;

/// Checked `[input]`, `[clean]` and `[samples]`, with the features they must provide.
#[derive(Debug, Clone)]
pub struct DataSettings {
    input: InputSection,
    user: Vec<String>,
    time: Option<TimeSettings>,
    items_time: Option<TimeSettings>,
    users_time: Option<TimeSettings>,
    outcome: Outcome,
    clean: CleanSection,
    predicate: Option<Expression>,
    traffic: Vec<TrafficRule>,
    join: Option<Join>,
    derived: Vec<Derived>,
    samples: SamplesSection,
    features: FeatureSchema,
}

impl DataSettings {
    /// Checks the sections against each other. All faults are pushed; `None` when there was one.
    pub fn check(
        input: &InputSection,
        clean: &CleanSection,
        samples: &SamplesSection,
        features: &FeatureSchema,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut own = Faults::default();
        check_input(input, &mut own);
        check_side_tables(input, &mut own);
        Outcome::check(input, samples, &mut own);
        check_split(input, &samples.split, &mut own);
        let traffic = check_clean(clean, input, &mut own);
        let predicate = check_predicate(clean, &mut own);
        let join = Join::check(input, &mut own);
        let derived = check_derived(input, features, &mut own);
        check_requests(input, clean, &mut own);
        check_down_sample(samples.down_sample, &mut own);
        check_lists(features, &mut own);
        let memory_is_enough = samples.memory_mib >= 16;
        own.require(memory_is_enough, "samples.memory_mib", samples.memory_mib, "16 or more are needed");
        let units = samples.units.as_deref().unwrap_or("s3://");
        own.require(is_url(Path::new(units)), "samples.units", units, "a URL such as s3://bucket/units is needed");
        if input.user.is_none() {
            check_nobody(clean, features, &mut own);
        }
        check_moments(input, features, &mut own);
        let mut times = |section: Option<&TimeSection>, key| {
            section.and_then(|section| TimeSettings::check(section, key, &mut own))
        };
        let time = times(input.time.as_ref(), "input.time");
        let items_time = times(input.items.as_ref().and_then(|items| items.time.as_ref()), "input.items.time");
        let users_time = times(input.users.as_ref().and_then(|users| users.time.as_ref()), "input.users.time");
        let sound = own.is_empty();
        for fault in own.into_vec() {
            faults.push(fault.key, fault.value, fault.reason, fault.hint);
        }
        sound.then(|| Self {
            input: input.clone(),
            user: input.user.as_ref().map(|user| user.names()).unwrap_or_default(),
            time,
            items_time,
            users_time,
            outcome: Outcome::of(input),
            clean: clean.clone(),
            predicate,
            traffic,
            join,
            derived,
            samples: samples.clone(),
            features: features.clone(),
        })
    }

    /// The checked `[input]` section as it was written.
    pub fn input(&self) -> &InputSection {
        &self.input
    }

    /// Columns that make up the user key, in their order; empty when nobody is identified.
    pub fn user_columns(&self) -> &[String] {
        &self.user
    }

    /// True when rows have a user.
    pub fn has_users(&self) -> bool {
        !self.user.is_empty()
    }

    /// Column of the item.
    pub fn item_column(&self) -> &str {
        &self.input.item
    }

    /// The time column, if there is one.
    pub fn time(&self) -> Option<&TimeSettings> {
        self.time.as_ref()
    }

    /// True when the path has `{date}`.
    pub fn is_dated(&self) -> bool {
        self.input.path.contains("{date}")
    }

    /// Do events have times of a clock, and not only an order?
    pub fn has_clock(&self) -> bool {
        self.time().map_or(self.is_dated(), TimeSettings::has_days)
    }

    /// The zone of days; UTC without a time column.
    pub fn zone(&self) -> TimeZone {
        self.time.as_ref().map_or(TimeZone::UTC, |time| time.zone().clone())
    }

    /// What makes a row a positive.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Side table of items, if there is one.
    pub fn items_table(&self) -> Option<&ItemsSection> {
        self.input.items.as_ref()
    }

    /// The attributes by which requests may filter, in their order.
    pub fn attributes(&self) -> Vec<Attribute> {
        let sections = self.items_table().map(|items| items.attributes.as_slice()).unwrap_or_default();
        sections.iter().map(AttributeSection::attribute).collect()
    }

    /// The time of rows of the items' side table, if they have one.
    pub fn items_time(&self) -> Option<&TimeSettings> {
        self.items_time.as_ref()
    }

    /// The time of rows of the users' side table, if they have one.
    pub fn users_time(&self) -> Option<&TimeSettings> {
        self.users_time.as_ref()
    }

    /// Side table of users, if there is one.
    pub fn users_table(&self) -> Option<&UsersSection> {
        self.input.users.as_ref()
    }

    /// The checked `[clean]` section as it was written.
    pub fn clean(&self) -> &CleanSection {
        &self.clean
    }

    /// What duplicates have in common beside their user and kind, if they are left out.
    pub fn duplicates_are_same_in(&self) -> Option<Vec<SameIn>> {
        let Some(by) = &self.clean.drop_duplicates.as_ref()?.by else { return Some(vec![SameIn::Time, SameIn::Item]) };
        let time = self.input.time.as_ref().map(|time| &time.column);
        let others = by.names().into_iter().filter(|name| !self.user.contains(name));
        let same_in = others.map(|name| match name {
            name if name == self.input.item => SameIn::Item,
            name if Some(&name) == time => SameIn::Time,
            name => SameIn::Column(name),
        });
        Some(same_in.collect())
    }

    /// What rows must say to stay, after all other rules.
    pub(crate) fn predicate(&self) -> Option<&Expression> {
        self.predicate.as_ref()
    }

    /// The rules against cheating traffic, in their order.
    pub fn traffic_rules(&self) -> &[TrafficRule] {
        &self.traffic
    }

    /// How positives find their impressions, where both are rows of their own.
    pub fn join(&self) -> Option<&Join> {
        self.join.as_ref()
    }

    /// Columns that are computed from the cells of a row.
    pub(crate) fn derived(&self) -> &[Derived] {
        &self.derived
    }

    /// True for the name of a column that is computed.
    pub(crate) fn derives(&self, column: &str) -> bool {
        self.derived.iter().any(|derived| derived.name == column)
    }

    /// Column whose rows must meet in one bucket, and the key of the config that names it: the request, where there are no
    /// users and something looks at requests.
    pub fn request_column(&self) -> Option<(&str, &'static str)> {
        let joined = self.join.as_ref().and_then(|join| join.request.as_deref());
        let page = self.clean.skip_above.as_ref().map(|page| (page.request.as_str(), "clean.skip_above.request"));
        joined.map(|request| (request, "input.join.request")).or(page).filter(|_| !self.has_users())
    }

    /// Which positives of popular items are left out of the training part.
    pub fn down_sample(&self) -> DownSample {
        self.samples.down_sample
    }

    /// Columns that the rules on stored rows look at, each with the key of the config that names it.
    pub fn columns_of_rules(&self) -> Vec<(String, String)> {
        let of_key = |rule: &TrafficRule| match &rule.key {
            KeyOf::User => Vec::new(),
            KeyOf::Columns(names) => {
                names.iter().map(|name| (name.clone(), format!("{}.by", rule.config_key))).collect()
            }
        };
        let mut columns: Vec<(String, String)> = self.traffic.iter().flat_map(of_key).collect();
        for part in self.duplicates_are_same_in().into_iter().flatten() {
            if let SameIn::Column(name) = part {
                columns.push((name, "clean.drop_duplicates.by".to_owned()));
            }
        }
        if let Some(request) = self.join.as_ref().and_then(|join| join.request.clone()) {
            columns.push((request, "input.join.request".to_owned()));
        }
        if let Some(page) = &self.clean.skip_above {
            columns.push((page.request.clone(), "clean.skip_above.request".to_owned()));
            columns.push((page.position.clone(), "clean.skip_above.position".to_owned()));
        }
        let of_predicate = self.predicate.iter().flat_map(Expression::columns);
        columns.extend(of_predicate.map(|name| (name.clone(), "clean.where".to_owned())));
        columns
    }

    /// `events` or `labels`.
    pub fn mode(&self) -> Mode {
        self.samples.mode
    }

    /// How rows are divided. For `by_column` and `given` the `part` column of the interactions is set already.
    pub fn split(&self) -> &Split {
        &self.samples.split
    }

    /// Memory budget in MiB.
    pub fn memory_mib(&self) -> u32 {
        self.samples.memory_mib
    }

    /// The URL of the units of machines that share no disk.
    pub fn units_store(&self) -> Option<&Path> {
        self.samples.units.as_deref().map(Path::new)
    }

    /// The features whose raw values the interactions and side tables carry.
    pub fn features(&self) -> &FeatureSchema {
        &self.features
    }
}
