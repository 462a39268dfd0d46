//! The quick loop of whoever works on the search:
//! `cargo bench -p twinspire-retrieval --bench index -- ITEMS.npy QUERIES.npy 0.95 0.98`, with the recalls that cells are
//! fitted to. `twinspire bench index` measures the same with more choices.

use std::path::Path;
use twinspire_core::embedding::EmbeddingTable;
use twinspire_core::vfs::RealVfs;
use twinspire_retrieval::index::bench::{BenchSettings, BenchVectors, made_up, measure};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let files: Vec<&String> = words.iter().filter(|word| word.ends_with(".npy")).collect();
    let recall_targets: Vec<f64> = words.iter().filter_map(|word| word.parse().ok()).collect();
    let read = |path: &String| EmbeddingTable::read_npy(Path::new(path), None).expect("a .npy file of float32");
    let given = match files.as_slice() {
        [items, queries] => {
            let (items, queries) = (read(items), read(queries));
            BenchVectors { vectors: items.values, queries: queries.values, dimension: items.dimension }
        }
        _ => made_up(100_000, 1300, 64, 1),
    };
    let settings = BenchSettings { lengths: vec![100, 500], recall_targets, measured: 300, seed: 1 };
    let scratch = std::env::temp_dir().join("bench.index");
    for row in measure(&given, &settings, (&RealVfs, &scratch)).expect("finite vectors and a folder to write to") {
        println!("{row:?}");
    }
}
