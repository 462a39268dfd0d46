//! Bodies of requests and answers. A request is refused before any work when a field is unknown or of another type.

use crate::http::problem::{Problem, pointer_part};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use twinspire_core::attribute::Filter;
use twinspire_core::clock::micros_of_seconds;
use twinspire_core::encode::RawFeatures;
use twinspire_core::query::Query;
use twinspire_retrieval::Answer;

/// Most item ids that a request may send as history or to exclude.
const MOST_IDS: usize = 1_000;
const FIELDS: &str = "the fields are user, features, history, history_times, k, exclude, channels, filter";

/// Body of `POST /v1/recall`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallRequest {
    /// User key; her history and features are looked up in the bundle.
    #[serde(default)]
    pub user: Option<String>,
    /// Raw features by name; they win over what is stored for the user.
    #[serde(default)]
    pub features: RawFeatures,
    /// Item ids, oldest first; replaces the stored history.
    #[serde(default)]
    pub history: Option<Vec<String>>,
    /// When those items were chosen: seconds since 1970 UTC, one an item, never falling; needed where a feature looks at a
    /// window of time.
    #[serde(default)]
    pub history_times: Option<Vec<f64>>,
    /// How many candidates are wanted; 1 to 1000, 10 by default.
    #[serde(default = "ten")]
    pub k: usize,
    /// Item ids that must not come back.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Names of the channels to ask; all by default.
    #[serde(default)]
    pub channels: Vec<String>,
    /// What candidates must be, by the attributes that the config declares.
    #[serde(default)]
    pub filter: Option<Filter>,
}

fn ten() -> usize {
    10
}

/// Body of the answer to `POST /v1/recall`.
#[derive(Debug, Serialize)]
pub struct RecallResponse {
    /// Id of the request; log it with impressions and clicks.
    pub request_id: String,
    /// Candidates and how they were found.
    #[serde(flatten)]
    pub answer: Answer,
}

impl RecallRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 when it is not JSON, 422 with a pointer for an unknown field, a wrong type, or too many ids.
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        // Serde would take an array for the fields in their order.
        if body.trim_ascii_start().starts_with(b"[") {
            return Err(Problem::value(String::new(), "expected an object, found an array".into(), FIELDS.into()));
        }
        let mut json = serde_json::Deserializer::from_slice(body);
        let request: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| refused(&error))?;
        json.end().map_err(|error| Problem::syntax(error.to_string()))?;
        request.check_lengths()?;
        Ok(request)
    }

    fn check_lengths(&self) -> Result<(), Problem> {
        let history = self.history.as_ref().map_or(0, Vec::len);
        let times = self.history_times.as_ref().map_or(0, Vec::len);
        for (field, length) in [("history", history), ("history_times", times), ("exclude", self.exclude.len())] {
            if length > MOST_IDS {
                let message = format!("expected at most {MOST_IDS} entries, found {length}");
                return Err(Problem::value(format!("/{field}"), message, format!("leave out all but {MOST_IDS}")));
            }
        }
        Ok(())
    }

    /// The same request as the retriever takes it.
    pub fn into_query(self) -> Query {
        let Self { user, features, history, history_times, k, exclude, channels, filter } = self;
        let history_times = history_times.map(|times| times.into_iter().map(micros_of_seconds).collect());
        Query { user, features, history, history_times, exclude, k, channels, filter }
    }
}

fn refused(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    match error.inner().classify() {
        Category::Data => Problem::value(pointer(error.path()), message, FIELDS.into()),
        Category::Syntax | Category::Eof | Category::Io => Problem::syntax(message),
    }
}

/// `history[3]` as `/history/3`; the document itself is the empty pointer.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let part = |segment: &Segment| match segment {
        Segment::Seq { index } => pointer_part(&index.to_string()),
        Segment::Map { key: name } | Segment::Enum { variant: name } => pointer_part(name),
        Segment::Unknown => pointer_part("?"),
    };
    path.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(body: &str) -> (u16, String) {
        let problem = RecallRequest::parse(body.as_bytes()).unwrap_err();
        (problem.status, problem.errors[0].pointer.clone())
    }

    #[test]
    fn a_request_has_defaults_and_becomes_a_query() {
        let request = RecallRequest::parse(br#"{"user": "u", "features": {"hour": 3}, "exclude": ["i"]}"#).unwrap();
        let query = request.into_query();
        assert_eq!((query.user.as_deref(), query.k, query.exclude.len()), (Some("u"), 10, 1));
        assert!(query.history.is_none() && query.features.contains_key("hour"));
    }

    #[test]
    fn times_of_a_history_are_seconds() {
        let body = br#"{"history": ["a", "b"], "history_times": [1.5, 1794800000]}"#;
        let query = RecallRequest::parse(body).unwrap().into_query();
        assert_eq!(query.history_times, Some(vec![1_500_000, 1_794_800_000_000_000]));
    }

    #[test]
    fn a_refusal_points_at_the_place() {
        assert_eq!(refusal("{"), (400, String::new()));
        assert_eq!(refusal("{} {}"), (400, String::new()));
        assert_eq!(refusal("\u{0}"), (400, String::new()));
        assert_eq!(refusal(r#"{"user": 3}"#), (422, "/user".into()));
        assert_eq!(refusal(r#"{"k": -1}"#), (422, "/k".into()));
        assert_eq!(refusal(r#"{"k": 9223372036854775808999}"#), (422, "/k".into()));
        assert_eq!(refusal(r#"{"history": ["a", 4]}"#), (422, "/history/1".into()));
        assert_eq!(refusal(r#"{"features": {"a/b": {}}}"#), (422, "/features/a~1b".into()));
        assert_eq!(refusal(r#"{"usr": "u"}"#), (422, "/usr".into()));
        assert_eq!(refusal(r#"{"filter": {"equals": {}}}"#), (422, "/filter".into()));
        assert_eq!(refusal(r#"{"filter": {"not": {"in": {"a": [[]]}}}}"#).1, "/filter/not/in/a/0");
        assert_eq!(refusal(r#"{"user": "u", "user": "v"}"#).0, 422);
        assert_eq!(refusal(" []"), (422, String::new()));
        assert_eq!(refusal(r#"["u"]"#), (422, String::new()));
    }

    #[test]
    fn too_many_ids_are_refused() {
        let ids = vec!["\"i\""; MOST_IDS + 1].join(",");
        assert_eq!(refusal(&format!(r#"{{"history": [{ids}]}}"#)), (422, "/history".into()));
        assert_eq!(refusal(&format!(r#"{{"exclude": [{ids}]}}"#)), (422, "/exclude".into()));
    }
}
