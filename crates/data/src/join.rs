//! Impressions and clicks that are rows of their own become one row. In: a bucket. Out: the same bucket, in which a
//! positive that follows an impression of the same user, item and request within the horizon stands for both: it keeps
//! its own time, so that no history knows of it earlier, and takes the cells of the impression, which say how the item
//! was shown. An impression becomes a positive once, whatever follows it.

use crate::bucket::{Bucket, Row};
use crate::config::{DataSettings, Unmatched};
use rustc_hash::FxHashMap;
use twinspire_core::interaction::EventKind;

/// Reasons under which rows are counted: impressions that a positive stands for, later positives of the same
/// impression, and positives without an impression.
const JOINED: &str = "joined_impression";
const REPEATED: &str = "repeated_positive";
const ALONE: &str = "without_impression";

/// How rows are joined.
pub(crate) struct Joining {
    /// Number of the raw column of the request.
    request: Option<usize>,
    /// Microseconds.
    horizon: i64,
    drop_unmatched: bool,
    /// Weight of each positive event, by its number.
    weights: Vec<f32>,
}

/// What becomes of the rows.
struct Found {
    reasons: Vec<Option<&'static str>>,
    /// Row of a positive, row of its impression, and the number of its strongest event.
    joined: Vec<(usize, usize, u8)>,
}

impl Joining {
    /// The joining of the settings, if there is one; `column` numbers a raw column of the buckets.
    pub fn new(settings: &DataSettings, column: impl FnOnce(&str) -> usize) -> Option<Self> {
        let join = settings.join()?;
        let weights = settings.outcome().positives().into_iter().map(|(_, weight)| weight).collect();
        Some(Self {
            request: join.request.as_deref().map(column),
            horizon: join.horizon,
            drop_unmatched: join.unmatched == Unmatched::Drop,
            weights,
        })
    }

    /// Joins the rows of a bucket.
    pub fn apply(&self, bucket: &mut Bucket) {
        let found = self.find(bucket);
        for (positive, impression, event) in found.joined {
            let shown = bucket.rows[impression];
            bucket.rows[positive].take_cells(&shown);
            bucket.rows[positive].event = event;
        }
        bucket.leave_out(found.reasons.into_iter());
    }

    fn find(&self, bucket: &Bucket) -> Found {
        let rows = &bucket.rows;
        // At the same moment an impression comes before what it led to.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&at| (rows[at].user, rows[at].time, rows[at].kind != EventKind::Impression, at));
        let mut latest: FxHashMap<(u32, &str, &str), usize> = FxHashMap::default();
        let mut joined: Vec<(usize, usize, u8)> = Vec::new();
        let mut of_impression: FxHashMap<usize, usize> = FxHashMap::default();
        let mut reasons = vec![None; rows.len()];
        for at in order {
            let row = &rows[at];
            let key = (row.user, self.request_of(bucket, row), bucket.item(row));
            match row.kind {
                EventKind::Rejected => {}
                EventKind::Impression => {
                    latest.insert(key, at);
                }
                EventKind::Positive => {
                    let shown = latest.get(&key).copied();
                    let shown = shown.filter(|&shown| row.time.saturating_sub(rows[shown].time) <= self.horizon);
                    match shown.map(|shown| (shown, of_impression.get(&shown))) {
                        None => reasons[at] = self.drop_unmatched.then_some(ALONE),
                        Some((_, Some(&number))) => {
                            reasons[at] = Some(REPEATED);
                            joined[number].2 = self.stronger(joined[number].2, row.event);
                        }
                        Some((shown, None)) => {
                            reasons[shown] = Some(JOINED);
                            of_impression.insert(shown, joined.len());
                            joined.push((at, shown, row.event));
                        }
                    }
                }
            }
        }
        Found { reasons, joined }
    }

    fn request_of<'b>(&self, bucket: &'b Bucket, row: &Row) -> &'b str {
        self.request.and_then(|column| bucket.raw(row, column)).unwrap_or_default()
    }

    /// The event of greater weight; the first of equals.
    fn stronger(&self, known: u8, other: u8) -> u8 {
        let weight = |event: u8| self.weights[usize::from(event)];
        if weight(other) > weight(known) { other } else { known }
    }
}
