//! Items from a list of the user's own: what she was shown and did not choose, what she refused, what was mined for her.

use super::{NegativeSampler, Positive};
use std::sync::Arc;
use twinspire_core::ids::MISSING;
use twinspire_core::rng::Rng;
use twinspire_core::user_items::UserItems;

/// Draws uniformly from a user's list, which files hold. A user without a list, or nobody, has no negatives here.
#[derive(Debug, Clone)]
pub struct Listed {
    lists: Arc<UserItems>,
    recent: Option<usize>,
}

impl Listed {
    /// Draws from the whole list, or with `recent` from that many entries that are the newest at the time of the event:
    /// later ones are not known then.
    pub fn new(lists: Arc<UserItems>, recent: Option<usize>) -> Self {
        Self { lists, recent }
    }

    fn list(&self, positive: &Positive<'_>) -> &[u32] {
        if positive.user == MISSING {
            return &[];
        }
        let (items, times) = self.lists.of(positive.user);
        let Some(recent) = self.recent else { return items };
        let end = times.partition_point(|&time| time <= positive.time);
        &items[end.saturating_sub(recent)..end]
    }
}

impl NegativeSampler for Listed {
    fn draw(&self, positive: &Positive<'_>, rng: &mut Rng) -> Option<u32> {
        let list = self.list(positive);
        (!list.is_empty()).then(|| list[rng.below(list.len() as u32) as usize])
    }

    fn probability(&self, positive: &Positive<'_>, item: u32) -> f64 {
        let list = self.list(positive);
        let times = list.iter().filter(|&&other| other == item).count();
        if times == 0 { 0.0 } else { times as f64 / list.len() as f64 }
    }
}
