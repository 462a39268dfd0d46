//! What tokens are sums of: the embedding of an item, and rows that the encoder adds, as for its place.
//!
//! Among the tokens of a group of chunks an item is there many times. Its embedding is looked up once, and its gradients are
//! summed before the tables get them. Where the first linear layer of the encoder reads tokens as they are, it multiplies the
//! parts instead of the tokens: with `E` the embeddings of the items and `A` the rows that are added,
//! `x W = E[item] W + A[place] W`, and gradients of `x W` are summed by part first. It is the same sum in another order.

use crate::kernel::{Buffer, bias_rows};
use crate::layer::distinct::{add_by_index, sum_of_indexed};
use crate::layer::ids::Ids;
use crate::layer::linear::{Layers, Linear};
use crate::layer::product::{Matrix, multiply};
use std::ops::Range;

/// The parts of the tokens of a group, and of one chunk after another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    /// Distinct corpus rows among the tokens of the group.
    items: Ids,
    /// Number of the first token.
    first: usize,
    /// The tokens of the chunk, counted from there.
    chunk: Range<usize>,
    /// Rows that are added to the tokens of the chunk, one a token each, or none.
    added: [Vec<u32>; 2],
    /// `[items, width]`.
    embeddings: Buffer,
    /// Products with embeddings and with rows that are added `[·, outputs]`, and their gradients.
    products: [Buffer; 2],
    slopes: [Buffer; 2],
    /// Which rows that may be added are among the products.
    multiplied: [Range<usize>; 2],
}

impl Parts {
    /// Finds the distinct items of a group of tokens, of which the first one has this number.
    pub(super) fn find(&mut self, (first, tokens): (usize, &[u32])) {
        self.first = first;
        self.items.find(tokens);
    }

    /// Corpus rows of the items, in the order they were met.
    pub(super) fn items(&self) -> &[u32] {
        self.items.distinct()
    }

    /// Makes room for embeddings of that width, which are to be filled in.
    pub(super) fn embeddings_mut(&mut self, width: usize) -> &mut [f32] {
        self.embeddings.resize(self.items.distinct().len() * width);
        &mut self.embeddings
    }

    /// Multiplies embeddings, and these rows of the encoder's first parameters, by the weights of its first layer.
    pub(super) fn multiply(&mut self, layer: &Linear, dense: &[f32], added: [Range<usize>; 2]) {
        let Linear { inputs, outputs, .. } = *layer;
        let count = self.items().len();
        let [of_items, of_added] = &mut self.products;
        of_items.resize(count * outputs);
        of_added.resize(added[1].end * outputs);
        layer.forward(dense, &self.embeddings, count, of_items);
        bias_rows(of_items, layer.bias(dense));
        for rows in &added {
            layer.forward(dense, &dense[rows.start * inputs..], rows.len(), &mut of_added[rows.start * outputs..]);
        }
        self.multiplied = added;
    }

    /// Starts the gradients of the products.
    pub(super) fn start(&mut self) {
        for (slopes, products) in self.slopes.iter_mut().zip(&self.products) {
            slopes.resize(products.len());
            slopes.fill(0.0);
        }
    }

    /// Goes on to a chunk of the group; returns the lists of what is added to its tokens, which are to be filled in.
    pub(super) fn enter(&mut self, chunk: Range<usize>) -> &mut [Vec<u32>; 2] {
        self.chunk = chunk.start - self.first..chunk.end - self.first;
        self.added.iter_mut().for_each(Vec::clear);
        &mut self.added
    }

    /// Writes the tokens of the chunk `[tokens, width]`.
    pub(super) fn tokens(&self, added: &[f32], target: &mut [f32]) {
        self.sum([&self.embeddings, added], target);
    }

    /// Writes what the first layer gives for them `[tokens, outputs]`.
    pub(super) fn products(&self, target: &mut [f32]) {
        self.sum(self.products.each_ref().map(|products| &products[..]), target);
    }

    fn sum(&self, [items, added]: [&[f32]; 2], target: &mut [f32]) {
        let index = &self.items.index()[self.chunk.clone()];
        let lists = self.added.iter().filter(|rows| !rows.is_empty()).map(|rows| (added, &rows[..]));
        let sources: Vec<_> = [(items, index)].into_iter().chain(lists).collect();
        let width = target.len() / index.len().max(1);
        if width > 0 {
            sum_of_indexed(target, &sources, width);
        }
    }

    /// Adds the gradients of the tokens of the chunk to those of their parts.
    pub(super) fn add(&self, gradient: &[f32], targets: [&mut [f32]; 2]) {
        add(&self.items.index()[self.chunk.clone()], &self.added, gradient, targets);
    }

    /// Likewise of what the first layer gave.
    pub(super) fn add_products(&mut self, gradient: &[f32]) {
        let targets = self.slopes.each_mut().map(|slopes| &mut slopes[..]);
        add(&self.items.index()[self.chunk.clone()], &self.added, gradient, targets);
    }

    /// Adds what the gradients of the products mean for the layer, whose place is among those of all parameters of the encoder,
    /// for the embeddings, and for the rows that are added, which are the first parameters.
    pub(super) fn backward(
        &self,
        layer: &Linear,
        (layers, gradient): (Layers<'_>, &mut [f32]),
        embedding_slopes: &mut [f32],
    ) {
        let (Linear { inputs, outputs, .. }, [of_items, of_added]) = (*layer, &self.slopes);
        layer.backward_parameters(&self.embeddings, of_items, self.items().len(), gradient);
        layer.backward_input(layers, of_items, self.items().len(), (embedding_slopes, true));
        for Range { start, end } in self.multiplied.iter().cloned() {
            let (rows, slopes) = (&layers[start * inputs..end * inputs], &of_added[start * outputs..end * outputs]);
            let (left, right) =
                (Matrix::new(rows, end - start, inputs).transposed(), Matrix::new(slopes, end - start, outputs));
            multiply(layer.gradients(gradient).0, left, right, true);
            layer.backward_input(layers, slopes, end - start, (&mut gradient[start * inputs..end * inputs], true));
        }
    }
}

/// Adds row `r` of `gradient` to row `index[r]` of the first target, and to row `added[·][r]` of the second.
fn add(index: &[u32], added: &[Vec<u32>; 2], gradient: &[f32], [items, rows]: [&mut [f32]; 2]) {
    let width = gradient.len() / index.len().max(1);
    if width > 0 {
        add_by_index(items, index, gradient, width);
        added.iter().for_each(|list| add_by_index(rows, list, gradient, width));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_products_are_sums_of_their_parts_and_so_are_the_gradients() {
        let mut parts = Parts::default();
        parts.find((10, &[7, 1 << 31, 7, 5, 7]));
        assert_eq!((parts.items(), parts.items.index()), (&[7, 1 << 31, 5][..], &[0, 1, 0, 2, 0][..]));
        parts.embeddings_mut(1).copy_from_slice(&[1.0, 2.0, 3.0]);
        // Two rows that may be added, then a weight and a bias.
        let (layer, dense) = (Linear { inputs: 1, outputs: 2, offset: 2 }, [10.0, 20.0, 0.5, -1.0, 100.0, 200.0]);
        parts.multiply(&layer, &dense, [0..2, 2..2]);
        parts.start();
        let (mut items, mut gradient) = ([0.0; 3], [0.0; 6]);
        for (chunk, places, expected) in
            [(10..13, vec![1, 0, 1], [21.0, 12.0, 21.0]), (13..15, vec![], [3.0, 1.0, 0.0])]
        {
            let count = chunk.len();
            parts.enter(chunk)[0].extend(places);
            let (mut tokens, mut products) = (vec![0.0; count], vec![0.0; 2 * count]);
            parts.tokens(&dense[..2], &mut tokens);
            parts.products(&mut products);
            assert_eq!(tokens, expected[..count]);
            let expected: Vec<f32> = tokens.iter().flat_map(|x| [0.5 * x + 100.0, 200.0 - x]).collect();
            assert_eq!(products, expected);
            parts.add(&tokens, [&mut items, &mut gradient]);
            parts.add_products(&vec![1.0; 2 * count]);
        }
        assert_eq!((items, &gradient[..2]), ([43.0, 12.0, 3.0], &[12.0, 42.0][..]));
        let layers = Layers { dense: &dense, transposed: &dense };
        parts.backward(&layer, (layers, &mut gradient), &mut items);
        // The gradient of a product is 1, so that of its token is the sum of the weights, and that of a weight the sum of all
        // tokens, of which there are five.
        assert_eq!(items, [43.0 - 1.5, 12.0 - 0.5, 3.0 - 0.5]);
        assert_eq!(gradient, [12.0 - 0.5, 42.0 - 1.0, 58.0, 58.0, 5.0, 5.0]);
    }

    #[test]
    fn a_group_without_tokens_has_no_parts() {
        let mut parts = Parts::default();
        parts.find((3, &[]));
        parts.enter(3..3);
        parts.tokens(&[], &mut []);
        parts.add(&[], [&mut [], &mut []]);
        assert!(parts.items().is_empty());
    }
}
