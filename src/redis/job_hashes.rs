//! Jobs that have keys of their own, hashes or strings, opened for one callback together with the key of their ids. A few other keys leave
//! with a job.
//!
//! A key whose time is over is deleted by the server as soon as somebody opens it, and replicas get that deletion
//! before the unit. So a job that is to be removed stays open from the reading by which it was judged, and nothing is
//! opened under its name meanwhile: an id can stand twice, and `rq:job:a:dependents` can be a job itself.

use std::collections::HashMap;

use qadmin_core::format::{JobText, Skim};
use qadmin_core::message_place::{JobKeys, OtherKey};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::hash::expired_fields;
use super::opened_key::{Key, READ, reading};
use super::string::RString;

/// What jobs are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// They are counted and shown.
    Show,
    /// Some of them are to be removed by commands of the server, after they were closed.
    Judge,
    /// Some of them are removed by these handles.
    Remove,
}

/// The jobs of one key of ids.
pub(crate) struct JobHashes<'c> {
    ctx: Ctx<'c>,
    text: JobText,
    /// [`JobText::fields`], as the server takes them.
    names: Vec<RString>,
    /// Jobs that are blocked have to be known.
    looks_for_blockers: bool,
    /// The flags with which keys are only read, and those with which jobs are opened.
    reading: u32,
    flags: u32,
    /// The fields that [`Self::skim`] reads; `None` if jobs are read as a whole.
    skim: Option<Skim>,
    /// The text that it wrote last.
    part: Vec<u8>,
    /// The job of which it was written.
    begun: Option<Key<'c>>,
    /// The job that was read last, if jobs are removed.
    last: Option<Job<'c>>,
    /// The jobs that are to be removed, or whose ids were removed, by their ids, with the texts as which they were read.
    held: HashMap<Vec<u8>, (Job<'c>, RString)>,
    /// The ids that were removed from the list, in their order.
    removed: Vec<RString>,
    /// Which fields the jobs of these ids had: the bit `1 << n` stands for the field `n` of [`JobText::fields`], and
    /// [`HELD_IT`] for a key beside the job.
    seen: Vec<u32>,
    /// Where a unit is repeated: the fields that are read of the jobs that follow.
    sees: Option<std::vec::IntoIter<u32>>,
    /// The keys that were deleted.
    deleted: Vec<RString>,
    /// The ids whose jobs were deleted.
    gone: Vec<RString>,
    /// The sorted set that some of these ids left: see [`JobKeys::other_ids`].
    left: Option<LeftSet>,
}

/// The jobs that were removed, after their keys were closed.
pub(crate) struct RemovedJobs {
    /// The names of their keys, and of those that left with them.
    pub(crate) deleted: Vec<RString>,
    /// Their ids.
    pub(crate) ids: Vec<RString>,
    /// The sorted set that some of these ids left.
    pub(crate) left: Option<LeftSet>,
}

/// A sorted set that ids left.
pub(crate) struct LeftSet {
    /// Its key.
    pub(crate) name: RString,
    /// The key is gone with its last id.
    pub(crate) is_emptied: bool,
}

/// A job that was read.
struct Job<'c> {
    key: Key<'c>,
    /// The fields that it had.
    seen: u32,
    /// What it may have reserved: see [`JobKeys::reserved`].
    reserved: Option<RString>,
    /// Where a unit is repeated: whether it had reserved that.
    held_it: Option<bool>,
}

/// More than the number of fields of a job: see [`JobText::fields`].
const FIELDS: usize = 32;
/// The bit that says of a removed job that it had reserved something.
const HELD_IT: u32 = 1 << 31;

impl<'c> JobHashes<'c> {
    /// Prepares to read jobs.
    pub(super) fn new(ctx: Ctx<'c>, keys: JobKeys, used: Use) -> Self {
        let reading = reading();
        let mut flags = reading;
        if used == Use::Remove {
            flags |= raw::REDISMODULE_WRITE;
        }
        // What a file contains was done while the fields were there, whatever time it is now.
        if ctx.flags().loading() {
            flags |= expired_fields();
        }
        let looks_for_blockers = used != Use::Show || keys.is_blocked_while_it_waits();
        let text = JobText::new(keys);
        let names = text.fields().iter().map(RString::new).collect();
        let (held, removed, seen, deleted, gone) = Default::default();
        Self {
            ctx,
            text,
            names,
            looks_for_blockers,
            reading,
            flags,
            skim: None,
            part: Vec::new(),
            begun: None,
            last: None,
            held,
            removed,
            seen,
            sees: None,
            deleted,
            gone,
            left: None,
        }
    }

    /// Reads of each following job only these fields.
    pub(super) fn sees(&mut self, fields: Vec<u32>) {
        self.sees = Some(fields.into_iter());
    }

    /// Lets [`Self::skim`] read these fields.
    pub(super) fn skims(&mut self, skim: Skim) {
        self.skim = Some(skim);
    }

    /// Returns a text of the few fields of a job by which a filter can rule it out; `None` if it has to be read as a whole. It
    /// cannot be removed before that, and its key stays open for it.
    pub(super) fn skim(&mut self, id: &RString) -> Option<&[u8]> {
        (self.last, self.begun) = (None, None);
        let skim = self.skim?;
        // A job that is to be removed is not opened again.
        if self.sees.is_some() || self.held.contains_key(id.bytes()) {
            return None;
        }
        let key = Key::open(self.ctx, self.text.keys().job(id.bytes())?, self.flags)?;
        if !key.is(raw::REDISMODULE_KEYTYPE_HASH) {
            return None;
        }
        let mut values: [Option<RString>; FIELDS] = [const { None }; FIELDS];
        let mut bytes: [Option<&[u8]>; FIELDS] = [None; FIELDS];
        for (at, (value, name)) in values.iter_mut().zip(&self.names).enumerate() {
            *value = if skim.reads(at) { key.field(name) } else { None };
        }
        for (bytes, value) in bytes.iter_mut().zip(&values) {
            *bytes = value.as_ref().map(RString::bytes);
        }
        self.part.clear();
        let is_enough = self.text.skim(id.bytes(), bytes.get(..self.names.len())?, &mut self.part);
        self.begun = Some(key);
        is_enough.then_some(&self.part)
    }

    /// Returns which fields the jobs of the removed ids had.
    pub(super) fn seen(&self) -> &[u32] {
        &self.seen
    }

    /// Returns the job of an id as one text. It is empty if there is none.
    pub(super) fn message(&mut self, id: &RString) -> RString {
        self.last = None;
        let sees = match &mut self.sees {
            None => u32::MAX,
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
    fn read(&mut self, id: &RString, sees: u32) -> Option<(Job<'c>, RString)> {
        let name = self.text.keys().job(id.bytes())?;
        let key = match self.begun.take().filter(|begun| begun.name() == name) {
            Some(begun) => begun,
            None => Key::open(self.ctx, name, self.flags)?,
        };
        let mut fields: Vec<Option<RString>> = match self.text.keys().are_strings() {
            true => vec![Some(key.text()?)],
            false if key.is(raw::REDISMODULE_KEYTYPE_HASH) => {
                self.names.iter().map(|name| key.field(name)).collect()
            }
            false => return None,
        };
        let mut seen = 0;
        for (at, field) in fields.iter_mut().enumerate() {
            match sees & (1 << at) {
                0 => *field = None,
                bit if field.is_some() => seen |= bit,
                _ => {}
            }
        }
        // No job in a unit was blocked where it was judged. Another server can still have such a key whose time is over.
        let reserved = self.text.reserving_field().and_then(|at| fields[at].as_ref());
        let next = reserved.and_then(|reserved| self.text.keys().held_back(reserved.bytes()));
        let is_blocked = self.looks_for_blockers && self.sees.is_none() && self.is_blocked(id, next);
        let bytes: Vec<Option<&[u8]>> =
            fields.iter().map(|field| field.as_ref().map(RString::bytes)).collect();
        let message = RString::new(self.text.of(id.bytes(), &bytes, is_blocked));
        let reserved = self.text.reserving_field().and_then(|at| fields[at].take());
        let held_it = self.sees.is_some().then_some(sees & HELD_IT != 0);
        Some((Job { key, seen, reserved, held_it }, message))
    }

    /// Returns whether other jobs wait for the job of this id, or a worker holds it: whether there is one of these keys,
    /// whatever it holds.
    fn is_blocked(&self, id: &RString, next: Option<Vec<u8>>) -> bool {
        self.text.keys().blocker(id.bytes()).into_iter().chain(next).any(|name| {
            let is_held = self.text.keys().id_of(&name).is_some_and(|id| self.held.contains_key(id));
            is_held || Key::open(self.ctx, name, self.reading).is_some()
        })
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
        (self.last, self.begun) = (None, None);
        let mut gone = Vec::with_capacity(self.removed.len());
        for (at, id) in self.removed.iter().enumerate() {
            // An id that stood twice has one job.
            if let Some((mut job, _)) = self.held.remove(id.bytes()) {
                job.key.delete();
                self.deleted.push(job.key.close());
                gone.push((at, job.reserved, job.held_it));
            }
        }
        // No job is open any more when other keys are, which can have the names of jobs.
        self.held.clear();
        for (at, reserved, held_it) in gone {
            let id = &self.removed[at];
            let mut names = leaving(self.ctx, self.text.keys(), id.bytes());
            let reserved = reserved.map(|reserved| self.text.keys().reserved(reserved.bytes()));
            if let Some(reserved) = reserved
                && let Some(first) = reserved.first()
                && held_it.unwrap_or_else(|| holds(self.ctx, first, id.bytes()))
            {
                names.extend(reserved);
                self.seen[at] |= HELD_IT;
            }
            for name in names {
                if let Some(mut key) = Key::open(self.ctx, name, READ | raw::REDISMODULE_WRITE) {
                    key.delete();
                    self.deleted.push(key.close());
                }
            }
            self.gone.push(RString::new(id.bytes()));
        }
        self.remove_other_ids();
    }

    /// Removes the ids of the deleted jobs from the sorted set that has them as well.
    fn remove_other_ids(&mut self) {
        let Some(name) = self.text.keys().other_ids().filter(|_| !self.gone.is_empty()) else { return };
        let Some(mut set) = Key::open(self.ctx, name.to_vec(), READ | raw::REDISMODULE_WRITE) else { return };
        let removed = self.gone.iter().filter(|id| set.remove_member(id)).count();
        if removed > 0 {
            let is_emptied = set.is(raw::REDISMODULE_KEYTYPE_EMPTY);
            self.left = Some(LeftSet { name: set.close(), is_emptied });
        }
    }

    /// Closes all keys, and signals the deleted ones as modified (WATCH, client-side caches).
    pub(super) fn close(self) -> RemovedJobs {
        for name in self.deleted.iter().chain(self.left.as_ref().map(|left| &left.name)) {
            // SAFETY: context and name are live.
            unsafe { api!(RedisModule_SignalModifiedKey(self.ctx.raw(), name.raw())) };
        }
        RemovedJobs { deleted: self.deleted, ids: self.gone, left: self.left }
    }
}

/// Returns the other keys that leave with this job: those that exist and have the type that the library gives to them. A
/// hash that is a job itself, because its id is a job's name and `:failed`, is not one of them.
pub(crate) fn leaving(ctx: Ctx<'_>, keys: &JobKeys, id: &[u8]) -> Vec<Vec<u8>> {
    // What a file contains was done while the fields were there.
    let flags = if ctx.flags().loading() { READ | expired_fields() } else { READ };
    let leaves = |name: &[u8], of: OtherKey| {
        let Some(key) = Key::open(ctx, name.to_vec(), flags) else { return false };
        match of {
            OtherKey::List => key.is(raw::REDISMODULE_KEYTYPE_LIST),
            OtherKey::Set => key.is(raw::REDISMODULE_KEYTYPE_SET),
            OtherKey::SortedSet => key.is(raw::REDISMODULE_KEYTYPE_ZSET),
            OtherKey::Stream => key.is(raw::REDISMODULE_KEYTYPE_STREAM),
            OtherKey::Hash => {
                key.is(raw::REDISMODULE_KEYTYPE_HASH) && key.field(&RString::new("name")).is_none()
            }
        }
    };
    keys.others(id).into_iter().filter(|(name, of)| leaves(name, *of)).map(|(name, _)| name).collect()
}

/// Returns whether this key by which something is reserved holds the id of this job.
fn holds(ctx: Ctx<'_>, key: &[u8], id: &[u8]) -> bool {
    Key::open(ctx, key.to_vec(), READ).is_some_and(|key| key.holds(id))
}

/// Returns the keys by which a job that is not open has reserved something.
pub(crate) fn reserved(ctx: Ctx<'_>, keys: &JobKeys, id: &[u8]) -> Vec<Vec<u8>> {
    let Some(field) = keys.reserving_field() else { return Vec::new() };
    let job = keys
        .job(id)
        .and_then(|name| Key::open(ctx, name, READ))
        .filter(|job| job.is(raw::REDISMODULE_KEYTYPE_HASH));
    let value = job.and_then(|job| job.field(&RString::new(field)));
    let reserved = value.map(|value| keys.reserved(value.bytes())).unwrap_or_default();
    let is_held = reserved.first().is_some_and(|first| holds(ctx, first, id));
    if is_held { reserved } else { Vec::new() }
}
