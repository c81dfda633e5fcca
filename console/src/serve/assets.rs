//! The files that pages load. They are part of the program.

use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};

use super::responses::refusal;

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Name, type and content of each file.
const FILES: [(&str, &str, &str); 10] = [
    ("actions.js", SCRIPT, include_str!("assets/actions.js")),
    ("app.js", SCRIPT, include_str!("assets/app.js")),
    ("filter.js", SCRIPT, include_str!("assets/filter.js")),
    ("job.js", SCRIPT, include_str!("assets/job.js")),
    ("live.js", SCRIPT, include_str!("assets/live.js")),
    ("preview.js", SCRIPT, include_str!("assets/preview.js")),
    ("queue.js", SCRIPT, include_str!("assets/queue.js")),
    ("text.js", SCRIPT, include_str!("assets/text.js")),
    ("style.css", STYLE, include_str!("assets/style.css")),
    ("favicon.svg", "image/svg+xml", include_str!("assets/favicon.svg")),
];

/// GET /assets/{name}
pub(crate) async fn file(uri: Uri, Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, kind, content)) => ([(CONTENT_TYPE, *kind)], *content).into_response(),
        None => refusal(&uri, StatusCode::NOT_FOUND, "there is no such file"),
    }
}
