//! Where the raw value of each feature comes from: the key itself, a side table, or the log. In: the features and the
//! columns that the tables have. Out: [`Sources`], which fetch values row by row; they are encoded elsewhere.

use super::corpus::Corpus;
use super::side::{Entry, SideTable};
use crate::bucket::{Bucket, Row};
use crate::config::Mode;
use twinspire_core::encode::Raw;
use twinspire_core::schema::{FeatureSchema, FeatureSpec, Side};
use twinspire_core::{CoreError, Result};

/// A place of a raw value. Numbers count the columns of the log ([`Sources::log_columns`]) or of a side table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Source {
    /// The user key, or the item id.
    key: bool,
    side: Option<usize>,
    log: Option<usize>,
}

/// A raw user column that is kept in the history table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptColumn {
    /// Name of the column.
    pub name: String,
    source: Source,
}

/// Where all raw values come from.
#[derive(Debug)]
pub(super) struct Sources {
    /// Raw columns that are read from the interaction tables; those of item features come first.
    pub log_columns: Vec<String>,
    /// Number of the log columns that item features read.
    pub item_log_columns: usize,
    /// In the order of the encoder's user columns.
    user: Vec<Source>,
    /// In the order of the encoder's item columns.
    item: Vec<Source>,
    /// Columns of features of the user (not of the request), and the key where a feature reads it; each once.
    pub kept: Vec<KeptColumn>,
    pub users: Option<SideTable>,
    pub items: Option<SideTable>,
}

/// What is known of the columns before anything is read.
pub(super) struct Columns<'a> {
    /// Names under which the user key is a column, where it is one.
    pub user: Vec<&'a str>,
    /// Names under which the item id is a column.
    pub item: Vec<&'a str>,
    /// Raw columns in the interaction tables, without their prefix.
    pub log: &'a [String],
}

/// Features of one tower that are encoded from a column, in the order of the config.
fn encoded(schema: &FeatureSchema, of_item: bool) -> impl Iterator<Item = &FeatureSpec> {
    let encoded = move |feature: &&FeatureSpec| (feature.side == Side::Item) == of_item && feature.reads_column();
    schema.features().iter().filter(encoded)
}

fn missing(feature: &FeatureSpec, tables: &str) -> CoreError {
    let reason = format!("expected a column {:?} in {tables}, found none", feature.column);
    CoreError::Invalid { field: format!("features.{}.column", feature.name), reason }
}

impl Sources {
    /// Finds the columns.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] for a feature whose column is nowhere.
    pub fn find(
        schema: &FeatureSchema,
        columns: &Columns<'_>,
        users: Option<SideTable>,
        items: Option<SideTable>,
    ) -> Result<Self> {
        let mut sources = Self {
            log_columns: Vec::new(),
            item_log_columns: 0,
            user: Vec::new(),
            item: Vec::new(),
            kept: Vec::new(),
            users,
            items,
        };
        for feature in encoded(schema, true) {
            let source = sources.item_source(feature, columns)?;
            sources.item.push(source);
        }
        sources.item_log_columns = sources.log_columns.len();
        for feature in encoded(schema, false) {
            let source = sources.user_source(feature, columns)?;
            sources.user.push(source);
            let is_kept = sources.kept.iter().any(|kept| kept.name == feature.column);
            if (feature.side == Side::User || source.key) && !is_kept {
                sources.kept.push(KeptColumn { name: feature.column.clone(), source });
            }
        }
        Ok(sources)
    }

    /// The number of a raw column of the log, if it has it.
    fn log_column(&mut self, name: &str, columns: &Columns<'_>) -> Option<usize> {
        columns.log.iter().find(|&column| column == name)?;
        let known = self.log_columns.iter().position(|column| column == name);
        Some(known.unwrap_or_else(|| {
            self.log_columns.push(name.to_owned());
            self.log_columns.len() - 1
        }))
    }

    fn user_source(&mut self, feature: &FeatureSpec, columns: &Columns<'_>) -> Result<Source> {
        let name = feature.column.as_str();
        let is_side = feature.side == Side::User;
        let side = self.users.as_ref().filter(|_| is_side).and_then(|table| table.column(name));
        let key = side.is_none() && columns.user.contains(&name);
        let log = if key { None } else { self.log_column(name, columns) };
        if !key && side.is_none() && log.is_none() {
            return Err(missing(feature, if is_side { "the log or the user table" } else { "the log" }));
        }
        Ok(Source { key, side, log })
    }

    fn item_source(&mut self, feature: &FeatureSpec, columns: &Columns<'_>) -> Result<Source> {
        let name = feature.column.as_str();
        let side = self.items.as_ref().and_then(|table| table.column(name));
        let key = columns.item.contains(&name);
        let log = if key { None } else { self.log_column(name, columns) };
        if !key && side.is_none() && log.is_none() {
            return Err(missing(feature, "the log or the item table"));
        }
        Ok(Source { key, side, log })
    }

    /// For each log column, whether its cells are still read after the scan: those of rows that are no samples, and those of
    /// rows that are.
    pub fn read_again(&self, mode: Mode) -> Vec<[bool; 2]> {
        let of_column = |column: usize| {
            let reads = |source: &Source| source.log == Some(column);
            let of_samples = self.user.iter().any(reads) || (mode == Mode::Labels && self.item.iter().any(reads));
            let of_all = self.kept.iter().any(|kept| reads(&kept.source));
            [of_all, of_all || of_samples]
        };
        (0..self.log_columns.len()).map(of_column).collect()
    }

    /// The user's rows of the side table, if she is in it.
    pub fn user_entry(&self, key: Option<&str>) -> Option<Entry> {
        self.users.as_ref()?.find(key?)
    }

    fn user_value<'a>(
        &'a self,
        source: Source,
        bucket: &'a Bucket,
        row: &Row,
        profile: Option<usize>,
    ) -> Option<&'a str> {
        if source.key {
            return bucket.user_key(row);
        }
        match (source.side, source.log, &self.users, profile) {
            (Some(column), _, Some(table), Some(profile)) => table.value(profile, column),
            (_, Some(column), ..) => bucket.raw(row, column),
            _ => None,
        }
    }

    /// Raw values of the user tower for one row, as of its time; `entry` is [`Sources::user_entry`].
    pub fn user_values<'a>(&'a self, bucket: &'a Bucket, row: &Row, entry: Option<Entry>, values: &mut Vec<Raw<'a>>) {
        values.clear();
        let profile = self.users.as_ref().zip(entry).and_then(|(table, entry)| table.before(entry, row.time));
        let fetched = self.user.iter().map(|&source| self.user_value(source, bucket, row, profile));
        values.extend(fetched.map(|value| value.map_or(Raw::Missing, Raw::Text)));
    }

    /// Raw value of a kept column at one row, and with the newest row of the side table, whatever its time.
    pub fn kept_value<'a>(
        &'a self,
        column: &KeptColumn,
        bucket: &'a Bucket,
        row: &Row,
        entry: Option<Entry>,
    ) -> Option<&'a str> {
        let newest = self.users.as_ref().zip(entry).map(|(table, entry)| table.newest(entry));
        self.user_value(column.source, bucket, row, newest)
    }

    /// Raw values of the item tower for an item of the corpus: the newest row of the side table first, else the log row that stands for it.
    pub fn corpus_values<'a>(&'a self, corpus: &'a Corpus, item: usize, values: &mut Vec<Raw<'a>>) {
        values.clear();
        let newest = |table: &SideTable| table.find(corpus.id(item)).map(|entry| table.newest(entry));
        let listed = self.items.as_ref().and_then(|table| Some((table, newest(table)?)));
        let fetched = self.item.iter().map(|source| match (listed, source.side, source.log) {
            _ if source.key => Some(corpus.id(item)),
            (Some((table, row)), Some(column), _) => table.value(row, column),
            (_, _, Some(column)) => corpus.raw(item, column),
            _ => None,
        });
        values.extend(fetched.map(|value| value.map_or(Raw::Missing, Raw::Text)));
    }

    /// Raw values of the item tower as a row of the log has them; what the log lacks comes from the side table, as of the
    /// row's time.
    pub fn own_item_values<'a>(&'a self, bucket: &'a Bucket, row: &Row, values: &mut Vec<Raw<'a>>) {
        values.clear();
        let id = bucket.item(row);
        let needs_side = self.item.iter().any(|source| !source.key && source.log.is_none());
        let before = |table: &SideTable| table.find(id).and_then(|entry| table.before(entry, row.time));
        let listed = self.items.as_ref().filter(|_| needs_side).and_then(|table| Some((table, before(table)?)));
        let fetched = self.item.iter().map(|source| match (source.log, source.side, listed) {
            _ if source.key => Some(id),
            (Some(column), ..) => bucket.raw(row, column),
            (None, Some(column), Some((table, listed))) => table.value(listed, column),
            _ => None,
        });
        values.extend(fetched.map(|value| value.map_or(Raw::Missing, Raw::Text)));
    }
}
