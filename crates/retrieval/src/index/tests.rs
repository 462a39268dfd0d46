//! Recall, cost and files of built indexes.

use super::contract::Data;
use super::*;
use crate::config::{IndexKind, IndexSection, IndexSettings};
use crate::scan::ItemBlocks;
use twinspire_core::check::Faults;
use twinspire_core::vfs::RealVfs;

const ITEMS: usize = 20_000;
const DIMENSION: usize = 16;
const K: usize = 50;

fn settings(kind: IndexKind, recall_target: f64) -> IndexSettings {
    IndexSettings::check(&IndexSection { kind, recall_target, k: K }, &mut Faults::default()).unwrap()
}

fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

/// An index with cells over vectors, fitted to queries of the same world.
fn ivf(data: Data, vectors: &[f32], recall_target: f64) -> StoredIndex {
    let queries = data.vectors(12, 600, DIMENSION);
    let input = IndexInput { vectors, dimension: DIMENSION, ids: &[], queries: &queries };
    build(&input, &settings(IndexKind::Ivf, recall_target), 1).unwrap()
}

#[test]
fn the_measured_recall_meets_the_target_and_is_that_of_other_queries() {
    for (data, target) in
        [Data::Clustered, Data::Popular].into_iter().flat_map(|data| [0.8, 0.95, 0.99].map(|target| (data, target)))
    {
        let vectors = data.vectors(11, ITEMS, DIMENSION);
        let index = ivf(data, &vectors, target);
        let fresh = data.vectors(13, 600, DIMENSION);
        let excluded = vec![&[][..]; 600];
        let queries = ScanQueries { vectors: &fresh, excluded: &excluded };
        let truth = ItemBlocks::new(&vectors, DIMENSION).top_k(queries, K);
        let hits =
            |(found, truth): (&Vec<Scored>, &Vec<Scored>)| found.iter().filter(|scored| truth.contains(scored)).count();
        let recall =
            index.search(queries, K, None).iter().zip(&truth).map(hits).sum::<usize>() as f64 / (600 * K) as f64;
        let report = index.report();
        assert!(report.recall >= target - 0.01, "{report}");
        assert!((recall - report.recall).abs() < 0.01, "{recall} {report}");
        let cells = report.cells.as_ref().unwrap();
        // Where lengths differ, a farther reach may see wide cells first, so that single points need not rise.
        let rises =
            |pair: &[CurvePoint]| pair[0].recall <= pair[1].recall + 1e-9 && pair[0].looked_at <= pair[1].looked_at;
        assert!(matches!(data, Data::Popular) || cells.curve.windows(2).all(rises));
        assert!(cells.curve[3].looked_at < 0.5 && (cells.fitted_queries, cells.judged_queries) == (300, 300));
    }
}

#[test]
fn cells_that_reach_far_enough_find_what_a_scan_finds() {
    for data in Data::ALL {
        let (vectors, queries) = (data.vectors(19, 3000, DIMENSION), data.vectors(20, 30, DIMENSION));
        let input = IndexInput { vectors: &vectors, dimension: DIMENSION, ids: &[], queries: &[] };
        let (_, index) = build::cellular(&input, 1);
        let excluded = vec![&[][..]; 30];
        let scanned =
            ItemBlocks::new(&vectors, DIMENSION).top_k(ScanQueries { vectors: &queries, excluded: &excluded }, K);
        for (query, scanned) in queries.chunks_exact(DIMENSION).zip(scanned) {
            assert!(index.probe(query, (K, None), 1e3).found == scanned, "{data:?}");
        }
    }
}

#[test]
fn every_item_finds_itself() {
    for data in Data::ALL {
        let vectors = data.vectors(14, 3000, DIMENSION);
        let input = IndexInput { vectors: &vectors, dimension: DIMENSION, ids: &[], queries: &[] };
        for kind in [IndexKind::Exact, IndexKind::Ivf] {
            let index = build(&input, &settings(kind, 0.8), 1).unwrap();
            assert_eq!(index.report().self_recall, 1.0, "{data:?}: {}", index.report());
        }
    }
}

#[test]
fn the_bytes_of_an_index_are_equal_at_any_number_of_threads() {
    let vectors = Data::Clustered.vectors(15, 4000, DIMENSION);
    let folder = tempfile::tempdir().unwrap();
    let bytes = |threads| {
        let path = folder.path().join("index");
        in_pool(threads, || ivf(Data::Clustered, &vectors, 0.95)).write(&RealVfs, &path).unwrap();
        std::fs::read(path).unwrap()
    };
    let alone = bytes(1);
    assert!(alone == bytes(2) && alone == bytes(4));
}

#[test]
fn an_opened_index_answers_as_the_one_that_was_written() {
    let vectors = Data::Clustered.vectors(16, 2000, DIMENSION);
    let ids: Vec<String> = (0..2000).map(|item| format!("item {item}")).collect();
    let query = &Data::Clustered.vectors(17, 1, DIMENSION);
    let folder = tempfile::tempdir().unwrap();
    for kind in [IndexKind::Exact, IndexKind::Ivf] {
        let input = IndexInput { vectors: &vectors, dimension: DIMENSION, ids: &ids, queries: &[] };
        let (written, path) = (build(&input, &settings(kind, 0.9), 1).unwrap(), folder.path().join("index"));
        written.write(&RealVfs, &path).unwrap();
        let opened = StoredIndex::open(&path).unwrap();
        let one = ScanQueries { vectors: query, excluded: &[&[3]] };
        assert_eq!(opened.search(one, 20, None), written.search(one, 20, None));
        assert_eq!((opened.report(), opened.ids()), (written.report(), ids.iter().map(String::as_str).collect()));
    }
}

#[test]
fn an_index_is_refused_when_any_byte_is_flipped_and_at_every_shorter_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let vectors = Data::Clustered.vectors(18, 60, 5);
    for kind in [IndexKind::Exact, IndexKind::Ivf] {
        let input = IndexInput { vectors: &vectors, dimension: 5, ids: &[], queries: &[] };
        build(&input, &settings(kind, 0.5), 1).unwrap().write(&RealVfs, &path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert!(StoredIndex::open(&path).is_ok());
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(StoredIndex::open(&path).is_err(), "cut at {length}");
        }
        for position in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[position] ^= 1 << (position % 8);
            std::fs::write(&path, &damaged).unwrap();
            assert!(StoredIndex::open(&path).is_err(), "byte {position}");
        }
        std::fs::write(&path, [&whole[..], &[0]].concat()).unwrap();
        assert!(StoredIndex::open(&path).is_err(), "a byte too many");
    }
}
