//! From vectors to an index. In: vectors, queries to fit with, settings. Out: a [`StoredIndex`] whose bytes depend on them
//! and the seed alone. It reads and writes no file.

use super::VectorIndex;
use super::about::{BuiltKind, CellsReport, IndexReport};
use super::cells::{Cells, split};
use super::check_vectors;
use super::choice::{cells_of, choose};
use super::codes::Codes;
use super::exact::ExactIndex;
use super::fit::Judged;
use super::image::{Image, Section, Sizes};
use super::ivf::IvfIndex;
use super::stored::StoredIndex;
use crate::config::IndexSettings;
use crate::error::{Result, RetrievalError};
use crate::rows::Rows;
use crate::scan::ScanQueries;
use rayon::prelude::*;
use twinspire_core::query::Scored;
use twinspire_core::rng::Rng;

/// Queries that are made from items where none are given.
const MADE_UP: usize = 1024;
/// Queries that a fit uses of those that are given: with as many, chance moves a recall by a thousandth.
const FITTED_MOST: usize = 4096;
/// Items that an exact index is asked to find.
const ASKED: usize = 256;
/// A recall on other queries that is this much below the target is no longer chance.
const SHORTFALL: f64 = 0.01;

/// What an index is built from.
#[derive(Debug, Clone, Copy)]
pub struct IndexInput<'a> {
    /// `[items, dimension]`, row-major.
    pub vectors: &'a [f32],
    /// Length of a vector, above 0.
    pub dimension: usize,
    /// One id an item without line breaks, or none where items are known by number.
    pub ids: &'a [String],
    /// `[queries, dimension]`: queries as they will be asked, for the fit; without any they are made from items.
    pub queries: &'a [f32],
}

/// Builds the index that the settings ask for.
///
/// # Errors
/// `Invalid` for a vector or a query that is not finite; [`RetrievalError::Recall`] when the recall on queries that
/// nothing was fitted to is below the target.
pub fn build(input: &IndexInput<'_>, settings: &IndexSettings, seed: u64) -> Result<StoredIndex> {
    check_vectors("vectors", input.vectors, input.dimension)?;
    check_vectors("queries", input.queries, input.dimension)?;
    let items = input.vectors.len() / input.dimension;
    let choice = choose(settings.kind(), items, input.dimension, settings.k());
    let report = IndexReport {
        kind: choice.kind,
        reason: choice.reason,
        items,
        dimension: input.dimension,
        k: settings.k().min(items),
        recall: 1.0,
        self_recall: 1.0,
        cells: None,
    };
    match choice.kind {
        BuiltKind::Exact => checked_exact(input, report),
        BuiltKind::Ivf => fitted_ivf(input, settings, (report, seed)),
    }
}

impl IndexInput<'_> {
    /// The queries, evenly spread ones where they are many; without any, items with noise, half as long as they are: near
    /// the items, but none of them.
    pub(super) fn queries_or_made_up(&self, seed: u64) -> Vec<f32> {
        if !self.queries.is_empty() {
            let all = self.queries.chunks_exact(self.dimension);
            let step = all.len().div_ceil(FITTED_MOST);
            return all.step_by(step).flatten().copied().collect();
        }
        let items = (self.vectors.len() / self.dimension) as u32;
        let mut rng = Rng::stream(seed, "index queries", 0);
        let mut queries = Vec::with_capacity(MADE_UP * self.dimension);
        for _ in 0..MADE_UP {
            let row = self.vector(rng.below(items));
            let length = row.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            let noise = 0.5 * length / (self.dimension as f64).sqrt();
            queries.extend(row.iter().map(|&value| value + (noise * rng.normal()) as f32));
        }
        queries
    }

    fn vector(&self, item: u32) -> &[f32] {
        &self.vectors[item as usize * self.dimension..][..self.dimension]
    }
}

/// An exact index that is not sealed yet.
pub(super) fn exact(input: &IndexInput<'_>) -> ExactIndex {
    let mut image = image_of(input, 0, &Codes::new(input.vectors, input.dimension));
    image.fill(Section::Rows, input.vectors);
    ExactIndex::of_image(image)
}

fn checked_exact(input: &IndexInput<'_>, mut report: IndexReport) -> Result<StoredIndex> {
    let index = exact(input);
    let asked: Vec<u32> = (0..report.items as u32).step_by(report.items.div_ceil(ASKED).max(1)).collect();
    let found_itself = |&item: &u32| {
        let one = ScanQueries { vectors: input.vector(item), excluded: &[&[]] };
        is_found(&index.search(one, report.k, None)[0], item, one.vectors)
    };
    let found = asked.par_iter().filter(|item| found_itself(item)).count();
    report.self_recall = if asked.is_empty() { 1.0 } else { found as f64 / asked.len() as f64 };
    Ok(sealed(index.into_image(), report))
}

fn image_of(input: &IndexInput<'_>, cells: usize, codes: &Codes) -> Image {
    let ids = input.ids.join("\n");
    let items = input.vectors.len() / input.dimension;
    let sizes = Sizes {
        items,
        dimension: input.dimension,
        cells,
        blocks: codes.errors.len(),
        ids: ids.len(),
        ..Sizes::default()
    };
    let mut image = Image::new(sizes);
    image.fill(Section::Ids, ids.as_bytes());
    fill_codes(&mut image, Section::Codes, codes);
    image
}

fn fill_codes(image: &mut Image, section: impl Fn(usize) -> Section, codes: &Codes) {
    image.fill(section(0), &codes.codes);
    image.fill(section(1), &codes.scales);
    image.fill(section(2), &codes.errors);
}

fn sealed(mut image: Image, report: IndexReport) -> StoredIndex {
    image.seal(&[], &serde_json::to_vec(&report).expect("a report is plain data"));
    StoredIndex::new(image, report)
}

/// An index with cells that is not sealed yet; its reach is still to be fitted.
pub(super) fn cellular(input: &IndexInput<'_>, seed: u64) -> (Cells, IvfIndex) {
    let cells = split(input.vectors, input.dimension, cells_of(input.vectors.len() / input.dimension), seed);
    let index = IvfIndex::new(cellular_image(input, &cells), 0.0);
    (cells, index)
}

fn fitted_ivf(
    input: &IndexInput<'_>,
    settings: &IndexSettings,
    (mut report, seed): (IndexReport, u64),
) -> Result<StoredIndex> {
    let (mut cells, mut index) = cellular(input, seed);
    let queries = input.queries_or_made_up(seed);
    let [fitted, judged] = Judged::of(input.vectors, &queries, input.dimension, report.k).halves();
    let reach = fitted.fit(&index, settings.recall_target());
    let missed = missed_items(&index, input, (&cells, reach, report.k));
    if !missed.is_empty() {
        raise_spreads(&mut cells, &missed, input, reach);
        let mut image = index.into_image();
        image.fill(Section::Spreads, &cells.spreads);
        index = IvfIndex::new(image, reach);
        let left = missed_items(&index, input, (&cells, reach, report.k)).len();
        report.self_recall = 1.0 - left as f64 / report.items as f64;
    }
    let curve = judged.curve(&index, reach);
    report.recall = judged.judge(&index, reach).recall;
    if report.recall < settings.recall_target() - SHORTFALL {
        return Err(RetrievalError::Recall { target: settings.recall_target(), found: report.recall });
    }
    report.cells = Some(CellsReport {
        cells: cells.members.len(),
        recall_target: settings.recall_target(),
        reach,
        fitted_queries: fitted.len(),
        judged_queries: judged.len(),
        made_up_queries: input.queries.is_empty(),
        repaired_items: missed,
        curve,
    });
    Ok(sealed(index.into_image(), report))
}

/// Sections of an index with cells; rows lie in the order of the cells, whose codes begin with a new block.
fn cellular_image(input: &IndexInput<'_>, cells: &Cells) -> Image {
    let dimension = input.dimension;
    let gather =
        |members: &Vec<u32>| -> Vec<f32> { members.iter().flat_map(|&item| input.vector(item)).copied().collect() };
    let rows: Vec<Vec<f32>> = cells.members.par_iter().map(gather).collect();
    let coded: Vec<Codes> = rows.par_iter().map(|rows| Codes::new(rows, dimension)).collect();
    let starts = |lengths: &mut dyn Iterator<Item = usize>| {
        let mut end = 0;
        std::iter::once(0)
            .chain(lengths.map(|length| {
                end += length as u32;
                end
            }))
            .collect::<Vec<u32>>()
    };
    let codes = Codes {
        codes: joined(&coded, |coded| &coded.codes),
        scales: joined(&coded, |coded| &coded.scales),
        errors: joined(&coded, |coded| &coded.errors),
    };
    let mut image = image_of(input, cells.members.len(), &codes);
    image.fill(Section::Items, &cells.members.concat());
    image.fill(Section::CellBlocks, &starts(&mut coded.iter().map(|coded| coded.errors.len())));
    image.fill(Section::CellRows, &starts(&mut cells.members.iter().map(Vec::len)));
    image.fill(Section::Spreads, &cells.spreads);
    fill_codes(&mut image, Section::Centroids, &Codes::new(&cells.centroids, dimension));
    image.fill(Section::Rows, &rows.concat());
    image
}

fn joined<T: Copy>(parts: &[Codes], of: impl Fn(&Codes) -> &[T]) -> Vec<T> {
    parts.iter().map(of).collect::<Vec<&[T]>>().concat()
}

/// Items that are not found when their own vector is the query, ascending.
fn missed_items(index: &IvfIndex, input: &IndexInput<'_>, (cells, reach, k): (&Cells, f32, usize)) -> Vec<u32> {
    let is_missed = |&(cell, item): &(u32, u32)| {
        let vector = input.vector(item);
        !index.sees_at_first(cell, vector, (k, reach))
            && !is_found(&index.probe(vector, (k, None), reach).found, item, vector)
    };
    let members = cells.members.par_iter().enumerate();
    let pairs = members.flat_map_iter(|(cell, members)| members.iter().map(move |&item| (cell as u32, item)));
    let mut missed: Vec<u32> = pairs.filter(is_missed).map(|(_, item)| item).collect();
    missed.sort_unstable();
    missed
}

/// Is the item in the list of its own vector? One that scores no better than the last of the list need not be.
fn is_found(found: &[Scored], item: u32, vector: &[f32]) -> bool {
    let mut own = Vec::with_capacity(1);
    Rows { values: vector, dimension: vector.len(), items: None }.score(&[0], vector, &mut own);
    let reaches = |last: &Scored| last.score >= own[0].score;
    found.iter().any(|scored| scored.item == item) || found.last().is_some_and(reaches)
}

/// Makes sure that the cells of missed items are seen whenever such an item is among the best: by the inequality of Cauchy
/// and Schwarz x·y is at most c·y + ‖x - c‖·‖y‖, which is the priority once the spread is ‖x - c‖ / reach.
fn raise_spreads(cells: &mut Cells, missed: &[u32], input: &IndexInput<'_>, reach: f32) {
    let dimension = input.dimension;
    let centroids = cells.centroids.chunks_exact(dimension);
    for ((members, centroid), spread) in cells.members.iter().zip(centroids).zip(&mut cells.spreads) {
        for item in missed.iter().filter(|item| members.binary_search(item).is_ok()) {
            let square: f64 = input.vector(*item).iter().zip(centroid).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            *spread = spread.max((square.sqrt() / f64::from(reach)) as f32).next_up();
        }
    }
}
