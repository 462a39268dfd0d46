//! Which candidates of a batch hold an item. In: the items of all candidates. Out: the candidates of one item. Rows ask for items
//! that hardly any candidate holds, so most are answered from a few bits.

use crate::layer::ids::place;

/// Bits of the filter for each candidate: of items that none holds, about one in sixteen is looked for in vain.
const BITS: usize = 16;

/// The candidates of a batch by item.
#[derive(Debug, Default)]
pub(super) struct ByItem {
    /// (item, candidate), ascending: candidates of one item are neighbours.
    pairs: Vec<(u32, u32)>,
    /// The bit at the hash of each item is set.
    filter: Vec<u64>,
}

impl ByItem {
    /// Takes the item of each candidate, in the order of the candidates.
    pub(super) fn read(&mut self, items: impl Iterator<Item = u32>) {
        self.pairs.clear();
        self.pairs.extend(items.zip(0..));
        self.pairs.sort_unstable();
        self.filter.clear();
        self.filter.resize(1 + BITS * self.pairs.len() / u64::BITS as usize, 0);
        for number in 0..self.pairs.len() {
            let (word, bit) = self.place(self.pairs[number].0);
            self.filter[word] |= bit;
        }
    }

    /// Word and bit of an item.
    fn place(&self, item: u32) -> (usize, u64) {
        let bit = place(item, self.filter.len() * u64::BITS as usize);
        (bit / u64::BITS as usize, 1 << (bit % u64::BITS as usize))
    }

    /// The candidates that hold an item, ascending.
    pub(super) fn candidates(&self, item: u32) -> impl Iterator<Item = u32> {
        let (word, bit) = self.place(item);
        let start = match self.filter[word] & bit {
            0 => self.pairs.len(),
            _ => self.pairs.partition_point(|&(other, _)| other < item),
        };
        let equal = self.pairs[start..].iter().take_while(move |(other, _)| *other == item);
        equal.map(|(_, candidate)| *candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_candidates_of_an_item_are_found_and_none_of_others() {
        let mut by_item = ByItem::default();
        for items in [&[][..], &[7], &[3, u32::MAX, 3, 0, 9, 3], &[5; 300]] {
            by_item.read(items.iter().copied());
            for item in (0..1000).chain([u32::MAX]) {
                let found: Vec<u32> = by_item.candidates(item).collect();
                let held = (0..).zip(items).filter(|(_, held)| **held == item).map(|(candidate, _)| candidate);
                assert_eq!(found, held.collect::<Vec<u32>>(), "{item} of {items:?}");
            }
        }
    }

    #[test]
    fn most_items_that_no_candidate_holds_are_answered_from_the_filter() {
        let mut by_item = ByItem::default();
        by_item.read((0..256).map(|number| number * 37));
        let looked_for = (20_000..30_000).filter(|&item| {
            let (word, bit) = by_item.place(item);
            by_item.filter[word] & bit != 0
        });
        assert!(looked_for.count() < 1_000);
    }
}
