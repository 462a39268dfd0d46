//! Visits: a user opens a page of impressions and clicks on what she looks at and likes.

use super::planted::dot;
use super::policy::{Seen, Shelves};
use super::{CITIES, DEVICES, World};
use rayon::prelude::*;
use twinspire_core::rng::Rng;

/// Logit of a click on an item of affinity 0, elsewhere, that nobody knows, if its position is looked at.
const BASE_LOGIT: f64 = -4.5;
/// Chance that a position is looked at: `1 / (1 + POSITION_DECAY · (position - 1))`.
const POSITION_DECAY: f64 = 0.25;
/// Chance that a visit comes from another city than home.
const AWAY: f64 = 0.1;
/// Visits of a day begin before this second, so that all their clicks fall on the same day.
const LAST_SECOND: u32 = 86_400 - 600;
/// Most visits of a user on one day.
const MOST_VISITS: u32 = 40;

/// One impression of a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Number of the item.
    pub item: u32,
    /// Seconds from the impression to the click, if there was one.
    pub click_after: Option<u32>,
}

/// A page that a user opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Number of the user.
    pub user: u32,
    /// Day, from 0.
    pub day: u32,
    /// Second of the day.
    pub second: u32,
    /// Number of the city in [`CITIES`].
    pub city: usize,
    /// Number of the device in [`DEVICES`].
    pub device: usize,
    /// Impressions, position 1 first.
    pub shown: Vec<Shown>,
}

/// All visits, one list a day, in order of time, then user.
pub(super) fn all_visits(world: &World) -> Vec<Vec<Visit>> {
    let shelves: Vec<Shelves> = (0..world.settings.days).map(|day| Shelves::of_day(world, day)).collect();
    let by_user: Vec<Vec<Visit>> =
        (0..world.settings.users).into_par_iter().map(|user| visits_of(world, &shelves, user)).collect();
    let mut by_day = vec![Vec::new(); shelves.len()];
    for visit in by_user.into_iter().flatten() {
        by_day[visit.day as usize].push(visit);
    }
    for visits in &mut by_day {
        visits.sort_by_key(|visit| (visit.second, visit.user));
    }
    by_day
}

fn visits_of(world: &World, shelves: &[Shelves], user: u32) -> Vec<Visit> {
    let mut rng = Rng::stream(world.settings.seed, "world.visits", u64::from(user));
    let mut clicked: Vec<u32> = Vec::new();
    let mut visits = Vec::new();
    for (day, shelves) in (0u32..).zip(shelves) {
        let count = poisson(world.users[user as usize].activity, &mut rng).min(MOST_VISITS);
        let mut seconds: Vec<u32> = (0..count).map(|_| second_of_day(&mut rng)).collect();
        seconds.sort_unstable();
        for second in seconds {
            let mut visit = arrive(world, user, day, &mut rng);
            visit.second = second;
            let planted = &world.users[user as usize];
            let seen = Seen { clicked: &clicked, rng: &mut rng };
            let page = shelves.page(world.settings.page_size as usize, planted, visit.city, seen);
            visit.shown = look_at(world, &visit, &page, &mut rng);
            clicked.extend(visit.shown.iter().filter(|shown| shown.click_after.is_some()).map(|shown| shown.item));
            clicked.sort_unstable();
            visits.push(visit);
        }
    }
    visits
}

/// A visit with its city and device, before anything is shown.
fn arrive(world: &World, user: u32, day: u32, rng: &mut Rng) -> Visit {
    let home = world.users[user as usize].home_city;
    let city = if rng.unit() < AWAY { rng.below(CITIES.len() as u32) as usize } else { home };
    let device = match rng.unit() {
        chance if chance < 0.65 => 0,
        chance if chance < 0.9 => 1,
        _ => DEVICES.len() - 1,
    };
    Visit { user, day, second: 0, city, device, shown: Vec::new() }
}

fn look_at(world: &World, visit: &Visit, page: &[u32], rng: &mut Rng) -> Vec<Shown> {
    let taste = world.taste(visit.user as usize, visit.day);
    let look = |(place, &item): (usize, &u32)| {
        let chance = examined(place) * click_chance(world, &taste, visit.city, item as usize);
        let click_after = (rng.unit() < chance).then(|| 3 + rng.below(20) + 5 * place as u32);
        Shown { item, click_after }
    };
    page.iter().enumerate().map(look).collect()
}

/// Chance that the place (from 0) is looked at.
fn examined(place: usize) -> f64 {
    1.0 / (1.0 + POSITION_DECAY * place as f64)
}

/// Chance of a click on an item that is looked at.
fn click_chance(world: &World, taste: &super::Topic, city: usize, item: usize) -> f64 {
    let (settings, item) = (&world.settings, &world.items[item]);
    let local = if item.city == city { settings.city_strength } else { 0.0 };
    let crowd = settings.crowd_strength * item.popularity;
    let logit = BASE_LOGIT + settings.taste_strength * dot(taste, &item.topic) + local + crowd;
    1.0 / (1.0 + (-logit).exp())
}

/// Evening is busier than morning, and night is quiet: the later of two draws with weight, cut to the day.
fn second_of_day(rng: &mut Rng) -> u32 {
    let hour = if rng.unit() < 0.6 { 19.5 + 2.5 * rng.normal() } else { 12.0 + 3.5 * rng.normal() };
    ((hour * 3_600.0).max(0.0) as u32) % LAST_SECOND
}

/// Number of events of a Poisson law (Knuth: multiply uniform draws until they fall below `exp(-mean)`).
fn poisson(mean: f64, rng: &mut Rng) -> u32 {
    let bound = (-mean.min(100.0)).exp();
    let (mut product, mut count) = (rng.unit(), 0);
    while product > bound {
        product *= rng.unit();
        count += 1;
    }
    count
}
