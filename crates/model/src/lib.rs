//! The two towers and how they are trained.
//!
//! In: encoded samples, histories and the corpus that the data stage left in a folder. Out: `model.safetensors` and
//! `metrics.jsonl`, vectors of items and queries. This crate reads no logs, builds no index and answers no request.
//!
//! Reading order: [`config`], `layout` (where everything of a model lies), [`mod@train`] (the stage), `checkpoint`, [`warm`],
//! `engine` (one step, whose loops the threads of a `team` share), `tower` and `layer` (forward and backward), `sequence` (the
//! encoders of histories), `kernel` (the loops beneath them, for each instruction set), `loss`, [`negative`], `optimizer`; then
//! [`model`], [`export`], [`onnx`] and [`query`]. [`tune`] says which settings are tried; `collapse` and `tensorboard` watch.

mod batch;
pub mod bench;
mod checkpoint;
mod collapse;
pub mod config;
mod engine;
pub mod error;
pub mod export;
mod histogram;
mod input;
mod kernel;
mod layer;
mod layout;
mod loss;
mod metric;
pub mod model;
pub mod negative;
pub mod onnx;
mod optimizer;
mod order;
pub mod query;
mod schedule;
mod sequence;
mod shared;
mod summary;
mod team;
mod tensorboard;
#[cfg(test)]
mod tests;
mod tower;
pub mod train;
pub mod tune;
mod validate;
pub mod warm;

pub use collapse::{Alarm, Sign};
pub use config::{ModelSection, ModelSettings, TrainSection, TuneSection};
pub use error::{ModelError, Result};
pub use model::TwoTower;
pub use query::load_query_encoder;
pub use train::{EpochRecord, RungRecord, TrainContext, TrainReport, Validator, train, train_to};
pub use tune::{Trial, TuneSettings};
pub use warm::WarmStart;
