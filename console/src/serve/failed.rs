//! Answers when something does not work: JSON under /api, a page elsewhere; with a status that says whose fault it is.

use std::any::Any;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tower_http::catch_panic::ResponseForPanic;

use super::pages;
use crate::failure::{Exit, Failure};

/// The status of a failure.
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

/// JSON with a status.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// A failure under /api.
pub(crate) fn api(failure: &Failure) -> Response {
    json(status(failure), &json!({ "error": failure.words }))
}

/// A failure of a page.
pub(crate) fn page(failure: &Failure) -> Response {
    (status(failure), pages::failure(&failure.words)).into_response()
}

/// A request that is refused before or instead of a handler.
pub(crate) fn refusal(uri: &Uri, status: StatusCode, words: &str) -> Response {
    if uri.path().starts_with("/api/") {
        json(status, &json!({ "error": words }))
    } else {
        (status, pages::failure(words)).into_response()
    }
}

pub(crate) async fn unknown(uri: Uri) -> Response {
    refusal(&uri, StatusCode::NOT_FOUND, "there is no such page")
}

pub(crate) async fn method(uri: Uri) -> Response {
    refusal(&uri, StatusCode::METHOD_NOT_ALLOWED, "that cannot be done with this page")
}

/// A handler panicked; the details stand on standard error.
#[derive(Clone, Copy)]
pub(crate) struct Panicked;

impl ResponseForPanic for Panicked {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send>) -> axum::http::Response<Body> {
        json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "error": "an internal fault: the details are on the program's standard error" }),
        )
    }
}
