//! The two towers with their parameters.
//!
//! In: encoded rows. Out: vectors. A model is made with random parameters, trained by [`mod@crate::train`], stored and
//! loaded by [`crate::export`]; two towers are never stored apart.

use crate::config::ModelSection;
use crate::engine::CHUNK_ROWS;
use crate::input::{ChunkInput, Repeated, Row, RowSource};
use crate::kernel::Buffer;
use crate::layer::linear::Linear;
use crate::layout::{InputLayout, ModelLayout};
use crate::sequence::{Encoded, Initial, Pass, TokenGradients};
use crate::shared::Shared;
use crate::team::Team;
use crate::tower::{Tower, TowerWorkspace};
use rayon::prelude::*;
use twinspire_core::encode::{EncodedView, FeatureEncoder};
use twinspire_core::rng::Rng;

/// Deviation of a new embedding.
const EMBEDDING_DEVIATION: f64 = 0.05;

/// All numbers that training moves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameters {
    /// Embedding tables, `[cardinality, dimension]` each.
    pub(crate) tables: Vec<Buffer>,
    /// User tower, item tower, sigmoid layer.
    pub(crate) dense: Vec<f32>,
}

/// User tower and item tower.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoTower {
    pub(crate) section: ModelSection,
    pub(crate) layout: ModelLayout,
    pub(crate) parameters: Parameters,
}

/// What one chunk after another is encoded with.
struct EncodeMemory {
    values: ChunkInput,
    shared: Shared,
    encoded: Vec<(Encoded, TokenGradients)>,
    workspace: TowerWorkspace,
}

impl EncodeMemory {
    fn new(workspace: TowerWorkspace) -> Self {
        Self { values: ChunkInput::default(), shared: Shared::default(), encoded: Vec::new(), workspace }
    }
}

impl Parameters {
    /// Embeddings from a normal distribution, weights uniform in `±sqrt(6 / (inputs + outputs))` (Glorot, Bengio:
    /// "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010), biases 0, and a
    /// sigmoid layer that changes nothing. One stream a tensor.
    pub(crate) fn random(layout: &ModelLayout, seed: u64) -> Self {
        let table = |(number, spec): (usize, &crate::layout::TableSpec)| {
            let mut rng = Rng::stream(seed, "embedding", number as u64);
            let mut table = Buffer::zeros(spec.cardinality * spec.dimension);
            table.fill_with(|| (rng.normal() * EMBEDDING_DEVIATION) as f32);
            table
        };
        let mut dense = vec![0.0; layout.dense_len()];
        let layers = layout.user_tower.layers().iter().chain(layout.item_tower.layers());
        for (number, Linear { inputs, outputs, offset }) in layers.enumerate() {
            let mut rng = Rng::stream(seed, "weight", number as u64);
            let bound = (6.0 / (inputs + outputs) as f64).sqrt();
            dense[*offset..offset + inputs * outputs].fill_with(|| rng.uniform(-bound, bound) as f32);
        }
        let crosses = [&layout.user_tower, &layout.item_tower].into_iter().flat_map(|tower| tower.cross().layers());
        let weights = crosses.flat_map(|layer| layer.tensors()).filter(|(_, shape, _)| shape.len() == 2);
        for (number, (_, shape, offset)) in weights.enumerate() {
            let mut rng = Rng::stream(seed, "cross", number as u64);
            let bound = (6.0 / shape.iter().sum::<usize>() as f64).sqrt();
            let numbers = &mut dense[offset..offset + shape[0] * shape[1]];
            numbers.fill_with(|| rng.uniform(-bound, bound) as f32);
        }
        for history in &layout.user.histories {
            let mut start = history.offset;
            for (number, tensor) in history.encoder.tensors().into_iter().enumerate() {
                let mut rng = Rng::stream(seed, &history.name, number as u64);
                let numbers = &mut dense[start..start + tensor.len()];
                start += tensor.len();
                match tensor.initial {
                    Initial::Constant(number) => numbers.fill(number),
                    Initial::Embedding => numbers.fill_with(|| (rng.normal() * EMBEDDING_DEVIATION) as f32),
                    Initial::Weight => {
                        let bound = (6.0 / tensor.shape.iter().sum::<usize>() as f64).sqrt();
                        numbers.fill_with(|| rng.uniform(-bound, bound) as f32);
                    }
                }
            }
        }
        dense[layout.head] = 1.0;
        Self { tables: layout.tables.iter().enumerate().map(table).collect(), dense }
    }
}

/// Rows of encoded features without histories.
struct Features<'a>(&'a EncodedView<'a>, usize);

impl RowSource for Features<'_> {
    fn row(&self, number: usize) -> Row<'_> {
        Row::of(self.0, self.1 + number)
    }
}

impl TwoTower {
    /// A model over the features of `encoder`, with random parameters.
    pub fn new(section: &ModelSection, encoder: &FeatureEncoder, seed: u64) -> Self {
        let layout = ModelLayout::new(section, encoder);
        let parameters = Parameters::random(&layout, seed);
        Self { section: section.clone(), layout, parameters }
    }

    /// Length of a vector.
    pub fn dimension(&self) -> usize {
        self.layout.dimension()
    }

    /// Vectors of a user: her interests, of which an item is worth the one that it is nearest to.
    pub fn interests(&self) -> usize {
        self.layout.user.interests()
    }

    /// Vectors of items, `[items, dimension]`, where the score is the cosine each of length 1 (or 0, when a row has no direction). `threads` workers
    /// share the work, 0 stands for all cores; the result does not depend on it.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn encode_items(&self, items: &EncodedView<'_>, threads: usize) -> crate::Result<Vec<f32>> {
        Ok(crate::train::pool(threads)?.install(|| self.item_vectors(items)))
    }

    /// As [`TwoTower::encode_items`], on the calling thread's pool.
    pub(crate) fn item_vectors(&self, items: &EncodedView<'_>) -> Vec<f32> {
        self.chosen_item_vectors(items, items.rows, |start| Features(items, start))
    }

    /// Vectors of items, `[rows, dimension]`; `source(start)` gives the rows from `start` on.
    pub(crate) fn chosen_item_vectors<S: RowSource>(
        &self,
        items: &EncodedView<'_>,
        rows: usize,
        source: impl Fn(usize) -> S + Sync,
    ) -> Vec<f32> {
        self.vectors((&self.layout.item_tower, &self.layout.item), items, (rows, source))
    }

    /// Vectors of users, `[rows, interests, dimension]`; `source(start)` gives the rows from `start` on.
    pub(crate) fn user_vectors<S: RowSource>(
        &self,
        items: &EncodedView<'_>,
        rows: usize,
        source: impl Fn(usize) -> S + Sync,
    ) -> Vec<f32> {
        self.vectors((&self.layout.user_tower, &self.layout.user), items, (rows, source))
    }

    fn vectors<S: RowSource>(
        &self,
        (tower, input): (&Tower, &InputLayout),
        items: &EncodedView<'_>,
        (rows, source): (usize, impl Fn(usize) -> S + Sync),
    ) -> Vec<f32> {
        let (interests, width) = (input.interests(), input.interests() * self.dimension());
        let mut vectors = vec![0.0; rows * width];
        let chunks = vectors.par_chunks_mut(CHUNK_ROWS * width).enumerate();
        let most = CHUNK_ROWS.min(rows) * interests;
        let memory = || EncodeMemory::new(tower.workspace(most, false));
        chunks.for_each_init(memory, |memory, (number, target)| {
            self.chunk((tower, input), (items, &source(number * CHUNK_ROWS)), memory, target);
        });
        vectors
    }

    /// One chunk of users on the calling thread.
    pub(crate) fn user_chunk(&self, items: &EncodedView<'_>, source: &impl RowSource, target: &mut [f32]) {
        let (tower, count) = (&self.layout.user_tower, target.len() / self.dimension());
        let mut memory = EncodeMemory::new(tower.workspace(count, false));
        self.chunk((tower, &self.layout.user), (items, source), &mut memory, target);
    }

    fn chunk(
        &self,
        (tower, input): (&Tower, &InputLayout),
        (items, source): (&EncodedView<'_>, &impl RowSource),
        EncodeMemory { values, shared, encoded, workspace }: &mut EncodeMemory,
        target: &mut [f32],
    ) {
        let (count, interests) = (target.len() / self.dimension(), input.interests());
        values.read(input, items, (&Repeated(source, interests), count));
        let (rows, read) = (count / interests, (input, &self.parameters));
        shared.read_histories(read, (items, (source, rows)), Pass::default(), &Team::default());
        shared.cut(rows, (1, count.max(1)));
        values.look_up(input, &self.parameters.tables, (shared, 0));
        encoded.resize_with(input.histories.len(), Default::default);
        for ((layout, history), encoded) in input.histories.iter().zip(shared.histories()).zip(encoded.iter_mut()) {
            let (chunks, (encoded, left)) = (0..history.chunks(), encoded);
            history.begin(layout, (&self.parameters, items), chunks.clone(), (&mut *encoded, &mut *left));
            let target = (values.values_mut(), layout.columns(input.width));
            history.forward((layout, &self.parameters), chunks, (encoded, left), target);
        }
        tower.forward(&self.parameters.dense, (values, shared), workspace);
        target.copy_from_slice(workspace.vectors(count));
    }
}
