//! The simple queue: a list of messages with identity.

use std::collections::VecDeque;
use std::rc::Rc;

use super::align::{Slot, missing};
use super::job::Job;
use super::rng::Rng;
use super::status::Status;

/// A side of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Head,
    Tail,
}

impl End {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Head => "LEFT",
            Self::Tail => "RIGHT",
        }
    }
}

/// The kind of a message for the filters of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    A,
    B,
    Other,
    /// It is not JSON.
    Undecodable,
}

pub(super) const KINDS: [Kind; 4] = [Kind::A, Kind::B, Kind::Other, Kind::Undecodable];

/// A message before it is in a queue.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) kind: Kind,
    pub(super) bytes: Rc<Vec<u8>>,
}

/// A message in a queue. The server never sees `uid`, which distinguishes byte-identical messages, and a
/// message that left and came back from its former self.
#[derive(Debug, Clone)]
pub(super) struct Msg {
    pub(super) uid: u64,
    pub(super) text: Text,
}

/// Generates the messages of one run.
#[derive(Debug)]
pub(super) struct Maker {
    /// Whether each message has its own id; otherwise all messages of a kind are the same bytes.
    pub(super) unique: bool,
    /// The share of each kind, in percent.
    pub(super) shares: [usize; 4],
    pub(super) padding: usize,
    pub(super) made: u64,
}

impl Maker {
    pub(super) fn text(&mut self, rng: &mut Rng) -> Text {
        let mut dice = rng.below(100);
        let at = self.shares.iter().position(|share| match dice.checked_sub(*share) {
            Some(rest) => {
                dice = rest;
                false
            }
            None => true,
        });
        let kind = KINDS[at.unwrap_or(2)];
        self.made += u64::from(self.unique);
        let (id, pad) = (self.made, "-".repeat(self.padding));
        let bytes = match kind {
            Kind::Undecodable => format!("no message {id} {pad}"),
            Kind::A | Kind::B | Kind::Other => format!(
                r#"{{"body":"W10=","headers":{{"task":"{kind:?}","id":"{id}","pad":"{pad}"}},"properties":{{}}}}"#
            ),
        };
        Text { kind, bytes: Rc::new(bytes.into_bytes()) }
    }
}

/// One queue with its jobs.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The front is the head.
    pub(super) list: VecDeque<Msg>,
    /// Another list in the same database, without jobs.
    pub(super) side: VecDeque<Text>,
    pub(super) jobs: Vec<Job>,
    uids: u64,
}

impl Queue {
    fn msg(&mut self, text: Text) -> Msg {
        self.uids += 1;
        Msg { uid: self.uids, text }
    }

    /// Returns the ids of the jobs.
    pub(super) fn ids(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.id.clone()).collect()
    }

    /// L/RPUSH of one message.
    pub(super) fn push(&mut self, end: End, text: &Text) {
        let msg = self.msg(text.clone());
        match end {
            End::Head => self.list.push_front(msg),
            End::Tail => self.list.push_back(msg),
        }
        self.jobs.iter_mut().for_each(Job::message_arrived);
    }

    /// Pops one message at an end; the caller calls [`Queue::gone_if_empty`] after its command.
    pub(super) fn pop(&mut self, end: End) -> Option<Text> {
        let msg = match end {
            End::Head => self.list.pop_front(),
            End::Tail => self.list.pop_back(),
        }?;
        self.jobs.iter_mut().for_each(|job| job.message_left(&msg));
        Some(msg.text)
    }

    /// A list without messages does not exist: it is as good as deleted.
    pub(super) fn gone_if_empty(&mut self) {
        if self.list.is_empty() {
            self.gone();
        }
    }

    /// The key was deleted, renamed or replaced.
    pub(super) fn gone(&mut self) {
        self.list.clear();
        self.jobs.iter_mut().for_each(Job::queue_gone);
    }

    /// The list was changed inside: `change` inserts texts at indexes and removes others.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut VecDeque<Msg>, &mut dyn FnMut(Text) -> Msg)) {
        let mut list = std::mem::take(&mut self.list);
        let mut fresh = Vec::new();
        change(&mut list, &mut |text| {
            let msg = self.msg(text);
            fresh.push(msg.uid);
            msg
        });
        self.list = list;
        for job in &mut self.jobs {
            // A message that was not pushed at an end cannot be distinguished from the snapshot, so it can be
            // examined.
            job.queue_edited(&fresh);
        }
        self.gone_if_empty();
    }

    /// Compares with the server's content after slices ran: everything is there in its order except for
    /// messages that a job can have cleared, and the jobs' counters agree.
    pub(super) fn settle(&mut self, now: &[Vec<u8>], statuses: &[Status]) {
        let may_go = |msg: &Msg| self.jobs.iter().any(|job| job.may_clear(msg));
        let before: Vec<Slot<'_>> =
            self.list.iter().map(|msg| Slot { bytes: &msg.text.bytes, may_go: may_go(msg) }).collect();
        let Some(indexes) = missing(&before, now) else {
            let kinds = |mut of: Vec<String>| {
                of.truncate(60);
                of.join("\n  ")
            };
            panic!(
                "the queue lost or moved a message that no job may touch\nexpected (? = may be cleared):\n  {}\nfound:\n  {}",
                kinds(
                    before
                        .iter()
                        .map(|s| format!(
                            "{}{}",
                            String::from_utf8_lossy(s.bytes),
                            if s.may_go { " ?" } else { "" }
                        ))
                        .collect()
                ),
                kinds(now.iter().map(|m| String::from_utf8_lossy(m).into_owned()).collect()),
            );
        };
        let mut taken = Vec::new();
        for index in indexes.iter().rev() {
            taken.extend(self.list.remove(*index));
        }
        let cleared = |(job, status): (&Job, &Status)| status.deleted - job.seen.deleted;
        let by: Vec<i64> = self.jobs.iter().zip(statuses).map(cleared).collect();
        let all: i64 = by.iter().sum();
        assert_eq!(
            all,
            i64::try_from(taken.len()).expect("small"),
            "cleared messages = `deleted`: {statuses:?}"
        );
        for (at, status) in statuses.iter().enumerate() {
            self.jobs[at].slices_ran(status, &taken, all - by[at], &self.list);
        }
        // A job that has ended is finished: nothing that happens now can change its counters, which `ended`
        // compared.
        let mut ended = statuses.iter().map(Status::has_ended);
        self.jobs.retain(|_| !ended.next().unwrap_or(false));
    }
}
