//! The files of the samples stage, as training reads them.

use super::lists::ListFiles;
use crate::error::{ModelError, Result};
use std::path::PathBuf;
use twinspire_core::CoreError;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::history::Histories;
use twinspire_core::interaction::Part;
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleLayout, SampleSet, SampleTable};

/// The files of the samples stage that training reads.
pub(crate) struct Files {
    pub(crate) encoder: FeatureEncoder,
    pub(crate) items: ItemTable,
    pub(crate) histories: Histories,
    pub(crate) train: SampleSet,
    pub(crate) validation: SampleSet,
    pub(crate) queries: Option<SampleTable>,
    pub(crate) lists: ListFiles,
}

impl Files {
    /// Maps all of them and checks that rows point inside. Lists are mapped when they are asked for.
    pub(crate) fn open(layout: &SampleLayout, mined: Option<PathBuf>) -> Result<Self> {
        let features = layout.features();
        let text = std::fs::read_to_string(&features).map_err(|error| CoreError::io(&features, error))?;
        let encoder = FeatureEncoder::from_json(&features, &text)?;
        let items = ItemTable::open(&layout.items(), &encoder)?;
        let histories = Histories::open(&layout.histories(), items.len())?;
        let train = SampleSet::open(&layout.part(Part::Train), &encoder)?;
        let validation = SampleSet::open(&layout.part(Part::Validation), &encoder)?;
        let path = layout.queries(Part::Validation);
        let queries = path.exists().then(|| SampleTable::open(&path, &encoder)).transpose()?;
        for table in train.tables().iter().chain(validation.tables()).chain(&queries) {
            table.check_references(items.len(), histories.len())?;
        }
        for (what, rows) in [("train", train.len()), ("validation", validation.len())] {
            if u32::try_from(rows).is_err() {
                return Err(ModelError::unsuitable(what, format!("{rows} samples, the most are 4294967295")));
            }
        }
        let (users, items_len) = (histories.len(), items.len());
        let lists = ListFiles { samples: Some(layout.clone()), mined, users, items: items_len };
        Ok(Self { encoder, items, histories, train, validation, queries, lists })
    }

    /// The histories, where a feature reads them.
    pub(crate) fn read_histories(&self) -> Option<&Histories> {
        (!self.encoder.user_layout().history.is_empty()).then_some(&self.histories)
    }
}
