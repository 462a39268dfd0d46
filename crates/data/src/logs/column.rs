//! A column of a file that is written: what all its values are, and a cell of it in another form.

use crate::ingest::Feature;
use serde_json::Value;

/// Between two elements of a cell.
pub(super) const SEPARATOR: char = '|';

/// A column and what its values are.
#[derive(Debug)]
pub(super) struct Column {
    pub name: String,
    /// Cells hold several values.
    is_list: bool,
    /// All values that were seen are integers.
    integers: bool,
    /// All values that were seen are numbers that 32 bits hold to the last digit.
    floats: bool,
}

/// An integer without a zero or a plus before it, which would be lost.
fn integer(value: &str) -> Option<i64> {
    value.parse::<i64>().ok().filter(|number| number.to_string() == value)
}

/// A number whose decimal digits 32 bits give back.
fn float(value: &str) -> Option<f32> {
    let is_number = value.contains('.') || integer(value).is_some();
    let (narrow, wide) = (value.parse::<f32>().ok()?, value.parse::<f64>().ok()?);
    (is_number && narrow.is_finite() && narrow.to_string().parse() == Ok(wide)).then_some(narrow)
}

impl Column {
    /// Nothing was seen of it.
    pub fn new(name: String, is_list: bool) -> Self {
        Self { name, is_list, integers: true, floats: true }
    }

    /// Looks at the values of a cell.
    pub fn see(&mut self, cell: &str) {
        for value in self.split(cell) {
            self.integers &= integer(value).is_some();
            self.floats &= float(value).is_some();
        }
    }

    /// The values of a cell; an empty cell has none.
    fn split<'c>(&self, cell: &'c str) -> impl Iterator<Item = &'c str> + use<'c> {
        let is_list = self.is_list;
        cell.split(move |letter| is_list && letter == SEPARATOR).filter(|value| !value.is_empty())
    }

    /// The cell as a feature of an example, in the type of the column.
    pub fn feature<'c>(&self, cell: &'c str) -> Feature<'c> {
        let values = self.split(cell);
        if self.integers {
            Feature::Integers(values.filter_map(integer).collect())
        } else if self.floats {
            Feature::Floats(values.filter_map(float).collect())
        } else {
            Feature::Texts(values.collect())
        }
    }

    /// The cell as text or an array of texts.
    pub fn json(&self, cell: &str) -> Value {
        if self.is_list { self.split(cell).collect() } else { cell.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str], is_list: bool) -> Feature<'static> {
        let mut column = Column::new("x".into(), is_list);
        cells.iter().for_each(|cell| column.see(cell));
        let first: &'static str = cells[0].to_owned().leak();
        column.feature(first)
    }

    #[test]
    fn a_column_is_of_numbers_only_if_no_digit_is_lost() {
        assert_eq!(of(&["1", "", "-20"], false), Feature::Integers(vec![1]));
        assert_eq!(of(&["1", "2.50"], false), Feature::Floats(vec![1.0]));
        assert_eq!(of(&["9007199254740993", "0.5"], false), Feature::Texts(vec!["9007199254740993"]));
        assert_eq!(of(&["007", "8"], false), Feature::Texts(vec!["007"]));
        assert_eq!(of(&["0.1234567890123", "1"], false), Feature::Texts(vec!["0.1234567890123"]));
        assert_eq!(of(&["1.0", "NaN"], false), Feature::Texts(vec!["1.0"]));
        assert_eq!(of(&["3|4", "5"], true), Feature::Integers(vec![3, 4]));
        assert_eq!(of(&["3|x"], true), Feature::Texts(vec!["3", "x"]));
        assert_eq!(of(&["", "1"], false), Feature::Integers(vec![]));
    }
}
