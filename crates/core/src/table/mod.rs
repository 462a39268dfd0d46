//! Arrow IPC files with one record batch each, or with parts that are mapped one by one: written through the [`Vfs`](crate::vfs::Vfs), memory-mapped when read,
//! so that a table larger than memory can be used and pandas, Polars or DuckDB can open it.

mod encoded;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use encoded::{EncodedTable, check_ids, check_layout, encoded_columns, layout_text};
pub use read::{
    ListView, MappedParts, decode_table, floats_f32, integers_i64, integers_u8, integers_u32, integers_u64,
    list_lengths, lists, read_mapped, tables_in, text_column,
};
pub(crate) use read::{SharedLists, shared, shared_lists};
pub(crate) use write::texts;
pub use write::{batch_of, concatenated, encode_table, list_column, matrix_f32, matrix_u32, write_parts, write_table};
