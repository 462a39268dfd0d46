//! The config through the real binary: faults with their places, the order of overrides, what `config` prints.

mod binary;

use binary::{Folder, MINIMAL};

#[test]
fn an_unknown_key_is_shown_with_its_line_and_the_key_that_was_meant() {
    let ran = Folder::with(&MINIMAL.replace("epochs = 3", "epoch = 3")).run(&["config", "show"]);
    let expected = "error[unknown-key]: train.epoch: train has no such key; its keys are epochs, batch_size, positions, loss, label_smoothing, \
        negatives, known_positives, learning_rate, schedule, warm_up_steps, \
        steps_per_epoch, validation_steps, keep, metric, early_stopping, optimizer, clip, checkpoints, warm_start, tensorboard, alarms\n  \
        --> twinspire.toml:17:1\nhint: did you mean `epochs`?\n\n1 fault in twinspire.toml; nothing was started\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(2), "", expected));
}

#[test]
fn every_fault_of_form_is_shown_at_once_at_every_depth() {
    let config = r#"sed = 3
[input]
days = "two"
event = { positiv = ["click"] }
[samples.split]
kind = "by_dat"
[[features]]
name = "item"
side = "item"
kind = "hash"
buckts = 100
[train]
batch_size = 1e3
loss = { kind = "bce", temperature = 0.1 }
optimizer = {}
[[channels.list]]
kind = "popular_by"
"#;
    let ran = Folder::with(config).run(&["config", "show", "--json"]);
    let error = ran.json()["error"].clone();
    let of = |fault: &serde_json::Value| {
        let text = |name: &str| fault[name].as_str().unwrap().to_owned();
        (text("code"), text("key"), text("hint"), fault["place"]["line"].as_u64().unwrap())
    };
    let found: Vec<_> = error["faults"].as_array().unwrap().iter().map(of).collect();
    let expected = [
        ("unknown-key", "sed", "did you mean `seed`?", 1),
        ("wrong-type", "input.days", "twinspire config explain input.days", 3),
        ("unknown-key", "input.event.positiv", "did you mean `positive`?", 4),
        ("wrong-type", "samples.split.kind", "did you mean `by_date`?", 6),
        ("unknown-key", "features[0].buckts", "did you mean `buckets`?", 11),
        ("wrong-type", "train.batch_size", "twinspire config explain train.batch_size", 13),
        ("unknown-key", "train.loss.temperature", "it belongs to kind = \"in_batch_softmax\"", 14),
        ("missing-key", "train.optimizer.kind", "add for example kind = \"adam\"", 15),
        ("missing-key", "channels.list[0].feature", "twinspire config explain channels.list.feature", 16),
    ];
    let expected: Vec<_> =
        expected.map(|(code, key, hint, line)| (code.to_owned(), key.to_owned(), hint.to_owned(), line)).to_vec();
    assert_eq!(found, expected);
    assert_eq!((ran.code, &error["code"], ran.stderr.as_str()), (Some(2), &"config".into(), ""));
}

#[test]
fn a_hint_that_is_a_command_works() {
    let config = MINIMAL.replace("\"hash\"", "1");
    let form = Folder::with(&(config + "[channels]\nlist = [{ kind = \"popular_by\" }]\n"));
    let meaning = Folder::with(
        &MINIMAL.replace("epochs = 3", "epochs = 0").replace("buckets = 100", "buckets = 100\ndimension = 4096"),
    );
    let mut tried = 0;
    for folder in [form, meaning] {
        let faults = folder.run(&["config", "show", "--json"]).json()["error"]["faults"].clone();
        for fault in faults.as_array().unwrap() {
            let hint = fault["hint"].as_str().unwrap();
            let Some(command) = hint.strip_prefix("twinspire ") else { continue };
            assert!(!hint.contains('['), "{hint}");
            let explained = folder.run(&command.split(' ').collect::<Vec<_>>()).done();
            assert!(explained.starts_with(command.trim_start_matches("config explain ")), "{hint}: {explained}");
            tried += 1;
        }
    }
    assert!(tried >= 5, "only {tried} hints were commands");
}

#[test]
fn every_fault_of_meaning_is_shown_at_once_whatever_is_wrong_with_a_feature() {
    let config = MINIMAL.replace("epochs = 3", "epochs = 0").replacen("buckets = 100", "buckets = 0", 1);
    let ran = Folder::with(&(config + "[serve]\nlisten = \"0.0.0.0:80\"\n")).run(&["config", "show"]);
    let places = ["features[0].buckets", "train.epochs", "serve.listen"];
    let lines = ["twinspire.toml:15:1", "twinspire.toml:17:1", "twinspire.toml:25:1"];
    for (key, line) in places.iter().zip(lines) {
        assert!(ran.stderr.contains(&format!("error[invalid-value]: {key}: ")), "{key}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("  --> {line}\n")), "{line}: {}", ran.stderr);
    }
    assert!(ran.stderr.ends_with("3 faults in twinspire.toml; nothing was started\n"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_file_that_is_not_toml_is_shown_with_line_and_column() {
    let ran = Folder::with("seed = 1\n[input\n").run(&["config", "show"]);
    assert!(ran.stderr.starts_with("error[not-toml]: the file is not TOML: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("  --> twinspire.toml:2:7\n"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn a_missing_file_is_wrong_usage_with_a_way_out() {
    let ran = Folder::with("").run(&["config", "show", "--config", "other.toml"]);
    let expected = "error[no-config]: there is no config file other.toml\n\
        hint: name it with `--config PATH`, or write one with `twinspire init --from FILES`\n";
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(2), expected));
}

/// Value of `train.epochs`, and where it comes from.
fn epochs(folder: &Folder, words: &[&str]) -> (u64, String) {
    let words: Vec<_> = words.iter().chain(&["config", "explain", "train.epochs", "--json"]).copied().collect();
    let found = folder.run(&words).json();
    let place = found["place"]["from"].as_str().expect("a written value has a place");
    (found["value"].as_u64().expect("epochs are a number"), place.to_owned())
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let (folder, variable) = (Folder::with(MINIMAL), "TWINSPIRE__TRAIN__EPOCHS=4");
    assert_eq!(epochs(&folder, &[]), (3, "file".into()));
    assert_eq!(epochs(&folder, &[variable]), (4, "environment".into()));
    assert_eq!(epochs(&folder, &[variable, "--set", "train.epochs=5"]), (5, "flag".into()));
    assert_eq!(epochs(&folder, &["--set", "train.epochs=5", "--set", "train.epochs=6"]), (6, "flag".into()));
    let shown = folder.run(&[variable, "config", "show", "--effective"]).done();
    assert!(shown.contains("\nepochs = 4\n"), "{shown}");
}

#[test]
fn overrides_reach_entries_of_lists_and_keep_text_that_looks_like_a_number() {
    let folder = Folder::with(MINIMAL);
    let words = ["--set", "features[1].buckets=7", "--set", "input.item=2024", "--set", "input.delimiter=;"];
    let words: Vec<_> = ["TWINSPIRE__FEATURES__0__BUCKETS=9"].iter().chain(&words).copied().collect();
    let words: Vec<_> = words.into_iter().chain(["config", "show", "--effective", "--json"]).collect();
    let config = folder.run(&words).json()["config"].clone();
    assert_eq!((&config["features"][0]["buckets"], &config["features"][1]["buckets"]), (&9.into(), &7.into()));
    assert_eq!((&config["input"]["item"], &config["input"]["delimiter"]), (&"2024".into(), &";".into()));
}

#[test]
fn a_fault_of_an_override_names_the_variable_or_the_flag() {
    let words =
        ["TWINSPIRE__TRAIN__EPOCS=3", "config", "show", "--set", "train.epochs=many", "--set", "features[9].name=x"];
    let ran = Folder::with(MINIMAL).run(&words);
    for place in ["environment variable TWINSPIRE__TRAIN__EPOCS", "--set train.epochs", "--set features[9].name"] {
        assert!(ran.stderr.contains(&format!("  --> {place}\n")), "{place}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("found text \"many\"") && ran.stderr.contains("3 faults"), "{}", ran.stderr);
    assert_eq!(ran.code, Some(2));
}

#[test]
fn time_gaps_need_times() {
    let history =
        "[[features]]\nname = \"seen\"\nside = \"user\"\nkind = \"history\"\nof = [\"item\"]\nmax_length = 5\n";
    let encoder = "[[model.encoders]]\nkind = \"self_attention\"\nfeature = \"seen\"\ntime_gaps = true\n";
    let folder = Folder::with(&[MINIMAL, history, encoder].concat());
    folder.run(&["config", "show", "--effective"]).done();
    let ran = folder.run(&["config", "show", "--effective", "--set", "input.time.format=order"]);
    let fault = "model.encoders[0].time_gaps: needs `input.time` that is not `order`";
    assert!(ran.code == Some(2) && ran.stderr.contains(fault), "{}", ran.stderr);
}

#[test]
fn base_dir_starts_at_the_config_file_and_the_flag_at_the_current_folder() {
    let folder = Folder::with("");
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(folder.path().join("deep/c.toml"), MINIMAL).unwrap();
    let source = |overrides| twinspire_cli::config::ConfigSource {
        path: folder.path().join("deep/c.toml"),
        data_dir: None,
        overrides,
    };
    let load = |overrides| twinspire_cli::config::CheckedConfig::load(&source(overrides)).unwrap();
    let config = load(vec![]);
    assert_eq!(config.base_dir(), folder.path().join("deep/out"));
    assert_eq!(config.data_dir(), folder.path().join("deep"));
    let words = ["config", "show", "--config", "deep/c.toml", "--base-dir", "here", "--effective", "--json"];
    let shown = folder.run(&words).json()["config"]["base_dir"].clone();
    assert_eq!(shown, folder.path().canonicalize().unwrap().join("here").display().to_string());
}

#[test]
fn the_effective_config_is_a_config_that_says_the_same_again() {
    let folder = Folder::with(MINIMAL);
    let effective = folder.run(&["config", "show", "--effective"]).done();
    let again = Folder::with(&effective).run(&["config", "show", "--effective"]).done();
    assert_eq!(effective, again);
    assert!(effective.contains("learning_rate = ") && effective.contains("max_reject_ratio = "), "{effective}");
}

#[test]
fn what_was_written_is_listed_with_its_places() {
    let shown = Folder::with(MINIMAL).run(&["config", "show", "--seed", "7"]).done();
    for line in [
        "base_dir = \"out\"  # twinspire.toml:1:1\n",
        "input.time.column = \"time\"  # twinspire.toml:6:10\n",
        "features[1].buckets = 100  # twinspire.toml:23:1\n",
        "seed = 7  # --seed\n",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
    assert_eq!(shown.lines().count(), 15);
}

#[test]
fn a_key_is_explained_with_meaning_values_default_and_origin() {
    let folder = Folder::with(MINIMAL);
    let explained = folder.run(&["config", "explain", "train.epochs"]).done();
    let expected = "train.epochs: integer, 0 or more\n  Number of passes over the samples; 1 or more.\n  \
        default  5\n  value    3  (twinspire.toml:17:1)\n";
    assert_eq!(explained, expected);
    let kinds = folder.run(&["config", "explain", "features[0].kind"]).done();
    assert!(kinds.contains("`hash`: FarmHash Fingerprint64") && kinds.contains("value    \"hash\""), "{kinds}");
}

#[test]
fn a_section_is_explained_by_its_keys_and_the_file_by_its_sections() {
    let folder = Folder::with(MINIMAL);
    let loss = folder.run(&["config", "explain", "train.loss"]).done();
    for part in [
        "kind = \"bce\": ",
        "kind = \"in_batch_softmax\": ",
        "\n  temperature (number, or `learned`, or table, default 0.05)\n",
    ] {
        assert!(loss.contains(part), "{part}: {loss}");
    }
    let file = folder.run(&["config", "explain"]).done();
    for section in ["input", "clean", "samples", "features", "model", "train", "evaluate", "index", "channels", "serve"]
    {
        assert!(file.contains(&format!("\n  {section} (")), "{section}: {file}");
    }
}

#[test]
fn an_unknown_key_is_explained_by_the_key_that_was_meant() {
    let folder = Folder::with(MINIMAL);
    for (asked, meant) in [("train.los", "train.loss"), ("batch_size", "train.batch_size"), ("trian", "train")] {
        let ran = folder.run(&["config", "explain", asked]);
        let expected = format!("error[unknown-key]: the config has no key `{asked}`\nhint: did you mean `{meant}`?\n");
        assert_eq!((ran.code, ran.stderr), (Some(2), expected));
    }
}

#[test]
fn explaining_needs_no_config_file() {
    let ran = Folder::with("").run(&["config", "explain", "seed", "--config", "nowhere.toml"]);
    assert!(ran.done().ends_with("default  42\n  value    not written, so the default holds\n"));
}
