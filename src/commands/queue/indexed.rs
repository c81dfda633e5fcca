//! Counts that are answered from the values that indexes keep, without reading the messages.

use qadmin_core::index::{Answered, Ask};
use qadmin_core::job::{Groups, Job, JobTarget, Start, Storage};
use qadmin_core::match_notices::{inexact_notice, uncompared_notice, unread_notice};
use qadmin_core::reply::int;
use qadmin_core::request::CountRequest;

use super::reply::{Count, CountMode, CountedBy, Indexed};
use crate::index;
use crate::no_match;
use crate::redis::Ctx;
use crate::settings;

/// The longest time that an answer may take, in slices, which is that of an immediate sample. It bounds the
/// work on values that the filter has not been compared with yet, and separately the work on the rows of all
/// messages.
const WORK_SLICES: u64 = 4;
/// Returns whether indexes may be able to answer: all lists with messages have one.
pub(super) fn may_answer<C: CountRequest>(request: &C, target: &JobTarget) -> bool {
    let mut lists = target.lists.iter().filter(|(_, len)| *len > 0);
    matches!(target.storage, Storage::Lists)
        && !request.busts()
        && request.filter().arrival_field().is_none()
        && target.depth() > 0
        && lists.all(|(list, _)| index::has(target.db, &list.key))
}

/// Returns the count by the indexes of all lists of the target; `None` if one of them cannot answer.
pub(super) fn count<C: CountRequest>(
    ctx: Ctx<'_>,
    request: &C,
    target: &JobTarget,
    start: Start,
) -> Option<(Count, Indexed)> {
    let rows = request.sample().map_or(0, |sample| sample.rows);
    let slice_ns = settings::now().slice_us() * 1_000;
    let steps = usize::try_from(slice_ns * WORK_SLICES).unwrap_or(usize::MAX);
    let mut ask = Ask {
        filter: &start.filter,
        grouping: start.grouping.as_ref(),
        inexact: start.clear_options.inexact,
        matches: rows,
        steps,
        groups: 0,
    };
    let left_ns = (slice_ns * WORK_SLICES).checked_sub(ask.answer_ns(target.depth()))?;
    ask.groups = Ask::groups_in(left_ns);
    let answer = |key: &[u8], len: u64| match len {
        0 => Some(Answered::default()),
        _ => index::answer(ctx, target, key, &ask, slice_ns),
    };
    let all = target.lists.iter().map(|(list, len)| answer(&list.key, *len)).collect::<Option<Vec<_>>>()?;
    let is_grouped = start.grouping.is_some();
    let groups = if is_grouped {
        Groups::of_lists(&start, all.iter().map(|answered| (&answered.groups[..], answered.ages.as_deref())))?
    } else {
        Groups::NONE
    };
    let sum = |of: &dyn Fn(&Answered) -> u64| all.iter().map(of).sum::<u64>();
    // The counts of groups already include the messages of which only the sender's texts show that they
    // match.
    let texts = u64::from(start.clear_options.inexact && !is_grouped);
    let matched = sum(&|a| a.counted.matched + texts * a.counted.inexact);
    let inexact = sum(&|a| a.counted.inexact);
    let shown = |n: u64| Some(int(n));
    let notices = [
        uncompared_notice(sum(&|a| a.counted.uncompared)),
        inexact_notice(inexact, start.clear_options.inexact).filter(|_| !is_grouped),
        unread_notice(matched).filter(|_| !is_grouped),
    ];
    // The notice that explains why nothing matches is made from a job, so this is a job that found nothing.
    let why = (matched == 0 && inexact == 0).then(|| no_match::explain(ctx, &Job::new(start))).flatten();
    let notices: Vec<String> = std::iter::once(why).chain(notices).flatten().collect();
    let count = Count {
        processed: shown(sum(&|a| a.counted.examined)),
        matched: shown(matched),
        matched_bytes: shown(sum(&|a| a.counted.matched_bytes + texts * a.counted.inexact_bytes)),
        undecodable: shown(sum(&|a| a.counted.undecodable)),
        unreadable: shown(sum(&|a| a.counted.unreadable)),
        drifted: Some(0),
        inexact: shown(inexact),
        notice: (!notices.is_empty()).then(|| notices.join("; ")),
        counted_by: Some(CountedBy::Index),
        ..Count::unknown(CountMode::Synchronous)
    };
    let found = all.into_iter().map(|answered| answered.found).collect();
    Some((count, Indexed { found, groups }))
}
