//! What is wanted of a file beside its keys: raw columns that features need, and cells that must be sound.
//! In: the features and the headers of the log and the side tables. Out: [`Wanted`] for each of them.

use super::account::Kind;
use super::record::Record;
use super::table::Header;
use crate::config::{AttributeSection, DataSettings, Mode};
use crate::error::{DataError, Result};
use serde::Serialize;
use twinspire_core::attribute::AttributeKind;
use twinspire_core::encode::{CellFault, cell_fault};
use twinspire_core::ids::{check_id, join_key_into};
use twinspire_core::schema::{FeatureKind, FeatureSpec, Side};

/// A column and the key of the config that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NamedColumn {
    pub column: String,
    pub key: String,
}

/// A column whose cells are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RawColumn {
    #[serde(flatten)]
    pub named: NamedColumn,
    /// Its cells are stored of all rows, not only of those that become samples.
    pub of_all_rows: bool,
}

/// Columns of one kind of file.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Wanted {
    /// Columns that are stored as `f:<column>`, each once.
    pub raw: Vec<RawColumn>,
    /// Columns whose cells a feature must be able to read.
    checks: Vec<(NamedColumn, FeatureSpec)>,
    /// Columns whose cells must hold numbers that attributes have.
    numbers: Vec<(NamedColumn, AttributeSection)>,
}

impl Wanted {
    fn add_raw(&mut self, column: &NamedColumn, of_all_rows: bool) {
        match self.raw.iter_mut().find(|known| known.named.column == column.column) {
            Some(known) => known.of_all_rows |= of_all_rows,
            None => self.raw.push(RawColumn { named: column.clone(), of_all_rows }),
        }
    }

    fn add_check(&mut self, column: &NamedColumn, feature: &FeatureSpec) {
        let can_fail = match (&feature.kind, &feature.list) {
            (FeatureKind::Numeric { .. } | FeatureKind::Bucketised { .. }, _) => true,
            (
                FeatureKind::Hash { .. }
                | FeatureKind::Vocabulary { .. }
                | FeatureKind::History { .. }
                | FeatureKind::Window { .. },
                list,
            ) => list.as_ref().is_some_and(|list| list.weighted),
        };
        if can_fail {
            self.checks.push((column.clone(), feature.clone()));
        }
    }

    /// Columns of the attributes and of availability, which the table of items must have.
    fn add_attributes(&mut self, settings: &DataSettings, header: Option<&Header>) -> Result<()> {
        let (Some(items), Some(header)) = (settings.items_table(), header) else { return Ok(()) };
        let attributes = items.attributes.iter().enumerate();
        let keys = attributes.map(|(number, of)| (&of.column, format!("input.items.attributes[{number}].column")));
        let available = items.available.iter().map(|of| (&of.column, "input.items.available.column".to_owned()));
        for (column, key) in keys.chain(available) {
            header.find(column, &key)?;
            self.add_raw(&NamedColumn { column: column.clone(), key }, true);
        }
        let numbers = items.attributes.iter().filter(|attribute| attribute.kind == AttributeKind::Number);
        self.numbers.extend(numbers.map(|attribute| {
            let (column, key) = (attribute.column.clone(), "input.items.attributes".to_owned());
            (NamedColumn { column, key }, attribute.clone())
        }));
        Ok(())
    }

    /// Numbers of the columns in a file.
    ///
    /// # Errors
    /// A column is missing, or occurs twice.
    pub fn locate(&self, header: &Header) -> Result<Located<'_>> {
        let number = |column: &NamedColumn| header.find(&column.column, &column.key);
        let raw: Result<Vec<usize>> = self.raw.iter().map(|raw| number(&raw.named)).collect();
        let checks = self.checks.iter().map(|(column, feature)| Ok((number(column)?, feature)));
        let numbers = self.numbers.iter().map(|(column, attribute)| Ok((number(column)?, attribute)));
        let numbers = numbers.collect::<Result<_>>()?;
        Ok(Located { raw: raw?, checks: checks.collect::<Result<_>>()?, numbers })
    }
}

/// [`Wanted`] in one file.
pub(crate) struct Located<'a> {
    /// Cells of the raw columns, in the order of [`Wanted::raw`].
    pub raw: Vec<usize>,
    checks: Vec<(usize, &'a FeatureSpec)>,
    numbers: Vec<(usize, &'a AttributeSection)>,
}

impl Located<'_> {
    /// The first cell that a feature or an attribute could not read.
    pub fn fault(&self, record: &Record<'_>) -> Option<(Kind, usize)> {
        self.fault_of_features(record).or_else(|| {
            let is_sound =
                |cell, attribute: &AttributeSection| attribute.values(record.cell(cell)).all(|value| value.is_some());
            let fault = self.numbers.iter().find(|&&(cell, attribute)| !is_sound(cell, attribute));
            fault.map(|&(cell, _)| (Kind::Cast, cell))
        })
    }

    fn fault_of_features(&self, record: &Record<'_>) -> Option<(Kind, usize)> {
        self.checks.iter().find_map(|&(cell, feature)| {
            let kind = match cell_fault(feature, record.cell(cell))? {
                CellFault::NotANumber => Kind::Cast,
                CellFault::NotFinite => Kind::NonFinite,
                CellFault::Weight => Kind::Weight,
            };
            Some((kind, cell))
        })
    }
}

/// Cells that make up a key.
pub(super) struct KeyCells {
    cells: Vec<usize>,
    joined: String,
}

impl KeyCells {
    /// Finds the columns; `key` is the key of the config that names them.
    ///
    /// # Errors
    /// A column is missing, or occurs twice.
    pub fn find(header: &Header, columns: &[String], key: &str) -> Result<Self> {
        let cells: Result<_> = columns.iter().map(|column| header.find(column, key)).collect();
        Ok(Self { cells: cells?, joined: String::new() })
    }

    /// The first cell, for messages.
    pub fn first(&self) -> usize {
        self.cells[0]
    }

    /// The key of a record, or `None` when it is no valid id. A key of several parts is valid while one of them is not
    /// empty.
    pub fn read<'r>(&'r mut self, record: &Record<'r>) -> Option<&'r str> {
        let key = match self.cells.as_slice() {
            [single] => record.cell(*single),
            several => {
                if several.iter().all(|&cell| record.cell(cell).is_empty()) {
                    return None;
                }
                join_key_into(several.iter().map(|&cell| record.cell(cell)), &mut self.joined);
                &self.joined
            }
        };
        check_id("", key).is_ok().then_some(key)
    }
}

/// Headers of all kinds of files.
pub(super) struct Headers<'a> {
    pub log: &'a Header,
    pub items: Option<&'a Header>,
    pub users: Option<&'a Header>,
}

/// What is wanted of all kinds of files.
#[derive(Debug, Default, Serialize)]
pub(super) struct AllWanted {
    pub log: Wanted,
    pub items: Wanted,
    pub users: Wanted,
}

/// The log column that is the key under which the feature's column is known, if it is one.
fn key_column<'a>(settings: &'a DataSettings, feature: &FeatureSpec) -> Option<&'a str> {
    let is_item = feature.column == settings.item_column()
        || settings.items_table().is_some_and(|table| feature.column == table.item);
    match (feature.side, settings.user_columns()) {
        (Side::Item, _) => is_item.then(|| settings.item_column()),
        (Side::User | Side::Context, [single]) => (*single == feature.column).then_some(single.as_str()),
        (Side::User | Side::Context, _) => None,
    }
}

/// The columns that computed ones are made of, each with the key of the config that names it.
///
/// # Errors
/// The log has a column of that name already.
fn columns_of_derived(settings: &DataSettings, log: &Header) -> Result<Vec<(String, String)>> {
    let mut columns = Vec::new();
    for derived in settings.derived() {
        if log.position(&derived.name)?.is_some() {
            let reason = format!("the log has a column `{}` already", derived.name);
            return Err(DataError::Unsuitable { what: derived.key.clone(), reason });
        }
        columns.extend(derived.expression.columns().iter().map(|name| (name.clone(), derived.key.clone())));
    }
    Ok(columns)
}

/// Any row may stand for its item or its user, and the impression that a positive is joined with lends it its cells.
fn is_read_of_all_rows(settings: &DataSettings, feature: &FeatureSpec) -> bool {
    feature.side != Side::Context || settings.mode() == Mode::Labels || settings.join().is_some()
}

impl AllWanted {
    /// Finds every feature's column in the log or in the side table of its side.
    ///
    /// # Errors
    /// A column that is nowhere, or twice in a header.
    pub fn find(settings: &DataSettings, headers: &Headers<'_>) -> Result<Self> {
        let mut wanted = Self::default();
        for (number, feature) in settings.features().features().iter().enumerate() {
            if !feature.reads_column() {
                continue;
            }
            let mut column = NamedColumn { column: feature.column.clone(), key: format!("features[{number}].column") };
            if let Some(key) = key_column(settings, feature) {
                column.column = key.to_owned();
                wanted.log.add_check(&column, feature);
                continue;
            }
            let (side, header) = match feature.side {
                Side::Item => (&mut wanted.items, headers.items),
                Side::User => (&mut wanted.users, headers.users),
                Side::Context => (&mut Wanted::default(), None),
            };
            let is_in_log = headers.log.position(&feature.column)?.is_some();
            let is_aside = header.map(|header| header.position(&feature.column)).transpose()?.flatten().is_some();
            if !is_in_log && !is_aside && !settings.derives(&feature.column) {
                return Err(headers.nowhere(header, &column));
            }
            if is_aside {
                side.add_raw(&column, true);
                side.add_check(&column, feature);
            }
            if is_in_log {
                wanted.log.add_raw(&column, is_read_of_all_rows(settings, feature));
                wanted.log.add_check(&column, feature);
            }
        }
        let stored = settings.columns_of_rules().into_iter().filter(|(column, _)| !settings.derives(column));
        for (column, key) in columns_of_derived(settings, headers.log)?.into_iter().chain(stored) {
            headers.log.find(&column, &key)?;
            wanted.log.add_raw(&NamedColumn { column, key }, true);
        }
        wanted.items.add_attributes(settings, headers.items)?;
        Ok(wanted)
    }
}

impl Headers<'_> {
    /// The error for a column that is neither in the log nor in the side table.
    fn nowhere(&self, side: Option<&Header>, column: &NamedColumn) -> DataError {
        let elsewhere = side.map(Header::names).unwrap_or_default();
        self.log.missing(&column.column, &column.key, elsewhere)
    }
}
