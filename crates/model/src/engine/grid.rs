//! How the rows of a batch are cut into chunks, and chunks into groups: by the batch and the settings alone.

use std::ops::Range;

/// Groups that a batch is cut into as soon as it has as many chunks, and so as many threads that train on it. A group costs
/// memory traffic: a gradient of all dense parameters is written and read again.
const GROUPS: usize = 8;

/// Groups of a batch of more chunks: the last ones are half as large as those before, so that threads end at the same time, even
/// where one is slowed down.
const LARGE: usize = 6;
const SMALL: usize = 4;

/// Chunks of such a batch.
const MORE: usize = 24;

/// Groups of a batch of many chunks: the first ones are three times as large as the last ones, to the same end.
const FALLING: usize = 12;

/// Chunks of such a batch.
const MANY: usize = 48;

/// The chunks of a batch.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// First row of each chunk, and the number of rows.
    pub(super) starts: Vec<usize>,
    /// Items of a row.
    pub(super) group: usize,
}

impl Grid {
    /// Number of chunks.
    pub(super) fn chunks(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Rows of a chunk.
    pub(super) fn rows(&self, number: usize) -> Range<usize> {
        self.starts[number]..self.starts[number + 1]
    }

    /// Most rows of a chunk.
    pub(super) fn most(&self) -> usize {
        self.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        match self.chunks() {
            chunks @ ..MORE => chunks.min(GROUPS),
            MORE..MANY => LARGE + SMALL,
            MANY.. => FALLING,
        }
    }

    /// Chunks of a group.
    pub(super) fn chunks_of(&self, number: usize) -> Range<usize> {
        let (chunks, groups) = (self.chunks(), self.groups());
        let before = |number: usize| match chunks {
            ..MORE => chunks * number / groups,
            MORE..MANY => chunks * (number + number.min(LARGE)) / (2 * LARGE + SMALL),
            MANY.. => chunks * number * (3 * groups - number) / (2 * groups * groups),
        };
        before(number)..before(number + 1)
    }

    /// Cuts what there is of each chunk into groups.
    pub(super) fn by_group<'v, T>(&self, values: &'v mut [T]) -> Vec<&'v mut [T]> {
        split(values, (0..self.groups()).map(|number| self.chunks_of(number).len()))
    }

    /// Cuts `values`, of which each row has `width`, into those of the chunks.
    pub(super) fn cut<'v>(&self, values: &'v mut [f32], width: usize) -> Vec<&'v mut [f32]> {
        split(values, self.starts.windows(2).map(|ends| (ends[1] - ends[0]) * width))
    }
}

/// The first parts of `values`, of these lengths.
pub(super) fn split<T>(values: &mut [T], lengths: impl Iterator<Item = usize>) -> Vec<&mut [T]> {
    let mut rest = values;
    lengths.map(|length| rest.split_off_mut(..length).expect("parts lie inside")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_every_chunk_once_and_the_first_of_many_are_larger() {
        for chunks in 0..500 {
            let grid = Grid { starts: (0..=chunks).collect(), group: 1 };
            let groups: Vec<_> = (0..grid.groups()).map(|number| grid.chunks_of(number)).collect();
            assert_eq!(groups.iter().cloned().flatten().collect::<Vec<_>>(), (0..chunks).collect::<Vec<_>>());
            assert!(groups.iter().all(|group| !group.is_empty()));
            let (first, last) = (groups.first().map_or(0, Range::len), groups.last().map_or(0, Range::len));
            assert!(if chunks < MORE { first <= last + 1 } else { first > last }, "{chunks}: {groups:?}");
        }
    }
}
