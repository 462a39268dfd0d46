//! CSV in constant memory: bytes to records, over `record` (what a row is) and `cells` (quotes). It knows no column and no
//! rule.

mod cells;
mod record;

pub(crate) use record::RecordReader;
