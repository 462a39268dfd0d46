//! The HTTP server over one bundle.
//!
//! In: a [`Retriever`](twinspire_retrieval::Retriever) that was opened whole, and checked settings. Out: the routes of
//! [`route`]. This crate is the only one that listens; it does not know how a bundle is made, and it listens on
//! loopback addresses only.
//!
//! Reading order: [`config`], [`route`] (the table of routes), [`wire`] (what a request and an answer look like),
//! [`problem`] (what a refusal looks like), [`server`].

pub mod config;
pub mod error;
mod identify;
pub mod problem;
pub mod route;
pub mod server;
#[cfg(test)]
mod tests;
pub mod wire;

pub use config::{ServeSection, ServeSettings};
pub use error::{Result, ServeError};
pub use server::Server;
