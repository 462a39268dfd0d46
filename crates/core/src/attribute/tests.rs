//! Tables against plain lists of values; filters as they are written and refused.

use super::*;
use crate::rng::Rng;
use crate::table::{encode_table, write_table};
use crate::vfs::RealVfs;

fn attributes() -> Vec<Attribute> {
    let of = |name: &str, kind| Attribute { name: name.to_owned(), kind };
    vec![of("city", AttributeKind::Text), of("price", AttributeKind::Number), of("tags", AttributeKind::Text)]
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

/// Values of each item: a city or none, a price with a sign, up to three tags.
fn values(items: u32) -> Vec<Vec<(u32, AttributeValue)>> {
    let mut rng = Rng::stream(3, "attributes", 0);
    let mut of_item = |_| {
        let mut values = Vec::new();
        if rng.below(5) > 0 {
            values.push((0, text(["Wien", "Graz", ""][rng.below(3) as usize])));
        }
        values.push((1, AttributeValue::Number(f64::from(rng.below(9)) * 0.5 - 2.0)));
        values.extend((0..rng.below(4)).map(|_| (2, text(["a", "b", "c", "d"][rng.below(4) as usize]))));
        values
    };
    (0..items).map(&mut of_item).collect()
}

fn table_of(values: &[Vec<(u32, AttributeValue)>]) -> AttributeTable {
    let mut rows = AttributeRows::new(attributes(), values.len());
    for (of_item, item) in values.iter().zip(0..) {
        of_item.iter().for_each(|(attribute, value)| rows.push(item, *attribute, value.clone()));
    }
    AttributeTable::from_batch(&rows.into_batch().unwrap()).unwrap()
}

#[test]
fn a_table_knows_for_each_value_the_items_that_have_it() {
    let values = values(200);
    let table = table_of(&values);
    let having = |predicate: Predicate| -> Vec<u32> {
        (0..200u32).filter(|&item| predicate.holds("", &values[item as usize])).collect()
    };
    for (attribute, value) in [(0, "Wien"), (0, ""), (0, "Rome"), (2, "a"), (2, "d")] {
        let expected = having(Predicate::Text { attribute, value: value.to_owned() });
        assert_eq!(table.having_text(attribute, value), expected, "{value}");
    }
    let ends = [None, Some(-2.5), Some(-0.5), Some(0.0), Some(1.25), Some(9.0)];
    for (from, to) in ends.iter().flat_map(|&from| ends.iter().map(move |&to| (from, to))) {
        for bounds in
            [Bounds { gte: from, lt: to, ..Bounds::default() }, Bounds { gt: from, lte: to, ..Bounds::default() }]
        {
            let mut found: Vec<u32> = table.having_number(1, bounds).flatten().copied().collect();
            found.sort_unstable();
            assert_eq!(found, having(Predicate::Range { attribute: 1, bounds }), "{bounds:?}");
        }
    }
    assert!(table.available().is_none());
}

#[test]
fn a_table_is_the_same_after_writing_and_when_it_is_made_from_itself() {
    let mut rows = AttributeRows::new(attributes(), 9);
    rows.push(8, 1, AttributeValue::Number(-0.0));
    rows.push(4, 1, AttributeValue::Number(0.0));
    rows.push(4, 1, AttributeValue::Number(0.0));
    rows.push(2, 2, text("x"));
    rows.set_available(vec![7, 3, 3]);
    let batch = rows.into_batch().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("attributes.arrow");
    write_table(&RealVfs, &path, &batch).unwrap();
    let bytes = encode_table(&batch).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    for table in [AttributeTable::open(&path).unwrap(), AttributeTable::from_bytes(&bytes).unwrap()] {
        let found: Vec<_> = table.iter().map(|(number, value, items)| (number, value, items.to_vec())).collect();
        assert_eq!(found, [(1, AttributeValue::Number(0.0), vec![4, 8]), (2, text("x"), vec![2])]);
        assert_eq!((table.available(), table.items()), (Some(&[3, 7][..]), 9));
    }
    assert!(AttributeTable::from_bytes(&bytes[..bytes.len() - 3]).is_err());
}

#[test]
fn a_table_that_names_an_item_outside_the_corpus_is_refused() {
    let mut rows = AttributeRows::new(attributes(), 3);
    rows.push(3, 2, text("x"));
    assert!(AttributeTable::from_batch(&rows.into_batch().unwrap()).is_err());
}

fn resolved(json: &str) -> Result<Predicate, String> {
    let filter: Filter = serde_json::from_str(json).map_err(|error| error.to_string())?;
    assert_eq!(serde_json::from_str::<Filter>(&serde_json::to_string(&filter).unwrap()).unwrap(), filter);
    filter.resolve(&attributes()).map_err(|error| error.to_string())
}

#[test]
fn a_filter_says_what_it_means() {
    let values = [(0, text("Wien")), (1, AttributeValue::Number(5.0)), (2, text("a")), (2, text("b"))];
    let holds = |json: &str| resolved(json).unwrap().holds("i1", &values);
    for fits in [
        r#"{"eq": {"city": "Wien", "price": 5}}"#,
        r#"{"in": {"tags": ["z", "b"], "price": [1, 5.0]}}"#,
        r#"{"range": {"price": {"gte": 5, "lt": 5.5}}}"#,
        r#"{"items": ["i0", "i1"]}"#,
        r#"{"not": {"items": ["i0"]}}"#,
        r#"{"and": []}"#,
        r#"{"or": [{"eq": {"city": "Graz"}}, {"not": {"range": {"price": {"gt": 5}}}}]}"#,
    ] {
        assert!(holds(fits), "{fits}");
    }
    for fails in [
        r#"{"eq": {"city": "Wien", "price": 6}}"#,
        r#"{"in": {"tags": []}}"#,
        r#"{"range": {"price": {"gte": 1, "lt": 5}}}"#,
        r#"{"or": []}"#,
        r#"{"and": [{"items": ["i1"]}, {"not": {"eq": {"tags": "a"}}}]}"#,
    ] {
        assert!(!holds(fails), "{fails}");
    }
}

#[test]
fn a_filter_that_cannot_be_meant_is_refused_with_what_there_is() {
    let refused = |json: &str| resolved(json).unwrap_err();
    assert!(refused(r#"{"eq": {"town": "Wien"}}"#).ends_with("there are: city, price, tags"));
    assert!(refused(r#"{"in": {"town": []}}"#).contains("no attribute `town`"));
    assert!(refused(r#"{"eq": {"city": 3}}"#).contains("`city` is text, 3 is a number"));
    assert!(refused(r#"{"in": {"price": ["3"]}}"#).contains("`price` is a number, \"3\" is text"));
    assert!(refused(r#"{"range": {"tags": {"gt": 3}}}"#).contains("no range"));
    assert!(refused(r#"{"range": {"price": {"above": 3}}}"#).contains("unknown field `above`"));
    assert!(refused(r#"{"equals": {}}"#).contains("unknown variant `equals`"));
    assert!(refused(r#"{"eq": {"city": ["Wien"]}}"#).contains("expected a string or a finite number"));
    assert!(refused(r#"{"eq": {"price": 1e999}}"#).contains("out of range"));
    let error = Filter::Eq([("a".to_owned(), text("b"))].into()).resolve(&[]).unwrap_err();
    assert!(error.to_string().contains("there are none"), "{error}");
}
