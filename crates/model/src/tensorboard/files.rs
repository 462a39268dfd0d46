//! Event files in a folder, of which each process that trains writes one.
//!
//! In: events. Out: `events.out.tfevents.<seconds>.twinspire.<number>`, whose names sort by time: readers take them for one
//! series. A run that goes on from a checkpoint first cuts off what earlier files say of later steps, and then begins a new
//! file; so no step is there twice, whoever reads.

use super::event::{What, event, step_of};
use std::io::Write;
use std::path::{Path, PathBuf};
use twinspire_core::clock::Clock;
use twinspire_core::tfrecord::{HEAD, TAIL, front_record, push_record};
use twinspire_core::vfs::{Vfs, VfsFile, replace_file, write_file};
use twinspire_core::{CoreError, Result};

/// Beginning of the name of an event file; readers look for `tfevents`.
const PREFIX: &str = "events.out.tfevents.";

/// The event file of this process in a folder.
pub(super) struct EventFile<'a> {
    clock: &'a dyn Clock,
    path: PathBuf,
    file: Box<dyn VfsFile>,
}

impl<'a> EventFile<'a> {
    /// Cuts off what the files of the folder say of steps after `last` (of all steps, where there is none), and begins the
    /// next file.
    ///
    /// # Errors
    /// I/O, with the path.
    pub(super) fn begin((vfs, clock): (&dyn Vfs, &'a dyn Clock), folder: &Path, last: Option<u64>) -> Result<Self> {
        vfs.create_dir_all(folder).map_err(|error| CoreError::io(folder, error))?;
        let names = event_files(vfs, folder)?;
        let (mut kept, mut newest) = (0, 0);
        for name in &names {
            let path = folder.join(name);
            match last.filter(|_| name.starts_with(PREFIX)) {
                Some(last) => {
                    cut(vfs, &path, last)?;
                    (kept, newest) = (kept + 1, seconds_of(name));
                }
                // An older run's, or what a killed process left while it cut.
                None => vfs.remove_file(&path).map_err(|error| CoreError::io(&path, error))?,
            }
        }
        // Names sort by time even where a clock was set back.
        let seconds = newest.max(clock.now_micros() / 1_000_000);
        let path = folder.join(format!("{PREFIX}{seconds:010}.twinspire.{kept:04}"));
        let file = vfs.create(&path).map_err(|error| CoreError::io(&path, error))?;
        let mut file = Self { clock, path, file };
        file.push(0, &What::Version)?;
        file.push(last.map_or(0, |last| last + 1), &What::Start)?;
        Ok(file)
    }

    /// Appends an event, where readers see it at once.
    ///
    /// # Errors
    /// I/O, with the path.
    pub(super) fn push(&mut self, step: u64, what: &What<'_>) -> Result<()> {
        let wall_time = self.clock.now_micros() as f64 / 1e6;
        let mut bytes = Vec::new();
        push_record(&event(wall_time, step, what), &mut bytes);
        let written = self.file.write_all(&bytes).and_then(|()| self.file.flush());
        written.map_err(|error| CoreError::io(&self.path, error))
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// I/O, with the path.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync().map_err(|error| CoreError::io(&self.path, error))
    }
}

/// Names of the event files of a folder, oldest first; those that a cut left half written come before.
fn event_files(vfs: &dyn Vfs, folder: &Path) -> Result<Vec<String>> {
    let names = vfs.list(folder).map_err(|error| CoreError::io(folder, error))?;
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    Ok(names.filter(|name| name.contains(PREFIX)).collect())
}

/// What the name of an event file says of its time.
fn seconds_of(name: &str) -> i64 {
    let digits = name.strip_prefix(PREFIX).and_then(|rest| rest.split('.').next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Cuts a file before its first record that is of a later step, or that is damaged: a process that was killed may have left
/// half a record.
fn cut(vfs: &dyn Vfs, path: &Path, last: u64) -> Result<()> {
    let bytes = vfs.read(path).map_err(|error| CoreError::io(path, error))?;
    let mut end = 0;
    while let Some(record) = front_record(&bytes[end..]).filter(|record| step_of(record) <= last) {
        end += HEAD + record.len() + TAIL;
    }
    if end == bytes.len() {
        return Ok(());
    }
    replace_file(vfs, path, |staging| write_file(vfs, staging, &bytes[..end]))
}
