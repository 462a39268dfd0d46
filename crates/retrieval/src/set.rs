//! A set of items as a bitmap. In: item rows. Out: the answer to "is this item in it?", which a search asks for every
//! item that comes near the best.

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

    /// A bit for each of the `count` items from `first` on, at most 64, the first lowest.
    pub(crate) fn bits(&self, first: usize, count: usize) -> u64 {
        let word = |number: usize| self.words.get(number).copied().unwrap_or(0);
        let (number, shift) = (first / 64, first % 64);
        let low = word(number) >> shift;
        let high = if shift == 0 { 0 } else { word(number + 1) << (64 - shift) };
        (low | high) & (u64::MAX >> (64 - count))
    }

    /// The same items of a corpus of `items`: those beyond it are gone, and new ones are not in the set.
    pub(crate) fn resized(mut self, items: usize) -> Self {
        self.words.resize(items.div_ceil(64), 0);
        if let Some(last) = self.words.last_mut()
            && !items.is_multiple_of(64)
        {
            *last &= (1 << (items % 64)) - 1;
        }
        Self { items, ..self }
    }

    /// Its items, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.iter_from(0)
    }

    /// Its items from `first` on, ascending.
    pub(crate) fn iter_from(&self, first: usize) -> impl Iterator<Item = u32> {
        let of_word = |(number, &word): (usize, &u64)| {
            let left = std::iter::successors(Some(word), |left| Some(left & left.wrapping_sub(1)));
            left.take_while(|&left| left != 0).map(move |left| number as u32 * 64 + left.trailing_zeros())
        };
        let words = self.words.iter().enumerate().skip(first / 64);
        words.flat_map(of_word).skip_while(move |&item| (item as usize) < first)
    }

    /// Keeps the items that `other`, a set over the same corpus, has too.
    pub fn intersect(&mut self, other: &Self) {
        assert_eq!(self.items, other.items, "sets over one corpus");
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    /// Adds the items of `other`, a set over the same corpus.
    pub fn unite(&mut self, other: &Self) {
        assert_eq!(self.items, other.items, "sets over one corpus");
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// The items that are not in the set.
    pub fn complement(&self) -> Self {
        let mut all = Self::all(self.items);
        all.words.iter_mut().zip(&self.words).for_each(|(word, own)| *word &= !own);
        all
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
            assert!(set.iter().eq((0..items as u32).filter(|item| item % 3 == 1)));
            let rest = set.complement();
            assert!(rest.iter().eq((0..items as u32).filter(|item| item % 3 != 1)));
            for (first, count) in [(0, 48), (48, 48), (96, 48), (63, 64), (1, 1)] {
                let bit = |place: usize| u64::from(set.contains((first + place) as u32)) << place;
                assert_eq!(set.bits(first, count), (0..count).map(bit).sum::<u64>());
            }
            all.unite(&rest);
            assert_eq!(all, ItemSet::all(items));
            all.intersect(&set);
            assert_eq!(all, set);
        }
    }
}
