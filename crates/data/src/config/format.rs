//! `input.format`: how the rows of a file are written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the rows of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A line a row, with a delimiter between cells: CSV, TSV.
    Delimited,
    /// A JSON object a line.
    Jsonl,
    /// TFRecord of `tf.train.Example`.
    Tfrecord,
    /// Parquet.
    Parquet,
}

/// Endings behind which a file of any format may be compressed.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];
const FORMATS: [(&str, Format); 6] = [
    (".jsonl", Format::Jsonl),
    (".ndjson", Format::Jsonl),
    (".json", Format::Jsonl),
    (".tfrecord", Format::Tfrecord),
    (".tfrecords", Format::Tfrecord),
    (".parquet", Format::Parquet),
];

fn without_compression(path: &str) -> String {
    let path = path.to_lowercase();
    let stripped = COMPRESSED.iter().find_map(|ending| path.strip_suffix(ending));
    stripped.map_or_else(|| path.clone(), str::to_owned)
}

impl Format {
    /// What the ending of a path or pattern says; `delimited` for any ending that is not of another format.
    pub fn of_ending(path: &str) -> Self {
        let path = without_compression(path);
        FORMATS.iter().find(|(ending, _)| path.ends_with(ending)).map_or(Self::Delimited, |&(_, format)| format)
    }

    /// True when the ending says that a tab stands between cells.
    pub(crate) fn is_tab_separated(path: &str) -> bool {
        without_compression(path).ends_with(".tsv")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_before_that_of_the_compression_says_the_format() {
        let format = |path| Format::of_ending(path);
        assert_eq!(["a.csv", "a.csv.gz", "a", "a.gz", "a.dat"].map(format), [Format::Delimited; 5]);
        assert_eq!(["a.jsonl.zst", "b.ndjson", "d/*.JSON.gz"].map(format), [Format::Jsonl; 3]);
        assert_eq!(["a.tfrecord", "{date}/*.tfrecords.gz"].map(format), [Format::Tfrecord; 2]);
        assert_eq!(format("a.parquet"), Format::Parquet);
        assert!(Format::is_tab_separated("a.tsv.gz") && !Format::is_tab_separated("tsv/a.csv"));
    }
}
