//! The rules for one row of a log. In: a record. Out: an [`Event`], or why there is none. It stores nothing.

use super::account::Kind;
use super::impression::ImpressionRules;
use super::plan::{Plan, Unit};
use super::record::Record;
use super::table::{Header, Verdict};
use super::wanted::{KeyCells, Located};
use crate::config::{Outcome, Split, TimeSettings};
use crate::error::Result;
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::ids::check_id;
use twinspire_core::interaction::{EventKind, Part};

/// Why a row is left out whose user was deleted, whatever else is wrong with it.
pub(super) const DELETED: &str = "deleted_user";

/// A row that is right.
pub(crate) struct Event<'r> {
    pub user: Option<&'r str>,
    /// Rows with the same text meet in one bucket: the user, or without users the request.
    pub together: Option<&'r str>,
    pub item: &'r str,
    /// Microseconds UTC, or `NO_TIME`.
    pub time: i64,
    pub says: Says,
    pub part: Part,
}

/// What a row says of its item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Says {
    pub kind: EventKind,
    /// Number of the positive event.
    pub event: u8,
}

impl Says {
    const POSITIVE: Self = Self { kind: EventKind::Positive, event: 0 };
    const IMPRESSION: Self = Self { kind: EventKind::Impression, event: 0 };
    const REJECTED: Self = Self { kind: EventKind::Rejected, event: 0 };
}

/// The cell that decides what a row says of its item.
enum OutcomeCell<'a> {
    Always,
    Event { cell: usize, positive: &'a [(String, f32)], rejected: &'a [String] },
    Label { cell: usize, bounds: Bounds },
}

/// From which label on a row is a positive, and up to which it is a rejection.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    at_least: Option<f64>,
    rejected_at_most: Option<f64>,
}

/// The column that decides the part of a row.
struct PartCell<'a> {
    cell: usize,
    validation: &'a [String],
    test: &'a [String],
}

/// The time column, with the last cell that was read: rows of a log are often of one moment.
pub(super) struct TimeCell<'a> {
    pub cell: usize,
    settings: &'a TimeSettings,
    last: (String, Option<i64>),
}

/// The rules, with the numbers of the cells that they look at.
pub(super) struct RowRules<'a> {
    user: Option<KeyCells>,
    item: usize,
    time: Option<TimeCell<'a>>,
    /// Time of a row without time column.
    unit_time: i64,
    outcome: OutcomeCell<'a>,
    part: Option<PartCell<'a>>,
    unit_part: Part,
    located: Located<'a>,
    deleted: &'a DeletedUsers,
    impressions: ImpressionRules<'a>,
    /// The request, where there are no users and a rule looks at requests.
    request: Option<usize>,
}

impl<'a> RowRules<'a> {
    /// The rules for the files of a unit.
    ///
    /// # Errors
    /// A column is missing, or occurs twice.
    pub fn new(plan: &'a Plan<'_>, unit: &Unit, header: &Header) -> Result<Self> {
        let settings = plan.settings;
        let user = settings.has_users().then(|| KeyCells::find(header, settings.user_columns(), "input.user"));
        let time = settings.time().map(|time| TimeCell::find(header, time, "input.time.column"));
        let part = match settings.split() {
            Split::ByColumn { column, validation, test } => {
                let cell = header.find(column, "samples.split.column")?;
                Some(PartCell { cell, validation, test })
            }
            Split::ByDate { .. } | Split::LeaveLastOneOut { .. } | Split::Given { .. } => None,
        };
        let request = settings.request_column().map(|(column, key)| header.find(column, key));
        Ok(Self {
            user: user.transpose()?,
            item: header.find(settings.item_column(), "input.item")?,
            time: time.transpose()?,
            unit_time: unit.time,
            outcome: OutcomeCell::find(header, settings.outcome())?,
            part,
            unit_part: unit.part,
            located: plan.wanted.log.locate(header)?,
            deleted: &plan.deleted,
            impressions: ImpressionRules::find(header, settings.clean())?,
            request: request.transpose()?,
        })
    }

    /// Cells of the raw columns, in the order of the plan.
    pub fn raw_cells(&self) -> Vec<usize> {
        self.located.raw.clone()
    }

    /// The event of a record, or what becomes of the row instead.
    pub fn judge<'r>(&'r mut self, record: &Record<'r>) -> std::result::Result<Event<'r>, Verdict> {
        let user = match &mut self.user {
            Some(cells) => {
                let first = cells.first();
                let user = cells.read(record).ok_or(Verdict::Rejected(Kind::BadId, first))?;
                if self.deleted.has(user) {
                    return Err(Verdict::Filtered(DELETED));
                }
                Some(user)
            }
            None => None,
        };
        let item = record.cell(self.item);
        if check_id("", item).is_err() {
            return Err(Verdict::Rejected(Kind::BadId, self.item));
        }
        let time = match &mut self.time {
            Some(column) => column.read(record).ok_or(Verdict::Rejected(Kind::BadTime, column.cell))?,
            None => self.unit_time,
        };
        let says = self.outcome.read(record)?;
        if let Some((kind, cell)) = self.located.fault(record) {
            return Err(Verdict::Rejected(kind, cell));
        }
        if let Some(reason) = self.impressions.reason(record)? {
            return Err(Verdict::Filtered(reason));
        }
        let request = self.request.map(|cell| record.cell(cell)).filter(|request| !request.is_empty());
        let part = self.part.as_ref().map_or(self.unit_part, |column| column.read(record));
        Ok(Event { user, together: user.or(request), item, time, says, part })
    }
}

impl<'a> TimeCell<'a> {
    /// Finds the column; `key` is the key of the config that names it.
    ///
    /// # Errors
    /// It is missing, or occurs twice.
    pub fn find(header: &Header, settings: &'a TimeSettings, key: &str) -> Result<Self> {
        let cell = header.find(settings.column(), key)?;
        Ok(Self { cell, settings, last: (String::new(), None) })
    }

    /// The time of a record, microseconds UTC, or `None` when it is none.
    pub fn read(&mut self, record: &Record<'_>) -> Option<i64> {
        let text = record.cell(self.cell);
        if self.last.0 != text {
            self.last.1 = self.settings.parse(text);
            self.last.0.clear();
            self.last.0.push_str(text);
        }
        self.last.1
    }
}

impl<'a> OutcomeCell<'a> {
    fn find(header: &Header, outcome: &'a Outcome) -> Result<Self> {
        Ok(match outcome {
            Outcome::Always => Self::Always,
            Outcome::Event { column, positive, rejected } => {
                Self::Event { cell: header.find(column, "input.event.column")?, positive, rejected }
            }
            Outcome::Label { column, at_least, rejected_at_most } => {
                let bounds = Bounds { at_least: *at_least, rejected_at_most: *rejected_at_most };
                Self::Label { cell: header.find(column, "input.label.column")?, bounds }
            }
        })
    }

    fn read(&self, record: &Record<'_>) -> std::result::Result<Says, Verdict> {
        match self {
            Self::Always => Ok(Says::POSITIVE),
            Self::Event { cell, positive, rejected } => {
                let found = record.cell(*cell);
                Ok(match positive.iter().position(|(name, _)| name == found) {
                    Some(number) => Says { event: number as u8, ..Says::POSITIVE },
                    None if rejected.iter().any(|name| name == found) => Says::REJECTED,
                    None => Says::IMPRESSION,
                })
            }
            Self::Label { cell, bounds } => {
                label(record.cell(*cell), *bounds).map_err(|kind| Verdict::Rejected(kind, *cell))
            }
        }
    }
}

/// 0 or 1 (in JSON and Parquet also false or true), or a number between or beyond the bounds.
fn label(text: &str, bounds: Bounds) -> std::result::Result<Says, Kind> {
    let value = match text {
        "0" | "false" => 0.0,
        "1" | "true" => 1.0,
        _ => text.parse::<f64>().map_err(|_| Kind::Cast)?,
    };
    match bounds.at_least {
        _ if !value.is_finite() => Err(Kind::NonFinite),
        Some(least) if value >= least => Ok(Says::POSITIVE),
        Some(_) if bounds.rejected_at_most.is_some_and(|most| value <= most) => Ok(Says::REJECTED),
        Some(_) => Ok(Says::IMPRESSION),
        None if value == 1.0 => Ok(Says::POSITIVE),
        None if value == 0.0 => Ok(Says::IMPRESSION),
        None => Err(Kind::Label),
    }
}

impl PartCell<'_> {
    fn read(&self, record: &Record<'_>) -> Part {
        let value = record.cell(self.cell);
        let is_in = |values: &[String]| values.iter().any(|named| named == value);
        if is_in(self.test) {
            Part::Test
        } else if is_in(self.validation) {
            Part::Validation
        } else {
            Part::Train
        }
    }
}
