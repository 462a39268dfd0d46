//! A field with few distinct values in a batch: the first layer multiplies each value once, not each row.
//!
//! With `E` the embeddings of the distinct values and `W` the field's rows of the first layer, the field adds
//! `(E · W)[value of the row]` to a row of the layer's output. Backward, the gradients of rows with one value are summed
//! first. It is the same sum in another order; logs are skewed, so that even a field with thousands of values has far
//! fewer of them in a batch than there are rows.

use super::embedding::{Columns, gather};
use super::linear::Linear;
use super::product::{Matrix, multiply};
use crate::kernel::{Buffer, for_every_level, prefetch_run};
use crate::layout::Field;
use std::ops::Range;

/// A value that has not been met in this batch.
const NOWHERE: u32 = u32::MAX;

/// Most distinct values, in eighths of the rows; looking products up costs less than multiplying from here on.
const MOST_EIGHTHS: usize = 5;

/// Values whose sums of gradients are made and used before those of the next ones, while they lie in the L2 cache.
const BLOCK: usize = 256;

/// The distinct values of one field in one batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct {
    field: Field,
    /// Position of each id in `ids` while they are counted, then [`NOWHERE`]; the last one is that of MISSING.
    places: Vec<u32>,
    /// Distinct ids in the order they were met.
    ids: Vec<u32>,
    /// Position in `ids`, one a row of the batch.
    index: Vec<u32>,
    /// The rows of each position.
    groups: Groups,
    /// `[ids, width]`; after the backward pass, their gradients.
    embeddings: Buffer,
    /// `[ids, outputs]`: products on the way up; its start holds sums of gradients on the way down.
    products: Buffer,
    /// Gradient of the field's rows of `W`, `[width, outputs]`.
    weight: Buffer,
}

/// The rows of a batch, sorted by the position of their value; those of one value in the order of the batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Groups {
    /// (part, row of it).
    rows: Vec<(u32, u32)>,
    /// End of each position's rows.
    ends: Vec<u32>,
}

impl Groups {
    /// Sorts the rows of parts of `lengths` rows, of which each holds a value of `count`.
    pub(crate) fn sort(&mut self, index: &[u32], count: usize, lengths: impl Iterator<Item = usize>) {
        self.ends.clear();
        self.ends.resize(count, 0);
        index.iter().for_each(|&place| self.ends[place as usize] += 1);
        self.sort_counted(index, lengths);
    }

    /// As [`Groups::sort`], where `ends` are the numbers of rows of each value.
    fn sort_counted(&mut self, index: &[u32], lengths: impl Iterator<Item = usize>) {
        let mut sum = 0;
        for end in &mut self.ends {
            sum += std::mem::replace(end, sum);
        }
        self.rows.resize(index.len(), (0, 0));
        let rows = (0..).zip(lengths).flat_map(|(part, length)| (0..length as u32).map(move |row| (part, row)));
        for (row, &place) in rows.zip(index) {
            let end = &mut self.ends[place as usize];
            self.rows[*end as usize] = row;
            *end += 1;
        }
    }
}

impl Distinct {
    /// Finds the distinct values of a field in `rows` rows, which come in parts; false when there are too many for it
    /// to be of use. `cardinality` is that of the table.
    pub(crate) fn find<'i>(
        &mut self,
        field: Field,
        cardinality: usize,
        (rows, parts): (usize, impl Iterator<Item = &'i [u32]> + Clone),
    ) -> bool {
        self.field = field;
        self.places.resize(cardinality + 1, NOWHERE);
        self.ids.clear();
        self.index.clear();
        self.groups.ends.clear();
        let most = rows * MOST_EIGHTHS / 8;
        let few = parts.clone().all(|ids| self.count(ids, most));
        for &id in &self.ids {
            self.places[(id as usize).min(cardinality)] = NOWHERE;
        }
        if few {
            self.groups.sort_counted(&self.index, parts.map(<[u32]>::len));
        }
        few
    }

    /// Counts more rows; false when there are more than `most` values. Whether a value is new cannot be foreseen, so
    /// nothing branches on it.
    fn count(&mut self, ids: &[u32], most: usize) -> bool {
        let (missing, mut found) = (self.places.len() - 1, self.ids.len());
        self.ids.resize(found + ids.len(), 0);
        self.groups.ends.resize(found + ids.len(), 0);
        let (places, known, counts) = (&mut self.places[..], &mut self.ids[..], &mut self.groups.ends[..]);
        self.index.extend(ids.iter().map(|&id| {
            let place = &mut places[(id as usize).min(missing)];
            let is_new = *place == NOWHERE;
            *place = if is_new { found as u32 } else { *place };
            known[found] = id;
            found += usize::from(is_new);
            counts[*place as usize] += 1;
            *place
        }));
        self.ids.truncate(found);
        self.groups.ends.truncate(found);
        found <= most
    }

    /// Looks the values up in a table `[cardinality, width]` and multiplies them by the field's rows of `W`.
    pub(crate) fn multiply(&mut self, table: &[f32], layer: &Linear, dense: &[f32]) {
        let width = self.field.dimension;
        self.embeddings.resize(self.ids.len() * width);
        gather(table, &self.ids, &mut self.embeddings, Columns { stride: width, first: 0, width });
        self.products.resize(self.ids.len() * layer.outputs);
        let embeddings = Matrix::new(&self.embeddings, self.ids.len(), width);
        multiply(&mut self.products, embeddings, layer.matrix(dense).rows(self.field.column, width), false);
    }

    /// Distinct ids, and their embeddings or gradients `[ids, width]`.
    pub(crate) fn rows(&self) -> (&[u32], &[f32]) {
        (&self.ids, &self.embeddings)
    }

    /// Products `[ids, outputs]`, and which of them each of these rows of the batch takes.
    pub(crate) fn products(&self, rows: Range<usize>) -> (&[f32], &[u32]) {
        (&self.products, &self.index[rows])
    }

    /// The field.
    pub(crate) fn field(&self) -> Field {
        self.field
    }

    /// Computes the gradient of the field's rows of `W`; the embeddings become their gradients. `slopes` are the
    /// gradients of the layer's output `[rows, outputs]`, in parts.
    pub(crate) fn backward(&mut self, layer: &Linear, dense: &[f32], slopes: &[&[f32]]) {
        let (count, width, outputs) = (self.ids.len(), self.field.dimension, layer.outputs);
        let mut turned = Buffer::zeros(outputs * width);
        let transposed = layer.matrix(dense).rows(self.field.column, width).turned(&mut turned, width);
        self.weight.resize(width * outputs);
        for start in (0..count).step_by(BLOCK) {
            let places = start..count.min(start + BLOCK);
            let sums = &mut self.products[..places.len() * outputs];
            sum_groups(sums, (&self.groups, places.clone()), slopes, outputs);
            let sums = Matrix::new(sums, places.len(), outputs);
            let embeddings = &mut self.embeddings[start * width..places.end * width];
            let left = Matrix::new(embeddings, places.len(), width).transposed();
            multiply(&mut self.weight, left, sums, start > 0);
            multiply(embeddings, sums, transposed, false);
        }
    }

    /// Gradient of the field's rows of `W`, `[width, outputs]`.
    pub(crate) fn weight_gradient(&self) -> &[f32] {
        &self.weight
    }
}

/// So many rows ahead of its turn, a row of a sum is asked for: they lie in no order.
const AHEAD: usize = 6;

/// Calls `$function` for blocks of columns that are summed in registers, widest first, until all `$width` are done.
macro_rules! by_blocks {
    ($width:expr, $function:ident, ($($argument:expr),*)) => {{
        let mut first = 0;
        while first < $width {
            first += match $width - first {
                128.. => $function::<128>($($argument,)* first),
                64.. => $function::<64>($($argument,)* first),
                16.. => $function::<16>($($argument,)* first),
                _ => $function::<1>($($argument,)* first),
            };
        }
    }};
}

/// Row `r` of `target` `[rows, width]` becomes the sum of row `index[r]` of every source.
pub(crate) fn sum_of_indexed(target: &mut [f32], sources: &[(&[f32], &[u32])], width: usize) {
    by_blocks!(width, sum_sources, (target, sources, width));
}

/// Adds row `r` of `source` `[rows, width]` to row `index[r]` of `target`.
pub(crate) fn add_by_index(target: &mut [f32], index: &[u32], source: &[f32], width: usize) {
    by_blocks!(width, add_rows, (target, index, source, width));
}

/// The rows of `target` `[places, width]` become, for each of these places, the sum of the rows that `groups` holds for it, in
/// their order.
pub(crate) fn sum_groups(
    target: &mut [f32],
    (groups, places): (&Groups, Range<usize>),
    parts: &[&[f32]],
    width: usize,
) {
    let start = places.start.checked_sub(1).map_or(0, |before| groups.ends[before] as usize);
    let groups = (&groups.rows[start..], start, &groups.ends[places]);
    by_blocks!(width, sum_group_rows, (target, groups, parts, width));
}

/// Adds the block of `N` columns that starts at `first` in row `row` of `source`.
#[inline(always)]
fn add_row<const N: usize>(sums: &mut [f32; N], source: &[f32], (row, width, first): (usize, usize, usize)) {
    let terms = &source[row * width + first..][..N];
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

for_every_level! {
    /// One block of columns of [`sum_of_indexed`]; returns its width.
    pub(crate) fn sum_sources<const N: usize>(
        target: &mut [f32],
        sources: &[(&[f32], &[u32])],
        width: usize,
        first: usize,
    ) -> usize {
        for (number, target) in target.chunks_exact_mut(width).enumerate() {
            let mut sums = [0.0; N];
            for (source, index) in sources {
                if let Some(&next) = index.get(number + AHEAD) {
                    prefetch_run(source, next as usize * width + first, N);
                }
                add_row(&mut sums, source, (index[number] as usize, width, first));
            }
            target[first..first + N].copy_from_slice(&sums);
        }
        N
    }

    /// One block of columns of [`add_by_index`]; returns its width.
    pub(crate) fn add_rows<const N: usize>(
        target: &mut [f32],
        index: &[u32],
        source: &[f32],
        width: usize,
        first: usize,
    ) -> usize {
        for (source, &row) in source.chunks_exact(width).zip(index) {
            let target = &mut target[row as usize * width + first..][..N];
            target.iter_mut().zip(&source[first..first + N]).for_each(|(sum, term)| *sum += term);
        }
        N
    }

    /// One block of columns of [`sum_groups`]; returns its width. `groups` are rows, how many came before them, and the
    /// ends of places.
    pub(crate) fn sum_group_rows<const N: usize>(
        target: &mut [f32],
        groups: (&[(u32, u32)], usize, &[u32]),
        parts: &[&[f32]],
        width: usize,
        first: usize,
    ) -> usize {
        let ((rows, before, ends), mut start) = (groups, 0);
        for (target, &end) in target.chunks_exact_mut(width).zip(ends) {
            let (mut sums, end) = ([0.0; N], end as usize - before);
            for number in start..end {
                if let Some(&(part, row)) = rows.get(number + AHEAD) {
                    prefetch_run(parts[part as usize], row as usize * width + first, N);
                }
                let (part, row) = rows[number];
                add_row(&mut sums, parts[part as usize], (row as usize, width, first));
            }
            target[first..first + N].copy_from_slice(&sums);
            start = end;
        }
        N
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::ids::MISSING;

    #[test]
    fn values_are_found_again_in_every_batch_and_too_many_are_refused() {
        let (mut distinct, field) = (Distinct::default(), Field { table: 0, column: 0, dimension: 1 });
        let parts = [&[7u32, MISSING, 7][..], &[263, 7, 263]];
        for _ in 0..2 {
            assert!(distinct.find(field, 264, (6, parts.into_iter())));
            assert_eq!((&distinct.ids[..], &distinct.index[..]), (&[7, MISSING, 263][..], &[0, 1, 0, 2, 0, 2][..]));
            assert!(!distinct.find(field, 264, (4, [&[1u32, 2, 3, 1][..]].into_iter())), "three values in four rows");
        }
        assert!(distinct.find(field, 264, (0, std::iter::empty())));
    }

    #[test]
    fn rows_are_summed_from_and_into_their_places_at_every_width() {
        for width in [1, 16, 64, 100, 128, 300] {
            let source: Vec<f32> = (0..3 * width).map(|n| n as f32).collect();
            let mut target = vec![-1.0; 2 * width];
            sum_of_indexed(&mut target, &[(&source, &[2, 0]), (&source, &[1, 1])], width);
            for column in 0..width {
                assert_eq!(target[column], source[2 * width + column] + source[width + column]);
                assert_eq!(target[width + column], source[column] + source[width + column]);
            }
            let (mut groups, mut sums) = (Groups::default(), vec![-1.0; 2 * width]);
            groups.sort(&[0, 1, 0], 2, [1, 2].into_iter());
            let (first, second) = source.split_at(width);
            sum_groups(&mut sums, (&groups, 0..2), &[first, second], width);
            let mut last = vec![-1.0; width];
            sum_groups(&mut last, (&groups, 1..2), &[first, second], width);
            assert_eq!(last, sums[width..]);
            for column in 0..width {
                assert_eq!(sums[width + column], source[width + column]);
                assert_eq!(sums[column], source[column] + source[2 * width + column]);
            }
        }
    }
}
