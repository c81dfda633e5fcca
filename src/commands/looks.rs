//! What the messages of a queue look like, whatever a command takes them for.

use qadmin_core::kind::{MessageKind, Recogniser};
use qadmin_core::priorities;
use qadmin_core::scan::Queue as _;

use crate::redis::clock::cpu_ns;
use crate::redis::list::{List, Mode, Opened};
use crate::redis::{Ctx, RString};
use crate::settings;

/// Looks at the messages that run next, as long as one slice may take, and says what most of them look like where that
/// is another kind than the one they are taken for.
pub(super) fn looks_like(
    ctx: Ctx<'_>,
    lists: &[(priorities::List, u64)],
    taken_for: MessageKind,
) -> Option<MessageKind> {
    let (first, _) = lists.iter().find(|(_, len)| *len > 0)?;
    let name = RString::new(&first.key);
    let Opened::List(mut list) = List::open(ctx, &name, Mode::Read) else { return None };
    let (began, longest) = (cpu_ns(), settings::now().slice_us() * 1_000);
    let mut recogniser = Recogniser::new();
    let len = list.len();
    for distance in 0..len {
        if recogniser.is_done() || cpu_ns().saturating_sub(began) >= longest {
            break;
        }
        list.read(taken_for.spec().next_end.index(distance, len), |message| recogniser.look(message));
    }
    disagrees(&recogniser, taken_for)
}

/// What most of the messages look like, where that is another kind.
pub(super) fn disagrees(recogniser: &Recogniser, taken_for: MessageKind) -> Option<MessageKind> {
    recogniser.kind_of_most().filter(|kind| *kind != taken_for)
}
