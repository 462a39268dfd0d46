//! A tower: cross layers if there are any, linear layers with ReLU or GELU between them, the last one linear, then, where
//! the score is the cosine, division by the length. A tower without layers has nothing but the end.
//!
//! In: rows `[rows, input width]`. Out: vectors `[rows, dimension]`; backward, gradients of the parameters and of
//! the input. The input's buffer is reused for its gradient.

use crate::config::{Activation, Score, TowerSection};
use crate::input::ChunkInput;
use crate::kernel::{Buffer, add_column_sums, add_to, bias_rows};
use crate::layer::cross::{Cross, CrossMemory};
use crate::layer::linear::{Layers, Linear};
use crate::layer::normalize;
use crate::shared::Shared;

/// Layers of one tower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tower {
    cross: Cross,
    layers: Vec<Linear>,
    activation: Activation,
    residual: bool,
    score: Score,
    /// Length of the vectors.
    dimension: usize,
}

/// Dense parameters as a backward pass reads them, and where it adds their gradients.
#[derive(Debug)]
pub(crate) struct Weights<'a> {
    pub(crate) layers: Layers<'a>,
    pub(crate) gradient: &'a mut [f32],
}

/// What a pass over up to `rows` rows remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct TowerWorkspace {
    cross: CrossMemory,
    /// Output of each layer, `[rows, outputs]`; the last one holds the vectors.
    outputs: Vec<Buffer>,
    /// What the activation's backward pass reads, where the output is not that: empty, or as long as the output.
    branches: Vec<Buffer>,
    /// `1 / length` of each row before it was normalised, where it was.
    factors: Vec<f32>,
    /// Gradients on their way down.
    gradients: [Buffer; 3],
}

impl Tower {
    /// Places the layers from `offset` on among the dense parameters.
    pub(crate) fn new(section: &TowerSection, score: Score, (input, dimension): (usize, usize), offset: usize) -> Self {
        let cross = Cross::new(section.cross.as_ref(), input, offset);
        let (mut layers, mut inputs, mut offset) = (Vec::new(), input, offset + cross.len());
        let last = section.project.then_some(dimension);
        for outputs in section.hidden.iter().map(|&width| width as usize).chain(last) {
            let layer = Linear { inputs, outputs, offset };
            offset += layer.len();
            inputs = outputs;
            layers.push(layer);
        }
        Self { cross, layers, activation: section.activation, residual: section.residual, score, dimension }
    }

    /// The cross layers, below the others.
    pub(crate) fn cross(&self) -> &Cross {
        &self.cross
    }

    /// The other layers, from the input up.
    pub(crate) fn layers(&self) -> &[Linear] {
        &self.layers
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.cross.len() + self.layers.iter().map(Linear::len).sum::<usize>()
    }

    /// What bends the outputs of all layers but the last.
    pub(crate) fn activation(&self) -> Activation {
        self.activation
    }

    /// What its vectors are made for.
    pub(crate) fn score(&self) -> Score {
        self.score
    }

    /// Length of the vectors.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Does this layer add its input to its output?
    pub(crate) fn is_residual(&self, number: usize) -> bool {
        let layer = &self.layers[number];
        self.residual && number + 1 < self.layers.len() && layer.inputs == layer.outputs
    }

    /// Buffers for up to `rows` rows; without `training`, none for gradients.
    pub(crate) fn workspace(&self, rows: usize, training: bool) -> TowerWorkspace {
        let mut outputs: Vec<_> = self.layers.iter().map(|layer| Buffer::zeros(rows * layer.outputs)).collect();
        if outputs.is_empty() {
            outputs.push(Buffer::zeros(rows * self.dimension));
        }
        let keeps = |number: usize| number + 1 < self.layers.len() && self.activation.keeps_input();
        let branch = |number: usize| {
            if self.is_residual(number) || keeps(number) { rows * self.layers[number].outputs } else { 0 }
        };
        let branches = (0..self.layers.len()).map(|number| Buffer::zeros(branch(number))).collect();
        let widest = self.layers.iter().map(|layer| layer.outputs).max().unwrap_or(self.dimension);
        let gradients = [(); 3].map(|()| Buffer::zeros(if training { rows * widest } else { 0 }));
        let cross = self.cross.memory(rows, training);
        TowerWorkspace { cross, outputs, branches, factors: vec![0.0; rows], gradients }
    }

    /// The first layer, where there is one.
    pub(crate) fn first(&self) -> Option<&Linear> {
        self.layers.first()
    }

    /// May fields of the input be shared? Not without a first layer, nor where it adds its input to its output, nor where
    /// cross layers are below it.
    pub(crate) fn may_share(&self) -> bool {
        self.cross.is_empty() && !self.layers.is_empty() && !self.is_residual(0)
    }

    /// All linear layers, in the order of their parameters.
    pub(crate) fn linear(&self) -> impl Iterator<Item = Linear> {
        self.cross.linear().chain(&self.layers).copied()
    }

    /// Vectors of the rows of `input`, left in the workspace.
    pub(crate) fn forward(
        &self,
        dense: &[f32],
        (input, shared): (&ChunkInput, &Shared),
        workspace: &mut TowerWorkspace,
    ) {
        let rows = input.rows();
        let crossed = self.cross.forward(dense, (input.values(), rows), &mut workspace.cross);
        if self.layers.is_empty() {
            let vectors = &mut workspace.outputs[0][..rows * self.dimension];
            vectors.copy_from_slice(&crossed[..vectors.len()]);
            self.finish(vectors, &mut workspace.factors[..rows]);
        }
        for (number, layer) in self.layers.iter().enumerate() {
            let (below, here) = workspace.outputs.split_at_mut(number);
            let (y, cells) = (&mut here[0], rows * layer.outputs);
            match below.last() {
                None if self.cross.is_empty() => input.forward(layer, dense, shared, y),
                None => layer.forward(dense, crossed, rows, y),
                Some(x) => layer.forward(dense, x, rows, y),
            }
            if number + 1 == self.layers.len() {
                bias_rows(&mut y[..cells], layer.bias(dense));
                self.finish(&mut y[..cells], &mut workspace.factors[..rows]);
                continue;
            }
            self.activation.forward(&mut y[..cells], layer.bias(dense), &mut workspace.branches[number]);
            if self.is_residual(number) {
                let x = below.last().map_or(crossed, |output| output);
                add_to(&mut y[..cells], &x[..cells]);
            }
        }
    }

    /// Brings vectors to length 1, where the score is the cosine.
    fn finish(&self, vectors: &mut [f32], factors: &mut [f32]) {
        match self.score {
            Score::Cosine => normalize::forward(vectors, self.dimension, factors),
            Score::Dot => {}
        }
    }

    /// Writes the gradient of what [`Tower::finish`] read, from that of the vectors that it gave.
    fn finish_backward(&self, (vectors, factors): (&[f32], &[f32]), gradient: &[f32], target: &mut [f32]) {
        let target = &mut target[..factors.len() * self.dimension];
        match self.score {
            Score::Cosine => normalize::backward(gradient, vectors, self.dimension, factors, target),
            Score::Dot => target.copy_from_slice(gradient),
        }
    }

    /// Takes the gradient of the vectors `[rows, dimension]` down. Gradients of the parameters are added to
    /// their places in `gradient`; the input keeps its own.
    pub(crate) fn backward(
        &self,
        Weights { layers, gradient }: Weights<'_>,
        input: &mut ChunkInput,
        vectors_gradient: &[f32],
        workspace: &mut TowerWorkspace,
    ) {
        let rows = input.rows();
        let TowerWorkspace { cross, outputs, branches, factors, gradients } = workspace;
        let vectors = (&outputs.last().expect("a workspace has the vectors")[..], &factors[..rows]);
        if self.layers.is_empty() {
            if self.cross.is_empty() {
                return self.finish_backward(vectors, vectors_gradient, input.values_mut());
            }
            self.finish_backward(vectors, vectors_gradient, cross.gradient_mut());
            return self.cross_backward((layers, gradient), input, cross);
        }
        let [mut above, mut below, spare] = gradients.each_mut();
        self.finish_backward(vectors, vectors_gradient, above);
        for (number, layer) in self.layers.iter().enumerate().rev() {
            let cells = rows * layer.outputs;
            let residual = self.is_residual(number);
            if residual {
                spare[..cells].copy_from_slice(&above[..cells]);
            }
            let bias = layer.gradients(gradient).1;
            if number + 1 < self.layers.len() {
                let kept = if branches[number].is_empty() { &outputs[number] } else { &branches[number] };
                self.activation.backward(&mut above[..cells], &kept[..cells], bias);
            } else {
                add_column_sums(&above[..cells], bias);
            }
            let skipped = residual.then_some(&spare[..cells]);
            if number == 0 && self.cross.is_empty() {
                return input.backward(layer, (layers, gradient), above, skipped);
            }
            if number == 0 {
                layer.backward_weight(cross.output().expect("it has layers"), above, rows, gradient);
                let below = cross.gradient_mut();
                skipped.into_iter().for_each(|skipped| below[..cells].copy_from_slice(skipped));
                layer.backward_input(layers, above, rows, (below, residual));
                return self.cross_backward((layers, gradient), input, cross);
            }
            layer.backward_weight(&outputs[number - 1], above, rows, gradient);
            if let Some(skipped) = skipped {
                below[..cells].copy_from_slice(skipped);
            }
            layer.backward_input(layers, above, rows, (&mut *below, residual));
            std::mem::swap(&mut above, &mut below);
        }
    }

    /// Takes the gradient that the memory holds down through the cross layers; the input keeps its own.
    fn cross_backward(&self, parameters: (Layers<'_>, &mut [f32]), input: &mut ChunkInput, memory: &mut CrossMemory) {
        let rows = input.rows();
        self.cross.backward(parameters, (input.values(), rows), memory);
        let cells = rows * self.cross.width();
        input.values_mut()[..cells].copy_from_slice(&memory.gradient_mut()[..cells]);
    }
}

impl TowerWorkspace {
    /// Most rows of a pass.
    pub(crate) fn room(&self) -> usize {
        self.factors.len()
    }

    /// The vectors of the last forward pass, `[rows, dimension]`.
    pub(crate) fn vectors(&self, rows: usize) -> &[f32] {
        let width = self.outputs.last().map_or(0, |output| output.len() / self.factors.len());
        self.outputs.last().map_or(&[], |output| &output[..rows * width])
    }
}
