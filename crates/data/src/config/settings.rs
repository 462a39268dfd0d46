//! The checked settings of the data stage, which nothing else can build.

use super::attributes::check_attributes;
use super::form::{check_columns, check_lists};
use super::{
    AttributeSection, CleanSection, DownSample, InputSection, ItemsSection, Join, KeyOf, Mode, Outcome, SameIn,
    SamplesSection, Split, TimeFormat, TimeSection, TimeSettings, TrafficRule, UsersSection, cleaning::check_clean,
};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::Path;
use twinspire_core::attribute::Attribute;
use twinspire_core::check::Faults;
use twinspire_core::partition::PathPattern;
use twinspire_core::schema::{FeatureKind, FeatureSchema};

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
    traffic: Vec<TrafficRule>,
    join: Option<Join>,
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
        let join = Join::check(input, &mut own);
        check_requests(input, clean, &mut own);
        check_down_sample(samples.down_sample, &mut own);
        check_lists(features, &mut own);
        let memory_is_enough = samples.memory_mib >= 16;
        own.require(memory_is_enough, "samples.memory_mib", samples.memory_mib, "16 or more are needed");
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
            traffic,
            join,
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

    /// The rules against cheating traffic, in their order.
    pub fn traffic_rules(&self) -> &[TrafficRule] {
        &self.traffic
    }

    /// How positives find their impressions, where both are rows of their own.
    pub fn join(&self) -> Option<&Join> {
        self.join.as_ref()
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

    /// Columns that the rules on several rows look at, each with the key of the config that names it.
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

    /// The features whose raw values the interactions and side tables carry.
    pub fn features(&self) -> &FeatureSchema {
        &self.features
    }
}

fn all_unique(names: &[String]) -> bool {
    names.iter().collect::<BTreeSet<_>>().len() == names.len()
}

fn check_input(input: &InputSection, faults: &mut Faults) {
    faults.require(!input.path.is_empty(), "input.path", "", "a path or a pattern is needed");
    faults.require(!input.item.is_empty(), "input.item", "", "a column name is needed");
    faults.require(input.days != Some(0), "input.days", 0, "1 or more, or leave it out");
    if let Some(delimiter) = input.delimiter {
        let is_plain = delimiter.is_ascii() && !matches!(delimiter, '"' | '\n' | '\r' | '\0');
        faults.require(is_plain, "input.delimiter", delimiter, "one ASCII character, no quote, no line end");
    }
    let ratio = input.max_reject_ratio;
    faults.require((0.0..=1.0).contains(&ratio), "input.max_reject_ratio", ratio, "a share from 0.0 to 1.0");
    check_columns(input, faults);
    if let Some(path) = &input.corrections {
        check_plain_path(path, "input.corrections", faults);
    }
    if let Some(user) = &input.user {
        let names = user.names();
        let sound = !names.is_empty() && names.iter().all(|name| !name.is_empty()) && all_unique(&names);
        faults.require(sound, "input.user", format!("{names:?}"), "one column name, or several different ones");
    }
    if input.path.contains("{date}") {
        let once = input.path.matches("{date}").count() == 1;
        faults.require(once, "input.path", &input.path, "`{date}` may stand in it once");
        let names_days = PathPattern::new(Path::new(""), "{date}", &input.date_format).is_ok();
        let reason = "a strftime pattern that names a whole day, such as %Y-%m-%d";
        faults.require(names_days, "input.date_format", &input.date_format, reason);
    }
}

/// Without users the rows of a request meet in one bucket, so all that looks at requests must mean the same column.
fn check_requests(input: &InputSection, clean: &CleanSection, faults: &mut Faults) {
    let joined = input.join.as_ref().and_then(|join| join.request.as_ref());
    if let (None, Some(joined), Some(page)) = (&input.user, joined, &clean.skip_above) {
        let reason = "without `input.user` it must be the column of `input.join.request`";
        faults.require(*joined == page.request, "clean.skip_above.request", &page.request, reason);
    }
}

fn check_down_sample(rule: DownSample, faults: &mut Faults) {
    match rule {
        DownSample::None {} => {}
        DownSample::Word2vec { threshold } => {
            let sound = threshold > 0.0 && threshold < 1.0;
            faults.require(sound, "samples.down_sample.threshold", threshold, "above 0.0, below 1.0");
        }
        DownSample::Cap { at_most } => {
            faults.require(at_most > 0, "samples.down_sample.at_most", at_most, "1 or more");
        }
    }
}

/// What needs `input.user`, where it is not set.
fn check_nobody(clean: &CleanSection, features: &FeatureSchema, faults: &mut Faults) {
    let reason = "without `input.user` nobody knows whose rows are equal";
    faults.require(clean.drop_duplicates.is_none(), "clean.drop_duplicates", "set", reason);
    for (number, feature) in features.features().iter().enumerate() {
        let kind = match feature.kind {
            FeatureKind::History { .. } => "history",
            FeatureKind::Window { .. } => "window",
            FeatureKind::Hash { .. }
            | FeatureKind::Vocabulary { .. }
            | FeatureKind::Numeric { .. }
            | FeatureKind::Bucketised { .. } => continue,
        };
        let reason = "without `input.user` nobody has a history";
        faults.require(false, &format!("features[{number}].kind"), kind, reason);
    }
}

/// What needs to know the moment of an event, not only an order of events.
fn check_moments(input: &InputSection, features: &FeatureSchema, faults: &mut Faults) {
    let has_times = input.time.as_ref().map_or(input.path.contains("{date}"), |time| time.format != TimeFormat::ORDER);
    let of_items = input.items.as_ref().and_then(|items| items.time.as_ref());
    let of_users = input.users.as_ref().and_then(|users| users.time.as_ref());
    for (key, time) in [("input.items.time", of_items), ("input.users.time", of_users)] {
        let reason = "it is compared with the time of events: a time that is not `order`, or `{date}` in `input.path`";
        faults.require(has_times || time.is_none(), key, "set", reason);
        let is_time = time.is_none_or(|time| time.format != TimeFormat::ORDER);
        faults.require(is_time, &format!("{key}.format"), TimeFormat::ORDER, "a time, not only an order");
    }
    for (number, feature) in features.features().iter().enumerate() {
        let is_window = matches!(feature.kind, FeatureKind::Window { .. });
        let reason = "a window needs a time that is not `order`, or no time and `{date}` in `input.path`";
        faults.require(has_times || !is_window, &format!("features[{number}].kind"), "window", reason);
    }
}

/// A path that is needed, and that is the same on every day.
fn check_plain_path(path: &str, key: &str, faults: &mut Faults) {
    faults.require(!path.is_empty(), key, "", "a path is needed");
    faults.require(!path.contains("{date}"), key, path, "`{date}` stands for a day in `input.path` only");
}

fn check_side_tables(input: &InputSection, faults: &mut Faults) {
    if let Some(items) = &input.items {
        check_plain_path(&items.path, "input.items.path", faults);
        faults.require(!items.item.is_empty(), "input.items.item", "", "a column name is needed");
        check_attributes(&items.attributes, items.available.as_ref(), faults);
    }
    if let Some(users) = &input.users {
        check_plain_path(&users.path, "input.users.path", faults);
        let (here, there) = (users.user.names(), input.user.as_ref().map(|user| user.names()).unwrap_or_default());
        let reason = "as many columns as `input.user` has, which must be set";
        let fits = here.len() == there.len() && all_unique(&here);
        faults.require(fits, "input.users.user", format!("{here:?}"), reason);
    }
}

fn check_split(input: &InputSection, split: &Split, faults: &mut Faults) {
    let format = input.time.as_ref().map(|time| time.format.as_str());
    let dated = input.path.contains("{date}");
    match split {
        Split::ByDate { validation_days, test_days } => {
            let has_days = format.map_or(dated, |format| format != TimeFormat::ORDER);
            faults.require(
                has_days,
                "samples.split.kind",
                "by_date",
                "needs a time that is not `order`, or no time and `{date}` in `input.path`",
            );
            let held_out = validation_days.saturating_add(*test_days);
            let reason = "validation_days + test_days must leave a day to train on";
            let days = input.days.unwrap_or(u32::MAX);
            faults.require(held_out < days, "samples.split.validation_days", held_out, reason);
        }
        Split::LeaveLastOneOut {} => {
            let reason = "needs `input.user` and a time (`format = \"order\"` is enough)";
            let ordered = input.user.is_some() && (dated || format.is_some());
            faults.require(ordered, "samples.split.kind", "leave_last_one_out", reason);
        }
        Split::ByColumn { column, validation, test } => {
            faults.require(!column.is_empty(), "samples.split.column", "", "a column name is needed");
            let disjoint = validation.iter().all(|value| !test.contains(value));
            let sound = disjoint && !(validation.is_empty() && test.is_empty());
            let values = format!("{validation:?} {test:?}");
            faults.require(
                sound,
                "samples.split.test",
                values,
                "name values for validation or test, none of them twice",
            );
        }
        Split::Given { test, validation_share } => {
            check_plain_path(test, "samples.split.test", faults);
            let named = input.time.is_some() || !dated;
            faults.require(
                named,
                "samples.split.kind",
                "given",
                "with `{date}` in `input.path` it needs `input.time`: the test file has no day",
            );
            let share = *validation_share;
            faults.require(
                (0.0..1.0).contains(&share),
                "samples.split.validation_share",
                share,
                "from 0.0 to below 1.0",
            );
        }
    }
}
