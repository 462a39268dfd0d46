//! Hard negatives from the search of an earlier bundle: items that it ranks high for a user, but not at the top, where
//! what she would choose next is found.
//!
//! In: the retriever of a bundle; the users of the present samples with what they chose in the training part. Out: for
//! each, the items of a rank band, which training reads from a file. A user is asked for as a request would, by her key
//! and her training history, so that a bundle of other features or another corpus can be mined; items that the present
//! corpus lacks are left out. It trains nothing.

use crate::config::{ChannelKind, MOST_CANDIDATES};
use crate::context::RetrievalContext;
use crate::error::{Result, RetrievalError};
use crate::retriever::Retriever;
use rayon::prelude::*;
use twinspire_core::history::Histories;
use twinspire_core::ids::MISSING;
use twinspire_core::interaction::NO_TIME;
use twinspire_core::items::ItemTable;
use twinspire_core::query::Query;
use twinspire_core::sample::SampleSet;
use twinspire_core::user_items::UserItemRows;

/// Users of one unit of work.
const CHUNK: usize = 64;

/// Ranks that are taken, counted from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Band {
    first: usize,
    last: usize,
}

impl Band {
    /// Ranks `first` to `last`.
    ///
    /// # Errors
    /// `Invalid` unless `1 <= first <= last <= 1000`.
    pub fn new(first: usize, last: usize) -> Result<Self> {
        if first < 1 || first > last || last > MOST_CANDIDATES {
            let reason = format!("expected 1 <= first <= last <= {MOST_CANDIDATES}, found {first} to {last}");
            return Err(RetrievalError::invalid("band", reason));
        }
        Ok(Self { first, last })
    }
}

/// The present samples, as far as mining reads them.
#[derive(Debug, Clone, Copy)]
pub struct MinedSamples<'a> {
    /// Keys of the users.
    pub histories: &'a Histories,
    /// The corpus.
    pub items: &'a ItemTable,
    /// The training part; its references were checked.
    pub train: &'a SampleSet,
}

impl MinedSamples<'_> {
    /// Training positives of known users, by user, then oldest first.
    fn positives(&self) -> Vec<Chosen> {
        let mut positives = Vec::new();
        for table in self.train.tables() {
            let columns = table.users().iter().zip(table.times()).zip(table.items()).zip(table.labels());
            let of_users = columns.filter(|(((user, _), _), label)| **user != MISSING && **label > 0.5);
            positives.extend(of_users.map(|(((&user, &time), &item), _)| (user, time, item)));
        }
        positives.sort_unstable();
        positives
    }
}

/// A training positive of a known user: her row, its time, its item.
type Chosen = (u32, i64, u32);

/// Asks for one user after another.
struct Miner<'a> {
    retriever: &'a Retriever,
    /// Name of the channel of two towers.
    channel: &'a str,
    samples: &'a MinedSamples<'a>,
    band: Band,
}

impl Miner<'_> {
    /// The row of the user who chose these, and the items that are mined for her.
    fn mine(&self, positives: &[Chosen]) -> Result<(u32, Vec<u32>)> {
        let (user, MinedSamples { histories, items, .. }) = (positives[0].0, self.samples);
        let chosen: Vec<String> = positives.iter().map(|&(_, _, item)| items.id(item).to_owned()).collect();
        let times = positives.iter().map(|&(_, time, _)| time).collect();
        let query = Query {
            user: Some(histories.user(user).to_owned()),
            exclude: chosen.clone(),
            history: Some(chosen),
            history_times: Some(times),
            k: self.band.last,
            channels: vec![self.channel.to_owned()],
            ..Query::default()
        };
        let found = self.retriever.retrieve(&query)?.candidates;
        let of_band = found.iter().skip(self.band.first - 1);
        Ok((user, of_band.filter_map(|candidate| items.find(&candidate.item)).collect()))
    }
}

/// The items of a rank band of each user's search with the bundle's two towers, best first. What she chose in the training
/// part is left out before ranks are counted.
///
/// # Errors
/// A bundle without a channel of two towers; a value of the bundle that its encoder refuses.
pub fn mine(
    context: &RetrievalContext<'_>,
    retriever: &Retriever,
    samples: &MinedSamples<'_>,
    band: Band,
) -> Result<UserItemRows> {
    let mut channels = retriever.plan().channels().iter();
    let towers = channels.find(|channel| matches!(channel.kind, ChannelKind::TwoTower));
    let towers =
        towers.ok_or_else(|| RetrievalError::invalid("channels", "the bundle has no channel of two towers"))?;
    let miner = Miner { retriever, channel: &towers.name, samples, band };
    let positives = samples.positives();
    let users: Vec<&[Chosen]> = positives.chunk_by(|left, right| left.0 == right.0).collect();
    context.progress.start("mining negatives", Some(users.len() as u64), "users");
    let mined: Result<Vec<Vec<_>>> = context.install(|| {
        let chunks = users.par_chunks(CHUNK).map(|users| {
            let found = users.iter().map(|positives| miner.mine(positives)).collect();
            context.progress.advance(users.len() as u64);
            found
        });
        chunks.collect()
    });
    context.progress.finish();
    let mut rows = UserItemRows::default();
    for (user, items) in mined?.into_iter().flatten() {
        rows.push(user, items.into_iter().map(|item| (item, NO_TIME)))?;
    }
    Ok(rows)
}
