//! What a user did in the time before an event: windows of her history, reduced to numbers and to frequent values.
//!
//! In: items and times of a history, and the encoded item features. Out: one [`WindowValue`] for each windowed feature.
//! A window of length `w` as of `t` holds the items with `t - w <= time < t`: the event itself, and whatever happens at
//! its moment, is never in it. The samples stage, evaluation and every request call [`Behaviour::as_of`] and nothing else,
//! so the value in a sample is the value that a request with the same history gets at the same time.
//!
//! A value depends on the history and the time alone. Asked in rising order of time, as the samples of a user are made,
//! each item enters and leaves a window once; asked otherwise, the window is counted anew.

mod tally;
#[cfg(test)]
mod tests;

use crate::encode::{EncodedView, TowerLayout};
use crate::schema::{FeatureKind, FeatureSchema, WindowNumber, WindowRule};
use crate::{CoreError, Result};
use std::ops::Range;
use tally::Tally;

const MICROS: i64 = 1_000_000;

/// What a window holds.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowValue {
    /// A number; nothing for the age of an empty window.
    Number(Option<f64>),
    /// Ids of an item feature with their counts: most frequent first, of equally frequent ones the newest.
    Top(Vec<(u32, f32)>),
}

/// A history with times.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimedItems<'a> {
    /// Rows of the corpus, oldest first.
    pub items: &'a [u32],
    /// Microseconds UTC, one an item, never falling.
    pub times: &'a [i64],
}

/// All windowed features of a schema.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    windows: Vec<Window>,
}

#[derive(Debug, Clone)]
struct Window {
    /// Length in microseconds.
    length: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Count,
    Age,
    Distinct(Attribute),
    Top(Attribute, usize),
}

/// What is counted of an item.
#[derive(Debug, Clone, Copy)]
enum Attribute {
    /// The item itself.
    Item,
    /// Number of a single field.
    Single(usize),
    /// Number of a multi field; each of its values counts.
    Multi(usize),
}

impl Windows {
    /// The windowed features of a schema, in its order; `items` are the fields of the item tower.
    ///
    /// # Errors
    /// `Mismatch` when an item feature has no field there.
    pub fn new(schema: &FeatureSchema, items: &TowerLayout) -> Result<Self> {
        let mut windows = Vec::new();
        for feature in schema.features() {
            let FeatureKind::Window { seconds, rule } = &feature.kind else { continue };
            let what = match rule {
                WindowRule::Number { what: WindowNumber::Count, .. } => What::Count,
                WindowRule::Number { what: WindowNumber::Age, .. } => What::Age,
                WindowRule::Number { what: WindowNumber::DistinctCount(None), .. } => What::Distinct(Attribute::Item),
                WindowRule::Number { what: WindowNumber::DistinctCount(Some(of)), .. } => {
                    What::Distinct(Attribute::find(of, items)?)
                }
                WindowRule::Top { of, n } => What::Top(Attribute::find(of, items)?, *n as usize),
            };
            windows.push(Window { length: i64::from(*seconds) * MICROS, what });
        }
        Ok(Self { windows })
    }

    /// True without windowed features.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Looks at one history; `items` are the encoded features of the corpus.
    pub fn of<'a>(&'a self, history: TimedItems<'a>, items: &'a EncodedView<'a>) -> Behaviour<'a> {
        assert_eq!(history.items.len(), history.times.len(), "one time for each item");
        let windows = self.windows.iter().map(|window| Counted { window, range: 0..0, tally: Tally::default() });
        Behaviour { history, items, windows: windows.collect(), values: Vec::with_capacity(self.windows.len()) }
    }
}

impl Attribute {
    fn find(name: &str, items: &TowerLayout) -> Result<Self> {
        let single = items.single.iter().position(|field| field.name == name).map(Self::Single);
        let multi = || items.multi.iter().position(|field| field.name == name).map(Self::Multi);
        single.or_else(multi).ok_or_else(|| CoreError::Mismatch {
            what: "item feature of a window".into(),
            expected: name.into(),
            found: "no such field".into(),
        })
    }

    /// Its values of one item.
    fn values<'a>(self, item: &'a u32, items: &'a EncodedView<'_>) -> &'a [u32] {
        match self {
            Self::Item => std::slice::from_ref(item),
            Self::Single(field) => &items.single_row(*item as usize)[field..=field],
            Self::Multi(field) => items.multi[field].row(*item as usize).0,
        }
    }
}

/// One history, and what its windows held when they were last asked.
#[derive(Debug)]
pub struct Behaviour<'a> {
    history: TimedItems<'a>,
    items: &'a EncodedView<'a>,
    windows: Vec<Counted<'a>>,
    values: Vec<WindowValue>,
}

/// A window and the part of the history that its tally has.
#[derive(Debug)]
struct Counted<'a> {
    window: &'a Window,
    range: Range<usize>,
    tally: Tally,
}

impl Behaviour<'_> {
    /// The values as of `time` (microseconds UTC), one for each windowed feature, in the order of the schema.
    pub fn as_of(&mut self, time: i64) -> &[WindowValue] {
        let Self { history, items, windows, values } = self;
        values.clear();
        values.extend(windows.iter_mut().map(|counted| counted.value(*history, items, time)));
        values
    }
}

impl Counted<'_> {
    fn value(&mut self, history: TimedItems<'_>, items: &EncodedView<'_>, time: i64) -> WindowValue {
        let from = time.saturating_sub(self.window.length);
        let start = history.times.partition_point(|&moment| moment < from);
        let end = history.times.partition_point(|&moment| moment < time);
        match self.window.what {
            What::Count => WindowValue::Number(Some((end - start) as f64)),
            What::Age => {
                let newest = history.times[start..end].last();
                WindowValue::Number(newest.map(|newest| (time - newest) as f64 / MICROS as f64))
            }
            What::Distinct(attribute) => {
                self.count(start..end, |position| attribute.values(&history.items[position], items));
                WindowValue::Number(Some(self.tally.distinct() as f64))
            }
            What::Top(attribute, n) => {
                self.count(start..end, |position| attribute.values(&history.items[position], items));
                WindowValue::Top(self.tally.top(n))
            }
        }
    }

    /// Brings the tally from the positions it has to `wanted`.
    fn count<'v>(&mut self, wanted: Range<usize>, values: impl Fn(usize) -> &'v [u32]) {
        let known = self.range.clone();
        let goes_on = known.start <= wanted.start && known.end <= wanted.end && wanted.start < known.end;
        if !goes_on {
            self.tally = Tally::default();
        }
        let kept = if goes_on { wanted.start..known.end } else { wanted.start..wanted.start };
        let left = if goes_on { known.start..kept.start } else { 0..0 };
        left.for_each(|position| values(position).iter().for_each(|&value| self.tally.remove(value)));
        (kept.end..wanted.end)
            .for_each(|position| values(position).iter().for_each(|&value| self.tally.add(value, position)));
        self.range = wanted;
    }
}
