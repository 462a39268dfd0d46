//! Dwell time and position: rows whose number lies outside what a person can have done. A row can be judged alone.

use crate::config::RangeSection;
use crate::ingest::Kind;

/// The reason under which rows with an impossible dwell time are counted.
pub(crate) const DWELL: &str = "dwell_out_of_range";

/// The reason under which rows with an impossible position are counted.
pub(crate) const POSITION: &str = "position_out_of_range";

/// True when the number in the cell lies outside; an empty cell does not.
///
/// # Errors
/// Why the row is rejected: the cell holds no number.
pub(crate) fn is_outside(section: &RangeSection, cell: &str) -> Result<bool, Kind> {
    if cell.is_empty() {
        return Ok(false);
    }
    // Positions are whole numbers, which are read much faster as such.
    let whole = cell.parse::<u32>().map(f64::from);
    let number: f64 = whole.or_else(|_| cell.trim().parse()).map_err(|_| Kind::Cast)?;
    if !number.is_finite() {
        return Err(Kind::NonFinite);
    }
    Ok(section.at_least.is_some_and(|least| number < least) || section.at_most.is_some_and(|most| number > most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_range_and_text_is_rejected() {
        let range = RangeSection { column: "dwell".into(), at_least: Some(0.5), at_most: Some(10.0) };
        for (cell, outside) in
            [("0.5", false), ("10", false), ("0.49", true), ("11", true), ("", false), (" 3 ", false)]
        {
            assert_eq!(is_outside(&range, cell), Ok(outside), "{cell:?}");
        }
        assert_eq!(is_outside(&range, "soon"), Err(Kind::Cast));
        assert_eq!(is_outside(&range, "1e999"), Err(Kind::NonFinite));
        let open = RangeSection { at_most: None, ..range };
        assert_eq!(is_outside(&open, "1e300"), Ok(false));
    }
}
