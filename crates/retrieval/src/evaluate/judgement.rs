//! The figures of every query: what a comparison is made of, and what others may look into.
//!
//! In: the retriever whose corpus the queries speak of, and perhaps another bundle to judge on the same queries. Out: a
//! [`Judgement`]: one table of figures for each way of making lists, row by row the same queries.

use super::bootstrap::Bootstrap;
use super::compare::{Comparison, Difference};
use super::figures::{FigureTable, Scorer};
use super::lists::{ListMaker, Mapping};
use super::{Truth, tallies};
use crate::config::RetrievalSettings;
use crate::context::RetrievalContext;
use crate::error::Result;
use crate::retriever::Retriever;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_core::sample::SampleTable;

/// Figures of each judged query, for every channel, the merged list and popularity.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Names of the ways, in the order of a report.
    names: Vec<String>,
    /// One a way.
    tables: Vec<FigureTable>,
    /// Rows of the query table.
    rows: Vec<u32>,
    /// Keys of the users; `None` for a query of nobody in particular.
    users: Vec<Option<String>>,
    /// Number of true items.
    true_items: Vec<u32>,
    /// Length of the history as of the query.
    history: Vec<u32>,
}

impl Judgement {
    /// Judges `retriever` with queries of its own corpus.
    ///
    /// # Errors
    /// Queries of another corpus; a channel that fails.
    pub fn new(
        context: &RetrievalContext<'_>,
        retriever: &Retriever,
        settings: &RetrievalSettings,
        queries: &SampleTable,
    ) -> Result<Self> {
        let truth = own_truth(retriever, queries)?;
        judged(context, &ListMaker::new(retriever, truth, settings, None), settings, truth)
    }

    /// Judges `theirs`, a bundle of another day, with the queries of `ours`. Items are matched by id; an item that only
    /// one corpus has cannot be found by the other, and takes a place where it is.
    ///
    /// # Errors
    /// `Mismatch` when the bundles encode features differently: the queries are stored encoded. Else as
    /// [`Judgement::new`].
    pub fn of_another(
        context: &RetrievalContext<'_>,
        (ours, theirs): (&Retriever, &Retriever),
        settings: &RetrievalSettings,
        queries: &SampleTable,
    ) -> Result<Self> {
        let truth = own_truth(ours, queries)?;
        let [expected, found] = [ours, theirs].map(|one| one.bundle().encoder().fingerprint());
        if expected != found {
            let what = format!("the encoding of features in bundle {}", theirs.bundle().id());
            return Err(CoreError::Mismatch { what, expected, found }.into());
        }
        let mapping = Mapping::new(ours.bundle().items(), theirs.bundle().items());
        judged(context, &ListMaker::new(theirs, truth, settings, Some(mapping)), settings, truth)
    }

    /// Number of judged queries.
    pub fn queries(&self) -> usize {
        self.rows.len()
    }

    fn table(&self, name: &str) -> Option<&FigureTable> {
        self.names.iter().position(|own| own == name).map(|row| &self.tables[row])
    }

    /// Every way that both have, against the way of the same name; `bundle` names the other side.
    pub fn against(&self, other: &Self, bundle: &str, bootstrap: Bootstrap) -> Comparison {
        let pairs = self.names.iter().filter_map(|name| Some((name, self.table(name)?, other.table(name)?)));
        let rows = pairs.map(|(name, ours, theirs)| Difference::new(name, ours, theirs, bootstrap)).collect();
        Comparison { against: bundle.to_owned(), queries: self.queries(), resamples: bootstrap.resamples, rows }
    }

    /// Every other way against the one called `name`; `None` if there is no such way.
    pub fn against_way(&self, name: &str, bootstrap: Bootstrap) -> Option<Comparison> {
        let theirs = self.table(name)?;
        let others = self.names.iter().zip(&self.tables).filter(|(own, _)| *own != name);
        let rows = others.map(|(own, ours)| Difference::new(own, ours, theirs, bootstrap)).collect();
        Some(Comparison { against: name.to_owned(), queries: self.queries(), resamples: bootstrap.resamples, rows })
    }

    /// One row a query: `query` (row of the query table), `user`, `history` (its length), `true_items`, and a column
    /// `<way>.<figure>@<K>` for each figure.
    ///
    /// # Errors
    /// `Damaged` when a column does not fit, which cannot happen.
    pub fn to_batch(&self) -> Result<RecordBatch> {
        let counts = |values: &[u32]| Arc::new(UInt32Array::from(values.to_vec())) as ArrayRef;
        let mut columns: Vec<(String, ArrayRef)> = vec![
            ("query".into(), counts(&self.rows)),
            ("user".into(), Arc::new(StringArray::from_iter(&self.users))),
            ("history".into(), counts(&self.history)),
            ("true_items".into(), counts(&self.true_items)),
        ];
        for (name, table) in self.names.iter().zip(&self.tables) {
            for (column, figure) in table.names.iter().enumerate() {
                let values = table.values.iter().skip(column).step_by(table.names.len()).copied();
                let values = Float64Array::from_iter_values(values);
                columns.push((format!("{name}.{figure}"), Arc::new(values)));
            }
        }
        let batch = RecordBatch::try_from_iter(columns);
        Ok(batch.map_err(|error| CoreError::damaged("figures of queries", error.to_string()))?)
    }
}

fn own_truth<'a>(retriever: &'a Retriever, queries: &'a SampleTable) -> Result<Truth<'a>> {
    let bundle = retriever.bundle();
    queries.check_references(bundle.items().len(), bundle.histories().len())?;
    Ok(Truth::new(queries, bundle.histories())?.among(retriever.candidates()))
}

fn judged(
    context: &RetrievalContext<'_>,
    maker: &ListMaker<'_>,
    settings: &RetrievalSettings,
    truth: Truth<'_>,
) -> Result<Judgement> {
    context.progress.start("judging queries one by one", Some(truth.len() as u64), "queries");
    let tallies = context.install(|| tallies(context, maker, settings, truth))?;
    context.progress.finish();
    let scorer = Scorer::new(settings.lengths());
    let rows = (0..truth.len()).filter(|&row| !truth.of(row).is_empty());
    let rows: Vec<u32> = rows.map(|row| row as u32).collect();
    let of_rows = |value: &dyn Fn(usize) -> usize| rows.iter().map(|&row| value(row as usize) as u32).collect();
    Ok(Judgement {
        names: maker.names(),
        tables: tallies.iter().map(|tally| tally.table(truth, &scorer, |_, _| true)).collect(),
        users: rows.iter().map(|&row| truth.user(row as usize).map(str::to_owned)).collect(),
        true_items: of_rows(&|row| truth.of(row).len()),
        history: of_rows(&|row| truth.history(row).len()),
        rows,
    })
}
