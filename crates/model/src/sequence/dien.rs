//! The deep interest evolution network (Zhou et al., AAAI 2019) over a history: a GRU makes an interest of every item, each
//! interest counts as much as it goes with a [`Query`] (softmax of `h W q` over what the row sees), and a second unit, whose
//! steps are as large as these weights, reads the interests; the vector is its last state. While training, [`NextItem`]
//! keeps the interests close to what is chosen next.

use super::evolution::{Evolution, EvolutionMemory};
use super::gru::Gru;
use super::next_item::NextItem;
use super::query::Query;
use super::{Initial, Memory, RowMemory, TensorSpec};
use crate::config::DienSection;
use crate::kernel::{Buffer, add_scaled, add_to, dot};
use crate::layer::block::grow;
use crate::layer::dropout::Dropout;
use crate::layer::linear::{Layers, Linear};
use crate::layer::product::{Matrix, multiply};
use crate::layer::softmax::{softmax, softmax_backward};

/// Layers of the encoder; offsets count from its first parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Dien {
    width: usize,
    query: Query,
    interests: Gru,
    /// First number of `W`, `[width, width]`.
    attention: usize,
    evolution: Evolution,
    auxiliary: f64,
}

/// What a pass remembers beside the tokens, the rows and the GRU.
#[derive(Debug, Clone, Default)]
pub(crate) struct DienMemory {
    pub(crate) next_item: NextItem,
    /// Weight of each interest in each row, `[pairs]`, and gradients.
    weights: Buffer,
    slopes: Buffer,
    /// `W q` of the rows, and gradients, `[rows, width]`.
    keys: [Buffer; 2],
    /// Gradients of the tokens that do not come through the GRU.
    token_slopes: Buffer,
    evolution: EvolutionMemory,
}

impl Dien {
    /// Over tokens and profiles of these widths; vectors are as wide as tokens.
    pub(crate) fn new(section: &DienSection, (width, profile): (usize, usize)) -> Self {
        let query = Query::new(section.attention_query, (width, profile));
        let interests = Gru::new(section.dropout, width, query.len());
        let attention = query.len() + interests.len();
        let evolution = Evolution::new(width, attention + width * width);
        Self { width, query, interests, attention, evolution, auxiliary: section.auxiliary_weight }
    }

    /// What the interests are compared with.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// What extracts interests from the tokens.
    pub(crate) fn interests(&self) -> &Gru {
        &self.interests
    }

    /// Weight of the auxiliary loss.
    pub(crate) fn auxiliary(&self) -> f64 {
        self.auxiliary
    }

    /// Its linear layers.
    pub(crate) fn linear(&self) -> Vec<Linear> {
        self.query.linear().into_iter().chain(self.interests.linear()).chain(self.evolution.linear()).collect()
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.attention + self.width * self.width + self.evolution.len()
    }

    /// Every tensor, in the order of the parameters.
    pub(crate) fn tensors(&self) -> Vec<TensorSpec> {
        let attention = TensorSpec::new("attention", &[self.width, self.width], Initial::Weight);
        let first = self.query.tensors().into_iter().chain(self.interests.tensors());
        first.chain([attention]).chain(self.evolution.tensors()).collect()
    }

    /// Share of numbers of the tokens that training drops.
    pub(crate) fn dropout(&self) -> f64 {
        self.interests.dropout()
    }

    /// Makes room for sequences with these ends, and the rows that read them.
    pub(crate) fn reserve(&self, ends: &[usize], memory: &mut Memory) {
        let (tokens, rows) = (ends[ends.len() - 1] - ends[0], &memory.rows);
        self.interests.reserve(ends, &mut memory.gru);
        let own = &mut memory.dien;
        self.evolution.reserve(tokens, rows, &mut own.evolution);
        [&mut own.weights, &mut own.slopes].into_iter().for_each(|buffer| grow(buffer, rows.pairs()));
        own.keys.iter_mut().for_each(|buffer| grow(buffer, rows.seen.len() * self.width));
        grow(&mut own.token_slopes, tokens * self.width);
    }

    /// Reads the tokens of `memory` for each of its rows.
    pub(crate) fn forward(&self, dense: &[f32], (ends, dropout): (&[usize], Dropout), memory: &mut Memory) {
        self.interests.forward(dense, (ends, dropout), memory);
        let cells = (ends[ends.len() - 1] - ends[0]) * self.width;
        let Memory { tokens, rows, gru, dien, .. } = memory;
        let (tokens, states) = (&tokens[..cells], &self.interests.states(gru)[..cells]);
        self.query.forward(dense, tokens, rows);
        let queries = Matrix::new(&rows.queries, rows.seen.len(), self.width);
        multiply(&mut dien.keys[0], queries, self.weight(dense), false);
        let mut start = 0;
        for (seen, key) in rows.seen.iter().zip(dien.keys[0].chunks_exact(self.width)) {
            let own = &mut dien.weights[start..start + seen.len()];
            start += seen.len();
            for (token, score) in seen.clone().zip(own.iter_mut()) {
                *score = dot(&states[token * self.width..][..self.width], key);
            }
            softmax(own);
        }
        self.evolution.forward(dense, (states, &dien.weights[..start]), &mut rows.vectors, &mut dien.evolution);
        dien.next_item.forward(ends, (states, tokens), self.width);
    }

    /// Writes the gradient of the tokens into `memory`, from that of the vectors of its rows; gradients of the parameters
    /// are added to `gradient`.
    pub(crate) fn backward(
        &self,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        (ends, dropout): (&[usize], Dropout),
        memory: &mut Memory,
    ) {
        let cells = (ends[ends.len() - 1] - ends[0]) * self.width;
        let Memory { tokens, gradient: state_slopes, rows, gru, dien, .. } = memory;
        let (tokens, states) = (&tokens[..cells], &self.interests.states(gru)[..cells]);
        let DienMemory { next_item, weights, slopes, keys, token_slopes, evolution } = dien;
        let (state_slopes, token_slopes) = (&mut state_slopes[..cells], &mut token_slopes[..cells]);
        state_slopes.fill(0.0);
        token_slopes.fill(0.0);
        let read = (states, &weights[..rows.pairs()], &rows.slopes[..]);
        self.evolution.backward((layers, &mut *gradient), read, (&mut *state_slopes, &mut slopes[..]), evolution);
        self.attention_backward(rows, (states, &mut *state_slopes), (&weights[..], &mut slopes[..]), keys);
        let count = rows.seen.len();
        let (queries, key_slopes) =
            (Matrix::new(&rows.queries, count, self.width), Matrix::new(&keys[1], count, self.width));
        let weight = &mut gradient[self.attention..self.attention + self.width * self.width];
        multiply(weight, queries.transposed(), key_slopes, true);
        multiply(&mut rows.query_slopes, key_slopes, self.weight(&layers).transposed(), false);
        self.query.backward((layers, &mut *gradient), token_slopes, rows);
        next_item.backward((states, tokens), (state_slopes, token_slopes), self.width);
        self.interests.backward((layers, gradient), (ends, dropout), memory);
        let token_slopes = &mut memory.dien.token_slopes[..cells];
        dropout.at(0).apply(token_slopes, 0);
        add_to(&mut memory.gradient[..cells], token_slopes);
    }

    /// From the gradients of the weights to those of states and keys.
    fn attention_backward(
        &self,
        rows: &RowMemory,
        (states, state_slopes): (&[f32], &mut [f32]),
        (weights, slopes): (&[f32], &mut [f32]),
        [keys, key_slopes]: &mut [Buffer; 2],
    ) {
        let (width, mut start) = (self.width, 0);
        let both = keys.chunks_exact(width).zip(key_slopes.chunks_exact_mut(width));
        for (seen, (key, key_slope)) in rows.seen.iter().zip(both) {
            let pairs = start..start + seen.len();
            start = pairs.end;
            softmax_backward(&weights[pairs.clone()], &mut slopes[pairs.clone()]);
            key_slope.fill(0.0);
            for (token, slope) in seen.clone().zip(&slopes[pairs]) {
                add_scaled(&mut state_slopes[token * width..][..width], key, *slope);
                add_scaled(key_slope, &states[token * width..][..width], *slope);
            }
        }
    }

    fn weight<'a>(&self, dense: &'a [f32]) -> Matrix<'a> {
        Matrix::new(&dense[self.attention..self.attention + self.width * self.width], self.width, self.width)
    }
}
