//! Deny lists: keys whose rows are not wanted. In: text files with one key a line. Out: the sets of their keys, and what
//! a fingerprint of the settings must hold of them.

use crate::config::{DataSettings, Suspicion};
use crate::context::DataContext;
use crate::error::Result;
use crate::files::resolve;
use rustc_hash::FxHashSet;
use twinspire_core::hash::fingerprint64;

/// The lists of all rules, in their order.
#[derive(Debug, Default)]
pub(crate) struct DenyLists {
    fingerprints: Vec<u64>,
    pub(super) keys: Vec<FxHashSet<u64>>,
}

impl DenyLists {
    /// Reads the lists, whose paths lie below the folder of the data. Blank lines say nothing, and white space around a key is not
    /// part of it.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(context: &DataContext<'_>, settings: &DataSettings) -> Result<Self> {
        let mut lists = Self::default();
        for rule in settings.traffic_rules() {
            if let Suspicion::Denied { path } = &rule.suspicion {
                let text = context.files.read_text(&resolve(context.data_dir, path))?;
                let keys = text.lines().map(str::trim).filter(|key| !key.is_empty());
                lists.keys.push(keys.map(|key| fingerprint64(key.as_bytes())).collect());
                lists.fingerprints.push(fingerprint64(text.as_bytes()));
            }
        }
        Ok(lists)
    }

    /// One number a list, which changes with its text.
    pub fn fingerprints(&self) -> &[u64] {
        &self.fingerprints
    }
}
