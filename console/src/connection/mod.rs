//! Connections: one server, the nodes of a cluster, or the primary that Sentinels name.
//!
//! In a cluster the user can name any node. The client follows the server's redirections, so the server decides which
//! node knows a queue, and the client needs no permissions beyond those of the module's commands. Only lists over all
//! nodes (JOBS, QUEUES, STATUS without a queue) ask for the nodes (CLUSTER SLOTS).
//!
//! Every command can safely be sent twice (a clear has an id of its own). If the connection turns out to be closed, the
//! command is sent again on a new one. With Sentinels, no new connection is made without asking them: a primary that was
//! lost may have come back as one before it learns that it is a replica.

mod address;
mod cluster;
mod place;
mod sentinel;
mod tls;
mod url;

pub(crate) use place::Address;

use std::collections::HashMap;
use std::time::Duration;

use redis::{
    Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo,
    RedisError, Value,
};

use crate::failure::{Exit, Failure};
use crate::text::escape;

use place::{Login, Place, Source};
use sentinel::Sentinels;

/// Maximum time to connect.
const CONNECT: Duration = Duration::from_secs(5);
/// Maximum time for a reply. An inline count takes up to `inline-wait`, which is a minute at most.
const REPLY: Duration = Duration::from_secs(75);
/// Maximum number of redirections of one command; a cluster that redirects more often is inconsistent.
const REDIRECTIONS: usize = 5;

/// A server, or a cluster.
pub(crate) struct Server {
    /// With Sentinels: the primary that they named last, and before that the first of them.
    given: ConnectionInfo,
    sentinels: Option<Sentinels>,
    source: Source,
    /// Maximum time for a reply.
    patience: Duration,
    /// Connections by address.
    open: HashMap<String, Connection>,
    /// The node that answered last, which knows the queue.
    at: ConnectionAddr,
}

impl Server {
    /// Reads the certificates of the address. The connection is made when the first command is sent.
    pub(crate) fn new(address: &Address) -> Result<Self, Failure> {
        let of = |node: &place::Node| match &address.tls {
            Some(tls) => tls::address(node.clone(), tls),
            None => Ok(ConnectionAddr::Tcp(node.0.clone(), node.1)),
        };
        let (at, sentinels) = match &address.place {
            Place::Tcp(node) => (of(node)?, None),
            Place::Unix(path) => (ConnectionAddr::Unix(path.clone()), None),
            Place::Sentinels { nodes, service, login } => {
                let first = of(nodes.first().unwrap_or(&(String::new(), place::SENTINEL_PORT)))?;
                let service = service.clone().unwrap_or_default();
                let sentinels = Sentinels::new(first.clone(), nodes.clone(), service, settings(login, 0));
                (first, Some(sentinels))
            }
        };
        let given = at.clone().into_connection_info();
        let given = given.map_err(|error| Failure::connection(&error, &shown(&at)))?;
        Ok(Self {
            given: given.set_redis_settings(settings(&address.login, address.db)),
            sentinels,
            source: address.source,
            patience: REPLY,
            open: HashMap::new(),
            at,
        })
    }

    /// The same with a limit of time for each step.
    pub(crate) fn hurried(address: &Address, patience: Duration) -> Result<Self, Failure> {
        Ok(Self { patience, ..Self::new(address)? })
    }

    /// Sends a command to the node that knows its queue.
    pub(crate) fn call(&mut self, command: &Cmd, name: &str) -> Result<Value, Failure> {
        self.at_primary(|server| server.follow(command, name))
    }

    /// Runs a request, and again at another primary if Sentinels name one after the first was lost or became a replica.
    fn at_primary<T>(
        &mut self,
        mut request: impl FnMut(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.settle()?;
        match request(self) {
            Err(failure)
                if self.sentinels.is_some() && (failure.disconnected || failure.exit == Exit::Replica) =>
            {
                self.open.clear();
                self.settle()?;
                request(self)
            }
            answer => answer,
        }
    }

    /// Asks the Sentinels for the primary, unless there is a connection to the one that they named last.
    fn settle(&mut self) -> Result<(), Failure> {
        let Some(sentinels) = &mut self.sentinels else { return Ok(()) };
        if self.open.contains_key(&self.given.addr().to_string()) {
            return Ok(());
        }
        let primary = sentinels.primary()?;
        self.open.clear();
        self.given = self.given.clone().set_addr(primary.clone());
        self.at = primary.clone();
        if self.hello(&primary, b"role")?.is_some_and(|role| role != b"master") {
            self.open.clear();
            let words = format!(
                "the Sentinels name {}, which is a replica: a failover may be in progress, try again",
                shown(&primary)
            );
            return Err(Failure { disconnected: true, ..Failure::new(Exit::Unreachable, words) });
        }
        Ok(())
    }

    fn follow(&mut self, command: &Cmd, name: &str) -> Result<Value, Failure> {
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
                return Err(self.failure(&error, &at, name));
            };
            asking = error.code() == Some("ASK");
            at = cluster::redirected(&at, node).ok_or_else(|| self.failure(&error, &at, name))?;
        }
        Err(Failure::new(
            Exit::Refused,
            "the nodes of the cluster redirect the command in a circle; try again",
        ))
    }

    /// The address, with user and password. With Sentinels it is that of the primary after [`Server::reach`].
    pub(crate) fn given(&self) -> &ConnectionInfo {
        &self.given
    }

    /// Connects to the server of the address and logs in.
    ///
    /// # Errors
    /// There is no connection, or the server refused the login. That it refuses PING is none.
    pub(crate) fn reach(&mut self) -> Result<(), Failure> {
        self.settle()?;
        let given = self.given.addr().clone();
        match self.call_here(&redis::cmd("PING")) {
            Err(error) if matches!(error.code(), None | Some("NOAUTH" | "WRONGPASS")) => {
                Err(self.failure(&error, &given, "PING"))
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
        self.at_primary(|server| {
            let nodes = server.nodes()?;
            let ask =
                |node| server.call_at(node, command, false).map_err(|why| server.failure(&why, node, name));
            nodes.iter().map(ask).collect()
        })
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
                Err(error) => return Err(self.failure(&error, &node, name)),
            }
        }
        Err(unknown)
    }

    /// Returns whether it is a cluster of several primaries.
    pub(crate) fn has_several_nodes(&mut self) -> Result<bool, Failure> {
        self.at_primary(|server| Ok(server.nodes()?.len() > 1))
    }

    /// Whether it is a cluster, and its primaries.
    pub(crate) fn primaries(&mut self) -> Result<(bool, Vec<ConnectionAddr>), Failure> {
        self.at_primary(|server| {
            let given = server.given.addr().clone();
            let is_cluster = server.hello(&given, b"mode")?.is_some_and(|mode| mode == b"cluster");
            Ok((is_cluster, if is_cluster { server.nodes()? } else { vec![given] }))
        })
    }

    /// Sends a command to one of [`Server::primaries`].
    pub(crate) fn call_node(
        &mut self,
        node: &ConnectionAddr,
        command: &Cmd,
        name: &str,
    ) -> Result<Value, Failure> {
        self.call_at(node, command, false).map_err(|error| self.failure(&error, node, name))
    }

    /// Every primary of a cluster, or the single server.
    fn nodes(&mut self) -> Result<Vec<ConnectionAddr>, Failure> {
        let given = self.given.addr().clone();
        if self.hello(&given, b"mode")?.is_none_or(|mode| mode != b"cluster") {
            return Ok(vec![given]);
        }
        let mut slots = redis::cmd("CLUSTER");
        slots.arg("SLOTS");
        let slots = self.call_at(&given, &slots, false);
        let slots = slots.map_err(|error| self.failure(&error, &given, "CLUSTER SLOTS"))?;
        let primaries = cluster::primaries(&slots);
        Ok(primaries.iter().filter_map(|(host, port)| cluster::with_address(&given, host, *port)).collect())
    }

    /// What the server says of itself in the member `name` of HELLO; `None` if it refuses HELLO to this user.
    fn hello(&mut self, at: &ConnectionAddr, name: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match self.call_at(at, &redis::cmd("HELLO"), false) {
            Ok(Value::Array(flat)) => Ok(flat.chunks_exact(2).find_map(|pair| match pair {
                [Value::BulkString(given), Value::BulkString(value)] if given == name => Some(value.clone()),
                _ => None,
            })),
            Ok(_) => Ok(None),
            Err(error) if error.code().is_some_and(|code| !matches!(code, "NOAUTH" | "WRONGPASS")) => {
                Ok(None)
            }
            Err(error) => Err(self.failure(&error, at, "HELLO")),
        }
    }

    fn call_at(&mut self, at: &ConnectionAddr, command: &Cmd, asking: bool) -> redis::RedisResult<Value> {
        let key = at.to_string();
        // The server may have closed the connection while the user was answering a question.
        let used = self.open.contains_key(&key) && self.sentinels.is_none();
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
                let connection = connect(&self.given, at, self.patience)?;
                self.open.entry(key.to_owned()).or_insert(connection)
            }
        };
        if asking {
            redis::cmd("ASKING").exec(connection)?;
        }
        command.query(connection)
    }

    /// The failure for an error of the server at `at`, or of the connection to it, with what helps.
    fn failure(&self, error: &RedisError, at: &ConnectionAddr, command: &str) -> Failure {
        let mut address = shown(at);
        if at == self.given.addr() {
            match (&self.sentinels, self.source) {
                (Some(_), _) => address += " (the primary that the Sentinels name)",
                (None, source @ Source::Variable(_)) => address += &format!(" (from {source})"),
                (None, Source::Default) => address += &format!(" ({})", self.source),
                (None, Source::Url | Source::Parts) => {}
            }
        }
        let mut failure = Failure::from_redis(error, &address, command);
        if error.code().is_none() {
            failure.words += tls::remedy(error, at);
        }
        failure
    }
}

fn connect(
    given: &ConnectionInfo,
    at: &ConnectionAddr,
    patience: Duration,
) -> redis::RedisResult<Connection> {
    let client = Client::open(given.clone().set_addr(at.clone()))?;
    let connection = client.get_connection_with_timeout(CONNECT.min(patience))?;
    connection.set_read_timeout(Some(patience))?;
    connection.set_write_timeout(Some(patience))?;
    Ok(connection)
}

fn settings(login: &Login, db: u32) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(i64::from(db));
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}

/// An address for messages, without user and password.
fn shown(at: &ConnectionAddr) -> String {
    escape(at.to_string().as_bytes())
}
