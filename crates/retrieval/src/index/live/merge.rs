//! A new base from all that is alive. In: a state. Out: the state of an index that was built anew, and then the same with
//! what changed meanwhile. It takes no lock.

use super::state::LiveState;
use crate::config::IndexSettings;
use crate::error::Result;
use crate::index::{IndexInput, VectorIndex, build};
use twinspire_core::attribute::AttributeRows;
use twinspire_core::ids::MISSING;

/// A state whose base holds all that was alive, and where each number of the former state went.
pub(super) struct Merged {
    state: LiveState,
    /// New number of each former number, MISSING for the dead.
    moved: Vec<u32>,
}

impl LiveState {
    /// Builds the new base: living items in the order of their numbers.
    pub(super) fn merged(&self, settings: &IndexSettings, seed: u64) -> Result<Merged> {
        let (base, dimension) = (self.base.index.len(), self.base.index.report().dimension);
        let (mut moved, mut ids, mut vectors) = (vec![MISSING; self.len()], Vec::new(), Vec::new());
        let tail: Vec<&[f32]> = self.tail.from(0).map(|(_, vector)| vector).collect();
        for (number, new) in self.alive.iter().zip(0..) {
            moved[number as usize] = new;
            ids.push(self.id(number).to_owned());
            let in_tail = (number as usize).checked_sub(base);
            vectors.extend_from_slice(in_tail.map_or_else(|| self.base.index.vector(number), |place| tail[place]));
        }
        let input = IndexInput { vectors: &vectors, dimension, ids: &ids, queries: &[] };
        let index = build(&input, settings, seed)?;
        let index = match self.attribute_rows(&moved, ids.len()) {
            None => index,
            Some(rows) => index.with_attributes(&rows.into_batch()?)?,
        };
        Ok(Merged { state: Self::of(index)?, moved })
    }

    /// Values of the living items, by their new numbers; `None` for an index without attributes.
    fn attribute_rows(&self, moved: &[u32], items: usize) -> Option<AttributeRows> {
        let table = self.base.index.attributes()?;
        let mut rows = AttributeRows::new(table.attributes().to_vec(), items);
        for (attribute, value, items) in table.iter() {
            let new = items.iter().map(|&item| moved[item as usize]).filter(|&new| new != MISSING);
            new.for_each(|item| rows.push(item, attribute, value.clone()));
        }
        for (number, item) in self.living_tail() {
            let new = moved[number as usize];
            item.values.iter().for_each(|(attribute, value)| rows.push(new, *attribute, value.clone()));
        }
        Some(rows)
    }
}

impl Merged {
    /// The new base with what changed between `before`, which it was built from, and `now`: who died since is dead, who came
    /// since is the tail.
    pub fn caught_up(self, before: &LiveState, now: &LiveState) -> Result<LiveState> {
        let Self { mut state, moved } = self;
        for number in before.alive.iter().filter(|&number| !now.alive.contains(number)) {
            state.alive.remove(moved[number as usize]);
        }
        for ((item, vector), number) in now.tail.from(before.tail.len()).zip(before.len() as u32..) {
            let new = state.push(item.clone(), vector);
            if !now.alive.contains(number) {
                state.alive.remove(new);
            }
        }
        Ok(state)
    }
}
