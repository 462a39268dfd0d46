//! Arguments of the commands about vectors from elsewhere.

use super::query::parse_filter;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use twinspire_core::attribute::Filter;
use twinspire_retrieval::config::IndexKind;

/// Of `twinspire index`.
#[derive(Debug, Subcommand)]
pub enum IndexCommand {
    /// Build an index over vectors of any origin and measure what it finds
    Build(IndexBuildArguments),
    /// Find the nearest items of query vectors in an index
    Search(IndexSearchArguments),
    /// Add, replace and delete items of an index
    Update(IndexUpdateArguments),
}

/// Of `twinspire index build`.
#[derive(Debug, Args)]
pub struct IndexBuildArguments {
    /// Item vectors: text (`id<TAB>v1,v2,...`), .npy or .parquet
    #[arg(long, value_name = "FILE")]
    pub vectors: PathBuf,
    /// Ids of a .npy file, one a line; by default the row numbers
    #[arg(long, value_name = "FILE")]
    pub ids: Option<PathBuf>,
    /// Query vectors like those to come, to fit the index to; by default they are made from items
    #[arg(long, value_name = "FILE")]
    pub queries: Option<PathBuf>,
    /// Attributes of items to filter by, one JSON object a line: `{"id": "a", "city": "Wien", "tags": ["x", "y"]}`
    #[arg(long, value_name = "FILE")]
    pub attributes: Option<PathBuf>,
    /// How the index is made
    #[command(flatten)]
    pub form: IndexForm,
    /// The index
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// How an index is made.
#[derive(Debug, Args)]
pub struct IndexForm {
    /// How items are found: `auto`, `exact` or `ivf`
    #[arg(long, value_name = "KIND", default_value = "auto", value_parser = parse_kind)]
    pub kind: IndexKind,
    /// Share of the exact best items that a list must hold on average, 0.5 to 1.0
    #[arg(long, value_name = "SHARE", default_value_t = 0.98)]
    pub recall_target: f64,
    /// Length of the lists that the recall is about, 1 to 1000
    #[arg(short, value_name = "K", default_value_t = 500)]
    pub k: usize,
}

/// Of `twinspire index update`.
#[derive(Debug, Args)]
pub struct IndexUpdateArguments {
    /// The index, which must have ids
    #[arg(long, value_name = "FILE")]
    pub index: PathBuf,
    /// Changes, one a line: `{"upsert": {"id": "a", "vector": [0.6, 0.8], "attributes": {"city": "Wien"}}}` or `{"delete": "a"}`
    #[arg(long, value_name = "FILE")]
    pub changes: PathBuf,
    /// How the index is made from then on
    #[command(flatten)]
    pub form: IndexForm,
    /// The new index; by default it takes the place of the old one
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Of `twinspire index search`.
#[derive(Debug, Args)]
pub struct IndexSearchArguments {
    /// The index
    #[arg(long, value_name = "FILE")]
    pub index: PathBuf,
    /// Query vectors: text (`id<TAB>v1,v2,...`), .npy or .parquet
    #[arg(long, value_name = "FILE")]
    pub queries: PathBuf,
    /// Items for each query
    #[arg(short, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub k: u64,
    /// Vectors of one query: as many rows in turn are interests of one user, and an item counts by its best one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub interests: u64,
    /// What found items must be, as in `{"eq": {"city": "Wien"}}`; docs/concepts/filters.md has the language
    #[arg(long, value_name = "JSON", value_parser = parse_filter)]
    pub filter: Option<Filter>,
}

/// Of `twinspire bench index`.
#[derive(Debug, Args)]
pub struct BenchIndexArguments {
    /// Item vectors; by default vectors are made
    #[arg(long, value_name = "FILE", requires = "queries")]
    pub vectors: Option<PathBuf>,
    /// Query vectors: the first are measured, the index is fitted to the others
    #[arg(long, value_name = "FILE", requires = "vectors")]
    pub queries: Option<PathBuf>,
    /// Items that are made
    #[arg(short, long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..=20_000_000))]
    pub n: u64,
    /// Length of the vectors that are made
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u64).range(2..=2048))]
    pub dim: u64,
    /// Lengths of the lists
    #[arg(short, value_name = "K", value_delimiter = ',', default_value = "100,500")]
    pub k: Vec<usize>,
    /// Recalls that cells are fitted to
    #[arg(long, value_name = "SHARE", value_delimiter = ',', default_value = "0.95,0.98")]
    pub recall_target: Vec<f64>,
    /// Queries that are measured
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub query_count: u64,
}

fn parse_kind(text: &str) -> Result<IndexKind, String> {
    match text {
        "auto" => Ok(IndexKind::Auto),
        "exact" => Ok(IndexKind::Exact),
        "ivf" => Ok(IndexKind::Ivf),
        _ => Err("expected `auto`, `exact` or `ivf`".into()),
    }
}
