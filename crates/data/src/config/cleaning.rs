//! The checked form of `[clean]`: which rules there are, and under which reason each counts. It reads no file and no row.

use super::join::micros;
use super::{CleanSection, Counted, DenySection, InputSection, RangeSection, TimeFormat, UserColumns};
use crate::sql::{Expression, hint};
use std::collections::BTreeSet;
use twinspire_core::check::Faults;

/// What rows of one user and kind have in common if one of them is a duplicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SameIn {
    /// The item.
    Item,
    /// The moment.
    Time,
    /// The cell of another column.
    Column(String),
}

/// Whose rows are taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOf {
    /// The user.
    User,
    /// The cells of these columns, joined.
    Columns(Vec<String>),
}

/// What makes the rows of a key suspicious.
#[derive(Debug, Clone, PartialEq)]
pub enum Suspicion {
    /// It stands in this file.
    Denied {
        /// Path, relative to the data.
        path: String,
    },
    /// It has more than `at_most` in a window of time.
    Rate {
        /// Microseconds.
        window: i64,
        /// What is counted.
        count: Counted,
        /// Most that a window may have.
        at_most: u64,
    },
    /// More than `at_most` users share it.
    Users {
        /// Most users.
        at_most: u64,
    },
    /// Its share of positives is above `at_most`, over at least `least_rows` rows.
    ClickRate {
        /// Highest share that is believed.
        at_most: f64,
        /// Fewest rows that are judged.
        least_rows: u64,
    },
}

/// A rule against cheating traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficRule {
    /// The reason under which rows are counted, such as `rate(ip, 1h)`.
    pub name: String,
    /// Key of the config.
    pub config_key: String,
    /// Whose rows are taken together.
    pub key: KeyOf,
    /// What makes them suspicious.
    pub suspicion: Suspicion,
}

impl TrafficRule {
    /// True when its key may have rows of several users, so that no bucket knows all of them.
    pub fn crosses_users(&self) -> bool {
        self.key != KeyOf::User && !matches!(self.suspicion, Suspicion::Denied { .. })
    }
}

/// Checks the section. All faults are pushed; the rules against cheating traffic come back in their order.
pub(super) fn check_clean(clean: &CleanSection, input: &InputSection, faults: &mut Faults) -> Vec<TrafficRule> {
    if let Some(flag) = &clean.never_shown {
        let sound = !flag.column.is_empty() && !flag.values.is_empty();
        faults.require(sound, "clean.never_shown", &flag.column, "a column and at least one value are needed");
    }
    for (key, range) in [("clean.dwell", &clean.dwell), ("clean.position", &clean.position)] {
        range.iter().for_each(|range| check_range(key, range, faults));
    }
    if let Some(by) = clean.drop_duplicates.as_ref().and_then(|section| section.by.as_ref()) {
        let names = by.names();
        let distinct = names.iter().collect::<BTreeSet<_>>().len() == names.len();
        let sound = !names.is_empty() && names.iter().all(|name| !name.is_empty()) && distinct;
        let reason = "one column name, or several different ones";
        faults.require(sound, "clean.drop_duplicates.by", format!("{names:?}"), reason);
    }
    if let Some(page) = &clean.skip_above {
        let sound = !page.request.is_empty() && !page.position.is_empty();
        faults.require(
            sound,
            "clean.skip_above",
            &page.request,
            "columns of the request and of the position are needed",
        );
    }
    let rules = traffic_rules(clean, input, faults);
    let mut names = BTreeSet::new();
    for rule in &rules {
        let reason = "a rule of this kind and key is there already";
        faults.require(names.insert(&rule.name), &rule.config_key, &rule.name, reason);
        let named = input.user.is_some() || rule.key != KeyOf::User;
        let reason = "without `input.user` a rule needs `by`: nobody is identified";
        faults.require(named, &format!("{}.by", rule.config_key), "user", reason);
    }
    rules
}

/// The predicate of `where`, if there is one that can be evaluated.
pub(super) fn check_predicate(clean: &CleanSection, faults: &mut Faults) -> Option<Expression> {
    let text = clean.predicate.as_ref()?;
    let checked = Expression::predicate(text);
    if let Err(reason) = &checked {
        faults.push("clean.where", text, reason, hint("clean.where"));
    }
    checked.ok()
}

fn check_range(key: &str, range: &RangeSection, faults: &mut Faults) {
    faults.require(!range.column.is_empty(), &format!("{key}.column"), "", "a column name is needed");
    let (least, most) = (range.at_least.unwrap_or(f64::MIN), range.at_most.unwrap_or(f64::MAX));
    let bounded = range.at_least.is_some() || range.at_most.is_some();
    let sound = bounded && least.is_finite() && most.is_finite() && least <= most;
    faults.require(sound, key, format!("{least} to {most}"), "`at_least`, `at_most` or both, finite and in order");
}

/// The key of a rule. The columns of the user are the user, in whatever words.
fn key_of(by: Option<&UserColumns>, input: &InputSection) -> KeyOf {
    match by.map(UserColumns::names) {
        None => KeyOf::User,
        Some(names) if input.user.as_ref().is_some_and(|user| user.names() == names) => KeyOf::User,
        Some(names) => KeyOf::Columns(names),
    }
}

fn shown(key: &KeyOf) -> String {
    match key {
        KeyOf::User => "user".into(),
        KeyOf::Columns(names) => names.join("|"),
    }
}

fn traffic_rules(clean: &CleanSection, input: &InputSection, faults: &mut Faults) -> Vec<TrafficRule> {
    let mut rules = Vec::new();
    for (number, section) in clean.deny.iter().enumerate() {
        rules.push(denied(section, &format!("clean.deny[{number}]"), input, faults));
    }
    for (number, section) in clean.rate.iter().enumerate() {
        let config_key = format!("clean.rate[{number}]");
        let key = key_of(section.by.as_ref(), input);
        faults.require(section.at_most > 0, &format!("{config_key}.at_most"), section.at_most, "1 or more");
        let window = micros(&section.window);
        let reason = "a whole number above 0 and s, m, h or d, such as 1h";
        faults.require(window.is_some(), &format!("{config_key}.window"), &section.window, reason);
        let has_clock = input.time.as_ref().is_some_and(|time| time.format != TimeFormat::ORDER);
        faults.require(has_clock, &config_key, &section.window, "needs `input.time` that is not `order`");
        let name = format!("rate({}, {})", shown(&key), section.window);
        let (count, at_most) = (section.count, section.at_most);
        let suspicion = Suspicion::Rate { window: window.unwrap_or(1), count, at_most };
        rules.push(TrafficRule { name, config_key, key, suspicion });
    }
    for (number, section) in clean.users.iter().enumerate() {
        let config_key = format!("clean.users[{number}]");
        let key = key_of(Some(&section.by), input);
        faults.require(section.at_most > 0, &format!("{config_key}.at_most"), section.at_most, "1 or more");
        let reason = "counts the users of another key, so `input.user` must be set and differ from it";
        faults.require(input.user.is_some() && key != KeyOf::User, &format!("{config_key}.by"), shown(&key), reason);
        let name = format!("users({})", shown(&key));
        rules.push(TrafficRule { name, config_key, key, suspicion: Suspicion::Users { at_most: section.at_most } });
    }
    for (number, section) in clean.click_rate.iter().enumerate() {
        let config_key = format!("clean.click_rate[{number}]");
        let key = key_of(section.by.as_ref(), input);
        let sound = section.at_most > 0.0 && section.at_most < 1.0;
        faults.require(sound, &format!("{config_key}.at_most"), section.at_most, "above 0.0, below 1.0");
        faults.require(section.least_rows > 0, &format!("{config_key}.least_rows"), section.least_rows, "1 or more");
        let name = format!("click_rate({})", shown(&key));
        let suspicion = Suspicion::ClickRate { at_most: section.at_most, least_rows: section.least_rows };
        rules.push(TrafficRule { name, config_key, key, suspicion });
    }
    rules
}

fn denied(section: &DenySection, config_key: &str, input: &InputSection, faults: &mut Faults) -> TrafficRule {
    let key = key_of(section.by.as_ref(), input);
    faults.require(!section.path.is_empty(), &format!("{config_key}.path"), "", "a path is needed");
    let name = format!("denied({})", shown(&key));
    let suspicion = Suspicion::Denied { path: section.path.clone() };
    TrafficRule { name, config_key: config_key.to_owned(), key, suspicion }
}
