//! The older policy that chose the impressions: mostly what is popular, roughly what the user likes.

use super::{CATEGORIES, CITIES, PlantedUser, World};
use twinspire_core::rng::Rng;

/// Share of the impressions that come from the list of popular items.
const POPULAR: f64 = 0.45;
/// Share that comes from the user's favourite categories, the popular ones first.
const FAVOURITE: f64 = 0.35;
/// Share that comes from the city of the visit; the rest is uniform over the corpus.
const LOCAL: f64 = 0.1;
/// Chance that an item that the user clicked earlier is shown again when it is drawn.
const REPEAT: f64 = 0.05;
/// Draws for one place before the policy shows whatever is not on the page yet.
const PATIENCE: u32 = 30;

/// Items with rising sums of their weights, to draw from.
#[derive(Debug, Default)]
struct Shelf {
    items: Vec<u32>,
    sums: Vec<f64>,
}

impl Shelf {
    fn add(&mut self, item: u32, weight: f64) {
        self.items.push(item);
        self.sums.push(self.sums.last().unwrap_or(&0.0) + weight);
    }

    fn draw(&self, rng: &mut Rng) -> Option<u32> {
        let target = rng.unit() * self.sums.last()?;
        let place = self.sums.partition_point(|&sum| sum <= target);
        Some(self.items[place.min(self.items.len() - 1)])
    }
}

/// What can be shown on one day.
#[derive(Debug)]
pub(super) struct Shelves {
    popular: Shelf,
    uniform: Shelf,
    by_category: Vec<Shelf>,
    by_city: Vec<Shelf>,
}

impl Shelves {
    /// Items that exist on the day, with their weights.
    pub(super) fn of_day(world: &World, day: u32) -> Self {
        let shelves = |count: usize| (0..count).map(|_| Shelf::default()).collect();
        let mut filled = Self {
            popular: Shelf::default(),
            uniform: Shelf::default(),
            by_category: shelves(CATEGORIES.len()),
            by_city: shelves(CITIES.len()),
        };
        for (number, item) in (0u32..).zip(&world.items).filter(|(_, item)| item.born <= day) {
            filled.popular.add(number, item.popularity);
            filled.uniform.add(number, 1.0);
            filled.by_category[item.category].add(number, item.popularity.sqrt());
            filled.by_city[item.city].add(number, item.popularity.sqrt());
        }
        filled
    }

    fn draw(&self, user: &PlantedUser, city: usize, rng: &mut Rng) -> Option<u32> {
        let chance = rng.unit();
        if chance < POPULAR {
            return self.popular.draw(rng);
        }
        if chance < POPULAR + FAVOURITE {
            let favourite = user.favourites[usize::from(rng.unit() < 0.35)];
            return self.by_category[favourite].draw(rng);
        }
        match chance < POPULAR + FAVOURITE + LOCAL {
            true => self.by_city[city].draw(rng),
            false => self.uniform.draw(rng),
        }
    }

    /// Items of a page, all different, the best place first. Items in `clicked` (sorted) rarely come back.
    pub(super) fn page(&self, size: usize, user: &PlantedUser, city: usize, seen: Seen<'_>) -> Vec<u32> {
        let Seen { clicked, rng } = seen;
        let mut page = Vec::with_capacity(size);
        let mut tries = 0;
        while page.len() < size {
            tries += 1;
            let patient = tries < PATIENCE;
            let drawn = if patient { self.draw(user, city, rng) } else { self.uniform.draw(rng) };
            let Some(item) = drawn.filter(|item| !page.contains(item)) else { continue };
            if !patient || clicked.binary_search(&item).is_err() || rng.unit() < REPEAT {
                page.push(item);
                tries = 0;
            }
        }
        page
    }
}

/// What the policy knows of a user's past, and the chance it draws from.
pub(super) struct Seen<'a> {
    /// Items that she clicked, sorted.
    pub clicked: &'a [u32],
    /// Her stream.
    pub rng: &'a mut Rng,
}
