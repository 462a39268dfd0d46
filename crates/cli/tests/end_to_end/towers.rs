//! `twinspire export --towers`: the files, what they say of themselves, and that they are not made twice.

use crate::world::{BASE, DATE, ITEMS, published, reply};
use serde_json::Value;
use std::fs;

#[test]
fn towers_are_written_with_their_description_items_and_examples() {
    let copy = published().copy();
    let made = reply(&copy, &["export", "--towers"]);
    assert_eq!((&made["embeddings"]["skipped"], &made["towers"]["skipped"]), (&true.into(), &false.into()));
    let folder = copy.path().join(BASE).join("runs").join(DATE).join("towers");
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    let described = [bytes("user_tower.onnx"), bytes("item_tower.onnx"), bytes("towers.safetensors")];
    for (number, file) in described.iter().enumerate() {
        // In the header of safetensors the description is text in JSON.
        let said = if number < 2 { r#""run":"2026-11-20""# } else { r#"\"run\":\"2026-11-20\""# };
        assert!(file.windows(said.len()).any(|window| window == said.as_bytes()), "{number}");
    }
    assert_eq!(String::from_utf8(bytes("item_ids.txt")).unwrap().lines().count(), ITEMS);
    let examples: Value = serde_json::from_slice(&bytes("examples.json")).unwrap();
    for (tower, feature) in [("user_tower", "history"), ("item_tower", "item_id")] {
        let (input, vector) = (&examples[tower]["inputs"][feature], &examples[tower]["vector"]);
        assert!(input["shape"][0].as_u64() > Some(10) && input["shape"][0] == vector["shape"][0], "{tower}");
    }
    let again = reply(&copy, &["export", "--towers"]);
    assert_eq!(again["towers"]["skipped"], true);
    assert_eq!(reply(&copy, &["export"]).get("towers"), None, "only where it is asked for");
}
