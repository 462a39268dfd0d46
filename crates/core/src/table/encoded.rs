//! Encoded rows as columns: `<prefix>single`, `<prefix>dense`, and for the multi field number `n` `<prefix>multi:<n>`
//! with `<prefix>multi_weight:<n>`. The names of the fields, in order, are in the schema's metadata. A matrix of width
//! 0 is left out.

use super::read::{SharedLists, shared, shared_lists};
use super::{list_column, matrix_f32, matrix_u32};
use crate::encode::{EncodedRows, EncodedView, MultiView, TowerLayout};
use crate::{CoreError, Result};
use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::ScalarBuffer;

/// Names of the fields of a tower, as stored in the metadata of a table.
pub fn layout_text(layout: &TowerLayout) -> String {
    let single: Vec<&str> = layout.single.iter().map(|field| field.name.as_str()).collect();
    let multi: Vec<&str> = layout.multi.iter().map(|field| field.name.as_str()).collect();
    let dense: Vec<&str> = layout.dense.iter().map(|field| field.name.as_str()).collect();
    serde_json::json!({ "single": single, "multi": multi, "dense": dense }).to_string()
}

/// Columns of encoded rows.
pub fn encoded_columns(prefix: &str, rows: EncodedRows) -> Vec<(String, ArrayRef)> {
    let mut columns = Vec::new();
    let width = |cells: usize| cells.checked_div(rows.rows).unwrap_or(0);
    let (single, dense) = (width(rows.single.len()), width(rows.dense.len()));
    if single > 0 {
        columns.push((format!("{prefix}single"), matrix_u32(single, rows.single)));
    }
    if dense > 0 {
        columns.push((format!("{prefix}dense"), matrix_f32(dense, rows.dense)));
    }
    for (number, column) in rows.multi.into_iter().enumerate() {
        let ids = list_column::<UInt32Type>(column.offsets.clone(), column.ids);
        let weights = list_column::<Float32Type>(column.offsets, column.weights);
        columns.push((format!("{prefix}multi:{number}"), ids));
        columns.push((format!("{prefix}multi_weight:{number}"), weights));
    }
    columns
}

/// Refuses a table whose fields are not those of the tower.
///
/// # Errors
/// `Mismatch`.
pub fn check_layout(batch: &RecordBatch, key: &str, layout: &TowerLayout) -> Result<()> {
    let found = batch.schema_ref().metadata().get(key).cloned().unwrap_or_default();
    let expected = layout_text(layout);
    if found == expected {
        return Ok(());
    }
    Err(CoreError::Mismatch { what: format!("fields of the table ({key})"), expected, found })
}

/// The encoded rows of a table; they keep it mapped.
#[derive(Debug, Clone)]
pub struct EncodedTable {
    rows: usize,
    single: ScalarBuffer<u32>,
    dense: ScalarBuffer<f32>,
    multi: Vec<(SharedLists<u32>, SharedLists<f32>)>,
}

impl EncodedTable {
    /// Finds the columns of [`encoded_columns`].
    ///
    /// # Errors
    /// `Damaged` for columns of other types, or weights that do not fit their ids.
    pub fn new(batch: &RecordBatch, prefix: &str) -> Result<Self> {
        let (single, dense) = (format!("{prefix}single"), format!("{prefix}dense"));
        let has = |name: &str| batch.column_by_name(name).is_some();
        let mut multi = Vec::new();
        while has(&format!("{prefix}multi:{}", multi.len())) {
            let number = multi.len();
            let ids = shared_lists::<UInt32Type>(batch, &format!("{prefix}multi:{number}"))?;
            let weights = shared_lists::<Float32Type>(batch, &format!("{prefix}multi_weight:{number}"))?;
            if *ids.offsets != *weights.offsets {
                return Err(CoreError::damaged("table", format!("weights of multi field {number} do not fit its ids")));
            }
            multi.push((ids, weights));
        }
        Ok(Self {
            rows: batch.num_rows(),
            single: if has(&single) { shared::<UInt32Type>(batch, &single)? } else { Vec::new().into() },
            dense: if has(&dense) { shared::<Float32Type>(batch, &dense)? } else { Vec::new().into() },
            multi,
        })
    }

    /// The rows, borrowed.
    pub fn view(&self) -> EncodedView<'_> {
        let mut multi = Vec::with_capacity(self.multi.len());
        for (ids, weights) in &self.multi {
            multi.push(MultiView { offsets: &ids.offsets, ids: &ids.values, weights: &weights.values });
        }
        EncodedView { rows: self.rows, single: &self.single, dense: &self.dense, multi }
    }
}

/// Refuses ids that an embedding table of the tower does not have, so that nothing reads outside it.
///
/// # Errors
/// `Damaged` that names the field.
pub fn check_ids(view: &EncodedView<'_>, layout: &TowerLayout) -> Result<()> {
    let too_large = |id: u32, cardinality: u32| id != crate::ids::MISSING && id >= cardinality;
    let fault = |name: &str| Err(CoreError::damaged("table", format!("field `{name}` holds an id outside its table")));
    let width = layout.single.len();
    if view.single.len() != width * view.rows
        || view.dense.len() != layout.dense.len() * view.rows
        || view.multi.len() != layout.multi.len()
    {
        return Err(CoreError::damaged("table", "its widths are not those of the tower"));
    }
    for (number, field) in layout.single.iter().enumerate() {
        if view.single.iter().skip(number).step_by(width).any(|&id| too_large(id, field.cardinality)) {
            return fault(&field.name);
        }
    }
    for (field, column) in layout.multi.iter().zip(&view.multi) {
        // A slice of a table has all its ids, and offsets into a part of them.
        let ends = column.offsets.first().zip(column.offsets.last());
        let ids = ends.map_or(&[][..], |(&start, &end)| &column.ids[start as usize..end as usize]);
        if ids.iter().any(|&id| id >= field.cardinality) {
            return fault(&field.name);
        }
    }
    Ok(())
}
