//! The one feature encoder, used by `samples`, by evaluation and by every request.
//!
//! In: raw values ([`Raw`]) by feature name. Out: [`EncodedRows`], the integers and numbers that a tower reads.
//! A [`FeatureEncoder`] is a [`FeatureSchema`](crate::schema::FeatureSchema) plus what was learnt from the training part ([`Fitted`]: vocabularies, means).

mod cell;
mod encoder;
mod fit;
mod layout;
mod meaning;
mod moments;
mod raw;
mod rows;
#[cfg(test)]
mod tests;
mod value;
mod window;

pub use cell::{CellFault, cell_fault};
pub use encoder::FeatureEncoder;
pub use fit::{Collisions, Fitted, Fitter};
pub use layout::{DenseField, HistoryField, MultiField, SingleField, TowerLayout};
pub use meaning::IdMeaning;
pub use moments::WindowFitter;
pub use raw::{Raw, RawFeatures, RawValue};
pub use rows::{EncodedRows, EncodedView, MultiColumn, MultiView};
pub(crate) use value::clean;
