//! The golden set: raw inputs with what they become, recorded when a draft is made and recomputed through the serving
//! path when the sealed bundle is opened. So a program that encodes, computes or searches otherwise than the one that
//! made the bundle refuses to serve it.
//!
//! In: a draft or a bundle. Out: `golden.json`, or a `Mismatch` that names the first case and feature that differ.

use crate::channel::encode_each;
use crate::context::RetrievalContext;
use crate::error::Result;
use crate::index::best_of_interests;
use crate::scan::{ItemBlocks, ScanQueries};
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::bundle::{Bundle, Golden, GoldenCase, GoldenItem, LoadQueryEncoder, file};
use twinspire_core::encode::{EncodedRows, RawFeatures, RawValue};
use twinspire_core::query::{EncodedQuery, Query, Scored};
use twinspire_core::schema::{FeatureKind, FeatureSpec};
use twinspire_core::stage::{instruction_set, write_json};

/// Most cases.
const CASES: usize = 256;
/// Cases of a bundle without users.
const CASES_WITHOUT_USERS: usize = 16;
/// Newest items of a history that a case holds.
const HISTORY: usize = 50;
/// From the newest item of a history to the query, in microseconds.
const SECOND: i64 = 1_000_000;
/// Items of the exact top-K that a case holds.
const TOP: usize = 10;
/// Between instruction sets.
const TOLERANCE: f32 = 1e-5;

/// Writes `golden.json` into a draft and returns the number of cases: stored users, spread evenly over the history
/// table, each with her stored features and newest items made explicit, one second after the newest. Features that nobody stores (of the context,
/// or of everybody where there are no users) get made-up values.
///
/// # Errors
/// A draft that does not open, a stored value that cannot be encoded, I/O.
pub fn record(context: &RetrievalContext<'_>, draft: &Path, load: LoadQueryEncoder<'_>) -> Result<usize> {
    let bundle = Bundle::open_draft(draft, load)?;
    let cases = compute(&bundle, &queries(&bundle))?;
    let golden = Golden { instruction_set: instruction_set().to_owned(), cases };
    write_json(context.vfs, &draft.join(file::GOLDEN), &golden)?;
    Ok(golden.cases.len())
}

/// Recomputes the golden set of a sealed bundle.
///
/// # Errors
/// `Mismatch` that names the first case and feature that differ.
pub(crate) fn check(bundle: &Bundle) -> Result<()> {
    let golden = bundle.golden();
    let same_set = golden.instruction_set == instruction_set();
    let asked = |case: &GoldenCase| {
        let (history, history_times) = (Some(case.history.clone()), Some(case.history_times.clone()));
        let (user, features) = (case.user.clone(), case.features.clone());
        Asked { query: Query { user, features, history, history_times, ..Query::default() }, time: case.time }
    };
    let queries: Vec<Asked> = golden.cases.iter().map(asked).collect();
    for (number, (expected, found)) in golden.cases.iter().zip(&compute(bundle, &queries)?).enumerate() {
        let comparison = Comparison { bundle, number, same_set };
        comparison.features(expected, found)?;
        comparison.numbers("user vector", &expected.vector, &found.vector)?;
        comparison.top(expected, found)?;
    }
    Ok(())
}

/// A query and when it is asked.
struct Asked {
    query: Query,
    time: i64,
}

/// What the serving path makes of queries whose features and histories are explicit. They are encoded one by one, as
/// requests are, and searched together, which changes no bit.
fn compute(bundle: &Bundle, queries: &[Asked]) -> Result<Vec<GoldenCase>> {
    let (mut encoded, mut vectors) = (Vec::new(), Vec::new());
    for Asked { query, time } in queries {
        encoded.push(bundle.lookup().encode(query, *time)?);
        vectors.extend(encode_each(bundle.query_encoder(), &encoded[encoded.len() - 1].batch())?);
    }
    let (table, excluded) = (bundle.item_embeddings(), vec![&[][..]; queries.len()]);
    let blocks = ItemBlocks::new(&table.values, table.dimension);
    let (asked, interests) =
        (ScanQueries { vectors: &vectors, excluded: &excluded }, bundle.query_encoder().interests());
    let found = best_of_interests(asked, interests, TOP, |asked| blocks.top_k(asked, TOP));
    let vectors = vectors.chunks_exact(interests * table.dimension);
    let cases = queries.iter().zip(encoded).zip(vectors.zip(found));
    Ok(cases.map(|((asked, encoded), (vector, top))| case(bundle, asked, encoded, (vector, &top))).collect())
}

fn case(bundle: &Bundle, asked: &Asked, encoded: EncodedQuery, (vector, top): (&[f32], &[Scored])) -> GoldenCase {
    let item = |row| bundle.items().id(row).to_owned();
    GoldenCase {
        user: asked.query.user.clone(),
        features: asked.query.features.clone(),
        history_times: asked.query.history_times.clone().unwrap_or_default(),
        time: asked.time,
        history: encoded.history.iter().map(|&row| item(row)).collect(),
        multi: multi_of(&encoded.rows),
        single: encoded.rows.single,
        dense: encoded.rows.dense,
        vector: vector.to_vec(),
        top: top.iter().map(|scored| GoldenItem { item: item(scored.item), score: scored.score as f32 }).collect(),
    }
}

fn multi_of(rows: &EncodedRows) -> Vec<Vec<(u32, f32)>> {
    let pairs = |(ids, weights): (&[u32], &[f32])| ids.iter().copied().zip(weights.iter().copied()).collect();
    rows.view().multi.iter().map(|column| pairs(column.row(0))).collect()
}

fn queries(bundle: &Bundle) -> Vec<Asked> {
    let users = bundle.histories().len();
    let cases = if users == 0 { CASES_WITHOUT_USERS } else { CASES.min(users) };
    (0..cases).map(|number| query_of(bundle, number, (users > 0).then(|| (number * users / cases) as u32))).collect()
}

fn query_of(bundle: &Bundle, number: usize, user: Option<u32>) -> Asked {
    let (histories, schema) = (bundle.histories(), bundle.encoder().schema());
    let mut features = RawFeatures::new();
    for (name, column) in bundle.encoder().user_columns() {
        let stored = user.and_then(|row| histories.raw(row, column)).map(|text| RawValue::Text(text.to_owned()));
        let made_up = || schema.find(name).map_or(RawValue::Missing, |feature| made_up(feature, number));
        features.insert(name.clone(), stored.unwrap_or_else(made_up));
    }
    let (items, times) = user.map_or((&[][..], &[][..]), |row| (histories.items(row), histories.times(row)));
    let newest = items.len().saturating_sub(HISTORY)..;
    let history = items[newest.clone()].iter().map(|&row| bundle.items().id(row).to_owned()).collect();
    let time = times.last().map_or(0, |last| last.saturating_add(SECOND));
    let (user, history_times) = (user.map(|row| histories.user(row).to_owned()), Some(times[newest].to_vec()));
    Asked { query: Query { user, features, history: Some(history), history_times, ..Query::default() }, time }
}

/// A value that the feature accepts, another one for each case.
fn made_up(feature: &FeatureSpec, number: usize) -> RawValue {
    let text = match &feature.kind {
        FeatureKind::Vocabulary { values, .. } if !values.is_empty() => values[number % values.len()].clone(),
        FeatureKind::Bucketised { boundaries } => boundaries[number % boundaries.len()].to_string(),
        FeatureKind::Numeric { .. } => number.to_string(),
        FeatureKind::Hash { .. }
        | FeatureKind::Vocabulary { .. }
        | FeatureKind::History { .. }
        | FeatureKind::Window { .. } => format!("golden {number}"),
    };
    if feature.list.is_some() { RawValue::List(vec![(text, 1.0)]) } else { RawValue::Text(text) }
}

/// How one case is compared.
struct Comparison<'a> {
    bundle: &'a Bundle,
    number: usize,
    /// Bits must be equal.
    same_set: bool,
}

impl Comparison<'_> {
    fn mismatch(&self, what: &str, expected: &impl std::fmt::Debug, found: &impl std::fmt::Debug) -> CoreError {
        let what = format!("golden case {}, {what}", self.number);
        CoreError::Mismatch { what, expected: format!("{expected:?}"), found: format!("{found:?}") }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&self, names: &[&str], expected: &[T], found: &[T]) -> Result<()> {
        for (position, name) in names.iter().enumerate() {
            let (expected, found) = (expected.get(position), found.get(position));
            if expected != found {
                return Err(self.mismatch(&format!("feature `{name}`"), &expected, &found).into());
            }
        }
        Ok(())
    }

    fn features(&self, expected: &GoldenCase, found: &GoldenCase) -> Result<()> {
        let layout = self.bundle.encoder().user_layout();
        let single: Vec<&str> = layout.single.iter().map(|field| field.name.as_str()).collect();
        let dense: Vec<&str> = layout.dense.iter().map(|field| field.name.as_str()).collect();
        let multi: Vec<&str> = layout.multi.iter().map(|field| field.name.as_str()).collect();
        self.equal(&single, &expected.single, &found.single)?;
        self.equal(&dense, &expected.dense, &found.dense)?;
        self.equal(&multi, &expected.multi, &found.multi)?;
        self.equal(&["history"], std::slice::from_ref(&expected.history), std::slice::from_ref(&found.history))
    }

    fn numbers(&self, what: &str, expected: &[f32], found: &[f32]) -> Result<()> {
        let close = |(expected, found): (&f32, &f32)| match self.same_set {
            true => expected == found,
            false => (expected - found).abs() <= TOLERANCE * expected.abs().max(1.0),
        };
        if expected.len() == found.len() && expected.iter().zip(found).all(close) {
            return Ok(());
        }
        Err(self.mismatch(what, &expected, &found).into())
    }

    /// Between instruction sets, items with nearly equal scores may change places, so only scores are compared then.
    fn top(&self, expected: &GoldenCase, found: &GoldenCase) -> Result<()> {
        let scores = |case: &GoldenCase| case.top.iter().map(|item| item.score).collect::<Vec<f32>>();
        self.numbers("scores of the top items", &scores(expected), &scores(found))?;
        let items = |case: &GoldenCase| case.top.iter().map(|item| item.item.clone()).collect::<Vec<String>>();
        if self.same_set { self.equal_lists(&items(expected), &items(found)) } else { Ok(()) }
    }

    fn equal_lists(&self, expected: &[String], found: &[String]) -> Result<()> {
        if expected == found { Ok(()) } else { Err(self.mismatch("top items", &expected, &found).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOTHING_RECENT, encoder};
    use twinspire_core::encode::Raw;

    #[test]
    fn made_up_values_are_accepted_and_differ_from_case_to_case() {
        let encoder = encoder();
        let rows = |number| {
            let schema = encoder.schema();
            let columns = encoder.user_columns().iter();
            let values: Vec<RawValue> = columns.map(|(name, _)| made_up(schema.find(name).unwrap(), number)).collect();
            let raw: Vec<Raw<'_>> = values.iter().map(RawValue::as_raw).collect();
            let mut rows = encoder.empty_user_rows();
            encoder.encode_user(&raw, &NOTHING_RECENT, &mut rows).unwrap();
            rows
        };
        for number in 0..CASES_WITHOUT_USERS {
            let made = rows(number);
            assert!(!made.single.contains(&twinspire_core::ids::MISSING) && !multi_of(&made)[0].is_empty());
            assert_ne!(made, rows(number + 1));
        }
    }
}
