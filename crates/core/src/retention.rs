//! How long things stay in a `base_dir`. In: the settings and the folder. Out: what was taken away: runs, interactions by
//! day, bundles. What is served or pinned is never touched, nor what somebody reads, nor what has no day in its name.

use crate::bundle::{BundleManifest, bundles_folder, check_bundle_id, current, date_of, file};
use crate::check::Faults;
use crate::in_use::{Alone, lock_file};
use crate::partition::Date;
use crate::stage::read_json;
use crate::vfs::{Vfs, remove_folder, sweep_removed};
use crate::{CoreError, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What stays after a run; what is not named stays for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSection {
    /// Number of dated runs that stay, the latest ones; 1 or more. The run of the served bundle stays anyway.
    pub runs: Option<u32>,
    /// Number of days whose interactions stay, counted back from the latest one; at least the days that a run reads (`input.days`, or 30).
    pub interaction_days: Option<u32>,
    /// Number of bundles that stay, the ones that were sealed last; 1 or more. The served one and pinned ones stay anyway.
    pub bundles: Option<u32>,
    /// Bundles that stay for ever, by their ids.
    pub pinned: Vec<String>,
}

/// Checked [`RetentionSection`].
#[derive(Debug, Clone, Default)]
pub struct RetentionSettings(RetentionSection);

impl RetentionSettings {
    /// Checks the section; `days` is how many days a run reads. `None` after a fault.
    pub fn check(section: &RetentionSection, days: u32, faults: &mut Faults) -> Option<Self> {
        let mut allowed = true;
        let mut require = |holds: bool, key: &str, value: &dyn ToString, reason: &str| {
            faults.require(holds, &format!("retention.{key}"), value.to_string(), reason);
            allowed &= holds;
        };
        require(section.runs != Some(0), "runs", &0, "1 or more, or leave it out");
        require(section.bundles != Some(0), "bundles", &0, "1 or more, or leave it out");
        let kept = section.interaction_days.unwrap_or(u32::MAX);
        require(kept >= days, "interaction_days", &kept, &format!("a run reads {days} days; {days} or more"));
        for id in &section.pinned {
            require(check_bundle_id(id).is_ok(), "pinned", id, "ids of bundles, such as 2026-11-20-1a2b3c4d");
        }
        allowed.then(|| Self(section.clone()))
    }

    /// True when everything stays for ever.
    pub fn keeps_all(&self) -> bool {
        self.0.runs.is_none() && self.0.interaction_days.is_none() && self.0.bundles.is_none()
    }
}

/// What the settings do not keep.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Dates of runs that were taken away.
    pub runs: Vec<String>,
    /// Days of interactions that were taken away.
    pub interaction_days: Vec<String>,
    /// Ids of bundles that were taken away.
    pub bundles: Vec<String>,
    /// Folders, below `base_dir`, that stay because somebody reads them.
    pub in_use: Vec<String>,
}

/// Takes away what the settings do not keep; in rehearsal it only says what that is.
///
/// # Errors
/// I/O, with the path. What was taken away before stays away.
pub fn remove_outdated(
    vfs: &dyn Vfs,
    base_dir: &Path,
    settings: &RetentionSettings,
    rehearsal: bool,
) -> Result<Removal> {
    let alone = match Alone::with(&lock_file(base_dir)) {
        Err(CoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => None,
        found => found?,
    };
    let mut work = Work { vfs, base_dir, alone, rehearsal, removal: Removal::default() };
    work.runs_and_interactions(&settings.0)?;
    work.bundles(&settings.0)?;
    Ok(work.removal)
}

struct Work<'a> {
    vfs: &'a dyn Vfs,
    base_dir: &'a Path,
    /// Held to the end: no run begins meanwhile, and none points `current` elsewhere.
    alone: Option<Alone>,
    rehearsal: bool,
    removal: Removal,
}

impl Work<'_> {
    fn runs_and_interactions(&mut self, section: &RetentionSection) -> Result<()> {
        let served = current(self.vfs, self.base_dir)?;
        let mut runs = dated(self.vfs, &self.base_dir.join("runs"))?;
        runs.truncate(without_last(runs.len(), section.runs));
        runs.retain(|day| served.as_deref().is_none_or(|id| date_of(id) != day.to_string()));
        let mut days = dated(self.vfs, &self.base_dir.join("interactions"))?;
        let first_kept = days
            .last()
            .zip(section.interaction_days)
            .and_then(|(last, kept)| last.checked_sub(jiff::Span::new().try_days(i64::from(kept) - 1).ok()?).ok());
        days.retain(|day| first_kept.is_some_and(|first| *day < first));
        for (parent, outdated) in [("runs", runs), ("interactions", days)] {
            let names = outdated.iter().map(Date::to_string).collect();
            let gone = self.take_away(Path::new(parent), names, |_| Ok(Some(())))?;
            if parent == "runs" {
                self.removal.runs = gone
            } else {
                self.removal.interaction_days = gone
            };
        }
        Ok(())
    }

    /// Each is served under a lock of its own.
    fn bundles(&mut self, section: &RetentionSection) -> Result<()> {
        let mut bundles = by_time(self.vfs, self.base_dir)?;
        bundles.truncate(without_last(bundles.len(), section.bundles));
        let served = current(self.vfs, self.base_dir)?;
        bundles.retain(|id| Some(id) != served.as_ref() && !section.pinned.contains(id));
        let folder = bundles_folder(self.base_dir);
        let hold = |id: &str| Alone::with(&folder.join(id).join(file::MANIFEST));
        self.removal.bundles = self.take_away(Path::new("bundles"), bundles, hold)?;
        Ok(())
    }

    /// Takes folders below `parent` away and returns their names; notes those that `hold` does not get.
    fn take_away<G>(
        &mut self,
        parent: &Path,
        names: Vec<String>,
        hold: impl Fn(&str) -> Result<Option<G>>,
    ) -> Result<Vec<String>> {
        let folder = self.base_dir.join(parent);
        if !self.rehearsal {
            sweep_removed(self.vfs, &folder)?;
        }
        let mut gone = Vec::new();
        for name in names {
            let held = if self.alone.is_some() { hold(&name)? } else { None };
            if held.is_none() {
                self.removal.in_use.push(parent.join(name).display().to_string());
                continue;
            }
            if !self.rehearsal {
                remove_folder(self.vfs, &folder.join(&name))?;
            }
            gone.push(name);
        }
        Ok(gone)
    }
}

fn without_last(length: usize, kept: Option<u32>) -> usize {
    length.saturating_sub(kept.map_or(usize::MAX, |kept| kept as usize))
}

/// Days that are names of folders, ascending.
fn dated(vfs: &dyn Vfs, parent: &Path) -> Result<Vec<Date>> {
    let mut days: Vec<Date> = names(vfs, parent)?.iter().filter_map(|name| name.to_str()?.parse().ok()).collect();
    days.sort();
    Ok(days)
}

fn names(vfs: &dyn Vfs, parent: &Path) -> Result<Vec<PathBuf>> {
    let io = |error| CoreError::io(parent, error);
    if vfs.is_dir(parent).map_err(io)? { vfs.list(parent).map_err(io) } else { Ok(Vec::new()) }
}

/// Ids of bundles, oldest first. A folder without a manifest is none of ours.
fn by_time(vfs: &dyn Vfs, base_dir: &Path) -> Result<Vec<String>> {
    let folder = bundles_folder(base_dir);
    let mut found = Vec::new();
    for name in names(vfs, &folder)? {
        if let Ok(manifest) = read_json::<BundleManifest>(vfs, &folder.join(&name).join(file::MANIFEST))
            && name.to_str() == Some(&manifest.bundle_id)
        {
            found.push((manifest.created_micros, manifest.bundle_id));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_use::InUse;
    use crate::vfs::RealVfs;
    use std::fs;

    /// Runs of five days, interactions of five days, and bundles of the first three, of which the first is served.
    fn base() -> tempfile::TempDir {
        let base = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            fs::create_dir_all(base.path().join(name)).unwrap();
            fs::write(base.path().join(name).join("file"), "x").unwrap();
        };
        (1..=5).for_each(|day| make(&format!("runs/2026-11-0{day}")));
        (1..=5).for_each(|day| make(&format!("interactions/2026-11-0{day}")));
        ["runs/undated", "interactions/items", "bundles/none-of-ours", "bundles/.2026-10-01-00000000.removed"]
            .into_iter()
            .for_each(make);
        for day in 1..=3 {
            let id = format!("2026-11-0{day}-0000000{day}");
            make(&format!("bundles/{id}"));
            let manifest = serde_json::json!({
                "format": 1, "bundle_id": id, "features_fingerprint": "", "dimension": 1, "items": 1, "users": 1,
                "checkpoint": "", "seed": 1, "instruction_set": "", "files": [], "created_micros": day,
            });
            fs::write(base.path().join("bundles").join(&id).join(file::MANIFEST), manifest.to_string()).unwrap();
        }
        fs::write(base.path().join("current"), "2026-11-01-00000001\n").unwrap();
        InUse::of_base_dir(base.path()).unwrap();
        base
    }

    fn settings(section: serde_json::Value) -> RetentionSettings {
        let mut faults = Faults::default();
        let section: RetentionSection = serde_json::from_value(section).unwrap();
        RetentionSettings::check(&section, 2, &mut faults).unwrap()
    }

    fn names_in(base: &Path, folder: &str) -> Vec<String> {
        let mut names: Vec<String> =
            names(&RealVfs, &base.join(folder)).unwrap().iter().map(|name| name.display().to_string()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_latest_stay_and_what_is_served_or_pinned() {
        let base = base();
        let settings = settings(serde_json::json!({
            "runs": 2, "interaction_days": 2, "bundles": 1, "pinned": ["2026-11-02-00000002"]}));
        let rehearsal = remove_outdated(&RealVfs, base.path(), &settings, true).unwrap();
        assert_eq!(names_in(base.path(), "runs").len(), 6, "a rehearsal changes nothing");
        let removal = remove_outdated(&RealVfs, base.path(), &settings, false).unwrap();
        assert_eq!(removal, rehearsal);
        assert_eq!(removal.runs, ["2026-11-02", "2026-11-03"]);
        assert_eq!(names_in(base.path(), "runs"), ["2026-11-01", "2026-11-04", "2026-11-05", "undated"]);
        assert_eq!(names_in(base.path(), "interactions"), ["2026-11-04", "2026-11-05", "items"]);
        let bundles = ["2026-11-01-00000001", "2026-11-02-00000002", "2026-11-03-00000003", "none-of-ours"];
        assert_eq!((names_in(base.path(), "bundles"), removal.bundles), (bundles.map(str::to_owned).into(), vec![]));
        let again = remove_outdated(&RealVfs, base.path(), &settings, false).unwrap();
        assert_eq!(again, Removal::default());
    }

    #[test]
    fn what_is_being_read_stays() {
        let base = base();
        fs::write(base.path().join("current"), "2026-11-03-00000003\n").unwrap();
        let settings = settings(serde_json::json!({"runs": 4, "interaction_days": 4, "bundles": 1}));
        let run = InUse::of_base_dir(base.path()).unwrap();
        let bundle = InUse::of(&base.path().join("bundles/2026-11-01-00000001").join(file::MANIFEST)).unwrap();
        let removal = remove_outdated(&RealVfs, base.path(), &settings, false).unwrap();
        let bundles = ["bundles/2026-11-01-00000001", "bundles/2026-11-02-00000002"];
        assert_eq!(removal.in_use, [&["runs/2026-11-01", "interactions/2026-11-01"], &bundles[..]].concat());
        drop(run);
        let removal = remove_outdated(&RealVfs, base.path(), &settings, false).unwrap();
        assert_eq!((removal.in_use, removal.bundles), (vec![bundles[0].to_owned()], vec![bundles[1][8..].to_owned()]));
        assert_eq!([removal.runs, removal.interaction_days], [["2026-11-01"], ["2026-11-01"]]);
        drop(bundle);
        let later = remove_outdated(&RealVfs, base.path(), &settings, false).unwrap();
        assert_eq!(later, Removal { bundles: vec!["2026-11-01-00000001".to_owned()], ..Removal::default() });
    }

    #[test]
    fn nothing_is_kept_for_less_than_a_run_reads() {
        let faults_of = |section: serde_json::Value| {
            let mut faults = Faults::default();
            let section: RetentionSection = serde_json::from_value(section).unwrap();
            assert!(RetentionSettings::check(&section, 30, &mut faults).is_none());
            faults.into_vec().into_iter().map(|fault| fault.key).collect::<Vec<_>>()
        };
        let all = faults_of(serde_json::json!({"runs": 0, "interaction_days": 29, "bundles": 0, "pinned": ["../x"]}));
        assert_eq!(all, ["retention.runs", "retention.bundles", "retention.interaction_days", "retention.pinned"]);
        assert!(settings(serde_json::json!({"interaction_days": 2, "pinned": ["a"]})).0.pinned == ["a"]);
        assert!(settings(serde_json::json!({"pinned": ["a"]})).keeps_all());
    }
}
