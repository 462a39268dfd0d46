//! Positives of the training part, as channels count them. In: `samples/train`. Out: [`Positive`]s in the order of the
//! files. It reads nothing that is held back for judging.

use crate::error::Result;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::history::Histories;
use twinspire_core::interaction::{NO_TIME, Part};
use twinspire_core::items::ItemTable;
use twinspire_core::sample::{SampleLayout, SampleSet};

/// The training part and the size of its corpus.
pub(crate) struct Positives {
    set: SampleSet,
    items: usize,
    last: i64,
}

/// One positive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Positive<'a> {
    /// Row of the history table, or MISSING.
    pub user: u32,
    /// Row of the corpus.
    pub item: u32,
    /// Microseconds UTC, or `NO_TIME`.
    pub time: i64,
    /// Encoded single user and context features.
    pub values: &'a [u32],
}

impl Positives {
    /// Maps the training part.
    ///
    /// # Errors
    /// Damaged tables; I/O.
    pub fn open(samples: &SampleLayout, encoder: &FeatureEncoder) -> Result<Self> {
        let items = ItemTable::open(&samples.items(), encoder)?.len();
        let users = Histories::open(&samples.histories(), items)?.len();
        let set = SampleSet::open(&samples.part(Part::Train), encoder)?;
        for table in set.tables() {
            table.check_references(items, users)?;
        }
        Ok(Self::new(set, items))
    }

    /// Wraps tables whose references were checked.
    pub fn new(set: SampleSet, items: usize) -> Self {
        let mut positives = Self { set, items, last: NO_TIME };
        positives.last = positives.iter().map(|positive| positive.time).max().unwrap_or(NO_TIME);
        positives
    }

    /// Items in the corpus.
    pub fn items(&self) -> usize {
        self.items
    }

    /// All positives, in the order of the files.
    pub fn iter(&self) -> impl Iterator<Item = Positive<'_>> {
        self.set.tables().iter().flat_map(|table| {
            let features = table.user_features();
            let rows = (0..table.len()).filter(|&row| table.labels()[row] == 1.0);
            rows.map(move |row| Positive {
                user: table.users()[row],
                item: table.items()[row],
                time: table.times()[row],
                values: features.single_row(row),
            })
        })
    }

    /// Weight of an event `time`: one half for each half-life before the last event; 1 without a half-life or a time.
    pub fn weight(&self, time: i64, half_life_days: f64) -> f64 {
        if half_life_days == 0.0 || time == NO_TIME {
            return 1.0;
        }
        let days = self.last.saturating_sub(time) as f64 / MICROS_A_DAY;
        (-days / half_life_days).exp2()
    }
}

const MICROS_A_DAY: f64 = 86_400e6;
