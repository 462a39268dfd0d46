//! Arrow IPC files with one record batch each: written through the [`Vfs`], memory-mapped when read, so that a table
//! larger than memory can be used and pandas, Polars or DuckDB can open it.

mod read;
mod write;

pub use read::{floats_f32, integers_i64, integers_u32, lists, read_mapped, text_column, ListView};
pub use write::{list_column, write_table};
#[allow(unused_imports)]
use crate::vfs::Vfs;
