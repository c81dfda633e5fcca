//! Which jobs a caller may see by a command: those of queues and lists that it may read.

use std::collections::HashMap;

use qadmin_core::container::Container;
use qadmin_core::job::{Ended, Job, Member, Record};
use qadmin_core::kind::MessageKind;
use qadmin_core::message_place::{IdKey, MessageKeys};
use qadmin_core::request::CommandSpec;

use super::queue::target::of_record;
use crate::redis::acl::Access;
use crate::redis::caller::Caller;
use crate::rights::{Need, may, needs_of_messages};

/// Selects the jobs of a queue that the caller may see.
pub(super) struct Visible<'a> {
    command: &'static CommandSpec,
    caller: Caller,
    /// If it is given, only jobs of this queue are selected.
    queue: Option<&'a [u8]>,
    /// Permissions by the names of the keys of a job, because most jobs are on few queues.
    readable: HashMap<Vec<(Vec<u8>, Access)>, bool>,
}

impl<'a> Visible<'a> {
    pub(super) fn new(command: &'static CommandSpec, caller: Caller, queue: Option<&'a [u8]>) -> Self {
        Self { command, caller, queue, readable: HashMap::new() }
    }

    /// Returns whether the caller may see a live job.
    pub(super) fn has_live(&mut self, job: &Job) -> bool {
        self.has(&job.start().queue, job.keys(), job.start().storage.message_keys())
    }

    /// Returns whether the caller may see a remembered job.
    pub(super) fn has_ended(&mut self, job: &Ended) -> bool {
        let messages = message_keys(&job.record);
        self.has(&job.queue, job.keys.iter().map(Vec::as_slice), messages.as_ref())
    }

    /// Returns whether the caller may see a job that is known by its record alone.
    pub(super) fn has_record(&mut self, record: &Record) -> bool {
        let (others, messages) = (of_record(record), message_keys(record));
        self.has(record.text(Member::Queue), others.iter().map(Vec::as_slice), messages.as_ref())
    }

    /// Returns whether the caller may see a job on this queue and these lists, whose messages are in these keys.
    fn has<'k>(
        &mut self,
        queue: &[u8],
        lists: impl Iterator<Item = &'k [u8]>,
        messages: Option<&MessageKeys>,
    ) -> bool {
        if self.queue.is_some_and(|wanted| wanted != queue) {
            return false;
        }
        let mut keys: Vec<_> = keys(queue, lists).into_iter().map(|key| (key, Access::Read)).collect();
        let messages = messages.into_iter().flat_map(|keys| needs_of_messages(keys, Access::Read));
        keys.extend(messages.map(|(key, access)| (key.to_vec(), access)));
        if let Some(may) = self.readable.get(&keys) {
            return *may;
        }
        let needs: Vec<Need<'_>> = keys.iter().map(|(key, access)| (key.as_slice(), *access)).collect();
        let may = may(&self.caller, self.command, &needs);
        self.readable.insert(keys, may);
        may
    }
}

/// Returns the keys with the messages of a job's ids, by its record alone. Who may not read the
/// messages may not see the sample of the job.
pub(super) fn message_keys(record: &Record) -> Option<MessageKeys> {
    let kind = MessageKind::parse(record.text(Member::MessageKind)).ok()?;
    let is_set = record.text(Member::Container) == Container::SetOfIds.word().as_bytes();
    let of = if is_set { IdKey::SortedSet } else { IdKey::List };
    kind.spec().place.keys_of(record.text(Member::Queue), of)
}

/// The name of the queue and the keys of the other lists that the job examines.
pub(super) fn keys<'a>(queue: &[u8], lists: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let others = lists.filter(|key| *key != queue).map(<[u8]>::to_vec);
    std::iter::once(queue.to_vec()).chain(others).collect()
}
