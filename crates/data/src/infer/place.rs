//! Where the logs lie. In: paths of the files of one log. Out: a pattern that matches them all, with `{date}` where a
//! part of the path is a day, and how the day is written.

use std::path::PathBuf;
use twinspire_core::partition::Date;

/// How a day may be written in a path, and its length.
const DATES: [(&str, usize); 3] = [("%Y-%m-%d", 10), ("%Y_%m_%d", 10), ("%Y%m%d", 8)];

/// A path or pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The value of `input.path`.
    pub pattern: String,
    /// The value of `input.date_format`, if the pattern has `{date}`.
    pub date_format: Option<&'static str>,
}

impl Place {
    /// The pattern of the files as it is, days or not.
    pub fn plain(paths: &[PathBuf]) -> String {
        merged(&shown(paths))
    }

    /// The pattern of the files, of which there is at least one.
    pub fn of(paths: &[PathBuf]) -> Self {
        let texts = shown(paths);
        let found = texts.first().and_then(|text| dated(text));
        let Some((part, format)) = found else { return Self { pattern: merged(&texts), date_format: None } };
        let patterns: Vec<String> = texts.iter().map(|text| with_date(text, part, format)).collect();
        Self { pattern: merged(&patterns), date_format: Some(format) }
    }
}

fn shown(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}

/// Start of a day in a part of a path.
fn day_in(part: &str, format: &str, length: usize) -> Option<usize> {
    let is_digit = |at: usize| part.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let is_day = |start: &usize| {
        let text = part.get(*start..start + length);
        let alone = !is_digit(start + length) && (*start == 0 || !is_digit(start - 1));
        alone
            && text.is_some_and(|text| Date::strptime(format, text).is_ok_and(|day| (1990..2100).contains(&day.year())))
    };
    (0..part.len()).find(is_day)
}

/// Number of the last part of the path with a day, and how the day is written.
fn dated(path: &str) -> Option<(usize, &'static str)> {
    let parts: Vec<&str> = path.split('/').collect();
    let format_of = |part: &str| DATES.iter().find(|(format, length)| day_in(part, format, *length).is_some());
    (0..parts.len()).rev().find_map(|number| format_of(parts[number]).map(|&(format, _)| (number, format)))
}

/// The path with `{date}` in the given part; a file in a dated folder may have any name with its ending.
fn with_date(path: &str, dated: usize, format: &str) -> String {
    let length = DATES.iter().find(|(known, _)| *known == format).map_or(0, |&(_, length)| length);
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if let Some(start) = parts.get(dated).and_then(|part| day_in(part, format, length)) {
        parts[dated].replace_range(start..start + length, "{date}");
    }
    if let Some(name) = parts.last_mut().filter(|name| !name.contains("{date}")) {
        *name = name.split_once('.').map_or_else(|| "*".to_owned(), |(_, ending)| format!("*.{ending}"));
    }
    parts.join("/")
}

/// One pattern for all that are as deep as the first: parts that differ become what they begin and end with, and `*`
/// between.
fn merged(patterns: &[String]) -> String {
    let mut rest = patterns.iter();
    let first: Vec<String> = rest.next().map(|path| path.split('/').map(str::to_owned).collect()).unwrap_or_default();
    let depth = first.len();
    let merge = |merged: Vec<String>, path: &String| {
        merged.iter().zip(path.split('/')).map(|(left, right)| merged_part(left, right)).collect()
    };
    rest.filter(|path| path.split('/').count() == depth).fold(first, merge).join("/")
}

fn merged_part(left: &str, right: &str) -> String {
    if left == right {
        return left.to_owned();
    }
    let alike = |pair: &(char, char)| pair.0 == pair.1;
    let before: String = left.chars().zip(right.chars()).take_while(alike).map(|(letter, _)| letter).collect();
    let (left, right) = (&left[before.len()..], &right[before.len()..]);
    let after: Vec<char> =
        left.chars().rev().zip(right.chars().rev()).take_while(alike).map(|(letter, _)| letter).collect();
    format!("{}*{}", before.trim_end_matches('*'), after.into_iter().rev().collect::<String>().trim_start_matches('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(paths: &[&str]) -> (String, Option<&'static str>) {
        let place = Place::of(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        (place.pattern, place.date_format)
    }

    #[test]
    fn a_day_in_a_folder_or_a_name_becomes_a_pattern() {
        let expected = ("logs/date={date}/*.csv.gz".to_owned(), Some("%Y-%m-%d"));
        assert_eq!(place(&["logs/date=2026-11-01/part-0.csv.gz"]), expected);
        assert_eq!(place(&["logs/date=2026-11-01/part-0.csv.gz", "logs/date=2026-11-02/part-1.csv.gz"]), expected);
        assert_eq!(place(&["/a/20261101/x.csv"]), ("/a/{date}/*.csv".to_owned(), Some("%Y%m%d")));
        assert_eq!(place(&["clicks-20261101.csv"]), ("clicks-{date}.csv".to_owned(), Some("%Y%m%d")));
        let several = place(&["c-20261101-0.csv", "c-20261102-13.csv"]);
        assert_eq!(several, ("c-{date}-*.csv".to_owned(), Some("%Y%m%d")));
    }

    #[test]
    fn paths_without_a_day_stay_or_are_merged() {
        assert_eq!(place(&["a/ratings.csv.gz"]), ("a/ratings.csv.gz".to_owned(), None));
        assert_eq!(place(&["a/part-1.csv", "a/part-22.csv"]), ("a/part-*.csv".to_owned(), None));
        assert_eq!(place(&["a/id-20269999.csv"]), ("a/id-20269999.csv".to_owned(), None));
        assert_eq!(place(&["a/120261101.csv"]), ("a/120261101.csv".to_owned(), None));
    }
}
