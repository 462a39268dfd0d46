//! What users were shown or refused in the train part, and never chose there. In: the rows of one user. Out: the lists that
//! negatives may be drawn from ([`twinspire_core::user_items`]), one table a bucket.

use crate::bucket::Row;
use crate::error::Result;
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::interaction::{EventKind, Part};
use twinspire_core::table::write_table;
use twinspire_core::user_items::UserItemRows;
use twinspire_core::vfs::Vfs;

/// What was shown, by user.
pub(super) const IMPRESSIONS: &str = "impressions.arrow";
/// What was refused, by user.
pub(super) const REJECTIONS: &str = "rejections.arrow";

/// Lists of the users of one bucket.
#[derive(Debug, Default)]
pub(super) struct Unchosen {
    impressions: UserItemRows,
    rejections: UserItemRows,
}

impl Unchosen {
    /// Appends a user: her rows in the order of time, and the corpus row of each.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] when a table would hold 2^31 items or more.
    pub fn push(&mut self, user: u32, rows: &[Row], items: &[u32]) -> Result<(), CoreError> {
        let of_kind = |kind| {
            let of_train = rows.iter().zip(items).filter(move |(row, _)| row.part == Part::Train && row.kind == kind);
            of_train.map(|(row, &item)| (item, row.time))
        };
        let mut chosen: Vec<u32> = of_kind(EventKind::Positive).map(|(item, _)| item).collect();
        chosen.sort_unstable();
        let is_unchosen = |(item, _): &(u32, i64)| chosen.binary_search(item).is_err();
        self.impressions.push(user, of_kind(EventKind::Impression).filter(is_unchosen))?;
        self.rejections.push(user, of_kind(EventKind::Rejected).filter(is_unchosen))
    }

    /// Writes the tables that have rows into a folder.
    ///
    /// # Errors
    /// I/O.
    pub fn write(self, vfs: &dyn Vfs, folder: &Path) -> Result<(), CoreError> {
        for (name, rows) in [(IMPRESSIONS, self.impressions), (REJECTIONS, self.rejections)] {
            if !rows.is_empty() {
                write_table(vfs, &folder.join(name), &rows.into_batch()?)?;
            }
        }
        Ok(())
    }
}
