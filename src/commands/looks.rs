//! What the messages of a queue look like, whatever a command takes them for.

use qadmin_core::format::Recogniser;
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities;
use qadmin_core::scan::Queue as _;

use crate::library::{Looks, library_of};
use crate::redis::clock::cpu_ns;
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString};
use crate::settings;

/// The clock is read after so many messages, or after so many bytes and steps of work.
const CLOCK_MESSAGES: u64 = 8;
const CLOCK_WORK: usize = 16 * 1024;

/// The processor time of a look that a command takes itself, in one go.
pub(super) struct LookTime {
    over_ns: u64,
    messages: u64,
    work: usize,
}

impl LookTime {
    /// Begins a look of at most `longest_ns` nanoseconds. Its first message is looked at in any case.
    pub(super) fn begin(longest_ns: u64) -> Self {
        Self { over_ns: cpu_ns() + longest_ns, messages: 0, work: 0 }
    }

    /// One message was looked at, which took so many bytes and steps of work ([`qadmin_core::filter::Work`]).
    pub(super) fn took(&mut self, work: usize) {
        self.messages += 1;
        self.work += work;
    }

    /// Whether no further message is to be looked at.
    pub(super) fn is_over(&mut self) -> bool {
        if self.messages < CLOCK_MESSAGES && self.work < CLOCK_WORK {
            return false;
        }
        (self.messages, self.work) = (0, 0);
        cpu_ns() >= self.over_ns
    }
}

/// Looks at the messages that run next, as long as one slice may take, and says what most of them look like.
pub(super) fn looks_like(
    ctx: Ctx<'_>,
    lists: &[(priorities::List, u64)],
    taken_for: MessageKind,
) -> Option<Looks> {
    let (first, _) = lists.iter().find(|(_, len)| *len > 0)?;
    let name = RString::new(&first.key);
    let mut recogniser = Recogniser::new();
    {
        let Opened::List(mut list) = List::open(ctx, &name, Mode::Read) else { return None };
        let (began, longest) = (cpu_ns(), settings::now().slice_us() * 1_000);
        let len = list.len();
        for distance in 0..len {
            if recogniser.is_done() || cpu_ns().saturating_sub(began) >= longest {
                break;
            }
            list.read(taken_for.spec().next_end.index(distance, len), |message| recogniser.look(message));
        }
    }
    recognised(ctx, &recogniser, &first.key)
}

/// What the messages look like that were looked at, of which the first that may be ids are of this list. No list may be
/// open: looking for a job may delete it where its time is over.
pub(super) fn recognised(ctx: Ctx<'_>, recogniser: &Recogniser, list: &[u8]) -> Option<Looks> {
    if let Some(kind) = recogniser.kind_of_most() {
        return Some(Looks { kind, library: None });
    }
    let ids = recogniser.ids();
    let library = (!ids.is_empty()).then(|| library_of(ctx, &ctx.caller(), list, ids)).flatten()?;
    Some(Looks { kind: MessageKind::Ids, library: Some(library) })
}
