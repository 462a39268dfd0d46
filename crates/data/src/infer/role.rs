//! Which columns are user, item, time, outcome and part. In: the columns of a table. Out: [`Roles`], each with what
//! speaks for it. With a header, names decide and values must fit; without one, values and their order are all there is.

use super::Confidence;
use super::column::{Column, Values};
use super::look::Look;
use super::name;
use std::collections::BTreeSet;
use twinspire_core::text::grouped;

/// Events that are positives.
const POSITIVE: [&str; 22] = [
    "click",
    "clicked",
    "clk",
    "buy",
    "purchase",
    "order",
    "cart",
    "addtocart",
    "add_to_cart",
    "transaction",
    "fav",
    "favorite",
    "favourite",
    "like",
    "play",
    "watch",
    "listen",
    "download",
    "install",
    "book",
    "save",
    "share",
];
/// Events that are positives where nothing stronger is logged.
const WEAK: [&str; 4] = ["view", "pv", "visit", "read"];
/// Most different values of a column of events or parts.
const FEW: usize = 30;
/// Names of the validation part and of the test part.
const VALIDATION: [&str; 4] = ["validation", "valid", "val", "dev"];
const TEST: [&str; 3] = ["test", "eval", "holdout"];

/// A column that was chosen.
#[derive(Debug, Clone)]
pub(super) struct Pick {
    /// Its number.
    pub column: usize,
    /// How sure the choice is.
    pub confidence: Confidence,
    /// What speaks for it.
    pub reason: String,
}

/// What makes a row a positive.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// One of these events.
    Event(Vec<String>),
    /// The label is 1.
    Label,
    /// The rating reaches the value.
    Rating(f64),
}

/// Values of a column that name the parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parts {
    /// Values of the validation part.
    pub validation: Vec<String>,
    /// Values of the test part.
    pub test: Vec<String>,
}

/// The columns that mean something to every log.
#[derive(Debug, Clone, Default)]
pub(super) struct Roles {
    pub user: Option<Pick>,
    pub item: Option<Pick>,
    pub time: Option<Pick>,
    pub outcome: Option<(Pick, Outcome)>,
    pub part: Option<(Pick, Parts)>,
    /// A number that only orders the rows of a user.
    pub order: Option<Pick>,
}

impl Roles {
    /// Finds the roles in a table.
    pub fn find(look: &Look, columns: &[Column]) -> Self {
        let time = time(columns, look.has_header);
        let outcome = event(look, columns).or_else(|| label(columns, look.has_header));
        let mut roles = Self { time, outcome, part: part(look, columns), ..Self::default() };
        if look.has_header {
            roles.user = named(columns, &name::USER, "a user");
            roles.item = named(columns, &name::ITEM, "an item");
        } else {
            (roles.user, roles.item) = roles.by_position(columns);
        }
        if roles.time.is_none() && roles.user.is_some() {
            roles.order = order(columns);
        }
        roles
    }

    /// Numbers of all columns that have a role.
    pub fn taken(&self) -> Vec<usize> {
        let picks = [self.user.as_ref(), self.item.as_ref(), self.time.as_ref(), self.order.as_ref()];
        let others = [self.outcome.as_ref().map(|(pick, _)| pick), self.part.as_ref().map(|(pick, _)| pick)];
        picks.into_iter().chain(others).flatten().map(|pick| pick.column).collect()
    }

    /// How much a table looks like a log: side tables have neither a time nor an outcome, and one of user and item.
    pub fn weight(&self) -> usize {
        let found = |is_found: bool, weight: usize| if is_found { weight } else { 0 };
        found(self.item.is_some(), 1)
            + found(self.user.is_some(), 1)
            + found(self.time.is_some(), 2)
            + found(self.outcome.is_some() || self.part.is_some(), 2)
    }

    /// Without names: the first two columns of ids, of which users come first as in most files.
    fn by_position(&self, columns: &[Column]) -> (Option<Pick>, Option<Pick>) {
        let taken = self.taken();
        let is_id = |&(number, column): &(usize, &Column)| {
            let codes = matches!(column.values, Values::Integer { .. } | Values::Text);
            codes && column.is_full() && column.distinct > 1 && !taken.contains(&number)
        };
        let mut ids = columns.iter().enumerate().filter(is_id).map(|(number, column)| Pick {
            column: number,
            confidence: Confidence::Low,
            reason: format!("there are no names; column {} has {}", number + 1, column.summary()),
        });
        match (ids.next(), ids.next()) {
            (first, None) => (None, first),
            both => both,
        }
    }
}

fn pick(number: usize, column: &Column, confidence: Confidence, why: &str) -> Pick {
    Pick { column: number, confidence, reason: format!("column `{}`: {why}, {}", column.name, column.summary()) }
}

fn named(columns: &[Column], role: &[&str], what: &str) -> Option<Pick> {
    let fits = |column: &Column| matches!(column.values, Values::Integer { .. } | Values::Text) && column.distinct > 0;
    let ranked = |(number, column): (usize, &Column)| {
        name::rank(&column.name, role).filter(|_| fits(column)).map(|rank| (rank, number))
    };
    let mut candidates: Vec<(usize, usize)> = columns.iter().enumerate().filter_map(ranked).collect();
    candidates.sort_unstable();
    let &(_, number) = candidates.first()?;
    let sure = candidates.len() == 1 && columns[number].is_full() && columns[number].distinct > 1;
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    Some(pick(number, &columns[number], confidence, &format!("named like {what}")))
}

fn time(columns: &[Column], has_names: bool) -> Option<Pick> {
    let fits = |column: &Column| column.is_full() && (name::is_time(&column.name) || !has_names);
    let mut times = columns.iter().enumerate().filter(|(_, column)| column.time.is_some() && fits(column));
    let (number, column) = times.next()?;
    let confidence = if has_names && times.next().is_none() { Confidence::High } else { Confidence::Medium };
    let why = if has_names { "named like a time and reads as one" } else { "reads as a time" };
    Some(pick(number, column, confidence, why))
}

/// Different values of a column with few of them, sorted.
fn few_values(look: &Look, column: usize) -> BTreeSet<&str> {
    look.cells(column).map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

fn event(look: &Look, columns: &[Column]) -> Option<(Pick, Outcome)> {
    let is_text = |column: &Column| matches!(column.values, Values::Text) && column.distinct <= FEW && column.is_full();
    for (number, column) in columns.iter().enumerate().filter(|(_, column)| is_text(column)) {
        let values = few_values(look, number);
        let among = |words: &[&str]| {
            let known = |value: &&&str| words.contains(&value.to_lowercase().as_str());
            values.iter().filter(known).map(ToString::to_string).collect::<Vec<_>>()
        };
        let strong = among(&POSITIVE);
        let positive = if strong.is_empty() { among(&WEAK) } else { strong };
        if !positive.is_empty() && (name::is_event(&column.name) || !look.has_header) {
            let seen: Vec<&str> = values.iter().copied().collect();
            let confidence = if look.has_header { Confidence::High } else { Confidence::Medium };
            let why = format!("holds {}", seen.join(", "));
            return Some((pick(number, column, confidence, &why), Outcome::Event(positive)));
        }
    }
    None
}

fn label(columns: &[Column], has_names: bool) -> Option<(Pick, Outcome)> {
    let read = |(number, column): (usize, &Column)| {
        let (Values::Integer { least, greatest } | Values::Number { least, greatest }) = column.values else {
            return None;
        };
        let binary = column.distinct <= 2 && least >= 0.0 && greatest <= 1.0;
        if binary && column.is_full() && (name::is_label(&column.name) || !has_names) {
            let confidence = if has_names { Confidence::High } else { Confidence::Low };
            return Some((pick(number, column, confidence, "holds 0 and 1"), Outcome::Label));
        }
        let scale = !binary && column.distinct <= FEW && least >= 0.0 && greatest <= 100.0;
        let full = has_names || (column.distinct > 2 && greatest <= 10.0);
        if scale && full && column.is_full() && (name::is_rating(&column.name) || !has_names) {
            let at_least = 0.8 * greatest;
            let confidence = if has_names { Confidence::Medium } else { Confidence::Low };
            let why = format!("holds {} values from {least} to {greatest}", grouped(column.distinct as u64));
            return Some((pick(number, column, confidence, &why), Outcome::Rating(at_least)));
        }
        None
    };
    columns.iter().enumerate().find_map(read)
}

fn part(look: &Look, columns: &[Column]) -> Option<(Pick, Parts)> {
    let fits = |column: &Column| name::is_part(&column.name) && column.distinct <= FEW;
    for (number, column) in columns.iter().enumerate().filter(|(_, column)| fits(column)) {
        let values = few_values(look, number);
        let among = |words: &[&str]| {
            let known = values.iter().filter(|value| words.contains(&value.to_lowercase().as_str()));
            known.map(ToString::to_string).collect::<Vec<_>>()
        };
        let parts = Parts { validation: among(&VALIDATION), test: among(&TEST) };
        if !(parts.validation.is_empty() && parts.test.is_empty()) {
            let why = format!("holds {}", values.iter().copied().collect::<Vec<_>>().join(", "));
            return Some((pick(number, column, Confidence::High, &why), parts));
        }
    }
    None
}

fn order(columns: &[Column]) -> Option<Pick> {
    let fits = |column: &Column| matches!(column.values, Values::Integer { .. }) && name::is_order(&column.name);
    let (number, column) = columns.iter().enumerate().find(|(_, column)| fits(column))?;
    Some(pick(number, column, Confidence::Medium, "named like an order, and there is no time"))
}
