//! Positives of a user that are never her negatives.
//!
//! In: the samples of the training part, or the histories. Out: for a sample, the items that are left out of its
//! negatives beside its own.

use crate::batch::Samples;
use crate::config::KnownPositives;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;

/// Which items are left out of the negatives of a sample.
#[derive(Debug, Clone)]
pub(crate) enum Exclusion {
    /// Only its own.
    Own,
    /// Those of the user's history as of the event.
    History(Box<Histories>),
    /// All that are positives of the user in the training part.
    Train {
        /// Ends of the users' lists; one longer than the number of users.
        ends: Vec<usize>,
        items: Vec<u32>,
    },
}

impl Exclusion {
    /// Reads what is needed; `samples` are those of the training part.
    pub(crate) fn new(known: KnownPositives, samples: &Samples<'_>, histories: &Histories) -> Self {
        match known {
            KnownPositives::Own => Self::Own,
            KnownPositives::History => Self::History(Box::new(histories.clone())),
            KnownPositives::Train => Self::of_train(samples, histories.len()),
        }
    }

    fn of_train(samples: &Samples<'_>, users: usize) -> Self {
        let rows = || {
            let positives = (0..samples.len() as u32).filter(|&row| samples.outcome(row).label > 0.5);
            positives
                .map(|row| (samples.event(row).user, samples.outcome(row).item))
                .filter(|(user, _)| *user != MISSING)
        };
        let mut ends = vec![0; users + 1];
        rows().for_each(|(user, _)| ends[user as usize + 1] += 1);
        (0..users).for_each(|user| ends[user + 1] += ends[user]);
        let (mut next, mut items) = (ends.clone(), vec![0; ends[users]]);
        for (user, item) in rows() {
            items[next[user as usize]] = item;
            next[user as usize] += 1;
        }
        Self::Train { ends, items }
    }

    /// What is left out for a sample beside its own item, in any order.
    pub(crate) fn of(&self, samples: &Samples<'_>, row: u32) -> &[u32] {
        match self {
            Self::Own => &[],
            Self::History(histories) => {
                let event = samples.event(row);
                histories.before(event.user, event.history_end)
            }
            Self::Train { ends, items } => match samples.event(row).user {
                MISSING => &[],
                user => &items[ends[user as usize]..ends[user as usize + 1]],
            },
        }
    }
}
