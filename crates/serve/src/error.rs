//! Errors of starting and running the server. What a client did wrong is a [`crate::http::problem::Problem`].

use std::net::SocketAddr;

/// A result of this crate.
pub type Result<T, E = ServeError> = std::result::Result<T, E>;

/// What can go wrong with the server as a whole.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be taken: choose another port, or end what holds it.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system stopped the server: look at the message, then start it again.
    #[error("the server stopped: {0}")]
    Stopped(std::io::Error),
}

impl ServeError {
    /// A stable name of the kind of error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bind { .. } => "cannot-listen",
            Self::Stopped(_) => "server-stopped",
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Bind { .. } => "choose another port with `--listen 127.0.0.1:PORT`; port 0 takes a free one".into(),
            Self::Stopped(_) => "start it again with `twinspire serve`".into(),
        }
    }
}
