//! Item-to-item collaborative filtering: neighbours of the items in a history.
//!
//! Similarity of items i and j, over the users `U_i` and `U_j` that have them among their training positives:
//!
//! ```text
//! s(i, j) = sum over u in U_i and U_j of |I_u|^-user_exponent  /  (|U_i| · |U_j|)^item_exponent
//! ```
//!
//! With `user_exponent = 0` and `item_exponent = 0.5` it is the cosine of the two columns of clicks (Sarwar et al.,
//! "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001); users with many items say less of each
//! pair (Deshpande and Karypis, "Item-Based Top-N Recommendation Algorithms", TOIS 2004). Each item keeps its best
//! neighbours; a query sums them over the newest different items of its history.

use super::lists::{KeyedLists, RankedLists, contains, kept};
use super::positives::Positives;
use super::{RecallChannel, RecallQueries};
use crate::error::Result;
use rayon::prelude::*;
use rustc_hash::FxHashMap;
use std::path::Path;
use twinspire_core::ids::MISSING;
use twinspire_core::query::{PastItems, Scored};

/// Items of one unit of work when neighbours are found.
const CHUNK: usize = 64;

/// The channel `item_cf`.
pub(super) struct ItemCf {
    name: String,
    neighbours: RankedLists,
    history_length: usize,
}

impl ItemCf {
    /// Maps the neighbours; `items` is the size of the corpus.
    ///
    /// # Errors
    /// A damaged file; I/O.
    pub fn open(name: String, path: &Path, items: usize, history_length: usize) -> Result<Self> {
        Ok(Self { name, neighbours: RankedLists::open(path, items)?, history_length })
    }

    fn list(&self, history: &[u32], is_wanted: impl Fn(u32) -> bool, k: usize) -> Result<Vec<Scored>> {
        // Each sum is made in the order of the history; the order of the map reaches no result, since items are sorted.
        let mut scores: FxHashMap<u32, f64> = FxHashMap::default();
        for item in newest(history.iter().copied(), self.history_length) {
            for neighbour in self.neighbours.find(item)?.into_iter().flatten() {
                *scores.entry(neighbour.item).or_default() += neighbour.score;
            }
        }
        let found = scores.into_iter().map(|(item, score)| Scored { item, score });
        let mut found: Vec<Scored> = found.filter(|scored| is_wanted(scored.item)).collect();
        keep_best(&mut found, k);
        Ok(found)
    }
}

impl RecallChannel for ItemCf {
    fn name(&self) -> &str {
        &self.name
    }

    fn retrieve(&self, queries: &RecallQueries<'_>, k: usize) -> Result<Vec<Vec<Scored>>> {
        let rows = queries.batch.histories.iter().zip(&queries.excluded);
        let list = |(history, excluded): (&PastItems<'_>, &&[u32])| {
            self.list(history.items, |item| queries.allows(item) && !contains(excluded, item), k)
        };
        rows.map(list).collect()
    }
}

/// The newest `most` different items of a history, newest first.
fn newest(oldest_first: impl DoubleEndedIterator<Item = u32>, most: usize) -> Vec<u32> {
    let mut items = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    items.extend(oldest_first.rev().filter(|&item| seen.insert(item)).take(most));
    items
}

/// The best `k`, in order.
fn keep_best(scored: &mut Vec<Scored>, k: usize) {
    if scored.len() > k && k > 0 {
        scored.select_nth_unstable_by(k - 1, Scored::order);
    }
    scored.truncate(k);
    scored.sort_unstable_by(Scored::order);
}

/// How neighbours are found; see the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Similarity {
    /// Kept for each item.
    pub neighbours: usize,
    /// Weight of a user with n items: n^-user_exponent.
    pub user_exponent: f64,
    /// Exponent of the product of both items' users.
    pub item_exponent: f64,
    /// Newest training items of a user that make pairs.
    pub user_length: usize,
}

/// Neighbours of every item that has some, by item. Runs in the current pool; bytes do not depend on its threads.
pub(super) fn neighbours(positives: &Positives, similarity: Similarity) -> KeyedLists {
    let clicks = Clicks::of(positives, similarity);
    let items: Vec<u32> = (0..positives.items() as u32).collect();
    let sums = || Sums { by_item: vec![0.0; items.len()], touched: Vec::new() };
    let chunks = items.par_chunks(CHUNK).map_init(sums, |sums, chunk| {
        let found = chunk.iter().map(|&item| (item, clicks.neighbours(item, similarity, sums)));
        found.filter(|(_, neighbours)| !neighbours.is_empty()).collect::<Vec<_>>()
    });
    chunks.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Rows of lists, one after the other.
struct Rows {
    starts: Vec<usize>,
    values: Vec<u32>,
}

impl Rows {
    /// Groups the second of each pair by the first, which is below `rows`; pairs keep their order within a row.
    fn group(pairs: impl Iterator<Item = (u32, u32)> + Clone, rows: usize) -> Self {
        let mut starts = vec![0; rows + 1];
        pairs.clone().for_each(|(row, _)| starts[row as usize + 1] += 1);
        (0..rows).for_each(|row| starts[row + 1] += starts[row]);
        let (mut free, mut values) = (starts.clone(), vec![0; starts[rows]]);
        for (row, value) in pairs {
            values[free[row as usize]] = value;
            free[row as usize] += 1;
        }
        Self { starts, values }
    }

    fn row(&self, row: u32) -> &[u32] {
        &self.values[self.starts[row as usize]..self.starts[row as usize + 1]]
    }
}

/// Who has what, from both sides. Users are numbered in the order of their rows in the history table.
struct Clicks {
    items_of: Rows,
    users_of: Rows,
    weights: Vec<f64>,
}

/// Sums of one item's pairs; zero between two items.
struct Sums {
    by_item: Vec<f64>,
    touched: Vec<u32>,
}

impl Clicks {
    fn of(positives: &Positives, similarity: Similarity) -> Self {
        let known = positives.iter().filter(|positive| positive.user != MISSING);
        let mut clicks: Vec<(u32, i64, u32)> = known.map(|click| (click.user, click.time, click.item)).collect();
        // Ties of time go by item, so that the order of the files does not matter.
        clicks.sort_unstable();
        let mut users = Vec::new();
        for of_user in clicks.chunk_by(|left, right| left.0 == right.0) {
            users.push(newest(of_user.iter().map(|&(_, _, item)| item), similarity.user_length));
        }
        let pairs = users.iter().zip(0..).flat_map(|(items, user)| items.iter().map(move |&item| (user, item)));
        let weights = users.iter().map(|items| (items.len() as f64).powf(-similarity.user_exponent)).collect();
        let users_of = Rows::group(pairs.clone().map(|(user, item)| (item, user)), positives.items());
        Self { items_of: Rows::group(pairs, users.len()), users_of, weights }
    }

    fn neighbours(&self, item: u32, similarity: Similarity, sums: &mut Sums) -> Vec<Scored> {
        let users = self.users_of.row(item);
        for &user in users {
            for &other in self.items_of.row(user) {
                let sum = &mut sums.by_item[other as usize];
                if *sum == 0.0 {
                    sums.touched.push(other);
                }
                *sum += self.weights[user as usize];
            }
        }
        let mut found = Vec::with_capacity(sums.touched.len());
        for other in sums.touched.drain(..) {
            let sum = std::mem::take(&mut sums.by_item[other as usize]);
            if other != item {
                let product = users.len() as f64 * self.users_of.row(other).len() as f64;
                found.push(kept(other, sum / product.powf(similarity.item_exponent)));
            }
        }
        keep_best(&mut found, similarity.neighbours);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Click, positives_of};
    use twinspire_core::rng::Rng;

    const COSINE: Similarity = Similarity { neighbours: 10, user_exponent: 0.0, item_exponent: 0.5, user_length: 100 };

    fn clicks(pairs: &[(u32, u32)]) -> Vec<Click> {
        pairs.iter().zip(0..).map(|(&(user, item), time)| Click { user, item, time, ..Click::default() }).collect()
    }

    fn found(lists: &[(u32, Vec<Scored>)], item: u32) -> Vec<(u32, f64)> {
        let list = lists.iter().find(|(key, _)| *key == item);
        list.map(|(_, list)| list.iter().map(|scored| (scored.item, scored.score)).collect()).unwrap_or_default()
    }

    #[test]
    fn on_a_checkerboard_items_of_one_colour_are_alike_and_the_others_strangers() {
        let board: Vec<(u32, u32)> = (0..8)
            .flat_map(|user| (0..8).filter(move |item| (user + item) % 2 == 0).map(move |item| (user, item)))
            .collect();
        let lists = neighbours(&positives_of(&clicks(&board), 9), COSINE);
        for item in 0..8 {
            let expected: Vec<(u32, f64)> =
                (0..8).filter(|other| other % 2 == item % 2 && *other != item).map(|other| (other, 1.0)).collect();
            assert_eq!(found(&lists, item), expected, "item {item}");
        }
        assert_eq!(lists.len(), 8, "an item that nobody clicked has no neighbours");
    }

    #[test]
    fn exponents_weigh_users_and_items_as_the_formula_says() {
        // Item 0 has users 0, 1, 2; item 1 has 0, 1; item 2 has 0. User 0 has 3 items, user 1 has 2, user 2 has 1.
        let pairs = clicks(&[(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0)]);
        let positives = positives_of(&pairs, 3);
        let lists = neighbours(&positives, COSINE);
        let close = |found: Vec<(u32, f64)>, expected: &[(u32, f64)]| {
            assert_eq!(found.len(), expected.len());
            for ((item, score), (expected_item, expected_score)) in found.iter().zip(expected) {
                assert_eq!(item, expected_item);
                assert!((score - expected_score).abs() < 1e-6, "{score} {expected_score}");
            }
        };
        close(found(&lists, 0), &[(1, 2.0 / 6f64.sqrt()), (2, 1.0 / 3f64.sqrt())]);
        let weighted = neighbours(&positives, Similarity { user_exponent: 1.0, item_exponent: 0.0, ..COSINE });
        close(found(&weighted, 0), &[(1, 1.0 / 3.0 + 1.0 / 2.0), (2, 1.0 / 3.0)]);
        let short = neighbours(&positives, Similarity { neighbours: 1, ..COSINE });
        close(found(&short, 0), &[(1, 2.0 / 6f64.sqrt())]);
    }

    #[test]
    fn only_the_newest_items_of_a_user_make_pairs_and_each_once() {
        let repeated = positives_of(&clicks(&[(0, 5), (0, 1), (0, 2), (0, 1), (0, 2)]), 6);
        let lists = neighbours(&repeated, Similarity { user_length: 2, ..COSINE });
        assert_eq!((found(&lists, 1), found(&lists, 5)), (vec![(2, 1.0)], vec![]));
        let stranger = Click { user: MISSING, item: 3, ..Click::default() };
        assert!(neighbours(&positives_of(&[stranger, Click { item: 4, ..stranger }], 6), COSINE).is_empty());
    }

    #[test]
    fn neighbours_equal_brute_force_and_do_not_depend_on_threads_or_the_order_of_rows() {
        let mut rng = Rng::stream(3, "item_cf", 0);
        let mut pairs: Vec<(u32, u32)> = (0..3000).map(|_| (rng.below(60), rng.below(150))).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let (items, similarity) = (150, Similarity { neighbours: 150, user_exponent: 0.5, ..COSINE });
        let plain: Vec<Click> = pairs.iter().map(|&(user, item)| Click { user, item, ..Click::default() }).collect();
        let in_pool = |threads, clicks: &[Click]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| neighbours(&positives_of(clicks, items), similarity))
        };
        let lists = in_pool(1, &plain);
        assert_eq!(lists, in_pool(4, &plain));
        let mut turned = plain.clone();
        rng.shuffle(&mut turned);
        assert_eq!(lists, in_pool(2, &turned));
        let has = |user, item| pairs.binary_search(&(user, item)).is_ok();
        let users = |item| (0..60).filter(|&user| has(user, item)).count() as f64;
        let size = |user| (0..150).filter(|&item| has(user, item)).count() as f64;
        for (item, list) in &lists {
            for scored in list {
                let both = (0..60).filter(|&user| has(user, *item) && has(user, scored.item));
                let sum: f64 = both.map(|user| size(user).powf(-0.5)).sum();
                let expected = sum / (users(*item) * users(scored.item)).sqrt();
                assert!((scored.score - expected).abs() < 1e-6);
            }
            let expected =
                (0..150).filter(|&other| other != *item && (0..60).any(|user| has(user, *item) && has(user, other)));
            assert_eq!(list.len(), expected.count());
        }
    }
}
