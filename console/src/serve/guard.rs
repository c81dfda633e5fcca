//! The checks before any handler sees a request, and the headers of every response.
//!
//! A browser sends requests for any page that its user has open, so listening on loopback is not enough protection:
//! - **Host** must be one of the allowed names. A page whose name is rebound to 127.0.0.1 (DNS rebinding) sends its own
//!   name.
//! - **Origin**, and Sec-Fetch-Site if the browser sends it, must be ours for every request that changes something.
//! - **Sec-Fetch-Site**, or otherwise Origin or Referer, must be ours for requests that only show something, too, because
//!   a count takes time of a production server. Another page can only link here; then nothing is counted until the user
//!   asks for it (`pages/arrival.rs`).
//! - **Token**: a form or script that changes something sends a token that only our own pages contain.
//! - **Session**: with a token file, a browser that is not logged in sees only the login. A program that reads /metrics
//!   sends the token itself. /healthz is for probes, which name addresses and have no token, and says nothing.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use tokio::time::timeout;

use super::app::App;
use super::connections::{Connection, READ};
use super::pages::arrival;
use super::params::Params;
use super::responses::refusal;
use super::session::Verdict;
use super::session::same_secret;
use super::{health, metrics};

/// Maximum bytes of a request's body; forms are small.
const BODY_MAX: usize = 64 * 1024;

/// Only our own files are scripts and styles, scripts cannot create markup, and forms can be sent to us only.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                   trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // With no-referrer, browsers would send `Origin: null` with our own forms.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Refuses the request or passes it to its handler, and adds the headers to the response.
pub(crate) async fn check(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&app, request).await {
        Ok(request) => {
            let connection = request.extensions().get::<Arc<Connection>>().cloned();
            // From here on the connection is not closed for a new one.
            let _answering = connection.as_ref().map(Connection::answer);
            next.run(request).await
        }
        Err(answer) => *answer,
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
    let path = uri.path();
    if path != health::PATH && !host.is_some_and(|host| app.is_host(host)) {
        return refuse(
            StatusCode::FORBIDDEN,
            "host name not allowed; start qadmin serve with --allow-host to allow it",
        );
    }
    let changes = request.method() != Method::GET && request.method() != Method::HEAD;
    if changes && !is_from_here(app, request.headers()) {
        return refuse(StatusCode::FORBIDDEN, "the request comes from another page");
    }
    let elsewhere = !changes && is_from_elsewhere(app, path, request.headers());
    if elsewhere && !is_navigation(path, request.headers()) {
        return refuse(StatusCode::FORBIDDEN, "the request comes from another page");
    }
    if path == metrics::PATH && !app.is_known(request.headers()) {
        return bearer(app, &uri, request);
    }
    let is_open = path == "/login" || path == health::PATH || path.starts_with("/assets/");
    if !is_open && !app.is_known(request.headers()) {
        if path.starts_with("/api/") {
            return refuse(StatusCode::UNAUTHORIZED, "log in first");
        }
        return Err(Box::new(Redirect::to(&login_for(&uri, changes)).into_response()));
    }
    if elsewhere && arrival::counts(path) {
        return Err(Box::new(arrival::page(app, &uri).into_response()));
    }
    if !changes {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let body = match timeout(READ, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "the request was not complete in time"),
    };
    if path == "/login" {
        // Nobody is logged in yet, so another page cannot use a session.
        return Ok(Request::from_parts(parts, Body::from(body)));
    }
    let sent = parts.headers.get("x-csrf-token").map(|token| token.as_bytes().to_vec());
    let sent = sent.or_else(|| Params::new(&body).bytes("csrf"));
    if !sent.is_some_and(|sent| same_secret(&sent, app.csrf().as_bytes())) {
        return refuse(StatusCode::FORBIDDEN, "the form has expired: reload the page and send it again");
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// Lets a program that sends the token of the login read one page. Wrong tokens are counted apart from those of the login,
/// so that nobody can lock users out here.
fn bearer(app: &App, uri: &Uri, request: Request) -> Result<Request, Box<Response>> {
    let given = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = given.and_then(|value| {
        let (scheme, token) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
    });
    let answer = app.login.as_ref().zip(token).map(|(login, token)| login.try_bearer(token));
    let (status, words) = match answer {
        Some(Verdict::Right) => return Ok(request),
        Some(Verdict::TooMany) => {
            (StatusCode::TOO_MANY_REQUESTS, "too many wrong tokens; try again in a minute")
        }
        _ => (StatusCode::UNAUTHORIZED, "send the token: Authorization: Bearer TOKEN"),
    };
    let mut response = refusal(uri, status, words);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    Err(Box::new(response))
}

/// The URL of the login, which leads back to the requested page.
fn login_for(uri: &Uri, changes: bool) -> String {
    let back = uri.path_and_query().map_or("/", |path| path.as_str());
    if changes || back == "/" {
        "/login".to_owned()
    } else {
        format!("/login?back={}", super::params::encode(back.as_bytes()))
    }
}

/// Whether one of our own pages sends the request, according to the browser. Programs other than browsers send no such
/// headers and are accepted.
fn is_from_here(app: &App, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    site.is_none_or(|site| matches!(site, b"same-origin" | b"none"))
        && origin.is_none_or(|origin| is_own(app, origin))
}

/// Whether an origin, or the URL of a page, is one of ours.
fn is_own(app: &App, address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    rest.and_then(|rest| rest.split('/').next()).is_some_and(|host| app.is_host(host))
}

/// Whether a request that changes nothing comes from another page: from an image, a script or a link there. Browsers say
/// so in Sec-Fetch-Site. Older browsers, and browsers on an origin that is not trustworthy, do not send it; they name the
/// page in Origin or Referer. If a browser sends none of them, another page has suppressed them or the user typed the
/// URL; users do not type URLs of /api.
fn is_from_elsewhere(app: &App, path: &str, headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    if let Some(site) = headers.get("sec-fetch-site") {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    if let Some(page) = text(header::ORIGIN).or_else(|| text(header::REFERER)) {
        return !is_own(app, page);
    }
    let browser = text(header::USER_AGENT).is_some_and(|agent| agent.starts_with("Mozilla/"));
    browser && !is_navigation(path, headers)
}

/// Whether the browser navigates to the page and does not only fetch it for another page.
fn is_navigation(path: &str, headers: &HeaderMap) -> bool {
    // What programs and scripts fetch.
    let is_fetched = path.starts_with("/api/") || path.starts_with("/assets/");
    if is_fetched || [metrics::PATH, health::PATH, "/audit.csv"].contains(&path) {
        return false;
    }
    let is = |name: &str, value: &[u8]| headers.get(name).map(|given| given.as_bytes() == value);
    let html = || {
        let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
        accepts.is_some_and(|accepts| accepts.contains("text/html"))
    };
    match (is("sec-fetch-mode", b"navigate"), is("sec-fetch-dest", b"document")) {
        (None, None) => html(),
        (mode, dest) => mode == Some(true) && dest == Some(true),
    }
}
