//! Responses when no handler runs: JSON under /api, and a page elsewhere.

use std::any::Any;

use axum::body::Body;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tower_http::catch_panic::ResponseForPanic;

use super::pages::error::failure;
use super::status::json;

/// The response to a request that is refused before a handler runs.
pub(crate) fn refusal(uri: &Uri, status: StatusCode, words: &str) -> Response {
    if uri.path().starts_with("/api/") {
        json(status, &json!({ "error": words }))
    } else {
        (status, failure(words)).into_response()
    }
}

pub(crate) async fn unknown(uri: Uri) -> Response {
    refusal(&uri, StatusCode::NOT_FOUND, "there is no such page")
}

pub(crate) async fn method(uri: Uri) -> Response {
    refusal(&uri, StatusCode::METHOD_NOT_ALLOWED, "this page does not support that method")
}

/// The response when a handler panicked; the details are on standard error.
#[derive(Clone, Copy)]
pub(crate) struct Panicked;

impl ResponseForPanic for Panicked {
    type ResponseBody = Body;

    fn response_for_panic(&mut self, _: Box<dyn Any + Send>) -> axum::http::Response<Body> {
        json(
            StatusCode::INTERNAL_SERVER_ERROR,
            &json!({ "error": "an internal error occurred: the details are on the program's standard error" }),
        )
    }
}
