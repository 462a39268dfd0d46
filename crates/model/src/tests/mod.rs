//! Tests of the whole crate: the stage on a small world, gradients against finite differences and against PyTorch.

mod alarms;
mod census;
mod encoders;
mod gradient;
mod history;
mod movement;
mod onnx;
mod reference;
mod resume;
mod rung;
mod sampled;
mod shared;
mod stage;
mod tensorboard;
mod warm;
pub(crate) mod world;
