//! What is true in the world and hidden from the logs: tastes, topics, popularity.

use super::{AGE_BANDS, CATEGORIES, CITIES, Visit, WorldSettings};
use twinspire_core::Result;
use twinspire_core::partition::{Date, window};
use twinspire_core::rng::Rng;

/// Length of a topic or taste vector.
pub const TOPICS: usize = 12;

/// A unit vector.
pub type Topic = [f64; TOPICS];

/// Share of the users who favour the categories of their age band.
const BAND_SHARE: f64 = 0.7;
/// Categories that are typical of an age band.
const BAND_CATEGORIES: usize = 6;
/// Length of the random part of an item's topic beside that of its category (length 1).
const ITEM_SPREAD: f64 = 0.6;
/// Length of the random part of a taste beside that of the favourite categories.
const USER_SPREAD: f64 = 0.4;
/// Most topic words of an item.
const TAGS: usize = 3;

/// An item as it was planted.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantedItem {
    /// Id in the logs.
    pub id: String,
    /// What it is about; unit length.
    pub topic: Topic,
    /// Number of its category in [`CATEGORIES`].
    pub category: usize,
    /// Number of its city in [`CITIES`].
    pub city: usize,
    /// Words that tell the strongest parts of its topic.
    pub tags: Vec<String>,
    /// Price in cents.
    pub price_cents: u32,
    /// How much the older policy favours it: `rank^-skew`, 1 for the most popular.
    pub popularity: f64,
    /// First day (from 0) on which it can be shown.
    pub born: u32,
}

/// A user as she was planted.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantedUser {
    /// Id in the logs.
    pub id: String,
    /// Taste on the first day; unit length.
    pub taste: Topic,
    /// Direction in which it drifts; unit length.
    pub drift: Topic,
    /// Numbers of her favourite categories, the dearest first.
    pub favourites: [usize; 2],
    /// Number of her city in [`CITIES`].
    pub home_city: usize,
    /// Number of her age band in [`AGE_BANDS`].
    pub age_band: usize,
    /// Mean number of visits on a day.
    pub activity: f64,
}

/// Everything that was planted, and how much was logged.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// Sizes and strengths.
    pub settings: WorldSettings,
    /// Days of the log, first to last.
    pub dates: Vec<Date>,
    /// Topics of the categories.
    pub categories: Vec<Topic>,
    /// Items, row = number.
    pub items: Vec<PlantedItem>,
    /// Users, row = number.
    pub users: Vec<PlantedUser>,
    /// Impressions in the logs.
    pub impressions: u64,
    /// Clicks in the logs.
    pub clicks: u64,
}

impl World {
    /// Draws users and items; nothing is logged yet.
    pub(super) fn plant(settings: &WorldSettings) -> Result<Self> {
        let dates = window(settings.last, settings.days)?;
        let mut rng = Rng::stream(settings.seed, "world.categories", 0);
        let categories: Vec<Topic> = CATEGORIES.iter().map(|_| random_direction(&mut rng)).collect();
        Ok(Self {
            settings: settings.clone(),
            dates,
            items: plant_items(settings, &categories),
            users: plant_users(settings, &categories),
            categories,
            impressions: 0,
            clicks: 0,
        })
    }

    pub(super) fn count(&mut self, visits: &[Vec<Visit>]) {
        let shown = || visits.iter().flatten().flat_map(|visit| &visit.shown);
        self.impressions = shown().count() as u64;
        self.clicks = shown().filter(|shown| shown.click_after.is_some()).count() as u64;
    }

    /// Taste of a user on a day counted from 0; unit length.
    pub fn taste(&self, user: usize, day: u32) -> Topic {
        let PlantedUser { taste, drift, .. } = &self.users[user];
        let moved = f64::from(day) * self.settings.drift;
        unit(std::array::from_fn(|part| taste[part] + moved * drift[part]))
    }

    /// How well an item fits the taste of a user on a day: the cosine, -1 to 1.
    pub fn affinity(&self, user: usize, item: usize, day: u32) -> f64 {
        dot(&self.taste(user, day), &self.items[item].topic)
    }
}

pub(super) fn dot(left: &Topic, right: &Topic) -> f64 {
    left.iter().zip(right).map(|(left, right)| left * right).sum()
}

fn unit(vector: Topic) -> Topic {
    let length = dot(&vector, &vector).sqrt().max(1e-12);
    vector.map(|part| part / length)
}

fn random_direction(rng: &mut Rng) -> Topic {
    unit(std::array::from_fn(|_| rng.normal()))
}

/// `centre` with a random part of length `spread` added, as a unit vector.
fn near(centre: &Topic, spread: f64, rng: &mut Rng) -> Topic {
    let aside = random_direction(rng);
    unit(std::array::from_fn(|part| centre[part] + spread * aside[part]))
}

fn plant_items(settings: &WorldSettings, categories: &[Topic]) -> Vec<PlantedItem> {
    let count = settings.items as usize;
    let mut ranks: Vec<usize> = (1..=count).collect();
    Rng::stream(settings.seed, "world.popularity", 0).shuffle(&mut ranks);
    let old = count - (settings.new_items * count as f64) as usize;
    let plant = |(number, rank): (usize, usize)| {
        let mut rng = Rng::stream(settings.seed, "world.item", number as u64);
        let category = rng.below(CATEGORIES.len() as u32) as usize;
        let topic = near(&categories[category], ITEM_SPREAD, &mut rng);
        let later = if settings.days > 1 { 1 + rng.below(settings.days - 1) } else { 0 };
        PlantedItem {
            id: format!("i{number:05}"),
            tags: tags(&topic),
            topic,
            category,
            city: rng.below(CITIES.len() as u32) as usize,
            price_cents: (1_500.0 * (0.8 * rng.normal()).exp()).clamp(99.0, 99_999.0) as u32,
            popularity: (rank as f64).powf(-settings.popularity_skew),
            born: if number < old { 0 } else { later },
        }
    };
    ranks.into_iter().enumerate().map(plant).collect()
}

/// The strongest parts of a topic, each as `t<part>+` or `t<part>-`, the strongest first.
fn tags(topic: &Topic) -> Vec<String> {
    let mut parts: Vec<usize> = (0..TOPICS).collect();
    parts.sort_by(|&left, &right| topic[right].abs().total_cmp(&topic[left].abs()));
    let word = |part: usize| format!("t{part}{}", if topic[part] < 0.0 { '-' } else { '+' });
    parts.into_iter().take(TAGS).map(word).collect()
}

fn plant_users(settings: &WorldSettings, categories: &[Topic]) -> Vec<PlantedUser> {
    let mut rng = Rng::stream(settings.seed, "world.bands", 0);
    let typical: Vec<Vec<usize>> = AGE_BANDS
        .iter()
        .map(|_| {
            let mut all: Vec<usize> = (0..categories.len()).collect();
            rng.shuffle(&mut all);
            all.truncate(BAND_CATEGORIES);
            all
        })
        .collect();
    (0..settings.users).map(|number| plant_user(settings, categories, &typical, number)).collect()
}

fn plant_user(settings: &WorldSettings, categories: &[Topic], typical: &[Vec<usize>], number: u32) -> PlantedUser {
    let mut rng = Rng::stream(settings.seed, "world.user", u64::from(number));
    let age_band = rng.below(AGE_BANDS.len() as u32) as usize;
    let mut favourite = || match rng.unit() < BAND_SHARE {
        true => typical[age_band][rng.below(BAND_CATEGORIES as u32) as usize],
        false => rng.below(categories.len() as u32) as usize,
    };
    let favourites = [favourite(), favourite()];
    let [first, second] = favourites.map(|category| categories[category]);
    let centre = unit(std::array::from_fn(|part| first[part] + 0.6 * second[part]));
    PlantedUser {
        id: format!("u{number:05}"),
        taste: near(&centre, USER_SPREAD, &mut rng),
        drift: random_direction(&mut rng),
        favourites,
        home_city: rng.below(CITIES.len() as u32) as usize,
        age_band,
        // A log-normal draw with mean 1 times the mean activity.
        activity: settings.visits_per_day * (0.9 * rng.normal() - 0.405).exp(),
    }
}
