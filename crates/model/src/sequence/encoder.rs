//! The encoders of histories: tokens `[tokens, width]` to states `[tokens, width]`, from which each row takes its vector, or
//! to the vectors of the rows themselves.

use super::RowMemory;
use super::dien::{Dien, DienMemory};
use super::din::{Din, DinMemory};
use super::gru::{Gru, GruMemory};
use super::interests::{Interests, InterestsMemory};
use super::self_attention::{AttentionMemory, SelfAttention};
use crate::config::EncoderSection;
use crate::kernel::Buffer;
use crate::layer::block::{Block, grow};
use crate::layer::dropout::Dropout;
use crate::layer::linear::{Layers, Linear};
use crate::layout::HistoryLayout;
use std::ops::Range;

/// An encoder; one file each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Encoder {
    SelfAttention(SelfAttention),
    Gru(Gru),
    Din(Din),
    Dien(Dien),
    Interests(Interests),
    /// The tokens as they are; what weighs them is how they are read.
    Recency,
}

/// What a pass over a chunk remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Embeddings of the tokens `[tokens, width]`.
    pub(crate) tokens: Buffer,
    /// Gradient of the states; after the backward pass, that of the tokens.
    pub(crate) gradient: Buffer,
    pub(crate) attention: AttentionMemory,
    pub(crate) gru: GruMemory,
    pub(crate) din: DinMemory,
    pub(crate) dien: DienMemory,
    pub(crate) interests: InterestsMemory,
    pub(crate) rows: RowMemory,
}

/// A tensor of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TensorSpec {
    /// Name after that of the encoder, as in `block.0.up.weight`.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) initial: Initial,
}

/// What a tensor's numbers are before training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Initial {
    /// One number.
    Constant(f32),
    /// As weights of linear layers.
    Weight,
    /// As embeddings.
    Embedding,
}

impl TensorSpec {
    pub(crate) fn new(name: &str, shape: &[usize], initial: Initial) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), initial }
    }

    /// Numbers of the tensor.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Weight and bias of a linear layer.
    pub(crate) fn linear(name: &str, inputs: usize, outputs: usize) -> [Self; 2] {
        let weight = Self::new(&format!("{name}.weight"), &[inputs, outputs], Initial::Weight);
        [weight, Self::new(&format!("{name}.bias"), &[outputs], Initial::Constant(0.0))]
    }

    /// Gain and bias of a layer normalisation.
    pub(crate) fn norm(name: &str, width: usize) -> [Self; 2] {
        let gain = Self::new(&format!("{name}.gain"), &[width], Initial::Constant(1.0));
        [gain, Self::new(&format!("{name}.bias"), &[width], Initial::Constant(0.0))]
    }

    /// Vectors of positions.
    pub(crate) fn positions(length: usize, width: usize) -> Self {
        Self::new("positions", &[length, width], Initial::Embedding)
    }
}

impl Encoder {
    /// Over histories of up to `max_length` items, each `width` wide, of rows whose other features are `profile` wide.
    pub(crate) fn new(section: &EncoderSection, (width, profile): (usize, usize), max_length: usize) -> Self {
        match section {
            EncoderSection::SelfAttention(own) => Self::SelfAttention(SelfAttention::new(own, width, max_length)),
            EncoderSection::Gru(own) => Self::Gru(Gru::new(own.dropout, width, 0)),
            EncoderSection::Din(own) => Self::Din(Din::new(own, (width, profile))),
            EncoderSection::Dien(own) => Self::Dien(Dien::new(own, (width, profile))),
            EncoderSection::Interests(own) => Self::Interests(Interests::new(own, width, max_length)),
            EncoderSection::Recency(_) => Self::Recency,
        }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::SelfAttention(own) => own.len(),
            Self::Gru(own) => own.len(),
            Self::Din(own) => own.len(),
            Self::Dien(own) => own.len(),
            Self::Interests(own) => own.len(),
            Self::Recency => 0,
        }
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        match self {
            Self::SelfAttention(own) => own.tensors(),
            Self::Gru(own) => own.tensors(),
            Self::Din(own) => own.tensors(),
            Self::Dien(own) => own.tensors(),
            Self::Interests(own) => own.tensors(),
            Self::Recency => Vec::new(),
        }
    }

    /// Name in the table of the model.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::SelfAttention(own) if own.reads_gaps() => "self-attention with time gaps",
            Self::SelfAttention(_) => "self-attention",
            Self::Gru(_) => "gru",
            Self::Din(_) => "din",
            Self::Dien(_) => "dien",
            Self::Interests(_) => "interests",
            Self::Recency => "weighted by age",
        }
    }

    /// Vectors of a row: more than one only of an encoder that attends.
    pub(crate) fn interests(&self) -> usize {
        match self {
            Self::Interests(own) => own.count(),
            Self::SelfAttention(_) | Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Recency => 1,
        }
    }

    /// Does it give vectors to a row, from what the row sees of the tokens, instead of one state a token?
    pub(crate) fn attends(&self) -> bool {
        match self {
            Self::Din(_) | Self::Dien(_) | Self::Interests(_) => true,
            Self::SelfAttention(_) | Self::Gru(_) | Self::Recency => false,
        }
    }

    /// Does it read the other features of a row?
    pub(crate) fn reads_profile(&self) -> bool {
        match self {
            Self::Din(own) => own.query().reads_profile(),
            Self::Dien(own) => own.query().reads_profile(),
            Self::SelfAttention(_) | Self::Gru(_) | Self::Interests(_) | Self::Recency => false,
        }
    }

    /// Does it read how long after a token the next one came?
    pub(crate) fn reads_gaps(&self) -> bool {
        match self {
            Self::SelfAttention(own) => own.reads_gaps(),
            Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Interests(_) | Self::Recency => false,
        }
    }

    /// Weight of a loss of its own, which is there while training.
    pub(crate) fn auxiliary(&self) -> f64 {
        match self {
            Self::Dien(own) => own.auxiliary(),
            Self::SelfAttention(_) | Self::Gru(_) | Self::Din(_) | Self::Interests(_) | Self::Recency => 0.0,
        }
    }

    /// Share of numbers that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        match self {
            Self::SelfAttention(own) => own.dropout(),
            Self::Gru(own) => own.dropout(),
            Self::Din(own) => own.dropout(),
            Self::Dien(own) => own.dropout(),
            Self::Interests(own) => own.dropout(),
            Self::Recency => 0.0,
        }
    }

    /// Which rows of its first parameters are added to tokens of sequences of up to `longest`, as two ranges.
    pub(crate) fn added(&self, longest: usize) -> [Range<usize>; 2] {
        match self {
            Self::SelfAttention(own) => own.added(longest),
            Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Interests(_) | Self::Recency => [0..0, 0..0],
        }
    }

    /// Fills in such rows, one for each token of sequences with these ends, or none; `gaps` are the buckets of the tokens.
    pub(crate) fn add(&self, ends: &[usize], gaps: &[u32], rows: &mut [Vec<u32>; 2]) {
        match self {
            Self::SelfAttention(own) => own.add(ends, gaps, rows),
            Self::Gru(_) | Self::Din(_) | Self::Dien(_) | Self::Interests(_) | Self::Recency => {}
        }
    }

    /// The linear layer that reads tokens as they are, where one does. Its products are then made by others.
    pub(crate) fn first(&self, dropout: Dropout) -> Option<&Linear> {
        match self {
            Self::SelfAttention(own) => own.first(dropout),
            Self::Gru(own) => own.first(dropout),
            Self::Dien(own) => own.interests().first(dropout),
            Self::Din(_) | Self::Interests(_) | Self::Recency => None,
        }
    }

    /// Where the products of that layer are put before a forward pass.
    pub(crate) fn products_mut<'a>(&self, memory: &'a mut Memory) -> &'a mut [f32] {
        match self {
            Self::SelfAttention(own) => own.products_mut(&mut memory.attention),
            Self::Gru(_) | Self::Dien(_) => memory.gru.input_products(),
            Self::Din(_) | Self::Interests(_) | Self::Recency => &mut [],
        }
    }

    /// Their gradients after a backward pass.
    pub(crate) fn product_slopes<'a>(&self, memory: &'a Memory) -> &'a [f32] {
        match self {
            Self::SelfAttention(own) => own.product_slopes(&memory.attention),
            Self::Gru(_) | Self::Dien(_) => memory.gru.input_slopes(),
            Self::Din(_) | Self::Interests(_) | Self::Recency => &[],
        }
    }

    /// Turns the tokens of `memory` into states; `dense` are the encoder's parameters.
    pub(crate) fn forward(&self, dense: &[f32], read: (&[usize], Dropout), memory: &mut Memory) {
        match self {
            Self::SelfAttention(own) => own.forward(dense, read, memory),
            Self::Gru(own) => own.forward(dense, read, memory),
            Self::Din(own) => own.forward(dense, read, memory),
            Self::Dien(own) => own.forward(dense, read, memory),
            Self::Interests(own) => own.forward(dense, read, memory),
            Self::Recency => {}
        }
    }

    /// Its linear layers, through which gradients go back.
    pub(crate) fn linear(&self) -> Vec<Linear> {
        match self {
            Self::SelfAttention(own) => own.blocks().iter().flat_map(Block::linear).copied().collect(),
            Self::Gru(own) => own.linear().to_vec(),
            Self::Din(own) => own.query().linear().into_iter().collect(),
            Self::Dien(own) => own.linear(),
            Self::Interests(own) => vec![own.linear()],
            Self::Recency => Vec::new(),
        }
    }

    /// The states of the last forward pass, `[tokens, width]`, or `[rows, interests, width]` of an encoder that attends.
    pub(crate) fn states<'a>(&self, memory: &'a Memory) -> &'a [f32] {
        match self {
            Self::SelfAttention(own) => own.states(&memory.attention),
            Self::Gru(own) => own.states(&memory.gru),
            Self::Din(_) | Self::Dien(_) | Self::Interests(_) => &memory.rows.vectors,
            Self::Recency => &memory.tokens,
        }
    }

    /// Where the gradient of the states is put before the backward pass.
    pub(crate) fn state_slopes<'a>(&self, memory: &'a mut Memory) -> &'a mut [f32] {
        if self.attends() { &mut memory.rows.slopes } else { &mut memory.gradient }
    }

    /// Turns the gradient of the states, in `memory`, into that of the tokens, or as far as they did not go through
    /// [`Encoder::first`]; those of the parameters are added to `gradient`. A forward pass over the same tokens must have been
    /// the last one.
    pub(crate) fn backward(
        &self,
        parameters: (Layers<'_>, &mut [f32]),
        read: (&[usize], Dropout),
        memory: &mut Memory,
    ) {
        match self {
            Self::SelfAttention(own) => own.backward(parameters, read, memory),
            Self::Gru(own) => own.backward(parameters, read, memory),
            Self::Din(own) => own.backward(parameters, read, memory),
            Self::Dien(own) => own.backward(parameters, read, memory),
            Self::Interests(own) => own.backward(parameters, read, memory),
            Self::Recency => {}
        }
    }
}

impl Memory {
    /// Makes room for sequences with these ends.
    pub(crate) fn reserve(&mut self, layout: &HistoryLayout, ends: &[usize]) {
        let tokens = ends[ends.len() - 1] - ends[0];
        grow(&mut self.tokens, tokens * layout.width);
        grow(&mut self.gradient, tokens * layout.width);
        match &layout.encoder {
            Encoder::SelfAttention(own) => own.reserve(ends, &mut self.attention),
            Encoder::Gru(own) => own.reserve(ends, &mut self.gru),
            Encoder::Din(own) => own.reserve(self.rows.pairs(), &mut self.din),
            Encoder::Dien(own) => own.reserve(ends, self),
            Encoder::Interests(own) => own.reserve((tokens, self.rows.pairs()), &mut self.interests),
            Encoder::Recency => {}
        }
    }
}
