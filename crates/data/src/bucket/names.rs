//! Texts that get numbers as they come. In: texts, many of them often. Out: the number of each, and the texts in order. They
//! lie side by side and are found by their fingerprint, so that a look at one seldom leaves the cache.

use arrow_array::StringArray;
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry;
use twinspire_core::hash::fingerprint64;

/// Different texts.
#[derive(Default)]
pub(super) struct Names {
    /// By fingerprint; where two texts share one, the second has the next that is free.
    numbers: FxHashMap<u64, u32>,
    texts: String,
    /// End of each text.
    ends: Vec<usize>,
}

impl Names {
    /// The number of a text: that of its first time.
    pub fn number(&mut self, text: &str) -> u32 {
        self.number_from(fingerprint64(text.as_bytes()), text)
    }

    /// As [`Names::number`], where the fingerprint is known; any other hash will do.
    pub fn number_from(&mut self, mut fingerprint: u64, text: &str) -> u32 {
        loop {
            match self.numbers.entry(fingerprint) {
                Entry::Vacant(free) => {
                    let number = self.ends.len() as u32;
                    free.insert(number);
                    self.texts.push_str(text);
                    self.ends.push(self.texts.len());
                    return number;
                }
                Entry::Occupied(known) => {
                    let number = *known.get();
                    if text_of(&self.texts, &self.ends, number) == text {
                        return number;
                    }
                    fingerprint = fingerprint.wrapping_add(1);
                }
            }
        }
    }

    /// The text that has a number.
    pub fn text(&self, number: u32) -> &str {
        text_of(&self.texts, &self.ends, number)
    }

    /// Forgets all texts.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
        self.ends.clear();
    }

    /// The texts in ascending order, and the place of each number among them.
    pub fn in_order(&self) -> (StringArray, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_unstable_by_key(|&number| self.text(number));
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&number, place)| places[number as usize] = place);
        (StringArray::from_iter_values(order.into_iter().map(|number| self.text(number))), places)
    }
}

fn text_of<'a>(texts: &'a str, ends: &[usize], number: u32) -> &'a str {
    let start = number.checked_sub(1).map_or(0, |before| ends[before as usize]);
    &texts[start..ends[number as usize]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_share_a_fingerprint_stay_apart() {
        let mut names = Names::default();
        let given = [(7, "b"), (7, "a"), (8, "c"), (7, "a"), (8, "c"), (7, "b"), (9, "")];
        let numbers: Vec<u32> =
            given.into_iter().map(|(fingerprint, text)| names.number_from(fingerprint, text)).collect();
        assert_eq!(numbers, [0, 1, 2, 1, 2, 0, 3]);
        let (texts, places) = names.in_order();
        assert_eq!(texts, StringArray::from_iter_values(["", "a", "b", "c"]));
        assert_eq!(places, [2, 1, 3, 0]);
    }
}
