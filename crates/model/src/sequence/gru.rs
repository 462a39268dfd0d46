//! A gated recurrent unit over a history (Cho et al.: "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP
//! 2014; in the form of cuDNN and PyTorch; for recommendation Hidasi et al., ICLR 2016):
//! `r = σ(x W_r + h U_r)`, `z = σ(x W_z + h U_z)`, `n = tanh(x W_n + r (h U_n))`, `h' = (1 - z) n + z h`, with biases in
//! both products.
//!
//! The products with the inputs are one for all tokens. Those with the states are one a time step, over the sequences that
//! are so long: sequences are sorted by falling length, so these stand first.

use super::{Memory, TensorSpec};
use crate::kernel::{Buffer, add_to, bias_rows, exp, for_every_level};
use crate::layer::block::grow;
use crate::layer::dropout::Dropout;
use crate::layer::linear::{Layers, Linear};
use std::ops::Range;

/// Layers of the unit; offsets count from the first parameter of the encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Gru {
    /// From the tokens to the three gates.
    input: Linear,
    /// From the states likewise.
    state: Linear,
    dropout: f64,
}

/// What a pass remembers beside the tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct GruMemory {
    /// First token and length of each sequence, by falling length.
    sequences: Vec<(usize, usize)>,
    /// Products with the inputs, then gates `r`, `z`, `n`, then their gradients `[tokens, 3 · width]`.
    gates: Buffer,
    /// Products with the states, then their gradients `[tokens, 3 · width]`.
    products: Buffer,
    states: Buffer,
    /// States before each token, `[tokens, width]`.
    previous: Buffer,
    /// Of one step: states or their gradients `[sequences, width]`, and products `[sequences, 3 · width]`.
    step: [Buffer; 2],
}

impl GruMemory {
    /// Where products with the inputs are put, where they are made by others.
    pub(crate) fn input_products(&mut self) -> &mut [f32] {
        &mut self.gates
    }

    /// Their gradients after a backward pass.
    pub(crate) fn input_slopes(&self) -> &[f32] {
        &self.gates
    }
}

impl Gru {
    /// Over tokens of that width, with parameters from `offset` on; states are as wide.
    pub(crate) fn new(dropout: f64, width: usize, offset: usize) -> Self {
        let input = Linear { inputs: width, outputs: 3 * width, offset };
        Self { input, state: Linear { offset: offset + input.len(), ..input }, dropout }
    }

    /// Its linear layers.
    pub(crate) fn linear(&self) -> [Linear; 2] {
        [self.input, self.state]
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.input.len() + self.state.len()
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let (inputs, outputs) = (self.input.inputs, self.input.outputs);
        ["input", "state"].iter().flat_map(|name| TensorSpec::linear(name, inputs, outputs)).collect()
    }

    /// Share of numbers of the tokens that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Width of tokens and states.
    pub(crate) fn width(&self) -> usize {
        self.input.inputs
    }

    /// From the tokens, and from the states, to the gates reset, update and new.
    pub(crate) fn layers(&self) -> [Linear; 2] {
        [self.input, self.state]
    }

    /// The layer that reads tokens as they are, where nothing of them is dropped.
    pub(crate) fn first(&self, dropout: Dropout) -> Option<&Linear> {
        (!dropout.drops()).then_some(&self.input)
    }

    /// Makes room for sequences with these ends, and sorts them.
    pub(crate) fn reserve(&self, ends: &[usize], memory: &mut GruMemory) {
        let (tokens, width) = (ends[ends.len() - 1] - ends[0], self.width());
        memory.sequences.clear();
        let all = ends.windows(2).map(|pair| (pair[0] - ends[0], pair[1] - pair[0]));
        memory.sequences.extend(all.filter(|(_, length)| *length > 0));
        memory.sequences.sort_by_key(|(_, length)| std::cmp::Reverse(*length));
        [&mut memory.gates, &mut memory.products].into_iter().for_each(|buffer| grow(buffer, tokens * 3 * width));
        [&mut memory.states, &mut memory.previous].into_iter().for_each(|buffer| grow(buffer, tokens * width));
        let rows = memory.sequences.len();
        grow(&mut memory.step[0], rows * width);
        grow(&mut memory.step[1], rows * 3 * width);
    }

    /// Reads the tokens of `memory`, or what the first layer gives for them, where it reads them as they are.
    pub(crate) fn forward(&self, dense: &[f32], (ends, dropout): (&[usize], Dropout), memory: &mut Memory) {
        let (tokens, width) = (ends[ends.len() - 1] - ends[0], self.width());
        dropout.at(0).apply(&mut memory.tokens[..tokens * width], 0);
        let GruMemory { sequences, gates, products, states, previous, step: [state, product] } = &mut memory.gru;
        if self.first(dropout).is_none() {
            self.input.forward(dense, &memory.tokens, tokens, gates);
            bias_rows(&mut gates[..tokens * 3 * width], self.input.bias(dense));
        }
        state.fill(0.0);
        for time in 0..longest(sequences, length) {
            let active = active(sequences, length, time);
            self.state.forward(dense, state, active.len(), product);
            bias_rows(&mut product[..active.len() * 3 * width], self.state.bias(dense));
            for (row, (first, _)) in sequences[active].iter().enumerate() {
                let (token, own) = (first + time, &mut state[row * width..][..width]);
                previous[token * width..][..width].copy_from_slice(own);
                let product = &product[row * 3 * width..][..3 * width];
                products[token * 3 * width..][..3 * width].copy_from_slice(product);
                step_forward(&mut gates[token * 3 * width..][..3 * width], product, own);
                states[token * width..][..width].copy_from_slice(own);
            }
        }
    }

    /// What the last forward pass gave, `[tokens, width]`.
    pub(crate) fn states<'a>(&self, memory: &'a GruMemory) -> &'a [f32] {
        &memory.states
    }

    /// Turns the gradient of the states, in `memory`, into that of the tokens, or as far as they did not go through the first
    /// layer where that read them as they are: 0. Gradients of the parameters are added to `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        memory: &mut Memory,
    ) {
        let (tokens, width) = (ends[ends.len() - 1] - ends[0], self.width());
        let GruMemory { sequences, gates, products, previous, step: [slope, product], .. } = &mut memory.gru;
        slope.fill(0.0);
        for time in (0..longest(sequences, length)).rev() {
            let active = active(sequences, length, time);
            for (row, (first, _)) in sequences[active.clone()].iter().enumerate() {
                let (token, own) = (first + time, &mut slope[row * width..][..width]);
                add_to(own, &memory.gradient[token * width..][..width]);
                let gates = &mut gates[token * 3 * width..][..3 * width];
                let products = &mut products[token * 3 * width..][..3 * width];
                step_backward(gates, products, &previous[token * width..][..width], own);
                product[row * 3 * width..][..3 * width].copy_from_slice(products);
            }
            self.state.backward_input(layers, product, active.len(), (slope, true));
        }
        self.state.backward_parameters(previous, products, tokens, gradient);
        if self.first(dropout).is_some() {
            return memory.gradient[..tokens * width].fill(0.0);
        }
        self.input.backward_parameters(&memory.tokens, gates, tokens, gradient);
        self.input.backward_input(layers, gates, tokens, (&mut memory.gradient, false));
        dropout.at(0).apply(&mut memory.gradient[..tokens * width], 0);
    }
}

/// Of a sequence that begins with some token.
fn length((_, length): &(usize, usize)) -> usize {
    *length
}

/// Length of the longest of those that stand by falling length.
pub(crate) fn longest<T>(sorted: &[T], length: impl Fn(&T) -> usize) -> usize {
    sorted.first().map_or(0, length)
}

/// Those of them that are longer than `time`.
pub(crate) fn active<T>(sorted: &[T], length: impl Fn(&T) -> usize, time: usize) -> Range<usize> {
    0..sorted.partition_point(|one| length(one) > time)
}

/// What three gates have, side by side.
#[inline(always)]
pub(crate) fn of_gates(cells: &[f32]) -> [&[f32]; 3] {
    let (reset, rest) = cells.split_at(cells.len() / 3);
    let (update, new) = rest.split_at(rest.len() / 2);
    [reset, update, new]
}

/// As [`of_gates`].
#[inline(always)]
pub(crate) fn of_gates_mut(cells: &mut [f32]) -> [&mut [f32]; 3] {
    let (reset, rest) = cells.split_at_mut(cells.len() / 3);
    let (update, new) = rest.split_at_mut(rest.len() / 2);
    [reset, update, new]
}

/// Of the hyperbolic tangent, it is `2 σ(2x) - 1`.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

for_every_level! {
    /// `gates` hold the products with the input and become `r`, `z`, `n`; `state` becomes the next one.
    pub(crate) fn step_forward(gates: &mut [f32], product: &[f32], state: &mut [f32]) {
        let width = state.len();
        let ([reset, update, new], [product_reset, product_update, product_new]) =
            (of_gates_mut(gates), of_gates(product));
        for column in 0..width {
            reset[column] = sigmoid(reset[column] + product_reset[column]);
            update[column] = sigmoid(update[column] + product_update[column]);
            let inner = new[column] + reset[column] * product_new[column];
            new[column] = 2.0 * sigmoid(2.0 * inner) - 1.0;
            state[column] = (1.0 - update[column]) * new[column] + update[column] * state[column];
        }
    }

    /// Gates and products with the state become their gradients; `slope`, that of the state, becomes the direct part of
    /// that of the previous one.
    pub(crate) fn step_backward(gates: &mut [f32], products: &mut [f32], previous: &[f32], slope: &mut [f32]) {
        let width = slope.len();
        let ([reset, update, new], [product_reset, product_update, product_new]) =
            (of_gates_mut(gates), of_gates_mut(products));
        for column in 0..width {
            let (r, z, n, d) = (reset[column], update[column], new[column], slope[column]);
            let d_inner = d * (1.0 - z) * (1.0 - n * n);
            let d_update = d * (previous[column] - n) * z * (1.0 - z);
            let d_reset = d_inner * product_new[column] * r * (1.0 - r);
            slope[column] = d * z;
            (reset[column], update[column], new[column]) = (d_reset, d_update, d_inner);
            (product_reset[column], product_update[column], product_new[column]) = (d_reset, d_update, d_inner * r);
        }
    }
}
