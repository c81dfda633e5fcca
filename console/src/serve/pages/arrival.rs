//! The page to which a link on another page leads: it shows the target of the link and sends nothing to Redis.
//!
//! Any page can link here. A count takes time of the server, so it begins when the user asks for it on one of our pages.

use axum::http::Uri;
use axum::response::Html;
use maud::html;

use super::layout::{self, Frame};
use super::preview::form;
use crate::serve::app::App;
use crate::serve::ask::query;
use crate::serve::params::Target;
use crate::text::escape;

/// Pages that make the server scan messages or keys when they are loaded.
const COUNTING: [&str; 4] = ["/", "/queue", "/preview", "/stats"];

/// Whether the page makes the server count when it is loaded.
pub(crate) fn counts(path: &str) -> bool {
    COUNTING.contains(&path)
}

/// The page that is shown instead until the user asks for the count.
pub(crate) fn page(app: &App, uri: &Uri) -> Html<String> {
    let target = Target::new(&query(uri));
    let here = uri.path_and_query().map_or("/", |path| path.as_str());
    let (title, go) = if target.queue.is_empty() {
        ("Queues".to_owned(), "Show the queues")
    } else {
        (format!("Messages of {}", escape(&target.queue)), "Count the messages")
    };
    let body = html! {
        h1 { (title) }
        @if !target.queue.is_empty() { (form(&target)) }
        section.card {
            p { "You followed a link from another page, so nothing has been counted yet." }
            p { a href=(here) { (go) } }
        }
    };
    Html(layout::page(&title, &Frame::of(app), &body).into_string())
}
