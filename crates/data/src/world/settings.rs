//! How large a world is and how strongly each effect is planted.

use jiff::civil::{Date, date};
use twinspire_core::{CoreError, Result};

/// Sizes and strengths of a click world. [`WorldSettings::default`] is the world of `twinspire demo`.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldSettings {
    /// Everything random follows from it.
    pub seed: u64,
    /// Number of users, at least 1.
    pub users: u32,
    /// Number of items, at least 50.
    pub items: u32,
    /// Days of the log, at least 1.
    pub days: u32,
    /// The last day of the log.
    pub last: Date,
    /// Mean number of visits of a user on a day; users differ widely around it.
    pub visits_per_day: f64,
    /// Impressions of a visit, 1 to 20; position 1 is the best place.
    pub page_size: u32,
    /// Share of the items that appear only after the first day, 0 to 0.5.
    pub new_items: f64,
    /// Exponent of the Zipf law that the popularity of items follows; 0 is flat.
    pub popularity_skew: f64,
    /// How far a taste moves in a day, as the length of a step of a unit vector.
    pub drift: f64,
    /// How much a click follows taste: logit for an affinity of 1.
    pub taste_strength: f64,
    /// Added to the logit of a click when the item is in the user's city of the moment.
    pub city_strength: f64,
    /// Added to the logit of a click for the most popular item; 0 for the least popular.
    pub crowd_strength: f64,
}

impl Default for WorldSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            users: 4_000,
            items: 3_000,
            days: 10,
            last: date(2026, 11, 20),
            visits_per_day: 1.2,
            page_size: 10,
            new_items: 0.1,
            popularity_skew: 0.7,
            drift: 0.02,
            taste_strength: 7.0,
            city_strength: 1.0,
            crowd_strength: 0.5,
        }
    }
}

impl WorldSettings {
    /// Refuses sizes that no page can be filled with.
    ///
    /// # Errors
    /// [`CoreError::Invalid`] that names the setting.
    pub fn check(&self) -> Result<()> {
        let finite = "a finite number";
        let rules = [
            (self.users >= 1, "users", "at least 1 user"),
            (self.items >= 50, "items", "at least 50 items, so that a page can be filled"),
            ((1..=3_650).contains(&self.days), "days", "1 to 3650 days"),
            ((1..=20).contains(&self.page_size), "page_size", "1 to 20 impressions on a page"),
            ((0.0..=0.5).contains(&self.new_items), "new_items", "a share from 0 to 0.5"),
            ((0.0..=100.0).contains(&self.visits_per_day), "visits_per_day", "a mean from 0 to 100"),
            (self.popularity_skew.is_finite(), "popularity_skew", finite),
            (self.drift.is_finite(), "drift", finite),
            (self.taste_strength.is_finite(), "taste_strength", finite),
            (self.city_strength.is_finite(), "city_strength", finite),
            (self.crowd_strength.is_finite(), "crowd_strength", finite),
        ];
        match rules.into_iter().find(|(allowed, ..)| !allowed) {
            Some((_, field, reason)) => Err(CoreError::Invalid { field: field.into(), reason: reason.into() }),
            None => Ok(()),
        }
    }
}
