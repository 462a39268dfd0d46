//! Which file is the log and which are side tables. In: looks at all files. Out: [`Tables`]: the log with its roles,
//! and tables of items and users that the log's ids are the keys of.

use super::column::{Column, Values};
use super::look::Look;
use super::name;
use super::role::{Outcome, Roles};
use crate::error::{DataError, Result};
use std::path::PathBuf;

/// Files with the same columns; rows are those of the first.
#[derive(Debug)]
pub(super) struct Table {
    pub look: Look,
    pub columns: Vec<Column>,
    pub paths: Vec<PathBuf>,
}

/// A side table and the number of its key.
#[derive(Debug)]
pub(super) struct Side {
    pub table: Table,
    pub key: usize,
}

/// All files, by what they are.
#[derive(Debug)]
pub(super) struct Tables {
    pub log: Table,
    pub roles: Roles,
    /// Files of the log whose names say that they are the test part.
    pub test: Vec<PathBuf>,
    pub items: Option<Side>,
    pub users: Option<Side>,
}

impl Table {
    fn of(look: Look) -> Self {
        let columns = (0..look.names.len()).map(|number| Column::of(&look, number)).collect();
        Self { columns, paths: vec![look.path.clone()], look }
    }

    fn fits(&self, look: &Look) -> bool {
        self.look.has_header == look.has_header
            && self.look.delimiter == look.delimiter
            && self.look.names == look.names
    }
}

impl Tables {
    /// Sorts the files.
    ///
    /// # Errors
    /// [`DataError::Unsuitable`] when no column can be the item, with the columns that were found.
    pub fn arrange(looks: Vec<Look>) -> Result<Self> {
        let mut tables: Vec<Table> = Vec::new();
        for look in looks {
            match tables.iter_mut().find(|table| table.fits(&look)) {
                Some(table) => table.paths.push(look.path),
                None => tables.push(Table::of(look)),
            }
        }
        let found: Vec<Roles> = tables.iter().map(|table| Roles::find(&table.look, &table.columns)).collect();
        let likeliest = (0..tables.len()).rev().max_by_key(|&number| found[number].weight()).unwrap_or_default();
        let mut log = tables.remove(likeliest);
        let roles = found[likeliest].clone();
        if roles.item.is_none() {
            return Err(no_item(&log));
        }
        let test = take_test_files(&mut log);
        name_columns(&mut log, &roles);
        let items = roles.item.as_ref().and_then(|pick| side(&mut tables, &log, pick.column, &name::ITEM));
        let users = roles.user.as_ref().and_then(|pick| side(&mut tables, &log, pick.column, &name::USER));
        Ok(Self { log, roles, test, items, users })
    }

    /// True when samples are labelled rows: there is a label of 0 and 1 and nobody is identified.
    pub fn has_labels_only(&self) -> bool {
        let is_label = self.roles.outcome.as_ref().is_some_and(|(_, outcome)| *outcome == Outcome::Label);
        is_label && self.roles.user.is_none()
    }
}

fn no_item(log: &Table) -> DataError {
    let reason = format!(
        "no column is named like an item in {}; its columns are: {}",
        log.look.path.display(),
        log.look.names.join(", ")
    );
    DataError::Unsuitable { what: "input.item".into(), reason }
}

/// Takes away the files that say `test` in their names, if others do not.
fn take_test_files(log: &mut Table) -> Vec<PathBuf> {
    let says_test = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("test"));
    let (test, train): (Vec<_>, Vec<_>) = log.paths.iter().cloned().partition(says_test);
    if train.is_empty() {
        return Vec::new();
    }
    log.paths = train;
    test
}

/// Gives the columns of a file without header the names of their roles.
fn name_columns(log: &mut Table, roles: &Roles) {
    if log.look.has_header {
        return;
    }
    let outcome = roles.outcome.as_ref().map(|(pick, outcome)| match outcome {
        Outcome::Event(_) => ("event", pick),
        Outcome::Label => ("label", pick),
        Outcome::Rating(_) => ("rating", pick),
    });
    let others = [("user", &roles.user), ("item", &roles.item), ("time", &roles.time)];
    let others = others.into_iter().filter_map(|(name, pick)| pick.as_ref().map(|pick| (name, pick)));
    for (name, pick) in others.chain(outcome) {
        log.look.names[pick.column] = name.into();
        log.columns[pick.column].name = name.into();
    }
}

/// Takes the table whose rows belong to the values of a column of the log, one row a value.
fn side(tables: &mut Vec<Table>, log: &Table, column: usize, role: &[&str]) -> Option<Side> {
    let name = &log.columns[column].name;
    let key = |table: &Table| {
        let is_key = |column: &Column| {
            let codes = matches!(column.values, Values::Integer { .. } | Values::Text);
            codes && column.is_unique() && (column.name == *name || name::rank(&column.name, role).is_some())
        };
        let readable = table.look.has_header && table.look.delimiter == log.look.delimiter && table.paths.len() == 1;
        table.columns.iter().position(is_key).filter(|_| readable)
    };
    let (number, key) = tables.iter().enumerate().find_map(|(number, table)| Some((number, key(table)?)))?;
    Some(Side { table: tables.remove(number), key })
}
