//! The HTTP face: routes, refusals, request ids, and the server that holds the port.

mod identify;
pub mod problem;
pub mod route;
pub mod server;
