//! The page to which a link on another page leads: it shows the target of the link and sends nothing to Redis.
//!
//! Any page can link here. A count takes time of the server, so it begins when the user asks for it on one of our pages.

use axum::http::Uri;
use axum::response::Html;
use maud::html;

use super::form::form;
use super::layout::{self, Frame};
use crate::serve::app::App;
use crate::serve::ask::query;
use crate::serve::params::Target;
use crate::text::escape;

/// Pages that make the server scan messages, keys, records or the audit stream when they are loaded.
const COUNTING: [&str; 7] = ["/", "/queue", "/preview", "/stats", "/message", "/jobs", "/audit"];

/// Whether the page makes the server count when it is loaded.
pub(crate) fn counts(path: &str) -> bool {
    COUNTING.contains(&path)
}

/// The page that is shown instead until the user asks for the count.
pub(crate) fn page(app: &App, uri: &Uri) -> Html<String> {
    let target = Target::new(&query(uri));
    let here = uri.path_and_query().map_or("/", |path| path.as_str());
    let name = escape(&target.queue);
    let (title, go) = match uri.path() {
        "/jobs" => ("Jobs".to_owned(), "Show the jobs"),
        "/message" => (format!("A message of {name}"), "Show the message"),
        "/audit" => ("Audit".to_owned(), "Show the audit stream"),
        _ if target.queue.is_empty() => ("Queues".to_owned(), "Show the queues"),
        _ => (format!("Messages of {name}"), "Count the messages"),
    };
    let has_form = !target.queue.is_empty() && !["/jobs", "/audit", "/message"].contains(&uri.path());
    let body = html! {
        h1 { (title) }
        @if has_form { (form(&target)) }
        section.card {
            p { "You followed a link from another page, so nothing has been asked yet." }
            p { a href=(here) { (go) } }
        }
    };
    Html(layout::page(&title, &Frame::of(app), &body).into_string())
}
