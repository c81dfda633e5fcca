//! Error pages.

use axum::response::{Html, IntoResponse as _, Response};
use maud::html;

use super::layout::{self, Frame};
use crate::failure::Failure;
use crate::serve::status::status;

/// The response for a failure of a page.
pub(super) fn page(failure: &Failure) -> Response {
    (status(failure), self::failure(&failure.words)).into_response()
}

/// An error page.
pub(crate) fn failure(words: &str) -> Html<String> {
    failure_of(words, None)
}

/// An error page with a link back to the preview.
pub(super) fn failure_of(words: &str, back: Option<&str>) -> Html<String> {
    failure_to(words, back.map(|back| (back, "Back to the preview")))
}

/// An error page with a named link back.
pub(super) fn failure_to(words: &str, back: Option<(&str, &str)>) -> Html<String> {
    let body = html! {
        h1 { "The request failed" }
        @for line in words.lines() { p.error { (line) } }
        p {
            @if let Some((back, name)) = back { a href=(back) { (name) } " " }
            a href="/" { "Queues" }
        }
    };
    Html(layout::page("The request failed", &Frame::default(), &body).into_string())
}
