//! The login page.

use axum::response::Html;
use maud::html;

use super::layout::{self, Frame};

/// The login form; `back` is the page to which it leads.
pub(crate) fn form(error: Option<&str>, back: &str) -> Html<String> {
    let body = html! {
        h1 { "Log in" }
        @if let Some(error) = error { p.error role="alert" { (error) } }
        form.card method="post" action="/login" {
            input type="hidden" name="back" value=(back);
            label { "Token" input type="password" name="token" required autofocus autocomplete="current-password"; }
            button.primary { "Log in" }
        }
    };
    Html(layout::page("Log in", &Frame::default(), &body).into_string())
}
