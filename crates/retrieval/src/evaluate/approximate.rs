//! What the index misses, on the queries that judge: later ones than those it was fitted to.
//!
//! In: the retriever of a draft and its queries. Out: [`IndexJudgement`], the stored curve of recall and cost beside the
//! same curve measured now; nothing where the index looks at every item. Recall here is the share of the exact list that a
//! list of the index holds; what the two lists are worth, the rows of the report say.

use super::Truth;
use super::lists::queries_of;
use crate::channel::encode_each;
use crate::error::Result;
use crate::index::CurvePoint;
use crate::item_index::open_item_index;
use crate::retriever::Retriever;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use twinspire_core::bundle::file;

/// Most queries that are asked, spread evenly.
const MOST: usize = 4096;

/// An index that approximates, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexJudgement {
    /// Length of the lists.
    pub k: usize,
    /// Queries that were asked.
    pub queries: usize,
    /// The reach that searches use.
    pub reach: f32,
    /// As it was measured when the index was built.
    pub stored: Vec<CurvePoint>,
    /// At the same reaches, on the judging queries.
    pub measured: Vec<CurvePoint>,
}

impl IndexJudgement {
    /// Judges the index of the retriever's bundle, if it has one that approximates.
    pub(super) fn new(retriever: &Retriever, truth: Truth<'_>) -> Result<Option<Self>> {
        let bundle = retriever.bundle();
        if !bundle.folder().join(file::INDEX).exists() {
            return Ok(None);
        }
        let index = open_item_index(bundle)?;
        let Some(cells) = &index.report().cells else { return Ok(None) };
        let vector_of =
            |row: usize| encode_each(bundle.query_encoder(), &queries_of(truth, row..row + 1, &[truth.past(row)]));
        let rows = (0..truth.len()).into_par_iter().step_by(truth.len().div_ceil(MOST).max(1));
        let vectors = rows.map(vector_of).collect::<Result<Vec<Vec<f32>>>>()?.concat();
        let items = bundle.item_embeddings();
        let measured = index.curve_of(&items.values, &vectors);
        let queries = vectors.len() / (items.dimension * bundle.query_encoder().interests());
        Ok(Some(Self { k: index.report().k, queries, reach: cells.reach, stored: cells.curve.clone(), measured }))
    }

    /// The curve in rows: reach, then recall and share of the items looked at, stored and measured.
    pub(super) fn table(&self) -> Vec<Vec<String>> {
        let head = ["reach", "recall (built)", "recall (here)", "looked at (built)", "looked at (here)"];
        let rows = self.stored.iter().zip(&self.measured).map(|(stored, measured)| {
            let served = if stored.reach == self.reach { " (served)" } else { "" };
            let percent = |share: f64| format!("{:.1} %", share * 100.0);
            vec![
                format!("{:.3}{served}", stored.reach),
                format!("{:.4}", stored.recall),
                format!("{:.4}", measured.recall),
                percent(stored.looked_at),
                percent(measured.looked_at),
            ]
        });
        std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect()
    }
}
