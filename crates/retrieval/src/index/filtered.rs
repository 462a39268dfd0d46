//! Recall under filters of every width, on even and on correlated ones, and which of them a search scores item by item.

use super::choice::scores_each;
use super::contract::Data;
use super::*;
use crate::config::{IndexKind, IndexSection, IndexSettings};
use crate::scan::ItemBlocks;
use twinspire_core::check::Faults;
use twinspire_core::rng::Rng;

const ITEMS: usize = 40_000;
const DIMENSION: usize = 16;
const K: usize = 50;
const QUERIES: usize = 200;

/// A share of the items: any of them, or those nearest to one point.
fn filters(vectors: &[f32], share: f64) -> [ItemSet; 2] {
    let mut rng = Rng::stream(31, "filtered", 0);
    let (mut even, mut near) = (ItemSet::none(ITEMS), ItemSet::none(ITEMS));
    (0..ITEMS as u32).filter(|_| rng.unit() < share).for_each(|item| even.insert(item));
    let one = ScanQueries { vectors: &vectors[..DIMENSION], excluded: &[&[]] };
    let nearest = ItemBlocks::new(vectors, DIMENSION).top_k(one, (share * ITEMS as f64) as usize);
    nearest[0].iter().for_each(|scored| near.insert(scored.item));
    [even, near]
}

#[test]
fn a_filter_of_any_width_costs_no_recall() {
    let vectors = Data::Clustered.vectors(32, ITEMS, DIMENSION);
    let (fitting, fresh) =
        (Data::Clustered.vectors(33, 600, DIMENSION), Data::Clustered.vectors(34, QUERIES, DIMENSION));
    let section = IndexSection { kind: IndexKind::Ivf, recall_target: 0.98, k: K };
    let settings = IndexSettings::check(&section, &mut Faults::default()).unwrap();
    let input = IndexInput { vectors: &vectors, dimension: DIMENSION, ids: &[], queries: &fitting };
    let index = build(&input, &settings, 1).unwrap();
    let all = ItemBlocks::new(&vectors, DIMENSION);
    let queries = ScanQueries { vectors: &fresh, excluded: &[&[][..]; QUERIES] };
    for share in [0.5, 0.1, 0.01, 0.001, 0.0] {
        for (allowed, kind) in filters(&vectors, share).iter().zip(["even", "near"]) {
            let (found, truth) = (index.search(queries, K, Some(allowed)), all.top_k_among(queries, K, Some(allowed)));
            let pairs = || found.iter().zip(&truth);
            assert!(pairs().all(|(found, truth)| found.len() == truth.len()), "K items wherever K match");
            let hits =
                |(found, truth): (&Vec<Scored>, &Vec<Scored>)| found.iter().filter(|one| truth.contains(one)).count();
            let wanted: usize = truth.iter().map(Vec::len).sum();
            let recall = pairs().map(hits).sum::<usize>() as f64 / wanted.max(1) as f64;
            println!("{share} {kind}: {recall:.4} of {wanted}");
            assert!(wanted == 0 || recall >= 0.975, "{share} {kind}: {recall:.4}");
        }
    }
}

#[test]
fn few_items_are_scored_one_by_one_and_many_are_searched() {
    for kind in [BuiltKind::Exact, BuiltKind::Ivf] {
        let each = |matching| scores_each(matching, (kind, 1_000_000, 64), 500);
        assert!(each(0) && each(500) && each(5000) && !each(500_000), "{kind:?}");
        let mut widths = (0..20).map(|power| each(1 << power));
        assert!(widths.by_ref().skip_while(|&each| each).all(|each| !each), "one width decides");
    }
}
