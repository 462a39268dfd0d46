//! Log files by themselves: what is wrong with them, and the same rows in another format. Nothing is made of their rows.

mod check;
mod column;
mod convert;
mod write;

pub use check::{DayRows, KindRows, LogsReport, check_logs};
pub use convert::{Converted, convert_log};
