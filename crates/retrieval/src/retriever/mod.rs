//! From a query to an answer: look up, encode, ask every channel, merge.
//!
//! In: a bundle. Out: [`Answer`]s. A retriever never changes, so that requests share it; it takes no two parts of
//! different bundles, since a [`Bundle`] cannot be taken apart.

#[cfg(test)]
mod filters;
#[cfg(test)]
mod interests;
#[cfg(test)]
mod tests;

use crate::answer::{Answer, Candidate, ChannelHit, ChannelStatus, Outcome};
use crate::channel::{RecallChannel, RecallQueries, open_channels};
use crate::config::MOST_CANDIDATES;
use crate::error::{Result, RetrievalError};
use crate::filter::Corpus;
use crate::golden;
use crate::merge::{MergePlan, Place, RankedList, merge};
use crate::set::ItemSet;
use rustc_hash::FxHashMap;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::bundle::{Bundle, LoadQueryEncoder};
use twinspire_core::clock::Clock;
use twinspire_core::ids::check_id;
use twinspire_core::query::{EncodedQuery, Query, Scored};

/// Answers queries from one bundle.
pub struct Retriever {
    bundle: Arc<Bundle>,
    plan: MergePlan,
    /// In the order of the plan.
    channels: Vec<Box<dyn RecallChannel>>,
    /// What may be a candidate at all; without it, every item.
    candidates: Option<ItemSet>,
    clock: &'static dyn Clock,
}

impl std::fmt::Debug for Retriever {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Retriever").field("bundle", &self.bundle.id()).field("plan", &self.plan).finish()
    }
}

/// What a channel that was asked said.
struct Asked {
    /// Position in the plan.
    channel: usize,
    found: Vec<Scored>,
    status: ChannelStatus,
    failure: Option<RetrievalError>,
}

impl Retriever {
    /// Opens a sealed bundle and recomputes its golden set through the serving path.
    ///
    /// # Errors
    /// `Damaged` or `Mismatch`, naming the file, or the golden case and feature, that is not as it was sealed.
    pub fn open(folder: &Path, load: LoadQueryEncoder<'_>, clock: &'static dyn Clock) -> Result<Self> {
        let bundle = Bundle::open(folder, load)?;
        golden::check(&bundle)?;
        Self::assemble(bundle, clock)
    }

    /// Opens the unsealed files of a draft, to judge it before it is published.
    ///
    /// # Errors
    /// As [`Retriever::open`], checksums and golden set aside.
    pub fn open_draft(folder: &Path, load: LoadQueryEncoder<'_>, clock: &'static dyn Clock) -> Result<Self> {
        Self::assemble(Bundle::open_draft(folder, load)?, clock)
    }

    fn assemble(bundle: Bundle, clock: &'static dyn Clock) -> Result<Self> {
        let bundle = Arc::new(bundle);
        let plan = MergePlan::read(bundle.folder())?;
        let channels = open_channels(&bundle, &plan)?;
        let candidates = {
            let find = |id: &str| bundle.items().find(id);
            corpus_of(&bundle, &find).candidates(plan.filter())?
        };
        Ok(Self { bundle, plan, channels, candidates, clock })
    }

    /// The same retriever with another channel in the place of number `position`.
    #[cfg(test)]
    pub(crate) fn with_channel(mut self, position: usize, channel: Box<dyn RecallChannel>) -> Self {
        self.channels[position] = channel;
        self
    }

    /// The bundle it answers from.
    pub fn bundle(&self) -> &Bundle {
        &self.bundle
    }

    /// How the channels are merged.
    pub fn plan(&self) -> &MergePlan {
        &self.plan
    }

    /// The channels, in the order of [`Retriever::plan`].
    pub(crate) fn channels(&self) -> &[Box<dyn RecallChannel>] {
        &self.channels
    }

    /// What may be a candidate: the items that are available and fit the filter of the plan. `None`: every item.
    pub(crate) fn candidates(&self) -> Option<&ItemSet> {
        self.candidates.as_ref()
    }

    /// Answers a query as of now, which decides what windows of the history hold. A user who is not known is no error; a channel that fails is named in `degraded`, and the others
    /// answer.
    ///
    /// # Errors
    /// `Invalid` that names the field at fault (`k`, `user`, `channels.0`, `features.city`, `filter`, …);
    /// [`RetrievalError::NoChannel`] when every channel failed.
    pub fn retrieve(&self, query: &Query) -> Result<Answer> {
        let started = self.clock.now_micros();
        let (asked, excluded) = (self.check(query)?, self.excluded_items(&query.exclude)?);
        let fitting = self.fitting(query)?;
        let encoded = self.bundle.lookup().encode(query, started)?;
        let excluded = self.leave_out(excluded, &encoded.history);
        let queries = RecallQueries {
            batch: encoded.batch(),
            excluded: vec![&excluded],
            allowed: fitting.as_ref().or(self.candidates()),
        };
        let mut asked: Vec<Asked> = asked.into_iter().map(|channel| self.ask(channel, &queries, query.k)).collect();
        if asked.iter().all(|asked| asked.failure.is_some()) {
            let failures = asked.drain(..).filter_map(|asked| Some((asked.status.name, asked.failure?)));
            let reasons = failures.map(|(name, error)| format!("{name}: {error}")).collect();
            return Err(RetrievalError::NoChannel { reasons });
        }
        let candidates = self.merged(&asked, query.k);
        Ok(self.answer(asked, candidates, &encoded, started))
    }

    /// The channels to ask, by their position in the plan.
    fn check(&self, query: &Query) -> Result<Vec<usize>> {
        if !(1..=MOST_CANDIDATES).contains(&query.k) {
            let reason = format!("expected 1 to {MOST_CANDIDATES}, found {}", query.k);
            return Err(RetrievalError::invalid("k", reason));
        }
        let names: Vec<&str> = self.plan.channels().iter().map(|channel| channel.name.as_str()).collect();
        if let Some(position) = query.channels.iter().position(|wanted| !names.contains(&wanted.as_str())) {
            let reason = format!("there is no channel `{}`; there are: {}", query.channels[position], names.join(", "));
            return Err(RetrievalError::invalid(format!("channels.{position}"), reason));
        }
        let is_asked = |name: &str| query.channels.is_empty() || query.channels.iter().any(|wanted| wanted == name);
        Ok((0..names.len()).filter(|&channel| is_asked(names[channel])).collect())
    }

    /// Rows of the items that must not come back; ids that the corpus does not have cannot come back.
    fn excluded_items(&self, ids: &[String]) -> Result<Vec<u32>> {
        for (position, id) in ids.iter().enumerate() {
            check_id(&format!("exclude.{position}"), id)?;
        }
        Ok(ids.iter().filter_map(|id| self.bundle.items().find(id)).collect())
    }

    /// The candidates that the query's own filter leaves, if it has one.
    fn fitting(&self, query: &Query) -> Result<Option<ItemSet>> {
        let Some(filter) = &query.filter else { return Ok(None) };
        let find = |id: &str| self.bundle.items().find(id);
        let corpus = corpus_of(&self.bundle, &find);
        let mut fitting = corpus.fitting(&corpus.resolve(filter)?);
        if let Some(candidates) = &self.candidates {
            fitting.intersect(candidates);
        }
        Ok(Some(fitting))
    }

    fn leave_out(&self, mut excluded: Vec<u32>, history: &[u32]) -> Vec<u32> {
        if self.plan.leave_out_seen() {
            excluded.extend(history);
        }
        excluded.sort_unstable();
        excluded.dedup();
        excluded
    }

    fn ask(&self, channel: usize, queries: &RecallQueries<'_>, k: usize) -> Asked {
        let started = self.clock.now_micros();
        let (found, failure) = match self.channels[channel].retrieve(queries, k) {
            Ok(mut lists) => (lists.pop().unwrap_or_default(), None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let outcome = match (&failure, found.is_empty()) {
            (Some(_), _) => Outcome::Failed,
            (None, true) => Outcome::Empty,
            (None, false) => Outcome::Ok,
        };
        let status = ChannelStatus {
            name: self.plan.channels()[channel].name.clone(),
            status: outcome,
            error: failure.as_ref().map(RetrievalError::code),
            count: found.len(),
            took_ms: self.since(started),
        };
        Asked { channel, found, status, failure }
    }

    /// Milliseconds since `started`; 0 where the clock was set back.
    fn since(&self, started: i64) -> f64 {
        (self.clock.now_micros() - started).max(0) as f64 / 1e3
    }

    fn merged(&self, asked: &[Asked], k: usize) -> Vec<Candidate> {
        let share = |asked: &Asked| self.plan.channels()[asked.channel].share;
        let lists: Vec<RankedList<'_>> =
            asked.iter().map(|asked| RankedList { share: share(asked), found: &asked.found }).collect();
        let places = merge(&lists, k);
        let mut hits: FxHashMap<u32, Vec<(usize, ChannelHit)>> =
            places.iter().map(|place| (place.item, Vec::new())).collect();
        for (list, asked) in asked.iter().enumerate() {
            for (scored, rank) in asked.found.iter().zip(1..) {
                if let Some(hits) = hits.get_mut(&scored.item) {
                    let hit = ChannelHit { name: asked.status.name.clone(), score: scored.score as f32, rank };
                    hits.push((list, hit));
                }
            }
        }
        places.into_iter().map(|place| self.candidate(place, hits.remove(&place.item).unwrap_or_default())).collect()
    }

    /// `hits` stand in the order of priority; the one whose place it is goes first.
    fn candidate(&self, place: Place, mut hits: Vec<(usize, ChannelHit)>) -> Candidate {
        hits.sort_by_key(|(list, _)| *list != place.list);
        let channels: Vec<ChannelHit> = hits.into_iter().map(|(_, hit)| hit).collect();
        Candidate { item: self.bundle.items().id(place.item).to_owned(), score: channels[0].score, channels }
    }

    fn answer(&self, asked: Vec<Asked>, candidates: Vec<Candidate>, encoded: &EncodedQuery, started: i64) -> Answer {
        let channels: Vec<ChannelStatus> = asked.into_iter().map(|asked| asked.status).collect();
        let failed = channels.iter().filter(|status| status.status == Outcome::Failed);
        Answer {
            bundle_id: self.bundle.id().to_owned(),
            candidates,
            degraded: failed.map(|status| status.name.clone()).collect(),
            channels,
            cold_start: encoded.is_cold_start(),
            user_known: encoded.user_known,
            history_used: encoded.history.len(),
            history_unknown: encoded.unknown_history,
            took_ms: self.since(started),
        }
    }
}

/// The bundle as filters see it.
fn corpus_of<'a>(bundle: &'a Bundle, find: &'a dyn Fn(&str) -> Option<u32>) -> Corpus<'a> {
    Corpus { items: bundle.items().len(), attributes: bundle.attributes(), find }
}
