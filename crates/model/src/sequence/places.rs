//! Where a token stands in its sequence.

use crate::config::Positions;

impl Positions {
    /// Calls `visit` with each token and the number of its place; `ends` are those of the sequences, after that of the one
    /// before, and tokens count from the first.
    pub(super) fn for_each(self, ends: &[usize], mut visit: impl FnMut(usize, usize)) {
        for pair in ends.windows(2) {
            let (first, length) = (pair[0] - ends[0], pair[1] - pair[0]);
            for position in 0..length {
                match self {
                    Self::Age => visit(first + position, length - 1 - position),
                    Self::Order => visit(first + position, position),
                    Self::None => {}
                }
            }
        }
    }
}
