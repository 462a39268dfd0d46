//! `[[features]]`. In: tables and roles. Out: an entry for each column that says something of the user, the request or
//! the item, and the columns that were left out with the reason.
//!
//! Whose feature a column of the log is, is read from its values: a column that has one value for each item is the
//! item's, one that has one value for each user is the user's, any other is the request's.

use super::column::{Column, Values};
use super::look::Look;
use super::name;
use super::role::Pick;
use super::table::{Side, Tables};
use super::text::quoted;
use super::{Confidence, Guess, LeftOut};
use crate::error::{DataError, Result};
use rustc_hash::FxHashMap;
use std::fmt::Write as _;

/// Rows that must repeat a key before "one value for each key" means something.
const REPEATS: usize = 20;
/// Most different whole numbers that are taken for codes when the name says amount.
const CODES: usize = 12;
/// Key of the entry that no column gives.
const HISTORY: &str = "features.history";

/// Features, and columns that became none.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// Of user and request.
    queries: Vec<Guess>,
    items: Vec<Guess>,
    left_out: Vec<LeftOut>,
    /// Item features that a history can be made of.
    of: Vec<String>,
}

/// Guesses all entries, user and context first, then the item; and the columns that are left out.
///
/// # Errors
/// [`DataError::Unsuitable`] when no column says anything of a user or a request.
pub(super) fn guess(tables: &Tables) -> Result<(Vec<Guess>, Vec<LeftOut>)> {
    let mut features = Features::default();
    features.key(tables, tables.roles.user.as_ref(), "user");
    features.key(tables, tables.roles.item.as_ref(), "item");
    features.add_side(tables, tables.users.as_ref(), "user");
    features.add_side(tables, tables.items.as_ref(), "item");
    let taken = tables.roles.taken();
    for number in (0..tables.log.columns.len()).filter(|number| !taken.contains(number)) {
        features.add(&tables.log.columns[number], owner(tables, number));
    }
    if tables.roles.user.is_some() {
        features.queries.push(history(&features.of));
    }
    if features.queries.is_empty() {
        let names = tables.log.look.names.join(", ");
        let reason = format!("no column says anything of a user or a request; the columns are: {names}");
        return Err(DataError::Unsuitable { what: "features".into(), reason });
    }
    features.queries.append(&mut features.items);
    Ok((features.queries, features.left_out))
}

/// The `side` of a column of the log.
fn owner(tables: &Tables, column: usize) -> &'static str {
    let (roles, look, name) = (&tables.roles, &tables.log.look, &tables.log.columns[column].name);
    let follows = |pick: &Option<Pick>| pick.as_ref().is_some_and(|pick| follows(look, pick.column, column));
    let is_of_item = || name::begins_with(name, &name::ITEM) || follows(&roles.item);
    match () {
        () if name::begins_with(name, &name::USER) => "user",
        () if is_of_item() => "item",
        () if follows(&roles.user) => "user",
        () => "context",
    }
}

/// True when rows with the same key have the same value, and enough keys repeat to tell.
fn follows(look: &Look, key: usize, column: usize) -> bool {
    let mut first: FxHashMap<&str, &str> = FxHashMap::default();
    let (mut repeats, mut equal) = (0, 0);
    for (key, value) in look.cells(key).zip(look.cells(column)) {
        match first.get(key) {
            Some(known) => {
                repeats += 1;
                equal += usize::from(*known == value);
            }
            None => {
                first.insert(key, value);
            }
        }
    }
    repeats >= REPEATS && equal * 100 >= repeats * 98
}

/// What the user chose before the event.
fn history(of: &[String]) -> Guess {
    let names: Vec<String> = of.iter().map(|name| quoted(name)).collect();
    let value = format!(
        "name = \"history\"\nside = \"user\"\nkind = \"history\"\nof = [{}]\nmax_length = 50",
        names.join(", ")
    );
    let reason = "what the user chose before the event, from the log itself".into();
    Guess { key: HISTORY.into(), value, confidence: Confidence::High, reason }
}

impl Features {
    fn leave_out(&mut self, column: &Column, reason: impl Into<String>) {
        self.left_out.push(LeftOut { column: column.name.clone(), reason: reason.into() });
    }

    /// The id itself.
    fn key(&mut self, tables: &Tables, pick: Option<&Pick>, side: &str) {
        let Some(pick) = pick else { return };
        let column = &tables.log.columns[pick.column];
        let kind = format!("kind = \"hash\"\nbuckets = {}", column.buckets(column.distinct));
        self.push(&format!("{side}_id"), column, side, (kind, Confidence::High));
    }

    fn add_side(&mut self, tables: &Tables, side: Option<&Side>, owner: &str) {
        let Some(Side { table, key }) = side else { return };
        for (_, column) in table.columns.iter().enumerate().filter(|(number, _)| number != key) {
            if tables.log.columns.iter().any(|logged| logged.name == column.name) {
                let file = table.look.path.display();
                self.leave_out(column, format!("the log has a column of this name too; rename that of {file}"));
            } else {
                self.add(column, owner);
            }
        }
    }

    fn push(&mut self, name: &str, column: &Column, side: &str, (kind, confidence): (String, Confidence)) {
        let key = format!("features.{name}");
        if self.queries.iter().chain(&self.items).any(|guess| guess.key == key) || key == HISTORY {
            return self.leave_out(column, "another feature has this name");
        }
        let mut value = format!("name = {}\n", quoted(name));
        if name != column.name {
            let _ = writeln!(value, "column = {}", quoted(&column.name));
        }
        let _ = write!(value, "side = \"{side}\"\n{kind}");
        let reason = format!("column `{}`: {}", column.name, column.summary());
        let guess = Guess { key, value, confidence, reason };
        if side != "item" {
            return self.queries.push(guess);
        }
        self.items.push(guess);
        let embeds_few = !kind.contains("\"numeric\"") && !column.is_unique();
        if self.of.is_empty() || (self.of.len() < 2 && embeds_few) {
            self.of.push(name.to_owned());
        }
    }

    /// Makes a feature of a column, or leaves it out.
    fn add(&mut self, column: &Column, side: &str) {
        let is_label = matches!(column.values, Values::Integer { .. }) && column.distinct <= 2;
        let reason = if column.distinct < 2 {
            "it has one value only"
        } else if column.time.is_some() && (name::is_time(&column.name) || matches!(column.values, Values::Text)) {
            "it is a time; write its hour or weekday as a column of its own"
        } else if side == "context" && name::is_afterwards(&column.name) {
            "its name says that it is known only after an item was chosen, or that it names the row"
        } else if is_label && side == "context" && name::is_label(&column.name) {
            "it looks like a second label, which no request can know"
        } else if column.is_unique() && matches!(column.values, Values::Text | Values::Integer { .. }) {
            "nearly every row has a value of its own"
        } else {
            return self.push(&column.name, column, side, kind(column));
        };
        self.leave_out(column, reason);
    }
}

/// Kind and settings of a feature.
fn kind(column: &Column) -> (String, Confidence) {
    let hash = |distinct: usize| format!("kind = \"hash\"\nbuckets = {}", column.buckets(distinct));
    match column.values {
        Values::List { separator, weighted, distinct } => {
            let list = format!("list = {{ separator = {}, weighted = {weighted} }}", quoted(&separator.to_string()));
            (format!("{}\n{list}", hash(distinct)), Confidence::High)
        }
        Values::Integer { least, .. } | Values::Number { least, .. } => {
            let is_fraction = matches!(column.values, Values::Number { .. });
            let is_amount = column.distinct > CODES && name::is_amount(&column.name);
            if !is_fraction && !is_amount {
                return (hash(column.distinct), Confidence::Medium);
            }
            let normalise = if least >= 0.0 && column.distinct > CODES { "log" } else { "standard" };
            (format!("kind = \"numeric\"\nnormalise = \"{normalise}\""), Confidence::Medium)
        }
        Values::Text => (hash(column.distinct), Confidence::High),
    }
}
