//! Models whose score is the dot product, from training to an answer.

use crate::world::{BASE, DATE, ITEMS, published, reply};
use serde_json::Value;
use std::cmp::Ordering;
use twinspire_core::embedding::EmbeddingTable;

/// (item, score) of all items by a scan over the exported vectors, best first, of equal ones the first item.
fn scanned<'a>(items: &'a EmbeddingTable, user: &[f32]) -> Vec<(&'a str, f64)> {
    let dot = |row: usize| items.row(row).iter().zip(user).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let mut all: Vec<(&str, f64)> = items.ids.iter().enumerate().map(|(row, id)| (id.as_str(), dot(row))).collect();
    all.sort_by(|left, right| right.1.partial_cmp(&left.1).unwrap_or(Ordering::Equal));
    all
}

#[test]
fn dot_products_are_trained_judged_exported_and_served_as_a_scan_ranks_them() {
    let folder = published().copy();
    let sets = ["model.score=\"dot\"", "train.loss.temperature=1.0", "channels.leave_out_seen=false"];
    let words: Vec<&str> = ["run"].into_iter().chain(sets.iter().flat_map(|set| ["--set", set])).collect();
    let run = reply(&folder, &words);
    assert_ne!(run["bundle"]["bundle_id"], published().bundle_id());
    let row = run["report"]["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == "two_tower"));
    assert!(row.is_some_and(|row| row["metrics"]["recall@50"].as_f64().is_some_and(|recall| recall > 0.0)), "{run}");
    let embeddings = folder.path().join(BASE).join("runs").join(DATE).join("embeddings");
    let [items, users] =
        ["items.txt", "users.txt"].map(|name| EmbeddingTable::read_text(&embeddings.join(name)).unwrap());
    assert!(!items.unit_length && !users.unit_length, "vectors keep their lengths");
    for row in [0, users.ids.len() / 2, users.ids.len() - 1] {
        let words = ["recall", "--user", &users.ids[row], "--channels", "two_tower", "-k", &ITEMS.to_string()];
        let answer = reply(&folder, &words);
        let found = answer["candidates"].as_array().expect("an answer has candidates");
        assert_eq!((found.len(), &answer["bundle_id"]), (ITEMS, &run["bundle"]["bundle_id"]));
        for (found, (item, score)) in found.iter().zip(scanned(&items, users.row(row))) {
            assert_eq!(found["item"], Value::from(item), "{}", users.ids[row]);
            assert!((found["score"].as_f64().unwrap() - score).abs() < 1e-6, "{found}: {score}");
        }
    }
}
