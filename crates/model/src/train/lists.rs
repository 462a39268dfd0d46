//! The lists of items that some samplers draw from, mapped when a sampler asks for them.
//!
//! In: the folders of the samples and of the mined negatives. Out: [`UserItems`], or what to do to get them.

use crate::error::{ModelError, Result};
use std::path::PathBuf;
use std::sync::Arc;
use twinspire_core::sample::SampleLayout;
use twinspire_core::stage::{FileRecord, StageManifest, read_manifest};
use twinspire_core::user_items::UserItems;
use twinspire_core::vfs::Vfs;

/// Name of the stage folder of mined negatives, tables of [`twinspire_core::user_items`].
pub const MINED_FOLDER: &str = "negatives";

/// Name of the table in it.
pub const MINED_FILE: &str = "mined.arrow";

/// Where the lists lie, and the sizes of what they point at.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListFiles {
    /// Nothing where the samples are not those of a run.
    pub(crate) samples: Option<SampleLayout>,
    /// Folder of the mined table.
    pub(crate) mined: Option<PathBuf>,
    pub(crate) users: usize,
    pub(crate) items: usize,
}

impl ListFiles {
    /// What was shown and not chosen.
    pub(crate) fn impressions(&self) -> Result<Arc<UserItems>> {
        let lists = self.open(self.samples.as_ref().map(SampleLayout::impressions))?;
        lists.ok_or_else(|| ModelError::unsuitable("impressed", "the training part has no impressions of a known user"))
    }

    /// What was refused.
    pub(crate) fn rejections(&self) -> Result<Arc<UserItems>> {
        let lists = self.open(self.samples.as_ref().map(SampleLayout::rejections))?;
        lists.ok_or_else(|| ModelError::unsuitable("rejected", "the training part has no rejections of a known user"))
    }

    /// What `twinspire mine` found.
    pub(crate) fn mined(&self) -> Result<Arc<UserItems>> {
        let lists = self.open(self.mined.clone())?;
        lists.ok_or_else(|| ModelError::Unmined { reason: "there are no mined negatives".into() })
    }

    /// The lists of a folder; nothing where no user has items.
    fn open(&self, folder: Option<PathBuf>) -> Result<Option<Arc<UserItems>>> {
        let Some(folder) = folder else { return Ok(None) };
        let lists = UserItems::open(&folder, (self.users, self.items))?;
        Ok((!lists.is_empty()).then(|| Arc::new(lists)))
    }
}

/// The folder of mined negatives: they lie beside the samples that they were mined for.
pub(crate) fn mined_folder(samples: &SampleLayout) -> PathBuf {
    samples.folder.with_file_name(MINED_FOLDER)
}

/// Path of the mined table; refuses one that points at other items or users than the samples do, whose manifest this is.
///
/// # Errors
/// [`ModelError::Unmined`].
pub(crate) fn check_mined(vfs: &dyn Vfs, samples: &SampleLayout, manifest: &StageManifest) -> Result<PathBuf> {
    let folder = mined_folder(samples);
    let path = folder.join(MINED_FILE);
    let Ok(mined) = read_manifest(vfs, &folder) else {
        return Err(ModelError::Unmined { reason: format!("there is no {}", path.display()) });
    };
    let was_read = |record: &FileRecord| mined.inputs.iter().any(|input| input.sha256 == record.sha256);
    let tables = ["items.arrow", "histories.arrow"];
    let mut needed = manifest.outputs.iter().filter(|record| tables.contains(&record.path.as_str()));
    if !needed.all(was_read) {
        return Err(ModelError::Unmined { reason: "the mined negatives were made for other samples".into() });
    }
    Ok(path)
}
