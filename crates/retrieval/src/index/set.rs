//! A set of items as a bitmap. In: item rows. Out: the answer to "is this item in it?", which a search asks for every
//! item that comes near the best.

use twinspire_core::query::Scored;

/// A set of rows of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSet {
    words: Vec<u64>,
    items: usize,
}

impl ItemSet {
    /// No item of a corpus of `items`.
    pub fn none(items: usize) -> Self {
        Self { words: vec![0; items.div_ceil(64)], items }
    }

    /// Every item of a corpus of `items`.
    pub fn all(items: usize) -> Self {
        let mut words = vec![u64::MAX; items.div_ceil(64)];
        if let Some(last) = words.last_mut()
            && !items.is_multiple_of(64)
        {
            *last = (1 << (items % 64)) - 1;
        }
        Self { words, items }
    }

    /// Items of the corpus that the set is about.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Items in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Is the item in the set? An item beyond the corpus is not.
    pub fn contains(&self, item: u32) -> bool {
        self.words.get(item as usize / 64).is_some_and(|word| word >> (item % 64) & 1 == 1)
    }

    /// Adds an item of the corpus.
    pub fn insert(&mut self, item: u32) {
        assert!((item as usize) < self.items, "an item of the corpus");
        self.words[item as usize / 64] |= 1 << (item % 64);
    }

    /// Takes an item out; one that is not in it does no harm.
    pub fn remove(&mut self, item: u32) {
        if let Some(word) = self.words.get_mut(item as usize / 64) {
            *word &= !(1 << (item % 64));
        }
    }
}

/// Drops the items of `excluded`, which ascends, and keeps the best `k` of the rest.
pub(super) fn leave_out(mut found: Vec<Scored>, excluded: &[u32], k: usize) -> Vec<Scored> {
    if !excluded.is_empty() {
        found.retain(|scored| excluded.binary_search(&scored.item).is_err());
    }
    found.truncate(k);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_nothing_else() {
        for items in [0, 1, 63, 64, 65, 130] {
            let mut set = ItemSet::none(items);
            (0..items as u32).filter(|item| item % 3 == 1).for_each(|item| set.insert(item));
            assert!((0..200).all(|item| set.contains(item) == (item % 3 == 1 && (item as usize) < items)));
            let mut all = ItemSet::all(items);
            assert_eq!((all.count(), all.items(), all.contains(items as u32)), (items, items, false));
            (0..200).filter(|item| item % 3 != 1).for_each(|item| all.remove(item));
            assert_eq!(all, set);
        }
    }
}
