//! Cross layers: `x' = x0 ⊙ (x · W + b) + x`, where `x0` is the input of the first one. Each multiplies features with each
//! other once more.
//!
//! Wang et al.: "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank Systems", WWW 2021.
//! `W` is a matrix of its own, or the product of two narrow ones.

use super::linear::{Layers, Linear};
use super::product::{Matrix, multiply};
use crate::config::CrossSection;
use crate::kernel::{Buffer, add_products, product_of};

/// Shape of one cross layer, and where its parameters lie among the dense parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CrossLayer {
    /// The first of two narrow matrices, `[width, rank]`, where there are two.
    down: Option<Down>,
    /// `W`, or the second narrow matrix, `[rank, width]`, with the bias.
    up: Linear,
}

/// A matrix without a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Down {
    width: usize,
    rank: usize,
    offset: usize,
}

/// The cross layers of a tower, from the input up; none where the tower has none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cross {
    layers: Vec<CrossLayer>,
}

/// What a pass over some rows remembers, one entry a layer.
#[derive(Debug, Clone, Default)]
pub(crate) struct CrossMemory {
    /// `x'`, `[rows, width]`.
    outputs: Vec<Buffer>,
    /// `x · W + b`, `[rows, width]`.
    products: Vec<Buffer>,
    /// What the first of two narrow matrices gives, `[rows, rank]`.
    narrow: Vec<Buffer>,
    /// Gradient of the output on the way down, then that of the input; `[rows, width]`.
    gradient: Buffer,
    /// What `x0` gets as a factor; gradient of a product; that of what is narrow.
    scratch: [Buffer; 3],
}

impl Down {
    fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.width * self.rank
    }

    fn matrix<'a>(&self, dense: &'a [f32]) -> Matrix<'a> {
        Matrix::new(&dense[self.range()], self.width, self.rank)
    }
}

impl CrossLayer {
    fn new(width: usize, rank: Option<u32>, offset: usize) -> Self {
        let down = rank.map(|rank| Down { width, rank: rank as usize, offset });
        let inputs = down.map_or(width, |down| down.rank);
        let offset = down.map_or(offset, |down| down.range().end);
        Self { down, up: Linear { inputs, outputs: width, offset } }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.down.map_or(0, |down| down.range().len()) + self.up.len()
    }

    /// Names, shapes and places of its tensors, in their order.
    pub(crate) fn tensors(&self) -> Vec<(&'static str, Vec<usize>, usize)> {
        let Linear { inputs, outputs, offset } = self.up;
        let down = self.down.map(|down| ("down.weight", vec![down.width, down.rank], down.offset));
        let up = [("weight", vec![inputs, outputs], offset), ("bias", vec![outputs], offset + inputs * outputs)];
        down.into_iter().chain(up).collect()
    }

    /// How it multiplies, in words: `27 x 27`, or `27 x 4 x 27`.
    pub(crate) fn shape(&self) -> String {
        let rank = self.down.map(|down| format!("{} x ", down.rank)).unwrap_or_default();
        format!("{0} x {rank}{0}", self.up.outputs)
    }
}

impl Cross {
    /// Places the layers over inputs of `width` columns from `offset` on.
    pub(crate) fn new(section: Option<&CrossSection>, width: usize, offset: usize) -> Self {
        let (mut layers, mut offset) = (Vec::new(), offset);
        let rank = section.and_then(|section| section.rank);
        for _ in 0..section.map_or(0, |section| section.layers) {
            let layer = CrossLayer::new(width, rank, offset);
            offset += layer.len();
            layers.push(layer);
        }
        Self { layers }
    }

    /// The layers, from the input up.
    pub(crate) fn layers(&self) -> &[CrossLayer] {
        &self.layers
    }

    /// Columns of the input; 0 without layers.
    pub(crate) fn width(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.up.outputs)
    }

    /// Is there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.layers.iter().map(CrossLayer::len).sum()
    }

    /// The linear part of each layer.
    pub(crate) fn linear(&self) -> impl Iterator<Item = &Linear> {
        self.layers.iter().map(|layer| &layer.up)
    }

    /// Buffers for up to `rows` rows; without `training`, none for gradients.
    pub(crate) fn memory(&self, rows: usize, training: bool) -> CrossMemory {
        let Some(first) = self.layers.first() else { return CrossMemory::default() };
        let (width, rank) = (first.up.outputs, first.down.map_or(0, |down| down.rank));
        let of = |width: usize| self.layers.iter().map(|_| Buffer::zeros(rows * width)).collect();
        let rows = if training { rows } else { 0 };
        CrossMemory {
            outputs: of(width),
            products: of(width),
            narrow: of(rank),
            gradient: Buffer::zeros(rows * width),
            scratch: [width, width, rank].map(|width| Buffer::zeros(rows * width)),
        }
    }

    /// The output of the last layer `[rows, width]`, for the input `x0`; the input itself where there is no layer.
    pub(crate) fn forward<'m>(
        &self,
        dense: &[f32],
        (x0, rows): (&'m [f32], usize),
        memory: &'m mut CrossMemory,
    ) -> &'m [f32] {
        for (number, CrossLayer { down, up }) in self.layers.iter().enumerate() {
            let (below, here) = memory.outputs.split_at_mut(number);
            let x = below.last().map_or(x0, |output| output);
            let (product, cells) = (&mut memory.products[number], rows * up.outputs);
            match down {
                Some(down) => {
                    let narrow = &mut memory.narrow[number];
                    multiply(narrow, Matrix::new(x, rows, down.width), down.matrix(dense), false);
                    up.forward(dense, narrow, rows, product);
                }
                None => up.forward(dense, x, rows, product),
            }
            crate::kernel::bias_rows(&mut product[..cells], up.bias(dense));
            let y = &mut here[0][..cells];
            y.copy_from_slice(&x[..cells]);
            add_products(y, &x0[..cells], &product[..cells]);
        }
        memory.outputs.last().map_or(x0, |output| output)
    }

    /// Takes the gradient of the output, which the memory holds, down to that of the input; gradients of the parameters are
    /// added to their places in `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (x0, rows): (&[f32], usize),
        memory: &mut CrossMemory,
    ) {
        let CrossMemory { outputs, products, narrow, gradient: above, scratch: [factors, slopes, narrow_slopes] } =
            memory;
        factors.fill(0.0);
        for (number, CrossLayer { down, up }) in self.layers.iter().enumerate().rev() {
            let cells = rows * up.outputs;
            let x = if number == 0 { x0 } else { &outputs[number - 1] };
            add_products(&mut factors[..cells], &above[..cells], &products[number][..cells]);
            product_of(&mut slopes[..cells], &above[..cells], &x0[..cells]);
            let Some(down) = down else {
                up.backward_parameters(x, slopes, rows, gradient);
                up.backward_input(layers, slopes, rows, (above, true));
                continue;
            };
            up.backward_parameters(&narrow[number], slopes, rows, gradient);
            up.backward_input(layers, slopes, rows, (narrow_slopes, false));
            let below = Matrix::new(narrow_slopes, rows, down.rank);
            multiply(&mut gradient[down.range()], Matrix::new(x, rows, down.width).transposed(), below, true);
            multiply(above, below, down.matrix(&layers).transposed(), true);
        }
        crate::kernel::add_to(above, factors);
    }
}

impl CrossMemory {
    /// The output of the last layer, which is not there without layers.
    pub(crate) fn output(&self) -> Option<&Buffer> {
        self.outputs.last()
    }

    /// Gradient of the output before the backward pass, and of the input after it.
    pub(crate) fn gradient_mut(&mut self) -> &mut Buffer {
        &mut self.gradient
    }
}
