//! The local activation unit of DIN (Zhou et al.: "Deep Interest Network for Click-Through Rate Prediction", KDD 2018): how
//! much an item `h` of a history counts for a query `q`, from a linear layer over `[h, q, h - q, h ∘ q]`, PReLU with a slope
//! a unit, and a linear layer to one number.
//!
//! The first layer is linear in each of the four parts. Those that read only `h` or only `q` are multiplied once a token and
//! once a query; a pair costs a product as wide as a token, not four times as wide.

use super::block::grow;
use super::linear::Linear;
use super::product::{Matrix, multiply};
use crate::kernel::{Buffer, add_column_sums, add_to, bias_rows, dot_lanes, for_every_level, for_every_register};
use std::ops::Range;

/// Slope of a new PReLU below 0.
pub(crate) const PRELU_SLOPE: f32 = 0.25;

/// Shape of a unit: `[4 · width, hidden]` and biases, slopes `[hidden]`, weights `[hidden]`, and a last bias or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ActivationUnit {
    pub(crate) width: usize,
    pub(crate) hidden: usize,
    pub(crate) offset: usize,
    /// Is a number added to every score? A softmax would not see it.
    pub(crate) biased: bool,
}

/// Tokens and queries `[.., width]`, and for every query the tokens that it is compared with.
#[derive(Clone, Copy)]
pub(crate) struct Pairs<'a> {
    pub(crate) tokens: &'a [f32],
    pub(crate) queries: &'a [f32],
    pub(crate) seen: &'a [Range<usize>],
}

/// What a pass remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnitMemory {
    /// Weights of the first layer by what they read: tokens, queries, products `[width, hidden]`, products transposed.
    weights: [Buffer; 4],
    /// What tokens and queries give to the first layer `[.., hidden]`, then their gradients.
    parts: [Buffer; 2],
    /// What the first layer gives, `[pairs, hidden]`, then its gradient.
    pairs: Buffer,
    /// Of one query: `h ∘ q`, and its gradient, `[tokens, width]`.
    products: [Buffer; 2],
    activated: Buffer,
}

impl ActivationUnit {
    /// The first layer.
    pub(crate) fn first(&self) -> Linear {
        Linear { inputs: 4 * self.width, outputs: self.hidden, offset: self.offset }
    }

    fn slopes(&self) -> Range<usize> {
        let start = self.offset + self.first().len();
        start..start + self.hidden
    }

    /// Weights of the last layer.
    fn last(&self) -> Range<usize> {
        self.slopes().end..self.slopes().end + self.hidden
    }

    fn last_bias(&self, dense: &[f32]) -> f32 {
        if self.biased { dense[self.last().end] } else { 0.0 }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.first().len() + 2 * self.hidden + usize::from(self.biased)
    }

    /// Writes the score of each pair, query by query.
    pub(crate) fn forward(&self, dense: &[f32], pairs: Pairs<'_>, scores: &mut [f32], memory: &mut UnitMemory) {
        self.read_weights(dense, &mut memory.weights);
        let (tokens, queries, hidden) = (pairs.tokens.len() / self.width, pairs.seen.len(), self.hidden);
        for (number, (read, rows)) in [(pairs.tokens, tokens), (pairs.queries, queries)].into_iter().enumerate() {
            grow(&mut memory.parts[number], rows * hidden);
            let weights = Matrix::new(&memory.weights[number], self.width, hidden);
            multiply(&mut memory.parts[number], Matrix::new(read, rows, self.width), weights, false);
        }
        bias_rows(&mut memory.parts[1][..queries * hidden], self.first().bias(dense));
        grow(&mut memory.pairs, scores.len() * hidden);
        memory.activated.resize(hidden);
        let layer = (&dense[self.slopes()], &dense[self.last()], self.last_bias(dense));
        let UnitMemory { weights, parts, pairs: between, products, activated } = memory;
        self.for_each_query(pairs, |query, seen, own| {
            let count = seen.len();
            let product = self.product(pairs, (query, seen.clone()), &mut products[0]);
            let cells = &mut between[own.start * hidden..own.end * hidden];
            multiply(
                cells,
                Matrix::new(product, count, self.width),
                Matrix::new(&weights[2], self.width, hidden),
                false,
            );
            let read = (&parts[0][seen.start * hidden..seen.end * hidden], &parts[1][query * hidden..][..hidden]);
            unit_scores(cells, read, layer, (&mut scores[own], &mut activated[..]));
        });
    }

    /// Adds the gradients of tokens and queries to `slopes`, and those of the parameters to `gradient`; `score_slopes` are
    /// those of the scores that the last forward pass gave.
    pub(crate) fn backward(
        &self,
        (dense, gradient): (&[f32], &mut [f32]),
        (pairs, score_slopes): (Pairs<'_>, &[f32]),
        (token_slopes, query_slopes): (&mut [f32], &mut [f32]),
        memory: &mut UnitMemory,
    ) {
        let (width, hidden) = (self.width, self.hidden);
        let UnitMemory { weights, parts, pairs: between, products, .. } = memory;
        parts.iter_mut().for_each(|part| part.fill(0.0));
        self.last_backward((dense, &mut *gradient), between, score_slopes);
        self.for_each_query(pairs, |query, seen, own| {
            let (count, query_row) = (seen.len(), row(pairs.queries, query, width));
            let [product, product_slopes] = products;
            grow(product_slopes, count * width);
            let slopes = Matrix::new(&between[own.start * hidden..own.end * hidden], count, hidden);
            add_to(
                &mut parts[0][seen.start * hidden..seen.end * hidden],
                &between[own.start * hidden..own.end * hidden],
            );
            add_column_sums(&between[own.start * hidden..own.end * hidden], &mut parts[1][query * hidden..][..hidden]);
            let read = Matrix::new(self.product(pairs, (query, seen.clone()), product), count, width);
            let target = &mut self.first().gradients(gradient).0[3 * width * hidden..];
            multiply(target, read.transposed(), slopes, true);
            multiply(product_slopes, slopes, Matrix::new(&weights[3], hidden, width), false);
            let (cells, query_slope) =
                (seen.start * width..seen.end * width, &mut query_slopes[query * width..][..width]);
            let targets = (&mut token_slopes[cells.clone()], query_slope);
            product_backward(&product_slopes[..count * width], (&pairs.tokens[cells], query_row), targets);
        });
        self.parts_backward(gradient, pairs, (token_slopes, query_slopes), memory);
    }

    /// From the parts that read only tokens or only queries down.
    fn parts_backward(
        &self,
        gradient: &mut [f32],
        pairs: Pairs<'_>,
        (token_slopes, query_slopes): (&mut [f32], &mut [f32]),
        memory: &UnitMemory,
    ) {
        let (size, hidden) = (self.width * self.hidden, self.hidden);
        let (own, bias) = self.first().gradients(gradient);
        add_column_sums(&memory.parts[1][..pairs.seen.len() * hidden], bias);
        let [mut of_token, mut of_query] = [Buffer::zeros(size), Buffer::zeros(size)];
        let tokens = (pairs.tokens, token_slopes, &mut of_token);
        for (number, (read, slopes, target)) in
            [tokens, (pairs.queries, query_slopes, &mut of_query)].into_iter().enumerate()
        {
            let rows = slopes.len() / self.width;
            let own = Matrix::new(&memory.parts[number], rows, hidden);
            let weights = Matrix::new(&memory.weights[number], self.width, hidden);
            multiply(target, Matrix::new(read, rows, self.width).transposed(), own, false);
            multiply(slopes, own, weights.transposed(), true);
        }
        for at in 0..size {
            own[at] += of_token[at];
            own[size + at] += of_query[at];
            own[2 * size + at] += of_token[at] - of_query[at];
        }
    }

    /// What the pairs hold becomes its gradient.
    fn last_backward(&self, (dense, gradient): (&[f32], &mut [f32]), between: &mut [f32], score_slopes: &[f32]) {
        let layer = (&dense[self.slopes()], &dense[self.last()]);
        let (slopes, last) = gradient[self.slopes().start..self.offset + self.len()].split_at_mut(self.hidden);
        let (weight, bias) = last.split_at_mut(self.hidden);
        unit_slopes(between, score_slopes, layer, (slopes, weight));
        bias.iter_mut().for_each(|bias| *bias += score_slopes.iter().sum::<f32>());
    }

    /// `h W_1 + q W_2 + (h - q) W_3 = h (W_1 + W_3) + q (W_2 - W_3)`.
    fn read_weights(&self, dense: &[f32], [of_token, of_query, of_product, transposed]: &mut [Buffer; 4]) {
        let (size, own) = (self.width * self.hidden, self.first().weight(dense));
        [&mut *of_token, of_query, of_product, transposed].into_iter().for_each(|buffer| buffer.resize(size));
        for at in 0..size {
            of_token[at] = own[at] + own[2 * size + at];
            of_query[at] = own[size + at] - own[2 * size + at];
        }
        of_product.copy_from_slice(&own[3 * size..]);
        Matrix::new(of_product, self.width, self.hidden).turned(transposed, self.width);
    }

    /// `h ∘ q` of a query and the tokens that it is compared with.
    fn product<'a>(&self, pairs: Pairs<'_>, (query, seen): (usize, Range<usize>), target: &'a mut Buffer) -> &'a [f32] {
        let cells = seen.len() * self.width;
        grow(target, cells);
        let tokens = &pairs.tokens[seen.start * self.width..seen.end * self.width];
        products_with(tokens, row(pairs.queries, query, self.width), &mut target[..cells]);
        &target[..cells]
    }

    /// Calls `visit` with each query that has tokens, its tokens, and its pairs.
    fn for_each_query(&self, pairs: Pairs<'_>, mut visit: impl FnMut(usize, Range<usize>, Range<usize>)) {
        let mut start = 0;
        for (query, seen) in pairs.seen.iter().enumerate().filter(|(_, seen)| !seen.is_empty()) {
            visit(query, seen.clone(), start..start + seen.len());
            start += seen.len();
        }
    }
}

fn row(rows: &[f32], number: usize, width: usize) -> &[f32] {
    &rows[number * width..][..width]
}

for_every_level! {
    /// `target = tokens ∘ query`, token by token.
    pub(crate) fn products_with(tokens: &[f32], query: &[f32], target: &mut [f32]) {
        for (token, own) in tokens.chunks_exact(query.len()).zip(target.chunks_exact_mut(query.len())) {
            for column in 0..query.len() {
                own[column] = token[column] * query[column];
            }
        }
    }

    /// Adds what the gradients of the products mean for tokens and query.
    pub(crate) fn product_backward(slopes: &[f32], read: (&[f32], &[f32]), targets: (&mut [f32], &mut [f32])) {
        let ((tokens, query), (token_slopes, query_slope)) = (read, targets);
        let width = query.len();
        for ((slope, token), own) in
            slopes.chunks_exact(width).zip(tokens.chunks_exact(width)).zip(token_slopes.chunks_exact_mut(width))
        {
            for column in 0..width {
                own[column] += slope[column] * query[column];
                query_slope[column] += slope[column] * token[column];
            }
        }
    }
}

for_every_register! {
    /// Adds the parts of tokens and query to those of the products, and takes the rest of the unit: PReLU and last layer.
    pub(crate) fn unit_scores<L>(
        hidden: &mut [f32],
        parts: (&[f32], &[f32]),
        layer: (&[f32], &[f32], f32),
        target: (&mut [f32], &mut [f32]),
    ) {
        let ((of_tokens, of_query), (slopes, weights, bias), (scores, activated)) = (parts, layer, target);
        let width = of_query.len();
        for ((own, of_token), score) in hidden.chunks_exact_mut(width).zip(of_tokens.chunks_exact(width)).zip(scores) {
            for unit in 0..width {
                let value = own[unit] + of_token[unit] + of_query[unit];
                own[unit] = value;
                activated[unit] = if value > 0.0 { value } else { value * slopes[unit] };
            }
            // SAFETY: the machine has the instructions.
            *score = unsafe { dot_lanes::<L>(activated, weights) } + bias;
        }
    }
}

for_every_level! {
    /// What the first layer gave becomes its gradient; those of slopes and weights are added to `gradient`.
    pub(crate) fn unit_slopes(
        hidden: &mut [f32],
        score_slopes: &[f32],
        layer: (&[f32], &[f32]),
        gradient: (&mut [f32], &mut [f32]),
    ) {
        let ((slopes, weights), (of_slopes, of_weights)) = (layer, gradient);
        let width = weights.len();
        for (own, score_slope) in hidden.chunks_exact_mut(width).zip(score_slopes) {
            for unit in 0..width {
                let (value, upstream) = (own[unit], score_slope * weights[unit]);
                let below = if value > 0.0 { 0.0 } else { value };
                of_slopes[unit] += upstream * below;
                of_weights[unit] += score_slope * (if value > 0.0 { value } else { value * slopes[unit] });
                own[unit] = if value > 0.0 { upstream } else { upstream * slopes[unit] };
            }
        }
    }
}
