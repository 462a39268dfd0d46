//! The HTTP server over one bundle.
//!
//! In: a [`Retriever`](twinspire_retrieval::Retriever) that was opened whole, and checked settings. Out: the routes of
//! [`http::route`]. This crate is the only one that listens; it does not know how a bundle is made, and it listens on
//! loopback addresses only.
//!
//! Reading order: [`config`], [`http::route`] (the table of routes), [`wire`] (what a request and an answer look like),
//! [`http::problem`] (what a refusal looks like), [`http::server`].

pub mod config;
pub mod error;
pub mod http;
#[cfg(test)]
mod tests;
pub mod wire;

pub use config::{ServeSection, ServeSettings};
pub use error::{Result, ServeError};
pub use http::server::Server;
