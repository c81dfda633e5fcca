//! HTTP status codes, and responses in JSON.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::failure::{Exit, Failure};

/// The HTTP status code for a failure.
pub(crate) fn status(failure: &Failure) -> StatusCode {
    match failure.exit {
        Exit::NoRight => StatusCode::FORBIDDEN,
        Exit::NoJob => StatusCode::NOT_FOUND,
        Exit::Replica => StatusCode::CONFLICT,
        Exit::Unreachable | Exit::NoModule => StatusCode::BAD_GATEWAY,
        _ => match failure.code.as_deref() {
            Some("ERR" | "CONFIRM" | "WRONGTYPE") => StatusCode::BAD_REQUEST,
            Some(_) => StatusCode::SERVICE_UNAVAILABLE,
            None if failure.exit == Exit::Usage || failure.exit == Exit::Unconfirmed => {
                StatusCode::BAD_REQUEST
            }
            None => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

/// A response in JSON with a status code.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The response for a failure under /api.
pub(crate) fn api(failure: &Failure) -> Response {
    json(status(failure), &json!({ "error": failure.words }))
}
