//! Figures of one ranked list. In: the places at which true items stood, and how many true items there are. Out: every
//! figure at every length. Definitions, with denominators and edge cases, are in `docs/reference/metrics.md`; they are
//! compared with public libraries in `fixtures/metrics`.

use std::collections::BTreeMap;

/// Figures that are means over queries, in the order of the columns of one length.
pub const FIGURES: [&str; 5] = ["recall", "hit_rate", "ndcg", "mrr", "map"];

/// Computes the figures of single queries: one column a length and figure, by length, then in the order of [`FIGURES`].
#[derive(Debug)]
pub(super) struct Scorer {
    lengths: Vec<usize>,
    /// Gain of a hit at each place, from 0.
    gains: Vec<f64>,
    /// Sum of the gains of the first places: what a list has that holds nothing but hits.
    ideal: Vec<f64>,
}

/// Gain of a hit at a place, from 0: 1 / log2(place + 2) (Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of
/// IR Techniques", TOIS 2002, with binary relevance).
fn gain(place: usize) -> f64 {
    1.0 / (place as f64 + 2.0).log2()
}

impl Scorer {
    /// `lengths` ascend.
    pub fn new(lengths: &[usize]) -> Self {
        let gains: Vec<f64> = (0..lengths.last().copied().unwrap_or(0)).map(gain).collect();
        let sums = gains.iter().scan(0.0, |sum, gain| {
            *sum += gain;
            Some(*sum)
        });
        Self { lengths: lengths.to_vec(), ideal: std::iter::once(0.0).chain(sums).collect(), gains }
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.lengths.len() * FIGURES.len()
    }

    /// Names of the columns, as in `recall@20`.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.lengths.iter().flat_map(|length| FIGURES.map(|figure| format!("{figure}@{length}")))
    }

    /// Writes the figures of one query. `hits`: the places of true items in its list, from 0, ascending; `truth`: the
    /// number of its true items, above 0.
    pub fn score(&self, hits: &[u16], truth: usize, columns: &mut [f64]) {
        let (mut gained, mut precision, mut seen) = (0.0, 0.0, 0);
        for (&length, columns) in self.lengths.iter().zip(columns.chunks_exact_mut(FIGURES.len())) {
            while let Some(place) = hits.get(seen).map(|&place| usize::from(place)).filter(|&place| place < length) {
                seen += 1;
                gained += self.gains[place];
                precision += seen as f64 / (place as f64 + 1.0);
            }
            let first = if seen == 0 { 0.0 } else { 1.0 / (f64::from(hits[0]) + 1.0) };
            let recall = seen as f64 / truth as f64;
            let hit = f64::from(u8::from(seen > 0));
            columns.copy_from_slice(&[
                recall,
                hit,
                gained / self.ideal[length.min(truth)],
                first,
                precision / truth as f64,
            ]);
        }
    }
}

/// Figures of many queries, one row each.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FigureTable {
    /// Names of the columns.
    pub names: Vec<String>,
    /// `[queries, columns]`, row-major.
    pub values: Vec<f64>,
}

impl FigureTable {
    /// Rows of the table.
    pub fn queries(&self) -> usize {
        self.values.len() / self.names.len()
    }

    /// The mean of each column, summed in the order of the queries; 0 without queries.
    pub fn means(&self) -> BTreeMap<String, f64> {
        let mut sums = vec![0.0; self.names.len()];
        for row in self.values.chunks_exact(self.names.len()) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let queries = self.queries().max(1) as f64;
        self.names.iter().cloned().zip(sums.into_iter().map(|sum| sum / queries)).collect()
    }
}
