//! A transformer block (Vaswani et al., 2017) over packed sequences: self-attention and a feed-forward part with ReLU
//! or GELU, each added to its input, with layer normalisation before each part or after each sum.
//!
//! In: tokens `[tokens, width]`. Out: as many. What the backward pass needs stays in [`BlockMemory`].

use super::attention::{Attention, HeadMemory};
use super::dropout::Dropout;
use super::layer_norm::{LayerNorm, Moments};
use super::linear::{Layers, Linear};
use crate::config::Activation;
use crate::kernel::{Buffer, add_bias_and, add_to, bias_rows};
use std::ops::Range;

/// Numbers of a band of rows: a quarter of the L1 cache of most CPUs, so that two or three layers find them there.
const BAND_CELLS: usize = 3072;

/// Layers of a block, and where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) attention: Attention,
    /// To queries, keys and values.
    pub(crate) joined: Linear,
    pub(crate) out: Linear,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) activation: Activation,
    pub(crate) norms: [LayerNorm; 2],
    /// Normalises what each part reads; else, what each sum gives.
    pub(crate) norm_first: bool,
}

/// What a pass over some tokens remembers; all but the probabilities `[tokens, …]`.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockMemory {
    joined: Buffer,
    probabilities: Buffer,
    attended: Buffer,
    inner: Buffer,
    /// The same before the activation, where that reads it again.
    unbent: Buffer,
    /// Input plus attention, and that plus feed-forward.
    sums: [Buffer; 2],
    normal: [Buffer; 2],
    moments: [Vec<Moments>; 2],
}

/// Memory that all blocks of an encoder use in turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scratch {
    head: HeadMemory,
    /// `[tokens, max(3 · width, inner width)]`.
    wide: Buffer,
    /// `[tokens, width]` each.
    narrow: [Buffer; 2],
}

/// Grows to `count` numbers.
pub(crate) fn grow(buffer: &mut Buffer, count: usize) {
    if buffer.len() < count {
        buffer.resize(count);
    }
}

impl BlockMemory {
    /// Where queries, keys and values `[tokens, 3 · width]` are put, if not by [`Block::join`].
    pub(crate) fn joined_mut(&mut self) -> &mut [f32] {
        &mut self.joined
    }
}

impl Scratch {
    /// Their gradients after [`Block::backward`].
    pub(crate) fn joined_slopes(&self) -> &[f32] {
        &self.wide
    }
}

impl Block {
    /// Places the layers from `offset` on.
    pub(crate) fn new(
        attention: Attention,
        (inner, activation): (usize, Activation),
        norm_first: bool,
        offset: usize,
    ) -> Self {
        let (width, mut offset) = (attention.width, offset);
        let mut linear = |inputs: usize, outputs: usize| {
            let layer = Linear { inputs, outputs, offset };
            offset += layer.len();
            layer
        };
        let (joined, out) = (linear(width, 3 * width), linear(width, width));
        let (up, down) = (linear(width, inner), linear(inner, width));
        let norms = [0, 1].map(|number| LayerNorm { width, offset: offset + number * 2 * width });
        Self { attention, joined, out, up, down, activation, norms, norm_first }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        let linear: usize = self.linear().into_iter().map(Linear::len).sum();
        linear + self.norms.iter().map(LayerNorm::len).sum::<usize>()
    }

    /// Its linear layers.
    pub(crate) fn linear(&self) -> [&Linear; 4] {
        [&self.joined, &self.out, &self.up, &self.down]
    }

    /// Makes room for the tokens of sequences with these ends.
    pub(crate) fn reserve(&self, ends: &[usize], memory: &mut BlockMemory, scratch: &mut Scratch) {
        let tokens = ends[ends.len() - 1] - ends[0];
        let (width, inner) = (self.attention.width, self.up.outputs);
        grow(&mut memory.joined, tokens * 3 * width);
        grow(&mut memory.probabilities, self.attention.cells(ends));
        grow(&mut memory.inner, tokens * inner);
        if self.activation.keeps_input() {
            grow(&mut memory.unbent, tokens * inner);
        }
        let narrow = [&mut memory.attended].into_iter().chain(&mut memory.sums).chain(&mut memory.normal);
        narrow.chain(&mut scratch.narrow).for_each(|buffer| grow(buffer, tokens * width));
        grow(&mut scratch.wide, tokens * inner.max(3 * width));
        memory.moments.iter_mut().for_each(|moments| moments.resize(moments.len().max(tokens), [0.0; 2]));
    }

    /// Queries, keys and values of `x`.
    pub(crate) fn join(&self, dense: &[f32], (x, tokens): (&[f32], usize), memory: &mut BlockMemory) {
        let BlockMemory { joined, normal: [normal, _], moments: [moments, _], .. } = memory;
        let Linear { inputs, outputs, .. } = self.joined;
        for rows in self.bands(tokens) {
            let x = &x[rows.start * inputs..rows.end * inputs];
            let joined = &mut joined[rows.start * outputs..rows.end * outputs];
            let mut read = x;
            if self.norm_first {
                let normal = &mut normal[rows.start * inputs..rows.end * inputs];
                self.norms[0].forward(dense, x, normal, &mut moments[rows.clone()]);
                read = normal;
            }
            self.joined.forward(dense, read, rows.len(), joined);
            bias_rows(joined, self.joined.bias(dense));
        }
    }

    /// Rows that go through several layers while they stay in the L1 cache.
    fn bands(&self, tokens: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let size = (BAND_CELLS / self.attention.width).max(1);
        (0..tokens).step_by(size).map(move |start| start..tokens.min(start + size))
    }

    /// Reads `x`, after [`Block::join`]; [`Block::output`] is what it gives.
    pub(crate) fn forward(
        &self,
        dense: &[f32],
        (x, ends, dropout): (&[f32], &[usize], Dropout),
        memory: &mut BlockMemory,
        scratch: &mut Scratch,
    ) {
        let BlockMemory { joined, probabilities, attended, .. } = &mut *memory;
        self.attention.forward(joined, (ends, dropout.at(0)), (probabilities, &mut scratch.head), attended);
        for rows in self.bands(ends[ends.len() - 1] - ends[0]) {
            self.forward_band(dense, rows, (x, dropout), memory);
        }
    }

    /// From what some tokens attend to, to the output.
    fn forward_band(
        &self,
        dense: &[f32],
        rows: Range<usize>,
        (x, dropout): (&[f32], Dropout),
        BlockMemory { attended, inner, unbent, sums, normal, moments, .. }: &mut BlockMemory,
    ) {
        let [cells, inner_cells] =
            [self.attention.width, self.up.outputs].map(|width| rows.start * width..rows.end * width);
        let [sum, sum_2] = sums.each_mut().map(|sum| &mut sum[cells.clone()]);
        let [normal_1, normal_2] = normal.each_mut().map(|normal| &mut normal[cells.clone()]);
        let [moments_1, moments_2] = moments.each_mut().map(|moments| &mut moments[rows.clone()]);
        let (inner, x) = (&mut inner[inner_cells.clone()], &x[cells.clone()]);
        self.out.forward(dense, &attended[cells.clone()], rows.len(), sum);
        add_dropped(sum, self.out.bias(dense), (dropout.at(1), cells.start), x);
        if !self.norm_first {
            self.norms[0].forward(dense, sum, normal_1, moments_1);
        }
        let middle: &[f32] = if self.norm_first { sum } else { normal_1 };
        if self.norm_first {
            self.norms[1].forward(dense, middle, normal_2, moments_2);
        }
        let read: &[f32] = if self.norm_first { normal_2 } else { middle };
        self.up.forward(dense, read, rows.len(), inner);
        let unbent = if self.activation.keeps_input() { &mut unbent[inner_cells.clone()] } else { &mut [] };
        self.activation.forward(inner, self.up.bias(dense), unbent);
        dropout.at(2).apply(inner, inner_cells.start);
        self.down.forward(dense, inner, rows.len(), sum_2);
        add_dropped(sum_2, self.down.bias(dense), (dropout.at(3), cells.start), middle);
        if !self.norm_first {
            self.norms[1].forward(dense, sum_2, normal_2, moments_2);
        }
    }

    /// What the last forward pass gave, `[tokens, width]`.
    pub(crate) fn output<'a>(&self, memory: &'a BlockMemory) -> &'a [f32] {
        if self.norm_first { &memory.sums[1] } else { &memory.normal[1] }
    }

    /// Turns the gradient `dx` `[tokens, width]` of the output into that of the input, as far as that was added to the
    /// attention; the rest is left to [`Block::join_backward`]. Gradients of the parameters are added to their places in
    /// `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        (memory, scratch): (&BlockMemory, &mut Scratch),
        dx: &mut [f32],
    ) {
        let tokens = ends[ends.len() - 1] - ends[0];
        self.feed_forward_backward((layers, &mut *gradient), (tokens, dropout), (memory, scratch), dx);
        self.attention_backward((layers, gradient), (ends, dropout), (memory, scratch), dx);
    }

    /// Adds what the gradients of queries, keys and values mean for the input `x` to `dx`.
    pub(crate) fn join_backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (x, tokens): (&[f32], usize),
        (memory, scratch): (&BlockMemory, &mut Scratch),
        dx: &mut [f32],
    ) {
        let Scratch { wide, narrow: [_, spare], .. } = scratch;
        let read = if self.norm_first { &memory.normal[0] } else { x };
        self.joined.backward_parameters(read, wide, tokens, gradient);
        if !self.norm_first {
            return self.joined.backward_input(layers, wide, tokens, (dx, true));
        }
        for rows in self.bands(tokens) {
            let normed = (&self.norms[0], x, &memory.moments[0][..]);
            normed_backward((layers, &mut *gradient), rows, (&self.joined, &wide[..]), normed, (spare, dx));
        }
    }

    /// From the gradient of the block's output to that of what the feed-forward part reads and is added to.
    fn feed_forward_backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (tokens, dropout): (usize, Dropout),
        (memory, scratch): (&BlockMemory, &mut Scratch),
        dx: &mut [f32],
    ) {
        let (width, inner) = (self.attention.width, self.up.outputs);
        let (wide, [upstream, spare]) = (&mut scratch.wide, &mut scratch.narrow);
        let moments = &memory.moments[1][..tokens];
        if !self.norm_first {
            self.norms[1].backward((&layers, &mut *gradient), (&memory.sums[1], moments), dx, None);
        }
        let upstream = dropped(dropout.at(3), &dx[..tokens * width], upstream);
        self.down.backward_parameters(&memory.inner, upstream, tokens, gradient);
        let kept = if self.activation.keeps_input() { &memory.unbent } else { &memory.inner };
        for rows in self.bands(tokens) {
            let cells = rows.start * inner..rows.end * inner;
            let (upstream, wide) = (&upstream[rows.start * width..rows.end * width], &mut wide[cells.clone()]);
            self.down.backward_input(layers, upstream, rows.len(), (&mut *wide, false));
            dropout.at(2).apply(wide, cells.start);
            self.activation.backward(wide, &kept[cells], self.up.gradients(gradient).1);
        }
        let read = if self.norm_first { &memory.normal[1] } else { &memory.normal[0] };
        self.up.backward_weight(read, wide, tokens, gradient);
        if !self.norm_first {
            return self.up.backward_input(layers, wide, tokens, (dx, true));
        }
        for rows in self.bands(tokens) {
            let normed = (&self.norms[1], &memory.sums[0][..], moments);
            normed_backward((layers, &mut *gradient), rows, (&self.up, &wide[..]), normed, (spare, dx));
        }
    }

    /// From there to the gradients of queries, keys and values, and of what was added to the attention.
    fn attention_backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        (memory, scratch): (&BlockMemory, &mut Scratch),
        dx: &mut [f32],
    ) {
        let (tokens, width) = (ends[ends.len() - 1] - ends[0], self.attention.width);
        let cells = tokens * width;
        let Scratch { head, wide, narrow: [upstream, spare] } = scratch;
        let moments = &memory.moments[0][..tokens];
        if !self.norm_first {
            self.norms[0].backward((&layers, &mut *gradient), (&memory.sums[0], moments), dx, None);
        }
        let upstream = dropped(dropout.at(1), &dx[..cells], upstream);
        self.out.backward_parameters(&memory.attended, upstream, tokens, gradient);
        self.out.backward_input(layers, upstream, tokens, (spare, false));
        let probabilities = (&memory.probabilities[..], head);
        self.attention.backward((&memory.joined, wide), (ends, dropout.at(0)), probabilities, spare);
    }
}

/// Adds the gradient of some rows of `x`, which was normalised and multiplied, to `dx`.
fn normed_backward(
    (layers, gradient): (Layers<'_>, &mut [f32]),
    rows: Range<usize>,
    (layer, slopes): (&Linear, &[f32]),
    (norm, x, moments): (&LayerNorm, &[f32], &[Moments]),
    (spare, dx): (&mut [f32], &mut [f32]),
) {
    let cells = rows.start * layer.inputs..rows.end * layer.inputs;
    let spare = &mut spare[..cells.len()];
    let slopes = &slopes[rows.start * layer.outputs..rows.end * layer.outputs];
    layer.backward_input(layers, slopes, rows.len(), (&mut *spare, false));
    norm.backward((&layers, gradient), (&x[cells.clone()], &moments[rows]), spare, Some(&mut dx[cells]));
}

/// `part = dropout(part + bias) + input`; the first number has that place.
fn add_dropped(part: &mut [f32], bias: &[f32], (dropout, place): (Dropout, usize), input: &[f32]) {
    if !dropout.drops() {
        return add_bias_and(part, bias, input);
    }
    bias_rows(part, bias);
    dropout.apply(part, place);
    add_to(part, input);
}

/// `values` with some dropped, in `copy` where any are.
fn dropped<'a>(dropout: Dropout, values: &'a [f32], copy: &'a mut [f32]) -> &'a [f32] {
    if !dropout.drops() {
        return values;
    }
    let copy = &mut copy[..values.len()];
    copy.copy_from_slice(values);
    dropout.apply(copy, 0);
    copy
}
