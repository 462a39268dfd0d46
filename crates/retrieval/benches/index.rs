//! The quick loop of whoever works on the search: `cargo bench -p twinspire-retrieval --bench index -- ITEMS.npy QUERIES.npy`.
//! `twinspire bench index` measures the same with choices and names.

use std::path::Path;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_retrieval::index::bench::{BenchSettings, BenchVectors, made_up, measure};

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|word| word.ends_with(".npy")).collect();
    let read = |path: &String| EmbeddingTable::read_npy(Path::new(path), None).expect("a .npy file of float32");
    let given = match files.as_slice() {
        [items, queries] => {
            let (items, queries) = (read(items), read(queries));
            BenchVectors { vectors: items.values, queries: queries.values, dimension: items.dimension }
        }
        _ => made_up(100_000, 1300, 64, 1),
    };
    let settings = BenchSettings { lengths: vec![100, 500], recall_targets: vec![0.95, 0.98], measured: 300, seed: 1 };
    for row in measure(&given, &settings).expect("finite vectors") {
        println!("{row:?}");
    }
}
