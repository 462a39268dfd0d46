//! What the long-running functions of this crate are told beside their settings.

use crate::error::{Result, RetrievalError};
use twinspire_core::clock::Clock;
use twinspire_core::progress::Progress;
use twinspire_core::vfs::Vfs;

/// What building and judging work with.
#[derive(Clone, Copy)]
pub struct RetrievalContext<'a> {
    /// Every durable write.
    pub vfs: &'a dyn Vfs,
    /// Every look at the time; lives as long as a retriever that may be shared by requests.
    pub clock: &'static dyn Clock,
    /// Hears how far the work is.
    pub progress: &'a dyn Progress,
    /// The seed of the run.
    pub seed: u64,
    /// Number of worker threads; 0 stands for all cores. Results do not depend on it.
    pub threads: usize,
}

impl RetrievalContext<'_> {
    /// Runs `work` in a pool of its own.
    pub(crate) fn install<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        in_pool(self.threads, work)?
    }
}

/// Runs `work` in a pool of `threads` threads (0: all cores).
///
/// # Errors
/// Threads that cannot be started.
pub fn in_pool<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| RetrievalError::invalid("threads", error.to_string()))?;
    Ok(pool.install(work))
}
