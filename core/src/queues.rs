//! The queues of a keyspace: what the names of kombu's keys mean, and rows from what a walk over the keys has
//! found.

use std::collections::{BTreeMap, HashMap};

use crate::container::Container;
use crate::error::Error;
use crate::filter::Projection;
use crate::index::Ages;
use crate::kind::MessageKind;
use crate::priorities::Priority;
use crate::reply::Reply;

/// The name of a set of bindings, after the prefix that all keys of an app can have.
const BINDING: &[u8] = b"_kombu.binding.";

/// Queues that one reply lists; the deepest ones.
pub const LISTED_MAX: usize = 1_000;
/// Queues that one walk remembers.
pub const FOUND_MAX: usize = 4_096;
/// Bytes of their names.
pub const FOUND_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Returns whether the messages in a sorted set of this name are held by workers: Laravel's workers move a job that they
/// run from `queues:<name>` to `queues:<name>:reserved`. Removing it there does not stop it.
#[must_use]
pub fn is_held(kind: MessageKind, key: &[u8]) -> bool {
    kind == MessageKind::Laravel && key.ends_with(b":reserved")
}

/// What resque-scheduler calls the sorted set of the times at which jobs are due, after the prefix of its keys, and what it puts
/// before such a time for the list of the jobs that are due then (`delaying_extensions.rb` of resque-scheduler 5.0).
const SCHEDULE: &[u8] = b"delayed_queue_schedule";
const DELAYED: &[u8] = b"delayed:";

/// Returns the schedule to which a list of delayed jobs of resque-scheduler belongs, if it is one by its name. Whether it is one
/// in fact, the schedule shows.
#[must_use]
pub fn delayed_schedule(list: &[u8]) -> Option<Vec<u8>> {
    let digits = list.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let prefix = list[..list.len() - digits].strip_suffix(DELAYED)?;
    let is_prefix = prefix.is_empty() || prefix.ends_with(b":");
    (digits > 0 && is_prefix).then(|| [prefix, SCHEDULE].concat())
}

/// Returns whether a sorted set is resque-scheduler's schedule by its name.
#[must_use]
pub fn is_schedule(key: &[u8]) -> bool {
    key.strip_suffix(SCHEDULE).is_some_and(|prefix| prefix.is_empty() || prefix.ends_with(b":"))
}

/// Returns the prefix of the app whose bindings this set holds.
#[must_use]
pub fn binding_prefix(key: &[u8]) -> Option<&[u8]> {
    key.windows(BINDING.len()).position(|bytes| bytes == BINDING).map(|at| &key[..at])
}

/// Returns the queue of a binding: what follows routing key and pattern, each with the separator after it.
#[must_use]
pub fn bound_queue<'a>(member: &'a [u8], separator: &[u8]) -> Option<&'a [u8]> {
    let after = |rest: &[u8]| {
        rest.windows(separator.len()).position(|bytes| bytes == separator).map(|at| at + separator.len())
    };
    let pattern = &member[after(member)?..];
    Some(&pattern[after(pattern)?..])
}

/// The result of reading a few messages of one list or sorted set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// The container, where it is known that it is not a list of messages.
    pub container: Option<Container>,
    /// The number of messages in it.
    pub depth: u64,
    /// The number of messages that were read.
    pub sampled: u64,
    /// The size of these messages, bytes.
    pub sampled_bytes: u64,
    /// The task of the message that runs next.
    pub task: Option<Vec<u8>>,
    /// The kind that these messages look like, if it is not the expected one, or `ids`.
    pub looks_like: Option<&'static str>,
    /// The ages and rates of the list, if it has an index that can answer.
    pub ages: Option<Ages>,
}

impl Glance {
    fn bytes_estimate(&self) -> u64 {
        let all = u128::from(self.sampled_bytes) * u128::from(self.depth);
        u64::try_from(all.checked_div(self.sampled.into()).unwrap_or(0)).unwrap_or(u64::MAX)
    }
}

/// Reads the message that runs next: whether its list looks like a queue, and which task it has.
#[derive(Debug)]
pub struct NextMessage(Projection);

impl NextMessage {
    /// A reader of messages of this kind.
    ///
    /// # Errors
    /// None, as long as its fields exist.
    pub fn of(kind: MessageKind) -> Result<Self, Error> {
        Projection::of(kind, &[b"undecodable", b"task"]).map(Self)
    }

    /// Returns the task, if there is one; `None` for an element that is not a message.
    pub fn task(&mut self, message: &[u8]) -> Option<Option<Vec<u8>>> {
        // Most lists that are not queues are recognised by their first byte.
        if message.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
            return None;
        }
        let mut members = self.0.row(message).into_iter();
        if members.next()?.1 != Reply::Int(0) {
            return None;
        }
        Some(
            members.next().and_then(|(_, task)| if let Reply::Text(task) = task { Some(task) } else { None }),
        )
    }
}

/// One queue: its own list and its priority lists.
#[derive(Debug, Default)]
struct Queue {
    own: Glance,
    steps: BTreeMap<u64, Glance>,
    bound: bool,
}

impl Queue {
    fn lists(&self) -> impl Iterator<Item = &Glance> {
        std::iter::once(&self.own).chain(self.steps.values())
    }

    fn depth(&self) -> u64 {
        self.lists().map(|list| list.depth).sum()
    }

    /// `None` if only a binding names it: none of its lists exists.
    fn container(&self) -> Option<Container> {
        let priority = (!self.steps.is_empty()).then_some(Priority::All);
        Container::of(self.own.container, priority, self.depth() > 0)
    }

    fn row(&self, name: &[u8]) -> Reply {
        let steps = self
            .steps
            .iter()
            .map(|(step, list)| Reply::map().with("step", *step).with("depth", list.depth).build());
        // Workers read the queue's own list first, then the steps in their order.
        let next = self.lists().find(|list| list.depth > 0);
        let map = Reply::map()
            .with("queue", name)
            .with("depth", self.depth())
            .with("own_depth", self.own.depth)
            .with("priorities", steps.collect::<Vec<_>>())
            .with("bytes_estimate", self.lists().map(Glance::bytes_estimate).fold(0, u64::saturating_add))
            .with("next_task", next.and_then(|list| list.task.clone()))
            .with("bound", self.bound)
            .with("looks_like", next.and_then(|list| list.looks_like))
            .with("container", self.container());
        let lists: Vec<_> = self.lists().map(|list| (list.depth, list.ages)).collect();
        let ages = Ages::of_lists(&lists);
        Ages::append_waits(ages, Ages::append(ages, map)).build()
    }
}

/// What a walk has found so far.
#[derive(Debug, Default)]
pub struct FoundQueues {
    queues: HashMap<Vec<u8>, Queue>,
    name_bytes: usize,
    cut: bool,
}

impl FoundQueues {
    /// Adds a list or a sorted set that looks like a queue: as a queue of its own or as the priority list of one. The
    /// walk may find it more than once.
    pub fn key(&mut self, name: &[u8], step: Option<u64>, glance: Glance) {
        if let Some(queue) = self.queue(name) {
            match step {
                None => queue.own = glance,
                Some(step) => {
                    queue.steps.insert(step, glance);
                }
            }
        }
    }

    /// A queue that a binding names.
    pub fn bound(&mut self, name: &[u8]) {
        if let Some(queue) = self.queue(name) {
            queue.bound = true;
        }
    }

    /// Notes that something was not read.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    fn queue(&mut self, name: &[u8]) -> Option<&mut Queue> {
        if !self.queues.contains_key(name) {
            if self.queues.len() >= FOUND_MAX || self.name_bytes + name.len() > FOUND_BYTES_MAX {
                self.cut = true;
                return None;
            }
            self.name_bytes += name.len();
        }
        Some(self.queues.entry(name.to_vec()).or_default())
    }

    /// Returns the rows, deepest first, then by name; and whether they are all that a whole walk finds.
    #[must_use]
    pub fn rows(&self) -> (Vec<Reply>, bool) {
        let mut queues: Vec<_> =
            self.queues.iter().map(|(name, queue)| (std::cmp::Reverse(queue.depth()), name, queue)).collect();
        queues.sort_unstable_by_key(|(depth, name, _)| (*depth, *name));
        let whole = !self.cut && queues.len() <= LISTED_MAX;
        (queues.iter().take(LISTED_MAX).map(|(_, name, queue)| queue.row(name)).collect(), whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kombu_are_taken_apart() {
        assert_eq!(binding_prefix(b"_kombu.binding.celery"), Some(&b""[..]));
        assert_eq!(binding_prefix(b"app:_kombu.binding.celery"), Some(&b"app:"[..]));
        assert_eq!(binding_prefix(b"_kombu.bindin"), None);
        let bound_queue = |member| bound_queue(member, crate::priorities::SEPARATOR);
        assert_eq!(bound_queue(b"celery\x06\x16\x06\x16celery"), Some(&b"celery"[..]));
        assert_eq!(bound_queue(b"\x06\x16*\x06\x16q\x06\x163"), Some(&b"q\x06\x163"[..]));
        assert_eq!(bound_queue(b"a\x06\x16b"), None);
    }

    #[test]
    fn lists_of_delayed_jobs_name_their_schedule() {
        let schedule =
            |list: &str| delayed_schedule(list.as_bytes()).and_then(|key| String::from_utf8(key).ok());
        assert_eq!(schedule("resque:delayed:1795872663").as_deref(), Some("resque:delayed_queue_schedule"));
        assert_eq!(schedule("a:b:delayed:7").as_deref(), Some("a:b:delayed_queue_schedule"));
        assert_eq!(schedule("delayed:7").as_deref(), Some("delayed_queue_schedule"));
        for other in ["resque:queue:mail", "resque:delayed:", "resque:delayed:x7", "undelayed:7", "7", ""] {
            assert_eq!(schedule(other), None, "{other}");
        }
        assert!(is_schedule(b"resque:delayed_queue_schedule") && !is_schedule(b"x_delayed_queue_schedule"));
    }

    #[test]
    fn non_message_list_is_not_a_queue() {
        let mut next = NextMessage::of(MessageKind::Celery).expect("fields");
        assert_eq!(next.task(br#"{"headers": {"task": "a.b"}}"#), Some(Some(b"a.b".to_vec())));
        assert_eq!(next.task(b" {}"), Some(None));
        for none in [&b""[..], b"x", b"[]", b"{", b"{} x", b"\xff"] {
            assert_eq!(next.task(none), None, "{none:?}");
        }
    }

    fn glance(depth: u64) -> Glance {
        Glance {
            container: None,
            depth,
            sampled: 2,
            sampled_bytes: 20,
            task: Some(depth.to_string().into_bytes()),
            looks_like: None,
            ages: None,
        }
    }

    #[test]
    fn rows_add_up_priority_lists_and_are_sorted_by_depth_and_name() {
        let mut found = FoundQueues::default();
        found.key(b"b", None, glance(5));
        found.key(b"a", None, glance(5));
        found.key(b"p", Some(9), glance(4));
        found.key(b"p", Some(3), glance(3));
        found.bound(b"p");
        found.bound(b"empty");
        found.key(b"retry", None, Glance { container: Some(Container::SortedSet), ..glance(6) });
        found.key(b"a", None, glance(5));
        let (rows, whole) = found.rows();
        let mut rows: Vec<String> =
            rows.iter().map(|row| String::from_utf8(row.to_json()).expect("JSON")).collect();
        assert!(whole);
        assert_eq!(
            rows[0],
            r#"{"queue":"p","depth":7,"own_depth":0,"priorities":[{"step":3,"depth":3},{"step":9,"depth":4}],"bytes_estimate":70,"next_task":"3","bound":1,"looks_like":null,"container":"lists","next_age":null,"next_at_least":null,"oldest_age":null,"oldest_at_least":null,"pushed_per_minute":null,"popped_per_minute":null,"waits":null,"wait_mean_ms":null}"#
        );
        let retry = rows.remove(1);
        assert!(retry.contains(r#""queue":"retry","depth":6,"own_depth":6,"#), "{retry}");
        assert!(retry.contains(r#""container":"sorted_set""#), "{retry}");
        assert!(rows[1].contains(r#""queue":"a","depth":5,"own_depth":5,"#), "{rows:?}");
        assert!(rows[2].contains(r#""queue":"b""#), "{rows:?}");
        assert!(rows[1..3].iter().all(|row| row.ends_with(r#""container":"list","next_age":null,"next_at_least":null,"oldest_age":null,"oldest_at_least":null,"pushed_per_minute":null,"popped_per_minute":null,"waits":null,"wait_mean_ms":null}"#)), "{rows:?}");
        assert!(rows[3].ends_with(r#""container":null,"next_age":null,"next_at_least":null,"oldest_age":null,"oldest_at_least":null,"pushed_per_minute":null,"popped_per_minute":null,"waits":null,"wait_mean_ms":null}"#), "{rows:?}");
        assert!(
            rows[3]
                .contains(r#""depth":0,"own_depth":0,"priorities":[],"bytes_estimate":0,"next_task":null"#)
        );
    }

    #[test]
    fn the_number_of_found_queues_is_bounded_and_reported() {
        let mut found = FoundQueues::default();
        for n in 0..FOUND_MAX + 1 {
            found.key(format!("q{n}").as_bytes(), None, glance(n as u64));
        }
        assert_eq!(found.queues.len(), FOUND_MAX);
        let (rows, whole) = found.rows();
        assert_eq!((rows.len(), whole), (LISTED_MAX, false));
        let mut found = FoundQueues::default();
        (0..3).for_each(|n| found.bound(&vec![n; FOUND_BYTES_MAX / 2]));
        assert_eq!(found.queues.len(), 2);
    }
}
