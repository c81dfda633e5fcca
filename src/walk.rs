//! Walks over the keys of a database, for QADMIN.QUEUES.
//!
//! A keyspace can have many millions of keys, so it is walked in slices between which other clients are
//! served. The slices run in the hook before the poll and take turns with those of jobs. A step of the
//! server's scan returns a few keys. The lists, sorted sets and sets of bindings among them are queued and
//! read one by one, so that the clock can be read in between. The result depends on the user: keys that the
//! user may not read are not read.

use std::collections::VecDeque;

use qadmin_core::container::Container;
use qadmin_core::error::Error;
use qadmin_core::format::Recogniser;
use qadmin_core::ids::Library;
use qadmin_core::kind::MessageKind;
use qadmin_core::message_place::IdKey;
use qadmin_core::queues::{FoundQueues, Glance, NextMessage, binding_prefix, bound_queue, is_held};
use qadmin_core::reply::Reply;
use qadmin_core::request::{QUEUE_MAX, Queues, commands};
use qadmin_core::scan::Queue as _;
use uuid::Uuid;

use crate::index;
use crate::library::{Recognised, library_of};
use crate::redis::call::{CallMode, call};
use crate::redis::caller::Caller;
use crate::redis::clock::{cpu_ns, now_ns};
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::scan::{Cursor, Holds};
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString, server};
use crate::rights::may_read;
use crate::settings;

/// Walks that may run at once, one for each client that waits.
pub(crate) const WALKS_MAX: usize = 8;
/// The longest time that a client waits for its walk, milliseconds.
pub(crate) const WALK_MAX_MS: u64 = 10_000;
/// Bindings of one exchange that are read.
const BINDINGS_MAX: u64 = 1_000;
/// Messages at either end of a list from which its size is estimated.
const SAMPLED: u64 = 4;
/// Elements of a list or a sorted set that may be ids of jobs, and whose jobs are looked up.
const IDS_PER_LIST: usize = 2;
/// Bytes after which no further message of a list is read.
const SAMPLED_BYTES: u64 = 64 * 1024;
/// The bindings of Celery's own exchange. They are read first, so that a walk that is cut short knows those
/// queues.
const FIRST: &[u8] = b"_kombu.binding.celery";
/// Steps of the scan after which the clock is read.
const STEPS_PER_LOOK: u32 = 16;

/// A name that was found and is to be read.
#[derive(Debug)]
enum Aside {
    /// A key that holds a list.
    List(Vec<u8>),
    /// A key that holds a sorted set.
    SortedSet(Vec<u8>),
    /// A key that holds the bindings of an exchange.
    Bindings(Vec<u8>),
    /// A queue that a binding names.
    Bound(Vec<u8>),
}

/// One walk.
#[derive(Debug)]
pub(crate) struct Walk {
    /// The id under which its client waits.
    pub(crate) id: Uuid,
    request: Queues,
    db: i32,
    caller: Caller,
    cursor: Cursor,
    aside: VecDeque<Aside>,
    next: NextMessage,
    /// The same for members of sorted sets.
    next_job: [(MessageKind, NextMessage); 2],
    found: FoundQueues,
    keys: u64,
    unacked: Option<i64>,
    began_ns: u64,
    last: bool,
    ended: bool,
}

impl Walk {
    /// A walk over the selected database for the client that asks.
    pub(crate) fn new(ctx: Ctx<'_>, caller: Caller, request: &Queues) -> Result<Self, Error> {
        let unacked = may_see(&caller, b"unacked")
            .then(|| call(ctx, c"HLEN", CallMode::Read, &[RString::new("unacked")]).ok()?.int())
            .flatten();
        Ok(Self {
            id: Uuid::new_v4(),
            request: request.clone(),
            db: ctx.db(),
            caller,
            cursor: Cursor::new(),
            aside: VecDeque::from([Aside::Bindings(FIRST.to_vec())]),
            next: NextMessage::of(MessageKind::Celery)?,
            next_job: [
                (MessageKind::Sidekiq, NextMessage::of(MessageKind::Sidekiq)?),
                (MessageKind::Laravel, NextMessage::of(MessageKind::Laravel)?),
            ],
            found: FoundQueues::default(),
            keys: 0,
            unacked,
            began_ns: now_ns(),
            last: false,
            ended: false,
        })
    }

    /// It has met every key.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// It ends here, and reports that something is missing.
    fn give_up(&mut self) {
        self.found.cut();
        self.ended = true;
    }

    /// Continues the walk for the time of one slice of processor time: a thread that is interrupted meanwhile
    /// keeps its time.
    pub(crate) fn slice(&mut self, ctx: Ctx<'_>) {
        let until = cpu_ns() + settings::now().slice_us() * 1_000;
        ctx.select(self.db);
        let mut steps = 0;
        while !self.ended {
            if let Some(aside) = self.aside.pop_front() {
                match aside {
                    Aside::List(key) => self.list(ctx, &key, false),
                    Aside::SortedSet(key) => self.sorted_set(ctx, &key),
                    Aside::Bindings(key) => self.bindings(ctx, &key),
                    Aside::Bound(queue) => self.bound(ctx, &queue),
                }
            } else if self.last {
                self.ended = true;
            } else {
                self.step(ctx);
                steps += 1;
                if steps % STEPS_PER_LOOK != 0 {
                    continue;
                }
            }
            if cpu_ns() >= until {
                return;
            }
        }
    }

    fn step(&mut self, ctx: Ctx<'_>) {
        let (keys, aside) = (&mut self.keys, &mut self.aside);
        let more = self.cursor.step(ctx, &mut |name, holds| {
            *keys += 1;
            match holds {
                Holds::List if name.len() <= QUEUE_MAX => aside.push_back(Aside::List(name.to_vec())),
                Holds::SortedSet if name.len() <= QUEUE_MAX => {
                    aside.push_back(Aside::SortedSet(name.to_vec()));
                }
                Holds::Set if name.len() <= QUEUE_MAX && binding_prefix(name).is_some() => {
                    aside.push_back(Aside::Bindings(name.to_vec()));
                }
                _ => {}
            }
        });
        match more {
            Ok(more) => self.last = !more,
            // The position of the walk is not known any more.
            Err(()) => self.give_up(),
        }
    }

    /// The priority lists of a queue count as part of it, if the caller may read it. A name that a binding
    /// gives is a queue, whatever the key holds.
    fn list(&mut self, ctx: Ctx<'_>, key: &[u8], is_queue: bool) {
        let (queue, step) = match settings::now().priorities().step_of(key) {
            Some((queue, step)) if may_see(&self.caller, queue) => (queue, Some(u64::from(step))),
            _ => (key, None),
        };
        if !self.request.wants(queue) || !may_see(&self.caller, key) {
            return;
        }
        let name = RString::new(key);
        let next = &mut self.next;
        let mut recogniser = Recogniser::new();
        let mut glance = Glance::default();
        let message = {
            let OpenedList::List(mut list) = List::open(ctx, &name, Mode::Read) else { return };
            let depth = list.len();
            glance.depth = depth;
            let Some(message) = list.read(depth.saturating_sub(1), |message| next.task(message)) else {
                return;
            };
            let tail = (depth.saturating_sub(SAMPLED)..depth).rev();
            let head = 0..SAMPLED.min(depth.saturating_sub(SAMPLED));
            for at in tail.chain(head) {
                if glance.sampled_bytes >= SAMPLED_BYTES {
                    break;
                }
                let read = list.read(at, |message| {
                    recogniser.examine(message);
                    message.len()
                });
                let Some(bytes) = read else { break };
                glance.sampled += 1;
                glance.sampled_bytes += bytes as u64;
            }
            message
        };
        // Looking up a job may delete it if it has expired, so no list is open meanwhile.
        let ids = recogniser.ids();
        let ids = &ids[..ids.len().min(IDS_PER_LIST)];
        let kind = match library_of(ctx, &self.caller, key, ids) {
            Some(library) => Some(Recognised::ids_of(library).kind),
            None => recogniser.kind_of_most(),
        };
        let has_ids = kind.is_some_and(|kind| kind.spec().place.is_elsewhere());
        let is_queue = is_queue || has_ids || matches!(kind, Some(MessageKind::Ids | MessageKind::Huey));
        let Some(task) = message.or(is_queue.then_some(None)) else { return };
        glance.container = has_ids.then_some(Container::ListOfIds);
        glance.ages = index::ages(self.db, key, glance.depth);
        glance.task = task;
        let default = settings::now().default_kind();
        glance.looks_like = kind.filter(|kind| *kind != default).map(|kind| kind.spec().name);
        self.found.key(queue, step, glance);
    }

    /// A sorted set is a queue if the members with the lowest scores are jobs of Sidekiq, Laravel or Huey, or ids of jobs in
    /// other keys that a kind reads.
    fn sorted_set(&mut self, ctx: Ctx<'_>, key: &[u8]) {
        if !self.request.wants(key)
            || !may_see(&self.caller, key)
            || server::missing(server::SORTED).is_some()
        {
            return;
        }
        let name = RString::new(key);
        let Ok(mut set) = Reader::open(ctx, &name) else { return };
        let mut recogniser = Recogniser::new();
        let mut glance = Glance { depth: set.entries(), ..Glance::default() };
        let mut first = None;
        while glance.sampled < 2 * SAMPLED && glance.sampled_bytes < SAMPLED_BYTES {
            let Some((member, _)) = set.next_entry() else { break };
            recogniser.examine(&member);
            glance.sampled += 1;
            glance.sampled_bytes += member.len() as u64;
            first.get_or_insert(member);
        }
        let most = recogniser.kind_of_most();
        if most.is_none() {
            return self.set_of_ids(ctx, key, &recogniser, glance);
        }
        if most == Some(MessageKind::Huey) {
            // The next task is left out, as in lists: it would have to be unpickled.
            let is_default = settings::now().default_kind() == MessageKind::Huey;
            glance.looks_like = (!is_default).then(|| MessageKind::Huey.spec().name);
            glance.container = Some(Container::SortedSet);
            return self.found.key(key, None, glance);
        }
        let of_kind = self.next_job.iter_mut().find(|(kind, _)| most == Some(*kind) && !is_held(*kind, key));
        if let Some((kind, next)) = of_kind {
            let kind = *kind;
            glance.task = first.and_then(|member| next.task(&member).flatten());
            glance.looks_like = (kind != settings::now().default_kind()).then(|| kind.spec().name);
            glance.container = Some(Container::SortedSet);
            self.found.key(key, None, glance);
        }
    }

    fn set_of_ids(&mut self, ctx: Ctx<'_>, key: &[u8], recogniser: &Recogniser, mut glance: Glance) {
        let ids = recogniser.ids();
        let library = library_of(ctx, &self.caller, key, &ids[..ids.len().min(IDS_PER_LIST)]);
        // Other sorted sets of these libraries have members that are no ids, or other names.
        let kind = library.and_then(Library::kind);
        if let Some(kind) = kind.filter(|kind| kind.spec().place.keys_of(key, IdKey::SortedSet).is_some()) {
            glance.looks_like = Some(kind.spec().name);
            glance.container = Some(Container::SetOfIds);
            self.found.key(key, None, glance);
        }
    }

    fn bindings(&mut self, ctx: Ctx<'_>, key: &[u8]) {
        let prefix = binding_prefix(key).filter(|_| may_see(&self.caller, key));
        let Some(prefix) = prefix else { return };
        let ask = |command, more: &[u8]| {
            let args = [RString::new(key), RString::new(more)];
            call(ctx, command, CallMode::Read, if more.is_empty() { &args[..1] } else { &args })
        };
        if server::missing(server::BINDINGS).is_some() {
            return self.found.cut();
        }
        // Another node of a cluster may have it.
        let members = ask(c"SCARD", b"").ok().and_then(|answer| answer.int()).unwrap_or(0);
        if u64::try_from(members).unwrap_or(0) > BINDINGS_MAX {
            self.found.cut();
        }
        // Each member is read at most once, and at most this many.
        let Ok(members) = ask(c"SRANDMEMBER", BINDINGS_MAX.to_string().as_bytes()) else { return };
        let settings = settings::now();
        for member in members.list() {
            let queue = bound_queue(&member, settings.priorities().separator());
            if let Some(queue) = queue.filter(|queue| prefix.len() + queue.len() <= QUEUE_MAX) {
                self.aside.push_back(Aside::Bound([prefix, queue].concat()));
            }
        }
    }

    /// Its lists are read now, because the walk may be cut short before it meets them.
    fn bound(&mut self, ctx: Ctx<'_>, queue: &[u8]) {
        if self.request.wants(queue) && may_see(&self.caller, queue) {
            self.found.bound(queue);
            self.list(ctx, queue, true);
            for other in settings::now().priorities().others(&[queue]) {
                self.list(ctx, &other, true);
            }
        }
    }

    /// The result so far.
    pub(crate) fn reply(&self) -> Reply {
        let (rows, whole) = self.found.rows();
        Reply::map()
            .with("queues", rows)
            .with("complete", whole && self.ended)
            .with("keys", self.keys)
            .with("unacked", self.unacked)
            .with("elapsed_us", (now_ns() - self.began_ns) / 1_000)
            .build()
    }
}

/// Returns whether the caller may learn what is under this key.
fn may_see(caller: &Caller, key: &[u8]) -> bool {
    may_read(caller, &commands::QUEUES, [key])
}

/// The walks whose clients wait.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    all: VecDeque<Walk>,
    /// The last slice was one of a walk: the next is one of a job, if there are any.
    had_turn: bool,
}

impl Walks {
    /// Running walks, and ended ones whose clients did not get their reply yet.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns whether some have not ended.
    pub(crate) fn any_live(&self) -> bool {
        self.all.iter().any(|walk| !walk.ended)
    }

    /// Removes a walk whose client gets its reply or has disconnected.
    pub(crate) fn take(&mut self, id: Uuid) -> Option<Walk> {
        let at = self.all.iter().position(|walk| walk.id == id)?;
        self.all.remove(at)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, walk: Walk) {
        self.all.push_back(walk);
    }

    /// Runs a slice of a walk, if it is a walk's turn: while jobs are live, every other turn is theirs.
    /// Returns the id under which the walk's client waits if the walk ended; nothing if no slice ran.
    pub(crate) fn turn(&mut self, ctx: Ctx<'_>, jobs_live: bool) -> Option<Option<Uuid>> {
        let had_turn = std::mem::take(&mut self.had_turn);
        if had_turn && jobs_live {
            return None;
        }
        let at = self.all.iter().position(|walk| !walk.ended)?;
        let mut walk = self.all.remove(at)?;
        self.had_turn = true;
        if guard("a slice of a walk", || walk.slice(ctx)).is_none() {
            walk.give_up();
        }
        let ended = walk.ended.then_some(walk.id);
        // The other walks come first now.
        self.all.push_back(walk);
        Some(ended)
    }

    /// The databases that `hit` chooses have other keys now: what was found there is not true any more.
    pub(crate) fn restart(&mut self, hit: impl Fn(i32) -> bool) {
        for walk in self.all.iter_mut().filter(|walk| hit(walk.db)) {
            walk.cursor = Cursor::new();
            walk.aside = VecDeque::from([Aside::Bindings(FIRST.to_vec())]);
            walk.found = FoundQueues::default();
            walk.keys = 0;
            walk.last = false;
        }
    }
}
