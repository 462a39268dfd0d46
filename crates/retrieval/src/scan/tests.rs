//! The scan against brute force in f64, against itself in other batches, and at its edges.

use super::*;
use twinspire_core::rng::Rng;

fn random(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = Rng::stream(seed, "scan", 0);
    (0..count).map(|_| rng.normal() as f32).collect()
}

/// Small whole numbers: products are exact in f32, and many scores are equal.
fn whole(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = Rng::stream(seed, "scan", 1);
    (0..count).map(|_| rng.below(5) as f32 - 2.0).collect()
}

/// Full sort of f64 dot products, summed in the order of the dimensions.
fn brute_force(items: &[f32], query: &[f32], excluded: &[u32], k: usize) -> Vec<(u32, f64)> {
    let dot = |row: &[f32]| row.iter().zip(query).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>() + 0.0;
    let rows = items.chunks_exact(query.len()).zip(0..);
    let mut all: Vec<(u32, f64)> = rows.map(|(row, item)| (item, dot(row))).collect();
    all.retain(|(item, _)| !excluded.contains(item));
    all.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    all.truncate(k);
    all
}

fn items_of(found: &[Scored]) -> Vec<u32> {
    found.iter().map(|scored| scored.item).collect()
}

#[test]
fn with_equal_scores_everywhere_the_list_equals_brute_force() {
    for (items, dimension, queries) in [(1, 3, 1), (1023, 4, 9), (1024, 5, 8), (5000, 8, 70)] {
        let (vectors, queries_in) = (whole(items as u64, items * dimension), whole(7, queries * dimension));
        let excluded: Vec<Vec<u32>> =
            (0..queries).map(|query| (0..items as u32).skip(query).step_by(7).collect()).collect();
        let lists: Vec<&[u32]> = excluded.iter().map(Vec::as_slice).collect();
        let blocks = ItemBlocks::new(&vectors, dimension);
        for k in [1, 10, 300, items, items + 5] {
            let found = blocks.top_k(ScanQueries { vectors: &queries_in, excluded: &lists }, k);
            for ((query, excluded), found) in queries_in.chunks_exact(dimension).zip(&excluded).zip(&found) {
                let expected = brute_force(&vectors, query, excluded, k);
                let found: Vec<(u32, f64)> = found.iter().map(|one| (one.item, one.score)).collect();
                assert!(found == expected, "{items} items, k = {k}");
            }
        }
    }
}

#[test]
fn real_vectors_give_the_list_of_brute_force_even_where_scores_nearly_agree() {
    let (items, dimension, k) = (3000, 48, 500);
    // Vectors that differ from each other by a few last bits: their f32 scores are in no useful order.
    let (mut near, mut rng) = (random(1, dimension).repeat(items), Rng::stream(5, "scan", 2));
    near.iter_mut().for_each(|value| *value *= 1.0 + 3e-7 * rng.unit() as f32);
    for vectors in [random(1, items * dimension), near] {
        let (query, blocks) = (random(2, dimension), ItemBlocks::new(&vectors, dimension));
        let found = &blocks.top_k(ScanQueries { vectors: &query, excluded: &[&[]] }, k)[0];
        let expected = brute_force(&vectors, &query, &[], k);
        assert_eq!(items_of(found), expected.iter().map(|(item, _)| *item).collect::<Vec<u32>>());
        assert!(found.iter().zip(&expected).all(|(found, (_, score))| (found.score - score).abs() < 1e-13));
    }
}

#[test]
fn a_query_alone_gets_the_bits_it_gets_in_a_batch_at_any_number_of_threads() {
    for dimension in [1, 2, 3, 16, 64, 300, 1100] {
        let (vectors, queries) = (random(3, 1500 * dimension), random(4, 77 * dimension));
        let blocks = ItemBlocks::new(&vectors, dimension);
        let no_exclusion = vec![&[][..]; 77];
        let batch = ScanQueries { vectors: &queries, excluded: &no_exclusion };
        let in_pool = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| blocks.top_k(batch, 50))
        };
        let together = in_pool(1);
        assert_eq!(together, in_pool(3));
        for company in 1..=9 {
            for (vectors, expected) in queries.chunks(company * dimension).zip(together.chunks(company)) {
                let some = ScanQueries { vectors, excluded: &no_exclusion[..expected.len()] };
                assert_eq!(blocks.top_k(some, 50), expected, "{company} queries of dimension {dimension}");
            }
        }
    }
}

#[test]
fn a_longer_list_begins_with_the_shorter_one() {
    let (vectors, query) = (whole(5, 4000 * 6), whole(6, 6));
    let blocks = ItemBlocks::new(&vectors, 6);
    let list = |k| items_of(&blocks.top_k(ScanQueries { vectors: &query, excluded: &[&[]] }, k)[0]);
    let all = list(4000);
    assert_eq!(all.len(), 4000);
    for k in [1, 2, 50, 1000, 3999] {
        assert_eq!(list(k), all[..k]);
    }
}

#[test]
fn what_is_not_finite_never_enters_a_list() {
    let vectors = [f32::NAN, 1.0, f32::INFINITY, -1.0, f32::NEG_INFINITY];
    let blocks = ItemBlocks::new(&vectors, 1);
    let found = blocks.top_k(ScanQueries { vectors: &[1.0], excluded: &[&[]] }, 5);
    assert_eq!(items_of(&found[0]), [1, 3]);
}

#[test]
fn nothing_is_found_where_nothing_is_wanted_or_left() {
    let blocks = ItemBlocks::new(&[1.0, 2.0], 1);
    let search = |excluded: &[u32], k| blocks.top_k(ScanQueries { vectors: &[1.0], excluded: &[excluded] }, k);
    assert_eq!(search(&[], 0), [vec![]]);
    assert_eq!(search(&[0, 1], 2), [vec![]]);
    assert_eq!(items_of(&search(&[1], 2)[0]), [0]);
    assert_eq!(search(&[0, 1, 9], 2), [vec![]], "an exclusion beyond the corpus does no harm");
    let empty = ItemBlocks::new(&[], 1);
    assert_eq!(empty.top_k(ScanQueries { vectors: &[1.0], excluded: &[&[]] }, 3), [vec![]]);
}
