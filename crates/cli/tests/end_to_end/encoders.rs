//! Models whose histories go through an encoder, from training to an answer.

use crate::world::{published, reply};
use serde_json::Value;

/// An entry of `model.encoders` each.
const ENCODERS: [&str; 3] = [
    r#"{ kind = "gru", feature = "history" }"#,
    r#"{ kind = "din", feature = "history", attention_query = "profile", hidden = 8 }"#,
    r#"{ kind = "dien", feature = "history" }"#,
];

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
