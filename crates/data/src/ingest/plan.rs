//! What ingest will do, before any row is read: the files, what is wanted of them, and the number of buckets.
//! In: the settings, the names of the files and the first line of some of them. Out: [`Plan`].

use super::corrections::Corrections;
use super::open::expected_bytes;
use super::source::Form;
use super::table::{Header, Table};
use super::wanted::{AllWanted, Headers, Wanted};
use crate::config::{DataSettings, InputSection, Split, TimeSettings, start_of_day};
use crate::context::{DataContext, RunFolders, log_files, plain_files};
use crate::error::{DataError, Result};
use serde_json::json;
use std::path::{Path, PathBuf};
use twinspire_core::deleted::DeletedUsers;
use twinspire_core::hash::fingerprint64;
use twinspire_core::interaction::{NO_TIME, Part, SLOTS};
use twinspire_core::partition::{Date, Partition};

/// A bucket has about this share of the memory budget as text: sorted and encoded it is several times larger, and
/// every thread holds one.
const BUCKETS_PER_BUDGET: u64 = 16;

/// Smaller buckets than this are not worth a file, and more than so many are not needed to keep threads busy.
const SMALL_BUCKET: u64 = 1 << 20;
const BUSY_BUCKETS: u64 = 16;

/// One input file of the log, or the test file of a `given` split.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// From 0, in the order of days and files.
    pub number: usize,
    pub path: PathBuf,
    /// How accounts and messages name it.
    pub name: String,
    /// Day of its folder.
    pub date: Option<Date>,
    /// Time of its rows when there is no time column.
    pub time: i64,
    /// Part of its rows, unless a column says otherwise.
    pub part: Part,
}

impl Unit {
    /// Its folder below the shared interactions: its day, and a name that no other file of the day changes.
    pub fn folder(&self) -> PathBuf {
        let day = match (self.date, self.part) {
            (Some(day), _) => day.to_string(),
            (None, Part::Test) => "test".into(),
            (None, Part::Train | Part::Validation) => "undated".into(),
        };
        Path::new(&day).join(format!("{:016x}", fingerprint64(self.name.as_bytes())))
    }

    /// Both files are of one day, or of one input without days.
    pub fn is_of_day_of(&self, other: &Self) -> bool {
        self.date == other.date && self.part == other.part
    }

    /// The error for the day of this file, whose files have no row.
    pub fn without_rows(&self) -> DataError {
        let reason = self.date.map_or("it has no rows".into(), |day| format!("{day} has no rows"));
        DataError::EmptyFile { path: self.path.clone(), reason }
    }
}

/// Names of the side tables.
pub(crate) const ITEMS: &str = "items";
pub(crate) const USERS: &str = "users";

/// A side table.
#[derive(Debug, Clone)]
pub(crate) struct SideFiles {
    /// [`ITEMS`] or [`USERS`].
    pub name: &'static str,
    pub files: Vec<PathBuf>,
    /// Columns that make up the key.
    pub key: Vec<String>,
    /// Key of the config that names them.
    pub config_key: &'static str,
    /// Where a key may have several rows: from when each is true.
    pub time: Option<TimeSettings>,
    /// Columns of the first file that has any.
    header: Header,
}

impl SideFiles {
    /// The same files, whose rows have a time.
    ///
    /// # Errors
    /// The time column is missing, or occurs twice.
    fn timed(mut self, time: Option<&TimeSettings>) -> Result<Self> {
        if let Some(time) = time {
            self.header.find(time.column(), &self.time_key())?;
        }
        self.time = time.cloned();
        Ok(self)
    }

    /// Key of the config that names the time column.
    pub fn time_key(&self) -> String {
        format!("input.{}.time.column", self.name)
    }
}

/// Everything that is known before rows are read.
pub(crate) struct Plan<'a> {
    pub settings: &'a DataSettings,
    pub data_dir: &'a Path,
    /// How log files are read.
    pub(super) form: Form,
    /// Rows that were corrected by hand.
    pub(super) corrections: Corrections,
    /// Users whose rows are left out.
    pub(super) deleted: DeletedUsers,
    pub units: Vec<Unit>,
    pub items: Option<SideFiles>,
    pub users: Option<SideFiles>,
    pub(super) wanted: AllWanted,
    pub buckets: usize,
}

/// A file as accounts name it: relative to the data folder where it lies in it.
pub(super) fn shown(path: &Path, data_dir: &Path) -> String {
    path.strip_prefix(data_dir).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

impl<'a> Plan<'a> {
    /// As [`Plan::new`], with the list of deleted users that lies beside the runs.
    ///
    /// # Errors
    /// As [`Plan::new`]; a damaged list.
    pub fn of_run(context: &DataContext<'a>, settings: &'a DataSettings, folders: &RunFolders) -> Result<Self> {
        Self::new(context, settings, DeletedUsers::read(context.stage.vfs, folders.base())?)
    }

    /// Finds the files and their columns; rows of `deleted` users will be left out.
    ///
    /// # Errors
    /// A missing partition, an empty file, a column that is not there.
    pub fn new(context: &DataContext<'a>, settings: &'a DataSettings, deleted: DeletedUsers) -> Result<Self> {
        let logs = log_files(context, settings)?;
        let units = units(context, settings, logs)?;
        let mut form = Form { files: context.files.clone(), ..settings.log_form() };
        let log = first_header(units.iter().map(|unit| &unit.path), &form)?;
        form.columns = log.names().to_vec();
        let corrections = Corrections::read(context, settings.input().corrections.as_deref())?;
        let items = settings.items_table().map(|table| {
            side_files(context, settings, ITEMS, &table.path, (vec![table.item.clone()], "input.items.item"))
        });
        let users = settings
            .users_table()
            .map(|table| side_files(context, settings, USERS, &table.path, (table.user.names(), "input.users.user")));
        let items = items.transpose()?.map(|side| side.timed(settings.items_time())).transpose()?;
        let users = users.transpose()?.map(|side| side.timed(settings.users_time())).transpose()?;
        let headers = Headers {
            log: &log,
            items: items.as_ref().map(|side| &side.header),
            users: users.as_ref().map(|side| &side.header),
        };
        let wanted = AllWanted::find(settings, &headers)?;
        let buckets = bucket_count(context, &units, settings)?;
        let data_dir = context.data_dir;
        Ok(Self { settings, data_dir, form, corrections, deleted, units, items, users, wanted, buckets })
    }

    /// Everything that decides the interactions of a file, its content aside.
    pub fn log_settings(&self, unit: &Unit) -> serde_json::Value {
        let part_column = match self.settings.split() {
            split @ Split::ByColumn { .. } => Some(split),
            Split::ByDate { .. } | Split::LeaveLastOneOut { .. } | Split::Given { .. } => None,
        };
        let clean = self.settings.clean();
        json!({
            "input": self.reading(), "part_column": part_column, "wanted": self.wanted.log,
            "clean": [json!(clean.never_shown), json!(clean.dwell), json!(clean.position)],
            "skip_above": clean.skip_above, "name": unit.name, "time": unit.time, "part": unit.part,
            "corrections": self.corrections.of(&unit.name), "lists": self.form.lists,
        })
    }

    /// Everything that decides a side table, the content of its files aside.
    pub fn side_settings(&self, side: &SideFiles, wanted: &Wanted) -> serde_json::Value {
        let names: Vec<String> = side.files.iter().map(|path| shown(path, self.data_dir)).collect();
        let input = self.settings.input();
        let times = (input.items.as_ref().map(|table| &table.time), input.users.as_ref().map(|table| &table.time));
        let corrections: Vec<_> = names.iter().map(|name| self.corrections.of(name)).collect();
        json!({
            "input": self.reading(), "wanted": wanted, "key": side.key, "times": times, "names": names,
            "corrections": corrections, "lists": self.form.lists,
        })
    }

    /// How side tables are read.
    pub fn side_form(&self) -> Form {
        Form { files: self.form.files.clone(), ..self.settings.side_form() }
    }

    /// How files are read: `[input]` without what says which files.
    fn reading(&self) -> InputSection {
        InputSection {
            path: String::new(),
            date_format: String::new(),
            days: None,
            max_reject_ratio: 0.0,
            max_corrupt_records: 0,
            corrections: None,
            items: None,
            users: None,
            ..self.settings.input().clone()
        }
    }

    /// Refuses a day, or a whole input without days, whose files have no row. `rows` are those of each unit.
    ///
    /// # Errors
    /// [`DataError::EmptyFile`] that names the day.
    pub fn check_days(&self, rows: &[u64]) -> Result<()> {
        let units = &self.units;
        for (number, unit) in units.iter().enumerate() {
            let of_day = |other: &Unit| other.is_of_day_of(unit);
            let is_first = !units[..number].last().is_some_and(of_day);
            let rows = units[number..].iter().zip(&rows[number..]).take_while(|(other, _)| of_day(other));
            if is_first && rows.map(|(_, rows)| rows).sum::<u64>() == 0 {
                return Err(unit.without_rows());
            }
        }
        Ok(())
    }

    /// The side tables, and what is wanted of each.
    pub fn side_tables(&self) -> impl Iterator<Item = (&SideFiles, &Wanted)> {
        let items = self.items.iter().map(|side| (side, &self.wanted.items));
        items.chain(self.users.iter().map(|side| (side, &self.wanted.users)))
    }
}

fn units(context: &DataContext<'_>, settings: &DataSettings, logs: Vec<Partition>) -> Result<Vec<Unit>> {
    let mut files: Vec<(Partition, Part)> = logs.into_iter().map(|file| (file, Part::Train)).collect();
    if let Split::Given { test, .. } = settings.split() {
        files.extend(plain_files(context, test)?.into_iter().map(|file| (file, Part::Test)));
    }
    let unit = |(number, (file, part)): (usize, (Partition, Part))| Unit {
        number,
        name: shown(&file.path, context.data_dir),
        time: file.date.and_then(|day| start_of_day(day, &settings.zone())).unwrap_or(NO_TIME),
        date: file.date,
        path: file.path,
        part,
    };
    Ok(files.into_iter().enumerate().map(unit).collect())
}

/// Columns of the first file that has any.
fn first_header<'p>(paths: impl Iterator<Item = &'p PathBuf>, form: &Form) -> Result<Header> {
    let mut last = PathBuf::new();
    for path in paths {
        if let Some(table) = Table::open(path, form)? {
            return Ok(table.header().clone());
        }
        last.clone_from(path);
    }
    Err(DataError::EmptyFile { path: last, reason: "it has no row that names columns".into() })
}

fn side_files(
    context: &DataContext<'_>,
    settings: &DataSettings,
    name: &'static str,
    path: &str,
    (key, config_key): (Vec<String>, &'static str),
) -> Result<SideFiles> {
    let files: Vec<PathBuf> = plain_files(context, path)?.into_iter().map(|file| file.path).collect();
    let header = first_header(files.iter(), &Form { files: context.files.clone(), ..settings.side_form() })?;
    key.iter().try_for_each(|column| header.find(column, config_key).map(drop))?;
    Ok(SideFiles { name, files, key, config_key, time: None, header })
}

fn bucket_count(context: &DataContext<'_>, units: &[Unit], settings: &DataSettings) -> Result<usize> {
    let mut bytes = 0u64;
    for unit in units {
        bytes = bytes.saturating_add(expected_bytes(context.files, &unit.path)?);
    }
    let budget = u64::from(settings.memory_mib()) << 20;
    let for_memory = bytes.div_ceil(budget / BUCKETS_PER_BUDGET);
    let for_threads = bytes.div_ceil(SMALL_BUCKET).min(BUSY_BUCKETS);
    Ok(for_memory.max(for_threads).clamp(1, SLOTS as u64) as usize)
}
