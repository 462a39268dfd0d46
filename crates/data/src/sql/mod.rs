//! Expressions of SQL over the cells of a row, where the rules of `[clean]` end. In: the text of an expression. Out: an
//! [`Expression`] that was parsed, typed and checked without a file, and its value for many rows at once. The cargo feature
//! `sql` brings Apache DataFusion's expressions; without it `absent` stands here, and every expression is refused.
//!
//! Every column is text, and an empty cell is NULL. Where text meets a number, in a comparison or in arithmetic, it is read
//! as one; text that is no finite number is NULL there. A cast that fails gives NULL. A row for which an expression
//! fails otherwise, as a division by zero does, has NULL, and costs no other row anything.

#[cfg(not(feature = "sql"))]
mod absent;
#[cfg(feature = "sql")]
mod expression;
#[cfg(feature = "sql")]
mod functions;
#[cfg(feature = "sql")]
mod number;
#[cfg(feature = "sql")]
mod plan;
#[cfg(all(test, feature = "sql"))]
mod tests;

#[cfg(not(feature = "sql"))]
pub(crate) use absent::Expression;
#[cfg(feature = "sql")]
pub(crate) use expression::Expression;

/// What to do about an expression that is refused; `key` is the key of the config that holds it.
pub(crate) fn hint(key: &str) -> String {
    if cfg!(feature = "sql") {
        return format!("twinspire config explain {key}");
    }
    "build it with `cargo build --release --features sql`".to_owned()
}
