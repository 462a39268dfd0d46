//! Logs to samples.

use super::Run;
use crate::error::CliError;
use std::path::Path;
use twinspire_core::CoreError;
use twinspire_core::items::ItemTable;
use twinspire_core::stage::StageOutcome;
use twinspire_data::RunFolders;
use twinspire_data::bench::{self, BenchReport};
use twinspire_data::ingest::{IngestReport, ingest};
use twinspire_data::ledger::{ItemShares, Ledger, hottest_items};
use twinspire_data::sample::{SamplesReport, look_at_samples, make_samples};
use twinspire_data::unit::{UnitPlan, finish_units, plan_units, run_unit};
use twinspire_model::negative::{Census, census};
use twinspire_retrieval::evaluate::ItemSegment;

/// Draws of each sampler that the ledger looks at: a share of a half is right to a fifth of a percent, two times of three.
const DRAWS: u32 = 100_000;

/// What became of every row, and what the samples are.
pub struct SamplesOutcome {
    /// Rows of the logs.
    pub ingest: IngestReport,
    /// Samples and their statistics.
    pub samples: SamplesReport,
}

impl Run<'_> {
    /// `interactions` and `samples`.
    ///
    /// # Errors
    /// As [`ingest`] and [`make_samples`].
    pub fn samples(&self) -> Result<SamplesOutcome, CliError> {
        self.hold()?;
        let context = self.data_context();
        let ingest = ingest(&context, self.config().data(), &self.folders)?;
        let samples = make_samples(&context, self.config().data(), &self.folders)?;
        Ok(SamplesOutcome { ingest, samples })
    }

    /// Measures the same in a folder of its own: `out`, which stays, or one beside the runs, which is removed.
    ///
    /// # Errors
    /// The folder is there already; as [`Run::samples`].
    pub fn bench_samples(&self, out: Option<&Path>) -> Result<BenchReport, CliError> {
        let vfs = self.surroundings.vfs;
        let own = self.config().base_dir().join(format!("bench-{}", std::process::id()));
        let folder = out.unwrap_or(&own);
        if vfs.exists(folder).map_err(|error| CoreError::io(folder, error))? {
            let message = format!("{} is there already, and what it holds would not be made again", folder.display());
            return Err(CliError::Usage { message, hint: "remove it, or name a new folder with --out".to_owned() });
        }
        let folders = RunFolders::new(folder, &self.date);
        let report = bench::run(&self.data_context(), self.config().data(), &folders);
        if out.is_none() {
            vfs.remove_dir_all(folder).map_err(|error| CoreError::io(folder, error))?;
        }
        Ok(report?)
    }

    /// The same in pieces: their list.
    ///
    /// # Errors
    /// As [`plan_units`].
    pub fn plan_units(&self) -> Result<UnitPlan, CliError> {
        self.hold()?;
        Ok(plan_units(&self.data_context(), self.config().data(), &self.folders)?)
    }

    /// One of them.
    ///
    /// # Errors
    /// As [`run_unit`].
    pub fn run_unit(&self, number: usize) -> Result<StageOutcome, CliError> {
        self.hold()?;
        Ok(run_unit(&self.data_context(), self.config().data(), &self.folders, number)?)
    }

    /// The ledger of the samples, with what the samplers of the config give.
    ///
    /// # Errors
    /// As [`look_at_samples`] and [`census`].
    pub fn look_at_samples(&self) -> Result<Ledger, CliError> {
        let mut ledger = look_at_samples(&self.data_context(), self.config().data(), &self.folders)?;
        ledger.negatives = self.negatives()?;
        Ok(ledger)
    }

    /// Which items the corpus, the positives and the negatives of each sampler are.
    fn negatives(&self) -> Result<Vec<ItemShares>, CliError> {
        let layout = self.samples_layout();
        let items = ItemTable::open(&layout.items(), &self.encoder()?)?;
        let (counts, segment_of) = (items.counts(), ItemSegment::of_items(items.counts()));
        let rows_of = |segment| (0..counts.len() as u32).filter(|&row| segment_of[row as usize] == segment).collect();
        let segments = ItemSegment::ALL.map(|segment| (segment.name(), rows_of(segment)));
        let hottest = hottest_items(counts);
        let shares = |of: &str, counts: &[u64]| ItemShares::new(of, counts, (&hottest, &segments));
        let mut negatives = vec![shares("corpus", &vec![1; counts.len()]), shares("train positives", counts)];
        for Census { sampler, counts, void, probabilities, missing } in
            census(&self.stage_context(), self.config().model(), &layout, DRAWS)?
        {
            negatives.push(ItemShares { void, probabilities, missing, ..shares(sampler, &counts) });
        }
        Ok(negatives)
    }

    /// The end, when all of them have been run.
    ///
    /// # Errors
    /// As [`finish_units`].
    pub fn finish_units(&self) -> Result<SamplesOutcome, CliError> {
        let (ingest, samples) = finish_units(&self.data_context(), self.config().data(), &self.folders)?;
        Ok(SamplesOutcome { ingest, samples })
    }
}
