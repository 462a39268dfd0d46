//! Interest evolution of DIEN (Zhou et al.: "Deep Interest Evolution Network for Click-Through Rate Prediction", AAAI 2019):
//! a gated recurrent unit whose update gate is multiplied by how much a state counts for the query (AUGRU):
//! `r = σ(x W_r + h U_r)`, `u = a σ(x W_u + h U_u)`, `n = tanh(x W_n + r (h U_n))`, `h' = (1 - u) h + u n`, with biases in
//! both products. A state that counts for nothing leaves `h` as it is.
//!
//! Every row reads the states that it sees with weights of its own. Products with the states are one for all tokens, those
//! with `h` one a time step over the rows that see so many: rows are sorted by falling length.

use super::gru::{active, longest, of_gates, of_gates_mut, sigmoid};
use super::{RowMemory, TensorSpec};
use crate::kernel::{Buffer, add_to, bias_rows, for_every_level};
use crate::layer::block::grow;
use crate::layer::linear::{Layers, Linear};

/// Shape of the unit; states and vectors are equally wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Evolution {
    input: Linear,
    state: Linear,
}

/// What a row reads.
#[derive(Debug, Clone, Copy)]
struct Reader {
    row: usize,
    token: usize,
    pair: usize,
    length: usize,
}

impl Reader {
    fn length(&self) -> usize {
        self.length
    }
}

/// What a pass remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct EvolutionMemory {
    /// By falling length.
    readers: Vec<Reader>,
    /// Products with the states, then their gradients `[tokens, 3 · width]`.
    inputs: Buffer,
    /// Gates `r`, `u`, `n` of each pair, then their gradients `[pairs, 3 · width]`.
    gates: Buffer,
    /// Products with `h`, then their gradients `[pairs, 3 · width]`.
    products: Buffer,
    /// `h` before each pair, `[pairs, width]`.
    previous: Buffer,
    /// Of one step: `h` or its gradient `[rows, width]`, and products `[rows, 3 · width]`.
    step: [Buffer; 2],
}

impl Evolution {
    /// Over states of that width, with parameters from `offset` on.
    pub(crate) fn new(width: usize, offset: usize) -> Self {
        let input = Linear { inputs: width, outputs: 3 * width, offset };
        Self { input, state: Linear { offset: offset + input.len(), ..input } }
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
        let layers = ["evolution.input", "evolution.state"];
        layers.iter().flat_map(|name| TensorSpec::linear(name, self.input.inputs, self.input.outputs)).collect()
    }

    /// Makes room for the rows, and sorts them.
    pub(crate) fn reserve(&self, tokens: usize, rows: &RowMemory, memory: &mut EvolutionMemory) {
        let width = self.input.inputs;
        memory.readers.clear();
        let mut pair = 0;
        for (row, seen) in rows.seen.iter().enumerate() {
            memory.readers.push(Reader { row, token: seen.start, pair, length: seen.len() });
            pair += seen.len();
        }
        memory.readers.sort_by_key(|reader| std::cmp::Reverse(reader.length));
        grow(&mut memory.inputs, tokens * 3 * width);
        [&mut memory.gates, &mut memory.products].into_iter().for_each(|buffer| grow(buffer, pair * 3 * width));
        grow(&mut memory.previous, pair * width);
        grow(&mut memory.step[0], rows.seen.len() * width);
        grow(&mut memory.step[1], rows.seen.len() * 3 * width);
    }

    /// Writes the vectors of the rows, from the states `[tokens, width]` and the weight of each pair.
    pub(crate) fn forward(
        &self,
        dense: &[f32],
        (states, weights): (&[f32], &[f32]),
        vectors: &mut [f32],
        memory: &mut EvolutionMemory,
    ) {
        let width = self.input.inputs;
        let EvolutionMemory { readers, inputs, gates, products, previous, step: [state, product] } = memory;
        let tokens = states.len() / width;
        self.input.forward(dense, states, tokens, inputs);
        bias_rows(&mut inputs[..tokens * 3 * width], self.input.bias(dense));
        state.fill(0.0);
        for time in 0..longest(readers, Reader::length) {
            let active = active(readers, Reader::length, time);
            self.state.forward(dense, state, active.len(), product);
            bias_rows(&mut product[..active.len() * 3 * width], self.state.bias(dense));
            for (rank, reader) in readers[active].iter().enumerate() {
                let (token, pair, own) = (reader.token + time, reader.pair + time, &mut state[rank * width..][..width]);
                previous[pair * width..][..width].copy_from_slice(own);
                let gates = &mut gates[pair * 3 * width..][..3 * width];
                gates.copy_from_slice(&inputs[token * 3 * width..][..3 * width]);
                let product = &product[rank * 3 * width..][..3 * width];
                products[pair * 3 * width..][..3 * width].copy_from_slice(product);
                evolve(gates, product, weights[pair], own);
            }
        }
        for (reader, own) in readers.iter().zip(state.chunks_exact(width)) {
            vectors[reader.row * width..][..width].copy_from_slice(own);
        }
    }

    /// Writes the gradients of the weights, and adds those of the states to `state_slopes`, from those of the vectors.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (states, weights, slopes): (&[f32], &[f32], &[f32]),
        (state_slopes, weight_slopes): (&mut [f32], &mut [f32]),
        memory: &mut EvolutionMemory,
    ) {
        let (width, tokens) = (self.input.inputs, states.len() / self.input.inputs);
        let EvolutionMemory { readers, inputs, gates, products, previous, step: [slope, product] } = memory;
        inputs[..tokens * 3 * width].fill(0.0);
        for (reader, own) in readers.iter().zip(slope.chunks_exact_mut(width)) {
            own.copy_from_slice(&slopes[reader.row * width..][..width]);
        }
        for time in (0..longest(readers, Reader::length)).rev() {
            let active = active(readers, Reader::length, time);
            for (rank, reader) in readers[active.clone()].iter().enumerate() {
                let (token, pair, own) = (reader.token + time, reader.pair + time, &mut slope[rank * width..][..width]);
                let gates = &mut gates[pair * 3 * width..][..3 * width];
                let products = &mut products[pair * 3 * width..][..3 * width];
                let read = (&previous[pair * width..][..width], weights[pair]);
                weight_slopes[pair] = evolve_backward(gates, products, read, own);
                add_to(&mut inputs[token * 3 * width..][..3 * width], gates);
                product[rank * 3 * width..][..3 * width].copy_from_slice(products);
            }
            self.state.backward_input(layers, product, active.len(), (slope, true));
        }
        self.state.backward_parameters(previous, products, weights.len(), gradient);
        self.input.backward_parameters(states, inputs, tokens, gradient);
        self.input.backward_input(layers, inputs, tokens, (state_slopes, true));
    }
}

for_every_level! {
    /// `gates` hold the products with the input and become `r`, the gate before it was weighed, and `n`; `state` becomes
    /// the next one.
    pub(crate) fn evolve(gates: &mut [f32], product: &[f32], weight: f32, state: &mut [f32]) {
        let width = state.len();
        let ([reset, update, new], [product_reset, product_update, product_new]) =
            (of_gates_mut(gates), of_gates(product));
        for column in 0..width {
            reset[column] = sigmoid(reset[column] + product_reset[column]);
            update[column] = sigmoid(update[column] + product_update[column]);
            let inner = new[column] + reset[column] * product_new[column];
            new[column] = 2.0 * sigmoid(2.0 * inner) - 1.0;
            let share = weight * update[column];
            state[column] = (1.0 - share) * state[column] + share * new[column];
        }
    }

    /// Gates and products with the state become their gradients; `slope`, that of the state, becomes the direct part of
    /// that of the previous one. `read` is the state before, and the weight, whose gradient is returned.
    pub(crate) fn evolve_backward(
        gates: &mut [f32],
        products: &mut [f32],
        read: (&[f32], f32),
        slope: &mut [f32],
    ) -> f32 {
        let (width, (previous, weight)) = (slope.len(), read);
        let ([reset, update, new], [product_reset, product_update, product_new]) =
            (of_gates_mut(gates), of_gates_mut(products));
        let mut of_weight = 0.0;
        for column in 0..width {
            let (r, u, n, d) = (reset[column], update[column], new[column], slope[column]);
            let (d_share, d_inner) = (d * (n - previous[column]), d * weight * u * (1.0 - n * n));
            of_weight += d_share * u;
            let d_update = d_share * weight * u * (1.0 - u);
            let d_reset = d_inner * product_new[column] * r * (1.0 - r);
            slope[column] = d * (1.0 - weight * u);
            (reset[column], update[column], new[column]) = (d_reset, d_update, d_inner);
            (product_reset[column], product_update[column], product_new[column]) = (d_reset, d_update, d_inner * r);
        }
        of_weight
    }
}
