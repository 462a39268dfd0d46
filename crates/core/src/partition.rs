//! Dates and dated path patterns: `logs/date={date}/*.csv.gz` over a range of days that ends at one date.

use crate::{CoreError, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A calendar day.
pub type Date = jiff::civil::Date;

/// The `days` days that end with `last`, ascending.
///
/// # Errors
/// `Invalid` for 0 days or a window that leaves the calendar.
pub fn window(last: Date, days: u32) -> Result<Vec<Date>> {
    let invalid = |reason: &str| CoreError::Invalid { field: "days".into(), reason: reason.into() };
    if days == 0 {
        return Err(invalid("a window has at least one day"));
    }
    let back = jiff::Span::new().try_days(i64::from(days) - 1).map_err(|_| invalid("the window is too long"))?;
    let first = last.checked_sub(back).map_err(|_| invalid("the window begins before the calendar"))?;
    Ok(first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last).collect())
}

/// Where patterns look for files.
pub trait Tree {
    /// What can go wrong there.
    type Error: From<CoreError>;
    /// Names of the files and folders in a folder, sorted; none where there is no such folder.
    ///
    /// # Errors
    /// I/O, with the path.
    fn names(&self, folder: &Path) -> Result<Vec<String>, Self::Error>;
    /// Bytes of a file; `None` where there is no file of this name.
    ///
    /// # Errors
    /// I/O, with the path.
    fn size(&self, path: &Path) -> Result<Option<u64>, Self::Error>;
}

/// The files of this machine.
#[derive(Debug, Clone, Copy)]
pub struct LocalTree;

impl Tree for LocalTree {
    type Error = CoreError;

    fn names(&self, folder: &Path) -> Result<Vec<String>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(CoreError::io(folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| CoreError::io(folder, error))?.file_name();
            names.extend(name.into_string());
        }
        names.sort();
        Ok(names)
    }

    fn size(&self, path: &Path) -> Result<Option<u64>> {
        match std::fs::metadata(path) {
            Ok(found) => Ok(found.is_file().then_some(found.len())),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(CoreError::io(path, error)),
        }
    }
}

/// A path pattern. `{date}` stands for the day, at most once; `*` and `?` match inside one part of the path.
#[derive(Debug, Clone)]
pub struct PathPattern {
    base: PathBuf,
    pattern: String,
    date_format: String,
}

/// A file that a pattern found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Day of the folder, if the pattern has `{date}`.
    pub date: Option<Date>,
    /// The file.
    pub path: PathBuf,
}

const DATE: &str = "{date}";

impl PathPattern {
    /// `pattern` is relative to `base`, or a URL; `date_format` is a strftime format such as `%Y-%m-%d`.
    ///
    /// # Errors
    /// `Invalid` for a pattern with several `{date}`, or a format that does not give a whole day back.
    pub fn new(base: &Path, pattern: &str, date_format: &str) -> Result<Self> {
        let invalid = |reason: String| CoreError::Invalid { field: "input.path".into(), reason };
        if pattern.is_empty() || pattern.matches(DATE).count() > 1 {
            return Err(invalid(format!("`{pattern}` must name a path, with {DATE} at most once")));
        }
        let day = jiff::civil::date(2026, 11, 3);
        let round_trip =
            jiff::fmt::strtime::format(date_format, day).ok().and_then(|text| Date::strptime(date_format, text).ok());
        if pattern.contains(DATE) && round_trip != Some(day) {
            return Err(invalid(format!(
                "date_format `{date_format}` does not name a day; write for example %Y-%m-%d"
            )));
        }
        let (base, pattern) = match url_parts(pattern) {
            Some((root, rest)) => (Path::new(root), rest),
            None => (base, pattern),
        };
        Ok(Self { base: base.to_owned(), pattern: pattern.to_owned(), date_format: date_format.to_owned() })
    }

    /// True when the pattern has `{date}`.
    pub fn is_dated(&self) -> bool {
        self.pattern.contains(DATE)
    }

    /// Files of the days, by day, then by name; without `{date}` all files, by name.
    ///
    /// # Errors
    /// `Missing` that names the day and the pattern when a day has no file, or only files without a byte.
    pub fn files<T: Tree>(&self, tree: &T, days: &[Date]) -> Result<Vec<Partition>, T::Error> {
        if !self.is_dated() {
            return self.partition(tree, None, &self.pattern);
        }
        let mut found = Vec::new();
        for &day in days {
            let text = jiff::fmt::strtime::format(&self.date_format, day)
                .map_err(|error| CoreError::Invalid { field: "input.date_format".into(), reason: error.to_string() })?;
            found.extend(self.partition(tree, Some(day), &self.pattern.replace(DATE, &text))?);
        }
        Ok(found)
    }

    fn partition<T: Tree>(&self, tree: &T, date: Option<Date>, pattern: &str) -> Result<Vec<Partition>, T::Error> {
        let (mut found, mut bytes) = (Vec::new(), 0);
        for path in matching(tree, &self.base, pattern)? {
            if let Some(size) = tree.size(&path)? {
                bytes += size;
                found.push(Partition { date, path });
            }
        }
        if bytes == 0 {
            let what = if found.is_empty() { "no file matches" } else { "all files are empty that match" };
            let day = date.map(|date| format!("{date}: ")).unwrap_or_default();
            let reason = format!("{day}{what} {}", self.base.join(pattern).display());
            return Err(CoreError::Missing { reason }.into());
        }
        Ok(found)
    }

    /// The days for which files or folders exist, ascending.
    ///
    /// # Errors
    /// I/O.
    pub fn dates<T: Tree>(&self, tree: &T) -> Result<Vec<Date>, T::Error> {
        let Some(part) = self.pattern.split('/').position(|part| part.contains(DATE)) else { return Ok(Vec::new()) };
        let parts: Vec<&str> = self.pattern.split('/').collect();
        let (before, after) = parts[part].split_once(DATE).unwrap_or((parts[part], ""));
        let above = parts[..part].join("/");
        let folders = if above.is_empty() { vec![self.base.clone()] } else { matching(tree, &self.base, &above)? };
        let mut dates = Vec::new();
        for folder in folders {
            for name in tree.names(&folder)? {
                let text = name.strip_prefix(before).and_then(|rest| strip_wild_suffix(rest, after, &self.date_format));
                dates.extend(text.and_then(|text| Date::strptime(&self.date_format, text).ok()));
            }
        }
        dates.sort();
        dates.dedup();
        Ok(dates)
    }
}

/// A URL as its beginning with the bucket, and the rest: `s3://bucket/` and `logs/*.csv`, `file:///` and `logs/*.csv`.
fn url_parts(pattern: &str) -> Option<(&str, &str)> {
    let start = pattern.find("://")? + 3;
    let length = pattern[start..].find('/')?;
    Some(pattern.split_at(start + length + 1))
}

/// The date text at the start of `rest` that is followed by something that matches `after`.
fn strip_wild_suffix<'a>(rest: &'a str, after: &str, date_format: &str) -> Option<&'a str> {
    let ends = rest.char_indices().map(|(end, _)| end).chain([rest.len()]);
    let is_date = |text: &str| Date::strptime(date_format, text).is_ok();
    ends.filter(|&end| matches(after, &rest[end..])).map(|end| &rest[..end]).find(|text| is_date(text))
}

/// Paths below `base` that match a pattern of parts with `*` and `?`, sorted, whether they are there or not. Hidden names
/// match only a written dot.
fn matching<T: Tree>(tree: &T, base: &Path, pattern: &str) -> Result<Vec<PathBuf>, T::Error> {
    let mut found = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { base.to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty() && *part != ".") {
        let mut deeper = Vec::new();
        for folder in found {
            if !part.contains(['*', '?']) {
                deeper.push(folder.join(part));
                continue;
            }
            let visible = |name: &String| !name.starts_with('.') || part.starts_with('.');
            deeper.extend(
                tree.names(&folder)?
                    .into_iter()
                    .filter(|name| visible(name) && matches(part, name))
                    .map(|name| folder.join(name)),
            );
        }
        found = deeper;
    }
    Ok(found)
}

/// `*` matches any text, `?` one character.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => text
            .char_indices()
            .map(|(start, _)| start)
            .chain([text.len()])
            .any(|start| matches(rest.as_str(), &text[start..])),
        Some(wanted) => {
            let mut letters = text.chars();
            letters.next().is_some_and(|letter| wanted == '?' || wanted == letter)
                && matches(rest.as_str(), letters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn world() -> tempfile::TempDir {
        let base = tempfile::tempdir().unwrap();
        for (day, content) in [("2026-11-01", "x"), ("2026-11-02", "x"), ("2026-11-04", "")] {
            let folder = base.path().join(format!("logs/date={day}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::create_dir(folder.join("folder.csv")).unwrap();
            for name in ["b.csv", "a.csv", ".hidden.csv", "note.txt"] {
                std::fs::write(folder.join(name), content).unwrap();
            }
        }
        base
    }

    #[test]
    fn files_come_by_day_then_by_name() {
        let base = world();
        let pattern = PathPattern::new(base.path(), "logs/date={date}/*.csv", "%Y-%m-%d").unwrap();
        let found = pattern.files(&LocalTree, &window(date(2026, 11, 2), 2).unwrap()).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|file| (file.date.unwrap().day(), file.path.file_name().unwrap().to_str().unwrap()))
            .collect();
        assert_eq!(names, [(1, "a.csv"), (1, "b.csv"), (2, "a.csv"), (2, "b.csv")]);
        assert_eq!(pattern.dates(&LocalTree).unwrap(), [date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 4)]);
    }

    #[test]
    fn a_missing_and_an_empty_day_are_named() {
        let base = world();
        let pattern = PathPattern::new(base.path(), "logs/date={date}/*.csv", "%Y-%m-%d").unwrap();
        for (day, reason) in [(3, "no file matches"), (4, "all files are empty")] {
            let error = pattern.files(&LocalTree, &[date(2026, 11, day)]).unwrap_err().to_string();
            assert!(error.contains(&format!("2026-11-0{day}")) && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn dates_are_found_in_file_names_too() {
        let base = tempfile::tempdir().unwrap();
        for name in ["clicks-20261101-0.csv", "clicks-20261102-0.csv", "other.csv"] {
            std::fs::write(base.path().join(name), "x").unwrap();
        }
        let pattern = PathPattern::new(base.path(), "clicks-{date}-*.csv", "%Y%m%d").unwrap();
        assert_eq!(pattern.dates(&LocalTree).unwrap(), [date(2026, 11, 1), date(2026, 11, 2)]);
        assert_eq!(pattern.files(&LocalTree, &[date(2026, 11, 2)]).unwrap().len(), 1);
        let undated = PathPattern::new(base.path(), "*.csv", "%Y%m%d").unwrap();
        assert_eq!(undated.files(&LocalTree, &[]).unwrap().len(), 3);
    }

    #[test]
    fn patterns_and_formats_that_cannot_work_are_refused() {
        for (pattern, format) in
            [("", "%Y"), ("{date}/{date}", "%Y-%m-%d"), ("{date}.csv", "%Y-%m"), ("{date}.csv", "day")]
        {
            assert!(PathPattern::new(Path::new("."), pattern, format).is_err(), "{pattern} {format}");
        }
        assert!(window(date(2026, 1, 1), 0).is_err());
        assert_eq!(window(date(2026, 3, 1), 3).unwrap()[0], date(2026, 2, 27));
    }
}
