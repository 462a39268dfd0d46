//! `twinspire index build`, `index search` and `index update`: the index alone, over vectors of any origin.

use super::CommandContext;
use crate::arguments::{IndexBuildArguments, IndexCommand, IndexForm, IndexSearchArguments, IndexUpdateArguments};
use crate::error::CliError;
use crate::output::Reply;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use twinspire_core::check::Faults;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::{CoreError, vfs};
use twinspire_data::convert::embeddings_from_parquet;
use twinspire_retrieval::config::IndexSettings;
use twinspire_retrieval::index::{
    Change, IndexInput, LiveIndex, StoredIndex, VectorIndex, best_of_interests, build, read_attributes,
};
use twinspire_retrieval::scan::ScanQueries;
use twinspire_retrieval::{IndexSection, in_pool};

/// Runs one of the commands.
///
/// # Errors
/// Vectors that cannot be read or indexed; a damaged index; I/O.
pub fn run(context: &CommandContext<'_>, command: &IndexCommand) -> Result<Reply, CliError> {
    match command {
        IndexCommand::Build(arguments) => build_index(context, arguments),
        IndexCommand::Search(arguments) => search(context, arguments),
        IndexCommand::Update(arguments) => update(context, arguments),
    }
}

/// Reads vectors by the ending of the file's name.
///
/// # Errors
/// A file that is not what its name says; I/O.
pub fn read_vectors(path: &Path, ids: Option<&Path>) -> Result<EmbeddingTable, CliError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    Ok(match ending {
        "npy" => EmbeddingTable::read_npy(path, ids.map(read_lines).transpose()?)?,
        "parquet" => embeddings_from_parquet(path)?,
        _ => EmbeddingTable::read_text(path)?,
    })
}

fn read_lines(path: &Path) -> Result<Vec<String>, CoreError> {
    Ok(read_text(path)?.lines().map(str::to_owned).collect())
}

fn read_text(path: &Path) -> Result<String, CoreError> {
    std::fs::read_to_string(path).map_err(|error| CoreError::io(path, error))
}

fn settings(form: &IndexForm) -> Result<IndexSettings, CliError> {
    let &IndexForm { kind, recall_target, k } = form;
    let mut faults = Faults::default();
    IndexSettings::check(&IndexSection { kind, recall_target, k }, &mut faults).ok_or_else(|| {
        let told = faults
            .into_vec()
            .into_iter()
            .map(|fault| format!("{} is {}, not {}", fault.key, fault.value, fault.reason));
        CliError::Usage { message: told.collect::<Vec<_>>().join("; "), hint: "twinspire index build --help".into() }
    })
}

fn build_index(context: &CommandContext<'_>, arguments: &IndexBuildArguments) -> Result<Reply, CliError> {
    let (settings, table) = (settings(&arguments.form)?, read_vectors(&arguments.vectors, arguments.ids.as_deref())?);
    let queries = match &arguments.queries {
        Some(path) => same_dimension(read_vectors(path, None)?, table.dimension, path)?.values,
        None => Vec::new(),
    };
    let input = IndexInput { vectors: &table.values, dimension: table.dimension, ids: &table.ids, queries: &queries };
    context.progress.start("building the index", None, "vectors");
    let (threads, seed) = (context.globals.threads.unwrap_or(0), context.globals.seed.unwrap_or(1));
    let index = in_pool(threads, || build(&input, &settings, seed))??;
    context.progress.finish();
    let index = match &arguments.attributes {
        None => index,
        Some(path) => with_attributes(context, index, path, &table.ids)?,
    };
    let mut text = write_index(context, &index, &arguments.out)?;
    for point in index.report().cells.iter().flat_map(|cells| &cells.curve) {
        let looked_at = point.looked_at * 100.0;
        let _ = writeln!(
            text,
            "  reach {:.3}: recall {:.4}, {looked_at:.2} % of the items looked at",
            point.reach, point.recall
        );
    }
    Reply::new(text, index.report())
}

/// Adds the attributes of a file of JSON lines.
fn with_attributes(
    context: &CommandContext<'_>,
    index: StoredIndex,
    path: &Path,
    ids: &[String],
) -> Result<StoredIndex, CliError> {
    let (rows, strange) = read_attributes(&read_text(path)?, ids)?;
    if strange > 0 {
        context.progress.line(&format!("{strange} lines of {} are about items that have no vector", path.display()));
    }
    Ok(index.with_attributes(&rows.into_batch()?)?)
}

/// Writes an index in the place of an earlier one; what is said of it.
fn write_index(context: &CommandContext<'_>, index: &StoredIndex, out: &Path) -> Result<String, CliError> {
    vfs::replace_file(context.vfs, out, |path| Ok::<_, CliError>(index.write(context.vfs, path)?))?;
    Ok(format!("{}\n{} bytes in {}\n", index.report(), index.file_bytes(), out.display()))
}

/// Takes all changes, folds them into a new index, and writes it.
fn update(context: &CommandContext<'_>, arguments: &IndexUpdateArguments) -> Result<Reply, CliError> {
    let (threads, seed) = (context.globals.threads.unwrap_or(0), context.globals.seed.unwrap_or(1));
    let live = LiveIndex::new(StoredIndex::open(&arguments.index)?, settings(&arguments.form)?, seed)?;
    let changes = read_changes(&arguments.changes)?;
    let gone = live.apply(&changes)?;
    context.progress.start("building the index", None, "vectors");
    in_pool(threads, || live.merge())??;
    context.progress.finish();
    let state = live.state();
    let written = write_index(context, state.index(), arguments.out.as_ref().unwrap_or(&arguments.index))?;
    let text =
        format!("{} changes, by which {gone} items that were there are replaced or gone\n{written}", changes.len());
    let report = state.index().report();
    Reply::new(text, &serde_json::json!({ "changes": changes.len(), "gone": gone, "index": report }))
}

fn read_changes(path: &Path) -> Result<Vec<Change>, CliError> {
    let text = read_text(path)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let change = |(line, number): (&str, usize)| {
        let field = format!("{}, line {number}", path.display());
        serde_json::from_str(line).map_err(|error| CoreError::Invalid { field, reason: error.to_string() }.into())
    };
    lines.map(change).collect()
}

fn same_dimension(table: EmbeddingTable, expected: usize, path: &Path) -> Result<EmbeddingTable, CliError> {
    if table.dimension == expected {
        return Ok(table);
    }
    let what = format!("dimension of the queries in {}", path.display());
    let (expected, found) = (expected.to_string(), table.dimension.to_string());
    Err(CoreError::Mismatch { what, expected, found }.into())
}

/// What was found for one query.
#[derive(Debug, Serialize)]
struct Found<'a> {
    query: &'a str,
    items: Vec<Hit>,
}

#[derive(Debug, Serialize)]
struct Hit {
    item: String,
    score: f32,
}

fn search(context: &CommandContext<'_>, arguments: &IndexSearchArguments) -> Result<Reply, CliError> {
    let index = StoredIndex::open(&arguments.index)?;
    let table = read_vectors(&arguments.queries, None)?;
    let table = same_dimension(table, index.report().dimension, &arguments.queries)?;
    let (ids, interests) = (index.ids(), arguments.interests as usize);
    if !table.ids.len().is_multiple_of(interests) {
        let message = format!("{} query vectors are not whole groups of {interests}", table.ids.len());
        return Err(CliError::Usage { message, hint: "give `--interests` rows to each query".into() });
    }
    let allowed = arguments.filter.as_ref().map(|filter| index.fitting(filter)).transpose()?;
    let lists = in_pool(context.globals.threads.unwrap_or(0), || {
        let (k, excluded) = (arguments.k as usize, vec![&[][..]; table.ids.len() / interests]);
        let asked = ScanQueries { vectors: &table.values, excluded: &excluded };
        best_of_interests(asked, interests, k, |asked| index.search(asked, k, allowed.as_ref()))
    })?;
    let mut found = Vec::with_capacity(lists.len());
    // The index of a bundle has no ids of its own: its items are rows of the bundle's corpus.
    let name = |item: u32| ids.get(item as usize).map_or_else(|| item.to_string(), |id| (*id).to_owned());
    for (query, list) in table.ids.iter().step_by(interests).zip(lists) {
        let items = list.iter().map(|one| Hit { item: name(one.item), score: one.score as f32 }).collect();
        found.push(Found { query, items });
    }
    let lines =
        found.iter().flat_map(|one| one.items.iter().map(|hit| format!("{}\t{}\t{}", one.query, hit.item, hit.score)));
    Reply::new(
        lines.collect::<Vec<_>>().join("\n"),
        &serde_json::json!({ "queries": found, "exact": index.is_exact() }),
    )
}
