//! How files are read, from the settings: format, delimiter, names of columns, columns of lists. It opens no file.

use super::{DataSettings, Format, InputSection};
use crate::ingest::named::{ListRule, ListRules};
use crate::ingest::source::Form;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_core::check::Faults;
use twinspire_core::schema::{FeatureSchema, FeatureSpec};

impl DataSettings {
    /// How log files are read.
    pub(crate) fn log_form(&self) -> Form {
        let InputSection { format, header, columns, .. } = self.input();
        Form { format: *format, has_no_header: !header, columns: columns.clone(), ..self.side_form() }
    }

    /// How side tables are read.
    pub(crate) fn side_form(&self) -> Form {
        let features = self.features().features().iter();
        let lists = features.filter_map(|feature| Some((feature.column.clone(), list_rule(feature)?)));
        let lists = ListRules { columns: lists.collect(), others: None };
        Form { delimiter: self.input().delimiter, lists, ..Form::default() }
    }
}

fn list_rule(feature: &FeatureSpec) -> Option<ListRule> {
    feature.list.as_ref().map(|list| ListRule { separator: list.separator, weighted: Some(list.weighted) })
}

/// Which columns must be named, and which may.
pub(super) fn check_columns(input: &InputSection, faults: &mut Faults) {
    let columns = format!("{:?}", input.columns);
    match input.format.unwrap_or_else(|| Format::of_ending(&input.path)) {
        Format::Delimited if input.header => {
            let reason = "names are given only with `header = false`";
            faults.require(input.columns.is_empty(), "input.columns", &columns, reason);
        }
        Format::Delimited => {
            let reason = "names are needed with `header = false`";
            faults.require(!input.columns.is_empty(), "input.columns", &columns, reason);
        }
        Format::Parquet => {
            let reason = "a Parquet file names all its columns";
            faults.require(input.columns.is_empty(), "input.columns", &columns, reason);
        }
        Format::Jsonl | Format::Tfrecord => {}
    }
    let all_differ = input.columns.iter().collect::<BTreeSet<_>>().len() == input.columns.len();
    faults.require(all_differ, "input.columns", &columns, "every name may occur once");
}

/// Features of one column must agree on what separates its values, because a list of a TFRecord becomes one cell.
pub(super) fn check_lists(features: &FeatureSchema, faults: &mut Faults) {
    let mut rules: BTreeMap<&str, ListRule> = BTreeMap::new();
    for (number, feature) in features.features().iter().enumerate() {
        let Some(rule) = list_rule(feature) else { continue };
        let known = *rules.entry(&feature.column).or_insert(rule);
        let reason = "another feature reads the same column as another kind of list";
        faults.require(known == rule, &format!("features[{number}].list"), &feature.column, reason);
    }
}
