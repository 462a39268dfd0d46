//! The config as text. In: guesses. Out: TOML in which every guess stands under a comment that says how sure it is and
//! why; keys that are left at their defaults are not written.

use super::{Guess, LeftOut};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What stands above each section.
const SECTIONS: [(&str, &str); 4] = [
    ("input", "Where the logs are and what their columns mean."),
    ("samples", "How rows become samples."),
    ("features", "What the towers read: `user` and `context` the user tower, `item` the item tower."),
    ("train", "How the towers are trained."),
];

/// A TOML string; JSON's escapes are a part of TOML's, except for the delete character.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// A TOML array of strings.
pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The whole text.
pub(super) fn config(files: &[PathBuf], guesses: &[Guess], left_out: &[LeftOut]) -> String {
    let mut text = String::from("# Written by `twinspire init` after a look at the first rows of:\n");
    for file in files {
        comment(&mut text, &file.display().to_string());
    }
    text.push_str(
        "# Each guess is marked high, medium or low. `twinspire check` tries this file on the data,\n\
         # `twinspire config explain KEY` describes a key. Keys that are absent have defaults.\n\n\
         # Folder of everything that is made: runs, bundles, current.\nbase_dir = \"twinspire-data\"\n\
         # All random numbers follow from it.\nseed = 42\n",
    );
    for (section, about) in SECTIONS {
        let prefix = format!("{section}.");
        let own: Vec<&Guess> = guesses.iter().filter(|guess| guess.key.starts_with(&prefix)).collect();
        if own.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n# {about}");
        if section != "features" {
            let _ = writeln!(text, "[{section}]");
        }
        for guess in own {
            write_guess(&mut text, section, guess);
        }
    }
    if !left_out.is_empty() {
        text.push_str("\n# Columns that became no feature:\n");
    }
    for LeftOut { column, reason } in left_out {
        comment(&mut text, &format!("`{column}`: {reason}"));
    }
    text
}

fn write_guess(text: &mut String, section: &str, guess: &Guess) {
    if section == "features" && !text.ends_with("item tower.\n") {
        text.push('\n');
    }
    comment(text, &format!("{}: {}", guess.confidence.name(), guess.reason));
    let key = guess.key.trim_start_matches(section).trim_start_matches('.');
    // Writing to a string does not fail.
    let _ = match section {
        "features" => writeln!(text, "[[features]]\n{}", guess.value),
        _ => writeln!(text, "{key} = {}", guess.value),
    };
}

/// A comment of one line: names of files and columns may hold any character.
fn comment(text: &mut String, line: &str) {
    let clean: String = line.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let _ = writeln!(text, "# {clean}");
}
