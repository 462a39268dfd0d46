//! Identifiers and positions. A user or an item is named by text outside, and by its row in a table inside.

use crate::{CoreError, Result};

/// Stands for "no user", "no value" or "skip nothing" wherever a table holds `u32`.
pub const MISSING: u32 = u32::MAX;

/// Longest user or item id, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Accepts any UTF-8 of 1..=256 bytes without control characters.
///
/// # Errors
/// [`CoreError::Invalid`] that names `field`.
pub fn check_id(field: &str, id: &str) -> Result<()> {
    // Most ids are ASCII, where one look at the bytes is enough.
    let is_plain = id.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let has_control = !is_plain && id.chars().any(char::is_control);
    if id.is_empty() || id.len() > MAX_ID_BYTES || has_control {
        let reason = format!("an id has 1 to {MAX_ID_BYTES} bytes and no control characters");
        return Err(CoreError::Invalid { field: field.to_owned(), reason });
    }
    Ok(())
}

/// Joins the columns that make up one user key with `|`; a single part is itself.
/// A `|` or `\` inside a part of several is escaped with `\`, so `["a|b","c"]` and `["a","b|c"]` stay apart.
pub fn join_key(parts: &[&str]) -> String {
    let mut key = String::new();
    join_key_into(parts.iter().copied(), &mut key);
    key
}

/// As [`join_key`], but into a text that is used again for every row.
pub fn join_key_into<'a>(parts: impl ExactSizeIterator<Item = &'a str>, key: &mut String) {
    key.clear();
    let escapes = parts.len() > 1;
    for (number, part) in parts.enumerate() {
        if number > 0 {
            key.push('|');
        }
        for letter in part.chars() {
            if escapes && matches!(letter, '|' | '\\') {
                key.push('\\');
            }
            key.push(letter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_parts_stay_apart() {
        assert_eq!(join_key(&["a|b"]), "a|b", "a single part is itself");
        assert_eq!(join_key(&["a|b", "c"]), "a\\|b|c");
        assert_eq!(join_key(&["a", "b|c"]), "a|b\\|c");
        assert_eq!(join_key(&["a\\", "b"]), "a\\\\|b");
        let mut key = String::from("of the row before");
        join_key_into(["", "b"].into_iter(), &mut key);
        assert_eq!(key, "|b");
    }
}
