//! The passes of the in-batch loss: forward of all chunks, the loss over the whole batch, backward of all chunks.

use super::{Batch, CHUNK_ROWS, Engine, Objective, lock};
use crate::kernel::Buffer;
use crate::loss::{LossSum, softmax};
use crate::model::Parameters;
use rayon::prelude::*;

/// Columns of a whole batch.
#[derive(Debug, Default)]
pub(super) struct BatchColumns {
    /// Unit vectors `[rows, dimension]`, as the next three.
    users: Buffer,
    items: Buffer,
    user_gradients: Buffer,
    item_gradients: Buffer,
    weights: Vec<f32>,
    same_item: Vec<u32>,
    log_probability: Vec<f32>,
    workspace: softmax::Workspace,
}

impl Engine<'_> {
    /// Forward passes and the loss; the gradients of the vectors stay in the columns.
    pub(super) fn in_batch_loss(&mut self, parameters: &Parameters, batch: &Batch<'_>) -> LossSum {
        let chunks = batch.chunks();
        self.reserve(batch, chunks);
        self.read(parameters, batch);
        let (layout, buffers, dimension) = (self.layout, &self.buffers, self.layout.dimension());
        let columns = &mut self.columns;
        columns.users.resize(batch.rows.len() * dimension);
        columns.items.resize(batch.rows.len() * dimension);
        let cells = CHUNK_ROWS * dimension;
        let vectors = columns.users.par_chunks_mut(cells).zip(columns.items.par_chunks_mut(cells));
        let (work, shared) = (self.chunks.par_iter_mut().zip(buffers).zip(vectors), &self.shared);
        work.enumerate().for_each(|(number, ((chunk, buffers), (users, items)))| {
            let mut buffers = lock(buffers);
            chunk.forward(layout, parameters, (shared, number * CHUNK_ROWS), &mut buffers);
            let (user_vectors, item_vectors) = buffers.vectors(chunk);
            users.copy_from_slice(user_vectors);
            items.copy_from_slice(item_vectors);
        });
        self.read_columns(chunks);
        self.softmax()
    }

    fn read_columns(&mut self, chunks: usize) {
        let columns = &mut self.columns;
        columns.weights.clear();
        columns.same_item.clear();
        columns.log_probability.clear();
        let Objective::InBatch { mask, log_probability, .. } = &self.objective else { return };
        for chunk in &self.chunks[..chunks] {
            let (items, weights) = chunk.items();
            columns.weights.extend_from_slice(weights);
            if *mask {
                columns.same_item.extend_from_slice(items);
            }
            if !log_probability.is_empty() {
                columns.log_probability.extend(items.iter().map(|&item| log_probability[item as usize]));
            }
        }
    }

    fn softmax(&mut self) -> LossSum {
        let Objective::InBatch { temperature, .. } = self.objective else { return LossSum::default() };
        let columns = &mut self.columns;
        columns.user_gradients.resize(columns.users.len());
        columns.item_gradients.resize(columns.items.len());
        let batch = softmax::Batch {
            users: &columns.users,
            items: &columns.items,
            dimension: self.layout.dimension(),
            weights: &columns.weights,
            same_item: &columns.same_item,
            log_probability: &columns.log_probability,
            temperature,
        };
        columns.workspace.pass(&batch, &mut columns.user_gradients, &mut columns.item_gradients)
    }

    /// Backward passes of all chunks.
    pub(super) fn in_batch_backward(&mut self, parameters: &Parameters, batch: &Batch<'_>) {
        let (layout, cells, size) = (self.layout, CHUNK_ROWS * self.layout.dimension(), batch.group_chunks());
        let vectors = (self.columns.user_gradients.par_chunks(cells * size))
            .zip(self.columns.item_gradients.par_chunks(cells * size));
        let chunks = self.chunks[..batch.chunks()].par_chunks_mut(size).zip(self.buffers.par_chunks(size));
        chunks.zip(vectors).zip(&mut self.gradients).for_each(|(((chunks, buffers), (users, items)), gradient)| {
            gradient.fill(0.0);
            let vectors = users.chunks(cells).zip(items.chunks(cells));
            for ((chunk, buffers), vectors) in chunks.iter_mut().zip(buffers).zip(vectors) {
                chunk.vectors_backward(layout, (parameters, gradient), &mut lock(buffers), vectors);
            }
        });
        self.shared_backward(parameters, batch);
    }
}
