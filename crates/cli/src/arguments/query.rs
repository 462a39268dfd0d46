//! Arguments of the commands that answer queries.

use clap::Args;
use twinspire_core::attribute::Filter;
use twinspire_core::encode::RawFeatures;

/// Of `twinspire recall`.
#[derive(Debug, Args)]
pub struct RecallArguments {
    /// User whose stored history and features are looked up
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    /// Raw features as a JSON object, as in `{"city": "Wien", "age": 31}`; they win over stored ones
    #[arg(long, value_name = "JSON", value_parser = parse_features)]
    pub features: Option<RawFeatures>,
    /// Item ids, oldest first, with commas between them; replaces the stored history, an empty list too
    #[arg(long, value_name = "ITEMS", value_delimiter = ',', num_args = 0..=1)]
    pub history: Option<Vec<String>>,
    /// When those items were chosen: seconds since 1970 UTC, one an item, with commas between them
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', requires = "history")]
    pub history_times: Option<Vec<f64>>,
    /// Number of candidates, 1 to 1000
    #[arg(short, value_name = "K", default_value_t = 10)]
    pub k: usize,
    /// Names of the channels to ask, with commas between them; by default all
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub channels: Vec<String>,
    /// Item ids that must not come back, with commas between them
    #[arg(long, value_name = "ITEMS", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// What candidates must be, as in `{"eq": {"city": "Wien"}}`; docs/concepts/filters.md has the language
    #[arg(long, value_name = "JSON", value_parser = parse_filter)]
    pub filter: Option<Filter>,
}

/// Of `twinspire serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Loopback address and port; overrides `serve.listen`. Port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

fn parse_features(text: &str) -> Result<RawFeatures, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object of features: {error}"))
}

/// A filter as JSON.
pub(super) fn parse_filter(text: &str) -> Result<Filter, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a filter: {error}"))
}
