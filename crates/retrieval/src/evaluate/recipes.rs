//! Several models of the same samples side by side. In: the judged rows of each recipe, one a seed. Out: means and
//! spreads, and a table for people.

use super::report::ReportRow;
use serde::Serialize;
use std::collections::BTreeMap;
use twinspire_core::text::aligned;

/// A figure over several seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for a single seed.
    pub deviation: f64,
}

impl Spread {
    /// Of at least one value.
    pub fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self { mean, deviation: if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 } }
    }
}

/// Figures by name, each over the seeds.
type Figures = BTreeMap<String, Spread>;

/// What one recipe came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecipeFigures {
    /// Its name.
    pub name: String,
    /// Seconds of training and judging after each epoch, over the seeds that were trained now; nothing where all were up
    /// to date.
    pub seconds: Option<Spread>,
    /// As [`ReportRow::metrics`].
    pub metrics: Figures,
    /// As [`ReportRow::segments`].
    pub segments: BTreeMap<String, Figures>,
}

/// Every figure of the first row over all rows, which have the same figures.
fn spreads<'a>(rows: impl Iterator<Item = &'a BTreeMap<String, f64>> + Clone) -> Figures {
    let names = rows.clone().next().map(BTreeMap::keys).into_iter().flatten();
    let spread =
        |name: &String| Spread::of(&rows.clone().filter_map(|row| row.get(name).copied()).collect::<Vec<f64>>());
    names.map(|name| (name.clone(), spread(name))).collect()
}

impl RecipeFigures {
    /// `rows` are those of the seeds, at least one, judged on the same queries.
    pub fn new(name: &str, rows: &[ReportRow], seconds: &[f64]) -> Self {
        let segments = rows.first().map(|row| row.segments.keys()).into_iter().flatten();
        let of_segment = |segment: &String| spreads(rows.iter().filter_map(|row| row.segments.get(segment)));
        Self {
            name: name.to_owned(),
            seconds: (!seconds.is_empty()).then(|| Spread::of(seconds)),
            metrics: spreads(rows.iter().map(|row| &row.metrics)),
            segments: segments.map(|segment| (segment.clone(), of_segment(segment))).collect(),
        }
    }

    /// A table with aligned columns: recall and NDCG at `length`, recall of each segment of items, seconds of wall time.
    pub fn lines(recipes: &[Self], length: usize) -> Vec<String> {
        let (recall, ndcg) = (format!("recall@{length}"), format!("ndcg@{length}"));
        let segments = super::ItemSegment::ALL.map(super::ItemSegment::name);
        let mut table = vec![vec!["recipe".to_owned(), recall.clone(), ndcg.clone()]];
        table[0].extend(segments.map(str::to_owned));
        table[0].push("wall s".into());
        for recipe in recipes {
            let mut line =
                vec![recipe.name.clone(), text(recipe.metrics.get(&recall)), text(recipe.metrics.get(&ndcg))];
            let of_segment = |segment| recipe.segments.get(segment).and_then(|figures| figures.get(&recall));
            line.extend(segments.map(|segment| text(of_segment(segment))));
            line.push(recipe.seconds.map_or("-".into(), |seconds| format!("{:.1}", seconds.mean)));
            table.push(line);
        }
        aligned(&table)
    }
}

/// `0.1234 ±0.0012`, or a dash where there is nothing to judge.
fn text(figure: Option<&Spread>) -> String {
    figure.map_or("-".into(), |Spread { mean, deviation }| format!("{mean:.4} ±{deviation:.4}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(recall: f64, cold: Option<f64>) -> ReportRow {
        let figures = |value| BTreeMap::from([("recall@20".to_owned(), value)]);
        let segments = cold.map(|cold| ("cold".to_owned(), figures(cold)));
        ReportRow {
            name: "two_tower".into(),
            metrics: figures(recall),
            intervals: BTreeMap::new(),
            segments: segments.into_iter().collect(),
        }
    }

    #[test]
    fn a_recipe_is_the_mean_and_the_spread_of_its_seeds() {
        let rows = [row(0.1, Some(0.0)), row(0.2, Some(0.5)), row(0.3, Some(1.0))];
        let recipe = RecipeFigures::new("mixed", &rows, &[2.0, 4.0]);
        let recall = recipe.metrics["recall@20"];
        assert!((recall.mean - 0.2).abs() < 1e-12 && (recall.deviation - 0.1).abs() < 1e-12, "{recall:?}");
        assert_eq!(recipe.segments["cold"]["recall@20"], Spread { mean: 0.5, deviation: 0.5 });
        assert_eq!(recipe.seconds.map(|seconds| seconds.mean), Some(3.0));
        let alone = RecipeFigures::new("alone", &[row(0.1, None)], &[]);
        assert_eq!((alone.metrics["recall@20"], alone.seconds), (Spread { mean: 0.1, deviation: 0.0 }, None));
        let lines = RecipeFigures::lines(&[recipe, alone], 20);
        assert!(lines[1].starts_with("mixed   0.2000 ±0.1000") && lines[1].ends_with("3.0"), "{lines:#?}");
        assert!(lines[2].starts_with("alone   0.1000 ±0.0000") && lines[2].ends_with("-"), "{lines:#?}");
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()), "{lines:#?}");
    }
}
