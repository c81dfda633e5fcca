//! Finds out of which kind the messages of a list seem to be, independently of the kind that a command
//! expects.

use qadmin_core::format::Recogniser;
use qadmin_core::job::{JobTarget, Storage};
use qadmin_core::scan::Queue as _;

use crate::library::{Recognised, library_of};
use crate::redis::clock::cpu_ns;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::zset_reader::Reader;
use crate::redis::{Ctx, RString};
use crate::settings;

/// The clock is read after this number of messages ...
const CLOCK_MESSAGES: u64 = 8;
/// ... or after this amount of work, in bytes and steps.
const CLOCK_WORK: usize = 16 * 1024;

/// Bounds the processor time in which a command itself reads messages.
pub(in crate::commands) struct SampleTime {
    over_ns: u64,
    messages: u64,
    work: usize,
}

impl SampleTime {
    /// Starts to measure. Messages may be read for `longest_ns` nanoseconds from now on; the first one always
    /// may.
    pub(in crate::commands) fn begin(longest_ns: u64) -> Self {
        Self { over_ns: cpu_ns() + longest_ns, messages: 0, work: 0 }
    }

    /// Counts a message that was read, with its work: bytes and steps ([`qadmin_core::filter::Work`]).
    pub(in crate::commands) fn took(&mut self, work: usize) {
        self.messages += 1;
        self.work += work;
    }

    /// Returns whether the time is over, so that no further message may be read.
    pub(in crate::commands) fn is_over(&mut self) -> bool {
        if self.messages < CLOCK_MESSAGES && self.work < CLOCK_WORK {
            return false;
        }
        (self.messages, self.work) = (0, 0);
        cpu_ns() >= self.over_ns
    }
}

/// Reads the messages that run next, for no longer than one slice, and returns what most of them look like.
/// `None` if that is not known, as for unacknowledged messages.
pub(in crate::commands) fn looks_like(ctx: Ctx<'_>, target: &JobTarget) -> Option<Recognised> {
    match target.storage {
        Storage::Lists | Storage::ListOfIds(_) => {}
        Storage::Unacked(_) => return None,
        Storage::SortedSet(_) | Storage::SetOfIds(..) => {
            return looks_of_set(ctx, &RString::new(&target.queue));
        }
    }
    let (first, _) = target.lists.iter().find(|(_, len)| *len > 0)?;
    let name = RString::new(&first.key);
    let mut recogniser = Recogniser::new();
    {
        let OpenedList::List(mut list) = List::open(ctx, &name, Mode::Read) else { return None };
        let (began, longest) = (cpu_ns(), settings::now().slice_us() * 1_000);
        let len = list.len();
        for distance in 0..len {
            if recogniser.is_done() || cpu_ns().saturating_sub(began) >= longest {
                break;
            }
            list.read(target.messages.spec().consumer_end.index(distance, len), |message| {
                recogniser.examine(message);
            });
        }
    }
    recognised(ctx, &recogniser, &first.key)
}

/// Reads the members of a sorted set that have the lowest scores, for no longer than one slice, and returns
/// what most of them look like; `None` if that is not known.
pub(in crate::commands) fn looks_of_set(ctx: Ctx<'_>, key: &RString) -> Option<Recognised> {
    let mut recogniser = Recogniser::new();
    let Ok(mut reader) = Reader::open(ctx, key) else { return None };
    let mut time = SampleTime::begin(settings::now().slice_us() * 1_000);
    while !recogniser.is_done() && !time.is_over() {
        let Some((member, _)) = reader.next_entry() else { break };
        recogniser.examine(&member);
        time.took(member.len());
    }
    recognised(ctx, &recogniser, key.bytes())
}

/// Returns what most of the messages look like that a recogniser has examined. `list` is the key in which
/// possible ids were found. No list may be open: looking up the job of an id can delete an expired key.
pub(in crate::commands) fn recognised(
    ctx: Ctx<'_>,
    recogniser: &Recogniser,
    list: &[u8],
) -> Option<Recognised> {
    if let Some(kind) = recogniser.kind_of_most() {
        return Some(Recognised { kind, library: None });
    }
    let ids = recogniser.ids();
    let library = (!ids.is_empty()).then(|| library_of(ctx, &ctx.caller(), list, ids)).flatten()?;
    Some(Recognised::ids_of(library))
}
