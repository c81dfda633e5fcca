//! Questions to one server, each of which it can refuse.

use std::fmt;

use redis::{ConnectionAddr, Value};

use crate::connection::Server;
use crate::shell::quote;

/// Why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The user lacks the permission for this command, written as in a rule: `config|get`.
    NoRight(String),
    /// The server does not have the command.
    NoCommand(String),
    /// Another reason.
    Other(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRight(right) => write!(f, "needs +{right}"),
            Self::NoCommand(name) => write!(f, "this server has no command {name} (rename-command?)"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// The answer to a question, or why there is none.
pub(crate) type Asked<T> = Result<T, Unknown>;

/// Commands whose first argument is part of the name of the permission.
const CONTAINERS: [&str; 5] = ["ACL", "CLUSTER", "COMMAND", "CONFIG", "MODULE"];

/// A server that is asked.
pub(crate) struct Asker<'a> {
    server: &'a mut Server,
    pub(super) cli: Cli,
}

impl<'a> Asker<'a> {
    pub(crate) fn new(server: &'a mut Server) -> Self {
        let cli = Cli::of(server);
        Self { server, cli }
    }

    /// Sends a command to the server of the address itself, which may be any node of a cluster.
    pub(super) fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Asked<Value> {
        let text = |at: usize| words.get(at).map(|word| String::from_utf8_lossy(word.as_ref()).into_owned());
        let name = text(0).unwrap_or_default();
        let mut command = redis::cmd(&name);
        for word in words.iter().skip(1) {
            command.arg(word.as_ref());
        }
        self.server.call_here(&command).map_err(|error| {
            let detail = error.detail().unwrap_or_default();
            match error.code() {
                // Of keys that the user may not access it says so in other words.
                Some("NOPERM") if detail.contains("permissions to run") => {
                    let sub = text(1).filter(|_| CONTAINERS.contains(&name.as_str()));
                    let right = sub.map_or_else(|| name.clone(), |sub| format!("{name}|{sub}"));
                    Unknown::NoRight(right.to_ascii_lowercase())
                }
                Some("ERR") if detail.starts_with("unknown command") => Unknown::NoCommand(name.clone()),
                Some(code) => Unknown::Other(format!("the server says: {code} {detail}")),
                None => Unknown::Other(format!("no answer: {error}")),
            }
        })
    }

    /// The address of the server.
    pub(super) fn address(&self) -> &ConnectionAddr {
        self.server.given().addr()
    }

    /// The number of the database of the address.
    pub(super) fn db(&self) -> i64 {
        self.server.given().redis_settings().db()
    }
}

/// `redis-cli` with the options that reach the same server. The password is left to REDISCLI_AUTH.
#[derive(Debug, Clone)]
pub(crate) struct Cli(String);

impl Cli {
    fn of(server: &Server) -> Self {
        let (given, mut line) = (server.given(), "redis-cli".to_owned());
        let mut add = |option: &str, value: &str| line += &format!(" {option} {}", quote(value.as_bytes()));
        match given.addr() {
            ConnectionAddr::Unix(path) => add("-s", &path.to_string_lossy()),
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                if host != "127.0.0.1" {
                    add("-h", host);
                }
                if *port != 6379 {
                    add("-p", &port.to_string());
                }
            }
            _ => {}
        }
        if let Some(user) = given.redis_settings().username() {
            add("--user", user);
        }
        if matches!(given.addr(), ConnectionAddr::TcpTls { .. }) {
            line += " --tls";
        }
        Self(line)
    }

    /// A line that sends a command, whose words are quoted where a shell needs it.
    pub(super) fn line<W: AsRef<[u8]>>(&self, words: &[W]) -> String {
        let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
        format!("{} {}", self.0, words.join(" "))
    }
}

/// The text of a reply.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        Value::Int(n) => Some(n.to_string()),
        Value::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// The elements of a reply; those of a map one after the other, as RESP2 has them.
pub(super) fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) | Value::Set(items) => items.clone(),
        Value::Map(pairs) => pairs.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect(),
        _ => Vec::new(),
    }
}

/// The pairs of a reply that is a map.
pub(super) fn pairs(value: &Value) -> Vec<(String, Value)> {
    let items = items(value);
    let pair = |pair: &[Value]| Some((text(pair.first()?)?, pair.get(1)?.clone()));
    items.chunks_exact(2).filter_map(pair).collect()
}
