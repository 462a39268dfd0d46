//! The config: parsed, then checked into a type that nothing else can build.
//!
//! In: the file, variables `TWINSPIRE__TRAIN__EPOCHS=3`, and flags; later ones win. Out: a [`CheckedConfig`], or every
//! fault with its place. What a key means is said by the section types of the other crates, through their schema; here
//! is no list of keys.
//!
//! Reading order: [`mod@file`] (the sections), [`tree`] (what was written, and where), [`parse`], [`overrides`], [`schema`],
//! [`validate`] (form), [`written`], [`checked`] and [`ranges`] (meaning), [`mod@explain`].

pub mod checked;
pub mod explain;
pub mod fault;
pub mod file;
pub mod key;
pub mod overrides;
pub mod parse;
pub mod ranges;
pub mod reference;
pub mod schema;
pub mod tree;
pub mod validate;
pub mod words;
pub mod written;

pub use checked::CheckedConfig;
pub use explain::{Explanation, explain};
pub use fault::ConfigFault;
pub use file::ConfigFile;
pub use overrides::Override;
pub use schema::config_schema;
pub use written::{ConfigSource, WrittenConfig};
