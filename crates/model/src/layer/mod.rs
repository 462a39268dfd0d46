//! Layers with explicit forward and backward passes over chunks of rows.
//!
//! In: row-major `f32` matrices and the flat parameters of the model. Out: values, and gradients that are written to
//! flat buffers of the same shape. A layer holds shapes and offsets only; what a pass must remember lies in the
//! caller's workspace, so nothing is allocated in a step.

pub(crate) mod activation;
pub(crate) mod activation_unit;
pub(crate) mod attention;
pub(crate) mod block;
pub(crate) mod cross;
pub(crate) mod distinct;
pub(crate) mod dropout;
pub(crate) mod embedding;
pub(crate) mod ids;
pub(crate) mod layer_norm;
pub(crate) mod linear;
pub(crate) mod normalize;
pub(crate) mod product;
pub(crate) mod softmax;
