//! How fast logs become samples.
//!
//! In: checked settings, and a folder without runs. Out: the interactions and samples of one run in it, and
//! [`BenchReport`], whose names are those of other engines' scripts, so that they can be run in turns with this one. It
//! removes nothing.

use crate::config::DataSettings;
use crate::context::{DataContext, RunFolders};
use crate::error::Result;
use crate::ingest::ingest;
use crate::ingest::report::total;
use crate::sample::make_samples;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use twinspire_core::machine::{OthersBusy, load_average, peak_rss_mib};
use twinspire_core::progress::Progress;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BenchReport {
    /// Name of the program.
    pub script: &'static str,
    /// Rows of the logs.
    pub rows: u64,
    /// Rows that were rejected, by kind, and that rules left out, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Samples of all parts.
    pub samples: u64,
    /// Worker threads.
    pub threads: usize,
    /// Rows of the logs by the time of the whole road.
    pub rows_per_s: u64,
    /// The whole road, from the first byte read to the sealed samples, seconds.
    pub seconds: f64,
    /// Seconds of each phase, which lasts until the next one begins.
    pub phase_s: BTreeMap<String, f64>,
    /// Peak resident memory of the process; pages of tables that are mapped count.
    pub peak_rss_mib: u64,
    /// Cores that other processes kept busy meanwhile; a figure above 0.1 is not worth much.
    pub others_busy_cores: f64,
    /// Load of the machine.
    pub loadavg_1min: f64,
}

/// Makes interactions and samples in `folders` and reports how long it took.
///
/// # Errors
/// As [`ingest`] and [`make_samples`].
pub fn run(context: &DataContext<'_>, settings: &DataSettings, folders: &RunFolders) -> Result<BenchReport> {
    let phases = Phases { heard: context.progress, began: Mutex::default() };
    let context = &DataContext { progress: &phases, ..*context };
    let (started, others) = (Instant::now(), OthersBusy::start());
    let log = total(&ingest(context, settings, folders)?.accounts);
    let statistics = make_samples(context, settings, folders)?.statistics;
    let (ended, threads) = (Instant::now(), context.pool()?.current_num_threads());
    let seconds = (ended - started).as_secs_f64();
    Ok(BenchReport {
        script: "twinspire bench samples",
        rows: log.read,
        dropped: log.rejected.into_iter().chain(log.filtered).chain(statistics.filtered).collect(),
        samples: statistics.parts.values().map(|counts| counts.samples).sum(),
        threads,
        rows_per_s: (log.read as f64 / seconds).round() as u64,
        seconds: to_hundredths(seconds),
        phase_s: phases.seconds(ended),
        peak_rss_mib: peak_rss_mib(),
        others_busy_cores: others.cores(),
        loadavg_1min: load_average(),
    })
}

fn to_hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// Passes progress on, and remembers when each phase began.
struct Phases<'a> {
    heard: &'a dyn Progress,
    began: Mutex<Vec<(String, Instant)>>,
}

impl Phases<'_> {
    fn seconds(&self, ended: Instant) -> BTreeMap<String, f64> {
        let began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = began.iter().skip(1).map(|&(_, next)| next).chain([ended]);
        began
            .iter()
            .zip(ends)
            .map(|((what, from), to)| (what.clone(), to_hundredths((to - *from).as_secs_f64())))
            .collect()
    }
}

impl Progress for Phases<'_> {
    fn start(&self, what: &str, total: Option<u64>, unit: &str) {
        self.began.lock().unwrap_or_else(PoisonError::into_inner).push((what.to_owned(), Instant::now()));
        self.heard.start(what, total, unit);
    }

    fn advance(&self, units: u64) {
        self.heard.advance(units);
    }

    fn state(&self, text: &str) {
        self.heard.state(text);
    }

    fn line(&self, text: &str) {
        self.heard.line(text);
    }

    fn finish(&self) {
        self.heard.finish();
    }
}
