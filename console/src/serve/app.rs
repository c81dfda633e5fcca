//! The state that all requests share.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;

use super::fresh::{Fresh, Lives, Shared};
use super::history::History;
use super::session::{Login, secret};
use crate::cli::{Redis, Serve, os_user};
use crate::client::Client;
use crate::connection::{Address, Server};
use crate::failure::{Exit, Failure};
use crate::reply::Queues;

/// Maximum number of idle connections that are kept for later requests.
const IDLE_MAX: usize = 4;

/// The program as a web server.
pub(crate) struct App {
    address: Address,
    idle: Mutex<Vec<Client>>,
    /// Allowed values of the header Host, with ports.
    hosts: Vec<String>,
    /// The token that forms and scripts of this page send. Other pages cannot read it.
    csrf: String,
    pub(crate) login: Option<Login>,
    pub(crate) actor: Option<String>,
    /// Answers that many requests share.
    pub(crate) reached: Arc<Fresh<()>>,
    pub(crate) info: Arc<Fresh<HashMap<String, u64>>>,
    queues: Arc<Fresh<Queues>>,
    pub(crate) history: History,
}

impl App {
    pub(crate) fn new(redis: &Redis, args: &Serve, login: Option<Login>) -> Result<Self, Failure> {
        // An invalid URL is reported at once; a server that cannot be reached may come back.
        let address = Address::of(redis)?;
        Server::new(&address)?;
        Ok(Self {
            address,
            idle: Mutex::default(),
            // For a Unix socket; a proxy in front of it has to send one of the names of --allow-host.
            hosts: std::iter::once("localhost".to_owned())
                .chain(args.allow_host.iter().map(|h| h.to_ascii_lowercase()))
                .collect(),
            csrf: secret(),
            login,
            actor: args.actor.clone().or_else(os_user),
            reached: Arc::default(),
            info: Arc::default(),
            queues: Arc::default(),
            history: History::new(Duration::from_secs(args.history)),
        })
    }

    /// Allows the address on which the program listens as a host name.
    pub(crate) fn allow_address(&mut self, address: SocketAddr) {
        let port = address.port();
        self.hosts.retain(|host| host != "localhost");
        self.hosts.push(address.to_string());
        if address.ip().is_loopback() {
            for name in ["localhost", "127.0.0.1", "[::1]"] {
                self.hosts.push(format!("{name}:{port}"));
                if port == 80 {
                    self.hosts.push(name.to_owned());
                }
            }
        }
    }

    /// Whether the host name is allowed.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.hosts.contains(&host.to_ascii_lowercase())
    }

    /// The token that every request for a change must contain.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// Whether the browser is logged in, or no login is required.
    pub(crate) fn is_known(&self, headers: &HeaderMap) -> bool {
        self.login.as_ref().is_none_or(|login| login.is_known(headers))
    }

    /// All queues. Each new answer is a sample of the history.
    pub(crate) async fn queues(self: &Arc<Self>, lives: Lives) -> Shared<Queues> {
        let app = Arc::clone(self);
        let question = async move {
            let queues = app.ask(|client| client.queues(None)).await?;
            app.history.note(&queues);
            Ok(queues)
        };
        self.queues.get(lives, question).await
    }

    /// Runs a function with a Redis client on a thread that may block.
    pub(crate) async fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        question: impl FnOnce(&mut Client) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let app = Arc::clone(self);
        let asked = tokio::task::spawn_blocking(move || {
            let idle = app.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut client = match idle {
                Some(client) => client,
                None => Client::new(Server::new(&app.address)?),
            };
            let answer = question(&mut client);
            let mut idle = app.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(client);
            }
            answer
        });
        asked.await.unwrap_or_else(|_| {
            Err(Failure::new(
                Exit::Refused,
                "an internal error occurred: the details are on the program's standard error",
            ))
        })
    }
}
