//! The `[input]`, `[clean]` and `[samples]` sections: parsed types end in `Section`, [`DataSettings`] is what the rest
//! of the crate holds. Checking collects every fault; it reads no file.

mod attributes;
mod checks;
mod clean;
mod cleaning;
mod derived;
mod form;
mod format;
mod input;
mod join;
mod outcome;
mod samples;
mod settings;
mod split;
mod time;

pub use attributes::{AttributeSection, AvailableSection};
pub use clean::{
    CleanSection, ClickRateSection, Counted, DenySection, DuplicatesSection, NeverShownSection, RangeSection,
    RateSection, SharedSection, SkipAboveSection,
};
pub use cleaning::{KeyOf, SameIn, Suspicion, TrafficRule};
pub(crate) use derived::Derived;
pub use format::Format;
pub use input::{
    DerivedSection, EventSection, InputSection, ItemsSection, JoinSection, LabelSection, PositiveEvents, TimeSection,
    Unmatched, UserColumns, UsersSection,
};
pub use join::Join;
pub use outcome::Outcome;
pub use samples::{DownSample, Mode, SamplesSection, Split};
pub use settings::DataSettings;
pub use time::{TimeFormat, TimeSettings};
pub(crate) use time::{day_of, start_of_day};
