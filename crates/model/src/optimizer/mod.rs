//! How parameters move.
//!
//! In: gradients of a step that are sums over rows, and the factor that makes them means. Out: moved parameters. Dense
//! parameters move in every step; an embedding row moves, decays, and its memory ages only in steps that read it. What each
//! kind computes is in `rule`; `dense` and `rows` say which numbers meet, and keep what the kind remembers of them.

mod dense;
mod rows;
mod rule;
#[cfg(test)]
mod tests;

pub(crate) use dense::{Apart, Dense, move_block, slot_name};
pub(crate) use rows::{Shard, Table, TablePart};
pub(crate) use rule::{Memory, Step};
