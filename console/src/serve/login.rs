//! Logging in with the token, where the page can be reached by others.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};

use super::app::{App, same_secret, secret};
use super::failed::refusal;
use super::pages;
use super::params::Params;
use crate::failure::{Exit, Failure};
use crate::text::escape;

/// Shorter ones are guessed.
const TOKEN_MIN: usize = 16;
/// How long a browser stays logged in.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Browsers that are logged in at the same time.
const SESSIONS_MAX: usize = 256;
/// Wrong tokens, from anybody, within [`WINDOW`]. More are not looked at.
const WRONG_MAX: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
const COOKIE: &str = "qadmin_session";

/// Who may come in.
pub(crate) struct Login {
    token: Vec<u8>,
    state: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Sessions and when they began.
    sessions: HashMap<String, Instant>,
    wrong: VecDeque<Instant>,
}

enum Answer {
    Session(String),
    Wrong,
    TooMany,
}

impl Login {
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let usage = |words: String| {
            Failure::new(Exit::Usage, format!("{}: {words}", escape(path.as_os_str().as_encoded_bytes())))
        };
        let mode = fs::metadata(path).map_err(|error| usage(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(usage("others may read this token; chmod 600 it".to_owned()));
        }
        let token = fs::read(path).map_err(|error| usage(error.to_string()))?.trim_ascii().to_vec();
        if token.len() < TOKEN_MIN {
            return Err(usage(format!("a token has {TOKEN_MIN} characters or more")));
        }
        Ok(Self { token, state: Mutex::default() })
    }

    /// Whether the request comes from a browser that is logged in.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        let Some(session) = session(headers) else { return false };
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .sessions
            .iter()
            .any(|(known, begin)| begin.elapsed() < LIFE && same_secret(known.as_bytes(), session.as_bytes()))
    }

    fn try_token(&self, token: &[u8]) -> Answer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.wrong.front().is_some_and(|at| at.elapsed() > WINDOW) {
            state.wrong.pop_front();
        }
        if state.wrong.len() >= WRONG_MAX {
            return Answer::TooMany;
        }
        if !same_secret(token.trim_ascii(), &self.token) {
            state.wrong.push_back(Instant::now());
            return Answer::Wrong;
        }
        state.sessions.retain(|_, begin| begin.elapsed() < LIFE);
        if state.sessions.len() >= SESSIONS_MAX {
            let oldest = state.sessions.iter().min_by_key(|(_, begin)| **begin).map(|(name, _)| name.clone());
            state.sessions.remove(&oldest.unwrap_or_default());
        }
        let session = secret();
        state.sessions.insert(session.clone(), Instant::now());
        Answer::Session(session)
    }

    fn forget(&self, headers: &HeaderMap) {
        if let Some(session) = session(headers) {
            self.state.lock().unwrap_or_else(PoisonError::into_inner).sessions.remove(&session);
        }
    }
}

fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned())
}

/// POST /login
pub(crate) async fn log_in(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Response {
    let form = Params::new(&body);
    let back = form.text("back").filter(|back| is_own_path(back)).unwrap_or_else(|| "/".to_owned());
    let Some(login) = &app.login else { return Redirect::to("/").into_response() };
    match login.try_token(&form.bytes("token").unwrap_or_default()) {
        Answer::Session(session) => {
            let age = LIFE.as_secs();
            let cookie = format!("{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}");
            ([(header::SET_COOKIE, cookie)], Redirect::to(&back)).into_response()
        }
        Answer::Wrong => {
            (StatusCode::FORBIDDEN, pages::login_form(Some("That is not the token."), &back)).into_response()
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
    let cookie = format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Whether a place to go back to is one of ours: `//elsewhere` and `/\elsewhere` are not.
pub(crate) fn is_own_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn nobody_is_led_elsewhere_after_the_login() {
        assert!(is_own_path("/preview?queue=a&task=%2F"));
        for wrong in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:x", "/\n/evil"]
        {
            assert!(!is_own_path(wrong), "{wrong:?}");
        }
    }
}
