//! Known answers of every kind, and that learnt state does not depend on how the data was split.

use super::*;
use crate::check::Faults;
use crate::hash::bucket;
use crate::ids::MISSING;
use crate::schema::FeatureSchema;

fn schema(json: &str) -> FeatureSchema {
    let mut faults = Faults::default();
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut faults).unwrap();
    assert!(faults.is_empty());
    schema
}

const SCHEMA: &str = r#"[
    {"name": "city", "side": "user", "kind": "hash", "buckets": 1000, "trim": true, "lowercase": true},
    {"name": "site", "side": "context", "kind": "vocabulary", "min_count": 2},
    {"name": "age", "side": "user", "kind": "bucketised", "boundaries": [18, 35], "default": "20"},
    {"name": "spend", "side": "user", "kind": "numeric"},
    {"name": "likes", "side": "user", "kind": "hash", "buckets": 50, "list": {"separator": "|", "weighted": true}},
    {"name": "seen", "side": "user", "kind": "history", "of": ["id"]},
    {"name": "id", "side": "item", "kind": "vocabulary", "values": ["x", "y"]}]"#;

fn text(value: &str) -> Raw<'_> {
    Raw::Text(value)
}

fn fitted() -> (Fitted, Vec<Collisions>) {
    let mut fitter = Fitter::new(&schema(SCHEMA));
    for (site, spend) in [("b", "1"), ("b", "3"), ("a", "1"), ("a", "3"), ("rare", "")] {
        fitter.see_user(&[text(" Rome"), text(site), Raw::Missing, text(spend), text("p:1|q:2")]);
    }
    fitter.finish()
}

#[test]
fn every_kind_gives_its_known_answer() {
    let (fitted, collisions) = fitted();
    assert_eq!(fitted.vocabularies["site"], ["a", "b"], "by count, then by text; rare ones are left out");
    assert_eq!(fitted.moments["spend"], (2.0, 1.0));
    assert_eq!((collisions[0].distinct, collisions[0].colliding), (1, 0));
    let encoder = FeatureEncoder::new(schema(SCHEMA), fitted).unwrap();
    let mut rows = encoder.empty_user_rows();
    encoder.encode_user(&[text(" ROME "), text("b"), text("18"), text("4"), text("p:1||q:2")], &[], &mut rows).unwrap();
    encoder.encode_user(&[text(""), text("new"), Raw::Missing, Raw::Missing, Raw::Missing], &[], &mut rows).unwrap();
    assert_eq!(rows.rows, 2);
    assert_eq!(rows.single, [bucket("rome", 1000), 1, 1, MISSING, MISSING, 1]);
    assert_eq!(rows.dense, [2.0, 0.0]);
    assert_eq!(rows.multi[0].offsets, [0, 2, 2]);
    assert_eq!(rows.multi[0].ids, [bucket("p", 50), bucket("q", 50)]);
    assert_eq!(rows.multi[0].weights, [1.0, 2.0]);
    assert_eq!(encoder.user_layout().history[0].of, ["id"]);
    assert_eq!(encoder.item_layout().single[0].cardinality, 2);
}

#[test]
fn ids_stand_for_buckets_values_or_intervals() {
    let windows = r#",
        {"name": "ages", "side": "user", "kind": "window", "window": "1h", "what": "age", "boundaries": [60.0]},
        {"name": "top", "side": "user", "kind": "window", "window": "1h", "what": "top", "of": ["id"], "n": 2}]"#;
    let schema = schema(&SCHEMA.replace("]}]", &format!("]}}{windows}")));
    let encoder = FeatureEncoder::new(schema, fitted().0).unwrap();
    let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let (sites, ids) = (values(&["a", "b"]), values(&["x", "y"]));
    let expected = [
        ("city", Some(IdMeaning::Buckets(1000))),
        ("site", Some(IdMeaning::Values(&sites))),
        ("age", Some(IdMeaning::Intervals(&[18.0, 35.0]))),
        ("spend", None),
        ("seen", None),
        ("id", Some(IdMeaning::Values(&ids))),
        ("ages", Some(IdMeaning::Intervals(&[60.0]))),
        ("top", Some(IdMeaning::Values(&ids))),
        ("nobody", None),
    ];
    for (feature, meaning) in expected {
        assert_eq!(encoder.id_meaning(feature), meaning, "{feature}");
    }
}

#[test]
fn a_bad_value_is_refused_by_name_and_leaves_no_trace() {
    let encoder = FeatureEncoder::new(schema(SCHEMA), fitted().0).unwrap();
    let good = [text("a"), text("b"), text("1"), text("1"), text("p:1")];
    let mut rows = encoder.empty_user_rows();
    encoder.encode_user(&good, &[], &mut rows).unwrap();
    let before = rows.clone();
    for (position, bad, name) in
        [(2, "old", "age"), (3, "NaN", "spend"), (3, "1e400", "spend"), (4, "p", "likes"), (4, "q:1|p:-1", "likes")]
    {
        let mut values = good;
        values[position] = text(bad);
        let error = encoder.encode_user(&values, &[], &mut rows).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
        assert_eq!(rows, before);
    }
}

#[test]
fn a_cell_and_a_request_meet_the_same_ids() {
    let encoder = FeatureEncoder::new(schema(SCHEMA), fitted().0).unwrap();
    let likes = [("p".to_owned(), 1.0), ("q".to_owned(), 2.0)];
    let (mut offline, mut online) = (encoder.empty_user_rows(), encoder.empty_user_rows());
    encoder
        .encode_user(&[text("Rome"), text("a"), text("40"), text("2.5"), text("p:1|q:2")], &[], &mut offline)
        .unwrap();
    let age: RawValue = serde_json::from_str("40").unwrap();
    let spend: RawValue = serde_json::from_str("2.50").unwrap();
    encoder
        .encode_user(&[text("Rome"), text("a"), age.as_raw(), spend.as_raw(), Raw::List(&likes)], &[], &mut online)
        .unwrap();
    assert_eq!(offline, online);
}

#[test]
fn an_encoder_survives_its_file_and_a_changed_rule_changes_the_fingerprint() {
    let encoder = FeatureEncoder::new(schema(SCHEMA), fitted().0).unwrap();
    let again = FeatureEncoder::from_json("features.json".as_ref(), &encoder.to_json()).unwrap();
    assert_eq!(encoder.fingerprint(), again.fingerprint());
    let without_trim = SCHEMA.replace(r#""trim": true, "#, "");
    let other = FeatureEncoder::new(schema(&without_trim), fitted().0).unwrap();
    assert_ne!(encoder.fingerprint(), other.fingerprint());
    assert!(FeatureEncoder::from_json("features.json".as_ref(), "{}").is_err());
}

#[test]
fn fitters_of_parts_merge_to_the_same_state() {
    let rows = |fitter: &mut Fitter, range: std::ops::Range<u32>| {
        for number in range {
            let (site, spend) = (format!("s{}", number % 7), format!("{}", number % 5));
            fitter.see_user(&[text("x"), text(&site), Raw::Missing, text(&spend), Raw::Missing]);
        }
    };
    let mut whole = Fitter::new(&schema(SCHEMA));
    rows(&mut whole, 0..100);
    let mut first = Fitter::new(&schema(SCHEMA));
    let mut second = first.clone();
    rows(&mut first, 0..40);
    rows(&mut second, 40..100);
    first.merge(second);
    let ((whole, whole_collisions), (joined, joined_collisions)) = (whole.finish(), first.finish());
    assert_eq!((whole.vocabularies, whole_collisions), (joined.vocabularies, joined_collisions));
    let (whole, joined) = (whole.moments["spend"], joined.moments["spend"]);
    assert!((whole.0 - joined.0).abs() < 1e-12 && (whole.1 - joined.1).abs() < 1e-12, "{whole:?} {joined:?}");
}

#[test]
fn a_constant_number_has_the_deviation_one_whatever_its_size() {
    for constant in ["0", "0.1", "-1700000000.7", "3e38"] {
        let mut fitter = Fitter::new(&schema(SCHEMA));
        for _ in 0..1_000 {
            fitter.see_user(&[Raw::Missing, Raw::Missing, Raw::Missing, text(constant), Raw::Missing]);
        }
        let (mean, deviation) = fitter.finish().0.moments["spend"];
        assert_eq!((mean, deviation), (constant.parse().unwrap(), 1.0));
    }
}

#[test]
fn an_item_that_is_seen_several_times_counts_so_often() {
    let json = r#"[{"name": "city", "side": "user", "kind": "hash", "buckets": 9},
        {"name": "id", "side": "item", "kind": "vocabulary"}, {"name": "price", "side": "item", "kind": "numeric"}]"#;
    let (mut at_once, mut one_by_one) = (Fitter::new(&schema(json)), Fitter::new(&schema(json)));
    for (id, price, times) in [("x", "1", 2), ("y", "4", 3)] {
        at_once.see_item(&[text(id), text(price)], times);
        (0..times).for_each(|_| one_by_one.see_item(&[text(id), text(price)], 1));
    }
    let (at_once, one_by_one) = (at_once.finish().0, one_by_one.finish().0);
    assert_eq!(at_once.vocabularies["id"], ["y", "x"]);
    assert_eq!(at_once.vocabularies, one_by_one.vocabularies);
    let (first, second) = (at_once.moments["price"], one_by_one.moments["price"]);
    assert!((first.0 - second.0).abs() < 1e-12 && (first.1 - second.1).abs() < 1e-12, "{first:?} {second:?}");
}

#[test]
fn a_default_is_cleaned_like_the_values_it_stands_for() {
    let json = r#"[{"name": "city", "side": "user", "kind": "vocabulary", "lowercase": true, "default": "ROME"},
                   {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
    let mut fitter = Fitter::new(&schema(json));
    [text("Rome"), Raw::Missing, text("oslo")].iter().for_each(|&city| fitter.see_user(&[city]));
    let fitted = fitter.finish().0;
    assert_eq!(fitted.vocabularies["city"], ["rome", "oslo"]);
    let encoder = FeatureEncoder::new(schema(json), fitted).unwrap();
    let mut rows = encoder.empty_user_rows();
    [text("rome"), Raw::Missing].iter().for_each(|&city| encoder.encode_user(&[city], &[], &mut rows).unwrap());
    assert_eq!(rows.single, [0, 0]);
}

#[test]
fn a_cell_has_a_fault_when_the_encoder_refuses_it() {
    let encoder = FeatureEncoder::new(schema(SCHEMA), fitted().0).unwrap();
    let good = [text("a"), text("b"), text("1"), text("1"), text("p:1")];
    let cells =
        ["", "1", "-2.5", " 3", "x", "NaN", "inf", "1e400", "1e300", "p:1", "p", "p:x", "p:-1", "p:NaN", "p:1||q:0"];
    for (number, (name, _)) in encoder.user_columns().iter().enumerate() {
        for cell in cells {
            let mut values = good;
            values[number] = text(cell);
            let refused = encoder.encode_user(&values, &[], &mut encoder.empty_user_rows()).is_err();
            let fault = cell_fault(encoder.schema().find(name).unwrap(), cell);
            assert_eq!(fault.is_some(), refused, "{name} {cell:?}: {fault:?}");
        }
    }
    let spend = schema(SCHEMA).find("spend").cloned().unwrap();
    assert_eq!(cell_fault(&spend, "1e300"), Some(CellFault::NotFinite), "too large for 32 bits");
}
