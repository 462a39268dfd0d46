//! Building the channels of a draft, and opening those of a bundle.

use super::RecallChannel;
use super::item_cf::{ItemCf, Similarity, neighbours};
use super::lists::{KeyedLists, RankedLists};
use super::popular::{Popular, rank};
use super::positives::Positives;
use super::two_tower::TwoTower;
use crate::config::{ChannelKind, ChannelSpec, RetrievalSettings};
use crate::context::RetrievalContext;
use crate::error::{Result, RetrievalError};
use crate::merge::MergePlan;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_core::bundle::{Bundle, file};
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::sample::SampleLayout;

/// Writes `merge.json` and one file a channel into `draft`, from the training part of `samples`. Returns the number of
/// channels.
///
/// # Errors
/// Damaged samples; a channel whose feature the encoder does not have; I/O.
pub fn build_channels(
    context: &RetrievalContext<'_>,
    settings: &RetrievalSettings,
    samples: &SampleLayout,
    draft: &Path,
) -> Result<usize> {
    let features = samples.features();
    let text = std::fs::read_to_string(&features).map_err(|error| CoreError::io(&features, error))?;
    let encoder = FeatureEncoder::from_json(&features, &text)?;
    let positives = Positives::open(samples, &encoder)?;
    let (plan, folder) = (settings.plan(), draft.join(file::CHANNELS));
    context.vfs.create_dir_all(&folder).map_err(|error| CoreError::io(&folder, error))?;
    context.progress.start("building channels", Some(plan.channels().len() as u64), "channels");
    for channel in plan.channels() {
        if let Some(lists) = context.install(|| lists_of(channel, &positives, &encoder))? {
            RankedLists::write(context.vfs, &path_of(draft, channel), &lists)?;
        }
        context.progress.advance(1);
    }
    context.progress.finish();
    plan.write(context.vfs, draft)?;
    Ok(plan.channels().len())
}

fn path_of(folder: &Path, channel: &ChannelSpec) -> PathBuf {
    folder.join(file::CHANNELS).join(format!("{}.arrow", channel.name))
}

/// What the channel's file holds; `None` for a channel without a file.
fn lists_of(channel: &ChannelSpec, positives: &Positives, encoder: &FeatureEncoder) -> Result<Option<KeyedLists>> {
    Ok(Some(match &channel.kind {
        ChannelKind::TwoTower => return Ok(None),
        &ChannelKind::ItemCf { neighbours: most, user_exponent, item_exponent, user_length, history_length: _ } => {
            neighbours(positives, Similarity { neighbours: most, user_exponent, item_exponent, user_length })
        }
        ChannelKind::Popular { half_life_days } => rank(positives, None, *half_life_days),
        ChannelKind::PopularBy { feature, half_life_days } => {
            rank(positives, Some(column_of(channel, feature, encoder)?), *half_life_days)
        }
    }))
}

/// Column of a feature among the encoded single features of a query.
fn column_of(channel: &ChannelSpec, feature: &str, encoder: &FeatureEncoder) -> Result<usize> {
    let found = encoder.user_layout().single.iter().position(|field| field.name == feature);
    found.ok_or_else(|| RetrievalError::Unsuitable {
        channel: channel.name.clone(),
        reason: format!("`{feature}` is not a user or context feature with one value"),
    })
}

/// Opens the channels of `plan`, in its order.
///
/// # Errors
/// A channel file that is missing or damaged.
pub(crate) fn open_channels(bundle: &Arc<Bundle>, plan: &MergePlan) -> Result<Vec<Box<dyn RecallChannel>>> {
    plan.channels().iter().map(|channel| open_channel(bundle, channel)).collect()
}

fn open_channel(bundle: &Arc<Bundle>, channel: &ChannelSpec) -> Result<Box<dyn RecallChannel>> {
    let (name, items, path) = (channel.name.clone(), bundle.items().len(), path_of(bundle.folder(), channel));
    Ok(match &channel.kind {
        ChannelKind::TwoTower => Box::new(TwoTower::open(name, bundle.clone())?),
        ChannelKind::ItemCf { history_length, .. } => Box::new(ItemCf::open(name, &path, items, *history_length)?),
        ChannelKind::Popular { .. } => Box::new(Popular::open(name, &path, items, None)?),
        ChannelKind::PopularBy { feature, .. } => {
            let column = column_of(channel, feature, bundle.encoder())?;
            Box::new(Popular::open(name, &path, items, Some(column))?)
        }
    })
}
