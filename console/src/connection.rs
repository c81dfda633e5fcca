//! Connections: one server, or the nodes of a cluster.
//!
//! In a cluster the user can name any node. The client follows the server's redirections, so the server decides which
//! node knows a queue, and the client needs no permissions beyond those of the module's commands. Only lists over all
//! nodes (JOBS, QUEUES, STATUS without a queue) ask for the nodes (CLUSTER SLOTS).
//!
//! Every command can safely be sent twice (a clear has an id of its own). If the connection turns out to be closed, the
//! command is sent again on a new one.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, TlsCertificates, Value,
};

use crate::failure::{Exit, Failure};
use crate::text::escape;

/// Maximum time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// Maximum time for a reply. An inline count takes up to `inline-wait`, which is a minute at most.
const REPLY: Duration = Duration::from_secs(75);
/// Maximum number of redirections of one command; a cluster that redirects more often is inconsistent.
const REDIRECTIONS: usize = 5;

/// A server, or a cluster.
pub(crate) struct Server {
    given: ConnectionInfo,
    ca: Option<Vec<u8>>,
    /// Connections by address.
    open: HashMap<String, Connection>,
    /// The node that answered last, which knows the queue.
    at: ConnectionAddr,
}

impl Server {
    /// Parses the address. The connection is made when the first command is sent.
    pub(crate) fn new(url: &str, ca: Option<&Path>) -> Result<Self, Failure> {
        // The URL can contain a password, so no message repeats it.
        let given = url.into_connection_info().map_err(|error| {
            Failure::new(
                Exit::Usage,
                format!(
                    "the address of the server is invalid ({}); expected \
                     redis://user:password@host:6379/0, rediss://host:6379/0 or unix:///path/redis.sock",
                    escape(error.to_string().as_bytes())
                ),
            )
        })?;
        let ca = ca.map(|path| {
            fs::read(path).map_err(|error| {
                Failure::new(Exit::Usage, format!("{}: {error}", escape(path.as_os_str().as_encoded_bytes())))
            })
        });
        // An error means that a provider has already been chosen.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Self { at: given.addr().clone(), ca: ca.transpose()?, open: HashMap::new(), given })
    }

    /// Sends a command to the node that knows its queue.
    pub(crate) fn call(&mut self, command: &Cmd, name: &str) -> Result<Value, Failure> {
        let mut at = self.at.clone();
        let mut asking = false;
        for _ in 0..REDIRECTIONS {
            let error = match self.call_at(&at, command, asking) {
                Ok(value) => {
                    if !asking {
                        self.at = at;
                    }
                    return Ok(value);
                }
                Err(error) => error,
            };
            let Some((node, _)) = error.redirect_node() else {
                return Err(Failure::from_redis(&error, &shown(&at), name));
            };
            asking = error.code() == Some("ASK");
            at = redirected(&at, node).ok_or_else(|| Failure::from_redis(&error, &shown(&at), name))?;
        }
        Err(Failure::new(
            Exit::Refused,
            "the nodes of the cluster redirect the command in a circle; try again",
        ))
    }

    /// The address, with user and password.
    pub(crate) fn given(&self) -> &ConnectionInfo {
        &self.given
    }

    /// Connects to the server of the address and logs in.
    ///
    /// # Errors
    /// There is no connection, or the server refused the login. That it refuses PING is none.
    pub(crate) fn reach(&mut self) -> Result<(), Failure> {
        let given = self.given.addr().clone();
        match self.call_here(&redis::cmd("PING")) {
            Err(error) if matches!(error.code(), None | Some("NOAUTH" | "WRONGPASS")) => {
                Err(Failure::from_redis(&error, &shown(&given), "PING"))
            }
            _ => Ok(()),
        }
    }

    /// Sends a command to the server of the address, and follows no redirection.
    pub(crate) fn call_here(&mut self, command: &Cmd) -> redis::RedisResult<Value> {
        let given = self.given.addr().clone();
        self.call_at(&given, command, false)
    }

    /// Sends a command to every primary of a cluster, or to the single server. It is an error if the nodes of a cluster
    /// are not known, because an incomplete list would look complete.
    pub(crate) fn call_everywhere(&mut self, command: &Cmd, name: &str) -> Result<Vec<Value>, Failure> {
        let mut replies = Vec::new();
        for node in self.nodes()? {
            let reply = self.call_at(&node, command, false);
            replies.push(reply.map_err(|error| Failure::from_redis(&error, &shown(&node), name))?);
        }
        Ok(replies)
    }

    /// Sends a command about a job to the given server and, if that server does not know the job, to the other nodes of
    /// its cluster.
    pub(crate) fn call_first(&mut self, command: &Cmd, name: &str) -> Result<Value, Failure> {
        let unknown = match self.call(command, name) {
            Err(failure) if failure.exit == Exit::NoJob => failure,
            answer => return answer,
        };
        for node in self.nodes()? {
            match self.call_at(&node, command, false) {
                Ok(value) => {
                    self.at = node;
                    return Ok(value);
                }
                Err(error) if error.code() == Some("NOJOB") => {}
                Err(error) => return Err(Failure::from_redis(&error, &shown(&node), name)),
            }
        }
        Err(unknown)
    }

    /// Returns whether it is a cluster of several primaries.
    pub(crate) fn has_several_nodes(&mut self) -> Result<bool, Failure> {
        Ok(self.nodes()?.len() > 1)
    }

    /// Every primary of a cluster, or the single server.
    fn nodes(&mut self) -> Result<Vec<ConnectionAddr>, Failure> {
        let given = self.given.addr().clone();
        if !self.is_cluster(&given)? {
            return Ok(vec![given]);
        }
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        let slots = self.call_at(&given, &slots, false);
        let slots = slots.map_err(|error| Failure::from_redis(&error, &shown(&given), "CLUSTER SLOTS"))?;
        Ok(primaries(&slots).iter().filter_map(|(host, port)| with_address(&given, host, *port)).collect())
    }

    /// Whether the server says that it is part of a cluster. If it refuses HELLO to this user, it is treated as a single
    /// server.
    fn is_cluster(&mut self, at: &ConnectionAddr) -> Result<bool, Failure> {
        match self.call_at(at, &redis::cmd("HELLO"), false) {
            Ok(Value::Array(flat)) => Ok(flat.chunks_exact(2).any(|pair| {
                matches!(pair, [Value::BulkString(name), Value::BulkString(mode)] if name == b"mode" && mode == b"cluster")
            })),
            Ok(_) => Ok(false),
            Err(error) if error.code().is_some() => Ok(false),
            Err(error) => Err(Failure::connection(&error, &shown(at))),
        }
    }

    fn call_at(&mut self, at: &ConnectionAddr, command: &Cmd, asking: bool) -> redis::RedisResult<Value> {
        let key = at.to_string();
        // The server may have closed the connection while the user was answering a question.
        let used = self.open.contains_key(&key);
        let reply = self.try_at(at, &key, command, asking);
        match reply {
            Err(error) if used && error.code().is_none() && !error.is_timeout() => {
                self.open.remove(&key);
                self.try_at(at, &key, command, asking)
            }
            reply => reply,
        }
        .inspect_err(|error| {
            if error.code().is_none() {
                // A reply that arrives later would be mistaken for the reply to the next command.
                self.open.remove(&key);
            }
        })
    }

    fn try_at(
        &mut self,
        at: &ConnectionAddr,
        key: &str,
        command: &Cmd,
        asking: bool,
    ) -> redis::RedisResult<Value> {
        let connection = match self.open.get_mut(key) {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.given, at, self.ca.clone())?;
                self.open.entry(key.to_owned()).or_insert(connection)
            }
        };
        if asking {
            redis::cmd("ASKING").exec(connection)?;
        }
        command.query(connection)
    }
}

fn connect(
    given: &ConnectionInfo,
    at: &ConnectionAddr,
    ca: Option<Vec<u8>>,
) -> redis::RedisResult<Connection> {
    let info = given.clone().set_addr(at.clone());
    let client = match ca {
        Some(ca) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca) })?,
        None => Client::open(info)?,
    };
    let connection = client.get_connection_with_timeout(CONNECT)?;
    connection.set_read_timeout(Some(REPLY))?;
    connection.set_write_timeout(Some(REPLY))?;
    Ok(connection)
}

/// An address for messages, without user and password.
fn shown(at: &ConnectionAddr) -> String {
    escape(at.to_string().as_bytes())
}

/// The address in a redirection from `from`: `host:port`, or `:port` for the same host.
fn redirected(from: &ConnectionAddr, to: &str) -> Option<ConnectionAddr> {
    let (host, port) = to.rsplit_once(':')?;
    with_address(from, host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?)
}

fn with_address(from: &ConnectionAddr, host: &str, port: u16) -> Option<ConnectionAddr> {
    let host = |same: &String| if matches!(host, "" | "?") { same.clone() } else { host.to_owned() };
    match from {
        ConnectionAddr::Tcp(same, _) => Some(ConnectionAddr::Tcp(host(same), port)),
        ConnectionAddr::TcpTls { host: same, insecure, tls_params, .. } => Some(ConnectionAddr::TcpTls {
            host: host(same),
            port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        }),
        // The nodes of a cluster name TCP addresses, which a Unix socket cannot reach.
        _ => None,
    }
}

/// Host and port of every primary, each once. Each entry of CLUSTER SLOTS is: first slot, last slot, primary, replicas.
fn primaries(slots: &Value) -> Vec<(String, u16)> {
    let Value::Array(ranges) = slots else { return Vec::new() };
    let mut nodes = Vec::new();
    for range in ranges {
        let Value::Array(range) = range else { continue };
        let Some(Value::Array(primary)) = range.get(2) else { continue };
        let host = match primary.first() {
            Some(Value::BulkString(host)) => String::from_utf8_lossy(host).into_owned(),
            _ => String::new(),
        };
        let Some(Value::Int(port)) = primary.get(1) else { continue };
        let Ok(port) = u16::try_from(*port) else { continue };
        if !nodes.contains(&(host.clone(), port)) {
            nodes.push((host, port));
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_keep_what_they_leave_out() {
        let from = ConnectionAddr::Tcp("cache.example".to_owned(), 1);
        let to = |text| redirected(&from, text).map(|at| at.to_string());
        assert_eq!(to("10.0.0.2:7001").as_deref(), Some("10.0.0.2:7001"));
        assert_eq!(to(":7001").as_deref(), Some("cache.example:7001"));
        assert_eq!(redirected(&from, "::1:7001"), Some(ConnectionAddr::Tcp("::1".to_owned(), 7001)));
        assert_eq!(to("nonsense"), None);
        assert_eq!(to("host:port"), None);
    }
}
