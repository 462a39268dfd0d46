//! Items that share a value of an item feature with the positive: same city, same category.

use super::{NegativeSampler, Positive};
use twinspire_core::encode::{EncodedView, TowerLayout};
use twinspire_core::ids::MISSING;
use twinspire_core::rng::Rng;

/// Draws one of the positive's values, then an item that has it, each uniformly. An item without a value has no
/// negatives here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameAttribute {
    /// Values of each item, and items of each value, ascending.
    values: Lists,
    items: Lists,
}

/// Lists one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lists {
    /// One longer than the number of lists; starts with 0.
    ends: Vec<usize>,
    entries: Vec<u32>,
}

impl Lists {
    fn row(&self, number: u32) -> &[u32] {
        &self.entries[self.ends[number as usize]..self.ends[number as usize + 1]]
    }

    /// For each of `count` entries the lists that hold it, ascending.
    fn inverted(&self, count: usize) -> Self {
        let mut ends = vec![0; count + 1];
        self.entries.iter().for_each(|&entry| ends[entry as usize + 1] += 1);
        (0..count).for_each(|entry| ends[entry + 1] += ends[entry]);
        let (mut next, mut entries) = (ends.clone(), vec![0; self.entries.len()]);
        for number in 0..self.ends.len() as u32 - 1 {
            for &entry in self.row(number) {
                entries[next[entry as usize]] = number;
                next[entry as usize] += 1;
            }
        }
        Self { ends, entries }
    }
}

impl SameAttribute {
    /// Over the feature `name` of the item tower, which has one id an item or a list of ids; `None` where it has no such
    /// field.
    pub fn new(layout: &TowerLayout, corpus: &EncodedView<'_>, name: &str) -> Option<Self> {
        let mut values = Lists { ends: vec![0], entries: Vec::with_capacity(corpus.rows) };
        let single = layout.single.iter().position(|field| field.name == name);
        let multi = layout.multi.iter().position(|field| field.name == name);
        let cardinality = match (single, multi) {
            (Some(field), _) => layout.single[field].cardinality,
            (None, Some(field)) => layout.multi[field].cardinality,
            (None, None) => return None,
        };
        for item in 0..corpus.rows {
            let ids = match (single, multi) {
                (Some(field), _) => &corpus.single_row(item)[field..=field],
                (None, Some(field)) => corpus.multi[field].row(item).0,
                (None, None) => &[],
            };
            let mut own: Vec<u32> = ids.iter().copied().filter(|&id| id != MISSING).collect();
            own.sort_unstable();
            own.dedup();
            values.entries.extend(own);
            values.ends.push(values.entries.len());
        }
        let items = values.inverted(cardinality as usize);
        Some(Self { values, items })
    }
}

impl NegativeSampler for SameAttribute {
    fn draw(&self, positive: &Positive<'_>, rng: &mut Rng) -> Option<u32> {
        let values = self.values.row(positive.item);
        if values.is_empty() {
            return None;
        }
        let items = self.items.row(values[rng.below(values.len() as u32) as usize]);
        Some(items[rng.below(items.len() as u32) as usize])
    }

    fn probability(&self, positive: &Positive<'_>, item: u32) -> f64 {
        let (values, others) = (self.values.row(positive.item), self.values.row(item));
        let common = values.iter().filter(|value| others.binary_search(value).is_ok());
        let per_value = |&value: &u32| 1.0 / self.items.row(value).len() as f64;
        common.map(per_value).sum::<f64>() / values.len().max(1) as f64
    }
}
