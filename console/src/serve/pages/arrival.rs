//! The page that a link on another page leads to: it shows what the link is about, and asks the server nothing.
//!
//! Any page can send a browser here. A count takes the server's time, so it begins when somebody asks for it on a page
//! of ours.

use axum::http::Uri;
use axum::response::Html;
use maud::html;

use super::layout::{self, Frame};
use super::preview::form;
use crate::serve::app::App;
use crate::serve::ask::query;
use crate::serve::params::Target;
use crate::text::escape;

/// Pages whose loading makes the server walk over messages or keys.
const COUNTING: [&str; 4] = ["/", "/queue", "/preview", "/stats"];

/// Whether loading the page makes the server count.
pub(crate) fn counts(path: &str) -> bool {
    COUNTING.contains(&path)
}

/// What stands in its place until somebody asks for it here.
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
            p { "A link on another page led here, so the server has not been asked for anything yet." }
            p { a href=(here) { (go) } }
        }
    };
    Html(layout::page(&title, &Frame::of(app), &body).into_string())
}
