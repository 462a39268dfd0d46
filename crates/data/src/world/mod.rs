//! A seeded click world: users with planted tastes, items with planted topics, and the logs that an older policy made.
//!
//! In: [`WorldSettings`]. Out: `logs/date=YYYY-MM-DD/part-0.csv.gz`, `items.csv.gz`, `users.csv.gz` and
//! `twinspire.toml` in a folder, and the [`World`] that says what was planted, so that experiments can compare what was
//! learnt with the truth. It reads nothing and knows nothing of models.
//!
//! What is planted: a user has a taste (a unit vector that follows her age band, her favourite categories and chance,
//! and drifts a little every day), an item has a topic (a unit vector near that of its category). A click needs that
//! the position is looked at and that the item fits taste, city and, a little, the crowd. Impressions are chosen by an
//! older policy that mostly shows what is popular and knows tastes only roughly, so an impression without a click is a
//! biased negative: it fits the user better than an item of the corpus drawn at random. The same settings give the same
//! bytes at any thread count.

mod names;
mod planted;
mod policy;
mod settings;
mod visit;
mod write;

#[cfg(test)]
mod tests;

pub use names::{AGE_BANDS, CATEGORIES, CITIES, DEVICES};
pub use planted::{PlantedItem, PlantedUser, TOPICS, Topic, World};
pub use settings::WorldSettings;
pub use visit::{Shown, Visit};
pub use write::QUICKSTART_CONFIG;

use crate::Result;
use std::path::Path;
use twinspire_core::vfs::Vfs;

/// Plants a world, lets its users visit, and writes logs, side tables and config into `folder`.
///
/// `logs/` of an earlier world in the folder is replaced as a whole; the other files are rewritten.
///
/// # Errors
/// `Core(Invalid)` that names the setting; I/O, with the path.
pub fn generate(vfs: &dyn Vfs, folder: &Path, settings: &WorldSettings) -> Result<World> {
    settings.check()?;
    let mut world = World::plant(settings)?;
    let visits = visit::all_visits(&world);
    world.count(&visits);
    write::write_world(vfs, folder, &world, &visits)?;
    Ok(world)
}
