//! Users who were deleted: the list that ingest reads, so that nobody on it comes into interactions again.
//!
//! In: user keys. Out: `<base_dir>/deleted_users`, one number a line, ascending: the [`fingerprint64`] of a key in 16
//! hexadecimal digits, which is also the `key` of her rows in a table of interactions. The keys themselves are written
//! nowhere. It takes nothing away; that is the business of the crate that owns the interactions.

use crate::hash::fingerprint64;
use crate::vfs::{Vfs, replace_file, write_file};
use crate::{CoreError, Result};
use std::collections::BTreeSet;
use std::path::Path;

const FILE: &str = "deleted_users";

/// The list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeletedUsers {
    keys: BTreeSet<u64>,
}

impl DeletedUsers {
    /// Reads the list of a `base_dir`; nobody is on one that is not there.
    ///
    /// # Errors
    /// `Damaged` for a line that is no such number; I/O.
    pub fn read(vfs: &dyn Vfs, base_dir: &Path) -> Result<Self> {
        let path = base_dir.join(FILE);
        let io = |error| CoreError::io(&path, error);
        if !vfs.exists(&path).map_err(io)? {
            return Ok(Self::default());
        }
        let text = String::from_utf8(vfs.read(&path).map_err(io)?).unwrap_or_else(|_| "not UTF-8".into());
        let key = |line: &str| (line.len() == 16).then(|| u64::from_str_radix(line, 16).ok()).flatten();
        let keys: Option<BTreeSet<u64>> = text.lines().map(key).collect();
        let keys = keys.ok_or_else(|| CoreError::damaged(&path, "a line is not a number of 16 hexadecimal digits"))?;
        Ok(Self { keys })
    }

    /// Puts users on the list of a `base_dir`, and returns how many were not on it.
    ///
    /// # Errors
    /// As [`DeletedUsers::read`]; the earlier list is still there then.
    pub fn add(vfs: &dyn Vfs, base_dir: &Path, users: &[String]) -> Result<usize> {
        let mut list = Self::read(vfs, base_dir)?;
        let before = list.keys.len();
        list.keys.extend(users.iter().map(|user| fingerprint64(user.as_bytes())));
        if list.keys.len() > before {
            let lines: String = list.keys.iter().map(|key| format!("{key:016x}\n")).collect();
            replace_file::<CoreError>(vfs, &base_dir.join(FILE), |path| write_file(vfs, path, lines.as_bytes()))?;
        }
        Ok(list.keys.len() - before)
    }

    /// Was this user deleted?
    pub fn has(&self, user: &str) -> bool {
        !self.keys.is_empty() && self.keys.contains(&fingerprint64(user.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::MemoryVfs;

    #[test]
    fn the_list_grows_keeps_no_key_and_refuses_damage() {
        let (vfs, base_dir) = (MemoryVfs::default(), Path::new("base"));
        assert!(!DeletedUsers::read(&vfs, base_dir).unwrap().has("canary-1"));
        let users = ["canary-1", "canary-2"].map(str::to_owned);
        assert_eq!(DeletedUsers::add(&vfs, base_dir, &users[..1]).unwrap(), 1);
        assert_eq!(DeletedUsers::add(&vfs, base_dir, &users).unwrap(), 1);
        let list = DeletedUsers::read(&vfs, base_dir).unwrap();
        assert_eq!(["canary-1", "canary-2", "canary-3", ""].map(|user| list.has(user)), [true, true, false, false]);
        let text = String::from_utf8(vfs.read(&base_dir.join(FILE)).unwrap()).unwrap();
        assert!(text.lines().count() == 2 && !text.contains("canary"), "{text}");
        write_file(&vfs, &base_dir.join(FILE), b"canary-1\n").unwrap();
        assert!(matches!(DeletedUsers::read(&vfs, base_dir), Err(CoreError::Damaged { .. })));
        assert!(DeletedUsers::add(&vfs, base_dir, &users).is_err(), "a damaged list is not written over");
    }
}
