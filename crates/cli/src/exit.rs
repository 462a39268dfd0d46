//! Exit codes: what a process tells the shell.

/// What a process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// Wrong usage or config.
    Usage,
    /// More bad rows than the config allows.
    BadRows,
    /// Training diverged.
    Diverged,
    /// Refused by the publish gate.
    Refused,
    /// Something of that name exists, or a lock is held.
    Conflict,
    /// Stopped from outside.
    Stopped,
}

impl Exit {
    /// All of them, by number.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::BadRows,
        Self::Diverged,
        Self::Refused,
        Self::Conflict,
        Self::Stopped,
    ];

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::BadRows => 3,
            Self::Diverged => 4,
            Self::Refused => 5,
            Self::Conflict => 6,
            Self::Stopped => 130,
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed; the message says why, and nothing was published",
            Self::Usage => "wrong usage or config; nothing was started",
            Self::BadRows => "more bad rows than `input.max_reject_ratio` allows",
            Self::Diverged => {
                "training diverged: the loss or a gradient is not finite, or an alarm of `train.alarms` ended it"
            }
            Self::Refused => "refused by the publish gate; the earlier bundle is still served",
            Self::Conflict => "something of that name exists already, or a lock is held",
            Self::Stopped => {
                "stopped by Ctrl-C; finished stages and a checkpoint of training are kept, and the same command goes on from there"
            }
        }
    }
}
