//! The dense parameters: gradients of the groups are summed in the order of the groups, then all parameters move.

use super::{Memory, Step};
use crate::checkpoint::{Pieces, PiecesMut};
use crate::kernel::{Buffer, add_to, dot, for_every_level};
use crate::team::Team;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

/// Parameters that are summed and moved together; they stay in the L1 cache.
const BLOCK: usize = 2048;

/// Blocks of the dense parameters of which the first group alone has a gradient: that of what the whole batch shares. What other
/// groups hold there is of no use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Apart(Vec<bool>);

impl Apart {
    /// The blocks that lie in these ranges of `count` parameters, which do not overlap.
    pub(crate) fn new(count: usize, ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let ranges: Vec<Range<usize>> = ranges.collect();
        let is_covered = |start: usize| {
            let end = count.min(start + BLOCK);
            let covered = |range: &Range<usize>| range.end.min(end).saturating_sub(range.start.max(start));
            ranges.iter().map(covered).sum::<usize>() == end - start
        };
        Self((0..count).step_by(BLOCK).map(is_covered).collect())
    }

    /// Sets the gradient of a group to 0, to be added to.
    pub(crate) fn clear(&self, gradient: &mut [f32]) {
        let blocks = gradient.chunks_mut(BLOCK).enumerate();
        blocks.filter(|(number, _)| !self.has(*number)).for_each(|(_, block)| block.fill(0.0));
    }

    fn has(&self, block: usize) -> bool {
        self.0.get(block).is_some_and(|apart| *apart)
    }

    /// How many of so many groups have a gradient of that block.
    fn groups(&self, block: usize, all: usize) -> usize {
        if self.has(block) { all.min(1) } else { all }
    }
}

/// What the optimizer remembers of the dense parameters, block by block.
#[derive(Debug, Clone)]
pub(crate) struct Dense {
    blocks: Vec<[Buffer; 2]>,
}

impl Dense {
    /// Of `count` parameters that have not moved yet.
    pub(crate) fn new(count: usize, memory: &Memory) -> Self {
        let block = |start: usize| memory.dense.map(|kept| memory.fresh(kept.of(BLOCK.min(count - start))));
        Self { blocks: (0..count).step_by(BLOCK).map(block).collect() }
    }

    /// Sums the gradients, one a group, into the first of them. Returns the sum of the squares of that.
    pub(crate) fn sum(gradients: &mut [Buffer], apart: &Apart, team: &Team) -> f64 {
        let Some((first, others)) = gradients.split_first_mut() else { return 0.0 };
        let mut squares = vec![0.0; first.len().div_ceil(BLOCK)];
        let blocks = first.chunks_mut(BLOCK).zip(&mut squares).enumerate();
        team.each(blocks, |_, (block, (sum, square))| {
            let range = block * BLOCK..block * BLOCK + sum.len();
            let others = &others[..apart.groups(block, 1 + others.len()) - 1];
            others.iter().for_each(|gradient| add_to(sum, &gradient[range.clone()]));
            *square = f64::from(dot(sum, sum));
        });
        squares.iter().sum()
    }

    /// Moves the parameters by the sum of the gradients, one a group. False when a gradient is not finite; the
    /// parameters are of no use then.
    pub(crate) fn step(
        &mut self,
        step: Step,
        parameters: &mut [f32],
        (gradients, apart): (&[Buffer], &Apart),
        team: &Team,
    ) -> bool {
        let (step, is_finite) = (step.of_dense(), AtomicBool::new(true));
        let blocks = parameters.chunks_mut(BLOCK).zip(&mut self.blocks).enumerate();
        team.each(blocks, |_, (block, (parameters, [first, second]))| {
            let mut sum = [0.0; BLOCK];
            let sum = &mut sum[..parameters.len()];
            let range = block * BLOCK..block * BLOCK + parameters.len();
            let gradients = &gradients[..apart.groups(block, gradients.len())];
            gradients.iter().for_each(|gradient| add_to(sum, &gradient[range.clone()]));
            if !move_block(step, parameters, [first, second], sum) {
                is_finite.store(false, Ordering::Relaxed);
            }
        });
        is_finite.into_inner()
    }

    /// What is remembered, as a checkpoint holds it.
    pub(crate) fn memory(&self) -> [Pieces<'_>; 2] {
        [0, 1].map(|slot| (slot_name(slot, "dense"), self.blocks.iter().map(|block| &block[slot][..]).collect()))
    }

    /// As [`Dense::memory`], to be filled.
    pub(crate) fn memory_mut(&mut self) -> [PiecesMut<'_>; 2] {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for [a, b] in &mut self.blocks {
            first.push(&mut a[..]);
            second.push(&mut b[..]);
        }
        [(slot_name(0, "dense"), first), (slot_name(1, "dense"), second)]
    }
}

/// How a checkpoint calls what is remembered of a tensor.
pub(crate) fn slot_name(slot: usize, tensor: &str) -> String {
    format!("memory.{slot}/{tensor}")
}

for_every_level! {
    /// Moves one block; false when a gradient is not finite.
    pub(crate) fn move_block(
        step: Step,
        parameters: &mut [f32],
        memory: [&mut Buffer; 2],
        gradient: &[f32],
    ) -> bool {
        let [first, second] = memory;
        step.apply(parameters, [&mut first[..], &mut second[..]], gradient);
        gradient.iter().fold(true, |finite, value| finite & value.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_apart_are_neither_cleared_nor_summed_over_groups() {
        let count = 2 * BLOCK + 100;
        let ranges = [10..BLOCK + 7, BLOCK + 7..2 * BLOCK, 2 * BLOCK + 50..count, 0..0];
        let apart = Apart::new(count, ranges.into_iter());
        assert_eq!(apart.0, [false, true, false]);
        let mut group = vec![1.0; count];
        apart.clear(&mut group);
        let of_block = |number: usize| if number / BLOCK == 1 { 1.0 } else { 0.0 };
        assert!(group.iter().enumerate().all(|(number, value)| *value == of_block(number)));
        let mut gradients = vec![Buffer::zeros(count); 3];
        gradients.iter_mut().for_each(|gradient| gradient.fill(2.0));
        let squares = Dense::sum(&mut gradients, &apart, &Team::default());
        assert_eq!(squares, (36 * (BLOCK + 100) + 4 * BLOCK) as f64);
    }
}
