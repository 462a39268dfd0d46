//! `attributes.arrow`: one row a value, ordered by attribute, then by value.
//!
//! Columns: `attribute` UInt32 (its number in the list `attributes` of the metadata), `text` Utf8 and `number` Float64 (the
//! one that the kind means; the other is empty or 0), `items` `List<UInt32>` (the items that have the value, ascending).
//! A last row of attribute MISSING lists the items that may be recommended, where that is known.

use super::rows::{ATTRIBUTES_KEY, ITEMS_KEY};
use super::{Attribute, AttributeKind, AttributeValue, Bounds};
use crate::ids::MISSING;
use crate::table::{SharedLists, decode_table, read_mapped, shared, shared_lists, text_column};
use crate::{CoreError, Result};
use arrow_array::types::{Float64Type, UInt32Type};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_buffer::ScalarBuffer;
use std::ops::Range;
use std::path::Path;

/// Which items have which values.
#[derive(Debug, Clone)]
pub struct AttributeTable {
    attributes: Vec<Attribute>,
    items: usize,
    /// Rows of each attribute.
    rows: Vec<Range<usize>>,
    numbers: ScalarBuffer<f64>,
    texts: StringArray,
    postings: SharedLists<u32>,
    is_availability_known: bool,
}

impl AttributeTable {
    /// Maps `attributes.arrow`.
    ///
    /// # Errors
    /// `Damaged`; I/O.
    pub fn open(path: &Path) -> Result<Self> {
        Self::from_batch(&read_mapped(path)?).map_err(|error| error.of_file(path))
    }

    /// Reads the bytes of such a file.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_batch(&decode_table(bytes)?)
    }

    /// Wraps a batch that is in memory.
    ///
    /// # Errors
    /// `Damaged` when a column is missing, or rows or items are out of order.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let metadata = batch.schema_ref().metadata();
        let attributes = metadata.get(ATTRIBUTES_KEY).and_then(|text| serde_json::from_str(text).ok());
        let attributes: Vec<Attribute> = attributes.ok_or_else(|| damaged("its attributes are not described"))?;
        let items = metadata.get(ITEMS_KEY).and_then(|text| text.parse().ok());
        let column = shared::<UInt32Type>(batch, "attribute")?;
        let known = (0..attributes.len() as u32).map(|number| {
            column.partition_point(|&other| other < number)..column.partition_point(|&other| other <= number)
        });
        let is_availability_known = column.last() == Some(&MISSING);
        let table = Self {
            rows: known.collect(),
            attributes,
            items: items.ok_or_else(|| damaged("its number of items is not described"))?,
            numbers: shared::<Float64Type>(batch, "number")?,
            texts: text_column(batch, "text")?.clone(),
            postings: shared_lists::<UInt32Type>(batch, "items")?,
            is_availability_known,
        };
        let described = table.rows.last().map_or(0, |rows| rows.end) + usize::from(is_availability_known);
        if column.is_sorted() && described == column.len() && table.is_sound() {
            Ok(table)
        } else {
            Err(damaged("its values are out of order, or name an item outside the corpus"))
        }
    }

    fn is_sound(&self) -> bool {
        let in_order = |attribute: usize| {
            let rows = self.rows[attribute].clone();
            match self.attributes[attribute].kind {
                AttributeKind::Text => rows.is_sorted_by(|&a, &b| self.texts.value(a) < self.texts.value(b)),
                AttributeKind::Number => {
                    let numbers = &self.numbers[rows];
                    numbers.is_sorted_by(|a, b| a < b) && numbers.iter().all(|number| number.is_finite())
                }
            }
        };
        let is_list = |row| {
            let items = self.items_of(row);
            items.is_sorted_by(|a, b| a < b) && items.last().is_none_or(|&last| (last as usize) < self.items)
        };
        self.texts.null_count() == 0 && (0..self.attributes.len()).all(in_order) && (0..self.texts.len()).all(is_list)
    }

    fn items_of(&self, row: usize) -> &[u32] {
        self.postings.view().row(row)
    }

    /// The attributes, in their order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Items of the corpus that the table is about.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The items that may be recommended, ascending; `None` where nothing is said of it.
    pub fn available(&self) -> Option<&[u32]> {
        self.is_availability_known.then(|| self.items_of(self.texts.len() - 1))
    }

    /// The items that have a text, ascending.
    pub fn having_text(&self, attribute: u32, text: &str) -> &[u32] {
        let rows = self.rows[attribute as usize].clone();
        let mut found = rows.start..rows.end;
        while !found.is_empty() {
            let middle = found.start + found.len() / 2;
            match self.texts.value(middle).cmp(text) {
                std::cmp::Ordering::Equal => return self.items_of(middle),
                std::cmp::Ordering::Less => found.start = middle + 1,
                std::cmp::Ordering::Greater => found.end = middle,
            }
        }
        &[]
    }

    /// For each number within the bounds, the items that have it.
    pub fn having_number(&self, attribute: u32, bounds: Bounds) -> impl Iterator<Item = &[u32]> {
        let rows = self.rows[attribute as usize].clone();
        let numbers = &self.numbers[rows.clone()];
        let from = rows.start + numbers.partition_point(|&number| bounds.is_below(number));
        let to = rows.start + numbers.partition_point(|&number| !bounds.is_above(number));
        (from..to.max(from)).map(|row| self.items_of(row))
    }

    /// Every value: its attribute, itself, and the items that have it.
    pub fn iter(&self) -> impl Iterator<Item = (u32, AttributeValue, &[u32])> {
        let value = |attribute: usize, row: usize| match self.attributes[attribute].kind {
            AttributeKind::Text => AttributeValue::Text(self.texts.value(row).to_owned()),
            AttributeKind::Number => AttributeValue::Number(self.numbers[row]),
        };
        let attributes = self.rows.iter().enumerate();
        attributes.flat_map(move |(number, rows)| {
            rows.clone().map(move |row| (number as u32, value(number, row), self.items_of(row)))
        })
    }
}

fn damaged(reason: &str) -> CoreError {
    CoreError::damaged("attributes.arrow", reason)
}
