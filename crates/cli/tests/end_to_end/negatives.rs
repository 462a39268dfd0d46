//! Negatives that come from files: impressions of the samples, mined ranks of a bundle.

use crate::world::{BASE, DATE, ITEMS, published, reply};
use std::fs;
use twinspire_core::history::Histories;
use twinspire_core::sample::SampleLayout;
use twinspire_core::user_items::UserItems;

const MIXED: &str = r#"train.negatives=[{kind="uniform",count=2},{kind="impressed"},{kind="same_attribute",feature="category"},{kind="mined"}]"#;

#[test]
fn negatives_are_mined_from_the_bundle_that_is_served_and_trained_on() {
    let folder = published().copy();
    let words = ["train", "--set", r#"train.loss={kind="bce"}"#, "--set", MIXED];
    let early = folder.run(&words);
    assert_eq!(early.code, Some(1));
    assert!(early.stderr.contains("twinspire mine"), "{}", early.stderr);
    let mined = reply(&folder, &["mine", "--first", "11", "--last", "40"]);
    assert_eq!((&mined["bundle_id"], &mined["skipped"]), (&published().bundle_id().into(), &false.into()));
    assert_eq!(reply(&folder, &["mine", "--first", "11", "--last", "40"])["skipped"], true);
    let run = folder.path().join(BASE).join("runs").join(DATE);
    let samples = SampleLayout { folder: run.join("samples") };
    let histories = Histories::open(&samples.histories(), ITEMS).unwrap();
    let lists = UserItems::open(&run.join("negatives"), (histories.len(), ITEMS)).unwrap();
    let lengths: Vec<usize> = (0..histories.len() as u32).map(|user| lists.of(user).0.len()).collect();
    assert!(lengths.iter().all(|&length| length == 0 || length == 30), "{lengths:?}");
    assert_eq!(lengths.iter().filter(|&&length| length > 0).count() as u64, mined["rows"]["users"].as_u64().unwrap());
    let trained = reply(&folder, &words);
    assert_eq!(trained["train"]["skipped"], false);
    // Other samples than those that were mined for: the first day is left out.
    reply(&folder, &["samples", "--days", "4"]);
    let shorter: Vec<&str> = words.iter().chain(&["--days", "4"]).copied().collect();
    let late = folder.run(&shorter);
    assert!(late.code == Some(1) && late.stderr.contains("other samples"), "{}", late.stderr);
}

#[test]
fn a_band_or_a_bundle_that_is_none_is_refused() {
    let world = published();
    for words in [["mine", "--first", "0"], ["mine", "--last", "1001"], ["mine", "--bundle", "../runs"]] {
        let ran = world.folder().run(&words);
        assert_eq!(ran.code, Some(2), "{words:?}: {}", ran.stderr);
    }
}

#[test]
fn recipes_are_compared_on_the_same_samples_and_skipped_when_nothing_changed() {
    let folder = published().copy();
    let recipes = [
        ("plain", "[train]\nepochs = 1\n"),
        (
            "drawn",
            "[train]\nloss = { kind = \"sampled_softmax\" }\nnegatives = [{ kind = \"in_batch\" }]\n[model]\noutput_dimension = 8\n",
        ),
        ("wrong", "[samples]\nmode = \"labels\"\n"),
        ("faulty", "[train]\nloss = { kind = \"bce\", temperature = 1.0 }\n"),
    ];
    for (name, text) in recipes {
        fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    let samples = folder.path().join(BASE).join("runs").join(DATE).join("samples/manifest.json");
    let before = fs::read(&samples).unwrap();
    let words = ["compare", "plain.toml", "drawn.toml", "--seeds", "1,2"];
    let compared = reply(&folder, &words);
    assert_eq!(before, fs::read(&samples).unwrap(), "the samples are those of the run");
    let recipes = compared["recipes"].as_array().unwrap();
    assert_eq!(recipes.iter().map(|recipe| recipe["name"].as_str().unwrap()).collect::<Vec<_>>(), ["plain", "drawn"]);
    for recipe in recipes {
        assert!(recipe["metrics"]["recall@20"]["mean"].as_f64().unwrap() > 0.0, "{recipe}");
        assert!(
            recipe["segments"]["head"]["recall@20"]["mean"].is_f64() && recipe["seconds"]["mean"].is_f64(),
            "{recipe}"
        );
    }
    let again = reply(&folder, &words);
    assert_eq!(again["recipes"][1]["metrics"], recipes[1]["metrics"]);
    assert!(again["recipes"][1]["seconds"].is_null(), "nothing was trained");
    for (recipe, code, said) in [("wrong", 2, "`samples` is no section of a recipe"), ("faulty", 2, "faulty.toml:2")] {
        let ran = folder.run(&["compare", &format!("{recipe}.toml")]);
        assert!(ran.code == Some(code) && ran.stderr.contains(said), "{recipe}: {}", ran.stderr);
    }
    let twice = folder.run(&["compare", "plain.toml", "./plain.toml"]);
    assert_eq!(twice.code, Some(2), "{}", twice.stderr);
}

#[test]
fn the_ledger_shows_what_each_sampler_of_the_config_gives() {
    let folder = published().copy();
    let set = r#"train.negatives=[{kind="uniform"},{kind="popularity",alpha=1.0,uniform_floor=0.0},{kind="mined"}]"#;
    let words = ["samples", "report", "--set", r#"train.loss={kind="bpr"}"#, "--set", set, "--html", "samples.html"];
    let replied = reply(&folder, &words);
    let negatives = replied["ledger"]["negatives"].as_array().unwrap();
    let names: Vec<&str> = negatives.iter().map(|one| one["of"].as_str().unwrap()).collect();
    assert_eq!(names, ["corpus", "train positives", "uniform", "popularity", "mined"]);
    for one in &negatives[2..4] {
        assert_eq!(one["rows"].as_u64().unwrap() + one["void"].as_u64().unwrap(), 100_000, "{one}");
        assert!(one["void"].as_u64().unwrap() > 0, "{one}");
    }
    let hottest = |number: usize| negatives[number]["hottest_share"].as_f64().unwrap();
    assert!((hottest(2) - hottest(0)).abs() < 0.01, "uniform draws are as hot as the corpus: {negatives:?}");
    assert!(hottest(3) > 2.0 * hottest(2), "popular ones are hotter: {negatives:?}");
    assert!(negatives[4]["missing"].as_str().unwrap().contains("negatives"), "nothing was mined: {negatives:?}");
    assert!(fs::read_to_string(folder.path().join("samples.html")).unwrap().contains("Negatives by sampler"));
    assert_eq!(reply(&folder, &words)["ledger"]["negatives"], replied["ledger"]["negatives"], "the seed decides");
}
