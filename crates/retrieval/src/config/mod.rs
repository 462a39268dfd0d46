//! The `[evaluate]`, `[index]` and `[channels]` sections: parsed types end in `Section`, [`RetrievalSettings`] is what
//! the rest of the crate holds. Checking collects every fault; it reads no file.

mod channels;
mod index;
mod sections;
mod settings;
#[cfg(test)]
mod tests;

pub use channels::{ChannelKind, ChannelSpec};
pub use index::{IndexKind, IndexSection, IndexSettings};
pub use sections::{ChannelSection, ChannelsSection, EvaluateSection, JudgedPart};
pub use settings::{MOST_CANDIDATES, RetrievalSettings};
