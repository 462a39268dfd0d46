//! Causal self-attention over a history (Kang, McAuley: "Self-Attentive Sequential Recommendation", ICDM 2018): items plus
//! what their places and the gaps after them add, transformer blocks, and a last normalisation where the blocks normalise what they read.

use super::gaps::GAPS;
use super::{Initial, Memory, TensorSpec};
use crate::config::{NormPlace, Positions, SelfAttentionSection};
use crate::kernel::Buffer;
use crate::layer::attention::Attention;
use crate::layer::block::{Block, BlockMemory, Scratch, grow};
use crate::layer::dropout::Dropout;
use crate::layer::layer_norm::{LayerNorm, Moments};
use crate::layer::linear::{Layers, Linear};
use std::ops::Range;

/// Layers of the encoder; offsets count from its first parameter, where the vectors of positions lie, then those of gaps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelfAttention {
    width: usize,
    max_length: usize,
    positions: Positions,
    gaps: bool,
    blocks: Vec<Block>,
    norm: Option<LayerNorm>,
    dropout: f64,
}

/// What a pass remembers beside the tokens.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttentionMemory {
    blocks: Vec<BlockMemory>,
    scratch: Scratch,
    output: Buffer,
    moments: Vec<Moments>,
}

impl SelfAttention {
    /// Over histories of up to `max_length` items, each `width` wide.
    pub(crate) fn new(section: &SelfAttentionSection, width: usize, max_length: usize) -> Self {
        let placed = section.positions != Positions::None;
        let gaps = section.time_gaps;
        let mut offset = (if placed { max_length } else { 0 } + if gaps { GAPS } else { 0 }) * width;
        let mut blocks = Vec::new();
        for _ in 0..section.blocks {
            let attention = Attention { width, heads: section.heads as usize, causal: section.causal };
            let inner = (section.inner as usize, section.activation);
            let block = Block::new(attention, inner, section.norm == NormPlace::First, offset);
            offset += block.len();
            blocks.push(block);
        }
        let norm = (section.norm == NormPlace::First).then_some(LayerNorm { width, offset });
        Self { width, max_length, positions: section.positions, gaps, blocks, norm, dropout: section.dropout }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.places()
            + self.gap_cells()
            + self.blocks.iter().map(Block::len).sum::<usize>()
            + self.norm.map_or(0, |norm| norm.len())
    }

    /// Width of the tokens.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Most tokens that have a place, and how places are counted.
    pub(crate) fn positions(&self) -> (usize, Positions) {
        (self.max_length, self.positions)
    }

    /// The blocks, from the tokens up.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What follows them.
    pub(crate) fn norm(&self) -> Option<LayerNorm> {
        self.norm
    }

    /// Does it read how long after a token the next one came?
    pub(crate) fn reads_gaps(&self) -> bool {
        self.gaps
    }

    /// Numbers in the vectors of gaps.
    fn gap_cells(&self) -> usize {
        if self.gaps { GAPS * self.width } else { 0 }
    }

    fn places(&self) -> usize {
        if self.positions == Positions::None { 0 } else { self.max_length * self.width }
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let mut tensors = Vec::new();
        if self.positions != Positions::None {
            tensors.push(TensorSpec::positions(self.max_length, self.width));
        }
        if self.gaps {
            tensors.push(TensorSpec::new("gaps", &[GAPS, self.width], Initial::Embedding));
        }
        for (number, block) in self.blocks.iter().enumerate() {
            let name = |layer: &str| format!("block.{number}.{layer}");
            let linear =
                |layer: &str, Linear { inputs, outputs, .. }: Linear| TensorSpec::linear(&name(layer), inputs, outputs);
            tensors.extend(linear("joined", block.joined).into_iter().chain(linear("out", block.out)));
            tensors.extend(linear("up", block.up).into_iter().chain(linear("down", block.down)));
            tensors.extend(["norm_1", "norm_2"].iter().flat_map(|norm| TensorSpec::norm(&name(norm), self.width)));
        }
        tensors.extend(self.norm.iter().flat_map(|norm| TensorSpec::norm("norm", norm.width)));
        tensors
    }

    /// Share of numbers that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        self.dropout
    }

    /// Which rows of its first parameters are added to tokens of sequences of up to `longest`: places, and gaps.
    pub(crate) fn added(&self, longest: usize) -> [Range<usize>; 2] {
        let places = self.places() / self.width;
        [0..longest.min(places), places..places + self.gap_cells() / self.width]
    }

    /// Fills in such a row for each token: of its place, and of its gap.
    pub(crate) fn add(&self, ends: &[usize], gaps: &[u32], [of_place, of_gap]: &mut [Vec<u32>; 2]) {
        self.positions.for_each(ends, |_, place| of_place.push(place as u32));
        of_gap.extend(gaps.iter().map(|gap| (self.places() / self.width) as u32 + gap));
    }

    /// The layer that reads tokens as they are, where one does.
    pub(crate) fn first(&self, dropout: Dropout) -> Option<&Linear> {
        let block = &self.blocks[0];
        (!block.norm_first && !dropout.drops()).then_some(&block.joined)
    }

    /// Where the products of that layer are put before a forward pass.
    pub(crate) fn products_mut<'a>(&self, memory: &'a mut AttentionMemory) -> &'a mut [f32] {
        memory.blocks[0].joined_mut()
    }

    /// Their gradients after a backward pass.
    pub(crate) fn product_slopes<'a>(&self, memory: &'a AttentionMemory) -> &'a [f32] {
        memory.scratch.joined_slopes()
    }

    /// Makes room for sequences with these ends.
    pub(crate) fn reserve(&self, ends: &[usize], memory: &mut AttentionMemory) {
        let tokens = ends[ends.len() - 1] - ends[0];
        memory.blocks.resize_with(self.blocks.len(), BlockMemory::default);
        for (block, own) in self.blocks.iter().zip(&mut memory.blocks) {
            block.reserve(ends, own, &mut memory.scratch);
        }
        if let Some(norm) = self.norm {
            grow(&mut memory.output, tokens * norm.width);
            memory.moments.resize(memory.moments.len().max(tokens), [0.0; 2]);
        }
    }

    /// Reads the tokens of `memory`, and what the first layer gives for them, where it reads them as they are.
    pub(crate) fn forward(&self, dense: &[f32], (ends, dropout): (&[usize], Dropout), memory: &mut Memory) {
        let tokens = ends[ends.len() - 1] - ends[0];
        dropout.at(0).apply(&mut memory.tokens[..tokens * self.width], 0);
        let AttentionMemory { blocks, scratch, output, moments } = &mut memory.attention;
        for (number, block) in self.blocks.iter().enumerate() {
            let (below, own) = blocks.split_at_mut(number);
            let x = if number == 0 { &memory.tokens } else { self.blocks[number - 1].output(&below[number - 1]) };
            if number > 0 || self.first(dropout).is_none() {
                block.join(dense, (x, tokens), &mut own[0]);
            }
            block.forward(dense, (x, ends, dropout.at(number + 1)), &mut own[0], scratch);
        }
        if let Some(norm) = self.norm {
            norm.forward(dense, self.last(blocks), output, &mut moments[..tokens]);
        }
    }

    fn last<'a>(&self, blocks: &'a [BlockMemory]) -> &'a [f32] {
        let number = self.blocks.len() - 1;
        self.blocks[number].output(&blocks[number])
    }

    /// What the last forward pass gave, `[tokens, width]`.
    pub(crate) fn states<'a>(&self, memory: &'a AttentionMemory) -> &'a [f32] {
        if self.norm.is_some() { &memory.output } else { self.last(&memory.blocks) }
    }

    /// Turns the gradient of the states, in `memory`, into that of the tokens, or as far as they did not go through the first
    /// layer where that read them as they are; gradients of the parameters are added to `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        memory: &mut Memory,
    ) {
        let cells = (ends[ends.len() - 1] - ends[0]) * self.width;
        let AttentionMemory { blocks, scratch, moments, .. } = &mut memory.attention;
        let dx = &mut memory.gradient[..cells];
        if let Some(norm) = self.norm {
            norm.backward((&layers, &mut *gradient), (self.last(blocks), &moments[..cells / self.width]), dx, None);
        }
        for (number, block) in self.blocks.iter().enumerate().rev() {
            let x = if number == 0 { &memory.tokens } else { self.blocks[number - 1].output(&blocks[number - 1]) };
            let read = (ends, dropout.at(number + 1));
            block.backward((layers, &mut *gradient), read, (&blocks[number], scratch), dx);
            if number > 0 || self.first(dropout).is_none() {
                block.join_backward((layers, &mut *gradient), (x, cells / self.width), (&blocks[number], scratch), dx);
            }
        }
        dropout.at(0).apply(dx, 0);
    }
}
