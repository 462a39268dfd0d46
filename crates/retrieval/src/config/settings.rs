//! The checked settings, which nothing else can build.

use super::{ChannelSpec, ChannelsSection, EvaluateSection, IndexSection, IndexSettings, JudgedPart};
use crate::error::{Result, RetrievalError};
use crate::evaluate::shown_length;
use crate::merge::MergePlan;
use twinspire_core::attribute::{Attribute, Filter};
use twinspire_core::check::Faults;
use twinspire_core::interaction::Part;
use twinspire_core::sample::SampleLayout;
use twinspire_core::schema::FeatureSchema;

/// Most candidates of one answer.
pub const MOST_CANDIDATES: usize = 1000;

/// Fewest and most resamples of an interval.
const RESAMPLES: std::ops::RangeInclusive<usize> = 100..=10_000;

/// Checked `[evaluate]`, `[index]` and `[channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalSettings {
    lengths: Vec<usize>,
    part: Option<JudgedPart>,
    judge_without_seen: bool,
    resamples: usize,
    index: IndexSettings,
    plan: MergePlan,
}

impl RetrievalSettings {
    /// Checks the sections. All faults are pushed; `None` when there was one.
    pub fn check(
        evaluate: &EvaluateSection,
        index: &IndexSection,
        channels: &ChannelsSection,
        schema: &FeatureSchema,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut own = Faults::default();
        let lengths = checked_lengths(&evaluate.k, &mut own);
        let resamples = evaluate.resamples;
        let allowed = resamples == 0 || RESAMPLES.contains(&resamples);
        own.require(allowed, "evaluate.resamples", resamples, "0, or 100 to 10000");
        let index = IndexSettings::check(index, &mut own);
        let specs = channels.list.iter().map(|entry| entry.to_spec()).collect();
        let filter = checked_filter(channels.filter.as_deref(), &mut own);
        let plan = checked_plan((channels.leave_out_seen, filter), specs, schema, &mut own);
        let sound = own.is_empty();
        for fault in own.into_vec() {
            faults.push(fault.key, fault.value, fault.reason, fault.hint);
        }
        let (part, judge_without_seen) = (evaluate.part, evaluate.leave_out_seen);
        index.filter(|_| sound).map(|index| Self { lengths, part, judge_without_seen, resamples, index, plan })
    }

    /// Checks that the filter of `[channels]` names attributes that there are.
    pub fn check_filter(&self, attributes: &[Attribute], faults: &mut Faults) {
        if let Some(Err(error)) = self.plan.filter().map(|filter| filter.resolve(attributes)) {
            let declare = "declare it in input.items.attributes";
            faults.push("channels.filter", "", error.to_string(), declare);
        }
    }

    /// Lengths of the judged lists, ascending, each once.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The length at which tables for people show more than recall: 20 if it is judged, else the shortest.
    pub fn shown_length(&self) -> usize {
        shown_length(&self.lengths)
    }

    /// Are the items of a query's history left out when it is judged?
    pub fn judge_without_seen(&self) -> bool {
        self.judge_without_seen
    }

    /// Resamples behind each confidence interval; 0: no intervals.
    pub fn resamples(&self) -> usize {
        self.resamples
    }

    /// The index over item vectors.
    pub fn index(&self) -> &IndexSettings {
        &self.index
    }

    /// The channels and how they are merged.
    pub fn plan(&self) -> &MergePlan {
        &self.plan
    }

    /// The part that judges: the one of the config, else test if it has queries, else validation.
    ///
    /// # Errors
    /// [`RetrievalError::NoQueries`] when it has none.
    pub fn judged_part(&self, samples: &SampleLayout) -> Result<Part> {
        let wanted: &[Part] = match self.part {
            Some(JudgedPart::Validation) => &[Part::Validation],
            Some(JudgedPart::Test) => &[Part::Test],
            None => &[Part::Test, Part::Validation],
        };
        let found = wanted.iter().copied().find(|&part| samples.queries(part).is_file());
        found.ok_or_else(|| RetrievalError::NoQueries {
            part: wanted.iter().map(|part| part.name()).collect::<Vec<_>>().join(" or "),
            folder: samples.folder.clone(),
        })
    }
}

fn checked_lengths(written: &[usize], faults: &mut Faults) -> Vec<usize> {
    let mut lengths = written.to_vec();
    lengths.sort_unstable();
    lengths.dedup();
    let allowed = !lengths.is_empty() && lengths.iter().all(|k| (1..=MOST_CANDIDATES).contains(k));
    faults.require(allowed, "evaluate.k", format!("{written:?}"), "at least one length, each 1 to 1000");
    lengths
}

fn checked_filter(written: Option<&str>, faults: &mut Faults) -> Option<Filter> {
    let written = written?;
    match serde_json::from_str(written) {
        Ok(filter) => Some(filter),
        Err(error) => {
            faults.require(false, "channels.filter", written, &format!("a filter as JSON: {error}"));
            None
        }
    }
}

fn checked_plan(
    (leave_out_seen, filter): (bool, Option<Filter>),
    channels: Vec<ChannelSpec>,
    schema: &FeatureSchema,
    faults: &mut Faults,
) -> MergePlan {
    faults.require(!channels.is_empty(), "channels.list", "[]", "at least one channel is needed");
    for (number, channel) in channels.iter().enumerate() {
        channel.check(number, schema, faults);
        let is_new = channels[..number].iter().all(|earlier| earlier.name != channel.name);
        let key = format!("channels.list[{number}].name");
        faults.require(is_new, &key, &channel.name, "another channel has this name; give one of them a `name`");
    }
    let total: f64 = channels.iter().map(|channel| channel.share).sum();
    faults.require(channels.is_empty() || total > 0.0, "channels.list", total, "one share at least must be above 0");
    MergePlan::new(leave_out_seen, filter, channels)
}
