//! What training may see of the gradients of a step, before they are cut and parameters move.

use crate::histogram::Histogram;

/// The length of the gradient, and how its numbers are spread. All numbers are divided by the sum of weights of the batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    /// Root of the sum of all squares; nothing where the batch has no weight.
    pub(crate) norm: Option<f64>,
    /// One a tensor, in the order of the model file, where they are wanted. Of an embedding table only the rows count that
    /// the step has read.
    pub(crate) histograms: Vec<(String, Histogram)>,
    pub(super) wants_histograms: bool,
}

impl Look {
    /// At the length, and, if wanted, at the tensors.
    pub(crate) fn new(wants_histograms: bool) -> Self {
        Self { norm: None, histograms: Vec::new(), wants_histograms }
    }

    /// The gradient of a tensor, in pieces that are to be multiplied by `scale`.
    pub(super) fn add(&mut self, name: &str, pieces: &[&[f32]], scale: f64) {
        self.histograms.extend(Histogram::of(pieces, scale).map(|own| (name.to_owned(), own)));
    }
}
