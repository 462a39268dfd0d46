//! The `[model]`, `[train]` and `[tune]` sections: parsed types end in `Section`, [`ModelSettings`] is what the rest of the crate
//! holds. Checking collects every fault; it reads no file.

mod activation;
mod alarms;
mod encoders;
mod movement;
mod negatives;
mod score;
mod section;
mod settings;
mod temperature;
#[cfg(test)]
mod tests;
mod tune;
mod watching;

pub use activation::Activation;
pub use alarms::{
    AlarmAction, AlarmsSection, EffectiveRankSection, HotShareSection, LossShareSection, MeanCosineSection,
};
pub use encoders::{
    AttentionQuery, DienSection, DinSection, EncoderSection, GruSection, HistoryOutput, InterestsSection, NormPlace,
    Positions, RecencySection, SelfAttentionSection,
};
pub use movement::{
    AdagradSection, AdamSection, AdamWSection, ClipSection, EarlyStoppingSection, OptimizerSection, ScheduleSection,
    SgdSection,
};
pub use negatives::{
    CrossBatchSection, ImpressedSection, InBatchSection, KnownPositives, ListedSection, NegativesSection,
    PopularitySection, SameAttributeSection, UniformSection,
};
pub use score::Score;
pub use section::{
    CheckpointsSection, CrossSection, Keep, LossSection, ModelSection, TowerSection, TrainSection, TrainedPositions,
};
pub use settings::ModelSettings;
pub use temperature::{Learned, LearnedTemperature, Temperature};
pub use tune::{RangeSection, TuneSection};
pub use watching::{Frequency, Moment, TensorboardSection, UpdateFrequencySection};
