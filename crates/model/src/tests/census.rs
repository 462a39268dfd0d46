//! What samplers give before anything is trained: shares that are known, draws that count nothing, samplers that lack what
//! they draw from.

use super::world::{ITEMS, settings, stage, write_samples};
use crate::config::{KnownPositives, LossSection, NegativesSection, Temperature, TrainSection};
use crate::negative::{Census, census};
use serde_json::json;

const DRAWS: u32 = 40_000;

fn censuses(loss: LossSection, negatives: serde_json::Value, known: KnownPositives) -> Vec<Census> {
    let folder = tempfile::tempdir().unwrap();
    let layout = write_samples(folder.path(), false);
    let negatives: Vec<NegativesSection> = serde_json::from_value(negatives).unwrap();
    let train = TrainSection { loss, negatives, known_positives: known, ..TrainSection::default() };
    census(&stage(), &settings(train, false), &layout, DRAWS).unwrap()
}

fn drawn(census: &Census) -> u64 {
    census.counts.iter().sum()
}

#[test]
fn every_draw_is_counted_with_its_probability_or_is_void() {
    let negatives = json!([
        {"kind": "uniform"}, {"kind": "in_batch"}, {"kind": "cross_batch"},
        {"kind": "same_attribute", "feature": "genre"}]);
    let of = |known| censuses(LossSection::Hinge { margin: 0.2 }, negatives.clone(), known);
    for known in [KnownPositives::Own, KnownPositives::Train] {
        let found = of(known);
        assert_eq!(found, of(known), "the seed decides");
        assert_eq!(
            found.iter().map(|one| one.sampler).collect::<Vec<_>>(),
            ["uniform", "in_batch", "cross_batch", "same_attribute"]
        );
        for one in &found {
            assert_eq!(drawn(one) + one.void, u64::from(DRAWS), "{}", one.sampler);
            let (least, greatest) = one.probabilities.unwrap();
            assert!(0.0 < least && least <= greatest && greatest < 1.0 && one.missing.is_none());
        }
        let [uniform, _, earlier, attribute] = &found[..] else { panic!("{found:?}") };
        assert_eq!(uniform.probabilities, Some((1.0 / ITEMS as f64, 1.0 / ITEMS as f64)));
        assert_eq!(attribute.probabilities, Some((1.0 / 16.0, 1.0 / 8.0)), "two of five genres share a bucket");
        // The positive itself is one of 40 items, one of 8 or of 16 of its genre.
        let own = [uniform, attribute].map(|one| one.void as f64 / f64::from(DRAWS));
        match known {
            KnownPositives::Own => assert!((own[0] - 0.025).abs() < 0.005 && own[1] > 0.07 && own[1] < 0.12, "{own:?}"),
            KnownPositives::Train | KnownPositives::History => assert!(own[0] > 0.1 && own[1] > 0.3, "{own:?}"),
        }
        assert!(earlier.void > uniform.void, "popular items are more often known");
    }
}

#[test]
fn a_sampler_without_files_says_what_it_lacks_and_a_loss_without_samplers_what_it_meets() {
    let negatives = json!([{"kind": "mined"}, {"kind": "impressed"}, {"kind": "uniform"}]);
    let found = censuses(LossSection::Bpr { temperature: 0.2 }, negatives, KnownPositives::Own);
    let missing: Vec<&str> = found.iter().filter_map(|one| one.missing.as_deref()).collect();
    assert!(
        missing.len() == 2 && missing[0].contains("mined.arrow") && missing[1].contains("impressions"),
        "{missing:?}"
    );
    assert!(found[..2].iter().all(|one| drawn(one) == 0 && one.probabilities.is_none()) && drawn(&found[2]) > 0);
    for (loss, sampler) in [
        (LossSection::default(), "in_batch"),
        (LossSection::FullSoftmax { temperature: Temperature::Fixed(0.1) }, "uniform"),
    ] {
        let found = censuses(loss, json!([]), KnownPositives::Own);
        assert!(found.len() == 1 && found[0].sampler == sampler && drawn(&found[0]) > 0, "{found:?}");
    }
}
