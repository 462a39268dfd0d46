//! Trials of settings side by side. In: what each trial came to at each of its rungs. Out: their ranking, a table for
//! people, and a page with pictures.

use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use twinspire_core::page::{Bars, Curves, Page};
use twinspire_core::text::aligned;

/// Trials whose course a picture shows: as many as there are colours.
const SHOWN_COURSES: usize = 8;

/// Figures at one rung.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// Steps since the start.
    pub steps: u64,
    /// As [`super::recall_at_k`].
    pub metrics: BTreeMap<String, f64>,
}

/// What one trial came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialFigures {
    /// Its number; 0 is the config as it stands.
    pub number: usize,
    /// Keys and values; none for the config as it stands.
    pub settings: BTreeMap<String, Value>,
    /// One entry a rung that it reached.
    pub judged: Vec<Judged>,
    /// Why it ended before its time, and after how many steps.
    pub ended: Option<(String, u64)>,
}

/// A search among settings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialTable {
    /// The metric that ranks trials, of the validation part.
    pub metric: String,
    /// The keys whose values were tried.
    pub keys: Vec<String>,
    /// Best first: those that reached the latest rung, by their figure there.
    pub trials: Vec<TrialFigures>,
}

impl TrialFigures {
    fn last(&self, metric: &str) -> Option<f64> {
        self.judged.last().and_then(|judged| judged.metrics.get(metric)).copied()
    }

    fn name(&self) -> String {
        if self.number == 0 { "as it stands".to_owned() } else { format!("trial {}", self.number) }
    }

    /// Rungs reached, then the figure at the last one; of two equal trials the one with the lower number is first.
    fn is_better(&self, other: &Self, metric: &str) -> std::cmp::Ordering {
        let figure = |trial: &Self| trial.last(metric).unwrap_or(f64::NEG_INFINITY);
        let rungs = other.judged.len().cmp(&self.judged.len());
        rungs.then(figure(other).total_cmp(&figure(self))).then(self.number.cmp(&other.number))
    }
}

impl TrialTable {
    /// Ranks the trials.
    pub fn new(metric: String, keys: Vec<String>, mut trials: Vec<TrialFigures>) -> Self {
        trials.sort_by(|left, right| left.is_better(right, &metric));
        Self { metric, keys, trials }
    }

    /// The trial that is ranked first, if one was judged.
    pub fn best(&self) -> Option<&TrialFigures> {
        self.trials.first().filter(|trial| !trial.judged.is_empty())
    }

    /// The table, aligned.
    pub fn lines(&self) -> Vec<String> {
        aligned(&self.rows())
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let mut head = vec!["trial".to_owned()];
        head.extend(self.keys.iter().cloned());
        head.extend(["steps".to_owned(), self.metric.clone()]);
        let row = |trial: &TrialFigures| {
            let value = |key: &String| trial.settings.get(key).map_or("-".to_owned(), shown);
            let steps = trial.judged.last().map_or(0, |judged| judged.steps);
            let (steps, figure) = match &trial.ended {
                Some((why, steps)) => (*steps, why.clone()),
                None => (steps, trial.last(&self.metric).map_or("-".to_owned(), |figure| format!("{figure:.4}"))),
            };
            let values = self.keys.iter().map(value);
            [trial.name()].into_iter().chain(values).chain([steps.to_string(), figure]).collect()
        };
        [head].into_iter().chain(self.trials.iter().map(row)).collect()
    }

    /// The page: the courses of the best trials, all trials of each rung, the table. `title` says of what it is.
    pub fn page(&self, title: &str) -> String {
        let mut page = Page::new(title);
        page.heading(&format!("{} of the validation part by steps, the best trials", self.metric));
        let best = self.best().map(|trial| &trial.judged[..]).unwrap_or_default();
        let at: Vec<usize> = best.iter().map(|judged| judged.steps as usize).collect();
        let course = |trial: &TrialFigures| (trial.name(), trial.judged.iter().map(|one| self.figure(one)).collect());
        let courses: Vec<(String, Vec<f64>)> = self.trials.iter().take(SHOWN_COURSES).map(course).collect();
        page.curves(&Curves { at: &at, series: &courses, shown: thousandths });
        for (rung, steps) in at.iter().enumerate().rev() {
            page.heading(&format!("After {steps} steps"));
            let mut there: Vec<(String, f64)> =
                self.trials.iter().filter_map(|trial| self.of_rung(trial, rung)).collect();
            there.sort_by(|(_, left), (_, right)| right.total_cmp(left));
            let (groups, figures): (Vec<String>, Vec<f64>) = there.into_iter().unzip();
            page.bars(&Bars { groups: &groups, series: &[(self.metric.clone(), figures)], shown: thousandths });
        }
        page.heading("All trials");
        page.table(&self.rows());
        page.finish()
    }

    fn of_rung(&self, trial: &TrialFigures, rung: usize) -> Option<(String, f64)> {
        trial.judged.get(rung).map(|judged| (trial.name(), self.figure(judged)))
    }

    fn figure(&self, judged: &Judged) -> f64 {
        judged.metrics.get(&self.metric).copied().unwrap_or_default()
    }
}

/// Text without its quotes, everything else as JSON writes it.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn thousandths(value: f64) -> String {
    format!("{value:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(number: usize, figures: &[f64]) -> TrialFigures {
        let judged = figures
            .iter()
            .zip([10, 30])
            .map(|(&figure, steps)| Judged { steps, metrics: BTreeMap::from([("recall@20".to_owned(), figure)]) });
        let settings = [("train.loss".to_owned(), "bce".into()), ("train.batch_size".to_owned(), number.into())];
        TrialFigures {
            number,
            settings: if number == 0 { BTreeMap::new() } else { settings.into_iter().collect() },
            judged: judged.collect(),
            ended: figures.is_empty().then(|| ("diverged".to_owned(), 4)),
        }
    }

    fn table() -> TrialTable {
        let trials = vec![trial(0, &[0.3, 0.31]), trial(1, &[]), trial(2, &[0.2]), trial(3, &[0.35, 0.31])];
        TrialTable::new("recall@20".into(), vec!["train.loss".into(), "train.batch_size".into()], trials)
    }

    #[test]
    fn those_that_went_on_are_first_and_the_ended_last() {
        let table = table();
        assert_eq!(table.trials.iter().map(|trial| trial.number).collect::<Vec<_>>(), [0, 3, 2, 1]);
        assert_eq!(table.best().unwrap().number, 0, "of two equal ones the first");
        let lines = table.lines();
        assert_eq!(lines[0], "trial         train.loss  train.batch_size  steps  recall@20");
        assert_eq!(lines[1], "as it stands           -                 -     30     0.3100");
        assert_eq!(lines[4], "trial 1              bce                 1      4   diverged");
        let none = TrialTable::new("recall@20".into(), Vec::new(), vec![trial(1, &[])]);
        assert!(none.best().is_none());
    }

    #[test]
    fn a_page_shows_courses_rungs_and_the_table() {
        let html = table().page("tune < 1");
        assert!(html.contains("<h1>tune &lt; 1</h1>") && html.contains("<h2>After 30 steps</h2>"), "{html}");
        assert_eq!(html.matches("<polyline").count(), 4);
        assert_eq!(html.matches("<rect").count(), 2 + 3, "two trials reached the last rung, three the first");
        assert!(html.contains("<td>diverged</td>"), "{html}");
    }
}
