//! Items of the rows of earlier batches, with the vectors that they had then.
//!
//! In: items and vectors of a batch, once it was trained on. Out: the newest of them, oldest first, as negatives of the next
//! batches (Wang, Zhu, He: "Cross-Batch Negative Sampling for Training Two-Tower Recommenders", SIGIR 2021). They are
//! values: no gradient reaches what made them, and no tower sees them again. What pushes items away in their stead is
//! said in [`super::mix`].

use crate::checkpoint::{Pieces, PiecesMut};
use crate::config::{CrossBatchSection, NegativesSection, TrainSection};
use crate::kernel::Buffer;
use twinspire_core::ids::MISSING;

/// The newest rows of earlier batches.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Earlier {
    /// As long as it may become; MISSING at the front while there are fewer.
    items: Vec<u32>,
    /// `[items, dimension]`.
    vectors: Buffer,
    dimension: usize,
    /// How many batches it keeps.
    batches: usize,
    /// Steps before the first that meets them.
    warm_up_steps: u64,
}

impl Earlier {
    /// Nothing yet, with room for what the settings keep.
    pub(crate) fn new(train: &TrainSection, dimension: usize) -> Self {
        let kept = train.negatives.iter().find_map(|section| match section {
            NegativesSection::CrossBatch(own) => Some(own),
            NegativesSection::Uniform(_)
            | NegativesSection::Popularity(_)
            | NegativesSection::InBatch(_)
            | NegativesSection::Impressed(_)
            | NegativesSection::Rejected(_)
            | NegativesSection::SameAttribute(_)
            | NegativesSection::Mined(_) => None,
        });
        let Some(CrossBatchSection { batches, warm_up_steps, .. }) = kept else { return Self::default() };
        let batches = *batches as usize;
        let rows = batches * train.batch_size as usize;
        let (items, vectors) = (vec![MISSING; rows], Buffer::zeros(rows * dimension));
        Self { items, vectors, dimension, batches, warm_up_steps: *warm_up_steps }
    }

    /// What a batch of `rows` meets that follows `steps` others: items and their vectors `[items, dimension]`. The last
    /// batch of an epoch may be small, and meets fewer: its rows push for all of them.
    pub(crate) fn met(&self, steps: u64, rows: usize) -> (&[u32], &[f32]) {
        let empty = self.items.partition_point(|item| *item == MISSING);
        let most = if steps < self.warm_up_steps { 0 } else { self.batches * rows };
        let start = empty.max(self.items.len().saturating_sub(most));
        (&self.items[start..], &self.vectors[start * self.dimension..])
    }

    /// Keeps the items of a batch with their vectors in place of the oldest.
    pub(crate) fn push<'v>(&mut self, items: &[u32], vectors: impl DoubleEndedIterator<Item = &'v [f32]>) {
        let fresh = items.len().min(self.items.len());
        let first = self.items.len() - fresh;
        self.items.copy_within(fresh.., 0);
        self.items[first..].copy_from_slice(&items[items.len() - fresh..]);
        self.vectors.copy_within(fresh * self.dimension.., 0);
        let places = self.vectors[first * self.dimension..].chunks_exact_mut(self.dimension.max(1));
        places.rev().zip(vectors.rev()).for_each(|(place, vector)| place.copy_from_slice(vector));
    }

    /// All of it, as a checkpoint holds it: the bits of items stand as numbers.
    pub(crate) fn memory(&self) -> Option<Pieces<'_>> {
        let items = bytemuck::cast_slice(&self.items);
        (!self.items.is_empty()).then(|| ("negatives/cross_batch".to_owned(), vec![items, &self.vectors[..]]))
    }

    /// As [`Earlier::memory`], to be filled.
    pub(crate) fn memory_mut(&mut self) -> Option<PiecesMut<'_>> {
        let items = bytemuck::cast_slice_mut(&mut self.items);
        (!items.is_empty()).then(|| ("negatives/cross_batch".to_owned(), vec![items, &mut self.vectors[..]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(batches: u32, batch_size: u32, warm_up_steps: u64) -> Earlier {
        let own = CrossBatchSection { batches, warm_up_steps, ..CrossBatchSection::default() };
        let negatives = vec![NegativesSection::CrossBatch(own)];
        Earlier::new(&TrainSection { negatives, batch_size, ..TrainSection::default() }, 2)
    }

    #[test]
    fn the_newest_rows_stay_in_their_order_with_their_vectors() {
        let mut earlier = earlier(2, 3, 0);
        let (mut pushed, mut number) = (Vec::new(), 0);
        for size in [3, 2, 3, 1, 3, 3, 7] {
            let items: Vec<u32> = (number..number + size).collect();
            let vectors: Vec<[f32; 2]> = items.iter().map(|&item| [item as f32, -(item as f32)]).collect();
            earlier.push(&items, vectors.iter().map(|vector| &vector[..]));
            (number, pushed) = (number + size, [pushed, items].concat());
            let newest = &pushed[pushed.len().saturating_sub(6)..];
            let (items, vectors) = earlier.met(1, 3);
            assert_eq!(items, newest);
            let expected: Vec<f32> = newest.iter().flat_map(|&item| [item as f32, -(item as f32)]).collect();
            assert_eq!(vectors, expected);
        }
    }

    #[test]
    fn nothing_is_met_while_it_warms_up_or_is_not_asked_for() {
        let mut warming = earlier(1, 2, 3);
        warming.push(&[4, 5], [&[0.0, 1.0][..], &[1.0, 0.0]].into_iter());
        assert_eq!((warming.met(2, 2).0, warming.met(3, 2).0), (&[][..], &[4, 5][..]));
        assert_eq!(warming.met(3, 1).0, [5]);
        let mut none = Earlier::new(&TrainSection::default(), 2);
        none.push(&[4], [&[0.0, 1.0][..]].into_iter());
        assert_eq!((none.met(9, 2).0.len(), none.memory()), (0, None));
        assert!(none.memory_mut().is_none());
    }

    #[test]
    fn what_a_checkpoint_holds_fills_another() {
        let (mut from, mut to) = (earlier(2, 2, 0), earlier(2, 2, 0));
        from.push(&[7, 8, u32::MAX - 1], [&[0.5, 1.0][..], &[1.0, 0.0], &[-1.0, 0.25]].into_iter());
        let pieces = from.memory().unwrap().1;
        to.memory_mut().unwrap().1.into_iter().zip(pieces).for_each(|(to, from)| to.copy_from_slice(from));
        assert_eq!((to.met(0, 2).0, &to), (&[7, 8, u32::MAX - 1][..], &from));
    }
}
