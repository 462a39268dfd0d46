//! The rows of an embedding table that a step has read.
//!
//! A table is divided into shards by row number. A shard walks all occurrences of the table in the order of the batch
//! and keeps its own; so its sums do not depend on how many threads there are, nor on how many shards.

use super::dense::slot_name;
use super::{Memory, Step};
use crate::checkpoint::{Pieces, PiecesMut};
use crate::kernel::{Buffer, dot, for_every_level, prefetch};
use crate::layer::embedding::{AHEAD, Columns, with_width};
use crate::layout::TableSpec;
use crate::team::Team;

/// Fewest numbers of a shard: each walks all occurrences of its table.
const SHARD_CELLS: usize = 1 << 17;

/// Most shards of a table.
const MAX_SHARDS: usize = 8;

/// No gradient yet in this step.
const UNTOUCHED: u32 = u32::MAX;

/// A range of rows: what is remembered of them, their gradients, and which rows those are of.
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
    /// What the optimizer remembers of each row.
    memory: [Buffer; 2],
}

/// A shard, and the rows of its table `[rows, width]`.
pub(crate) struct TablePart<'t> {
    shard: &'t mut Shard,
    table: &'t mut [f32],
    width: usize,
}

/// One table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    dimension: usize,
    shard_rows: usize,
    shards: Vec<Shard>,
}

impl Table {
    /// A table that has not moved yet.
    pub(crate) fn new(table: &TableSpec, memory: &Memory) -> Self {
        let shard_rows = SHARD_CELLS.div_ceil(table.dimension).max(table.cardinality.div_ceil(MAX_SHARDS));
        let firsts = (0..table.cardinality).step_by(shard_rows);
        let shard = |first: usize| {
            let rows = shard_rows.min(table.cardinality - first);
            let of_rows = memory.table.map(|kept| memory.fresh(rows * kept.of(table.dimension)));
            let (places, touched) = (vec![UNTOUCHED; rows], Vec::new());
            Shard { first: first as u32, places, touched, gradients: Buffer::default(), memory: of_rows }
        };
        Self { dimension: table.dimension, shard_rows, shards: firsts.map(shard).collect() }
    }

    /// The shards, each with its rows of the table: parts that threads may share.
    pub(crate) fn parts<'t>(&'t mut self, table: &'t mut [f32]) -> impl Iterator<Item = TablePart<'t>> {
        let (width, cells) = (self.dimension, self.shard_rows * self.dimension);
        self.shards.iter_mut().zip(table.chunks_mut(cells)).map(move |(shard, table)| TablePart { shard, table, width })
    }

    /// Lets `collect` add gradients to the shards. Returns the sum of their squares.
    pub(crate) fn collect(&mut self, team: &Team, collect: impl Fn(&mut Shard) + Sync) -> f64 {
        let (width, mut squares) = (self.dimension, vec![0.0; self.shards.len()]);
        team.each(self.shards.iter_mut().zip(&mut squares), |_, (shard, square)| {
            collect(shard);
            *square = shard.gradients.chunks_exact(width).map(|row| f64::from(dot(row, row))).sum();
        });
        squares.iter().sum()
    }

    /// The sum of the squares of such gradients; rows outside the table do not move, and do not count.
    pub(crate) fn squares_distinct(&self, distinct: (&[u32], &[f32])) -> f64 {
        self.inside(distinct).map(|row| f64::from(dot(row, row))).sum()
    }

    /// The gradients of [`Table::collect`], or those of `distinct` rows that are inside the table.
    pub(crate) fn collected<'a>(&'a self, distinct: Option<(&'a [u32], &'a [f32])>) -> Vec<&'a [f32]> {
        match distinct {
            Some(distinct) => self.inside(distinct).collect(),
            None => self.shards.iter().map(|shard| &shard.gradients[..]).collect(),
        }
    }

    /// The gradients of ids that are rows of the table.
    fn inside<'a>(&self, (ids, gradients): (&'a [u32], &'a [f32])) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let rows: usize = self.shards.iter().map(|shard| shard.places.len()).sum();
        let inside = ids.iter().zip(gradients.chunks_exact(self.dimension));
        inside.filter(move |(id, _)| (**id as usize) < rows).map(|(_, row)| row)
    }

    /// What is remembered, as a checkpoint holds it.
    pub(crate) fn memory(&self, tensor: &str) -> [Pieces<'_>; 2] {
        [0, 1].map(|slot| (slot_name(slot, tensor), self.shards.iter().map(|shard| &shard.memory[slot][..]).collect()))
    }

    /// As [`Table::memory`], to be filled.
    pub(crate) fn memory_mut(&mut self, tensor: &str) -> [PiecesMut<'_>; 2] {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for Shard { memory: [a, b], .. } in &mut self.shards {
            first.push(&mut a[..]);
            second.push(&mut b[..]);
        }
        [(slot_name(0, tensor), first), (slot_name(1, tensor), second)]
    }
}

impl TablePart<'_> {
    /// Moves the rows for which `collect` adds gradients to the shard.
    pub(crate) fn step(self, step: Step, collect: impl Fn(&mut Shard)) {
        collect(self.shard);
        self.step_collected(step);
    }

    /// Moves the rows of [`Table::collect`], and forgets their gradients.
    pub(crate) fn step_collected(self, step: Step) {
        let Self { shard, table, width } = self;
        let [first, second] = &mut shard.memory;
        let rows = (0, &shard.touched[..], &shard.gradients[..]);
        with_width!(width, move_rows, (rows, step, [table, &mut first[..], &mut second[..]], width));
        shard.clear();
    }

    /// Moves those of these rows that are here, each of which is there once, with its gradient `[ids, dimension]`.
    pub(crate) fn step_distinct(self, step: Step, (ids, gradients): (&[u32], &[f32])) {
        let Self { shard, table, width } = self;
        let [first, second] = &mut shard.memory;
        let rows = (shard.first, ids, gradients);
        with_width!(width, move_rows, (rows, step, [table, &mut first[..], &mut second[..]], width));
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
    /// parameters `[rows here, width]` and what is remembered of each row.
    pub(crate) fn move_rows<const WIDTH: usize>(
        rows: (u32, &[u32], &[f32]),
        step: Step,
        parts: [&mut [f32]; 3],
        width: usize,
    ) {
        let width = if WIDTH == 0 { width } else { WIDTH };
        let ((first, rows, gradients), [table, before, squares]) = (rows, parts);
        let here = (table.len() / width).max(1);
        let widths = [width, before.len() / here, squares.len() / here];
        let place = |row: u32| row.wrapping_sub(first) as usize;
        for (number, (row, gradient)) in rows.iter().zip(gradients.chunks_exact(width)).enumerate() {
            let next = rows.get(number + AHEAD).map_or(0, |&next| place(next));
            [&*table, &*before, &*squares].into_iter().zip(widths).for_each(|(cells, width)| prefetch(cells, next * width));
            let row = place(*row);
            if (row + 1) * width > table.len() {
                continue;
            }
            let cells = widths.map(|width| row * width..(row + 1) * width);
            let [cells, first, second] = cells;
            step.apply(&mut table[cells], [&mut before[first], &mut squares[second]], gradient);
        }
    }
}

#[cfg(test)]
impl Table {
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
    use crate::config::{AdagradSection, ClipSection, OptimizerSection, SgdSection};
    use twinspire_core::ids::MISSING;

    #[test]
    fn distinct_ids_of_all_shards_move_as_collected_ones_do() {
        let spec = TableSpec { name: "test".into(), feature: "test".into(), cardinality: 40_000, dimension: 4 };
        let ids = [39_999, 7, MISSING, 16_384, 16_383];
        let gradients: Vec<f32> = (1..=20).map(|n| n as f32).collect();
        let columns = Columns { stride: 4, first: 0, width: 4 };
        let row_wise = AdagradSection { row_wise: true, ..AdagradSection::default() };
        let momentum = SgdSection { momentum: 0.9, ..SgdSection::default() };
        let kinds = [OptimizerSection::default(), OptimizerSection::Adagrad(row_wise), OptimizerSection::Sgd(momentum)];
        for section in kinds {
            let step = Step::new(&section, &ClipSection::default(), (0.1, 1), 1.0);
            let memory = Memory::new(&section);
            let (mut collected, mut straight) = (Table::new(&spec, &memory), Table::new(&spec, &memory));
            let mut in_two = collected.clone();
            let [mut left, mut right, mut third] = [(); 3].map(|()| vec![0.5; 160_000]);
            let collect = |shard: &mut Shard| shard.add_rows(&ids, &gradients, columns);
            collected.parts(&mut left).for_each(|part| part.step(step, collect));
            straight.parts(&mut right).for_each(|part| part.step_distinct(step, (&ids, &gradients)));
            let squares = in_two.collect(&Team::default(), collect);
            in_two.parts(&mut third).for_each(|part| part.step_collected(step));
            assert!(left == right && right == third, "{section:?}");
            assert!(collected.memory("t") == straight.memory("t") && straight.memory("t") == in_two.memory("t"));
            let moved = right.chunks(4).enumerate().filter(|(_, row)| row.iter().all(|&value| value != 0.5));
            assert_eq!(moved.map(|(row, _)| row).collect::<Vec<_>>(), [7, 16_383, 16_384, 39_999]);
            let counted = gradients.chunks(4).zip(ids).filter(|(_, id)| *id != MISSING);
            let expected: f32 = counted.flat_map(|(row, _)| row).map(|value| value * value).sum();
            assert_eq!([squares, straight.squares_distinct((&ids, &gradients))], [f64::from(expected); 2]);
        }
    }
}
