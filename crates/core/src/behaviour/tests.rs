//! Windows on known histories, and on random ones against a plain recount, whatever the order in which they are asked.

use super::*;
use crate::check::Faults;
use crate::encode::{EncodedRows, FeatureEncoder, Fitted, Raw, WindowFitter};
use crate::ids::MISSING;
use crate::rng::Rng;
use std::collections::BTreeMap;

const SCHEMA: &str = r#"[
    {"name": "user", "side": "user", "kind": "hash", "buckets": 9},
    {"name": "clicks", "side": "user", "kind": "window", "window": "10s", "what": "count"},
    {"name": "items", "side": "user", "kind": "window", "window": "10s", "what": "distinct_count", "boundaries": [1, 3]},
    {"name": "colours", "side": "user", "kind": "window", "window": "1m", "what": "distinct_count", "of": ["colour"],
     "normalise": "none"},
    {"name": "ago", "side": "user", "kind": "window", "window": "10s", "what": "age", "normalise": "none"},
    {"name": "likes", "side": "user", "kind": "window", "window": "1m", "what": "top", "of": ["tags"], "n": 2},
    {"name": "favourite", "side": "user", "kind": "window", "window": "5s", "what": "top", "of": ["colour"], "n": 1},
    {"name": "colour", "side": "item", "kind": "vocabulary", "values": ["red", "blue", "green"]},
    {"name": "tags", "side": "item", "kind": "vocabulary", "values": ["x", "y", "z", "w"], "list": {}}]"#;

fn encoder() -> FeatureEncoder {
    let schema = FeatureSchema::check(serde_json::from_str(SCHEMA).unwrap(), &mut Faults::default()).unwrap();
    let fitted = Fitted { moments: BTreeMap::from([("clicks".to_owned(), (0.0, 1.0))]), ..Fitted::default() };
    FeatureEncoder::new(schema, fitted).unwrap()
}

/// Four items: colours red, blue, red and none.
fn items(encoder: &FeatureEncoder) -> EncodedRows {
    let mut rows = encoder.empty_item_rows();
    for (colour, tags) in [("red", "x|y"), ("blue", "y"), ("red", ""), ("", "z|w|z")] {
        encoder.encode_item(&[Raw::Text(colour), Raw::Text(tags)], &mut rows).unwrap();
    }
    rows
}

fn number(value: f64) -> WindowValue {
    WindowValue::Number(Some(value))
}

#[test]
fn a_window_holds_what_happened_before_the_event_and_not_longer_ago_than_its_length() {
    let encoder = encoder();
    let rows = items(&encoder);
    let (items, times) = ([0, 1, 0, 3], [0, 1, 10, 10].map(|second| second * MICROS));
    let view = rows.view();
    let mut behaviour = encoder.windows().of(TimedItems { items: &items, times: &times }, &view);
    let top = |pairs: &[(u32, f32)]| WindowValue::Top(pairs.to_vec());
    let empty = [number(0.0), number(0.0), number(0.0), WindowValue::Number(None), top(&[]), top(&[])];
    assert_eq!(behaviour.as_of(0), empty, "the event itself is not in it");
    let at_ten = [number(2.0), number(2.0), number(2.0), number(9.0), top(&[(1, 2.0), (0, 1.0)]), top(&[])];
    assert_eq!(behaviour.as_of(10 * MICROS), at_ten, "the oldest moment is in it, the newest is not");
    let after = [number(3.0), number(3.0), number(2.0), number(0.5), top(&[(1, 3.0), (2, 2.0)]), top(&[(0, 1.0)])];
    assert_eq!(behaviour.as_of(10 * MICROS + MICROS / 2), after, "of equally frequent values the newest goes first");
    assert_eq!(behaviour.as_of(70 * MICROS + 1), empty);
    assert_eq!(behaviour.as_of(10 * MICROS), at_ten, "an earlier moment after a later one");
}

#[test]
fn values_enter_the_tower_as_numbers_intervals_and_weighted_ids() {
    let encoder = encoder();
    let mut rows = encoder.empty_user_rows();
    let top = |pairs: &[(u32, f32)]| WindowValue::Top(pairs.to_vec());
    let full = [number(1.0), number(3.0), number(2.0), number(0.5), top(&[(2, 2.0), (1, 1.0)]), top(&[(0, 1.0)])];
    let none = [number(0.0), number(0.0), number(0.0), WindowValue::Number(None), top(&[]), top(&[])];
    encoder.encode_user(&[Raw::Missing], &full, &mut rows).unwrap();
    encoder.encode_user(&[Raw::Missing], &none, &mut rows).unwrap();
    assert_eq!(rows.single, [MISSING, 2, MISSING, 0]);
    assert_eq!(rows.dense, [2f64.ln() as f32, 2.0, 0.5, 0.0, 0.0, 0.0]);
    assert_eq!((rows.multi[0].ids.as_slice(), rows.multi[0].weights.as_slice()), (&[2, 1][..], &[2.0, 1.0][..]));
    assert_eq!((rows.multi[1].ids.as_slice(), rows.multi[1].offsets.as_slice()), (&[0][..], &[0, 1, 1][..]));
    let layout = encoder.user_layout();
    assert_eq!((layout.multi[0].cardinality, layout.multi[1].cardinality), (4, 3), "as the item features");
    assert_eq!(layout.single[1].cardinality, 3);
    assert_eq!(encoder.user_columns().len(), 1, "a window reads no column");
}

/// All values by looking at every item of the history.
fn recounted(history: TimedItems<'_>, items: &EncodedRows, time: i64) -> Vec<WindowValue> {
    let within = |seconds: i64| -> Vec<usize> {
        let is_in = |moment: i64| moment < time && moment >= time - seconds * MICROS;
        (0..history.times.len()).filter(|&position| is_in(history.times[position])).collect()
    };
    let view = items.view();
    let colour = |position: usize| view.single_row(history.items[position] as usize).to_vec();
    let tags = |position: usize| view.multi[0].row(history.items[position] as usize).0.to_vec();
    let top = |positions: &[usize], values: &dyn Fn(usize) -> Vec<u32>, n: usize| {
        let mut counts: BTreeMap<u32, (u32, usize)> = BTreeMap::new();
        for &position in positions {
            for value in values(position).into_iter().filter(|&value| value != MISSING) {
                let (count, _) = counts.get(&value).copied().unwrap_or_default();
                counts.insert(value, (count + 1, position));
            }
        }
        let mut ranked: Vec<(u32, (u32, usize))> = counts.into_iter().collect();
        ranked.sort_by_key(|&(value, (count, newest))| (u32::MAX - count, usize::MAX - newest, value));
        ranked.into_iter().take(n).map(|(value, (count, _))| (value, count as f32)).collect::<Vec<_>>()
    };
    let (short, long) = (within(10), within(60));
    let distinct: std::collections::BTreeSet<u32> = short.iter().map(|&position| history.items[position]).collect();
    let age = short.last().map(|&newest| (time - history.times[newest]) as f64 / MICROS as f64);
    vec![
        number(short.len() as f64),
        number(distinct.len() as f64),
        number(top(&long, &colour, 9).len() as f64),
        WindowValue::Number(age),
        WindowValue::Top(top(&long, &tags, 2)),
        WindowValue::Top(top(&within(5), &colour, 1)),
    ]
}

#[test]
fn random_histories_have_the_values_of_a_plain_recount_in_whatever_order_they_are_asked() {
    let encoder = encoder();
    let rows = items(&encoder);
    let view = rows.view();
    for case in 0..200 {
        let mut rng = Rng::stream(case, "behaviour", 0);
        let length = rng.below(60) as usize;
        let mut times: Vec<i64> = (0..length).map(|_| i64::from(rng.below(120)) * MICROS).collect();
        times.sort_unstable();
        let items: Vec<u32> = (0..length).map(|_| rng.below(4)).collect();
        let history = TimedItems { items: &items, times: &times };
        let mut moments: Vec<i64> = (0..40).map(|_| i64::from(rng.below(140)) * MICROS).collect();
        if case % 2 == 0 {
            moments.sort_unstable();
        }
        let mut behaviour = encoder.windows().of(history, &view);
        for time in moments {
            assert_eq!(behaviour.as_of(time), recounted(history, &rows, time), "case {case} at {time}");
        }
    }
}

#[test]
fn moments_are_those_of_the_normalised_numbers_and_empty_ages_do_not_count() {
    let json = r#"[
        {"name": "ago", "side": "user", "kind": "window", "window": "1d", "what": "age", "normalise": "standard"},
        {"name": "clicks", "side": "user", "kind": "window", "window": "1d", "what": "count", "normalise": "none"},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
    let (mut whole, mut part) = (WindowFitter::new(&schema), WindowFitter::new(&schema));
    assert!(whole.is_needed());
    assert_eq!(whole.moments(), BTreeMap::from([("ago".to_owned(), (0.0, 1.0))]), "what was never seen stays as it is");
    [Some(2.0), None].into_iter().for_each(|age| whole.see(&[WindowValue::Number(age), number(7.0)]));
    part.see(&[number(6.0), number(7.0)]);
    whole.merge(part);
    assert_eq!(whole.moments(), BTreeMap::from([("ago".to_owned(), (4.0, 2.0))]));
    assert!(!WindowFitter::new(encoder_without_windows().schema()).is_needed());
}

fn encoder_without_windows() -> FeatureEncoder {
    let json = r#"[{"name": "user", "side": "user", "kind": "hash", "buckets": 9},
        {"name": "id", "side": "item", "kind": "hash", "buckets": 9}]"#;
    let schema = FeatureSchema::check(serde_json::from_str(json).unwrap(), &mut Faults::default()).unwrap();
    FeatureEncoder::new(schema, Fitted::default()).unwrap()
}
