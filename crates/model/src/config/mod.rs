//! The `[model]` and `[train]` sections: parsed types end in `Section`, [`ModelSettings`] is what the rest of the crate
//! holds. Checking collects every fault; it reads no file.

mod negatives;
mod section;
mod settings;
#[cfg(test)]
mod tests;

pub use negatives::{
    ImpressedSection, InBatchSection, KnownPositives, ListedSection, NegativesSection, PopularitySection,
    SameAttributeSection, UniformSection,
};
pub use section::{
    AdamSection, CheckpointsSection, Keep, LossSection, ModelSection, OptimizerSection, TowerSection, TrainSection,
};
pub use settings::ModelSettings;
