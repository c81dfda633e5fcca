//! RQ's jobs, opened for one callback together with the list of their ids. Each job is a hash of its own, and a few
//! keys leave with it.
//!
//! A key whose time is over is deleted by the server as soon as somebody opens it, and replicas get that deletion
//! before the unit. So a job that is to be removed stays open from the reading by which it was judged, and nothing is
//! opened under its name meanwhile: an id can stand twice, and `rq:job:a:dependents` can be a job itself.

use std::collections::HashMap;

use qadmin_core::format::{RQ_FIELDS, RqPlace, rq_message};
use qadmin_core::message_place::RqKeys;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::hash::expired_fields;
use super::opened_key::{Key, READ, reading};
use super::string::RString;

/// The jobs of one list.
pub(crate) struct JobHashes<'c> {
    ctx: Ctx<'c>,
    keys: RqKeys,
    /// [`RQ_FIELDS`], as the server takes them.
    names: [RString; RQ_FIELDS.len()],
    /// The flags with which keys are only read, and those with which jobs are opened.
    reading: u32,
    flags: u32,
    /// The job that was read last, if jobs are removed.
    last: Option<Job<'c>>,
    /// The jobs that are to be removed, or whose ids were removed, by their ids, with the texts as which they were read.
    held: HashMap<Vec<u8>, (Job<'c>, RString)>,
    /// The ids that were removed from the list, in their order.
    removed: Vec<RString>,
    /// Which fields the jobs of these ids had: the bit `1 << n` stands for `RQ_FIELDS[n]`.
    seen: Vec<u16>,
    /// Where a unit is repeated: the fields that are read of the jobs that follow.
    sees: Option<std::vec::IntoIter<u16>>,
    /// The keys that were deleted.
    deleted: Vec<RString>,
}

/// A job that was read.
struct Job<'c> {
    key: Key<'c>,
    /// The fields that it had.
    seen: u16,
}

impl<'c> JobHashes<'c> {
    /// Prepares to read jobs, or also to remove some.
    pub(crate) fn new(ctx: Ctx<'c>, keys: RqKeys, removes: bool) -> Self {
        let reading = reading();
        let mut flags = reading;
        if removes {
            flags |= raw::REDISMODULE_WRITE;
        }
        // What a file contains was done while the fields were there, whatever time it is now.
        if ctx.flags().loading() {
            flags |= expired_fields();
        }
        let (held, removed, seen, deleted) = Default::default();
        let names = RQ_FIELDS.map(RString::new);
        Self { ctx, keys, names, reading, flags, last: None, held, removed, seen, sees: None, deleted }
    }

    /// Reads of each following job only these fields.
    pub(super) fn sees(&mut self, fields: Vec<u16>) {
        self.sees = Some(fields.into_iter());
    }

    /// Returns which fields the jobs of the removed ids had.
    pub(super) fn seen(&self) -> &[u16] {
        &self.seen
    }

    /// Returns the job of an id as one text. It is empty if there is none.
    pub(super) fn message(&mut self, id: &RString) -> RString {
        self.last = None;
        let sees = match &mut self.sees {
            None => u16::MAX,
            // The unit has as many of them as ids.
            Some(sees) => sees.next().unwrap_or_default(),
        };
        if let Some((_, message)) = self.held.get(id.bytes()) {
            return RString::new(message.bytes());
        }
        let Some((job, message)) = self.read(id, sees) else { return RString::new(b"") };
        self.last = Some(job).filter(|_| self.flags & raw::REDISMODULE_WRITE != 0);
        message
    }

    /// Opens a job and writes these fields of it as a text, if the id has one.
    fn read(&self, id: &RString, sees: u16) -> Option<(Job<'c>, RString)> {
        let key = Key::open(self.ctx, self.keys.job(id.bytes()), self.flags)?;
        if !key.is(raw::REDISMODULE_KEYTYPE_HASH) {
            return None;
        }
        let mut seen = 0;
        let fields = key.fields(&self.names);
        let fields: [Option<&[u8]>; RQ_FIELDS.len()] = std::array::from_fn(|at| {
            let field = fields[at].as_ref().filter(|_| sees & (1 << at) != 0)?;
            seen |= 1 << at;
            Some(field.bytes())
        });
        // No job in a unit had dependents where it was judged. Another server can still have such a key whose time is over.
        let has_dependents = self.sees.is_none() && self.has_dependents(id);
        let (queue, status) = (self.keys.queue(), self.keys.status());
        let place = RqPlace { id: id.bytes(), queue, status, has_dependents };
        let message = RString::new(rq_message(&place, &fields));
        Some((Job { key, seen }, message))
    }

    /// Returns whether other jobs wait for the job of this id: whether there is such a key, whatever it holds.
    fn has_dependents(&self, id: &RString) -> bool {
        let name = self.keys.dependents(id.bytes());
        let is_held = self.keys.id_of(&name).is_some_and(|id| self.held.contains_key(id));
        is_held || Key::open(self.ctx, name, self.reading).is_some()
    }

    /// The job that was read last as this text, of this id, is to be removed.
    pub(super) fn plan(&mut self, id: &RString, message: RString) {
        if let Some(job) = self.last.take() {
            self.held.insert(id.bytes().to_vec(), (job, message));
        }
    }

    /// Remembers that the id of the job that was read last as this text was removed.
    pub(super) fn take(&mut self, id: RString, message: RString) {
        self.plan(&id, message);
        self.seen.push(self.held.get(id.bytes()).map_or(0, |(job, _)| job.seen));
        self.removed.push(id);
    }

    /// Deletes the jobs of the removed ids, and the keys that belong to them.
    pub(super) fn remove(&mut self) {
        self.last = None;
        let mut gone = Vec::with_capacity(self.removed.len());
        for id in &self.removed {
            // An id that stood twice has one job.
            if let Some((mut job, _)) = self.held.remove(id.bytes()) {
                job.key.delete();
                self.deleted.push(job.key.close());
                gone.push(id);
            }
        }
        // No job is open any more when other keys are, which can have the names of jobs.
        self.held.clear();
        for id in gone {
            let others = [
                (self.keys.dependencies(id.bytes()), raw::REDISMODULE_KEYTYPE_SET),
                (self.keys.results(id.bytes()), raw::REDISMODULE_KEYTYPE_STREAM),
            ];
            for (name, kind) in others {
                let key = Key::open(self.ctx, name, READ | raw::REDISMODULE_WRITE);
                if let Some(mut key) = key.filter(|key| key.is(kind)) {
                    key.delete();
                    self.deleted.push(key.close());
                }
            }
        }
    }

    /// Closes all keys, and signals the deleted ones as modified (WATCH, client-side caches). Returns their names.
    pub(super) fn close(self) -> Vec<RString> {
        for name in &self.deleted {
            // SAFETY: context and name are live.
            unsafe { api!(RedisModule_SignalModifiedKey(self.ctx.raw(), name.raw())) };
        }
        self.deleted
    }
}

const _: () = assert!(RQ_FIELDS.len() <= u16::BITS as usize, "each field has a bit");
