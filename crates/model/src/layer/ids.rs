//! The distinct ones of a list of numbers, in the order they are met. In: numbers of any size. Out: the distinct ones, and which
//! of them each place of the list holds. Memory depends on the list, not on the numbers.

/// No number.
const NOWHERE: u32 = u32::MAX;

/// The place of a number among so many, by multiplicative hashing (Knuth: "The Art of Computer Programming", volume 3, 6.4).
pub(crate) fn place(number: u32, places: usize) -> usize {
    ((u64::from(number.wrapping_mul(0x9e37_79b9)) * places as u64) >> u32::BITS) as usize
}

/// Distinct numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    distinct: Vec<u32>,
    /// Position among them at the hash of each, or [`NOWHERE`].
    slots: Vec<u32>,
    index: Vec<u32>,
}

impl Ids {
    /// Finds the distinct ones of `numbers`.
    pub(crate) fn find(&mut self, numbers: &[u32]) {
        self.distinct.clear();
        self.index.clear();
        self.slots.clear();
        self.slots.resize((2 * numbers.len().max(1)).next_power_of_two(), NOWHERE);
        for &number in numbers {
            let mut slot = place(number, self.slots.len());
            while self.slots[slot] != NOWHERE && self.distinct[self.slots[slot] as usize] != number {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            if self.slots[slot] == NOWHERE {
                self.slots[slot] = self.distinct.len() as u32;
                self.distinct.push(number);
            }
            self.index.push(self.slots[slot]);
        }
    }

    /// The distinct numbers.
    pub(crate) fn distinct(&self) -> &[u32] {
        &self.distinct
    }

    /// Position among them of each number of the list.
    pub(crate) fn index(&self) -> &[u32] {
        &self.index
    }
}
