//! Several query vectors of one user, her interests. In: the vectors, and a search for each of them. Out: one list a user, in
//! which an item stands once, with the best of its scores.

use crate::scan::ScanQueries;
use twinspire_core::query::Scored;

/// The best `k` items for each group of `interests` vectors `[groups, interests, dimension]`; `excluded` is one list a group.
/// An item is worth its best score over the group. `search` finds the best `k` of each query. Exact where it is: an item of
/// the best `k` is among the best `k` of the interest that gives it its score.
pub fn best_of_interests(
    queries: ScanQueries<'_>,
    interests: usize,
    k: usize,
    search: impl FnOnce(ScanQueries<'_>) -> Vec<Vec<Scored>>,
) -> Vec<Vec<Scored>> {
    if interests == 1 {
        return search(queries);
    }
    let excluded: Vec<&[u32]> = queries.excluded.iter().flat_map(|own| std::iter::repeat_n(*own, interests)).collect();
    let lists = search(ScanQueries { vectors: queries.vectors, excluded: &excluded });
    lists.chunks(interests).map(|lists| merged(lists, k)).collect()
}

fn merged(lists: &[Vec<Scored>], k: usize) -> Vec<Scored> {
    let mut found = lists.concat();
    found.sort_unstable_by(|one, other| one.item.cmp(&other.item).then(one.order(other)));
    found.dedup_by_key(|scored| scored.item);
    found.sort_unstable_by(Scored::order);
    found.truncate(k);
    found
}

#[cfg(test)]
mod tests {
    use super::super::contract::{Data, built};
    use super::*;
    use crate::config::IndexKind;
    use crate::index::VectorIndex;
    use crate::scan::ItemBlocks;

    #[test]
    fn an_item_is_worth_its_best_interest_and_stands_once() {
        let (items, dimension, interests, k) = (500, 6, 3, 40);
        for data in Data::ALL {
            let vectors = data.vectors(21, items, dimension);
            let queries = data.vectors(22, 4 * interests, dimension);
            let index = built(IndexKind::Exact, &vectors, dimension).unwrap();
            let own: [&[u32]; 4] = [&[], &[0, 3, 499], &[], &[7]];
            let asked = ScanQueries { vectors: &queries, excluded: &own };
            let found = best_of_interests(asked, interests, k, |asked| index.search(asked, k, None));
            for ((group, found), own) in queries.chunks_exact(interests * dimension).zip(found).zip(own) {
                let excluded = vec![&[][..]; interests];
                let all = ItemBlocks::new(&vectors, dimension);
                let all = all.top_k(ScanQueries { vectors: group, excluded: &excluded }, items);
                let best = |item: u32| {
                    let scores = all.iter().flatten().filter(|scored| scored.item == item).map(|scored| scored.score);
                    Scored { item, score: scores.fold(f64::NEG_INFINITY, f64::max) }
                };
                let mut expected: Vec<Scored> = (0..items as u32).map(best).collect();
                expected.retain(|scored| !own.contains(&scored.item));
                expected.sort_by(Scored::order);
                assert_eq!(found, expected[..k]);
            }
        }
    }
}
