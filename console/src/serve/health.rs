//! GET /healthz: whether the program is up and reaches the server, for the machinery that restarts it or takes it out
//! of a load balancer. It needs no login and says nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use super::app::App;
use super::fresh::Lives;

/// The path, which the guard exempts from the login and from the check of the host: probes name addresses.
pub(crate) const PATH: &str = "/healthz";

/// How long an answer is used again: so often anyone can make the program send one PING.
const LIVES: Lives = Lives { answer: Duration::from_secs(1), failure: Duration::from_secs(1) };
/// Maximum time for an answer. Probes wait no longer by default, and a server that takes longer serves nobody well.
const PATIENCE: Duration = Duration::from_secs(2);

/// GET /healthz
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response {
    let asking = Arc::clone(&app);
    let reached = app.reached.get(LIVES, async move { asking.ask(crate::client::Client::reach).await });
    let answer = timeout(PATIENCE, reached).await;
    let (status, words) = match answer {
        Ok(answer) if answer.is_ok() => (StatusCode::OK, "ok\n"),
        Ok(_) => (StatusCode::SERVICE_UNAVAILABLE, "the server cannot be reached\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the server does not answer in time\n"),
    };
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}
