//! Never shown: rows whose flag says that the item was on no screen. A row can be judged alone.

use crate::config::NeverShownSection;

/// The reason under which such rows are counted.
pub(crate) const NEVER_SHOWN: &str = "never_shown";

/// True when the cell of the flag says so.
pub(crate) fn is_never_shown(section: &NeverShownSection, cell: &str) -> bool {
    section.values.iter().any(|value| value == cell)
}
