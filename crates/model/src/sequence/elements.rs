//! The elements of every row of a chunk, and how a history becomes elements.

use super::SequenceEncoder;
use crate::layout::ItemColumn;
use twinspire_core::encode::EncodedView;
use twinspire_core::ids::MISSING;

/// Ids with factors, row after row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elements {
    offsets: Vec<usize>,
    ids: Vec<u32>,
    factors: Vec<f32>,
}

impl Elements {
    /// Drops all rows and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.offsets.clear();
        self.offsets.push(0);
        self.ids.clear();
        self.factors.clear();
    }

    /// Appends a row of ids and weights.
    pub(crate) fn push_row(&mut self, encoder: SequenceEncoder, ids: &[u32], weights: &[f32]) {
        self.ids.extend_from_slice(ids);
        self.factors.extend_from_slice(weights);
        self.end_row(encoder);
    }

    /// Appends the values that a history's newest `max_length` items have in one column, position `skip` left out.
    pub(crate) fn push_history(
        &mut self,
        encoder: SequenceEncoder,
        (history, skip): (&[u32], u32),
        (of, max_length): (ItemColumn, usize),
        items: &EncodedView<'_>,
    ) {
        let kept = history.len() - usize::from((skip as usize) < history.len());
        let too_old = kept.saturating_sub(max_length);
        let others = history.iter().enumerate().filter(|(position, _)| *position != skip as usize);
        for (_, &item) in others.skip(too_old) {
            match of {
                ItemColumn::Single { column, width } => {
                    let id = items.single[item as usize * width + column];
                    if id != MISSING {
                        self.ids.push(id);
                        self.factors.push(1.0);
                    }
                }
                ItemColumn::Multi { number } => {
                    let (ids, weights) = items.multi[number].row(item as usize);
                    self.ids.extend_from_slice(ids);
                    self.factors.extend_from_slice(weights);
                }
            }
        }
        self.end_row(encoder);
    }

    fn end_row(&mut self, encoder: SequenceEncoder) {
        let start = self.offsets.last().copied().unwrap_or(0);
        encoder.prepare_row(&mut self.factors[start..]);
        self.offsets.push(self.ids.len());
    }

    /// Offsets `[rows + 1]`, ids and factors.
    pub(crate) fn parts(&self) -> (&[usize], &[u32], &[f32]) {
        (&self.offsets, &self.ids, &self.factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::encode::{EncodedRows, MultiColumn};
    use twinspire_core::schema::Pooling;

    const SUM: SequenceEncoder = SequenceEncoder::Pool { pooling: Pooling::Sum };

    fn ids(history: &[u32], skip: u32, of: ItemColumn, max_length: usize) -> Vec<u32> {
        let tags = MultiColumn { offsets: vec![0, 2, 2, 3], ids: vec![7, 8, 9], weights: vec![1.0, 2.0, 0.5] };
        let rows = EncodedRows { rows: 3, single: vec![0, 10, 0, 11, 0, MISSING], dense: vec![], multi: vec![tags] };
        let mut elements = Elements::default();
        elements.clear();
        elements.push_history(SUM, (history, skip), (of, max_length), &rows.view());
        assert_eq!(elements.offsets, [0, elements.ids.len()]);
        elements.ids
    }

    #[test]
    fn a_history_gives_its_newest_items_without_the_skipped_one() {
        let of = ItemColumn::Single { column: 1, width: 2 };
        assert_eq!(ids(&[0, 1, 0, 1], MISSING, of, 9), [10, 11, 10, 11]);
        assert_eq!(ids(&[0, 1, 1, 0], MISSING, of, 3), [11, 11, 10]);
        assert_eq!(ids(&[0, 1, 1, 0], 3, of, 2), [11, 11], "the skipped item does not count");
        assert_eq!(ids(&[0, 1, 1, 0], 0, of, 3), [11, 11, 10]);
        assert_eq!(ids(&[0, 1], 2, of, 1), [11], "a skipped position beyond the end skips nothing");
        assert_eq!(ids(&[2, 0], MISSING, of, 9), [10], "an item without a value gives no element");
        assert_eq!(ids(&[0], 0, of, 9), [0u32; 0]);
    }

    #[test]
    fn a_history_of_a_multi_field_gives_all_values_of_its_items() {
        assert_eq!(ids(&[2, 1, 0], MISSING, ItemColumn::Multi { number: 0 }, 9), [9, 7, 8]);
    }
}
