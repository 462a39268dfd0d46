//! The formulas of the optimizers, over equally long slices.
//!
//! Adam (Kingma, Ba: "Adam: A Method for Stochastic Optimization", ICLR 2015); AdamW, whose decay does not pass through the
//! moments (Loshchilov, Hutter: "Decoupled Weight Decay Regularization", ICLR 2019); Adagrad (Duchi, Hazan, Singer:
//! "Adaptive Subgradient Methods", JMLR 2011), by row with the mean of a row's squares (Gupta et al.: "Training
//! Recommender Systems at Scale", KDD 2021); SGD with momentum, plain or as Nesterov looks ahead. Details are PyTorch's.

use crate::config::{ClipSection, OptimizerSection};
use crate::kernel::Buffer;

/// What a step does to parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    rule: Rule,
    /// Multiplies every gradient first.
    scale: f32,
    /// A gradient is cut to `±limit` then.
    limit: f32,
    /// So many times the parameter is added to its gradient.
    decay: f32,
    /// The parameter is multiplied by it before it moves.
    shrink: f32,
}

#[derive(Debug, Clone, Copy)]
enum Rule {
    Adam {
        beta1: f32,
        beta2: f32,
        /// `1 - beta1` and `1 - beta2`; subtracting in `f32` would lose four digits of the latter.
        rest1: f32,
        rest2: f32,
        /// `rate · sqrt(1 - beta2^t) / (1 - beta1^t)`.
        rate: f32,
        /// `epsilon · sqrt(1 - beta2^t)`.
        epsilon: f32,
    },
    Adagrad {
        rate: f32,
        epsilon: f32,
        /// The memory is one number for all parameters of the slice.
        by_row: bool,
    },
    Momentum {
        rate: f32,
        momentum: f32,
        nesterov: bool,
    },
    Plain {
        rate: f32,
    },
}

/// How many numbers an optimizer remembers of a slice of parameters, and what they are at first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Memory {
    /// For a slice of one row of an embedding table: as many as the row has, or one, or none.
    pub(crate) table: [Kept; 2],
    /// For dense parameters.
    pub(crate) dense: [Kept; 2],
    pub(crate) initial: f32,
}

/// Numbers that are remembered of the parameters of a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Nothing,
    One,
    Each,
}

impl Kept {
    /// How many, of a slice of this length.
    pub(crate) fn of(self, len: usize) -> usize {
        match self {
            Self::Nothing => 0,
            Self::One => 1,
            Self::Each => len,
        }
    }
}

impl Memory {
    /// What the optimizer of the settings remembers.
    pub(crate) fn new(section: &OptimizerSection) -> Self {
        use Kept::{Each, Nothing, One};
        let (table, dense, initial) = match section {
            OptimizerSection::Adam(_) | OptimizerSection::AdamW(_) => ([Each, Each], [Each, Each], 0.0),
            OptimizerSection::Adagrad(own) => {
                let table = if own.row_wise { One } else { Each };
                ([table, Nothing], [Each, Nothing], own.initial as f32)
            }
            OptimizerSection::Sgd(own) => {
                let kept = if own.momentum > 0.0 { Each } else { Nothing };
                ([kept, Nothing], [kept, Nothing], 0.0)
            }
        };
        Self { table, dense, initial }
    }

    /// So many numbers, as they are at first.
    pub(crate) fn fresh(&self, len: usize) -> Buffer {
        let mut numbers = Buffer::zeros(len);
        numbers.fill(self.initial);
        numbers
    }
}

impl Step {
    /// Step `t`, counted from 1; gradients are multiplied by `scale`.
    pub(crate) fn new(section: &OptimizerSection, clip: &ClipSection, (rate, t): (f64, u64), scale: f64) -> Self {
        let (decay, shrink) = match section {
            OptimizerSection::Adam(own) => (own.weight_decay, 1.0),
            OptimizerSection::AdamW(own) => (0.0, 1.0 - rate * own.weight_decay),
            OptimizerSection::Adagrad(own) => (own.weight_decay, 1.0),
            OptimizerSection::Sgd(own) => (own.weight_decay, 1.0),
        };
        let limit = clip.value.map_or(f32::INFINITY, |value| value as f32);
        let rule = Rule::new(section, (rate, t));
        Self { rule, scale: scale as f32, limit, decay: decay as f32, shrink: shrink as f32 }
    }

    /// The same step with gradients `factor` times as long.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self { scale: (f64::from(self.scale) * factor) as f32, ..self }
    }

    /// Moves equally long slices of parameters, with what is remembered of them.
    #[inline(always)]
    pub(super) fn apply(self, parameters: &mut [f32], memory: [&mut [f32]; 2], gradients: &[f32]) {
        let [first, second] = memory;
        let cells = parameters.iter_mut().zip(gradients);
        match self.rule {
            Rule::Adam { beta1, beta2, rest1, rest2, rate, epsilon } => {
                for (((parameter, gradient), mean), square) in cells.zip(first).zip(second) {
                    let gradient = self.gradient(*gradient, *parameter);
                    *mean = beta1 * *mean + rest1 * gradient;
                    *square = beta2 * *square + rest2 * gradient * gradient;
                    *parameter = self.shrink * *parameter - rate * *mean / (square.sqrt() + epsilon);
                }
            }
            Rule::Adagrad { rate, epsilon, by_row: false } => {
                for ((parameter, gradient), sum) in cells.zip(first) {
                    let gradient = self.gradient(*gradient, *parameter);
                    *sum += gradient * gradient;
                    *parameter -= rate * gradient / (sum.sqrt() + epsilon);
                }
            }
            Rule::Adagrad { rate, epsilon, by_row: true } => {
                let Some(sum) = first.first_mut() else { return };
                let squares = parameters.iter().zip(gradients).map(|(parameter, gradient)| {
                    let gradient = self.gradient(*gradient, *parameter);
                    gradient * gradient
                });
                *sum += squares.sum::<f32>() / gradients.len() as f32;
                let rate = rate / (sum.sqrt() + epsilon);
                for (parameter, gradient) in parameters.iter_mut().zip(gradients) {
                    *parameter -= rate * self.gradient(*gradient, *parameter);
                }
            }
            Rule::Momentum { rate, momentum, nesterov } => {
                for ((parameter, gradient), velocity) in cells.zip(first) {
                    let gradient = self.gradient(*gradient, *parameter);
                    *velocity = momentum * *velocity + gradient;
                    *parameter -= rate * if nesterov { gradient + momentum * *velocity } else { *velocity };
                }
            }
            Rule::Plain { rate } => {
                for (parameter, gradient) in cells {
                    *parameter -= rate * self.gradient(*gradient, *parameter);
                }
            }
        }
    }

    #[inline(always)]
    fn gradient(self, sum: f32, parameter: f32) -> f32 {
        (sum * self.scale).clamp(-self.limit, self.limit) + self.decay * parameter
    }

    /// The same step for a parameter that does not decay.
    pub(crate) fn without_decay(self) -> Self {
        Self { decay: 0.0, shrink: 1.0, ..self }
    }

    /// As for dense parameters: Adagrad has a sum for each of them.
    pub(crate) fn of_dense(self) -> Self {
        let rule = match self.rule {
            Rule::Adagrad { rate, epsilon, .. } => Rule::Adagrad { rate, epsilon, by_row: false },
            Rule::Adam { .. } | Rule::Momentum { .. } | Rule::Plain { .. } => self.rule,
        };
        Self { rule, ..self }
    }
}

impl Rule {
    fn new(section: &OptimizerSection, (rate, t): (f64, u64)) -> Self {
        match section {
            OptimizerSection::Adam(own) => Self::adam([own.beta1, own.beta2, own.epsilon], rate, t),
            OptimizerSection::AdamW(own) => Self::adam([own.beta1, own.beta2, own.epsilon], rate, t),
            OptimizerSection::Adagrad(own) => {
                Self::Adagrad { rate: rate as f32, epsilon: own.epsilon as f32, by_row: own.row_wise }
            }
            OptimizerSection::Sgd(own) if own.momentum > 0.0 => {
                Self::Momentum { rate: rate as f32, momentum: own.momentum as f32, nesterov: own.nesterov }
            }
            OptimizerSection::Sgd(_) => Self::Plain { rate: rate as f32 },
        }
    }

    fn adam([beta1, beta2, epsilon]: [f64; 3], rate: f64, t: u64) -> Self {
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(t).unwrap_or(i32::MAX));
        let second = correction(beta2).sqrt();
        Self::Adam {
            beta1: beta1 as f32,
            beta2: beta2 as f32,
            rest1: (1.0 - beta1) as f32,
            rest2: (1.0 - beta2) as f32,
            rate: (rate * second / correction(beta1)) as f32,
            epsilon: (epsilon * second) as f32,
        }
    }
}
