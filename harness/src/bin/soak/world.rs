//! The state that all clients share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, RwLock};

use qadmin_harness::{Factory, Size, TARGET_REPOID, TARGET_TASK};

use crate::chance::Chance;
use crate::gate::Gate;
use crate::indexed::Compared;
use crate::ledger::Ledger;
use crate::tally::Tally;
use crate::totals::Totals;

/// The queue that is accounted for.
pub(crate) const LIVE: &str = "live";
/// The list of messages that a worker with BLMOVE has taken.
pub(crate) const HELD: &str = "live:held";
/// Queues that any command can use, in every database. The last two are priority lists, of the live queue and
/// of the first free one.
pub(crate) const FREE: [&str; 6] =
    ["free:a", "free:b", "free:c", "free {\"d\"}\r\n", "live\x06\x163", "free:a\x06\x169"];
/// The beginning of elements that Celery would never send.
pub(crate) const GARBAGE: &str = "garbage";

/// The maximum number of connections whose ids are remembered to be killed, and of jobs to be asked for.
const REMEMBERED: usize = 64;

/// What all clients share.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) port: u16,
    pub(crate) replica: u16,
    /// Whether clients use MOVE. If a primary executes MOVE, the replication stream of Valkey 8.1 selects the
    /// wrong database afterwards, with or without this module's commands: replicas and append-only file then
    /// differ.
    pub(crate) moves: bool,
    /// Whether the module is unloaded. Redis 8.0 compares each client's next command with the freed command
    /// of an unloaded module, and crashes.
    pub(crate) unloads: bool,
    pub(crate) gate: Gate,
    pub(crate) ledger: Mutex<Ledger>,
    /// The messages that the parking client has pushed and that were not popped, oldest first.
    pub(crate) parked: Mutex<Vec<Vec<u8>>>,
    /// The unacknowledged messages, by their tags.
    pub(crate) held: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) tally: Tally,
    pub(crate) totals: Totals,
    /// How often indexes were compared with scans.
    pub(crate) compared: Compared,
    pub(crate) stop: AtomicBool,
    /// Locked for reading while a transaction is open. EXEC on every server (Redis 7.0 to Valkey 9.1) runs
    /// queued commands even if the module of a command was unloaded meanwhile, and crashes.
    pub(crate) transactions: RwLock<()>,
    /// Locked for reading while BRPOP could block a client. Redis 7.0 serves such a client from the lists
    /// that DEBUG LOADAOF is still loading, with or without any module, and the rest of the file is then
    /// applied to a different list.
    pub(crate) blocked: RwLock<()>,
    /// The number of the next message that is not accounted for.
    prey: Mutex<u64>,
    victims: Mutex<VecDeque<String>>,
    jobs: Mutex<VecDeque<String>>,
    violations: Mutex<Vec<String>>,
    /// The command whose reply each client waits for.
    pending: Mutex<BTreeMap<u64, String>>,
}

impl World {
    pub(crate) fn new(seed: u64, port: u16, replica: u16, version: &str) -> Self {
        Self {
            seed,
            port,
            replica,
            moves: version.starts_with("redis"),
            unloads: !version.starts_with("redis 8"),
            gate: Gate::default(),
            ledger: Mutex::default(),
            parked: Mutex::default(),
            held: Mutex::default(),
            tally: Tally::default(),
            compared: Compared::default(),
            totals: Totals::default(),
            stop: AtomicBool::new(false),
            transactions: RwLock::default(),
            blocked: RwLock::default(),
            prey: Mutex::new(0),
            victims: Mutex::default(),
            jobs: Mutex::default(),
            violations: Mutex::default(),
            pending: Mutex::default(),
        }
    }

    /// Returns a factory for messages of which clears can match this percentage.
    pub(crate) fn factory(&self, percent: f64) -> Factory {
        Factory::new(self.seed).size(Size::Slim).share(percent)
    }

    /// Returns a number for a message that was never sent before, far from those of the producers.
    pub(crate) fn fresh(&self) -> u64 {
        let mut next = self.prey.lock().expect("no thread panics while it holds this lock");
        *next += 1;
        (1 << 40) + *next
    }

    /// Records that an invariant is violated, which ends the run. (Violations after the end are consequences
    /// of the first.)
    pub(crate) fn violated(&self, sentence: String) {
        if self.stopped() {
            return;
        }
        eprintln!("VIOLATED: {sentence}");
        self.violations.lock().expect("nobody panics while telling").push(sentence);
    }

    /// Returns the violations so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.lock().expect("nobody panics while telling").clone()
    }

    /// Records that a client waits for a reply.
    pub(crate) fn begins(&self, client: u64, command: String) {
        self.pending.lock().expect("nobody panics with the list in hand").insert(client, command);
    }

    /// Records that the client has its reply or will never receive it.
    pub(crate) fn ends(&self, client: u64) {
        self.pending.lock().expect("nobody panics with the list in hand").remove(&client);
    }

    /// Returns which clients wait for which commands.
    pub(crate) fn pending(&self) -> String {
        format!("{:?}", self.pending.lock().expect("nobody panics with the list in hand"))
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Adds a connection that can be killed.
    pub(crate) fn victim(&self, id: String) {
        remember(&self.victims, id);
    }

    /// Removes all connections that can be killed. Ids of connections start again with each start of the
    /// server, so an earlier id can now be a worker's.
    pub(crate) fn spare_victims(&self) {
        self.victims.lock().expect("nobody panics with the list in hand").clear();
    }

    pub(crate) fn some_victim(&self, chance: &mut Chance) -> Option<String> {
        some(&self.victims, chance)
    }

    pub(crate) fn job(&self, id: String) {
        remember(&self.jobs, id);
    }

    pub(crate) fn some_job(&self, chance: &mut Chance) -> Option<String> {
        some(&self.jobs, chance)
    }
}

fn remember(list: &Mutex<VecDeque<String>>, id: String) {
    let mut list = list.lock().expect("nobody panics with the list in hand");
    list.push_back(id);
    if list.len() > REMEMBERED {
        list.pop_front();
    }
}

fn some(list: &Mutex<VecDeque<String>>, chance: &mut Chance) -> Option<String> {
    let list = list.lock().expect("nobody panics with the list in hand");
    (!list.is_empty()).then(|| list[usize::try_from(chance.below(list.len() as u64)).unwrap_or(0)].clone())
}

/// Returns a filter that matches no message that is accounted for: those have other tasks and are not
/// garbage.
pub(crate) fn filter_of_prey(chance: &mut Chance) -> Vec<String> {
    let texts = [
        format!("TASK {TARGET_TASK}"),
        format!("TASK {TARGET_TASK} REPOID {TARGET_REPOID}"),
        format!("REPOID {TARGET_REPOID} TASK {TARGET_TASK} WHERE retries >= 0"),
        format!("TASK {TARGET_TASK} WHERE kwargs.repoid != {TARGET_REPOID}"),
        format!("TASK {TARGET_TASK} WHERE bytes > {}", chance.within(200, 600)),
        format!("TASK {TARGET_TASK} WHERE id GLOB *{:x}*", chance.below(256)),
        format!("WHERE task EQ {TARGET_TASK}"),
        format!("WHERE task IN 2 {TARGET_TASK} no.such.task"),
        "WHERE task GLOB app.tasks.upload.Uploa[d]".to_string(),
        "WHERE undecodable = 1".to_string(),
        "WHERE bytes < 100".to_string(),
        format!("WHERE undecodable = 1 OR task = {TARGET_TASK}"),
        format!("WHERE task = {TARGET_TASK} OR bytes < 100 WHERE retries >= 0 OR bytes < 100"),
        format!("TASK {TARGET_TASK} WHERE kwargs.* EXISTS OR args.* EXISTS"),
        format!(
            "TASK {TARGET_TASK} WHERE kwargs.repoid > {} OR args CONTAINS 7",
            104_729 + 1_009 * chance.below(500)
        ),
        format!("TASK {TARGET_TASK} WHERE kwargs.* GLOB *{:x}*", chance.below(256)),
        format!("WHERE headers.\"task\" = {TARGET_TASK}"),
    ];
    chance.pick(&texts).split(' ').map(str::to_string).collect()
}

/// Returns any filter.
pub(crate) fn any_filter(chance: &mut Chance) -> Vec<String> {
    let texts = [
        format!("REPOID {}", 104_729 + 1_009 * chance.below(500)),
        format!("WHERE task != {TARGET_TASK}"),
        "WHERE task GLOB *.upload.*".to_string(),
        "WHERE task GLOB *a*b*c*d*e*f*".to_string(),
        "WHERE kwargs.repoid EXISTS WHERE args.0 MISSING".to_string(),
        "WHERE eta < now+1h".to_string(),
        "WHERE expires MISSING".to_string(),
        "WHERE headers.lang = py".to_string(),
        "WHERE properties.delivery_info.routing_key = celery".to_string(),
        "COMMITID 00ff00".to_string(),
        "WHERE kwargs.a.b.c < 9223372036854775807".to_string(),
        "WHERE undecodable = 0".to_string(),
        "WHERE kwargs.* GLOB *a* OR args CONTAINS 7".to_string(),
        format!("WHERE kwargs.* = {}", 104_729 + 1_009 * chance.below(500)),
        "WHERE args.* CONTAINS x OR headers.\"meta.user\" MISSING".to_string(),
        "WHERE kwargs CONTAINS 1 OR eta = \"soon\"".to_string(),
    ];
    match chance.percent(40) {
        true => filter_of_prey(chance),
        false => chance.pick(&texts).split(' ').map(str::to_string).collect(),
    }
}
