//! Reading the messages of lists whose index keeps values, and answering counts from these.
//!
//! Messages are read in slices, in the hook before the event loop polls, at the pace of jobs: see `engine`.
//! Few messages wait a moment, so that messages which workers take at once are not read at all and those that
//! come one by one are read together.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use qadmin_core::index::{Answered, Ask, Audited, CaughtUp, FieldIndex, IndexState, Waiting, Work};
use qadmin_core::job::JobTarget;
use qadmin_core::kind::MessageKind;
use qadmin_core::queue::End;
use qadmin_core::scan::Queue as _;

use super::all::Entry;
use super::time::{at_ms, clock_ms};
use super::{ANY, lose_track, with};
use crate::redis::clock::{Stopwatch, now_ns};
use crate::redis::guard::guard;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString, event_loop};

/// Fewer unread messages than this wait a moment.
const SOON_MESSAGES: u64 = 64;
/// More than this are read in slices, and not in the notification of the push.
const AT_ONCE_MAX: u64 = 255;
/// How long they wait, nanoseconds. Each time they are read, the server wakes up twice more than otherwise, which costs
/// more than reading a few messages.
const SOON_NS: u64 = 25_000_000;
/// The clock is read after this number of messages, or of their bytes.
const CLOCK_MESSAGES: u32 = 16;
const CLOCK_BYTES: usize = 64 * 1024;

/// When the loop turns again if a slice was due and the pace did not allow it, nanoseconds.
const AGAIN_NS: u64 = 1_000_000;
/// The share of the main thread that an audit takes, percent, also on an idle server: no client waits for it.
const AUDIT_PERCENT: u64 = 10;
/// Seconds between two audits of an index: the setting `index-audit`.
static AUDIT_S: AtomicU64 = AtomicU64::new(0);

/// The value of [`DUE_NS`] if messages are to be read in the next slice.
const AT_ONCE: u64 = 1;
/// When messages are to be read, or to be compared, steady clock; 0 while none are.
static DUE_NS: AtomicU64 = AtomicU64::new(0);
/// The slice before was one of an index.
static HAD_TURN: AtomicBool = AtomicBool::new(false);

/// Lets a turn of the event loop come where this index has something to read, or to compare.
pub(super) fn plan(entry: &Entry) {
    plan_at(entry, now_ns());
}

/// The same at this time, nanoseconds of the steady clock.
#[inline]
pub(super) fn plan_at(entry: &Entry, now_ns: u64) {
    let due = DUE_NS.load(Ordering::Relaxed);
    let Some(fields) = entry.fields.as_ref().filter(|_| due != AT_ONCE) else { return };
    let is_little = fields.unread().is_some_and(|unread| (1..SOON_MESSAGES).contains(&unread));
    let at = match fields.has_work() {
        true if is_little => now_ns + SOON_NS,
        true => AT_ONCE,
        false => match audit_from(entry) {
            Some(from) => from,
            None => return,
        },
    };
    if due == 0 || due > at {
        DUE_NS.store(at, Ordering::Relaxed);
        arm();
    }
}

/// Returns whether unread messages are to be read in the notification of a push: where they are some, and neither so many nor
/// left over from other messages that slices read them. Otherwise a turn of the event loop comes where that is needed, as by [`plan_at`].
#[inline]
pub(super) fn reads_pushed(entry: &Entry, now_ns: u64) -> bool {
    let due = DUE_NS.load(Ordering::Relaxed);
    match entry.unread() {
        Some(SOON_MESSAGES..=AT_ONCE_MAX) if due != AT_ONCE => return true,
        // The timer is set.
        Some(1..SOON_MESSAGES) if (1..=now_ns + SOON_NS).contains(&due) => {}
        _ => plan_at(entry, now_ns),
    }
    false
}

/// Lets a turn of the event loop come when messages are to be read. Until then the loop does not call the module: the
/// timer does. A busy server turns tens of thousands of times per second.
fn arm() {
    if is_due()
        && let Some(ctx) = Ctx::detached()
    {
        event_loop::hook(ctx);
    }
    event_loop::arm_by(DUE_NS.load(Ordering::Relaxed));
}

/// The timer fired. Messages that were to be read can have left since, or others can have come in their place: those
/// that wait now may be due later, and then no turn of the loop is needed.
pub(crate) fn put_off() {
    if !is_due() {
        return;
    }
    with(|indexes| {
        let now_ns = now_ns();
        let at = indexes.all.iter().filter_map(|entry| due_at(entry, now_ns)).min();
        if at.is_none_or(|at| at > now_ns) {
            DUE_NS.store(at.unwrap_or(0), Ordering::Relaxed);
        }
    });
}

/// When messages of an index are to be read, or to be compared, steady clock; `None` while none are.
fn due_at(entry: &Entry, now_ns: u64) -> Option<u64> {
    let fields = entry.fields.as_ref()?;
    if !fields.has_work() {
        return audit_from(entry);
    }
    let rows = fields.index().filter(|index| index.len() < SOON_MESSAGES).map(FieldIndex::rows);
    let arrivals = entry.clock.as_ref().and_then(|clock| clock.arrivals()).filter(|_| rows == Some(0));
    let oldest = arrivals.and_then(|arrivals| {
        // In a queue that is often empty the oldest message is at one of the ends.
        let ends = [arrivals.at_end(End::Head)?, arrivals.at_end(End::Tail)?];
        let is_known = ends.iter().all(|arrival| !arrival.is_bound);
        ends.iter().map(|arrival| arrival.latest_ms()).min().filter(|_| is_known)
    });
    let waited_ms = oldest.map(|oldest| at_ms(now_ns).saturating_sub(oldest).max(0).unsigned_abs());
    let left = waited_ms.and_then(|waited| SOON_NS.checked_sub(waited.saturating_mul(1_000_000)));
    Some(left.map_or(AT_ONCE, |left| now_ns + left))
}

/// The timer fired, and the module is called on no turn any more, or is not `idle`: messages may be due, now
/// or later.
pub(crate) fn keep_due(idle: bool) {
    match DUE_NS.load(Ordering::Relaxed) {
        0 => {}
        due if idle => event_loop::arm_by(due),
        // A turn of the loop follows; another one comes if the pace does not allow a slice yet.
        _ if is_due() => {
            if let Some(ctx) = Ctx::detached() {
                event_loop::hook(ctx);
            }
            event_loop::arm_by(now_ns() + AGAIN_NS);
        }
        _ => {}
    }
}

/// When the audit of an index goes on or begins, steady clock; `None` without audits, and where it has no
/// rows to compare.
fn audit_from(entry: &Entry) -> Option<u64> {
    let seconds = AUDIT_S.load(Ordering::Relaxed);
    let fields = entry.fields.as_ref().filter(|fields| seconds > 0 && fields.state() == IndexState::Ready)?;
    fields.index().filter(|index| index.rows() > 0)?;
    let begins = entry.audited_ns.saturating_add(seconds.saturating_mul(1_000_000_000));
    Some(if fields.audits().is_running() { entry.audit_from_ns } else { begins }.max(1))
}

/// Sets the time between two audits of an index in seconds; 0 = none.
pub(crate) fn audit_every(seconds: u64) {
    if AUDIT_S.swap(seconds, Ordering::Relaxed) != seconds && ANY.load(Ordering::Relaxed) {
        // The next turn asks each index again.
        DUE_NS.store(AT_ONCE, Ordering::Relaxed);
        arm();
    }
}

/// Nothing is to be read any more.
pub(super) fn stop() {
    DUE_NS.store(0, Ordering::Relaxed);
}

/// Whether messages are to be read now.
pub(crate) fn is_due() -> bool {
    let due = DUE_NS.load(Ordering::Relaxed);
    due != 0 && due <= now_ns()
}

/// When messages are to be read, if not before this time; both on the steady clock.
pub(crate) fn not_before(until_ns: u64) -> u64 {
    match DUE_NS.load(Ordering::Relaxed) {
        0 => until_ns,
        due => due.min(until_ns),
    }
}

/// Reads the messages of a list for this many nanoseconds, in the notification of a push to it. They are still in the caches
/// of the processor, and neither a turn of the event loop nor the timer is needed for them.
pub(crate) fn read_pushed(ctx: Ctx<'_>, key: &[u8], slice_ns: u64) {
    let db = ctx.db();
    let read = || {
        let name = RString::new(key);
        // Opening may delete a key whose time is over, which is an event: no index is held meanwhile.
        let OpenedList::List(mut list) = List::open(ctx, &name, Mode::Read) else { return };
        let mut time = Time::new(now_ns() + slice_ns);
        with(|indexes| {
            let Some(entry) = indexes.find(db, key) else { return };
            if let Some(fields) = &mut entry.fields {
                fields.read_pushed(&mut list, |work| time.is_left_after(work));
            }
            let now = clock_ms();
            entry.learn(list.len(), now);
            plan(entry);
            indexes.keep_in_bounds(db, key, now);
        });
    };
    if guard("a slice of an index", read).is_none() {
        lose_track();
    }
}

/// Lets a turn of the event loop come where messages of a list are to be read, which were not read in the notification of a push.
pub(crate) fn read_later(db: i32, key: &[u8]) {
    with(|indexes| indexes.find(db, key).map(|entry| plan(entry)));
}

/// Does a slice of reading of this many nanoseconds, if it is the turn of an index: every other turn is that
/// of jobs, while there are any. Returns whether it did.
pub(crate) fn turn(ctx: Ctx<'_>, slice_ns: u64, has_jobs: bool) -> bool {
    let had_turn = HAD_TURN.swap(false, Ordering::Relaxed);
    if !is_due() || ctx.flags().loading() || (had_turn && has_jobs) {
        return false;
    }
    DUE_NS.store(0, Ordering::Relaxed);
    HAD_TURN.store(true, Ordering::Relaxed);
    let watch = Stopwatch::start();
    if guard("a slice of an index", || slice(ctx, slice_ns)).is_none() {
        lose_track();
    }
    with(|indexes| indexes.slices.book(watch.read(), slice_ns));
    true
}

/// Reads messages of the next index that has unread ones, or compares those of one that is to be audited.
fn slice(ctx: Ctx<'_>, slice_ns: u64) {
    let next = with(|indexes| {
        let now = now_ns();
        let is_due = |entry: &Entry| {
            entry.fields.as_ref().is_some_and(|fields| fields.has_work())
                || audit_from(entry).is_some_and(|from| from <= now)
        };
        let all = indexes.all.len();
        let at = (0..all).map(|n| (indexes.turn + n) % all).find(|at| is_due(&indexes.all[*at]))?;
        indexes.turn = at + 1;
        let definition = &indexes.all[at].definition;
        Some((definition.db, definition.queue.clone()))
    });
    if let Some((db, key)) = next.flatten() {
        // There may be fewer databases than a setting thought.
        if ctx.select(db) {
            catch_up(ctx, db, &key, (slice_ns, true));
        } else {
            with(|indexes| {
                if let Some(fields) = indexes.find(db, &key).and_then(|entry| entry.fields.as_mut()) {
                    fields.settle(0);
                }
            });
        }
    }
    with(|indexes| indexes.all.iter().for_each(plan));
}

/// The time that reading may take.
struct Time {
    /// When it is over, nanoseconds of the steady clock.
    over_ns: u64,
    /// Messages and bytes since the clock was read.
    messages: u32,
    bytes: usize,
}

impl Time {
    fn new(over_ns: u64) -> Self {
        Self { over_ns, messages: 0, bytes: 0 }
    }

    /// Returns whether some of it is left. The clock is not read after each message.
    fn is_left_after(&mut self, work: Work) -> bool {
        self.messages += 1;
        self.bytes += match work {
            Work::Message(read) => read,
            Work::Seek => CLOCK_BYTES,
        };
        if self.messages < CLOCK_MESSAGES && self.bytes < CLOCK_BYTES {
            return true;
        }
        (self.messages, self.bytes) = (0, 0);
        now_ns() < self.over_ns
    }
}

/// Reads unread messages of a list for this many nanoseconds. Returns whether all are read, and the list is the one that
/// is known.
///
/// A slice of its own lasts that long from its first message on, or as long as it took to reach that message if that is
/// longer: inside a deep list, shorter slices would mostly seek. It goes on with an audit if one is due.
fn catch_up(ctx: Ctx<'_>, db: i32, key: &[u8], (slice_ns, is_slice): (u64, bool)) -> Option<CaughtUp> {
    let name = RString::new(key);
    let began_ns = now_ns();
    let over_ns = began_ns + slice_ns;
    // Opening may delete a key whose time is over, which is an event: no index is held meanwhile.
    let mut opened = List::open(ctx, &name, Mode::Read);
    with(|indexes| {
        if indexes.loading {
            return None;
        }
        indexes.keep_in_bounds(db, key, clock_ms());
        let entry = indexes.find(db, key)?;
        entry.read_as_set();
        let (last_seek_ns, mut seek_ns) = (entry.seek_ns, None);
        let fields = entry.fields.as_mut()?;
        let OpenedList::List(list) = &mut opened else {
            fields.settle(0);
            return Some(CaughtUp::All);
        };
        let mut time = Time::new(over_ns);
        let mut goes_on = |work: Work| {
            if is_slice && seek_ns.is_none() && matches!(work, Work::Message(_)) {
                let now_ns = now_ns();
                let sought_ns = now_ns - began_ns;
                seek_ns = Some(sought_ns);
                time.over_ns = now_ns + slice_ns.max(sought_ns.min(last_seek_ns));
            }
            time.is_left_after(work)
        };
        let caught_up = fields.catch_up(list, &mut goes_on);
        if is_slice && caught_up == CaughtUp::All {
            audit(entry, list, began_ns, goes_on);
        }
        entry.seek_ns = seek_ns.unwrap_or(entry.seek_ns);
        if is_slice {
            indexes.slices.sought_ns = seek_ns.unwrap_or(0);
        }
        let entry = indexes.find(db, key)?;
        entry.learn(list.len(), clock_ms());
        indexes.keep_in_bounds(db, key, clock_ms());
        Some(caught_up)
    })
    .flatten()
}

/// Goes on with the audit of an index, or begins one, if that is due, in a slice that began at `began_ns`.
fn audit(entry: &mut Entry, list: &mut List<'_>, began_ns: u64, goes_on: impl FnMut(Work) -> bool) {
    let is_due = audit_from(entry).is_some_and(|from| from <= began_ns);
    let Some(fields) = entry.fields.as_mut().filter(|_| is_due) else { return };
    if !fields.audits().is_running() {
        fields.begin_audit();
    }
    let audited = fields.audit(list, clock_ms(), goes_on);
    let now_ns = now_ns();
    match audited {
        Audited::More => {
            let spent = now_ns - began_ns;
            entry.audit_from_ns = now_ns + spent * (100 - AUDIT_PERCENT) / AUDIT_PERCENT;
        }
        Audited::All | Audited::Different => entry.audited_ns = now_ns,
    }
}

/// Whether the index of a list in the selected database has read all messages as this kind, with pickled bodies
/// or without, and is of the list that is there now. Reads the last ones, for at most this many nanoseconds. `None` where there is no
/// such index.
pub(crate) fn is_ready(
    ctx: Ctx<'_>,
    db: i32,
    key: &[u8],
    read_as: (MessageKind, bool),
    slice_ns: u64,
) -> Option<bool> {
    keeps_values(db, key, read_as).then(|| catch_up(ctx, db, key, (slice_ns, false)) == Some(CaughtUp::All))
}

/// Whether a list has an index that keeps values of messages of this kind, and reads pickled bodies or not.
fn keeps_values(db: i32, key: &[u8], read_as: (MessageKind, bool)) -> bool {
    let keeps = |entry: &Entry| {
        entry.fields.as_ref().is_some_and(|fields| (fields.kind(), fields.reads_pickle()) == read_as)
    };
    ANY.load(Ordering::Relaxed)
        && with(|indexes| indexes.find(db, key).is_some_and(|entry| keeps(entry))) == Some(true)
}

/// Answers a count from the index of one list of a target in the selected database. Nothing where it has no index
/// that keeps values of messages read in the same way, where a slice of this many nanoseconds is not enough to read
/// what is unread, or where the index cannot decide.
pub(crate) fn answer(
    ctx: Ctx<'_>,
    target: &JobTarget,
    key: &[u8],
    ask: &Ask<'_>,
    slice_ns: u64,
) -> Option<Answered> {
    let db = target.db;
    if !keeps_values(db, key, (target.messages, target.reads_pickle)) {
        return None;
    }
    let caught_up = catch_up(ctx, db, key, (slice_ns, false));
    with(|indexes| {
        let entry = indexes.find(db, key)?;
        plan(entry);
        let index = entry.fields.as_ref()?.index()?;
        let consumer_end = entry.kind.spec().consumer_end;
        let arrivals = entry.clock.as_ref().and_then(|clock| clock.arrivals());
        let waiting = arrivals.map(|arrivals| Waiting { arrivals, consumer_end, now_ms: clock_ms() });
        if caught_up == Some(CaughtUp::All) { index.answer_with_ages(ask, waiting) } else { None }
    })?
}

/// A message that an index called a match does not match: nothing that the index knows is believed.
pub(crate) fn doubt(db: i32, key: &[u8]) {
    with(|indexes| {
        if let Some(entry) = indexes.find(db, key) {
            entry.doubt(CONTRADICTED);
            plan(entry);
        }
    });
}

const CONTRADICTED: &str = "a message was not what the index knew; all messages are read again";
