//! From click logs to interactions, and from interactions to samples.
//!
//! In: dated or plain log files of any format (CSV, JSON lines, TFRecord, Parquet), as `[input]` of the config maps them.
//! Out: the folders `interactions` and `samples` of a run. This crate is the only one that reads logs; it trains nothing
//! and serves nothing.
//!
//! Reading order: [`config`], [`files`] (where files lie), [`ingest`] (files to interactions), `bucket` (the interactions
//! of some users in memory), `join` (impressions and clicks that are rows of their own), `clean` (rules that leave rows
//! out; `sql` for what they cannot say), [`sample`] (interactions to samples), `unit` (the whole road in pieces),
//! [`forget`] (users who are deleted), [`infer`] (a first config from a look at the files), [`world`] (a made-up click
//! world), [`convert`], [`logs`] (log files by themselves), `bench`.

pub mod bench;
mod bucket;
pub mod check;
mod clean;
pub mod config;
pub mod context;
pub mod convert;
pub mod error;
pub mod files;
pub mod forget;
pub mod infer;
pub mod ingest;
mod join;
pub mod ledger;
pub mod logs;
pub mod sample;
mod sql;
pub mod statistics;
pub mod unit;
pub mod world;

pub use config::{CleanSection, DataSettings, InputSection, SamplesSection};
pub use context::{DataContext, RunFolders, Window, run_date};
pub use error::{DataError, Result};
pub use files::DataFiles;
