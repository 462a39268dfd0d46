//! Vectors that came after the base was built. In: items, one by one. Out: scores of all that are wanted. Rows are never
//! changed or taken out, so a state shares them with the next one.

use crate::rows::Rows;
use std::sync::Arc;
use twinspire_core::attribute::AttributeValue;
use twinspire_core::query::Scored;

/// Rows that are copied at most when one is added.
const CHUNK: usize = 256;

/// An item of the tail, its vector aside.
#[derive(Debug, Clone)]
pub(super) struct TailItem {
    /// Its id.
    pub id: String,
    /// (attribute, value), the attributes by number.
    pub values: Vec<(u32, AttributeValue)>,
}

#[derive(Debug, Clone, Default)]
struct Chunk {
    items: Vec<TailItem>,
    /// `[items, dimension]`.
    vectors: Vec<f32>,
}

/// Items with their vectors.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    dimension: usize,
    /// All are full but the last.
    chunks: Vec<Arc<Chunk>>,
    len: usize,
}

impl Tail {
    /// Nothing yet.
    pub fn new(dimension: usize) -> Self {
        Self { dimension, chunks: Vec::new(), len: 0 }
    }

    /// Number of items, the dead ones too.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Adds an item.
    pub fn push(&mut self, item: TailItem, vector: &[f32]) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        let last = self.chunks.last_mut().map(Arc::make_mut).expect("there is one that is not full");
        last.items.push(item);
        last.vectors.extend_from_slice(vector);
        self.len += 1;
    }

    /// The items from place `from` on, with their vectors.
    pub fn from(&self, from: usize) -> impl Iterator<Item = (&TailItem, &[f32])> {
        let chunks = self.chunks.iter().skip(from / CHUNK);
        chunks.flat_map(|chunk| chunk.items.iter().zip(chunk.vectors.chunks_exact(self.dimension))).skip(from % CHUNK)
    }

    /// The item at a place.
    pub fn item(&self, place: usize) -> &TailItem {
        &self.chunks[place / CHUNK].items[place % CHUNK]
    }

    /// Appends the scores of the places of `wanted`, which ascends; items are numbered from `first` on.
    pub fn score(&self, query: &[f32], (first, wanted): (u32, &[u32]), scored: &mut Vec<Scored>) {
        for wanted in wanted.chunk_by(|left, right| *left as usize / CHUNK == *right as usize / CHUNK) {
            let chunk = wanted[0] as usize / CHUNK;
            let rows = Rows { values: &self.chunks[chunk].vectors, dimension: self.dimension, items: None };
            let places: Vec<u32> = wanted.iter().map(|place| place % CHUNK as u32).collect();
            let start = scored.len();
            rows.score(&places, query, scored);
            scored[start..].iter_mut().for_each(|scored| scored.item += first + (chunk * CHUNK) as u32);
        }
    }
}
