//! Samples and an earlier bundle to mined negatives, which training reads.

use super::Run;
use crate::error::CliError;
use std::collections::BTreeMap;
use twinspire_core::bundle::{bundles_folder, check_bundle_id, current};
use twinspire_core::history::Histories;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::SampleSet;
use twinspire_core::stage::{StageKey, StageOutcome, run_stage};
use twinspire_core::table::{tables_in, write_table};
use twinspire_model::load_query_encoder;
use twinspire_model::train::{MINED_FILE, MINED_FOLDER};
use twinspire_retrieval::Retriever;
use twinspire_retrieval::mine::{Band, MinedSamples, mine};

/// Mined negatives.
pub struct MineOutcome {
    /// Made, or up to date.
    pub outcome: StageOutcome,
    /// The bundle that was searched.
    pub bundle_id: String,
}

impl Run<'_> {
    /// `negatives`: a rank band of the search of bundle `bundle_id`, by default of the one that is served.
    ///
    /// # Errors
    /// No samples; no such bundle, or one that does not open; I/O.
    pub fn mine(&self, bundle_id: Option<&str>, band: Band) -> Result<MineOutcome, CliError> {
        self.need_stage("samples")?;
        let (vfs, base_dir) = (self.surroundings.vfs, self.config().base_dir());
        let bundle_id = match bundle_id {
            Some(bundle_id) => bundle_id.to_owned(),
            None => current(vfs, base_dir)?.ok_or_else(|| CliError::NoBundle { base_dir: base_dir.to_owned() })?,
        };
        check_bundle_id(&bundle_id)?;
        let samples = self.samples_layout();
        let tables = tables_in(&samples.part(Part::Train))?;
        let key = StageKey {
            stage: "mine",
            settings: serde_json::json!({ "bundle": bundle_id, "band": band }),
            inputs: [samples.items(), samples.histories()].into_iter().chain(tables).collect(),
        };
        let outcome = run_stage(&self.stage_context(), &self.stage_folder(MINED_FOLDER), &key, |staging| {
            let folder = bundles_folder(base_dir).join(&bundle_id);
            let retriever = Retriever::open(&folder, &load_query_encoder, self.surroundings.clock)?;
            let encoder = self.encoder()?;
            let items = ItemTable::open(&samples.items(), &encoder)?;
            let histories = Histories::open(&samples.histories(), items.len())?;
            let train = SampleSet::open(&samples.part(Part::Train), &encoder)?;
            for table in train.tables() {
                table.check_references(items.len(), histories.len())?;
            }
            let of_samples = MinedSamples { histories: &histories, items: &items, train: &train };
            let rows = mine(&self.retrieval_context(), &retriever, &of_samples, band)?;
            let counts = [("users", rows.len()), ("negatives", rows.items())];
            write_table(vfs, &staging.join(MINED_FILE), &rows.into_batch()?)?;
            Ok::<_, CliError>(BTreeMap::from(counts.map(|(name, count)| (name.to_owned(), count as u64))))
        })?;
        Ok(MineOutcome { outcome, bundle_id })
    }
}
