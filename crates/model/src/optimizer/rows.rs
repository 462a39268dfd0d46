//! Adam over the rows of an embedding table that a step has read.
//!
//! A table is divided into shards by row number. A shard walks all occurrences of the table in the order of the batch
//! and keeps its own; so its sums do not depend on how many threads there are, nor on how many shards.

use super::AdamStep;
use crate::checkpoint::{Pieces, PiecesMut};
use crate::kernel::{Buffer, for_every_level, prefetch};
use crate::layer::embedding::{AHEAD, Columns, with_width};
use crate::layout::TableSpec;
use rayon::prelude::*;

/// Fewest rows of a shard.
const SHARD_ROWS: usize = 1 << 14;

/// Most shards of a table.
const MAX_SHARDS: usize = 8;

/// No gradient yet in this step.
const UNTOUCHED: u32 = u32::MAX;

/// Gradients of a range of rows, and which rows those are.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    /// First row.
    first: u32,
    /// Place of each row's gradient, or [`UNTOUCHED`].
    places: Vec<u32>,
    /// Touched rows, counted from `first`, in the order they were met.
    touched: Vec<u32>,
    /// `[touched rows, dimension]`.
    gradients: Buffer,
}

/// Moments and shards of one table.
#[derive(Debug, Clone)]
pub(crate) struct TableAdam {
    dimension: usize,
    shard_rows: usize,
    mean: Buffer,
    square: Buffer,
    shards: Vec<Shard>,
}

impl TableAdam {
    /// Zero moments of a table.
    pub(crate) fn new(table: &TableSpec) -> Self {
        let shard_rows = SHARD_ROWS.max(table.cardinality.div_ceil(MAX_SHARDS));
        let firsts = (0..table.cardinality).step_by(shard_rows);
        let shard = |first: usize| Shard {
            first: first as u32,
            places: vec![UNTOUCHED; shard_rows.min(table.cardinality - first)],
            touched: Vec::new(),
            gradients: Buffer::default(),
        };
        let cells = table.cardinality * table.dimension;
        Self {
            dimension: table.dimension,
            shard_rows,
            mean: Buffer::zeros(cells),
            square: Buffer::zeros(cells),
            shards: firsts.map(shard).collect(),
        }
    }

    /// The moments, as a checkpoint holds them.
    pub(crate) fn moments(&self, tensor: &str) -> Vec<Pieces<'_>> {
        let named = [("mean", &self.mean), ("square", &self.square)];
        named.map(|(role, numbers)| (format!("{role}/{tensor}"), vec![&numbers[..]])).into()
    }

    /// As [`TableAdam::moments`], to be filled.
    pub(crate) fn moments_mut(&mut self, tensor: &str) -> Vec<PiecesMut<'_>> {
        let named = [("mean", &mut self.mean), ("square", &mut self.square)];
        named.map(|(role, numbers)| (format!("{role}/{tensor}"), vec![&mut numbers[..]])).into()
    }

    /// Moves the rows for which `collect` adds gradients to a shard.
    pub(crate) fn step(&mut self, step: AdamStep, table: &mut [f32], collect: impl Fn(&mut Shard) + Sync) {
        let (width, cells) = (self.dimension, self.shard_rows * self.dimension);
        let moments = self.mean.par_chunks_mut(cells).zip(self.square.par_chunks_mut(cells));
        let parts = self.shards.par_iter_mut().zip(table.par_chunks_mut(cells)).zip(moments);
        parts.for_each(|((shard, table), (mean, square))| {
            collect(shard);
            let rows = (0, &shard.touched[..], &shard.gradients[..]);
            with_width!(width, move_rows, (rows, step, [table, mean, square], width));
            shard.clear();
        });
    }

    /// Moves the rows of these ids, each of which is there once, with its gradient `[ids, dimension]`.
    pub(crate) fn step_distinct(&mut self, step: AdamStep, table: &mut [f32], (ids, gradients): (&[u32], &[f32])) {
        let (width, cells) = (self.dimension, self.shard_rows * self.dimension);
        let moments = self.mean.par_chunks_mut(cells).zip(self.square.par_chunks_mut(cells));
        table.par_chunks_mut(cells).zip(moments).enumerate().for_each(|(number, (table, (mean, square)))| {
            let rows = ((number * self.shard_rows) as u32, ids, gradients);
            with_width!(width, move_rows, (rows, step, [table, mean, square], width));
        });
    }
}

impl Shard {
    /// Adds row gradients: the field's columns of row `r` of `values` belong to `ids[r]`.
    pub(crate) fn add_rows(&mut self, ids: &[u32], values: &[f32], columns: Columns) {
        with_width!(columns.width, add_rows_width, (self, ids, values, columns));
    }

    /// Adds gradients of elements: `factor` times the field's columns of the element's row. Elements are (offsets
    /// `[rows + 1]`, ids, factors).
    pub(crate) fn add_elements(&mut self, elements: (&[usize], &[u32], &[f32]), values: &[f32], columns: Columns) {
        with_width!(columns.width, add_elements_width, (self, elements, values, columns));
    }

    /// The gradient of row `id`, if it belongs here; zero when it is met for the first time.
    #[inline(always)]
    fn gradient(&mut self, id: u32, width: usize) -> Option<&mut [f32]> {
        let row = id.wrapping_sub(self.first);
        let place = self.places.get_mut(row as usize)?;
        if *place == UNTOUCHED {
            *place = self.touched.len() as u32;
            self.touched.push(row);
            self.gradients.resize(self.gradients.len() + width);
        }
        Some(&mut self.gradients[*place as usize * width..][..width])
    }

    fn clear(&mut self) {
        for row in self.touched.drain(..) {
            self.places[row as usize] = UNTOUCHED;
        }
        self.gradients.resize(0);
    }
}

for_every_level! {
    pub(crate) fn add_rows_width<const WIDTH: usize>(shard: &mut Shard, ids: &[u32], values: &[f32], columns: Columns) {
        let width = if WIDTH == 0 { columns.width } else { WIDTH };
        for (number, (id, row)) in ids.iter().zip(values.chunks_exact(columns.stride)).enumerate() {
            prefetch(values, (number + AHEAD) * columns.stride + columns.first);
            if let Some(gradient) = shard.gradient(*id, width) {
                for (sum, value) in gradient.iter_mut().zip(&row[columns.first..columns.first + width]) {
                    *sum += value;
                }
            }
        }
    }

    pub(crate) fn add_elements_width<const WIDTH: usize>(
        shard: &mut Shard,
        elements: (&[usize], &[u32], &[f32]),
        values: &[f32],
        columns: Columns,
    ) {
        let width = if WIDTH == 0 { columns.width } else { WIDTH };
        let (offsets, ids, factors) = elements;
        for (ends, row) in offsets.windows(2).zip(values.chunks_exact(columns.stride)) {
            let upstream = &row[columns.first..columns.first + width];
            for (id, factor) in ids[ends[0]..ends[1]].iter().zip(&factors[ends[0]..ends[1]]) {
                if let Some(gradient) = shard.gradient(*id, width) {
                    for (sum, value) in gradient.iter_mut().zip(upstream) {
                        *sum += factor * value;
                    }
                }
            }
        }
    }

    /// Moves those of these rows (first row here, rows, gradients `[rows, width]`) that belong here; `parts` are
    /// parameters, means and squares `[rows here, width]`.
    pub(crate) fn move_rows<const WIDTH: usize>(
        rows: (u32, &[u32], &[f32]),
        step: AdamStep,
        parts: [&mut [f32]; 3],
        width: usize,
    ) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        let ((first, rows, gradients), [table, mean, square]) = (rows, parts);
        let place = |row: u32| row.wrapping_sub(first) as usize * width;
        for (number, (row, gradient)) in rows.iter().zip(gradients.chunks_exact(width)).enumerate() {
            let next = rows.get(number + AHEAD).map_or(0, |&next| place(next));
            [&*table, &*mean, &*square].into_iter().for_each(|cells| prefetch(cells, next));
            let cells = place(*row)..place(*row) + width;
            if cells.end > table.len() {
                continue;
            }
            step.apply(&mut table[cells.clone()], &mut mean[cells.clone()], &mut square[cells], gradient);
        }
    }
}

#[cfg(test)]
impl TableAdam {
    /// What `collect` adds, by row.
    pub(crate) fn gradients(&self, collect: impl Fn(&mut Shard)) -> std::collections::BTreeMap<u32, Vec<f32>> {
        let mut found = std::collections::BTreeMap::new();
        for mut shard in self.shards.clone() {
            collect(&mut shard);
            let rows = shard.touched.iter().zip(shard.gradients.chunks_exact(self.dimension));
            found.extend(rows.map(|(row, gradient)| (row + shard.first, gradient.to_vec())));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AdamSection;
    use twinspire_core::ids::MISSING;

    #[test]
    fn distinct_ids_of_all_shards_move_as_collected_ones_do() {
        let table = TableSpec { name: "test".into(), cardinality: 40_000, dimension: 4 };
        let (ids, step) = ([39_999, 7, MISSING, 16_384, 16_383], AdamStep::new(&AdamSection::default(), 0.1, 1, 1.0));
        let gradients: Vec<f32> = (1..=20).map(|n| n as f32).collect();
        let (mut collected, mut straight) = (TableAdam::new(&table), TableAdam::new(&table));
        let [mut left, mut right] = [(); 2].map(|()| vec![0.5; 160_000]);
        let columns = Columns { stride: 4, first: 0, width: 4 };
        collected.step(step, &mut left, |shard| shard.add_rows(&ids, &gradients, columns));
        straight.step_distinct(step, &mut right, (&ids, &gradients));
        assert!(left == right && collected.mean == straight.mean && collected.square == straight.square);
        let moved = right.chunks(4).enumerate().filter(|(_, row)| row.iter().all(|&value| value != 0.5));
        assert_eq!(moved.map(|(row, _)| row).collect::<Vec<_>>(), [7, 16_383, 16_384, 39_999]);
    }
}
