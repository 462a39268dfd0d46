//! What a command says: data on stdout, talk on stderr.
//!
//! In: a [`Reply`] or an error. Out: lines for people, or with `--json` one JSON object of a versioned form. A reader
//! that goes away early (`twinspire … | head`) is not an error.

use crate::error::CliError;
use crate::exit::Exit;
use crate::report::{ErrorReport, error_text};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::io::{ErrorKind, IsTerminal, Write};
use twinspire_core::CoreError;

/// Version of the JSON that `--json` prints. It grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a command in both forms.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// For people; ends with a line end.
    pub text: String,
    /// For scripts: the fields beside `schema_version` and `command`.
    pub fields: Map<String, Value>,
    /// What the process ends with.
    pub exit: Exit,
}

impl Reply {
    /// A reply whose fields are those of `data`; data that is no object becomes the field `value`.
    ///
    /// # Errors
    /// `data` has no JSON form.
    pub fn new(text: impl Into<String>, data: &impl Serialize) -> Result<Self, CliError> {
        let fields = match to_json(data)? {
            Value::Object(fields) => fields,
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Map::from_iter([("value".to_owned(), other)])
            }
        };
        Ok(Self::of_fields(text, fields))
    }

    /// A reply of these fields, of a command that is done.
    pub fn of_fields(text: impl Into<String>, fields: Map<String, Value>) -> Self {
        Self { text: text.into(), fields, exit: Exit::Done }
    }
}

/// The JSON form by way of its text: a 32-bit score keeps its shortest digits, as over HTTP, where
/// [`serde_json::to_value`] would widen it to the digits of 64 bits.
///
/// # Errors
/// `data` has no JSON form.
pub fn to_json(data: &impl Serialize) -> Result<Value, CliError> {
    let value = serde_json::to_string(data).and_then(|text| serde_json::from_str(&text));
    Ok(value.map_err(|error| CoreError::Invalid { field: "json".into(), reason: error.to_string() })?)
}

/// How a process talks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Output {
    /// JSON on stdout instead of lines.
    pub json: bool,
    /// No talk on stderr, errors aside.
    pub quiet: bool,
    /// Colour on stderr.
    pub colour: bool,
}

impl Output {
    /// Colour needs a terminal and no `NO_COLOR` (<https://no-color.org>).
    pub fn new(json: bool, quiet: bool, no_color: Option<&str>) -> Self {
        let colour = no_color.is_none_or(str::is_empty) && std::io::stderr().is_terminal();
        Self { json, quiet, colour }
    }

    /// Prints the result of a command, `config show` for example, on stdout.
    ///
    /// # Errors
    /// Stdout cannot be written, for another reason than that nobody reads it any more.
    pub fn print(&self, command: &str, reply: &Reply) -> Result<(), CliError> {
        if self.json {
            let mut object = json!({ "schema_version": SCHEMA_VERSION, "command": command });
            if let Value::Object(fields) = &mut object {
                fields.extend(reply.fields.clone());
            }
            return print_line(&object.to_string());
        }
        print_line(reply.text.trim_end_matches('\n'))
    }

    /// A line of talk on stderr.
    pub fn talk(&self, line: &str) {
        if !self.quiet {
            eprint_lossy(&format!("{line}\n"));
        }
    }

    /// Prints what ended the command: lines on stderr, or an object on stdout.
    pub fn print_error(&self, error: &CliError) {
        if self.json {
            let object = json!({ "schema_version": SCHEMA_VERSION, "error": ErrorReport::new(error) });
            if print_line(&object.to_string()).is_ok() {
                return;
            }
        }
        eprint_lossy(&self.coloured(&error_text(error)));
    }

    /// `error[…]` in red and `hint:` in cyan, where colour is wanted.
    fn coloured(&self, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let paint = |line: &str| match line.split_once(": ") {
            Some((head, rest)) if head.starts_with("error[") => format!("\x1b[1;31m{head}\x1b[0m: {rest}\n"),
            Some(("hint", rest)) => format!("\x1b[36mhint\x1b[0m: {rest}\n"),
            Some(_) | None => format!("{line}\n"),
        };
        text.lines().map(paint).collect()
    }
}

fn print_line(line: &str) -> Result<(), CliError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CoreError::io("stdout", error).into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Talk that nobody can hear is no reason to stop.
fn eprint_lossy(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_without_fields_becomes_the_field_value() {
        let reply = Reply::new("text", &[1, 2]).unwrap();
        assert_eq!(Value::Object(reply.fields), json!({ "value": [1, 2] }));
        let reply = Reply::new("text", &json!({ "rows": 3 })).unwrap();
        assert_eq!(Value::Object(reply.fields), json!({ "rows": 3 }));
    }

    #[test]
    fn a_32_bit_number_keeps_its_shortest_digits() {
        assert_eq!(to_json(&[0.1f32, 16_777_216.0]).unwrap().to_string(), "[0.1,16777216.0]");
        assert_eq!(to_json(&f64::from(0.1f32)).unwrap().to_string(), "0.10000000149011612");
    }

    #[test]
    fn colour_marks_the_head_and_the_hint_and_changes_no_word() {
        let text = "error[io]: a: b\n  --> place\nhint: do c\n";
        let coloured = Output { colour: true, ..Output::default() }.coloured(text);
        assert_eq!(coloured, "\x1b[1;31merror[io]\x1b[0m: a: b\n  --> place\n\x1b[36mhint\x1b[0m: do c\n");
        assert_eq!(Output::default().coloured(text), text);
    }
}
