//! `[input]`, `[samples]` and, for labelled rows, `[train]`. In: tables and roles. Out: one guess for each key that is
//! not left at its default.

use super::place::Place;
use super::role::{Outcome, Pick};
use super::table::{Side, Tables};
use super::text::{list, quoted};
use super::{Confidence, Guess};
use crate::config::Format;
use std::path::Path;
use twinspire_core::text::grouped;

fn guess_of(key: &str, value: String, confidence: Confidence, reason: impl Into<String>) -> Guess {
    Guess { key: key.into(), value, confidence, reason: reason.into() }
}

fn chosen(key: &str, value: String, pick: &Pick) -> Guess {
    guess_of(key, value, pick.confidence, &*pick.reason)
}

/// Guesses of `[input]` and `[samples]`.
pub(super) fn guess(tables: &Tables) -> Vec<Guess> {
    let place = Place::of(&tables.log.paths);
    let mut guesses = shape(tables, &place);
    guesses.extend(columns(tables));
    guesses.extend(side_tables(tables));
    guesses.extend(samples(tables, &place));
    guesses
}

/// A labelled row is its own negative, which the softmax over a batch has no use for.
pub(super) fn guess_loss(tables: &Tables) -> Option<Guess> {
    let reason = "rows carry 0 and 1, so each is judged by itself";
    let loss = || guess_of("train.loss", "{ kind = \"bce\" }".into(), Confidence::High, reason);
    tables.has_labels_only().then(loss)
}

/// Path, delimiter, header.
fn shape(tables: &Tables, place: &Place) -> Vec<Guess> {
    let look = &tables.log.look;
    let files = match tables.log.paths.len() {
        1 => format!("{} looks like the log", look.path.display()),
        files => format!("{files} files have the columns of {}", look.path.display()),
    };
    let mut guesses = vec![guess_of("input.path", quoted(&place.pattern), Confidence::High, files)];
    if let Some(format) = place.date_format {
        let reason = format!("a part of {} is a day", look.path.display());
        guesses.push(guess_of("input.date_format", quoted(format), Confidence::High, reason));
    }
    let rows = format!("{} cells in each of {} rows", look.names.len(), grouped(look.rows.len() as u64));
    let by_ending = if Format::is_tab_separated(&place.pattern) { b'\t' } else { b',' };
    if look.delimiter != by_ending {
        let delimiter = quoted(&char::from(look.delimiter).to_string());
        guesses.push(guess_of("input.delimiter", delimiter, Confidence::High, &*rows));
    }
    if !look.has_header {
        let reason = "the first line holds values, not names";
        guesses.push(guess_of("input.header", "false".into(), Confidence::Medium, reason));
        let reason = format!("{rows}; names are made up");
        guesses.push(guess_of("input.columns", list(&look.names), Confidence::Medium, reason));
    }
    guesses
}

/// User, item, time and outcome.
fn columns(tables: &Tables) -> Vec<Guess> {
    let (roles, columns) = (&tables.roles, &tables.log.columns);
    let name = |pick: &Pick| quoted(&columns[pick.column].name);
    let mut guesses = Vec::new();
    guesses.extend(roles.user.as_ref().map(|pick| chosen("input.user", name(pick), pick)));
    guesses.extend(roles.item.as_ref().map(|pick| chosen("input.item", name(pick), pick)));
    let timed = roles.time.as_ref().map(|pick| (pick, columns[pick.column].time.unwrap_or("auto")));
    if let Some((pick, format)) = timed.or(roles.order.as_ref().map(|pick| (pick, "order"))) {
        let value = format!("{{ column = {}, format = {}, zone = \"UTC\" }}", name(pick), quoted(format));
        guesses.push(chosen("input.time", value, pick));
    }
    guesses.extend(roles.outcome.as_ref().map(|(pick, outcome)| match outcome {
        Outcome::Event(positive) => {
            chosen("input.event", format!("{{ column = {}, positive = {} }}", name(pick), list(positive)), pick)
        }
        Outcome::Label => chosen("input.label", format!("{{ column = {} }}", name(pick)), pick),
        Outcome::Rating(least) => {
            chosen("input.label", format!("{{ column = {}, at_least = {least:.1} }}", name(pick)), pick)
        }
    }));
    guesses
}

fn side_tables(tables: &Tables) -> Vec<Guess> {
    let table = |side: &Side, key: &str, column: &str| {
        let name = &side.table.columns[side.key].name;
        let value = format!("{{ path = {}, {column} = {} }}", shown(&side.table.look.path), quoted(name));
        guess_of(key, value, Confidence::High, format!("column `{name}` has one row for each value"))
    };
    let items = tables.items.as_ref().map(|side| table(side, "input.items", "item"));
    let users = tables.users.as_ref().map(|side| table(side, "input.users", "user"));
    items.into_iter().chain(users).collect()
}

fn shown(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// Mode and split.
fn samples(tables: &Tables, place: &Place) -> Vec<Guess> {
    let mode = match tables.has_labels_only() {
        true => ("labels", Confidence::Medium, "nobody is identified and every row carries 0 or 1"),
        false => ("events", Confidence::Medium, "positives are events, negatives are drawn from the corpus"),
    };
    let (value, confidence, reason) = split(tables, place);
    vec![guess_of("samples.mode", quoted(mode.0), mode.1, mode.2), guess_of("samples.split", value, confidence, reason)]
}

fn split(tables: &Tables, place: &Place) -> (String, Confidence, String) {
    let roles = &tables.roles;
    if let Some((pick, parts)) = &roles.part {
        let (column, validation, test) =
            (quoted(&tables.log.columns[pick.column].name), list(&parts.validation), list(&parts.test));
        let value = format!("{{ kind = \"by_column\", column = {column}, validation = {validation}, test = {test} }}");
        return (value, pick.confidence, pick.reason.clone());
    }
    if !tables.test.is_empty() {
        let value = format!("{{ kind = \"given\", test = {} }}", quoted(&Place::plain(&tables.test)));
        return (value, Confidence::High, "a file with the columns of the log says `test`".into());
    }
    let one_moment = roles.time.as_ref().is_some_and(|pick| tables.log.columns[pick.column].distinct < 2);
    if place.date_format.is_some() || roles.time.is_some() {
        let (confidence, reason) = match place.date_format.is_none() && one_moment {
            true => (Confidence::Low, "all rows that were looked at have the same time: is there a second day?"),
            false => (Confidence::Medium, "there are days: the last one judges, all before it train"),
        };
        return ("{ kind = \"by_date\", validation_days = 1 }".into(), confidence, reason.into());
    }
    if roles.order.is_some() {
        let reason = "rows of a user have an order and no day".into();
        return ("{ kind = \"leave_last_one_out\" }".into(), Confidence::Medium, reason);
    }
    let reason = "nothing tells training from test: there is no day, no order, no part; name your own test file here";
    ("{ kind = \"given\", test = \"test.csv\" }".into(), Confidence::Low, reason.into())
}
