//! Sentinels: servers that know which server is the primary of a service.
//!
//! The client of the `redis` crate for Sentinel is not used: it waits for an unreachable Sentinel as long as the
//! operating system does, and asks the primary with ROLE or INFO, for which a user needs permissions beyond those of the
//! module's commands ([0073](../../../docs/decisions/0073-the-terminal-for-on-call.md)).

use redis::{Client, ConnectionAddr, IntoConnectionInfo as _, RedisConnectionInfo, Value};

use super::place::Node;
use super::{CONNECT, cluster, shown, tls};
use crate::failure::{Exit, Failure};
use crate::text::escape;

/// The Sentinels of one service.
pub(super) struct Sentinels {
    /// How the first of them is reached. The others differ in host and port.
    first: ConnectionAddr,
    nodes: Vec<Node>,
    service: String,
    login: RedisConnectionInfo,
}

impl Sentinels {
    pub(super) fn new(
        first: ConnectionAddr,
        nodes: Vec<Node>,
        service: String,
        login: RedisConnectionInfo,
    ) -> Self {
        Self { first, nodes, service, login }
    }

    /// Asks one Sentinel after the other for the primary, and puts the one that answered first.
    ///
    /// # Errors
    /// None of them names a primary. The text has the reason of each.
    pub(super) fn primary(&mut self) -> Result<ConnectionAddr, Failure> {
        let mut reasons = Vec::new();
        for at in 0..self.nodes.len() {
            let (host, port) = &self.nodes[at];
            let Some(sentinel) = cluster::with_address(&self.first, host, *port) else { continue };
            match self.ask(&sentinel) {
                Ok(primary) => {
                    self.nodes[..=at].rotate_right(1);
                    return Ok(primary);
                }
                Err(why) => reasons.push(format!("{}: {why}", shown(&sentinel))),
            }
        }
        let words = format!(
            "no Sentinel names the primary of {}:\n{}",
            escape(self.service.as_bytes()),
            reasons.join("\n")
        );
        Err(Failure { disconnected: true, ..Failure::new(Exit::Unreachable, words) })
    }

    /// Asks one Sentinel.
    fn ask(&self, at: &ConnectionAddr) -> Result<ConnectionAddr, String> {
        let failed = |error: &redis::RedisError| {
            if error.is_timeout() {
                return format!("timeout{}", tls::remedy(error, at));
            }
            format!("{}{}", escape(error.to_string().as_bytes()), tls::remedy(error, at))
        };
        let query = || {
            let info = at.clone().into_connection_info()?.set_redis_settings(self.login.clone());
            let mut connection = Client::open(info)?.get_connection_with_timeout(CONNECT)?;
            connection.set_read_timeout(Some(CONNECT))?;
            connection.set_write_timeout(Some(CONNECT))?;
            redis::cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service).query(&mut connection)
        };
        match query() {
            Err(error) => Err(failed(&error)),
            Ok(Value::Nil) => Err(format!(
                "it does not know this service; SENTINEL MASTERS lists those that it watches, and --sentinel-master chooses one \
                 ({} was asked for)",
                escape(self.service.as_bytes())
            )),
            Ok(reply) => named(&reply)
                .and_then(|(host, port)| cluster::with_address(&self.first, &host, port))
                .ok_or_else(|| "its answer is not an address".to_owned()),
        }
    }
}

/// Host and port in the answer of a Sentinel.
fn named(reply: &Value) -> Option<Node> {
    let Value::Array(parts) = reply else { return None };
    let [Value::BulkString(host), Value::BulkString(port)] = parts.as_slice() else { return None };
    let (host, port) = (str::from_utf8(host).ok()?, str::from_utf8(port).ok()?);
    Some((host.to_owned(), port.parse().ok()?)).filter(|(host, _)| !host.is_empty())
}
