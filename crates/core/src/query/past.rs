//! The history of a query: the one that the request sends, else the stored one. In: a query and where it is looked up.
//! Out: items with their times, or the field at fault.

use super::{Lookup, Query};
use crate::ids::check_id;
use crate::{CoreError, Result};

/// Items with times, oldest first. The times may be missing where nothing needs them.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Rows of the corpus.
    pub items: Vec<u32>,
    /// Microseconds UTC; one an item, or none at all.
    pub times: Vec<i64>,
    /// Ids that the corpus does not have; they are left out.
    pub unknown: usize,
}

fn refused<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T> {
    Err(CoreError::Invalid { field: field.into(), reason: reason.into() })
}

impl Past {
    /// The history of `query`, whose user has the row `user` in the history table.
    ///
    /// # Errors
    /// `Invalid` for an id that is none, times that do not fit the history, or missing times that are needed.
    pub fn of(query: &Query, user: Option<u32>, lookup: &Lookup<'_>) -> Result<Self> {
        let Some(ids) = &query.history else {
            if query.history_times.is_some() {
                return refused("history_times", "they are the times of a history, and the request has none");
            }
            let histories = lookup.histories;
            let stored = |row| (histories.items(row).to_vec(), histories.times(row).to_vec());
            let (items, times) = user.map(stored).unwrap_or_default();
            return Ok(Self { items, times, unknown: 0 });
        };
        for (position, id) in ids.iter().enumerate() {
            check_id(&format!("history.{position}"), id)?;
        }
        let times = query.history_times.as_deref();
        check_times(times, ids.len(), lookup.needs_times || !lookup.encoder.windows().is_empty())?;
        let mut past = Self::default();
        for (position, id) in ids.iter().enumerate() {
            match lookup.items.find(id) {
                Some(item) => {
                    past.items.push(item);
                    past.times.extend(times.map(|times| times[position]));
                }
                None => past.unknown += 1,
            }
        }
        Ok(past)
    }
}

fn check_times(times: Option<&[i64]>, items: usize, are_needed: bool) -> Result<()> {
    let Some(times) = times else {
        if are_needed && items > 0 {
            let reason = "some features look at what happened in a window of time, or the model at how long ago it was, so each item of the history needs one";
            return refused("history_times", reason);
        }
        return Ok(());
    };
    if times.len() != items {
        return refused("history_times", format!("expected one time for each of {items} items, found {}", times.len()));
    }
    match times.windows(2).position(|pair| pair[0] > pair[1]) {
        Some(position) => refused(format!("history_times.{}", position + 1), "it lies before the one of an older item"),
        None => Ok(()),
    }
}
