//! Attributes of the corpus, from the table of items. In: the corpus and the newest row of each item. Out:
//! `attributes.arrow`. No feature and no sample reads it.

use super::corpus::Corpus;
use super::side::SideTable;
use crate::config::{AttributeSection, ItemsSection};
use arrow_array::RecordBatch;
use twinspire_core::attribute::AttributeRows;
use twinspire_core::{CoreError, Result};

/// The table of attributes and of availability; `None` where the config declares neither.
///
/// # Errors
/// [`CoreError::Damaged`] when the table of items lacks a column, or holds text where ingest lets only numbers pass.
pub(super) fn attributes_of(
    corpus: &Corpus,
    section: Option<&ItemsSection>,
    table: Option<&SideTable>,
) -> Result<Option<RecordBatch>> {
    let declared = |section: &&ItemsSection| !section.attributes.is_empty() || section.available.is_some();
    let (Some(section), Some(table)) = (section.filter(declared), table) else { return Ok(None) };
    let columns: Vec<(usize, &AttributeSection)> = section
        .attributes
        .iter()
        .map(|attribute| Ok((column(table, &attribute.column)?, attribute)))
        .collect::<Result<_>>()?;
    let available = section.available.as_ref().map(|of| Ok((column(table, &of.column)?, &of.values))).transpose()?;
    let mut rows =
        AttributeRows::new(section.attributes.iter().map(AttributeSection::attribute).collect(), corpus.len());
    let mut may = Vec::new();
    for (id, item) in corpus.ids().iter().zip(0..) {
        let Some(row) = table.find(id).map(|entry| table.newest(entry)) else { continue };
        for (&(column, attribute), number) in columns.iter().zip(0..) {
            for value in attribute.values(table.value(row, column).unwrap_or_default()) {
                rows.push(item, number, value.ok_or_else(|| not_a_number(id, attribute))?);
            }
        }
        let is_one_of = |(column, values): (usize, &Vec<String>)| {
            table.value(row, column).is_some_and(|value| values.iter().any(|known| known == value))
        };
        may.extend(available.filter(|&of| is_one_of(of)).map(|_| item));
    }
    if available.is_some() {
        rows.set_available(may);
    }
    rows.into_batch().map(Some)
}

fn column(table: &SideTable, name: &str) -> Result<usize> {
    table.column(name).ok_or_else(|| CoreError::damaged("side/items.arrow", format!("there is no column `{name}`")))
}

fn not_a_number(id: &str, attribute: &AttributeSection) -> CoreError {
    CoreError::damaged("side/items.arrow", format!("`{}` of item {id:?} is not a number", attribute.column))
}
