//! Nearest item vectors: the read side of an index. Building is a free function for each kind.
//!
//! In: query vectors. Out: items by falling score. It neither encodes queries nor knows what a channel is.

use crate::config::IndexKind;
use crate::scan::{ItemBlocks, ScanQueries};
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::query::Scored;

/// An index over item vectors.
pub trait VectorIndex: Send + Sync {
    /// At most `k` items for each query, in [`Scored::order`], each once, none of them excluded.
    fn search(&self, queries: ScanQueries<'_>, k: usize) -> Vec<Vec<Scored>>;
    /// Number of items.
    fn len(&self) -> usize;
    /// True without items.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// True when `search` returns exactly the best `k`; only such an index judges.
    fn is_exact(&self) -> bool;
}

/// Scores every item.
#[derive(Debug)]
pub struct ExactIndex {
    blocks: ItemBlocks,
}

impl ExactIndex {
    /// An index over `vectors`, `[items, dimension]`, row-major; `dimension` is above 0.
    pub fn new(vectors: &[f32], dimension: usize) -> Self {
        Self { blocks: ItemBlocks::new(vectors, dimension) }
    }
}

impl VectorIndex for ExactIndex {
    fn search(&self, queries: ScanQueries<'_>, k: usize) -> Vec<Vec<Scored>> {
        self.blocks.top_k(queries, k)
    }

    fn len(&self) -> usize {
        self.blocks.len()
    }

    fn is_exact(&self) -> bool {
        true
    }
}

/// What [`build_index`] takes for a corpus of `items`, and why.
pub(crate) fn what_was_taken(kind: IndexKind, items: usize) -> String {
    let why = match kind {
        IndexKind::Auto => "auto: every corpus is scanned in this version",
        IndexKind::Exact => "as `index.kind` says",
    };
    format!("index: exact scan of {items} items ({why})")
}

/// Builds the index that was asked for. Exact is the only kind so far, so `auto` takes it at every size.
pub fn build_index(kind: IndexKind, table: &EmbeddingTable) -> Box<dyn VectorIndex> {
    match kind {
        IndexKind::Auto | IndexKind::Exact => Box::new(ExactIndex::new(&table.values, table.dimension)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twinspire_core::rng::Rng;

    /// What every index must keep, whatever its kind.
    fn keeps_the_contract(build: impl Fn(&[f32], usize) -> Box<dyn VectorIndex>) {
        let mut rng = Rng::stream(1, "index", 0);
        let (items, dimension) = (700, 8);
        let vectors: Vec<f32> = (0..items * dimension).map(|_| rng.normal() as f32).collect();
        let queries: Vec<f32> = (0..5 * dimension).map(|_| rng.normal() as f32).collect();
        let excluded: [&[u32]; 5] = [&[], &[0], &[3, 5, 699], &[1], &[]];
        let index = build(&vectors, dimension);
        assert_eq!((index.len(), index.is_empty()), (items, false));
        let ask = |k| index.search(ScanQueries { vectors: &queries, excluded: &excluded }, k);
        for (found, excluded) in ask(20).iter().zip(excluded) {
            assert_eq!(found.len(), 20);
            assert!(found.windows(2).all(|pair| pair[0].order(&pair[1]).is_lt()), "in order, each item once");
            assert!(found.iter().all(|scored| !excluded.contains(&scored.item)));
        }
        assert_eq!(ask(20), ask(20), "the same question has the same answer");
        for (found, excluded) in ask(items + 1).iter().zip(excluded) {
            assert_eq!(found.len(), items - excluded.len(), "a list as long as the corpus has every item");
        }
        assert!(build(&[], dimension).is_empty());
    }

    #[test]
    fn the_exact_index_keeps_the_contract() {
        keeps_the_contract(|vectors, dimension| Box::new(ExactIndex::new(vectors, dimension)));
        assert!(ExactIndex::new(&[1.0], 1).is_exact());
    }
}
