//! CSV in constant memory: bytes to records, over `record` (what a row is), `plain` (lines that need no care) and `cells`
//! (quotes). It knows no column and no rule.

mod cells;
mod plain;
mod record;

pub(crate) use record::RecordReader;
