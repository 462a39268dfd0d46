//! What a file of towers says of itself: the run, the features, and what each tower reads, column by column.

use super::Description;
use crate::layout::{InputLayout, ModelLayout};
use crate::model::TwoTower;
use serde_json::{Value, json};
use twinspire_core::encode::{FeatureEncoder, TowerLayout};

impl TwoTower {
    /// The description of this model, of the run `run`: what [`TwoTower::save`] writes, the run, the length of the vectors, and
    /// what each tower reads, as JSON.
    pub fn about(&self, encoder: &FeatureEncoder, run: &str) -> String {
        let layout = &self.layout;
        let mut about = json!(Description::of(self, encoder));
        about["run"] = run.into();
        about["dimension"] = self.dimension().into();
        about["inputs"] = json!({
            "user_tower": inputs(layout, encoder.user_layout(), &layout.user),
            "item_tower": inputs(layout, encoder.item_layout(), &layout.item),
        });
        about.to_string()
    }
}

/// One entry for each part of a tower's input, in the order of its columns.
fn inputs(model: &ModelLayout, fields: &TowerLayout, layout: &InputLayout) -> Vec<Value> {
    let entry = |feature: &str, kind: &str, tensor: Option<&str>, (first, width): (usize, usize)| json!({ "feature": feature, "kind": kind, "tensor": tensor, "columns": [first, first + width] });
    let tensor = |table: usize| Some(model.tables[table].name.as_str());
    let single = fields
        .single
        .iter()
        .zip(&layout.single)
        .map(|(feature, field)| entry(&feature.name, "id", tensor(field.table), (field.column, field.dimension)));
    let names = fields.multi.iter().map(|feature| (&feature.name, "ids")).chain(
        fields
            .history
            .iter()
            .filter(|history| !encoded(layout, &history.name))
            .flat_map(|history| history.of.iter().map(move |_| (&history.name, "history"))),
    );
    let several = names.zip(&layout.sequences).map(|((name, kind), sequence)| {
        let field = sequence.field;
        entry(name, kind, tensor(field.table), (field.column, field.dimension))
    });
    let dense = fields
        .dense
        .iter()
        .enumerate()
        .map(|(number, feature)| entry(&feature.name, "number", None, (layout.dense_column + number, 1)));
    let histories = layout.histories.iter().map(|history| {
        let feature = history.name.trim_start_matches("history.");
        entry(feature, "encoded_history", Some(&history.name), (history.column, history.width))
    });
    let mut all: Vec<Value> = single.chain(several).chain(dense).chain(histories).collect();
    all.sort_by_key(|entry| entry["columns"][0].as_u64());
    all
}

fn encoded(layout: &InputLayout, feature: &str) -> bool {
    layout.histories.iter().any(|history| history.name == format!("history.{feature}"))
}
