//! Several query vectors of one user. In: an index and the vectors. Out: one list a user, in which an item stands once, with
//! the best of its scores.

use super::VectorIndex;
use crate::scan::ScanQueries;
use crate::set::ItemSet;
use rayon::prelude::*;
use twinspire_core::query::Scored;

/// The best `k` allowed items (without `allowed`, of all) for each group of `interests` vectors of `(vectors, dimension)`: `[groups, interests, dimension]`. An
/// item is worth its best score over the group. Exact where the index is: an item of the best `k` is among the best `k` of
/// the interest that gives it its score.
pub fn best_of_interests(
    index: &dyn VectorIndex,
    (vectors, dimension): (&[f32], usize),
    interests: usize,
    k: usize,
    allowed: Option<&ItemSet>,
) -> Vec<Vec<Scored>> {
    let of_group = |group: &[f32]| {
        let alone = |vectors| index.search(ScanQueries { vectors, excluded: &[&[]] }, k, allowed).swap_remove(0);
        let mut found: Vec<Scored> = group.chunks_exact(dimension).flat_map(alone).collect();
        found.sort_unstable_by(Scored::order);
        let mut seen = ItemSet::none(index.len());
        found.retain(|scored| {
            let is_new = !seen.contains(scored.item);
            seen.insert(scored.item);
            is_new
        });
        found.truncate(k);
        found
    };
    vectors.par_chunks_exact(interests * dimension).map(of_group).collect()
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Data, built};
    use super::*;
    use crate::config::IndexKind;
    use crate::scan::ItemBlocks;

    #[test]
    fn an_item_is_worth_its_best_interest_and_stands_once() {
        let (items, dimension, interests, k) = (500, 6, 3, 40);
        for data in Data::ALL {
            let vectors = data.vectors(21, items, dimension);
            let queries = data.vectors(22, 4 * interests, dimension);
            let index = built(IndexKind::Exact, &vectors, dimension).unwrap();
            let found = best_of_interests(&index, (&queries, dimension), interests, k, None);
            for (group, found) in queries.chunks_exact(interests * dimension).zip(found) {
                let excluded = vec![&[][..]; interests];
                let all = ItemBlocks::new(&vectors, dimension);
                let all = all.top_k(ScanQueries { vectors: group, excluded: &excluded }, items);
                let best = |item: u32| {
                    let scores = all.iter().flatten().filter(|scored| scored.item == item).map(|scored| scored.score);
                    Scored { item, score: scores.fold(f64::NEG_INFINITY, f64::max) }
                };
                let mut expected: Vec<Scored> = (0..items as u32).map(best).collect();
                expected.sort_by(Scored::order);
                assert_eq!(found, expected[..k]);
            }
        }
    }
}
