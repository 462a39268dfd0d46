//! `activation`: what bends the numbers between two linear layers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What bends the numbers between two linear layers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// What is below 0 becomes 0.
    #[default]
    Relu,
    /// The tanh form of GELU: `x / 2 (1 + tanh(√(2 / π) (x + 0.044715 x³)))`.
    Gelu,
}

impl Activation {
    /// What is as it was before there was a choice is not written: a model keeps its bytes.
    pub(super) fn is_relu(&self) -> bool {
        *self == Self::Relu
    }
}
