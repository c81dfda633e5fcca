//! A cluster on loopback.

use redis::{Connection, Value};

use crate::port::free_port;
use crate::server::{Builder, Server};
use crate::wait::eventually;

/// Slots of a cluster.
const SLOTS: usize = 16_384;

/// Servers that share the slots evenly and in order.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts `primaries` nodes and waits until every one of them knows that the cluster is complete.
    ///
    /// # Panics
    /// Panics if a server does not start or refuses a command.
    pub fn start(primaries: usize, node: impl Fn() -> Builder) -> Self {
        let nodes: Vec<Server> = (0..primaries).map(|_| start_node(node())).collect();
        let cluster = Self { nodes };
        for (at, node) in cluster.nodes.iter().enumerate() {
            let (first, end) = (at * SLOTS / primaries, (at + 1) * SLOTS / primaries);
            command(node, &["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &(end - 1).to_string()]);
            cluster.meet(node);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// Adds a replica of one of the nodes, and waits until it has all of the node's data and the others know
    /// it.
    pub fn add_replica(&mut self, of: usize, node: Builder) -> usize {
        let replica = start_node(node);
        self.meet(&replica);
        let primary = self.id(of);
        eventually("the new node knows its primary", || {
            redis::cmd("CLUSTER").arg("REPLICATE").arg(&primary).exec(&mut replica.conn()).is_ok()
        });
        replica.wait_for_link();
        self.nodes.push(replica);
        self.wait_until_whole();
        let (at, id) = (self.nodes.len() - 1, self.id(self.nodes.len() - 1));
        // Until gossip has announced the replica, the primary ignores its requests, such as a failover.
        eventually("the primary knows its replica", || {
            matches!(command(&self.nodes[of], &["CLUSTER", "REPLICAS", &primary]),
                Value::Array(lines) if lines.iter().any(|line| crate::text(line).starts_with(&id)))
        });
        at
    }

    /// Returns one of the servers, in the order in which they were added.
    pub fn node(&self, at: usize) -> &Server {
        &self.nodes[at]
    }

    /// Returns a node's name within the cluster.
    pub fn id(&self, at: usize) -> String {
        crate::text(&command(&self.nodes[at], &["CLUSTER", "MYID"]))
    }

    /// Returns the slot of a key.
    pub fn slot(&self, key: &[u8]) -> usize {
        let mut conn = self.nodes[0].conn();
        redis::cmd("CLUSTER").arg("KEYSLOT").arg(key).query(&mut conn).expect("CLUSTER KEYSLOT answers")
    }

    /// Returns the node to which [`Cluster::start`] assigned the key's slot.
    pub fn home(&self, key: &[u8], primaries: usize) -> usize {
        let slot = self.slot(key);
        (0..primaries).rfind(|at| at * SLOTS / primaries <= slot).expect("slot 0 is the first node's")
    }

    /// Assigns a slot whose keys were moved to another node.
    pub fn assign(&self, slot: usize, to: usize) {
        let (slot, id) = (slot.to_string(), self.id(to));
        // The new owner is told first; the others then learn it by gossip.
        command(&self.nodes[to], &["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        for node in &self.nodes {
            command(node, &["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
        }
    }

    /// Introduces a node to the first one.
    fn meet(&self, node: &Server) {
        let first = &self.nodes[0];
        if node.port() == first.port() {
            return;
        }
        let (port, bus) = (first.port().to_string(), bus_port(first));
        command(node, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
    }

    fn wait_until_whole(&self) {
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for node in &self.nodes {
            eventually("the cluster is whole", || {
                let info = crate::text(&command(node, &["CLUSTER", "INFO"]));
                info.contains("cluster_state:ok") && info.contains(&known)
            });
        }
    }
}

/// Starts a node. The port of the cluster's bus is set explicitly: the default, 10,000 above, can exceed the
/// last port.
fn start_node(node: Builder) -> Server {
    let bus = free_port().unwrap_or_else(|sentence| panic!("{sentence}"));
    node.config("cluster-enabled yes")
        .config(format!("cluster-port {bus}"))
        .config("cluster-node-timeout 5000")
        // A replica of an idle primary must not have to wait for its first heartbeat before it can take over.
        .config("cluster-replica-validity-factor 0")
        .start()
}

fn bus_port(node: &Server) -> String {
    let mut conn: Connection = node.conn();
    let pair: Vec<String> =
        redis::cmd("CONFIG").arg("GET").arg("cluster-port").query(&mut conn).expect("CONFIG GET answers");
    pair.into_iter().next_back().expect("the setting has a value")
}

fn command(node: &Server, words: &[&str]) -> Value {
    let mut command = redis::cmd(words[0]);
    for word in &words[1..] {
        command.arg(word);
    }
    command.query(&mut node.conn()).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}
