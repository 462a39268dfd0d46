//! Rows of an embedding table by what they stand for.

use crate::layout::TableSpec;
use rustc_hash::FxHashMap;
use twinspire_core::encode::{FeatureEncoder, IdMeaning};
use twinspire_core::ids::MISSING;

/// Which row of the earlier table each row of a table was.
pub(super) struct Rows {
    /// One a row; MISSING where the value is new.
    found: Vec<u32>,
    /// Rows of the earlier table.
    of: usize,
}

/// Why rows cannot be found, and what to do.
type Refusal = (String, &'static str);

impl Rows {
    /// Compares what ids stand for now and stood for then.
    ///
    /// # Errors
    /// Another number of buckets, other boundaries, another kind of feature.
    pub(super) fn find(
        table: &TableSpec,
        (now, earlier): (&FeatureEncoder, &FeatureEncoder),
        of: usize,
    ) -> Result<Self, Refusal> {
        let meanings = [earlier, now].map(|encoder| encoder.id_meaning(&table.feature));
        let found = match meanings {
            [Some(IdMeaning::Values(earlier)), Some(IdMeaning::Values(now))] => {
                by_value(earlier, now, table.cardinality)
            }
            [earlier, now] if earlier == now => (0..table.cardinality as u32).collect(),
            [earlier, now] => {
                let (name, feature) = (&table.name, &table.feature);
                let (then, now) = (said(earlier), said(now));
                let reason = format!("`{name}`: feature `{feature}` had {then}, and has {now} in the config");
                return Err((reason, "keep buckets, boundaries and the kind of a feature as they were, or train anew"));
            }
        };
        Ok(Self { found, of })
    }

    /// One a row, MISSING where the value is new.
    pub(super) fn found(&self) -> &[u32] {
        &self.found
    }

    /// Rows of the earlier table.
    pub(super) fn of(&self) -> usize {
        self.of
    }

    /// Copies the rows that were found; others stay as they are.
    pub(super) fn copy(&self, earlier: &[f32], now: &mut [f32]) {
        let width = now.len() / self.found.len();
        for (row, found) in now.chunks_exact_mut(width).zip(&self.found) {
            if *found != MISSING {
                row.copy_from_slice(&earlier[*found as usize * width..][..width]);
            }
        }
    }

    /// What became of the rows, for people.
    pub(super) fn line(&self, name: &str) -> String {
        let kept = self.found.iter().filter(|found| **found != MISSING).count();
        format!("{name}: {kept} rows kept, {} new, {} gone", self.found.len() - kept, self.of - kept)
    }
}

fn by_value(earlier: &[String], now: &[String], cardinality: usize) -> Vec<u32> {
    let rows: FxHashMap<&str, u32> = earlier.iter().map(String::as_str).zip(0..).collect();
    let mut found: Vec<u32> = now.iter().map(|value| rows.get(value.as_str()).copied().unwrap_or(MISSING)).collect();
    // A vocabulary without values has one row, which nothing reads.
    found.resize(cardinality, MISSING);
    found
}

fn said(meaning: Option<IdMeaning<'_>>) -> String {
    match meaning {
        None => "no ids".into(),
        Some(IdMeaning::Buckets(buckets)) => format!("{buckets} buckets"),
        Some(IdMeaning::Values(values)) => format!("a vocabulary of {} values", values.len()),
        Some(IdMeaning::Intervals(boundaries)) => format!("boundaries {boundaries:?}"),
    }
}
