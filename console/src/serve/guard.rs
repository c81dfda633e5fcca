//! The gate: what is checked before any handler sees a request, and what every answer carries.
//!
//! A browser sends requests for any page that its user has open, so being on loopback is no protection by itself:
//! - **Host** has to be a name of ours. A page whose name suddenly leads to 127.0.0.1 (DNS rebinding) says its own name.
//! - **Origin**, and Sec-Fetch-Site where a browser sends it, have to be ours wherever something changes.
//! - **Token**: a form or script that changes something sends back what only our own pages could tell it.
//! - **Session**: with a token file, whoever has not shown the token sees nothing but the login.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::BODY_MAX;
use super::app::{App, same_secret};
use super::failed::refusal;
use super::params::Params;

/// No script, style or frame but our own files; no markup by scripts; forms go nowhere else.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                   trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not no-referrer: browsers then send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Refuses, or lets the request through; either way the answer gets its headers.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => *refused,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn admit(app: &App, request: Request) -> Result<Request, Box<Response>> {
    let uri = request.uri().clone();
    let refuse = |status, words: &str| Err(Box::new(refusal(&uri, status, words)));
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| app.is_host(host)) {
        return refuse(
            StatusCode::FORBIDDEN,
            "this page is not reached by that name; start qadmin serve with --allow-host to allow it",
        );
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes && !is_from_here(app, request.headers()) {
        return refuse(StatusCode::FORBIDDEN, "the request comes from another page");
    }
    let path = uri.path();
    if !app.is_known(request.headers()) && path != "/login" && !path.starts_with("/assets/") {
        if path.starts_with("/api/") {
            return refuse(StatusCode::UNAUTHORIZED, "log in first");
        }
        return Err(Box::new(Redirect::to(&login_for(&uri, changes)).into_response()));
    }
    if !changes {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large");
    };
    if path == "/login" {
        // Nobody is logged in yet whose right another page could use.
        return Ok(Request::from_parts(parts, Body::from(body)));
    }
    let sent = parts.headers.get("x-csrf-token").map(|token| token.as_bytes().to_vec());
    let sent = sent.or_else(|| Params::new(&body).bytes("csrf"));
    if !sent.is_some_and(|sent| same_secret(&sent, app.csrf().as_bytes())) {
        return refuse(
            StatusCode::FORBIDDEN,
            "the form is of an earlier run of qadmin serve, or of another page: load it anew and send it again",
        );
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// The login, which leads back to where somebody wanted to look.
fn login_for(uri: &Uri, changes: bool) -> String {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    if changes || back == "/" {
        "/login".to_owned()
    } else {
        format!("/login?back={}", super::params::encode(back.as_bytes()))
    }
}

/// Whether a browser says that one of our own pages sends this. Programs that are no browsers say nothing.
fn is_from_here(app: &App, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    let own = |origin: &str| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|host| app.is_host(host))
    };
    site.is_none_or(|site| matches!(site, b"same-origin" | b"none")) && origin.is_none_or(own)
}
