//! The layout that all pages share.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::ages::Ages;
use crate::reply::Map;
use crate::serve::app::App;

/// Variable parts of the layout.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    /// The token of the log-out button; `None` if no login is required.
    log_out: Option<String>,
    /// The value of the refresh header for browsers without scripts.
    refresh: Option<String>,
}

impl Frame {
    pub(crate) fn of(app: &App) -> Self {
        Self { log_out: app.login.is_some().then(|| app.csrf().to_owned()), refresh: None }
    }

    /// The same frame for a page that a browser without scripts reloads: `seconds;url=...`.
    pub(crate) fn refreshed(&self, refresh: String) -> Self {
        Self { log_out: self.log_out.clone(), refresh: Some(refresh) }
    }
}

pub(crate) fn page(title: &str, frame: &Frame, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " - qadmin" }
                link rel="icon" href="/assets/favicon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/assets/style.css";
                @if let Some(refresh) = &frame.refresh {
                    noscript { meta http-equiv="refresh" content=(refresh); }
                }
                script src="/assets/app.js" type="module" {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header {
                    strong { "qadmin" }
                    nav {
                        a href="/" { "Queues" }
                        a href="/jobs" { "Jobs" }
                        a href="/audit" { "Audit" }
                    }
                    @if let Some(csrf) = &frame.log_out {
                        form method="post" action="/logout" {
                            input type="hidden" name="csrf" value=(csrf);
                            button { "Log out" }
                        }
                    }
                }
                main #main { (body) }
            }
        }
    }
}

/// The bar above the parts of a page that the script refreshes. It stays hidden without scripts.
pub(super) fn refreshing() -> Markup {
    html! { p.live #live hidden { button type="button" { "Pause refresh" } " " span.quiet {} } }
}

/// A description list of names and values.
pub(crate) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl { @for (name, value) in rows { dt { (name) } dd { (value) } } }
    }
}

/// What the index of a queue knows, one value after the other; nothing without an index.
pub(crate) fn waits(reply: &Map) -> Markup {
    let lines = Ages::of_reply(reply).map(|ages| ages.lines()).unwrap_or_default();
    if lines.is_empty() {
        nothing()
    } else {
        facts(&lines.iter().map(|(name, value)| (*name, text(value))).collect::<Vec<_>>())
    }
}

/// Escaped text as markup.
pub(crate) fn text(text: &str) -> Markup {
    html! { (text) }
}

/// Empty markup.
pub(crate) fn nothing() -> Markup {
    PreEscaped(String::new())
}
