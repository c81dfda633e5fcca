//! RQ's jobs, opened for one callback together with the list of their ids. Each job is a hash of its own, and a few
//! keys leave with it.

use std::ffi::{c_char, c_void};
use std::ptr;

use qadmin_core::format::{RQ_FIELDS, rq_message};
use qadmin_core::message_place::RqKeys;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::string::RString;

/// The jobs of one list.
pub(crate) struct JobHashes<'c> {
    ctx: Ctx<'c>,
    keys: RqKeys,
    removes: bool,
    /// The job that was read last, if it is one and is to be removed perhaps.
    last: Option<Key<'c>>,
    /// The jobs whose ids were removed, with these ids. They stay open, because the time of a job can be over before
    /// the end of the callback: opened again, it would be deleted by the server before the unit, and replicas would
    /// not find what the unit removes.
    removed: Vec<(Key<'c>, RString)>,
    /// The keys that were deleted.
    deleted: Vec<RString>,
}

impl<'c> JobHashes<'c> {
    /// Prepares to read jobs, or also to remove some.
    pub(crate) fn new(ctx: Ctx<'c>, keys: RqKeys, removes: bool) -> Self {
        Self { ctx, keys, removes, last: None, removed: Vec::new(), deleted: Vec::new() }
    }

    /// Returns the job of an id as one text. It is empty if there is none.
    pub(super) fn message(&mut self, id: &RString) -> RString {
        self.last = None;
        let Some(job) = Key::open(self.ctx, self.keys.job(id.bytes()), self.removes) else {
            return RString::new(b"");
        };
        if !job.is(raw::REDISMODULE_KEYTYPE_HASH) {
            return RString::new(b"");
        }
        let fields = job.fields();
        let has_dependents = Key::open(self.ctx, self.keys.dependents(id.bytes()), false).is_some();
        let fields = fields.each_ref().map(|field| field.as_ref().map(RString::bytes));
        let message = rq_message(id.bytes(), &fields, has_dependents);
        self.last = Some(job).filter(|_| self.removes);
        RString::new(message)
    }

    /// Remembers that the id of the job that was read last was removed.
    pub(super) fn take(&mut self, id: RString) {
        self.removed.extend(self.last.take().map(|job| (job, id)));
    }

    /// Deletes the jobs of the removed ids, and the keys that belong to them.
    pub(super) fn remove(&mut self) {
        for (mut job, id) in std::mem::take(&mut self.removed) {
            job.delete();
            let others = [self.keys.dependencies(id.bytes()), self.keys.results(id.bytes())];
            let others = others.into_iter().filter_map(|name| Key::open(self.ctx, name, true));
            self.deleted.push(job.close());
            self.deleted.extend(others.map(|mut key| {
                key.delete();
                key.close()
            }));
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

/// A key that exists, opened for one callback.
struct Key<'c> {
    key: *mut raw::RedisModuleKey,
    name: RString,
    /// The handle must not be kept beyond the callback.
    _ctx: Ctx<'c>,
}

impl<'c> Key<'c> {
    /// Opens a key, for reading or also for deleting it; `None` if it is missing. It does not change the key's idle
    /// time.
    fn open(ctx: Ctx<'c>, name: Vec<u8>, deletes: bool) -> Option<Self> {
        let name = RString::new(name);
        let mut flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
        if deletes {
            flags |= raw::REDISMODULE_WRITE;
        }
        // SAFETY: context and name are live (S2, S4).
        let key = unsafe { api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed())) };
        let opened = (!key.is_null()).then(|| Self { key, name, _ctx: ctx })?;
        // A key that is opened for writing has a handle although it is missing.
        (!opened.is(raw::REDISMODULE_KEYTYPE_EMPTY)).then_some(opened)
    }

    /// Returns whether it is of this type.
    fn is(&self, kind: isize) -> bool {
        // SAFETY: the handle is live.
        isize::try_from(unsafe { api!(RedisModule_KeyType(self.key)) }) == Ok(kind)
    }

    /// Returns the fields of a job, if this is a hash.
    fn fields(&self) -> [Option<RString>; RQ_FIELDS.len()] {
        RQ_FIELDS.map(|field| {
            let mut name = [0; FIELD_LEN + 1];
            name[..field.len()].copy_from_slice(field.as_bytes());
            let mut value: *mut raw::RedisModuleString = ptr::null_mut();
            // SAFETY: the handle is live; the flag says that the field is a text of C, which the zero ends. Pairs of
            // field and place follow the flags, and a null ends them. The answer is a string of our own (S4), or null
            // where there is no such field.
            unsafe {
                let end = ptr::null_mut::<c_void>();
                let flags = raw::REDISMODULE_HASH_CFIELDS.cast_signed();
                let name = name.as_ptr().cast::<c_char>();
                api!(RedisModule_HashGet(self.key, flags, name, &raw mut value, end));
                RString::own(value)
            }
        })
    }

    /// Deletes the key. Nothing is replicated, signalled or announced here.
    fn delete(&mut self) {
        // SAFETY: the handle is live and open for writing. The function uses its name alone.
        unsafe { api!(RedisModule_UnlinkKey(self.key)) };
    }

    /// Closes the handle and returns the name.
    fn close(self) -> RString {
        RString::new(self.name.bytes())
    }
}

/// The length of the longest name in [`RQ_FIELDS`].
const FIELD_LEN: usize = {
    let (mut longest, mut at) = (0, 0);
    while at < RQ_FIELDS.len() {
        if RQ_FIELDS[at].len() > longest {
            longest = RQ_FIELDS[at].len();
        }
        at += 1;
    }
    longest
};

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // SAFETY: S4.
        unsafe { api!(RedisModule_CloseKey(self.key)) }
    }
}
