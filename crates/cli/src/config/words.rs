//! What a value may be, in words: for faults, `config explain` and the reference page.

use super::schema::Shape;
use serde_json::Value;
use std::ops::RangeInclusive;

/// What is allowed, as in `integer, 0 or more` or `list of text`.
pub fn describe(shape: Shape<'_>) -> String {
    let (choices, kinds) = (shape.choices(), kinds(shape));
    let is_closed = |shape: Shape<'_>| !shape.choices().is_empty();
    if !choices.is_empty() && shape.alternatives().into_iter().all(is_closed) {
        return join(&choices);
    }
    if !kinds.is_empty() {
        return format!("table of kind {}", join(&kinds));
    }
    let words: Vec<_> = shape.alternatives().into_iter().map(describe_one).collect();
    words.join(", or ")
}

fn describe_one(shape: Shape<'_>) -> String {
    if let Some(range) = integers(shape) {
        return describe_range(&range);
    }
    match shape {
        _ if shape.is_any() => "value".into(),
        _ if !shape.choices().is_empty() => join(&shape.choices()),
        _ if is_character(shape) => "one character".into(),
        _ if shape.has_type("string") => "text".into(),
        _ if shape.has_type("number") => "number".into(),
        _ if shape.has_type("boolean") => "`true` or `false`".into(),
        _ if shape.has_type("array") => format!("list of {}", shape.items().map_or_else(|| "values".into(), several)),
        _ => "table".into(),
    }
}

/// As [`describe`], of more than one.
fn several(shape: Shape<'_>) -> String {
    let one = describe(shape);
    let plural = |noun: &str| one.strip_prefix(noun).map(|rest| format!("{noun}s{rest}"));
    ["integer", "number", "table", "value"].into_iter().find_map(plural).unwrap_or(one)
}

/// The kinds that a table may be of; empty for a table of one form.
pub fn kinds<'a>(shape: Shape<'a>) -> Vec<&'a str> {
    shape.forms().iter().filter_map(|form| form.tag.map(|(_, kind)| kind)).collect()
}

fn describe_range(range: &RangeInclusive<i64>) -> String {
    match (*range.start(), *range.end()) {
        (i64::MIN, i64::MAX) => "integer".into(),
        (least, i64::MAX) => format!("integer, {least} or more"),
        (least, most) if most == i64::from(u32::MAX) => format!("integer, {least} or more"),
        (least, most) => format!("integer, {least} to {most}"),
    }
}

/// The integers that are allowed; `None` where none is.
pub fn integers(shape: Shape<'_>) -> Option<RangeInclusive<i64>> {
    if !shape.has_type("integer") {
        return None;
    }
    let format = shape.keyword("format").and_then(Value::as_str).unwrap_or("");
    let (format_least, format_most) = match format {
        "uint32" => (0, i64::from(u32::MAX)),
        "int32" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        "uint" | "uint64" => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    };
    let limit = |keyword: &str, otherwise| shape.keyword(keyword).and_then(Value::as_i64).unwrap_or(otherwise);
    Some(limit("minimum", format_least)..=limit("maximum", format_most))
}

/// True for a text of exactly one character.
pub fn is_character(shape: Shape<'_>) -> bool {
    shape.has_type("string") && shape.keyword("maxLength").and_then(Value::as_u64) == Some(1)
}

/// Names in code quotes: `a`, `b` or `c`.
pub fn join(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
