//! A report as tables for people: aligned columns, one line a channel. In: a [`Report`]. Out: lines.

use super::Report;
use twinspire_core::text::aligned;

/// The length at which a table shows more than recall, where it was judged.
const SHOWN: usize = 20;

/// The length at which tables for people show more than recall; `lengths` ascend.
pub fn shown_length(lengths: &[usize]) -> usize {
    lengths.iter().copied().find(|&length| length == SHOWN).or(lengths.first().copied()).unwrap_or_default()
}

fn four_digits(value: Option<&f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

impl Report {
    /// Recall at every length and the other figures at one of them; then the segments.
    pub fn lines(&self) -> Vec<String> {
        let shown = shown_length(&self.lengths);
        let recalls = self.lengths.iter().map(|length| format!("recall@{length}"));
        let others = ["hit_rate", "ndcg", "mrr", "map", "coverage", "gini", "novelty"];
        let columns: Vec<String> = recalls.chain(others.map(|name| format!("{name}@{shown}"))).collect();
        let head = std::iter::once("channel".to_owned()).chain(columns.iter().cloned()).collect();
        let rows = self.rows.iter().map(|row| {
            let cells = columns.iter().map(|column| four_digits(row.metrics.get(column)));
            std::iter::once(row.name.clone()).chain(cells).collect()
        });
        let mut lines = aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        lines.extend(self.interval_lines());
        lines.extend(self.segment_lines());
        lines.extend(self.index.iter().flat_map(|index| {
            let head = format!("index: lists of {}, {} queries", index.k, index.queries);
            [String::new(), head].into_iter().chain(aligned(&index.table()))
        }));
        lines
    }

    fn interval_lines(&self) -> Vec<String> {
        let column = format!("recall@{}", shown_length(&self.lengths));
        let with = self.rows.iter().filter_map(|row| Some((row, row.intervals.get(&column)?)));
        let rows = with.map(|(row, interval)| {
            let (low, high) = (four_digits(Some(&interval.low)), four_digits(Some(&interval.high)));
            vec![row.name.clone(), four_digits(row.metrics.get(&column)), low, high]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if rows.is_empty() {
            return Vec::new();
        }
        let head = ["95 % interval", &column, "low", "high"].map(str::to_owned).to_vec();
        let table = aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        std::iter::once(String::new()).chain(table).collect()
    }

    fn segment_lines(&self) -> Vec<String> {
        let column = format!("recall@{}", shown_length(&self.lengths));
        let segments: Vec<_> = self.segments.iter().filter(|segment| segment.queries > 0).collect();
        let head = segments.iter().map(|segment| segment.name.clone());
        let head = std::iter::once(format!("{column} in")).chain(head).collect();
        let sizes = segments.iter().map(|segment| segment.true_items.to_string());
        let sizes = std::iter::once("true items".to_owned()).chain(sizes).collect();
        let rows = self.rows.iter().map(|row| {
            let value = |name: &String| row.segments.get(name).and_then(|figures| figures.get(&column));
            let cells = segments.iter().map(|segment| four_digits(value(&segment.name)));
            std::iter::once(row.name.clone()).chain(cells).collect()
        });
        let table = aligned(&[head, sizes].into_iter().chain(rows).collect::<Vec<_>>());
        std::iter::once(String::new()).chain(table).collect()
    }
}
