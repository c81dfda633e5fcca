//! Sessions of browsers that have logged in with the token, and their secrets.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{self, HeaderMap};
use uuid::Uuid;

use crate::failure::{Exit, Failure};
use crate::text::escape;

/// Minimum token length: shorter tokens can be guessed.
const TOKEN_MIN: usize = 16;
/// How long a browser stays logged in.
const LIFE: Duration = Duration::from_secs(12 * 3600);
/// Maximum number of sessions.
const SESSIONS_MAX: usize = 256;
/// Maximum number of wrong tokens, from all clients together, within [`WINDOW`]. Further attempts are refused unchecked.
const WRONG_MAX: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
const COOKIE: &str = "qadmin_session";

/// The token, and the sessions that were started with it.
pub(crate) struct Login {
    token: Vec<u8>,
    state: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Sessions and when they began.
    sessions: HashMap<String, Instant>,
    wrong: Wrong,
    /// Wrong tokens of programs.
    wrong_bearers: Wrong,
}

/// Recent wrong tokens.
#[derive(Default)]
struct Wrong(VecDeque<Instant>);

impl Wrong {
    /// Compares a token with the right one, if there were not too many wrong ones.
    fn check(&mut self, token: &[u8], right: &[u8]) -> Verdict {
        while self.0.front().is_some_and(|at| at.elapsed() > WINDOW) {
            self.0.pop_front();
        }
        if self.0.len() >= WRONG_MAX {
            return Verdict::TooMany;
        }
        if same_secret(token.trim_ascii(), right) {
            return Verdict::Right;
        }
        self.0.push_back(Instant::now());
        Verdict::Wrong
    }
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// There were too many wrong ones, so it was not compared.
    TooMany,
}

/// The result of a login attempt.
pub(crate) enum Answer {
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
            return Err(usage("other users can read this file; run chmod 600 on it".to_owned()));
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

    /// Whether a program sends the right token.
    pub(crate) fn try_bearer(&self, token: &[u8]) -> Verdict {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.wrong_bearers.check(token, &self.token)
    }

    /// Starts a session if the token is correct.
    pub(crate) fn try_token(&self, token: &[u8]) -> Answer {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.wrong.check(token, &self.token) {
            Verdict::Right => {}
            Verdict::Wrong => return Answer::Wrong,
            Verdict::TooMany => return Answer::TooMany,
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

    /// Ends the session of the browser that sends the request.
    pub(crate) fn forget(&self, headers: &HeaderMap) {
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

/// The header that gives a browser its session.
pub(crate) fn cookie(session: &str) -> String {
    let age = LIFE.as_secs();
    format!("{COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}")
}

/// The header that removes the session.
pub(crate) fn no_cookie() -> String {
    format!("{COOKIE}=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")
}

/// Whether a path leads to one of our pages: `//elsewhere` and `/\elsewhere` do not.
pub(crate) fn is_own_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}

/// 244 random bits as text.
pub(crate) fn secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// Compares secrets in a time that does not depend on where they differ.
pub(crate) fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::is_own_path;

    #[test]
    fn the_login_redirects_to_own_paths_only() {
        assert!(is_own_path("/preview?queue=a&task=%2F"));
        for wrong in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "javascript:x", "/\n/evil"]
        {
            assert!(!is_own_path(wrong), "{wrong:?}");
        }
    }
}
