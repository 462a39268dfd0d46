//! How the rows of a batch are cut into chunks, and chunks into groups: by the batch and the settings alone.

use std::ops::Range;

/// Most groups of chunks, and so most threads that train on one batch. A group costs memory traffic: a gradient of all
/// dense parameters is written and read again.
const MAX_GROUPS: usize = 8;

/// The chunks of a batch.
#[derive(Debug, Default)]
pub(super) struct Grid {
    /// First row of each chunk, and the number of rows.
    pub(super) starts: Vec<usize>,
    /// Items of a row.
    pub(super) group: usize,
    /// Negatives that all rows share; each chunk takes a part of them through the item tower.
    pub(super) drawn: usize,
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

    /// Most rows, and most items, of a chunk.
    pub(super) fn most(&self) -> (usize, usize) {
        let rows = self.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
        (rows, rows * self.group + self.drawn.div_ceil(self.chunks().max(1)))
    }

    /// Which of the shared negatives go through the item tower with a chunk.
    pub(super) fn extra(&self, number: usize) -> Range<usize> {
        let chunks = self.chunks();
        self.drawn * number / chunks..self.drawn * (number + 1) / chunks
    }

    /// First item of a chunk among all items of the item tower.
    pub(super) fn first_item(&self, number: usize) -> usize {
        self.starts[number] * self.group + self.extra(number).start
    }

    /// Chunks of a group; the last group may have fewer.
    pub(super) fn group_chunks(&self) -> usize {
        self.chunks().div_ceil(MAX_GROUPS).max(1)
    }

    /// Number of groups.
    pub(super) fn groups(&self) -> usize {
        self.chunks().div_ceil(self.group_chunks())
    }

    /// Cuts `values`, of which each row has `width`, into those of the chunks.
    pub(super) fn cut<'v>(&self, values: &'v mut [f32], width: usize) -> Vec<&'v mut [f32]> {
        let mut rest = values;
        let part = |ends: &[usize]| {
            let (own, others) = std::mem::take(&mut rest).split_at_mut((ends[1] - ends[0]) * width);
            rest = others;
            own
        };
        self.starts.windows(2).map(part).collect()
    }
}
