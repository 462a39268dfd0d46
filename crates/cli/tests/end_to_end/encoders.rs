//! Models whose histories go through an encoder, from training to an answer.

use crate::world::{BASE, DATE, ITEMS, published, reply};
use serde_json::Value;
use std::fs;

/// An entry of `model.encoders` each.
const ENCODERS: [&str; 4] = [
    r#"{ kind = "gru", feature = "history" }"#,
    r#"{ kind = "din", feature = "history", attention_query = "profile", hidden = 8 }"#,
    r#"{ kind = "dien", feature = "history" }"#,
    INTERESTS,
];

const INTERESTS: &str = r#"{ kind = "interests", feature = "history", count = 3, hidden = 8 }"#;

fn items(answer: &Value) -> Vec<&str> {
    let candidates = answer["candidates"].as_array().expect("an answer has candidates");
    candidates.iter().map(|candidate| candidate["item"].as_str().expect("an item has an id")).collect()
}

#[test]
fn a_model_with_an_encoder_is_published_and_its_answers_follow_the_history() {
    for encoder in ENCODERS {
        let folder = published().copy();
        let set = format!("model.encoders=[{encoder}]");
        let run = reply(&folder, &["run", "--set", &set]);
        assert_ne!(run["bundle"]["bundle_id"], published().bundle_id(), "{encoder}: another model, another bundle");
        let recall = |history: &str| {
            let words = ["recall", "--history", history, "--channels", "two_tower", "-k", "20"];
            reply(&folder, &words)
        };
        let all = reply(&folder, &["recall", "--user", "nobody", "--channels", "two_tower", "-k", "20"]);
        assert_eq!(all["bundle_id"], run["bundle"]["bundle_id"], "{encoder}");
        let (first, last) = (items(&all)[0], items(&all)[19]);
        let (of_first, of_last) = (recall(first), recall(last));
        assert_eq!((items(&of_first).len(), items(&of_last).len()), (20, 20), "{encoder}");
        let scores = |answer: &Value| answer["candidates"][0]["score"].as_f64().expect("a score is a number");
        assert_ne!(scores(&of_first), scores(&of_last), "{encoder}: one item each, and the same answer");
    }
}

#[test]
fn a_model_with_cross_layers_and_a_learned_temperature_is_published() {
    let folder = published().copy();
    let crosses = ["--set", "model.user_tower.cross={}", "--set", "model.item_tower.cross={layers=1,rank=4}"];
    let loss = ["--set", r#"train.loss={kind="full_softmax",temperature="learned"}"#];
    let run = reply(&folder, &[&["run"], &crosses[..], &loss].concat());
    let temperature = run["train"]["epochs"][0]["temperature"].as_f64().expect("it is in the record of the epoch");
    assert!(temperature != 0.07 && (0.02..=10.0).contains(&temperature), "{temperature}");
    let all = reply(&folder, &["recall", "--user", "nobody", "--channels", "two_tower", "-k", "20"]);
    assert_eq!((&all["bundle_id"], items(&all).len()), (&run["bundle"]["bundle_id"], 20));
}

#[test]
fn interests_are_exported_row_by_row_judged_and_searched_as_one_query() {
    let folder = published().copy();
    let set = format!("model.encoders=[{INTERESTS}]");
    let words = ["run", "--set", &set, "--set", "channels.leave_out_seen=false"];
    let run = reply(&folder, &words);
    let row = run["report"]["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["name"] == "two_tower"));
    assert!(row.is_some_and(|row| row["metrics"]["recall@50"].as_f64().is_some_and(|recall| recall > 0.0)), "{run}");
    let users = folder.path().join(BASE).join("runs").join(DATE).join("embeddings/users.txt");
    let text = fs::read_to_string(&users).expect("embeddings are text");
    let ids: Vec<&str> = text.lines().map(|line| line.split('\t').next().expect("a line begins with an id")).collect();
    let user = ids[0].strip_suffix("#1").expect("the first interest of the first user");
    assert_eq!((ids.len() % 3, ids[2]), (0, format!("{user}#3").as_str()));
    let index = folder.path().join("items.index");
    let (items_file, index) = (users.with_file_name("items.txt"), index.to_str().expect("a path"));
    let (items_file, users) = (items_file.to_str().expect("a path"), users.to_str().expect("a path"));
    reply(&folder, &["index", "build", "--vectors", items_file, "--out", index]);
    let k = ITEMS.to_string();
    let words = ["index", "search", "--index", index, "--queries", users, "--interests", "3", "-k", &k];
    let found = reply(&folder, &words);
    let answer = reply(&folder, &["recall", "--user", user, "--channels", "two_tower", "-k", &k]);
    let names = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|one| one["item"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(names(&answer["candidates"]).len(), ITEMS, "each item once");
    assert_eq!(names(&answer["candidates"]), names(&found["queries"][0]["items"]));
}
