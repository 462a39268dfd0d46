//! The order of the samples in an epoch, and where its batches end.
//!
//! In: the samples, what a batch holds, seed and epoch. Out: batches of sample numbers. The same seed and epoch give the
//! same order.

use crate::batch::Samples;
use crate::config::{TrainSection, TrainedPositions};
use std::ops::Range;
use twinspire_core::ids::MISSING;
use twinspire_core::rng::Rng;

/// Numbers of samples, brought into a new order every epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    batch_size: usize,
    /// Ascending; by user and then by the length of the history where a user's samples stay together.
    sorted: Vec<u32>,
    /// The samples of each user, at most a batch; empty where samples stand alone.
    users: Vec<Range<usize>>,
    /// In the order of the epoch.
    numbers: Vec<u32>,
    /// Ends of the batches.
    ends: Vec<usize>,
}

impl Order {
    /// All samples, or those with label 1, in the order of the first epoch of `seed`.
    pub(crate) fn new(samples: &Samples<'_>, only_positives: bool, train: &TrainSection, seed: u64) -> Self {
        let (mut sorted, mut users) = (samples.numbers(only_positives), Vec::new());
        let batch_size = train.batch_size as usize;
        if train.positions == TrainedPositions::All {
            let user = |number: u32| samples.event(number).user;
            sorted.sort_by_key(|&number| (user(number), samples.event(number).history_end, number));
            let together = |a: &u32, b: &u32| user(*a) == user(*b) && user(*a) != MISSING;
            let mut start = 0;
            for part in sorted.chunk_by(together).flat_map(|own| own.chunks(batch_size)) {
                users.push(start..start + part.len());
                start += part.len();
            }
        }
        let mut order = Self { batch_size, numbers: sorted.clone(), sorted, users, ends: Vec::new() };
        order.shuffle(seed, 0);
        order
    }

    /// Brings the samples into the order of an epoch, counted from 0.
    pub(crate) fn shuffle(&mut self, seed: u64, epoch: u32) {
        let mut rng = Rng::stream(seed, "epoch", u64::from(epoch));
        self.ends.clear();
        if self.users.is_empty() {
            self.numbers.copy_from_slice(&self.sorted);
            rng.shuffle(&mut self.numbers);
            let ends = (self.batch_size..).step_by(self.batch_size).take_while(|end| *end < self.numbers.len());
            self.ends.extend(ends.chain((!self.numbers.is_empty()).then_some(self.numbers.len())));
            return;
        }
        let mut users = self.users.clone();
        rng.shuffle(&mut users);
        self.numbers.clear();
        for user in users {
            let start = self.ends.last().copied().unwrap_or(0);
            if self.numbers.len() + user.len() - start > self.batch_size {
                self.ends.push(self.numbers.len());
            }
            self.numbers.extend_from_slice(&self.sorted[user]);
        }
        self.ends.push(self.numbers.len());
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The first `most` batches of the epoch.
    pub(crate) fn batches(&self, most: usize) -> impl Iterator<Item = &[u32]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(&self.ends).take(most).map(|(start, end)| &self.numbers[start..*end])
    }

    /// Number of samples in them.
    pub(crate) fn samples(&self, most: usize) -> usize {
        let Some(last) = most.checked_sub(1) else { return 0 };
        self.ends.get(last).map_or(self.numbers.len(), |end| *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::World;

    fn batches(positions: TrainedPositions, batch_size: u32, epoch: u32) -> Vec<Vec<u32>> {
        let world = World::new(false);
        let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
        let train = TrainSection { positions, batch_size, ..TrainSection::default() };
        let mut order = Order::new(&samples, true, &train, 3);
        order.shuffle(3, epoch);
        (0..4).for_each(|most| assert_eq!(order.samples(most), order.batches(most).flatten().count()));
        assert_eq!((order.samples(usize::MAX), order.batches(9999).flatten().count()), (order.len(), order.len()));
        order.batches(usize::MAX).map(<[u32]>::to_vec).collect()
    }

    #[test]
    fn every_sample_is_there_once_in_an_order_of_the_epoch() {
        for positions in [TrainedPositions::Single, TrainedPositions::All] {
            let first = batches(positions, 50, 0);
            let mut numbers = first.concat();
            assert_eq!(first, batches(positions, 50, 0));
            assert_ne!(numbers, batches(positions, 50, 1).concat());
            numbers.sort_unstable();
            assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
            assert!(first.iter().all(|batch| batch.len() <= 50) && first.len() >= numbers.len() / 50);
        }
        assert!(batches(TrainedPositions::Single, 50, 0)[..7].iter().all(|batch| batch.len() == 50));
    }

    #[test]
    fn the_samples_of_a_user_stand_in_one_batch_by_the_length_of_the_history() {
        let world = World::new(false);
        let samples = Samples::new(&world.train, Some(&world.histories), &world.items);
        let event = |number: &u32| samples.event(*number);
        let made = batches(TrainedPositions::All, 50, 0);
        let mut batch_of = std::collections::BTreeMap::new();
        for (number, batch) in made.iter().enumerate() {
            for own in batch.chunk_by(|a, b| event(a).user == event(b).user && event(a).user != MISSING) {
                let user = event(&own[0]).user;
                let first = user == MISSING || batch_of.insert(user, number).is_none();
                assert!(first, "user {user} stands in one place");
                assert!(own.is_sorted_by_key(|number| event(number).history_end));
            }
        }
        assert!(batch_of.len() > 50);
    }
}
