//! A list key, opened for one callback.
//!
//! The iterator of `RM_ListGet` and `RM_ListDelete` belongs to the key handle: the first access walks from the
//! nearer end, the following ones step. Which accesses are correct was measured, because it is not documented:
//!
//! - Reading is right in every direction, until something is deleted.
//! - Deleting, and reading after it, is right only on a handle that never stepped towards the head, over
//!   indexes >= 0. An iterator that stepped towards the head counts its place in a node from the node's end
//!   (`quicklistNext`, Redis 7.0 to 8.0); after a deletion that count names another message. Other ways to
//!   go wrong are in redis#12614.
//! - A new handle knows nothing of those before it. So a walk away from the head may go on with a new one
//!   after deletions: its first access goes by nodes from the nearer end, which a long jump needs.
//!
//! [`List`] refuses accesses that are not correct.
//!
//! A list can hold ids whose messages are elsewhere ([`Messages`]). It is walked in the same way, and reading an
//! element gives its message.

use std::collections::VecDeque;
use std::ffi::{c_int, c_long};

use qadmin_core::format::Skim;
use qadmin_core::queue::End;
use qadmin_core::scan::Queue;

use super::api::{api, raw};
use super::ctx::Ctx;
use super::fault;
use super::message_hash::{ClosedMessages, Messages};
use super::string::RString;

/// Number of messages that are remembered as the last kept ones.
const STAYED_MAX: usize = 16;
/// Largest size in bytes of a remembered message.
const STAYED_BYTES_MAX: usize = 64 * 1024;

/// The type of a key.
pub(crate) enum OpenedList<'c> {
    /// Messages.
    List(List<'c>),
    /// The key is missing.
    Missing,
    /// Another type.
    Other,
}

/// The purpose of the handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reading; it does not change the key's idle time.
    Read,
    /// Reading and [`Queue::delete`]. Opening alone changes nothing: the module has disabled the implicit signal
    /// of closing (`RM_SetModuleOptions`).
    Erase,
    /// The same, and deleted messages are kept, to be pushed to another list.
    Take,
}

/// An opened list.
pub(crate) struct List<'c> {
    key: *mut raw::RedisModuleKey,
    ctx: Ctx<'c>,
    name: &'c RString,
    mode: Mode,
    len: u64,
    /// The index of the iterator.
    at: Option<u64>,
    /// It stepped towards the head at least once.
    turned: bool,
    /// Removed messages.
    deleted: u64,
    /// The message that was read last.
    last: Option<RString>,
    /// The last few kept messages, as [`Queue::keep`] describes, if some of those before them may be deleted: they
    /// are freed a little later than otherwise.
    stayed: VecDeque<RString>,
    /// The removed messages, from the head on, if they are kept.
    taken: Vec<RString>,
    /// If the elements are ids: what is known of them. Most lists have none, so it takes no room in them.
    ids: Option<Box<Ids<'c>>>,
}

/// The elements of a list of ids.
struct Ids<'c> {
    /// Where their messages are.
    messages: Messages<'c>,
    /// The id of the message that was read last.
    last: Option<RString>,
}

impl Ids<'_> {
    /// Returns the message of an id. It is a function of its own, so that reading an element that is the message
    /// itself stays short.
    #[inline(never)]
    fn message(&mut self, id: RString) -> RString {
        let message = self.messages.message(&id);
        self.last = Some(id);
        message
    }
}

/// A key: its handle, the length of a list, and its type.
fn open_any<'c>(ctx: Ctx<'c>, name: &'c RString, mode: Mode) -> (List<'c>, isize) {
    let flags = match mode {
        Mode::Read => raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH,
        Mode::Erase | Mode::Take => {
            raw::REDISMODULE_READ | raw::REDISMODULE_WRITE | raw::REDISMODULE_OPEN_KEY_NOTOUCH
        }
    };
    // SAFETY: context and name are live (S2, S4). A null answer (missing key) is accepted by KeyType.
    let (key, kind) = unsafe {
        let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
        (key, api!(RedisModule_KeyType(key)))
    };
    let mut list = List {
        key,
        ctx,
        name,
        mode,
        len: 0,
        at: None,
        turned: false,
        deleted: 0,
        last: None,
        stayed: VecDeque::new(),
        taken: Vec::new(),
        ids: None,
    };
    let kind = isize::try_from(kind).unwrap_or(-1);
    if kind == raw::REDISMODULE_KEYTYPE_LIST {
        // SAFETY: the handle is live.
        list.len = unsafe { api!(RedisModule_ValueLength(key)) } as u64;
    }
    (list, kind)
}

fn open<'c>(ctx: Ctx<'c>, name: &'c RString, mode: Mode) -> OpenedList<'c> {
    let (list, kind) = open_any(ctx, name, mode);
    match kind {
        raw::REDISMODULE_KEYTYPE_LIST => OpenedList::List(list),
        raw::REDISMODULE_KEYTYPE_EMPTY => OpenedList::Missing,
        _ => OpenedList::Other,
    }
}

impl<'c> List<'c> {
    /// Returns the same list, whose elements are ids of these messages.
    pub(crate) fn with_messages(mut self, messages: Messages<'c>) -> Self {
        self.ids = Some(Box::new(Ids { messages, last: None }));
        self
    }

    /// Lets [`Queue::examine`] read these fields of jobs first, if the elements are their ids.
    pub(crate) fn skims(&mut self, skim: Skim) {
        if let Some(ids) = &mut self.ids {
            ids.messages.skims(skim);
        }
    }

    /// Reads an element that is an id: see [`Queue::examine`].
    #[inline(never)]
    fn examine_id<R>(&mut self, index: u64, mut f: impl FnMut(&[u8], bool) -> Option<R>) -> Option<R> {
        let id = self.get(index)?;
        let ids = self.ids.as_mut()?;
        self.last = None;
        let part = ids.messages.skim(&id);
        fault::point("reading a message");
        if let Some(result) = part.and_then(|part| f(part, false)) {
            ids.last = Some(id);
            return Some(result);
        }
        let message = ids.message(id);
        let result = f(message.bytes(), true);
        self.last = Some(message);
        result
    }

    /// Forgets which message was read last.
    fn forget_last(&mut self) {
        self.last = None;
        if let Some(ids) = &mut self.ids {
            ids.last = None;
        }
    }

    /// Deletes the messages of the removed ids, if the elements are ids. It is called in the callback that removed
    /// the ids, before anything else can happen to the keys.
    pub(crate) fn remove_messages(&mut self) {
        if let Some(ids) = &mut self.ids {
            ids.messages.remove();
        }
    }

    /// Returns which fields were seen of the messages of the removed ids, for a unit that says so.
    pub(crate) fn seen(&self) -> Option<&[u32]> {
        self.ids.as_ref().and_then(|ids| ids.messages.seen())
    }

    /// Reads of the messages of the elements that follow only these fields: see [`Messages::sees`].
    pub(crate) fn sees(&mut self, fields: &[u32]) -> bool {
        self.ids.as_mut().is_some_and(|ids| ids.messages.sees(fields.to_vec()))
    }

    /// Reads an element, as far as the walk so far permits it.
    fn get(&mut self, index: u64) -> Option<RString> {
        let back = self.at.is_some_and(|at| index < at);
        if back && self.deleted > 0 {
            return None;
        }
        let at = c_long::try_from(index).ok()?;
        // SAFETY: the handle is live. The answer is a string of our own (S4), or null for a bad index.
        let message = unsafe { RString::own(api!(RedisModule_ListGet(self.key, at))) }?;
        self.turned |= back;
        self.at = Some(index);
        Some(message)
    }

    /// Returns whether the key has a time to live, or is not known any more.
    fn may_expire(&self) -> bool {
        if self.key.is_null() {
            return true;
        }
        // SAFETY: the handle is live.
        let left_ms = unsafe { api!(RedisModule_GetExpire(self.key)) };
        left_ms != i64::from(raw::REDISMODULE_NO_EXPIRE)
    }

    /// Replaces the handle by a new one, whose first access goes by nodes from the nearer end. Returns false
    /// if the key does not hold this list any more: then nothing more can be read.
    fn renew(&mut self) -> bool {
        // The handle is closed first: opening the key may delete the list.
        self.shut();
        match open(self.ctx, self.name, self.mode) {
            OpenedList::List(mut list) if list.len == self.len - self.deleted => {
                self.key = std::mem::replace(&mut list.key, std::ptr::null_mut());
                (self.at, self.turned) = (None, false);
                true
            }
            _ => false,
        }
    }

    /// Closes the handle. Without one nothing can be read.
    fn shut(&mut self) {
        let key = std::mem::replace(&mut self.key, std::ptr::null_mut());
        if !key.is_null() {
            // SAFETY: S4.
            unsafe { api!(RedisModule_CloseKey(key)) }
        }
    }

    /// Opens a key. The handle must not be kept beyond the callback, which its lifetime ensures.
    pub(crate) fn open(ctx: Ctx<'c>, name: &'c RString, mode: Mode) -> OpenedList<'c> {
        open(ctx, name, mode)
    }

    /// Returns the number of removed messages.
    pub(crate) fn deleted(&self) -> u64 {
        self.deleted
    }

    /// Returns the removed and kept messages, from the head on.
    pub(crate) fn taken(&self) -> &[RString] {
        &self.taken
    }

    /// Returns whether everything was removed, so that the key does not exist any more.
    pub(crate) fn is_emptied(&self) -> bool {
        self.deleted > 0 && self.deleted == self.len
    }

    /// Closes the key and, if messages were removed, signals it as modified (WATCH, client-side caches).
    /// Returns what became of the messages of ids.
    pub(crate) fn close(mut self) -> Option<ClosedMessages> {
        let (ctx, name, changed) = (self.ctx, self.name, self.deleted > 0);
        let ids = self.ids.take();
        drop(self);
        if changed {
            // SAFETY: context and name are live.
            unsafe { api!(RedisModule_SignalModifiedKey(ctx.raw(), name.raw())) };
        }
        ids.map(|ids| ids.messages.close())
    }
}

impl Queue for List<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let element = self.get(index)?;
        let message = match &mut self.ids {
            None => element,
            Some(ids) => ids.message(element),
        };
        fault::point("reading a message");
        let result = f(message.bytes());
        self.last = Some(message);
        Some(result)
    }

    fn examine<R>(&mut self, index: u64, mut f: impl FnMut(&[u8], bool) -> Option<R>) -> Option<R> {
        match self.ids {
            None => self.read(index, |message| f(message, true)).flatten(),
            Some(_) => self.examine_id(index, f),
        }
    }

    /// Of a list of ids this is the id: others can replace or remove the message without an event of the list, which
    /// would look as if the element had been removed.
    fn peek<R>(&mut self, index: u64, f: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.forget_last();
        Some(f(self.get(index)?.bytes()))
    }

    fn keep(&mut self, most: usize) {
        let message = self.last.take();
        // Of a job of which only a part was read, there is an id alone.
        let element = match &mut self.ids {
            None => message,
            Some(ids) => ids.last.take(),
        };
        let Some(element) = element else { return };
        if most == 0 || element.bytes().len() > STAYED_BYTES_MAX {
            // A message that was kept before it is not a neighbour of the next one.
            return self.stayed.clear();
        }
        while self.stayed.len() >= most.min(STAYED_MAX) {
            self.stayed.pop_front();
        }
        self.stayed.push_back(element);
    }

    fn plan(&mut self) {
        if let Some(ids) = &mut self.ids
            && let (Some(id), Some(message)) = (ids.last.take(), self.last.take())
        {
            ids.messages.plan(&id, message);
        }
    }

    fn stayed(&mut self, most: usize, mut f: impl FnMut(&[u8])) {
        self.stayed.drain(..).rev().take(most).for_each(|message| f(message.bytes()));
    }

    fn delete(&mut self, index: u64) -> bool {
        let right = self.mode != Mode::Read && !self.turned && self.at == Some(index);
        let Some(at) = c_long::try_from(index).ok().filter(|_| right) else { return false };
        // What was not read as a whole is not deleted.
        if self.ids.as_ref().is_some_and(|ids| ids.last.is_none() || self.last.is_none()) {
            return false;
        }
        // SAFETY: the handle is live and open for writing; the walk is one on which deleting is right.
        let deleted = unsafe { api!(RedisModule_ListDelete(self.key, at)) } == 0;
        self.deleted += u64::from(deleted);
        if deleted {
            let message = self.last.take();
            if let Some(ids) = &mut self.ids {
                // Messages of ids are not moved to another list.
                if let (Some(id), Some(message)) = (ids.last.take(), message) {
                    ids.messages.take(id, message);
                }
            } else if self.mode == Mode::Take {
                self.taken.extend(message);
            }
        }
        fault::point("after a deletion");
        deleted
    }

    fn reseek(&mut self) -> bool {
        // Opening a key whose time is over deletes it. Replicas would get that before the deletions of this
        // slice, and what the walk has noted would be gone.
        !self.may_expire() && self.renew()
    }

    fn reopen(&mut self) -> bool {
        self.forget_last();
        self.stayed = VecDeque::new();
        self.deleted == 0 && self.renew()
    }
}

impl Drop for List<'_> {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Pushes messages to a list, one after another at this end, and creates the list if it is missing. Returns the
/// length that it had before; `None`, and nothing is pushed, if the key holds something else.
pub(crate) fn put<'m>(
    ctx: Ctx<'_>,
    name: &RString,
    end: End,
    messages: impl Iterator<Item = &'m RString>,
) -> Option<u64> {
    let (list, kind) = open_any(ctx, name, Mode::Erase);
    if ![raw::REDISMODULE_KEYTYPE_LIST, raw::REDISMODULE_KEYTYPE_EMPTY].contains(&kind) {
        return None;
    }
    let place = match end {
        End::Head => raw::REDISMODULE_LIST_HEAD,
        End::Tail => raw::REDISMODULE_LIST_TAIL,
    };
    let place = c_int::try_from(place).unwrap_or_default();
    for message in messages {
        // SAFETY: the handle is live and open for writing, the string is live; the server copies it.
        let pushed = unsafe { api!(RedisModule_ListPush(list.key, place, message.raw())) } == 0;
        if !pushed {
            // Some of them may have been pushed: continuing would duplicate or lose them.
            std::process::abort();
        }
    }
    let len = list.len;
    drop(list);
    // SAFETY: context and name are live.
    unsafe { api!(RedisModule_SignalModifiedKey(ctx.raw(), name.raw())) };
    Some(len)
}

/// Returns the length of the list under a key, or `None` if the key is missing or not a list. It does not change the
/// key's idle time.
pub(crate) fn len_of(ctx: Ctx<'_>, key: &[u8]) -> Option<u64> {
    let name = RString::new(key);
    // SAFETY: the name lives until the end of this function (S4).
    unsafe { len_under(ctx, name.raw()) }
}

/// [`len_of`] for a name that is a string of the server already.
///
/// # Safety
/// `name` is a live string.
pub(super) unsafe fn len_under(ctx: Ctx<'_>, name: *mut raw::RedisModuleString) -> Option<u64> {
    let flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
    // SAFETY: context and name are live (S2). A null answer (missing key) is accepted by KeyType, and not closed.
    unsafe {
        let key = api!(RedisModule_OpenKey(ctx.raw(), name, flags.cast_signed()));
        let is_list = isize::try_from(api!(RedisModule_KeyType(key))) == Ok(raw::REDISMODULE_KEYTYPE_LIST);
        let len = is_list.then(|| api!(RedisModule_ValueLength(key)) as u64);
        if !key.is_null() {
            api!(RedisModule_CloseKey(key));
        }
        len
    }
}
