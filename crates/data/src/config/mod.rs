//! The `[input]`, `[clean]` and `[samples]` sections: parsed types end in `Section`, [`DataSettings`] is what the rest
//! of the crate holds. Checking collects every fault; it reads no file.

mod input;
mod outcome;
mod samples;
mod settings;
mod time;

pub use input::{
    EventSection, InputSection, ItemsSection, LabelSection, PositiveEvents, TimeSection, UserColumns, UsersSection,
};
pub use outcome::Outcome;
pub use samples::{CleanSection, Mode, SamplesSection, Split};
pub use settings::DataSettings;
pub use time::{TimeFormat, TimeSettings};
pub(crate) use time::{day_of, start_of_day};
