//! The table of routes, and what each does with a request.
//!
//! A request takes one `Arc<Retriever>` when it is admitted and uses it to its end, so user tower, item vectors and
//! channels of an answer are always those of one bundle.

use crate::http::identify::{HEADER, RequestIds};
use crate::http::problem::{Problem, pointer_part};
use crate::wire::{RecallRequest, RecallResponse};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::json;
use std::sync::Arc;
use twinspire_core::CoreError;
use twinspire_retrieval::{Answer, RetrievalError, Retriever};

/// One row of the table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path.
    pub path: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// All routes.
pub const ROUTES: [Route; 3] = [
    Route { method: "POST", path: "/v1/recall", about: "at most 1000 candidates for a user or for features" },
    Route { method: "GET", path: "/livez", about: "200 while the process answers" },
    Route { method: "GET", path: "/readyz", about: "200 with the bundle id once requests can be answered" },
];

/// What all requests share.
pub(crate) struct Shared {
    pub retriever: Arc<Retriever>,
    pub ids: RequestIds,
    pub max_body_bytes: usize,
}

/// Id of a request, from its arrival to the header of its answer.
#[derive(Debug, Clone)]
struct RequestId(String);

/// The router over [`ROUTES`]; everything else is 404 or 405.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let [recall_route, live_route, ready_route] = ROUTES.map(|route| route.path);
    Router::new()
        .route(recall_route, post(recall))
        .route(live_route, get(|| async { Json(json!({ "status": "live" })) }))
        .route(ready_route, get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(shared.max_body_bytes))
        .layer(from_fn_with_state(shared.clone(), identify))
        .with_state(shared)
}

/// Every answer carries the id of its request in a header.
async fn identify(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let id = shared.ids.of(request.headers());
    let header_value = HeaderValue::from_str(&id);
    request.extensions_mut().insert(RequestId(id));
    let mut response = next.run(request).await;
    if let Ok(value) = header_value {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    Json(json!({ "status": "ready", "reasons": [], "bundle_id": shared.retriever.bundle().id() })).into_response()
}

async fn not_found(Extension(RequestId(id)): Extension<RequestId>) -> Problem {
    let paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    let title = format!("there is no such route; the routes are {}", paths.join(", "));
    Problem::new(StatusCode::NOT_FOUND, "no-route", title).of(id)
}

async fn method_not_allowed(Extension(RequestId(id)): Extension<RequestId>) -> Problem {
    let title = "this route has another method; the header `allow` names it";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", title).of(id)
}

async fn recall(
    State(shared): State<Arc<Shared>>,
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
) -> Result<Json<RecallResponse>, Problem> {
    match admit_and_answer(&shared, &id, request).await {
        Ok(answer) => Ok(Json(RecallResponse { request_id: id, answer })),
        Err(problem) => Err(problem.of(id)),
    }
}

async fn admit_and_answer(shared: &Shared, request_id: &str, request: Request) -> Result<Answer, Problem> {
    let retriever = shared.retriever.clone();
    check_content_type(request.headers())?;
    let body = read_body(request, shared.max_body_bytes).await?;
    let query = RecallRequest::parse(&body)?.into_query();
    let answering = tokio::task::spawn_blocking(move || retriever.retrieve(&query));
    let answer = answering.await.map_err(|panic| failed(request_id, &panic))?;
    answer.map_err(|error| refused(request_id, &error))
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let title = "the body must be sent with content-type: application/json";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-type", title))
}

async fn read_body(request: Request, limit: usize) -> Result<Bytes, Problem> {
    Bytes::from_request(request, &()).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let title = format!("the body has more than {limit} bytes");
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", title);
        }
        Problem::new(StatusCode::BAD_REQUEST, "cut-body", "the body ended too early")
    })
}

/// A refusal of the retriever: a value of the client is 422, anything else a fault of ours.
fn refused(request_id: &str, error: &RetrievalError) -> Problem {
    match error {
        RetrievalError::Core(CoreError::Invalid { field, reason }) => {
            Problem::value(pointer(field), reason.clone(), error.hint())
        }
        RetrievalError::NoQueries { .. }
        | RetrievalError::Recall { .. }
        | RetrievalError::Unsuitable { .. }
        | RetrievalError::NoChannel { .. }
        | RetrievalError::Core(_) => failed(request_id, error),
    }
}

/// `features.city` as `/features/city`. What follows the first dot is one name, whatever is in it.
fn pointer(field: &str) -> String {
    field.splitn(2, '.').map(pointer_part).collect()
}

fn failed(request_id: &str, error: &dyn std::fmt::Display) -> Problem {
    eprintln!("request {request_id} failed: {error}");
    Problem::internal()
}
