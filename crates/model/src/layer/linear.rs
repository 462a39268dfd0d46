//! A linear layer: `y = x · W + b`.

use super::product::{Matrix, multiply};
use crate::kernel::add_column_sums;
use crate::team::Team;
use std::ops::Deref;

/// Dense parameters as a backward pass reads them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers<'a> {
    pub(crate) dense: &'a [f32],
    /// The same, where linear layers have their weights transposed: once for all products of a step.
    pub(crate) transposed: &'a [f32],
}

impl Deref for Layers<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.dense
    }
}

/// Shape of a linear layer, and where its parameters lie among the dense parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Linear {
    /// Width of `x`.
    pub(crate) inputs: usize,
    /// Width of `y`.
    pub(crate) outputs: usize,
    /// First number of `W`, `[inputs, outputs]` row-major; `b` `[outputs]` follows.
    pub(crate) offset: usize,
}

/// Writes `Wᵀ` of each of these layers to its place among transposed weights, `transposed`; layers are in the order of their places.
pub(crate) fn transpose(layers: &[Linear], dense: &[f32], transposed: &mut [f32], team: &Team) {
    let (mut rest, mut start) = (transposed, 0);
    let parts = layers.iter().map(|layer| {
        let own = rest.split_off_mut(..layer.bias_offset() - start).expect("layers do not overlap");
        let own = &mut own[layer.offset - start..];
        start = layer.bias_offset();
        (layer, own)
    });
    team.each(parts, |_, (layer, own)| {
        layer.matrix(dense).turned(own, layer.inputs);
    });
}

impl Linear {
    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        (self.inputs + 1) * self.outputs
    }

    fn bias_offset(&self) -> usize {
        self.offset + self.inputs * self.outputs
    }

    /// `W`, `[inputs, outputs]`.
    pub(crate) fn weight<'a>(&self, dense: &'a [f32]) -> &'a [f32] {
        &dense[self.offset..self.bias_offset()]
    }

    /// `b`, `[outputs]`.
    pub(crate) fn bias<'a>(&self, dense: &'a [f32]) -> &'a [f32] {
        &dense[self.bias_offset()..self.offset + self.len()]
    }

    /// `W` as a matrix.
    pub(crate) fn matrix<'a>(&self, dense: &'a [f32]) -> Matrix<'a> {
        Matrix::new(self.weight(dense), self.inputs, self.outputs)
    }

    /// `Wᵀ` from that place, `[outputs, inputs]`.
    pub(crate) fn transposed<'a>(&self, transposed: &'a [f32]) -> Matrix<'a> {
        Matrix::new(self.weight(transposed), self.outputs, self.inputs)
    }

    /// Gradients of `W` and `b` among those of all dense parameters.
    pub(crate) fn gradients<'a>(&self, gradient: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        gradient[self.offset..self.offset + self.len()].split_at_mut(self.inputs * self.outputs)
    }

    /// `y = x · W` without the bias.
    pub(crate) fn forward(&self, dense: &[f32], x: &[f32], rows: usize, y: &mut [f32]) {
        multiply(y, Matrix::new(x, rows, self.inputs), self.matrix(dense), false);
    }

    /// Adds the gradients of `W` and `b` to their places in `gradient`.
    pub(crate) fn backward_parameters(&self, x: &[f32], dy: &[f32], rows: usize, gradient: &mut [f32]) {
        self.backward_weight(x, dy, rows, gradient);
        add_column_sums(&dy[..rows * self.outputs], self.gradients(gradient).1);
    }

    /// Adds the gradient of `W` alone.
    pub(crate) fn backward_weight(&self, x: &[f32], dy: &[f32], rows: usize, gradient: &mut [f32]) {
        let transposed = Matrix::new(x, rows, self.inputs).transposed();
        multiply(self.gradients(gradient).0, transposed, Matrix::new(dy, rows, self.outputs), true);
    }

    /// `dx = dy · Wᵀ`, or `dx += dy · Wᵀ` when `add`.
    pub(crate) fn backward_input(&self, layers: Layers<'_>, dy: &[f32], rows: usize, (dx, add): (&mut [f32], bool)) {
        multiply(dx, Matrix::new(dy, rows, self.outputs), self.transposed(layers.transposed), add);
    }
}
