//! The real binary from logs to answers: the chain, its determinism, its refusals, and HTTP.
//!
//! All of it works on one small click world ([`world`]), for which the chain runs once; a test that changes something
//! takes a copy.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "../binary/mod.rs"]
mod binary;
mod chain;
mod daily;
mod damage;
mod determinism;
mod encoders;
mod faults;
mod http;
mod index;
mod judged;
mod kills;
mod logs;
mod negatives;
mod recall;
mod scores;
mod towers;
mod tuning;
mod warm;
mod world;
