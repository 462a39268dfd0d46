//! The `[model]` and `[train]` sections: parsed types end in `Section`, [`ModelSettings`] is what the rest of the crate
//! holds. Checking collects every fault; it reads no file.

mod section;
mod settings;
#[cfg(test)]
mod tests;

pub use section::{AdamSection, Keep, LossSection, ModelSection, OptimizerSection, TowerSection, TrainSection};
pub use settings::ModelSettings;
