//! An index that changes while it is searched.
//!
//! In: a [`StoredIndex`] with ids, and [`Change`]s. Out: [`LiveState`]s, each of which never changes: a search takes one and
//! sees all of it, however long it takes. A change makes the next state from the last one and puts it in its place; nothing
//! waits for a search and no search waits for more than that exchange of a pointer.
//!
//! A state is a *base*, an index as it was built; a *tail* of vectors that came later, which are scored one by one; and the
//! set of those that are alive. An item that is replaced dies in the base or in the tail and comes to life at the tail's end.
//! [`LiveIndex::merge`] builds a new base of all that is alive, beside the searches and the changes; what changed meanwhile
//! becomes the tail of the new base. So a merge changes no answer, except that an index with cells is fitted anew.
//!
//! Changes live in memory. Whoever needs them to outlive the process writes them down before, or the merged base after.

mod change;
mod merge;
mod state;
mod tail;
#[cfg(test)]
mod tests;

pub use change::{Change, LiveItem};
pub use state::LiveState;

use super::StoredIndex;
use crate::config::IndexSettings;
use crate::error::{Result, RetrievalError};
use rustc_hash::FxHashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tail::TailItem;

/// An index that takes changes.
#[derive(Debug)]
pub struct LiveIndex {
    state: RwLock<Arc<LiveState>>,
    /// Held by whoever makes the next state: the numbers of living items of the tail.
    tail_numbers: Mutex<FxHashMap<String, u32>>,
    /// Held during a merge.
    merging: Mutex<()>,
    settings: IndexSettings,
    seed: u64,
}

impl LiveIndex {
    /// Of an index, which knows its items by id. Merges build by `settings` and `seed`.
    ///
    /// # Errors
    /// `Invalid` for an index without ids, or with an id twice.
    pub fn new(index: StoredIndex, settings: IndexSettings, seed: u64) -> Result<Self> {
        let state = LiveState::of(index)?;
        let (tail_numbers, merging) = (Mutex::default(), Mutex::default());
        Ok(Self { state: RwLock::new(Arc::new(state)), tail_numbers, merging, settings, seed })
    }

    /// The present state.
    pub fn state(&self) -> Arc<LiveState> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes all changes, in their order and at once: no search sees a part of them. Returns the number of items that were
    /// there before and are replaced or deleted.
    ///
    /// # Errors
    /// `Invalid` that names the change at fault; then none of them is made.
    pub fn apply(&self, changes: &[Change]) -> Result<usize> {
        let mut numbers = locked(&self.tail_numbers);
        let mut next = LiveState::clone(&self.state());
        let items = changes.iter().enumerate().map(|(place, change)| match change {
            Change::Upsert(item) => next.checked(item, place).map(Some),
            Change::Delete(_) => Ok(None),
        });
        let items: Vec<Option<TailItem>> = items.collect::<Result<_>>()?;
        let mut gone = 0;
        for (change, item) in changes.iter().zip(items) {
            // An id that is in the tail may be in the base too, where it is dead.
            let known = numbers.remove(change.id()).or_else(|| next.number_in_base(change.id()));
            gone += usize::from(known.is_some_and(|number| next.kill(number)));
            if let (Change::Upsert(LiveItem { vector, .. }), Some(item)) = (change, item) {
                numbers.insert(item.id.clone(), next.push(item, vector));
            }
        }
        self.publish(next);
        Ok(gone)
    }

    /// Folds the tail and the dead into a new base, in the threads of the current pool. Searches and changes go on
    /// meanwhile; a second merge waits for the first.
    ///
    /// # Errors
    /// As [`super::build()`]; then everything stays as it was.
    pub fn merge(&self) -> Result<()> {
        let _one_at_a_time = locked(&self.merging);
        let before = self.state();
        let merged = before.merged(&self.settings, self.seed)?;
        let mut numbers = locked(&self.tail_numbers);
        let after = merged.caught_up(&before, &self.state())?;
        *numbers = after.living_tail().map(|(number, item)| (item.id.clone(), number)).collect();
        self.publish(after);
        Ok(())
    }

    fn publish(&self, next: LiveState) {
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

/// What a lock guards is whole between two changes, so one that died with its thread is taken over.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn invalid(place: usize, reason: impl Into<String>) -> RetrievalError {
    RetrievalError::invalid(format!("changes.{place}"), reason)
}
