//! Runs the real `twinspire` in a folder of its own.

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The shortest config that passes every check; `[train]` begins on line 16.
pub const MINIMAL: &str = r#"base_dir = "out"

[input]
path = "logs.csv"
user = "user"
time = { column = "time" }

[samples]
split = { kind = "leave_last_one_out" }

[[features]]
name = "user"
side = "user"
kind = "hash"
buckets = 100
[train]
epochs = 3

[[features]]
name = "item"
side = "item"
kind = "hash"
buckets = 100
"#;

/// A folder with a `twinspire.toml`.
pub struct Folder {
    folder: TempDir,
}

/// What a process said and what it ended with.
pub struct Ran {
    /// Exit code.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Talk and errors.
    pub stderr: String,
}

impl Folder {
    /// Holds this config.
    pub fn with(config: &str) -> Self {
        let folder = Self::below(&std::env::temp_dir());
        fs::write(folder.path().join("twinspire.toml"), config).expect("the folder can be written");
        folder
    }

    /// Lies in `parent`, and holds nothing yet.
    pub fn below(parent: &Path) -> Self {
        Self { folder: tempfile::tempdir_in(parent).expect("a temporary folder") }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command line; a word `NAME=value` before the command is an environment variable.
    pub fn run(&self, words: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twinspire"));
        command.current_dir(self.path()).env_remove("NO_COLOR");
        let is_variable = |word: &&&str| word.starts_with("TWINSPIRE__");
        for word in words.iter().take_while(is_variable) {
            let (name, value) = word.split_once('=').expect("a variable has a value");
            command.env(name, value);
        }
        command.args(words.iter().skip_while(is_variable));
        Ran::new(command.output().expect("the binary starts"))
    }
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Stdout of a command that went well.
    pub fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        self.stdout
    }

    /// Stdout as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("stdout is JSON")
    }
}
