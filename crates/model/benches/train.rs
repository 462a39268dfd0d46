//! Training speed from the command line: `cargo bench -p twinspire-model --bench train -- bce 1024`.
//!
//! Arguments: the loss (`bce` or `in_batch_softmax`) or the task (`tower` or `sasrec`), the batch size, seconds, threads.
//! Prints the report as one line of JSON.

use twinspire_model::bench::{BenchSettings, BenchTask, run};
use twinspire_model::config::{LossSection, ModelSection};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let loss = match words.first().map(String::as_str) {
        Some("in_batch_softmax") => LossSection::default(),
        _ => LossSection::Bce {},
    };
    let task = match words.first().map(String::as_str) {
        Some("tower") => BenchTask::Tower,
        Some("sasrec") => BenchTask::Sasrec,
        _ => BenchTask::Clicks,
    };
    let number = |at: usize, default: f64| words.get(at).and_then(|word| word.parse().ok()).unwrap_or(default);
    let settings = BenchSettings {
        task,
        loss,
        batch_size: number(1, 1024.0) as u32,
        seconds: number(2, 3.0),
        warmup: 0.5,
        rows: 500_000,
        threads: number(3, 2.0) as usize,
        seed: 1,
        samples: None,
        model: ModelSection::default(),
    };
    match run(&settings) {
        Ok(report) => println!("{}", serde_json::to_string(&report).expect("a report is plain data")),
        Err(error) => eprintln!("{error}"),
    }
}
