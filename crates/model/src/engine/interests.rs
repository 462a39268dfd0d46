//! Which of a user's interests meets the items of a row: the one that is nearest to the positive (the hard read-out of
//! ComiRec, Cen et al.: "Controllable Multi-Interest Framework for Recommendation", KDD 2020). No gradient reaches the others.

use crate::kernel::dot;

/// Writes for each row the vector `[rows, dimension]` of the interest whose product with the first of the row's items is
/// highest, of equal ones the first, and its number to `chosen`. `interests` are `[rows, interests, dimension]`, the rows' items
/// those of `places` `[rows, group]` among `items` `[items, dimension]`; `shape` is interests, group, dimension.
pub(super) fn read_out(
    (interests, (items, places)): (&[f32], (&[f32], &[u32])),
    (count, group, dimension): (usize, usize, usize),
    chosen: &mut Vec<usize>,
    vectors: &mut [f32],
) {
    chosen.clear();
    let rows = interests.chunks_exact(count * dimension).zip(places.chunks_exact(group));
    for ((own, places), vector) in rows.zip(vectors.chunks_exact_mut(dimension)) {
        let positive = &items[places[0] as usize * dimension..][..dimension];
        let score = |number: usize| dot(&own[number * dimension..][..dimension], positive);
        let mut best = (0, score(0));
        for number in 1..count {
            let found = score(number);
            best = if found > best.1 { (number, found) } else { best };
        }
        chosen.push(best.0);
        vector.copy_from_slice(&own[best.0 * dimension..][..dimension]);
    }
}

/// Gradients of all interests `[rows, interests, dimension]` from those of the chosen ones `[rows, dimension]`.
pub(super) fn spread(chosen: &[usize], slopes: &[f32], (count, dimension): (usize, usize), target: &mut [f32]) {
    target.fill(0.0);
    let rows = target.chunks_exact_mut(count * dimension).zip(slopes.chunks_exact(dimension));
    for ((own, slope), number) in rows.zip(chosen) {
        own[number * dimension..][..dimension].copy_from_slice(slope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_interest_is_read_and_gets_the_gradient_alone() {
        let interests = [1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 1.0, 0.0, 0.0, -1.0, 0.0, -1.0];
        let items = ([-1.0, 0.0, 9.0, 9.0, 0.0, 1.0], [2, 1, 0, 1]);
        let (mut chosen, mut vectors, mut slopes) = (Vec::new(), [0.0; 4], [9.0; 12]);
        read_out((&interests, (&items.0, &items.1)), (3, 2, 2), &mut chosen, &mut vectors);
        assert_eq!((&chosen[..], vectors), (&[1, 1][..], [0.0, 1.0, 0.0, -1.0]), "of equal ones the first");
        spread(&chosen, &[2.0, 3.0, 4.0, 5.0], (3, 2), &mut slopes);
        assert_eq!(slopes, [0.0, 0.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0, 0.0, 0.0]);
    }
}
