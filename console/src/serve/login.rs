//! Login with the token, for pages that are reachable from the network.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::app::App;
use super::ask::query;
use super::pages;
use super::params::Params;
use super::responses::refusal;
use super::session::{Answer, cookie, is_own_path, no_cookie};

/// GET /login
pub(crate) async fn show(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let back = query(&uri).text("back").filter(|back| is_own_path(back)).unwrap_or_else(|| "/".to_owned());
    if app.login.is_none() {
        Redirect::to("/").into_response()
    } else {
        pages::login::form(None, &back).into_response()
    }
}

/// POST /login
pub(crate) async fn log_in(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let form = Params::new(&body);
    let back = form.text("back").filter(|back| is_own_path(back)).unwrap_or_else(|| "/".to_owned());
    let Some(login) = &app.login else { return Redirect::to("/").into_response() };
    match login.try_token(&form.bytes("token").unwrap_or_default()) {
        Answer::Session(session) => {
            ([(header::SET_COOKIE, cookie(&session))], Redirect::to(&back)).into_response()
        }
        Answer::Wrong => {
            (StatusCode::FORBIDDEN, pages::login::form(Some("That is not the token."), &back)).into_response()
        }
        Answer::TooMany => {
            refusal(&uri, StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; try again in a minute")
        }
    }
}

/// POST /logout
pub(crate) async fn log_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(login) = &app.login {
        login.forget(&headers);
    }
    ([(header::SET_COOKIE, no_cookie())], Redirect::to("/")).into_response()
}
