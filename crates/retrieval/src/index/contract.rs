//! What every index must keep, whatever its kind, and what an exact one must keep beside it.

use super::*;
use crate::config::{IndexKind, IndexSection, IndexSettings};
use crate::scan::ItemBlocks;
use twinspire_core::check::Faults;
use twinspire_core::rng::Rng;

/// Vectors `[count, dimension]` of one kind of data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Data {
    /// Normal, lengths as they come.
    Normal,
    /// Length 1, in clusters, as trained vectors are.
    Clustered,
    /// In clusters, with lengths that differ by a factor of a hundred: as dot products are trained, where length is popularity.
    Popular,
    /// Small whole numbers: many equal scores and equal vectors.
    Whole,
    /// Few distinct vectors, many times each, and zero vectors.
    Repeated,
    /// One dimension does not vary, one is zero, lengths differ by a factor of a million.
    Stretched,
}

impl Data {
    pub const ALL: [Self; 6] =
        [Self::Normal, Self::Clustered, Self::Popular, Self::Whole, Self::Repeated, Self::Stretched];

    pub fn vectors(self, seed: u64, count: usize, dimension: usize) -> Vec<f32> {
        let mut rng = Rng::stream(seed, "index data", self as u64);
        let centres: Vec<f32> = (0..20 * dimension).map(|_| rng.normal() as f32).collect();
        let mut vectors = Vec::with_capacity(count * dimension);
        for row in 0..count {
            let centre = rng.below(20) as usize;
            let stretch = 10f32.powi(rng.below(7) as i32 - 3);
            let value = |(place, rng): (usize, &mut Rng)| match self {
                Self::Normal => rng.normal() as f32,
                Self::Clustered | Self::Popular => centres[centre * dimension + place] + 0.4 * rng.normal() as f32,
                Self::Whole => rng.below(5) as f32 - 2.0,
                Self::Repeated if row % 7 == 0 => 0.0,
                Self::Repeated => centres[row % 5 * dimension + place],
                Self::Stretched if place == 0 => 1.0,
                Self::Stretched if place == 1 => 0.0,
                Self::Stretched => stretch * rng.normal() as f32,
            };
            let start = vectors.len();
            for place in 0..dimension {
                vectors.push(value((place, &mut rng)));
            }
            if matches!(self, Self::Clustered | Self::Popular) {
                let length = vectors[start..].iter().map(|value| value * value).sum::<f32>().sqrt();
                let wanted = if matches!(self, Self::Popular) { popular_length(&mut rng) } else { 1.0 };
                vectors[start..].iter_mut().for_each(|value| *value *= wanted / length);
            }
        }
        vectors
    }
}

/// From 0.1 to 10: few are long.
fn popular_length(rng: &mut Rng) -> f32 {
    0.1 * 100f32.powf((rng.unit() * rng.unit()) as f32)
}

/// Items of the full sort of f64 dot products by score, then by item.
fn brute_force(vectors: &[f32], query: &[f32], is_wanted: impl Fn(u32) -> bool, k: usize) -> Vec<(u32, f64)> {
    let dot = |row: &[f32]| row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() + 0.0;
    let rows = vectors.chunks_exact(query.len()).zip(0..);
    let mut all: Vec<(u32, f64)> =
        rows.filter(|(_, item)| is_wanted(*item)).map(|(row, item)| (item, dot(row))).collect();
    all.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    all.truncate(k);
    all
}

pub(super) type Build<'a> = &'a dyn Fn(&[f32], usize) -> Box<dyn VectorIndex>;

/// Every third item, at most.
fn some_items(items: usize) -> ItemSet {
    let mut set = ItemSet::none(items);
    (0..items as u32).step_by(3).for_each(|item| set.insert(item));
    set
}

/// Lists are in order, each item once, excluded and disallowed ones left out, and equal whenever the question is.
pub(super) fn keeps_the_contract(build: Build<'_>) {
    let (items, dimension) = (700, 8);
    let vectors = Data::Normal.vectors(1, items, dimension);
    let queries = Data::Normal.vectors(2, 20, dimension);
    let lists: [&[u32]; 5] = [&[], &[0], &[3, 5, 699], &[1, 1_000_000], &[]];
    let excluded: Vec<&[u32]> = (0..20).map(|query| lists[query % 5]).collect();
    let index = build(&vectors, dimension);
    assert_eq!((index.len(), index.is_empty()), (items, false));
    let allowed = some_items(items);
    for allowed in [None, Some(&allowed)] {
        let ask = |k| index.search(ScanQueries { vectors: &queries, excluded: &excluded }, k, allowed);
        for (found, excluded) in ask(20).iter().zip(&excluded) {
            assert_eq!(found.len(), 20);
            assert!(found.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()), "in order, each item once");
            assert!(found.iter().all(|scored| !excluded.contains(&scored.item)));
            assert!(found.iter().all(|scored| allowed.is_none_or(|allowed| allowed.contains(scored.item))));
        }
        let together = ask(20);
        assert_eq!(together, ask(20), "the same question has the same answer");
        for (position, found) in together.iter().enumerate() {
            let vectors = &queries[position * dimension..][..dimension];
            let alone = ScanQueries { vectors, excluded: &excluded[position..=position] };
            assert_eq!(index.search(alone, 20, allowed), std::slice::from_ref(found), "alone as in a batch");
        }
        for (found, excluded) in ask(items + 1).iter().zip(&excluded) {
            let is_left = |item: &u32| !excluded.contains(item) && allowed.is_none_or(|set| set.contains(*item));
            assert_eq!(found.len(), (0..items as u32).filter(is_left).count(), "a list as long as the corpus");
        }
        assert!(ask(0).iter().all(Vec::is_empty));
    }
    let nothing = ItemSet::none(items);
    let one = ScanQueries { vectors: &queries[..dimension], excluded: &[&[]] };
    assert_eq!(index.search(one, 20, Some(&nothing)), [vec![]]);
    let empty = build(&[], dimension);
    assert!(empty.is_empty() && empty.search(one, 20, None) == [vec![]]);
}

/// The items and scores are those of a scan bit for bit, and the items are those of f64 brute force.
pub(super) fn finds_exactly_the_best(build: Build<'_>, dimensions: &[usize]) {
    for data in Data::ALL {
        for &dimension in dimensions {
            let items = if dimension > 100 { 1100 } else { 3000 };
            let vectors = data.vectors(3, items, dimension);
            let queries = data.vectors(4, 4, dimension);
            let (index, product) = (build(&vectors, dimension), ItemBlocks::new(&vectors, dimension));
            assert!(index.is_exact());
            let excluded: Vec<u32> = (0..items as u32).skip(2).step_by(11).collect();
            let allowed = some_items(items);
            for query in queries.chunks_exact(dimension) {
                for (k, excluded) in [(1, &[][..]), (100, &excluded), (500, &[]), (items, &[])] {
                    let one = ScanQueries { vectors: query, excluded: &[excluded] };
                    let found = &index.search(one, k, None)[0];
                    let expected = &product.top_k(one, k)[0];
                    assert!(found == expected, "{data:?} of dimension {dimension}, k = {k}");
                    let found = &index.search(one, k, Some(&allowed))[0];
                    check_by_brute_force(
                        found,
                        &vectors,
                        query,
                        (k, &|item| allowed.contains(item) && excluded.binary_search(&item).is_err()),
                    );
                }
            }
        }
    }
}

/// Items are those of brute force, and scores agree up to the rounding of f64.
fn check_by_brute_force(
    found: &[Scored],
    vectors: &[f32],
    query: &[f32],
    (k, is_wanted): (usize, &dyn Fn(u32) -> bool),
) {
    let expected = brute_force(vectors, query, is_wanted, k);
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0, |largest: f64, (_, score)| largest.max(score.abs()));
    for (found, (item, score)) in found.iter().zip(&expected) {
        assert_eq!(found.item, *item, "{} {score}", found.score);
        assert!((found.score - score).abs() <= 1e-12 * largest.max(1.0), "{} {score}", found.score);
    }
}

/// An index of a kind over vectors, for lists of 100.
pub(super) fn built(kind: IndexKind, vectors: &[f32], dimension: usize) -> Result<StoredIndex> {
    let section = IndexSection { kind, k: 100, ..IndexSection::default() };
    let settings = IndexSettings::check(&section, &mut Faults::default()).unwrap();
    build(&IndexInput { vectors, dimension, ids: &[], queries: &[] }, &settings, 1)
}

#[test]
fn every_kind_keeps_the_contract() {
    for kind in [IndexKind::Auto, IndexKind::Exact, IndexKind::Ivf] {
        keeps_the_contract(&|vectors, dimension| Box::new(built(kind, vectors, dimension).unwrap()));
    }
}

#[test]
fn the_exact_index_finds_exactly_the_best_at_every_dimension() {
    let build = |vectors: &[f32], dimension| -> Box<dyn VectorIndex> {
        Box::new(built(IndexKind::Exact, vectors, dimension).unwrap())
    };
    finds_exactly_the_best(&build, &[1, 2, 7, 8, 33, 64, 129, 511, 512]);
}

#[test]
fn vectors_that_are_not_numbers_are_refused_by_name_of_the_row() {
    for kind in [IndexKind::Exact, IndexKind::Ivf] {
        for fault in [f32::NAN, f32::INFINITY, -1e16] {
            let mut vectors = vec![0.5; 12];
            vectors[7] = fault;
            let error = built(kind, &vectors, 3).unwrap_err();
            assert!(error.to_string().contains("in row 2"), "{error}");
        }
        let zeros = built(kind, &[0.0; 6], 3).unwrap();
        let found = zeros.search(ScanQueries { vectors: &[1.0, 0.0, 0.0], excluded: &[&[]] }, 5, None);
        assert_eq!(found[0], [0, 1].map(|item| Scored { item, score: 0.0 }), "a vector of zeros scores 0");
    }
}
