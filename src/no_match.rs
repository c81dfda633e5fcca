//! Explains a count of 0: which queue was probably meant if the key is missing, and why no message matches.
//!
//! Both searches are bounded in time, because all clients wait meanwhile. Neither of them decides anything.

use qadmin_core::error::quote;
use qadmin_core::job::{Job, JobKind, Storage};
use qadmin_core::near;
use qadmin_core::no_match::NoMatchReasons;
use qadmin_core::request::commands;
use qadmin_core::scan::Queue as _;

use crate::container::list::names_of;
use crate::container::walked::Walked;
use crate::container::{OpenedKeys, Storage as Keys};
use crate::redis::caller::Caller;
use crate::redis::clock::cpu_ns;
use crate::redis::key::{Type, type_of};
use crate::redis::list::{List, Mode};
use crate::redis::scan::{Cursor, Holds};
use crate::redis::{Ctx, RString};
use crate::rights;
use crate::settings;

/// Longest walk over the keys, in slices. The command waits for it, as for its sample. The search in messages
/// comes after the last slice of a job, and takes no longer than one slice.
const WALK_SLICES: u64 = 4;
/// The clock is read after this number of messages, or bytes of messages.
const CLOCK_MESSAGES: u64 = 8;
const CLOCK_BYTES: usize = 16 * 1024;
/// Steps of the walk over the keys after which the clock is read.
const CLOCK_STEPS: u32 = 16;

/// The key does not exist: finds the queue that was probably meant. Only keys that the caller may read are
/// named, and none if the user is unknown.
pub(crate) fn no_such_key(ctx: Ctx<'_>, queue: &[u8]) -> String {
    let none = format!("there is no key {}", quote(queue));
    let caller = ctx.caller();
    if caller.user.is_none() || ctx.flags().script() {
        return none;
    }
    let is_queue = |key: &[u8]| may_see(&caller, key) && type_of(ctx, &RString::new(key)) == Type::List;
    let by_form = near::queue_keys(queue).into_iter().find(|key| is_queue(key));
    let meant = by_form.or_else(|| nearest(ctx, queue, |key| may_see(&caller, key)));
    match meant {
        Some(key) if key.starts_with(b"queue:") => {
            format!("{none}, but there is {} (AS sidekiq)", quote(&key))
        }
        Some(key) if key.starts_with(b"resque:queue:") => {
            format!("{none}, but there is {} (AS resque)", quote(&key))
        }
        Some(key) if key.starts_with(b"queues:") || key.starts_with(b"laravel") => {
            format!("{none}, but there is {} (AS laravel)", quote(&key))
        }
        Some(key) if key.starts_with(b"huey.redis.") => {
            format!("{none}, but there is {} (AS huey)", quote(&key))
        }
        Some(key) => format!("{none}, but there is {}", quote(&key)),
        None => none,
    }
}

/// Returns whether the caller may preview this queue, and so may learn that it exists.
fn may_see(caller: &Caller, queue: &[u8]) -> bool {
    rights::may_read(caller, &commands::PREVIEW, [queue])
}

/// Returns the list with the most similar name, among those that a short walk over the keys finds.
fn nearest(ctx: Ctx<'_>, queue: &[u8], may_read: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let (began, longest) = (cpu_ns(), settings::now().slice_us() * 1_000 * WALK_SLICES);
    let mut best: Option<(usize, Vec<u8>)> = None;
    let mut cursor = Cursor::new();
    let mut steps = 0;
    loop {
        let step = cursor.step(ctx, &mut |name, holds| {
            if holds != Holds::List {
                return;
            }
            let Some(rank) = near::queue(queue, name) else { return };
            // Among equally similar names the first in alphabetical order is chosen, whatever the order of
            // the walk.
            let nearer = best.as_ref().is_none_or(|(least, there)| (rank, name) < (*least, there.as_slice()));
            if nearer && may_read(name) {
                best = Some((rank, name.to_vec()));
            }
        });
        steps += 1;
        let over = steps % CLOCK_STEPS == 0 && cpu_ns().saturating_sub(began) >= longest;
        if step != Ok(true) || over {
            return best.map(|(_, name)| name);
        }
    }
}

/// Explains why no message that a completed job examined matches. It only reads the messages that run next
/// or, for unacknowledged messages, those that were delivered first.
pub(crate) fn explain(ctx: Ctx<'_>, job: &Job) -> Option<String> {
    let (start, counters) = (job.start(), job.counters());
    let nothing = counters.matched == 0 && counters.deleted == 0 && counters.match_notices.inexact == 0;
    // Arrivals are not read here, so conditions on them cannot be explained.
    let is_told = start.filter.is_all() || start.filter.arrival_field().is_some();
    let asks = matches!(start.kind, JobKind::Preview | JobKind::Clear) && !is_told;
    if !nothing || !asks || job.is_stale() {
        return None;
    }
    ctx.select(start.db);
    let reasons = NoMatchReasons::new(start.messages, &start.filter).pickle(start.reads_pickle);
    let mut search = Search::new(reasons);
    match &start.storage {
        Storage::Lists | Storage::ListOfIds(_) => search.at_lists(ctx, job),
        storage => search.at_entries(ctx, storage, &start.queue),
    }
    search.reasons.explain()
}

/// A search in messages that is bounded.
struct Search {
    reasons: NoMatchReasons,
    began: u64,
    longest: u64,
    left: u64,
    /// Since the clock was read last.
    messages: u64,
    bytes: usize,
}

impl Search {
    fn new(reasons: NoMatchReasons) -> Self {
        let settings = settings::now();
        let (longest, left) = (settings.slice_us() * 1_000, settings.sample_window());
        Self { reasons, began: cpu_ns(), longest, left, messages: 0, bytes: 0 }
    }

    /// Counts a message, and returns whether it may be read.
    fn goes_on(&mut self) -> bool {
        if self.messages >= CLOCK_MESSAGES || self.bytes >= CLOCK_BYTES {
            if cpu_ns().saturating_sub(self.began) >= self.longest {
                self.left = 0;
            }
            (self.messages, self.bytes) = (0, 0);
        }
        self.messages += 1;
        let goes_on = self.left > 0;
        self.left = self.left.saturating_sub(1);
        goes_on
    }

    fn at(&mut self, message: &[u8]) {
        self.bytes += message.len() + self.reasons.examine(message);
    }

    /// Reads the messages of each list that run next.
    fn at_lists(&mut self, ctx: Ctx<'_>, job: &Job) {
        let consumer_end = job.start().messages.spec().consumer_end;
        for key in job.keys() {
            let names = names_of(&job.start().storage, key);
            let OpenedKeys::Keys(mut list) = <List<'_> as Keys<'_>>::open(ctx, &names, Mode::Read) else {
                continue;
            };
            let len = list.len();
            for distance in 0..len {
                if !self.goes_on() {
                    return;
                }
                list.read(consumer_end.index(distance, len), |message| {
                    // The message of an id may be missing.
                    if !(names.len() > 1 && message.is_empty()) {
                        self.at(message);
                    }
                });
            }
        }
    }

    /// Looks at messages in the order of a sorted set, from the lowest score on.
    fn at_entries(&mut self, ctx: Ctx<'_>, storage: &Storage, queue: &[u8]) {
        let names = Walked::names(storage, queue);
        let Some(mut keys) = Walked::open(ctx, storage, &names) else { return };
        keys.begin();
        while self.goes_on()
            && keys.next(|_, _, value| value.into_iter().for_each(|it| self.at(it))).is_some()
        {}
    }
}
