//! What the values of a column are. In: its cells. Out: a [`Column`]: counts, and the kind of its values.

use super::look::Look;
use crate::config::{TimeSection, TimeSettings};
use rustc_hash::FxHashSet;
use twinspire_core::check::Faults;
use twinspire_core::text::grouped;

/// Formats of a time, tried in this order; `auto` also reads dates with or without a clock.
const TIME_FORMATS: [&str; 11] = [
    "seconds",
    "milliseconds",
    "microseconds",
    "rfc3339",
    "auto",
    "%y%m%d%H",
    "%Y%m%d%H",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
];
/// Seconds since 1970 between which a number is taken for a time: 1995 to 2033.
const TIMES: std::ops::Range<i64> = 788_918_400..2_000_000_000;
/// Separators of lists, the likeliest first.
const SEPARATORS: [char; 3] = ['|', ';', ','];
/// Cells of which so many in a hundred have a property have it all; the rest may be damaged.
const NEARLY_ALL: usize = 95;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Values {
    /// Whole numbers, which may be codes.
    Integer { least: f64, greatest: f64 },
    /// Numbers with fractions.
    Number { least: f64, greatest: f64 },
    /// Several values in one cell.
    List { separator: char, weighted: bool, distinct: usize },
    /// Anything else.
    Text,
}

/// A column of a look.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its name.
    pub name: String,
    /// Number of cells.
    pub rows: usize,
    /// Cells without text.
    pub missing: usize,
    /// Different values.
    pub distinct: usize,
    /// Values that occur only in the second half of the rows: many, when new ones keep coming.
    pub late: usize,
    /// What the values are.
    pub values: Values,
    /// How they are written, if they are times.
    pub time: Option<&'static str>,
}

impl Column {
    /// Looks at one column.
    pub fn of(look: &Look, number: usize) -> Self {
        let present: Vec<&str> = look.cells(number).map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let early: FxHashSet<&str> = present[..present.len() / 2].iter().copied().collect();
        let all: FxHashSet<&str> = present.iter().copied().collect();
        Self {
            name: look.names[number].clone(),
            rows: look.rows.len(),
            missing: look.rows.len() - present.len(),
            distinct: all.len(),
            late: all.len() - early.len(),
            values: values(&present, all.len(), look.delimiter),
            time: time_format(&present),
        }
    }

    /// `4,812 distinct values in 20,000 rows`, and the share that is missing.
    pub fn summary(&self) -> String {
        let missing = match self.missing * 100 / self.rows.max(1) {
            0 => String::new(),
            share => format!(", {share} % missing"),
        };
        format!("{} distinct values in {} rows{missing}", grouped(self.distinct as u64), grouped(self.rows as u64))
    }

    /// True when nearly every row has a value of its own.
    pub fn is_unique(&self) -> bool {
        self.distinct * 10 >= (self.rows - self.missing).max(1) * 9
    }

    /// True when nearly every cell holds something.
    pub fn is_full(&self) -> bool {
        self.missing * 100 <= self.rows * (100 - NEARLY_ALL)
    }

    /// Hash buckets for values of which `distinct` were seen: a power of ten with room for those that were not.
    pub fn buckets(&self, distinct: usize) -> u32 {
        let keeps_growing = self.late * 10 > self.distinct;
        let wanted = distinct.max(1) * if keeps_growing { 10 } else { 2 };
        (1..=7).map(|power| 10u32.pow(power)).find(|&buckets| buckets as usize >= wanted).unwrap_or(10_000_000)
    }
}

fn nearly_all(cells: &[&str], holds: impl Fn(&str) -> bool) -> bool {
    let holding = cells.iter().filter(|cell| holds(cell)).count();
    !cells.is_empty() && holding * 100 >= cells.len() * NEARLY_ALL
}

fn number(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// Digits with a zero before them, such as zip codes, are text.
fn is_integer(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let is_code = digits.len() > 1 && digits.starts_with('0');
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && !is_code
}

fn values(cells: &[&str], distinct: usize, delimiter: u8) -> Values {
    let numbers = || cells.iter().copied().filter_map(number);
    let (least, greatest) = (numbers().fold(f64::MAX, f64::min), numbers().fold(f64::MIN, f64::max));
    if nearly_all(cells, is_integer) {
        return Values::Integer { least, greatest };
    }
    if nearly_all(cells, |cell| number(cell).is_some() && (cell.contains('.') || is_integer(cell))) {
        return Values::Number { least, greatest };
    }
    let separators = SEPARATORS.into_iter().filter(|&separator| separator != char::from(delimiter));
    separators.filter_map(|separator| list(cells, separator, distinct)).next().unwrap_or(Values::Text)
}

/// A list, if many cells have the separator and the parts recur more than the cells do.
fn list(cells: &[&str], separator: char, distinct: usize) -> Option<Values> {
    let several = cells.iter().filter(|cell| cell.contains(separator)).count();
    if several * 5 < cells.len() || cells.is_empty() {
        return None;
    }
    let parts: Vec<&str> = cells.iter().flat_map(|cell| cell.split(separator)).collect();
    let weighted = nearly_all(&parts, |part| part.rsplit_once(':').is_some_and(|(_, weight)| number(weight).is_some()));
    let value = |part| if weighted { str::rsplit_once(part, ':').map_or(part, |(value, _)| value) } else { part };
    let different: FxHashSet<&str> = parts.iter().map(|part| value(part)).collect();
    let recurs = different.len() * cells.len() < distinct * parts.len();
    (weighted || recurs).then_some(Values::List { separator, weighted, distinct: different.len() })
}

fn time_format(cells: &[&str]) -> Option<&'static str> {
    let is_time = |format: &&str| {
        let section = TimeSection { format: (*format).into(), ..TimeSection::default() };
        let Some(times) = TimeSettings::check(&section, "input.time", &mut Faults::default()) else { return false };
        let in_range = |micros: i64| TIMES.contains(&micros.div_euclid(1_000_000));
        nearly_all(cells, |cell| times.parse(cell).is_some_and(in_range))
    };
    TIME_FORMATS.into_iter().find(|format| is_time(format))
}
