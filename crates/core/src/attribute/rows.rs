//! Attributes before they are written. In: values, item by item. Out: the table of [`super::AttributeTable`].

use super::{Attribute, AttributeValue};
use crate::ids::MISSING;
use crate::table::{batch_of, list_column};
use crate::{CoreError, Result};
use arrow_array::types::UInt32Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt32Array};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) const ATTRIBUTES_KEY: &str = "attributes";
pub(super) const ITEMS_KEY: &str = "items";

/// A value whose order is that of the rows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    /// Bits whose order is that of the numbers.
    Number(u64),
}

impl Key {
    fn of(value: AttributeValue) -> Self {
        match value {
            AttributeValue::Text(text) => Self::Text(text),
            AttributeValue::Number(number) => {
                // Adding 0 turns -0.0 into 0.0: the two are equal numbers.
                let bits = (number + 0.0).to_bits();
                Self::Number(if bits >> 63 == 1 { !bits } else { bits | 1 << 63 })
            }
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Text(_) => 0.0,
            &Self::Number(key) => f64::from_bits(if key >> 63 == 1 { key ^ 1 << 63 } else { !key }),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number(_) => "",
        }
    }
}

/// Values of the items of a corpus.
#[derive(Debug, Clone)]
pub struct AttributeRows {
    attributes: Vec<Attribute>,
    items: usize,
    postings: BTreeMap<(u32, Key), Vec<u32>>,
    available: Option<Vec<u32>>,
}

impl AttributeRows {
    /// No value yet of a corpus of `items`.
    pub fn new(attributes: Vec<Attribute>, items: usize) -> Self {
        Self { attributes, items, postings: BTreeMap::new(), available: None }
    }

    /// The attributes, in their order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Gives an item a value of attribute number `attribute`; the same value twice counts once.
    ///
    /// # Panics
    /// For a value of another kind than the attribute's.
    pub fn push(&mut self, item: u32, attribute: u32, value: AttributeValue) {
        assert_eq!(value.kind(), self.attributes[attribute as usize].kind, "a value of the attribute's kind");
        self.postings.entry((attribute, Key::of(value))).or_default().push(item);
    }

    /// Says which items may be recommended; without it all may.
    pub fn set_available(&mut self, items: Vec<u32>) {
        self.available = Some(items);
    }

    /// The table; its form is that of [`super::AttributeTable`].
    ///
    /// # Errors
    /// [`CoreError::Invalid`] when all values together have 2^31 items or 2 GiB of text.
    pub fn into_batch(self) -> Result<RecordBatch> {
        let mut rows: Vec<((u32, Key), Vec<u32>)> = self.postings.into_iter().collect();
        rows.extend(self.available.map(|items| ((MISSING, Key::Number(0)), items)));
        let (mut offsets, mut items) = (vec![0], Vec::new());
        for (_, row) in &mut rows {
            row.sort_unstable();
            row.dedup();
            items.append(row);
            offsets.push(fits(items.len())?);
        }
        fits(rows.iter().map(|((_, key), _)| key.text().len()).sum())?;
        let keys = || rows.iter().map(|((_, key), _)| key);
        let columns: Vec<(String, ArrayRef)> = vec![
            ("attribute".into(), Arc::new(rows.iter().map(|((number, _), _)| *number).collect::<UInt32Array>())),
            ("text".into(), Arc::new(keys().map(|key| Some(key.text())).collect::<StringArray>())),
            ("number".into(), Arc::new(keys().map(Key::number).collect::<Float64Array>())),
            ("items".into(), list_column::<UInt32Type>(offsets, items)),
        ];
        let attributes = serde_json::to_string(&self.attributes).expect("attributes are plain data");
        batch_of(columns, vec![(ATTRIBUTES_KEY, attributes), (ITEMS_KEY, self.items.to_string())])
    }
}

/// What the 32-bit offsets of a column can count.
fn fits(count: usize) -> Result<i32> {
    let reason = || format!("all values together have fewer than 2^31 items and bytes of text, found {count}");
    i32::try_from(count).map_err(|_| CoreError::Invalid { field: "attributes".into(), reason: reason() })
}
