//! Entries that are accepted, and the faults of those that are not.

use super::*;
use crate::check::Fault;

pub(crate) fn sections(json: &str) -> Vec<FeatureSection> {
    serde_json::from_str(json).unwrap()
}

fn faults(json: &str) -> Vec<Fault> {
    let mut faults = Faults::default();
    FeatureSchema::check(sections(json), &mut faults);
    faults.into_vec()
}

#[test]
fn a_good_schema_has_no_faults() {
    let json = r#"[
        {"name": "user_id", "column": "user", "side": "user", "kind": "vocabulary"},
        {"name": "seen", "side": "user", "kind": "history", "of": ["item_id"]},
        {"name": "item_id", "column": "item", "side": "item", "kind": "hash", "buckets": 100},
        {"name": "price", "side": "item", "kind": "numeric", "normalise": "log"}]"#;
    assert_eq!(faults(json), []);
}

#[test]
fn all_faults_come_at_once_with_their_keys() {
    let json = r#"[
        {"name": "a", "side": "user", "kind": "hash", "buckets": 0},
        {"name": "b", "side": "user", "kind": "bucketised", "boundaries": [2, 1]},
        {"name": "c", "side": "item", "kind": "numeric", "buckets": 3, "list": {}}]"#;
    let keys: Vec<String> = faults(json).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["features[0].buckets", "features[1].boundaries", "features[2].buckets", "features[2].list"]);
}

#[test]
fn values_that_no_data_could_be_encoded_with_are_refused() {
    let json = r#"[
        {"name": "a", "side": "user", "kind": "numeric", "default": "none"},
        {"name": "b", "side": "user", "kind": "vocabulary", "values": ["x", "X "], "trim": true, "lowercase": true},
        {"name": "c", "side": "item", "kind": "vocabulary", "list": {"separator": ":", "weighted": true}},
        {"name": "d", "side": "item", "kind": "bucketised", "boundaries": [1], "default": "0"},
        {"name": "e", "side": "item", "kind": "vocabulary", "values": ["x", "X"], "default": "none"}]"#;
    let keys: Vec<String> = faults(json).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["features[0].default", "features[1].values", "features[2].list"]);
}

#[test]
fn names_histories_and_towers_are_checked_together() {
    let json = r#"[
        {"name": "a", "side": "user", "kind": "history", "of": ["nothing"]},
        {"name": "a", "side": "context", "kind": "vocabulary"}]"#;
    let keys: Vec<String> = faults(json).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["features[1].name", "features[0].of", "features"]);
}

#[test]
fn an_unknown_key_is_refused() {
    let parsed: Result<Vec<FeatureSection>, _> =
        serde_json::from_str(r#"[{"name": "a", "side": "user", "kind": "vocabulary", "bucket": 3}]"#);
    assert!(parsed.unwrap_err().to_string().contains("unknown field `bucket`"));
}

#[test]
fn a_window_has_a_length_and_what_it_is_reduced_to() {
    let json = r#"[
        {"name": "clicks", "side": "user", "kind": "window", "window": "90m", "what": "count"},
        {"name": "likes", "side": "user", "kind": "window", "window": "30d", "what": "top", "of": ["colour"]},
        {"name": "colour", "side": "item", "kind": "vocabulary"}]"#;
    let mut found = Faults::default();
    let schema = FeatureSchema::check(sections(json), &mut found).unwrap();
    assert!(found.is_empty());
    let form = NumberForm::Numeric(Normalise::Log);
    let count = WindowRule::Number { what: WindowNumber::Count, form };
    assert_eq!(schema.features()[0].kind, FeatureKind::Window { seconds: 5_400, rule: count });
    let top = WindowRule::Top { of: "colour".into(), n: 3 };
    assert_eq!(schema.features()[1].kind, FeatureKind::Window { seconds: 2_592_000, rule: top });
}

#[test]
fn a_window_that_makes_no_sense_is_refused_with_its_key() {
    let refused = |entry: &str| {
        let json = format!(
            r#"[{{"name": "a", "side": "user", "kind": "window", {entry}}},
            {{"name": "colour", "side": "item", "kind": "vocabulary"}},
            {{"name": "price", "side": "item", "kind": "numeric"}}]"#
        );
        faults(&json).into_iter().map(|fault| fault.key.replace("features[0].", "")).collect::<Vec<_>>()
    };
    for length in ["", "d", "0d", "-1d", "1.5h", "30", "1w", "99999999d", "1é"] {
        assert_eq!(refused(&format!(r#""window": "{length}", "what": "count""#)), ["window"], "{length}");
    }
    for (entry, keys) in [
        (r#""window": "1d""#, vec!["what"]),
        (r#""what": "count", "of": ["colour"], "column": "x""#, vec!["column", "window", "of"]),
        (r#""window": "1d", "what": "top""#, vec!["of"]),
        (r#""window": "1d", "what": "top", "of": ["price"]"#, vec!["of"]),
        (
            r#""window": "1d", "what": "top", "of": ["colour", "price"], "n": 0, "normalise": "log""#,
            vec!["normalise", "n", "of"],
        ),
        (r#""window": "1d", "what": "age", "n": 3, "trim": true"#, vec!["trim", "n"]),
        (r#""window": "1d", "what": "age", "normalise": "log", "boundaries": [1]"#, vec!["boundaries"]),
        (r#""window": "1d", "what": "age", "boundaries": [2, 1], "list": {}"#, vec!["boundaries"]),
        (r#""window": "1d", "what": "age", "max_length": 2"#, vec!["max_length"]),
    ] {
        assert_eq!(refused(entry), keys, "{entry}");
    }
}
