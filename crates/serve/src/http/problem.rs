//! Refusals as `application/problem+json` (RFC 9457), one shape for all routes.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What is wrong with one place of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) into the body; empty: the whole body.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// A refusal. It says nothing of the inside of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable name of the kind of refusal.
    pub code: &'static str,
    /// One sentence for people.
    pub title: String,
    /// Id of the request, also in the header `x-request-id`.
    pub request_id: String,
    /// The places at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl Problem {
    /// A refusal without a place; the id is set when the answer leaves.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Self {
        let (status, title) = (status.as_u16(), title.into());
        Self { status, code, title, request_id: String::new(), errors: Vec::new() }
    }

    /// 400: the body is not JSON.
    pub fn syntax(message: String) -> Self {
        let fault = Fault { pointer: String::new(), message, hint: "send one JSON object".into() };
        Self::new(StatusCode::BAD_REQUEST, "bad-syntax", "the body is not valid JSON").with(fault)
    }

    /// 422: a field is unknown, of the wrong type, or out of range.
    pub fn value(pointer: String, message: String, hint: String) -> Self {
        let title = "a value of the request is not allowed";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad-value", title).with(Fault { pointer, message, hint })
    }

    /// 500: a fault of the server; the log has the rest under the request id.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log has this request id")
    }

    /// The refusal of one request.
    pub(crate) fn of(self, request_id: String) -> Self {
        Self { request_id, ..self }
    }

    fn with(mut self, fault: Fault) -> Self {
        self.errors.push(fault);
        self
    }
}

/// One part of a JSON pointer (RFC 6901).
pub(crate) fn pointer_part(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
