//! Logs to samples.

use super::Run;
use crate::error::CliError;
use twinspire_data::ingest::{IngestReport, ingest};
use twinspire_data::sample::{SamplesReport, make_samples};

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
        let context = self.data_context();
        let ingest = ingest(&context, self.config().data(), &self.folder)?;
        let samples = make_samples(&context, self.config().data(), &self.folder)?;
        Ok(SamplesOutcome { ingest, samples })
    }
}
