//! What offline and online must agree on.
//!
//! In: raw values, identifiers, files. Out: the one [`encode::FeatureEncoder`], the tables that stages hand to each
//! other, and the sealed [`bundle::Bundle`] that is served. This crate trains nothing, searches nothing and listens
//! to nothing.
//!
//! Reading order: [`schema`], [`encode`] and [`behaviour`] (raw values and histories to model inputs), [`interaction`], [`history`], [`items`],
//! [`attribute`], [`sample`] (the tables), [`stage`] (how a stage writes them), [`query`] and [`bundle`] (what is served), [`retention`], [`in_use`] and [`deleted`] (what is taken
//! away). [`text`] lays tables out for a terminal.

pub mod attribute;
pub mod behaviour;
pub mod bundle;
pub mod check;
pub mod clock;
pub mod deleted;
pub mod embedding;
pub mod encode;
pub mod error;
pub mod failpoint;
pub mod hash;
pub mod history;
pub mod ids;
pub mod in_use;
pub mod interaction;
pub mod items;
pub mod machine;
pub mod page;
pub mod partition;
pub mod progress;
pub mod query;
pub mod retention;
pub mod rng;
pub mod sample;
pub mod schema;
pub mod stage;
pub mod table;
pub mod text;
pub mod tfrecord;
pub mod user_items;
pub mod vfs;

pub use error::{CoreError, Result};
