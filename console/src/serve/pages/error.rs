//! What a page says when something does not work.

use axum::response::{Html, IntoResponse as _, Response};
use maud::html;

use super::layout::{self, Frame};
use crate::failure::Failure;
use crate::serve::status::status;

/// A failure of a page.
pub(super) fn page(failure: &Failure) -> Response {
    (status(failure), self::failure(&failure.words)).into_response()
}

/// A page that says what did not work.
pub(crate) fn failure(words: &str) -> Html<String> {
    failure_of(words, None)
}

/// The same with a way back to the preview.
pub(super) fn failure_of(words: &str, back: Option<&str>) -> Html<String> {
    failure_to(words, back.map(|back| (back, "Back to the preview")))
}

/// The same with a way back that has a name.
pub(super) fn failure_to(words: &str, back: Option<(&str, &str)>) -> Html<String> {
    let body = html! {
        h1 { "That did not work" }
        @for line in words.lines() { p.error { (line) } }
        p {
            @if let Some((back, name)) = back { a href=(back) { (name) } " " }
            a href="/" { "Queues" }
        }
    };
    Html(layout::page("That did not work", &Frame::default(), &body).into_string())
}
