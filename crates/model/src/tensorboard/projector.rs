//! Item vectors for the Projector tab.
//!
//! In: a model, the corpus, and labels of items. Out: `tensors.tsv`, `metadata.tsv` and `projector_config.pbtxt`, which the
//! tab finds in the folder of a run. The items are taken at even distances from the hottest to the coldest, so that both
//! ends are seen. Item towers and labels are not made here.

use crate::batch::{CorpusItems, Samples};
use crate::config::TensorboardSection;
use crate::model::TwoTower;
use std::fmt::Write as _;
use std::path::Path;
use twinspire_core::attribute::{AttributeTable, AttributeValue};
use twinspire_core::ids::MISSING;
use twinspire_core::items::ItemTable;
use twinspire_core::vfs::{Vfs, replace_file, write_file};
use twinspire_core::{CoreError, Result};

/// What the projector shows of a corpus, which training does not change.
pub(super) struct Projected {
    /// Rows of the item table, hottest first.
    items: Vec<u32>,
    metadata: String,
}

const CONFIG: &str = "\
embeddings {
  tensor_name: \"item vectors\"
  tensor_path: \"tensors.tsv\"
  metadata_path: \"metadata.tsv\"
}
";

impl Projected {
    /// At most so many items as the section says, each with its id, its positives, and its attributes.
    pub(super) fn new(section: &TensorboardSection, items: &ItemTable, attributes: Option<&AttributeTable>) -> Self {
        let counts = items.counts();
        let mut order: Vec<u32> = (0..items.len() as u32).collect();
        order.sort_by_key(|&item| (std::cmp::Reverse(counts[item as usize]), item));
        let most = (section.projector_items as usize).min(order.len());
        let shown: Vec<u32> = (0..most).map(|number| order[number * order.len() / most]).collect();
        let metadata = metadata(items, &shown, attributes);
        Self { items: shown, metadata }
    }

    /// Writes the vectors that `model` gives the items; files of an earlier moment are replaced.
    pub(super) fn write(
        &self,
        vfs: &dyn Vfs,
        folder: &Path,
        (model, samples): (&TwoTower, &Samples<'_>),
    ) -> Result<()> {
        let vectors = model.chosen_item_vectors(samples.corpus(), self.items.len(), |start| {
            CorpusItems(samples, &self.items[start..])
        });
        let mut tensors = String::with_capacity(vectors.len() * 10);
        for row in vectors.chunks_exact(model.dimension()) {
            for (column, number) in row.iter().enumerate() {
                let _ = write!(tensors, "{}{number:.6}", if column == 0 { "" } else { "\t" });
            }
            tensors.push('\n');
        }
        let files =
            [("tensors.tsv", &tensors[..]), ("metadata.tsv", &self.metadata), ("projector_config.pbtxt", CONFIG)];
        for (name, content) in files {
            let write = |staging: &Path| write_file(vfs, staging, content.as_bytes());
            replace_file::<CoreError>(vfs, &folder.join(name), write)?;
        }
        Ok(())
    }
}

/// A line of names, then a line for each item. One column alone must have no line of names: there are two at least.
fn metadata(items: &ItemTable, shown: &[u32], attributes: Option<&AttributeTable>) -> String {
    let names = attributes.map(AttributeTable::attributes).unwrap_or_default();
    let mut places = vec![MISSING; items.len()];
    shown.iter().zip(0..).for_each(|(&item, place)| places[item as usize] = place);
    let mut labels = vec![vec![String::new(); names.len()]; shown.len()];
    for (attribute, value, having) in attributes.into_iter().flat_map(AttributeTable::iter) {
        let value = match value {
            AttributeValue::Text(text) => cell(&text),
            AttributeValue::Number(number) => number.to_string(),
        };
        for &item in having {
            let Some(own) = labels.get_mut(places[item as usize] as usize) else { continue };
            let own = &mut own[attribute as usize];
            own.extend([if own.is_empty() { "" } else { "|" }, &value]);
        }
    }
    let head = ["item", "positives"].map(String::from).into_iter();
    let mut text = head.chain(names.iter().map(|attribute| cell(&attribute.name))).collect::<Vec<_>>().join("\t");
    text.push('\n');
    for (&item, labels) in shown.iter().zip(labels) {
        let _ = write!(text, "{}\t{}", cell(items.id(item)), items.counts()[item as usize]);
        labels.iter().for_each(|label| text.extend(["\t", label]));
        text.push('\n');
    }
    text
}

/// A text without what ends a cell or a line.
fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}
