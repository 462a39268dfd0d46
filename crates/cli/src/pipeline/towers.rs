//! A trained model to files that other programs read it from: ONNX graphs, described tensors, examples.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::stage::{StageKey, StageOutcome, run_stage, write_json};
use twinspire_core::vfs::{copy_file, write_file};
use twinspire_model::TwoTower;
use twinspire_model::onnx::{ITEM_TOWER_FILE, USER_TOWER_FILE};

/// Tensors with a description of the towers.
const TENSORS: &str = "towers.safetensors";

/// Rows with the vectors that they must give.
const EXAMPLES: &str = "examples.json";

/// The item of each row of the corpus, one a line.
const ITEM_IDS: &str = "item_ids.txt";

impl Run<'_> {
    /// `towers`: both towers as ONNX graphs and as described tensors, with the features, the items and examples.
    ///
    /// # Errors
    /// No trained model; a part of it that has no form in ONNX; I/O.
    pub fn export_towers(&self) -> Result<StageOutcome, CliError> {
        self.need_stage("train")?;
        let samples = self.samples_layout();
        let queries = Some(samples.queries(Part::Validation)).filter(|path| path.exists());
        let key = StageKey {
            stage: "towers",
            settings: serde_json::json!({ "run": self.date }),
            inputs: [self.model_path(), samples.features(), samples.items(), samples.histories()]
                .into_iter()
                .chain(queries)
                .collect(),
        };
        run_stage(&self.stage_context(), &self.stage_folder("towers"), &key, |staging| self.write_towers(staging))
    }

    fn write_towers(&self, staging: &Path) -> Result<BTreeMap<String, u64>, CliError> {
        let (samples, encoder, vfs) = (self.samples_layout(), self.encoder()?, self.surroundings.vfs);
        let items = ItemTable::open(&samples.items(), &encoder)?;
        let model = TwoTower::load(&self.model_path(), &encoder)?;
        let about = model.about(&encoder, &self.date);
        let graphs = model.to_onnx(&encoder, &items, &about)?;
        for (name, graph) in [USER_TOWER_FILE, ITEM_TOWER_FILE].into_iter().zip(graphs) {
            write_file(vfs, &staging.join(name), &graph)?;
        }
        model.save_described(vfs, &staging.join(TENSORS), about)?;
        copy_file(vfs, &samples.features(), &staging.join("features.json"))?;
        let ids: Vec<String> = (0..items.len() as u32).map(|row| format!("{}\n", items.id(row))).collect();
        write_file(vfs, &staging.join(ITEM_IDS), ids.concat().as_bytes())?;
        let mut rows = BTreeMap::from([("items".to_owned(), items.len() as u64)]);
        if let Some((queries, histories)) = self.validation()? {
            let examples = model.examples(&encoder, &items, (&queries, &histories))?;
            write_json(vfs, &staging.join(EXAMPLES), &examples)?;
            rows.insert("queries".to_owned(), queries.len() as u64);
        }
        Ok(rows)
    }
}
