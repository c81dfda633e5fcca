//! Finds the positions of jobs in a list again, right after a command has removed messages from it at unknown
//! positions.
//!
//! A slice finds them, too. But between two slices others can remove so many messages, or workers can pop so far,
//! that a position cannot be found any more, and the job has to begin another pass. After several of these it gives
//! up.

use qadmin_core::job::Job;
use qadmin_core::scan::Lost;

use crate::entry;
use crate::redis::clock::now_ns;
use crate::redis::list::{List, Mode, OpenedList};
use crate::redis::{Ctx, RString};
use crate::settings;

/// The share of the main thread that this may take, percent, unless a position is about to be lost.
const FINDING_PERCENT: u64 = 10;

/// Finds the positions of all jobs whose next slice works on this list.
pub(crate) fn find_again(ctx: Ctx<'_>, key: &[u8]) {
    let (db, began_ns) = (ctx.db(), now_ns());
    let is_lost = |job: &Job, is_time: bool| match job.lost(db, key) {
        Lost::No => false,
        Lost::Slightly => is_time,
        Lost::Nearly => true,
    };
    // If a callback further up the stack holds the state, the next slice finds the positions.
    let is_any_lost = entry::with(|state| {
        let is_time = began_ns >= state.finds_again_from_ns;
        state.registry.live().iter().any(|job| is_lost(job, is_time))
    });
    if !is_any_lost.unwrap_or(false) {
        return;
    }
    let name = RString::new(key);
    // Opening may delete a key whose time is over, which is an event: the state is not held meanwhile.
    let OpenedList::List(mut list) = List::open(ctx, &name, Mode::Read) else { return };
    let found = entry::with(|state| {
        let until_ns = now_ns() + settings::now().slice_us() * 1_000;
        let jobs = state.registry.live_mut().iter_mut();
        // The positions of jobs that are left are found after the next removal, or by their next slice.
        for job in jobs.filter(|job| is_lost(job, true)).take_while(|_| now_ns() < until_ns) {
            job.find_place(&mut list);
        }
        let now_ns = now_ns();
        let pause_ns = (now_ns - began_ns) * (100 - FINDING_PERCENT) / FINDING_PERCENT;
        state.finds_again_from_ns = now_ns + pause_ns;
    });
    debug_assert!(found.is_ok(), "the state was free before");
}
