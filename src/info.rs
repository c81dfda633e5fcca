//! The INFO section.

use std::fmt::Write as _;

use qadmin_core::job::JobKind;

use crate::index::{self, Summary};
use crate::redis::Ctx;
use crate::redis::info::Value;
use crate::totals::Totals;
use crate::{aof, entry};

/// Bytes of a name in the line of an index, with its escapes. A longer one is cut, and `...` follows.
const NAME_MAX: usize = 256;

/// The fields of the section `qadmin`.
pub(crate) fn fields() -> Vec<(String, Value)> {
    let numbers = numbers().into_iter().map(|(name, value)| (name.to_owned(), Value::Number(value)));
    let index = |(at, summary): (usize, &Summary)| (format!("index_{at}"), Value::Map(members(summary)));
    numbers.chain(index::summaries().iter().enumerate().map(index)).collect()
}

/// The members of the line of one index. What is not known is left out.
fn members(of: &Summary) -> Vec<(&'static str, String)> {
    let mut members = vec![
        ("db", of.db.to_string()),
        ("queue", escaped(&of.queue)),
        ("state", of.state.word().to_owned()),
        ("memory", of.memory.to_string()),
    ];
    let Some((depth, ages)) = of.known else { return members };
    members.push(("depth", depth.to_string()));
    for (age, at_least, ms, is_bound) in [
        ("next_age", "next_at_least", ages.next_ms, ages.next_at_least),
        ("oldest_age", "oldest_at_least", ages.oldest_ms, ages.oldest_at_least),
    ] {
        if let Some(ms) = ms {
            members.extend([(age, ms.to_string()), (at_least, u8::from(is_bound).to_string())]);
        }
    }
    members.extend([
        ("pushed_per_minute", ages.pushed.to_string()),
        ("popped_per_minute", ages.popped.to_string()),
        ("waits", ages.waits.to_string()),
        ("wait_sum_ms", ages.wait_sum_ms.to_string()),
    ]);
    members
}

/// A name that can be a value in a line of INFO: other bytes than letters, digits and harmless punctuation
/// are `%` and two hexadecimal digits.
fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        if text.len() >= NAME_MAX {
            text.push_str("...");
            break;
        }
        if byte.is_ascii_graphic() && !matches!(byte, b',' | b'=' | b'%' | b'"' | b'\\' | b'\'') {
            text.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}

fn can_hold_units(totals: &Totals) -> bool {
    Ctx::detached().is_some_and(|ctx| aof::can_hold_units(ctx, totals))
}

fn numbers() -> Vec<(&'static str, u64)> {
    entry::with(|state| {
        let totals = &state.totals;
        let of_indexes = index::totals();
        let live = |kind| state.registry.count(kind) as u64;
        vec![
            ("jobs_live", state.registry.live().len() as u64),
            ("previews_live", live(JobKind::Preview)),
            ("clears_live", live(JobKind::Clear)),
            ("jobs_started", totals.jobs_started),
            ("jobs_completed", totals.jobs_completed),
            ("jobs_cancelled", totals.jobs_cancelled),
            ("jobs_failed", totals.jobs_failed),
            ("jobs_interrupted", totals.jobs_interrupted),
            ("messages_examined", totals.examined),
            ("messages_cleared", totals.cleared),
            ("slices", totals.slices_us.count()),
            ("slice_p99_us", totals.slices_us.quantile(99)),
            ("slice_max_us", totals.slices_us.max()),
            ("slice_work_max_us", totals.work_max_us),
            ("slice_own_work_max_us", totals.own_work_max_us),
            ("slices_interrupted", totals.interrupted),
            ("seek_max_us", totals.seek_max_us),
            ("seek_us", totals.seek_ns / 1_000),
            ("main_thread_us", totals.main_thread_ns / 1_000),
            ("cache_entries", state.caches.len() as u64),
            ("cache_hits", totals.cache_hits),
            ("cache_misses", totals.cache_misses),
            ("joins", totals.joins),
            ("clients_waiting", state.waiters.len() as u64),
            ("records_owed", state.pending.len() as u64),
            ("units_applied", totals.applied),
            ("apply_mismatches", totals.apply_mismatches),
            ("stats_live", live(JobKind::Stats)),
            ("undos_live", live(JobKind::Undo)),
            ("indexes", of_indexes.indexes),
            ("indexes_suspended", of_indexes.suspended),
            ("index_memory", of_indexes.memory),
            ("index_slice_work_max_us", of_indexes.work_max_us),
            ("index_slice_excess_max_us", of_indexes.excess_max_us),
            ("index_seek_max_us", of_indexes.seek_max_us),
            ("index_repairs", of_indexes.repaired),
            ("index_rebuilds", of_indexes.rebuilt),
            ("index_audits", of_indexes.audits),
            ("index_audit_faults", of_indexes.audit_faults),
            ("aof_can_hold_units", u64::from(can_hold_units(totals))),
            ("shows_live", live(JobKind::Show)),
        ]
    })
    .unwrap_or_default()
}
