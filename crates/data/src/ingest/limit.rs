//! How many bad rows a file may have. In: the account of a file and `[input]`. Out: the [`Limit`] that it does not keep.

use super::account::{FileAccount, Kind};
use crate::config::InputSection;
use serde::Serialize;
use std::fmt;

/// A limit of the config.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Largest share of rejected rows.
    MaxRejectRatio(f64),
    /// Most corrupt records.
    MaxCorruptRecords(u64),
}

/// Kinds of records whose bytes are not those that were written.
const CORRUPT: [Kind; 3] = [Kind::BadCrc, Kind::BadLength, Kind::Truncated];

fn corrupt(account: &FileAccount) -> u64 {
    CORRUPT.iter().filter_map(|kind| account.rejected.get(kind.name())).sum()
}

impl Limit {
    /// The first limit that a file does not keep.
    pub fn broken_by(account: &FileAccount, input: &InputSection) -> Option<Self> {
        if corrupt(account) > input.max_corrupt_records {
            return Some(Self::MaxCorruptRecords(input.max_corrupt_records));
        }
        let is_broken = account.rejects() as f64 > input.max_reject_ratio * account.read as f64;
        is_broken.then_some(Self::MaxRejectRatio(input.max_reject_ratio))
    }

    /// Key of the config.
    pub fn key(self) -> &'static str {
        match self {
            Self::MaxRejectRatio(_) => "input.max_reject_ratio",
            Self::MaxCorruptRecords(_) => "input.max_corrupt_records",
        }
    }

    /// `3 of 20 rows rejected, more than max_reject_ratio = 0.01 allows`.
    pub fn complaint(self, account: &FileAccount) -> String {
        let (count, what) = match self {
            Self::MaxRejectRatio(_) => (account.rejects(), "rejected"),
            Self::MaxCorruptRecords(_) => (corrupt(account), "corrupt"),
        };
        format!("{count} of {} rows {what}, more than {self} allows", account.read)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxRejectRatio(share) => write!(formatter, "max_reject_ratio = {share}"),
            Self::MaxCorruptRecords(records) => write!(formatter, "max_corrupt_records = {records}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(read: u64, rejected: &[(Kind, u64)]) -> FileAccount {
        let rejected = rejected.iter().map(|&(kind, count)| (kind.name().to_owned(), count)).collect();
        FileAccount { read, rejected, ..FileAccount::default() }
    }

    #[test]
    fn one_corrupt_record_is_too_many_and_bad_rows_are_a_share() {
        let input = InputSection::default();
        let broken = |account: &FileAccount| Limit::broken_by(account, &input);
        assert_eq!(broken(&account(1_000, &[(Kind::Cast, 10)])), None);
        assert_eq!(broken(&account(1_000, &[(Kind::Cast, 11)])), Some(Limit::MaxRejectRatio(0.01)));
        let corrupt = account(1_000_000, &[(Kind::BadCrc, 1), (Kind::Truncated, 1)]);
        assert_eq!(broken(&corrupt), Some(Limit::MaxCorruptRecords(0)));
        let complaint = broken(&corrupt).unwrap().complaint(&corrupt);
        assert_eq!(complaint, "2 of 1000000 rows corrupt, more than max_corrupt_records = 0 allows");
    }

    #[test]
    fn a_share_of_one_allows_every_row_to_be_bad() {
        let input = InputSection { max_reject_ratio: 1.0, ..InputSection::default() };
        assert_eq!(Limit::broken_by(&account(3, &[(Kind::Label, 3)]), &input), None);
    }
}
