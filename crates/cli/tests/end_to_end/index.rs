//! The index alone, over vectors that the chain exported, and measured.

use crate::binary::Folder;
use crate::world::{ITEMS, published, reply};
use serde_json::Value;
use std::fs;

/// A folder with the exported vectors, and ids in a file of their own.
fn vectors() -> Folder {
    let folder = Folder::with("");
    for name in ["items.txt", "items.npy", "items.parquet", "users.txt"] {
        fs::copy(published().stage("embeddings").join(name), folder.path().join(name)).unwrap();
    }
    let text = fs::read_to_string(folder.path().join("items.txt")).unwrap();
    let ids: Vec<&str> = text.lines().map(|line| line.split('\t').next().unwrap()).collect();
    fs::write(folder.path().join("ids.txt"), ids.join("\n")).unwrap();
    folder
}

fn items(found: &Value) -> Vec<&str> {
    found["items"].as_array().unwrap().iter().map(|hit| hit["item"].as_str().unwrap()).collect()
}

#[test]
fn text_npy_and_parquet_give_the_same_index_and_every_item_finds_itself() {
    let folder = vectors();
    let mut indexes = Vec::new();
    for (vectors, more) in [("items.txt", None), ("items.npy", Some("ids.txt")), ("items.parquet", None)] {
        let mut words =
            vec!["index", "build", "--vectors", vectors, "--out", "items.index", "--kind", "ivf", "-k", "20"];
        words.extend(more.iter().flat_map(|ids| ["--ids", ids]));
        let built = reply(&folder, &words);
        assert_eq!(
            (&built["kind"], &built["items"], &built["self_recall"]),
            (&"ivf".into(), &ITEMS.into(), &1.0.into())
        );
        indexes.push(fs::read(folder.path().join("items.index")).unwrap());
    }
    assert!(indexes[0] == indexes[1] && indexes[0] == indexes[2]);
    let searched = reply(&folder, &["index", "search", "--index", "items.index", "--queries", "items.txt", "-k", "3"]);
    let queries = searched["queries"].as_array().unwrap();
    assert_eq!(queries.len(), ITEMS);
    for found in queries {
        assert!(items(found).contains(&found["query"].as_str().unwrap()), "{found}");
    }
}

#[test]
fn interests_of_one_user_give_one_list_without_repeats() {
    let folder = vectors();
    reply(&folder, &["index", "build", "--vectors", "items.txt", "--out", "items.index"]);
    let two_users: Vec<String> =
        fs::read_to_string(folder.path().join("users.txt")).unwrap().lines().take(4).map(str::to_owned).collect();
    fs::write(folder.path().join("four.txt"), two_users.join("\n")).unwrap();
    let search = |interests| {
        let words = ["index", "search", "--index", "items.index", "--queries", "four.txt", "-k", "200"];
        reply(&folder, &[&words[..], &["--interests", interests]].concat())
    };
    let found = search("2");
    assert_eq!((found["queries"].as_array().unwrap().len(), &found["exact"]), (2, &true.into()));
    for found in found["queries"].as_array().unwrap() {
        let mut items = items(found);
        items.sort_unstable();
        items.dedup();
        assert_eq!(items.len(), ITEMS, "as many as there are, each once");
    }
    let words = ["index", "search", "--index", "items.index", "--queries", "four.txt", "--interests", "3"];
    assert_eq!(folder.run(&words).code, Some(2), "four rows are no whole groups of three");
}

#[test]
fn what_cannot_be_indexed_is_refused_and_the_earlier_index_stays() {
    let folder = vectors();
    reply(&folder, &["index", "build", "--vectors", "items.txt", "--out", "items.index"]);
    let earlier = fs::read(folder.path().join("items.index")).unwrap();
    fs::write(folder.path().join("bad.txt"), "a\t1.0,2.0\nb\tNaN,0.5\n").unwrap();
    let ran = folder.run(&["index", "build", "--vectors", "bad.txt", "--out", "items.index", "--json"]);
    assert!(ran.json()["error"]["message"].as_str().unwrap().contains("`b` is not finite"), "{}", ran.stdout);
    assert!(fs::read(folder.path().join("items.index")).unwrap() == earlier);
    let ran = folder.run(&["index", "build", "--vectors", "items.txt", "--out", "x", "--recall-target", "2"]);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn the_bench_measures_both_kinds_on_given_and_on_made_vectors() {
    let folder = vectors();
    let given =
        ["bench", "index", "--vectors", "items.txt", "--queries", "users.txt", "--query-count", "50", "-k", "20"];
    let made = ["bench", "index", "-n", "2000", "--dim", "8", "--query-count", "50", "-k", "20"];
    for words in [&given[..], &made[..]] {
        let measured = reply(&folder, words);
        let rows = measured["rows"].as_array().unwrap();
        let kinds: Vec<&str> = rows.iter().map(|row| row["index"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["exact", "ivf", "ivf"], "exact, then cells for two recalls");
        assert!(rows[0]["recall"] == 1.0 && rows.iter().all(|row| row["p50_ms"].as_f64().unwrap() > 0.0));
    }
}

#[test]
fn an_index_is_filtered_by_attributes_and_takes_changes() {
    let folder = Folder::with("");
    let write = |name: &str, lines: &[&str]| fs::write(folder.path().join(name), lines.join("\n")).unwrap();
    write("v.txt", &["a\t1,0", "b\t0.9,0.1", "c\t0.8,0.2", "d\t0.7,0.3"]);
    write("q.txt", &["q\t1,0"]);
    write(
        "attributes.jsonl",
        &[r#"{"id": "a", "city": "Graz", "price": 3}"#, r#"{"id": "c", "city": ["Graz", "Wien"]}"#],
    );
    reply(&folder, &["index", "build", "--vectors", "v.txt", "--attributes", "attributes.jsonl", "--out", "x"]);
    let search = |filter: &str| {
        let words = ["index", "search", "--index", "x", "--queries", "q.txt", "-k", "9", "--filter", filter];
        let found = reply(&folder, &words);
        items(&found["queries"][0]).iter().map(|&item| item.to_owned()).collect::<Vec<_>>()
    };
    let graz = r#"{"eq": {"city": "Graz"}}"#;
    assert_eq!(search(graz), ["a", "c"]);
    assert_eq!(search(r#"{"not": {"items": ["a", "c"]}}"#), ["b", "d"]);
    let ran =
        folder.run(&["index", "search", "--index", "x", "--queries", "q.txt", "--filter", r#"{"eq": {"town": 1}}"#]);
    assert!(ran.code == Some(2) && ran.stderr.contains("there are: city, price"), "{}", ran.stderr);
    let upsert = r#"{"upsert": {"id": "e", "vector": [2, 0], "attributes": {"city": "Graz", "price": 4.5}}}"#;
    write("changes.jsonl", &[r#"{"delete": "a"}"#, upsert, "", r#"{"upsert": {"id": "b", "vector": [0, 1]}}"#]);
    let updated = reply(&folder, &["index", "update", "--index", "x", "--changes", "changes.jsonl"]);
    assert_eq!((&updated["changes"], &updated["gone"], &updated["index"]["items"]), (&3.into(), &2.into(), &4.into()));
    assert_eq!(search(graz), ["e", "c"]);
    assert_eq!(search(r#"{"and": []}"#), ["e", "c", "d", "b"]);
    assert_eq!(search(r#"{"range": {"price": {"gt": 3}}}"#), ["e"]);
    let earlier = fs::read(folder.path().join("x")).unwrap();
    write("changes.jsonl", &[r#"{"delete": "c"}"#, r#"{"upsert": {"id": "f", "vector": [1]}}"#]);
    let ran = folder.run(&["index", "update", "--index", "x", "--changes", "changes.jsonl"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("changes.1: expected a vector of 2 numbers"), "{}", ran.stderr);
    assert!(fs::read(folder.path().join("x")).unwrap() == earlier, "all changes or none");
}
