//! The index of a bundle. In: a draft with towers and item vectors. Out: `items.index` in the draft, fitted to queries of
//! stored users; and the same file opened as a part of a sealed bundle. What an index is, [`crate::index`] says.

use crate::channel::encode_each;
use crate::config::{ChannelKind, RetrievalSettings};
use crate::context::RetrievalContext;
use crate::error::Result;
use crate::index::{IndexInput, IndexReport, StoredIndex, build};
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::bundle::{Bundle, LoadQueryEncoder, file};
use twinspire_core::query::Query;

/// Most users whose queries an index is fitted to and judged with.
const QUERIES: usize = 2048;

/// Builds the index over the item vectors of a draft, if a channel of the settings searches them.
///
/// # Errors
/// A draft that does not open; a stored value that cannot be encoded; a recall below the target; I/O.
pub fn build_item_index(
    context: &RetrievalContext<'_>,
    settings: &RetrievalSettings,
    draft: &Path,
    load: LoadQueryEncoder<'_>,
    seed: u64,
) -> Result<Option<IndexReport>> {
    let is_searched = |kind: &ChannelKind| matches!(kind, ChannelKind::TwoTower);
    if !settings.plan().channels().iter().any(|channel| is_searched(&channel.kind)) {
        return Ok(None);
    }
    let bundle = Bundle::open_draft(draft, load)?;
    context.progress.start("building the index", None, "vectors");
    let table = bundle.item_embeddings();
    let index = context.install(|| {
        let queries = user_vectors(&bundle)?;
        let input = IndexInput { vectors: &table.values, dimension: table.dimension, ids: &[], queries: &queries };
        build(&input, settings.index(), seed)
    })?;
    context.progress.finish();
    index.write(context.vfs, &draft.join(file::INDEX))?;
    context.progress.line(&index.report().to_string());
    Ok(Some(index.report().clone()))
}

/// Vectors of stored users, spread evenly, each with her stored features and history, as of the moment after the last
/// event of all.
fn user_vectors(bundle: &Bundle) -> Result<Vec<f32>> {
    let (histories, lookup) = (bundle.histories(), bundle.lookup());
    let after = histories.last_time().saturating_add(1);
    let mut vectors = Vec::new();
    for row in (0..histories.len()).step_by(histories.len().div_ceil(QUERIES).max(1)) {
        let query = Query { user: Some(histories.user(row as u32).to_owned()), ..Query::default() };
        vectors.extend(encode_each(bundle.query_encoder(), &lookup.encode(&query, after)?.batch())?);
    }
    Ok(vectors)
}

/// Opens the index of a bundle.
///
/// # Errors
/// `Damaged`, naming the file; `Mismatch` when it is that of other vectors.
pub(crate) fn open_item_index(bundle: &Bundle) -> Result<StoredIndex> {
    let index = StoredIndex::open(&bundle.folder().join(file::INDEX))?;
    let (report, table) = (index.report(), bundle.item_embeddings());
    let (found, expected) = ((report.items, report.dimension), (table.ids.len(), table.dimension));
    if found != expected {
        let what = "items and dimension of the index".to_owned();
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        return Err(CoreError::Mismatch { what, expected, found }.into());
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RetrievalError;
    use crate::channel::open_channels;
    use crate::config::IndexSettings;
    use crate::merge::MergePlan;
    use crate::testing::{World, load, settings};
    use std::sync::Arc;
    use twinspire_core::progress::Heard;
    use twinspire_core::vfs::RealVfs;

    #[test]
    fn building_says_which_index_is_taken_and_why() {
        let world = World::new();
        let lines = |channels: &str| {
            let (heard, settings) = (Heard::default(), settings(channels));
            let context = RetrievalContext { progress: &heard, ..world.context() };
            let draft = world.draft(&settings);
            let report = build_item_index(&context, &settings, &draft, &load, 1).unwrap();
            assert_eq!(report.is_some(), draft.join(file::INDEX).exists());
            heard.lines()
        };
        let expected = "index: exact over 60 items (auto: lists of 500 hold every one of 60 items)";
        assert_eq!(lines("{}"), [expected]);
        assert!(lines(r#"{"list": [{"kind": "popular"}]}"#).is_empty(), "no index, nothing to say");
    }

    #[test]
    fn an_index_that_is_damaged_or_of_other_vectors_does_not_open() {
        let (world, settings) = (World::new(), settings("{}"));
        let draft = world.draft(&settings);
        let path = draft.join(file::INDEX);
        let error = || {
            let bundle = Arc::new(Bundle::open_draft(&draft, &load).unwrap());
            let opened = open_channels(&bundle, &MergePlan::read(&draft).unwrap());
            opened.err().map(|error: RetrievalError| error.to_string()).unwrap_or_default()
        };
        assert_eq!(error(), "");
        let other = IndexInput { vectors: &[1.0, 0.0, 0.0, 1.0], dimension: 2, ids: &[], queries: &[] };
        let any: &IndexSettings = settings.index();
        build(&other, any, 1).unwrap().write(&RealVfs, &path).unwrap();
        assert!(error().starts_with("items and dimension of the index: expected (60, "), "{}", error());
        std::fs::write(&path, "no index").unwrap();
        assert!(error().contains("items.index is damaged: not an index of this version"), "{}", error());
    }
}
