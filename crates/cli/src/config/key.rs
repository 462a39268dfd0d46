//! Paths of keys, as in `train.loss.temperature` or `features[3].buckets`.

use std::fmt;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// The entry of an array, counted from 0.
    Entry(usize),
}

/// The path of a key. The root is the empty path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPath(Vec<Step>);

impl KeyPath {
    /// Reads `features[3].buckets` or `features.3.buckets`; empty parts are skipped, so `features[].buckets` names the
    /// key of every entry.
    pub fn parse(text: &str) -> Self {
        let parts = text.split(['.', '[', ']']).map(str::trim).filter(|part| !part.is_empty());
        Self(parts.map(step).collect())
    }

    /// Reads the name of an environment variable without its prefix: `TRAIN__EPOCHS` is `train.epochs`.
    pub fn from_variable(text: &str) -> Self {
        Self(text.split("__").map(|part| step(&part.to_lowercase())).collect())
    }

    /// The path of a key of this table.
    pub fn key(&self, name: &str) -> Self {
        let last = Step::Key(name.to_owned());
        Self(self.0.iter().cloned().chain([last]).collect())
    }

    /// The path of an entry of this array.
    pub fn entry(&self, number: usize) -> Self {
        Self(self.0.iter().cloned().chain([Step::Entry(number)]).collect())
    }

    /// The path without entry numbers, as it is asked for: `features.buckets`.
    pub fn of_any_entry(&self) -> Self {
        Self(self.0.iter().filter(|step| matches!(step, Step::Key(_))).cloned().collect())
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

fn step(part: &str) -> Step {
    part.parse().map_or_else(|_| Step::Key(part.to_owned()), Step::Entry)
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) if number == 0 => write!(formatter, "{name}")?,
                Step::Key(name) => write!(formatter, ".{name}")?,
                Step::Entry(number) => write!(formatter, "[{number}]")?,
            }
        }
        Ok(())
    }
}

/// The name among `known` that is closest to `written`, if it is close enough to be a slip.
pub fn closest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::jaro_winkler(written, name), name));
    scored.filter(|(score, _)| *score > 0.8).max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_every_way_it_is_written() {
        let path = KeyPath::default().key("features").entry(3).key("buckets");
        for text in ["features[3].buckets", "features.3.buckets", " features[3]. buckets"] {
            assert_eq!(KeyPath::parse(text), path, "{text}");
        }
        assert_eq!(KeyPath::from_variable("FEATURES__3__BUCKETS"), path);
        assert_eq!(path.to_string(), "features[3].buckets");
        assert_eq!(KeyPath::parse("features[].buckets").to_string(), "features.buckets");
    }

    #[test]
    fn only_a_slip_is_taken_for_another_name() {
        let known = ["epochs", "batch_size", "loss"];
        assert_eq!(closest("epoch", known), Some("epochs"));
        assert_eq!(closest("batchsize", known), Some("batch_size"));
        assert_eq!(closest("quota", known), None);
    }
}
