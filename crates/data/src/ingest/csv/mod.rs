//! CSV in constant memory: bytes to records, over `record` (what a row is), `cells` (quotes) and `buffer` (a window of
//! bytes). It knows no column and no rule.

mod buffer;
mod cells;
mod record;

#[cfg(test)]
pub(crate) use buffer::MAX_RECORD;
pub(crate) use record::{Found, Record, RecordReader};
