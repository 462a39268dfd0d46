//! What ingest did, for people and for `--json`.

use super::account::FileAccount;
use std::collections::BTreeMap;
use twinspire_core::stage::StageOutcome;
use twinspire_core::text::{aligned, grouped};

/// Files with rejects that are shown.
const SHOWN_FILES: usize = 10;

/// What became of every row of every file.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestReport {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// Files that were read now; the others had been read before.
    pub files_read: usize,
    /// One account a file: log files by day and name, then the test file, then side tables.
    pub accounts: Vec<FileAccount>,
}

/// All accounts in one, without examples.
pub(crate) fn total(accounts: &[FileAccount]) -> FileAccount {
    let mut total = FileAccount { path: "all files".into(), ..FileAccount::default() };
    for account in accounts {
        total.read += account.read;
        total.accepted += account.accepted;
        account.rejected.iter().for_each(|(kind, count)| *total.rejected.entry(kind.clone()).or_default() += count);
        account.filtered.iter().for_each(|(reason, count)| *total.filtered.entry(reason.clone()).or_default() += count);
    }
    total
}

/// Sums over all accounts, by name.
pub(super) fn counts(accounts: &[FileAccount]) -> BTreeMap<String, u64> {
    let total = total(accounts);
    let filtered = total.filtered.values().sum();
    let counts =
        [("read", total.read), ("accepted", total.accepted), ("rejected", total.rejects()), ("filtered", filtered)];
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

impl IngestReport {
    /// Plain text for people: how many files were read now, the sum over all files, then the files with rejects, each
    /// with its first one.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("read now: {} of {} files", self.files_read, self.accounts.len())];
        lines.extend(account_lines(&total(&self.accounts)));
        lines.extend(reject_lines(&self.accounts));
        lines
    }
}

/// Counts of one account, a line each.
pub(crate) fn account_lines(account: &FileAccount) -> Vec<String> {
    let mut rows = vec![("rows read".to_owned(), account.read), ("accepted".to_owned(), account.accepted)];
    rows.extend(account.rejected.iter().map(|(kind, &count)| (format!("rejected: {kind}"), count)));
    rows.extend(account.filtered.iter().map(|(reason, &count)| (format!("filtered: {reason}"), count)));
    aligned(&rows.into_iter().map(|(name, count)| vec![name, grouped(count)]).collect::<Vec<_>>())
}

/// The files with rejects, each with its first one.
pub(crate) fn reject_lines(accounts: &[FileAccount]) -> Vec<String> {
    let bad: Vec<&FileAccount> = accounts.iter().filter(|account| account.rejects() > 0).collect();
    let mut lines = Vec::new();
    for account in bad.iter().take(SHOWN_FILES) {
        lines.push(format!(
            "{}: {} of {} rows rejected",
            account.path,
            grouped(account.rejects()),
            grouped(account.read)
        ));
        if let Some(first) = account.examples.first() {
            let column = first.column.as_ref().map(|column| format!(" in `{column}`")).unwrap_or_default();
            lines.push(format!(
                "  line {}: {}{column}: {:?}; {}",
                first.line,
                first.kind.name(),
                first.value,
                first.hint
            ));
        }
    }
    if bad.len() > SHOWN_FILES {
        lines.push(format!("and {} more files with rejects", bad.len() - SHOWN_FILES));
    }
    lines
}
