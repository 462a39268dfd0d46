//! Request ids: the client's own if it is safe to repeat, else a new one.

use axum::http::HeaderMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Header that carries the id in both directions.
pub(crate) const HEADER: &str = "x-request-id";

const LONGEST: usize = 64;

/// Makes request ids that differ between requests and between starts of the server.
#[derive(Debug)]
pub(crate) struct RequestIds {
    start: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// `start_micros` tells two starts apart.
    pub fn new(start_micros: i64) -> Self {
        Self { start: start_micros.unsigned_abs(), next: AtomicU64::new(0) }
    }

    /// The id of a request: letters, digits, `.`, `_`, `-`, at most 64 of them, or else one of our own.
    pub fn of(&self, headers: &HeaderMap) -> String {
        let given = headers.get(HEADER).and_then(|value| value.to_str().ok());
        let is_safe = |id: &&str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=LONGEST).contains(&id.len()) && id.bytes().all(allowed)
        };
        match given.filter(is_safe) {
            Some(id) => id.to_owned(),
            None => format!("{:x}-{:x}", self.start, self.next.fetch_add(1, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_id_is_kept_and_any_other_is_replaced_by_a_new_one() {
        let ids = RequestIds::new(0xabc);
        let with = |value: &str| HeaderMap::from_iter([(HEADER.parse().unwrap(), value.parse().unwrap())]);
        assert_eq!(ids.of(&with("a.B_9-")), "a.B_9-");
        assert_eq!(ids.of(&HeaderMap::new()), "abc-0");
        assert_eq!(ids.of(&with("a b")), "abc-1");
        assert_eq!(ids.of(&with(&"x".repeat(65))), "abc-2");
    }
}
