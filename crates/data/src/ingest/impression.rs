//! The rules on single rows of `[clean]`, with the numbers of the cells that they look at. In: a record. Out: the reason
//! for which it is left out, if there is one. What a rule means is said in [`crate::clean`].

use super::record::Record;
use super::table::{Header, Verdict};
use crate::clean::{DWELL, NEVER_SHOWN, POSITION, is_never_shown, is_outside};
use crate::config::{CleanSection, NeverShownSection, RangeSection};
use crate::error::Result;

/// A rule on a number.
struct RangeCell<'a> {
    cell: usize,
    section: &'a RangeSection,
    reason: &'static str,
}

/// The rules, in the order in which they are applied.
pub(super) struct ImpressionRules<'a> {
    never_shown: Option<(usize, &'a NeverShownSection)>,
    ranges: Vec<RangeCell<'a>>,
}

impl<'a> ImpressionRules<'a> {
    /// Finds the columns.
    ///
    /// # Errors
    /// A column is missing, or occurs twice.
    pub fn find(header: &Header, clean: &'a CleanSection) -> Result<Self> {
        let never_shown = match &clean.never_shown {
            Some(section) => Some((header.find(&section.column, "clean.never_shown.column")?, section)),
            None => None,
        };
        let dwell = clean.dwell.as_ref().map(|section| (section, "clean.dwell.column", DWELL));
        let position = clean.position.as_ref().map(|section| (section, "clean.position.column", POSITION));
        let ranges = dwell
            .into_iter()
            .chain(position)
            .map(|(section, key, reason)| Ok(RangeCell { cell: header.find(&section.column, key)?, section, reason }));
        Ok(Self { never_shown, ranges: ranges.collect::<Result<_>>()? })
    }

    /// The first reason to leave a record out.
    ///
    /// # Errors
    /// The record is rejected: a cell holds no number.
    pub fn reason(&self, record: &Record<'_>) -> std::result::Result<Option<&'static str>, Verdict> {
        let hidden = self.never_shown.is_some_and(|(cell, section)| is_never_shown(section, record.cell(cell)));
        let mut reason = hidden.then_some(NEVER_SHOWN);
        for range in &self.ranges {
            let outside = is_outside(range.section, record.cell(range.cell));
            let outside = outside.map_err(|kind| Verdict::Rejected(kind, range.cell))?;
            reason = reason.or(outside.then_some(range.reason));
        }
        Ok(reason)
    }
}
