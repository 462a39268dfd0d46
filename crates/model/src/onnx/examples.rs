//! Rows as the graphs take them, with the vectors that they must give.

use super::history::id;
use crate::batch::{Samples, UsersOf};
use crate::error::Result;
use crate::input::RowSource;
use crate::model::TwoTower;
use serde_json::{Map, Value, json};
use twinspire_core::encode::{EncodedView, FeatureEncoder, TowerLayout};
use twinspire_core::history::Histories;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::SampleTable;

/// Rows that there are examples of, at most.
const ROWS: usize = 64;

impl TwoTower {
    /// Both towers: inputs by name as their ONNX graphs take them, and the vectors that they must give. Rows are the first
    /// queries, and the first items.
    ///
    /// # Errors
    /// When the threads cannot be started.
    pub fn examples(
        &self,
        encoder: &FeatureEncoder,
        items: &ItemTable,
        (queries, histories): (&SampleTable, &Histories),
    ) -> Result<Value> {
        let (layout, count) = (encoder.user_layout(), queries.len().min(ROWS));
        let samples = Samples::of_table(queries, Some(histories), items);
        let numbers: Vec<u32> = (0..count as u32).collect();
        let source = UsersOf(&samples, &numbers);
        let features = items.features();
        let mut vectors = vec![0.0; count * self.interests() * self.dimension()];
        self.user_chunk(&features, &source, &mut vectors);
        let mut of_users = inputs(layout, &queries.user_features().slice(0..count));
        for history in &layout.history {
            let rows: Vec<Vec<i64>> = (0..count).map(|row| newest(&source, row, history.max_length as usize)).collect();
            of_users.insert(history.name.clone(), padded("int64", &rows, -1));
        }
        let some = features.slice(0..features.rows.min(ROWS));
        let of_items = self.encode_items(&some, 1)?;
        let width = self.dimension();
        let vector = |vectors: &[f32]| tensor("float32", &[vectors.len() / width, width], json!(vectors));
        Ok(json!({
            "user_tower": { "inputs": of_users, "vector": vector(&vectors) },
            "item_tower": { "inputs": inputs(encoder.item_layout(), &some), "vector": vector(&of_items) },
        }))
    }
}

/// The newest items of a row's history.
fn newest(source: &impl RowSource, number: usize, most: usize) -> Vec<i64> {
    let row = source.row(number);
    let others = row.history.iter().enumerate().filter(|(position, _)| *position != row.skip as usize);
    let items: Vec<i64> = others.map(|(_, item)| i64::from(*item)).collect();
    items[items.len().saturating_sub(most)..].to_vec()
}

/// Everything but histories.
fn inputs(fields: &TowerLayout, features: &EncodedView<'_>) -> Map<String, Value> {
    let (mut found, rows) = (Map::new(), features.rows);
    for (number, field) in fields.single.iter().enumerate() {
        let ids: Vec<i64> = (0..rows).map(|row| id(features.single_row(row)[number])).collect();
        found.insert(field.name.clone(), tensor("int64", &[rows], json!(ids)));
    }
    for (field, column) in fields.multi.iter().zip(&features.multi) {
        let of_row = |row: usize| column.row(row);
        let ids: Vec<Vec<i64>> = (0..rows).map(|row| of_row(row).0.iter().map(|&own| id(own)).collect()).collect();
        let weights: Vec<Vec<f32>> = (0..rows).map(|row| of_row(row).1.to_vec()).collect();
        found.insert(field.name.clone(), padded("int64", &ids, -1));
        found.insert(format!("{}.weights", field.name), padded("float32", &weights, 0.0));
    }
    for (number, field) in fields.dense.iter().enumerate() {
        let numbers: Vec<f32> = (0..rows).map(|row| features.dense[row * fields.dense.len() + number]).collect();
        found.insert(field.name.clone(), tensor("float32", &[rows], json!(numbers)));
    }
    found
}

/// Rows of several lengths, each filled up to the longest, which is at least 1.
fn padded<T: Copy + serde::Serialize>(kind: &str, rows: &[Vec<T>], filling: T) -> Value {
    let length = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let cells: Vec<T> =
        rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat(filling)).take(length)).collect();
    tensor(kind, &[rows.len(), length], json!(cells))
}

fn tensor(kind: &str, shape: &[usize], values: Value) -> Value {
    json!({ "type": kind, "shape": shape, "values": values })
}
