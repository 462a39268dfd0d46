//! House rules as tests: the direction of dependencies, the size of files and functions, the vocabulary, module docs,
//! and links between documents. A fault is reported with its place and the rule, all at once.

use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 6] = ["core", "data", "model", "retrieval", "serve", "cli"];
const FILE_LIMIT: usize = 400;
const FUNCTION_LIMIT: usize = 60;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|found_extension| found_extension == extension) {
            found.push(path);
        }
    }
    found.sort();
}

fn sources() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    for name in CRATES {
        files_below(&root().join("crates").join(name), "rs", &mut paths);
    }
    assert!(paths.len() > 50, "only {} source files found", paths.len());
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("source is UTF-8"))).collect()
}

fn documents() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    files_below(&root(), "md", &mut paths);
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a document is UTF-8"))).collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Names of the dependencies in a section of a crate's manifest.
fn dependencies(crate_name: &str, section: &str) -> Vec<String> {
    let path = root().join("crates").join(crate_name).join("Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(path).expect("manifest").parse().expect("TOML");
    let table = manifest.get(section).and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn crates_depend_in_one_direction() {
    let allowed: [(&str, &[&str]); 6] = [
        ("core", &[]),
        ("data", &["core"]),
        ("model", &["core"]),
        ("retrieval", &["core"]),
        ("serve", &["core", "retrieval"]),
        ("cli", &["core", "data", "model", "retrieval", "serve"]),
    ];
    let mut faults = Vec::new();
    for (crate_name, may_use) in allowed {
        for section in ["dependencies", "dev-dependencies"] {
            for dependency in dependencies(crate_name, section) {
                if let Some(ours) = dependency.strip_prefix("twinspire-")
                    && !may_use.contains(&ours)
                {
                    faults.push(format!("crates/{crate_name}: {section} may not name twinspire-{ours}"));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn heavy_dependencies_stay_behind_their_fence() {
    let fences: [(&str, &[&str]); 6] = [
        ("parquet", &["data"]),
        ("csv-core", &["data"]),
        ("object_store", &["data"]),
        ("datafusion-expr", &["data"]),
        ("axum", &["serve"]),
        ("clap", &["cli"]),
    ];
    let mut faults = Vec::new();
    for (dependency, homes) in fences {
        for crate_name in CRATES {
            let uses_it = dependencies(crate_name, "dependencies").iter().any(|name| name == dependency);
            if uses_it && !homes.contains(&crate_name) {
                faults.push(format!("crates/{crate_name} uses {dependency}, which belongs to {homes:?}"));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_are_short() {
    let too_long = |(path, text): &(PathBuf, String)| {
        let lines = text.lines().count();
        (lines > FILE_LIMIT).then(|| format!("{}: {lines} lines, limit {FILE_LIMIT}", path.display()))
    };
    report(&sources().iter().filter_map(too_long).collect::<Vec<_>>());
}

fn starts_function(line: &str) -> bool {
    let words = line.trim_start();
    let after_modifiers = ["pub(crate) ", "pub(super) ", "pub ", "const ", "async ", "unsafe ", "extern \"C\" "]
        .iter()
        .fold(words, |rest, modifier| rest.strip_prefix(modifier).unwrap_or(rest));
    after_modifiers.starts_with("fn ")
}

/// (first line, length) of every function; relies on rustfmt: the closing brace has the indentation of the head.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate().filter(|(_, line)| starts_function(line)) {
        let indentation = &line[..line.len() - line.trim_start().len()];
        let closing = format!("{indentation}}}");
        let ends_at_once = line.trim_end().ends_with(['}', ';']);
        if let Some(length) = lines[first..].iter().position(|&later| later == closing)
            && !ends_at_once
        {
            found.push((first + 1, length + 1));
        }
    }
    found
}

#[test]
fn functions_are_short() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (line, length) in functions(&text) {
            if length > FUNCTION_LIMIT {
                faults.push(format!("{}:{line}: {length} lines, limit {FUNCTION_LIMIT}", path.display()));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_function_counter_sees_a_long_function() {
    let body = "    call();\n".repeat(FUNCTION_LIMIT);
    let text = format!("pub fn long() {{\n{body}}}\n");
    assert_eq!(functions(&text), [(1, FUNCTION_LIMIT + 2)]);
}

#[test]
fn every_module_says_what_it_is() {
    let silent = |(path, text): &(PathBuf, String)| {
        (!text.starts_with("//!")).then(|| format!("{}: does not begin with a `//!` doc", path.display()))
    };
    report(&sources().iter().filter_map(silent).collect::<Vec<_>>());
}

/// (word that is not ours, the word that is).
const VOCABULARY: [(&str, &str); 14] = [
    ("utils", "the name of what it does"),
    ("util", "the name of what it does"),
    ("helpers", "the name of what it does"),
    ("manager", "the name of what it does"),
    ("misc", "the name of what it does"),
    ("customer", "user"),
    ("exposure", "impression"),
    ("catalog", "corpus"),
    ("catalogue_items", "corpus"),
    ("recaller", "channel"),
    ("neg_sampler", "sampler"),
    ("blender", "merge"),
    ("snapshot", "bundle"),
    ("subtask", "unit"),
];

fn words(line: &str) -> impl Iterator<Item = String> + '_ {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').flat_map(|identifier| {
        let parts = identifier.split('_').map(str::to_lowercase);
        parts.chain(std::iter::once(identifier.to_lowercase())).collect::<Vec<_>>()
    })
}

#[test]
fn the_vocabulary_is_kept() {
    let mut faults = Vec::new();
    for (path, text) in sources().into_iter().filter(|(path, _)| !path.ends_with("cli/tests/structure.rs")) {
        for (number, line) in text.lines().enumerate() {
            for (foreign, ours) in VOCABULARY {
                if words(line).any(|word| word == foreign) {
                    faults.push(format!("{}:{}: `{foreign}`: write {ours}", path.display(), number + 1));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let marks = [["to", "do!("].concat(), ["unimplemen", "ted!("].concat(), ["FIX", "ME"].concat()];
    let mut faults = Vec::new();
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
            }
        }
    }
    report(&faults);
}

/// Targets of `[text](target)` in a document, web links aside.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with('#') && !target.contains(' ')).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for (path, text) in documents() {
        let folder = path.parent().expect("a document lies in a folder");
        for target in links(&text) {
            let file = target.split('#').next().unwrap_or(target);
            if !folder.join(file).exists() {
                faults.push(format!("{}: {target} is not there", path.display()));
            }
        }
    }
    report(&faults);
}
