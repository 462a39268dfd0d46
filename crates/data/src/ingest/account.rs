//! What became of every row of a file: accepted, rejected by kind, or filtered by reason. Nothing is lost silently.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rejects of one file that are stored in full; all are counted. Of a kind that comes later the first few are stored too.
pub const STORED_REJECTS: usize = 1_000;

/// Rejects of one file that its account shows, and of each kind that are stored in any case.
pub const EXAMPLES: usize = 5;

/// Longest stored text of a reject, in bytes.
pub const MAX_VALUE_BYTES: usize = 4_096;

/// Why a row was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// Fewer cells than columns.
    FewColumns,
    /// More cells than columns.
    ManyColumns,
    /// A quote that is never closed, or a record over several lines that does not fit the columns.
    UnterminatedQuote,
    /// Text after a closing quote.
    BadQuote,
    /// Text that is not a number where one is needed.
    Cast,
    /// NaN, an infinity, or a number too large for 32 bits.
    NonFinite,
    /// An element of a weighted list without a weight, or with one that is not a finite number of at least 0.
    Weight,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A line or record above 1 MiB.
    TooLong,
    /// A byte of value 0.
    NulByte,
    /// Text that is not a time of the configured format.
    BadTime,
    /// A label that is neither 0 nor 1.
    Label,
    /// A user or item id that is empty, longer than 256 bytes, or holds control characters.
    BadId,
    /// A second row for an id of a side table.
    DuplicateId,
    /// A line that is not one JSON object.
    BadJson,
    /// Several values where one is needed, or an element of a list that holds the separator or is no text or number.
    BadList,
    /// A record whose bytes are not those that were written.
    BadCrc,
    /// A record whose length is damaged: nobody knows where the next one begins.
    BadLength,
    /// A record that ends behind the end of the file.
    Truncated,
    /// A record that is not a `tf.train.Example`.
    BadExample,
}

impl Kind {
    /// The name in counts and reports, such as `FEW_COLUMNS`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FewColumns => "FEW_COLUMNS",
            Self::ManyColumns => "MANY_COLUMNS",
            Self::UnterminatedQuote => "UNTERMINATED_QUOTE",
            Self::BadQuote => "BAD_QUOTE",
            Self::Cast => "CAST",
            Self::NonFinite => "NON_FINITE",
            Self::Weight => "WEIGHT",
            Self::InvalidUtf8 => "INVALID_UTF8",
            Self::TooLong => "TOO_LONG",
            Self::NulByte => "NUL_BYTE",
            Self::BadTime => "BAD_TIME",
            Self::Label => "LABEL",
            Self::BadId => "BAD_ID",
            Self::DuplicateId => "DUPLICATE_ID",
            Self::BadJson => "BAD_JSON",
            Self::BadList => "BAD_LIST",
            Self::BadCrc => "BAD_CRC",
            Self::BadLength => "BAD_LENGTH",
            Self::Truncated => "TRUNCATED",
            Self::BadExample => "BAD_EXAMPLE",
        }
    }

    /// How such a row is corrected.
    pub fn hint(self) -> &'static str {
        match self {
            Self::FewColumns => "add the missing cells, or check input.delimiter",
            Self::ManyColumns => "quote cells that hold the delimiter, or check input.delimiter",
            Self::UnterminatedQuote => "close the quote; a quote inside a quoted cell is written twice",
            Self::BadQuote => "write a quote inside a quoted cell twice",
            Self::Cast => "write a number, or leave the cell empty",
            Self::NonFinite => "write a finite number, or leave the cell empty",
            Self::Weight => "write every element as value:weight, with a weight of at least 0",
            Self::InvalidUtf8 => "convert the file to UTF-8",
            Self::TooLong => "a record has at most 1 MiB; is the line end missing?",
            Self::NulByte => "remove the zero bytes; was the file cut or written in UTF-16?",
            Self::BadTime => "correct the time, or check input.time.format",
            Self::Label => "write 0 or 1, or set input.label.at_least",
            Self::BadId => "an id has 1 to 256 bytes and no control characters",
            Self::DuplicateId => "keep one row for each id; the first one was used",
            Self::BadJson => "write one JSON object a line, and every key once",
            Self::BadList => "one value is needed, or a feature with a list.separator that no element holds",
            Self::BadCrc => "the record was damaged after it was written: fetch the file again",
            Self::BadLength => {
                "the file was damaged, or is compressed and not called .gz or .zst; its records from here on are lost"
            }
            Self::Truncated => "the file was cut and ends within this record: fetch it again",
            Self::BadExample => "write tf.train.Example records",
        }
    }
}

/// One rejected row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The file, as its account names it.
    pub file: String,
    /// Line where the row begins, or number of the record in a file without lines; from 1.
    pub line: u64,
    /// Byte of the decompressed file where the row begins, from 0; in Parquet, where the data of its row group begins.
    pub byte_offset: u64,
    /// Column at fault; absent when the whole row is.
    pub column: Option<String>,
    /// Why.
    pub kind: Kind,
    /// The cell, or the row when no cell is at fault; at most 4 KiB, what is not UTF-8 is replaced.
    pub value: String,
    /// The row as it stands in the file; at most 4 KiB, what is not UTF-8 is replaced.
    pub row: String,
    /// What to do.
    pub hint: String,
}

/// Characters of a value that a line for people shows.
const SHOWN_VALUE: usize = 100;

impl Reject {
    /// `logs/a.csv:7 CAST in price: "dear"`, for people.
    pub fn line(&self) -> String {
        let Self { file, line, kind, value, .. } = self;
        let column = self.column.as_ref().map(|column| format!(" in {column}")).unwrap_or_default();
        let more = if value.chars().nth(SHOWN_VALUE).is_some() { "…" } else { "" };
        let value: String = value.chars().take(SHOWN_VALUE).collect();
        format!("{file}:{line} {}{column}: {value:?}{more}", kind.name())
    }
}

/// What became of the rows of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAccount {
    /// The file, relative to the data folder where it lies in it.
    pub path: String,
    /// Records of the file; the header and blank lines are none.
    pub read: u64,
    /// Rows that went on.
    pub accepted: u64,
    /// Rows that are wrong, by [`Kind::name`].
    pub rejected: BTreeMap<String, u64>,
    /// Rows that are right but left out, by reason.
    pub filtered: BTreeMap<String, u64>,
    /// The first rejects.
    pub examples: Vec<Reject>,
}

impl FileAccount {
    /// All rejected rows.
    pub fn rejects(&self) -> u64 {
        self.rejected.values().sum()
    }

    /// True when every row is accounted for.
    pub fn is_balanced(&self) -> bool {
        self.read == self.accepted + self.rejects() + self.filtered.values().sum::<u64>()
    }
}

/// Counts the rows of one file and keeps the first rejects.
#[derive(Debug, Default)]
pub(crate) struct Accountant {
    account: FileAccount,
    rejected: BTreeMap<Kind, u64>,
    stored: Vec<Reject>,
}

impl Accountant {
    pub fn new(path: String) -> Self {
        Self { account: FileAccount { path, ..FileAccount::default() }, ..Self::default() }
    }

    pub fn accept(&mut self) {
        self.account.read += 1;
        self.account.accepted += 1;
    }

    pub fn filter(&mut self, reason: &str) {
        self.account.read += 1;
        if let Some(count) = self.account.filtered.get_mut(reason) {
            *count += 1;
        } else {
            self.account.filtered.insert(reason.to_owned(), 1);
        }
    }

    pub fn reject(&mut self, place: Place<'_>, kind: Kind, cell: Option<(&str, &str)>) {
        self.account.read += 1;
        let of_kind = self.rejected.entry(kind).or_insert(0);
        *of_kind += 1;
        if self.stored.len() >= STORED_REJECTS && *of_kind > EXAMPLES as u64 {
            return;
        }
        let row = shortened(place.row);
        self.stored.push(Reject {
            file: self.account.path.clone(),
            line: place.line,
            byte_offset: place.byte_offset,
            column: cell.map(|(column, _)| column.to_owned()),
            kind,
            value: cell.map_or_else(|| row.clone(), |(_, value)| shortened(value.as_bytes())),
            row,
            hint: kind.hint().to_owned(),
        });
    }

    /// Rows seen so far.
    pub fn read(&self) -> u64 {
        self.account.read
    }

    /// The account and the stored rejects.
    ///
    /// # Panics
    /// When a row was lost, which is a fault of this program.
    pub fn finish(mut self) -> (FileAccount, Vec<Reject>) {
        self.account.rejected =
            self.rejected.into_iter().map(|(kind, count)| (kind.name().to_owned(), count)).collect();
        self.account.examples = self.stored.iter().take(EXAMPLES).cloned().collect();
        assert!(self.account.is_balanced(), "rows were lost: {:?}", self.account);
        (self.account, self.stored)
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Line where it begins, or number of the record; from 1.
    pub line: u64,
    /// Byte where it begins, from 0.
    pub byte_offset: u64,
    /// Its bytes, or the first of them.
    pub row: &'a [u8],
}

fn shortened(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_VALUE_BYTES)]).into_owned();
    let mut end = text.len().min(MAX_VALUE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_counted_once_and_long_values_are_cut() {
        let mut accountant = Accountant::new("a.csv".into());
        accountant.accept();
        accountant.filter("outside_window");
        let row = vec![0xff; 10_000];
        for line in 0..STORED_REJECTS as u64 + 5 {
            accountant.reject(Place { line, byte_offset: 0, row: &row }, Kind::InvalidUtf8, None);
        }
        let (account, stored) = accountant.finish();
        assert_eq!((account.read, account.rejects(), account.accepted), (1_007, 1_005, 1));
        assert_eq!((stored.len(), account.examples.len()), (STORED_REJECTS, EXAMPLES));
        assert!(stored[0].value.len() <= MAX_VALUE_BYTES && !stored[0].value.is_empty());
        let json = serde_json::to_string(&stored[0]).unwrap();
        assert!(json.contains("\"INVALID_UTF8\""), "{json}");
    }

    #[test]
    fn names_are_those_of_the_report() {
        let written = serde_json::to_string(&Kind::FewColumns).unwrap();
        assert_eq!(written.trim_matches('"'), Kind::FewColumns.name());
    }
}
