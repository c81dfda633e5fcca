//! The callbacks for keyspace events and server events.

use qadmin_core::error::EndReason;
use qadmin_core::job::{Job, JobKind, JobStatus};
use qadmin_core::queue::End;

use crate::container::index::count_index;
use crate::engine;
use crate::entry;
use crate::follow::{KeyChange, KeyEvent};
use crate::index;
use crate::places;
use crate::record;
use crate::redis::Ctx;
use crate::redis::events::{self, ServerEvent};
use crate::redis::guard::guard;
use crate::redis::keyspace::EventKey;
use crate::state::{self, State};

/// The keyspace callback. The server calls it synchronously after each command, also inside transactions and
/// scripts, on replicas, and while it loads an append-only file.
pub(crate) fn on_key_event(ctx: Ctx<'_>, event: &[u8], name: EventKey<'_>) {
    let key = name.bytes();
    if state::is_own(ctx, key, event) {
        return;
    }
    match guard("an event of an index", || index::on_key_event(ctx, event, name)) {
        Some(false) => {}
        Some(true) => engine::read_pushed(ctx, key),
        None => index::lose_track(),
    }
    let Some(what) = classify(ctx, event, name) else { return };
    // Records are followed from the first one on: a server that loads them now may become the primary, which
    // must then report what became of their jobs.
    if what == KeyChange::RecordSeen {
        events::follow(ctx);
    }
    // Which entries were added can only be found by counting now, before the next command runs. That is not
    // possible while another callback holds the state; `apply` then marks the index as not followed.
    if what == KeyChange::IndexChanged && entry::with(|state| count_index(state, ctx, key)).is_ok() {
        return;
    }
    entry::follow_or_put_aside(KeyEvent { db: ctx.db(), key: key.to_vec(), what });
    if matches!(what, KeyChange::Removed(_) | KeyChange::Trimmed(_)) {
        places::find_again(ctx, key);
    }
}

fn classify(ctx: Ctx<'_>, event: &[u8], name: EventKey<'_>) -> Option<KeyChange> {
    let key = name.bytes();
    // If the key is not a list any more, the next slice finds that, or a `del` event reports it.
    let list_len = |what: fn(u64) -> KeyChange| name.list_len(ctx).map(what);
    let is_record = key.starts_with(record::PREFIX);
    if !is_record && !is_known(key) {
        return None;
    }
    match event {
        // The key must not be opened here: it is not in its database yet (Redis 7.0 to 8.0).
        b"loaded" => is_record.then_some(KeyChange::RecordSeen),
        // A record that moved with its slot from another node is written by RESTORE.
        b"hset" | b"restore" if is_record => Some(KeyChange::RecordSeen),
        b"hset" => None,
        b"del" | b"expired" | b"evicted" | b"rename_from" | b"rename_to" | b"move_from" => {
            Some(KeyChange::Gone)
        }
        // A replica receives an HDEL or ZREM of its primary when a clear removes messages from a hash or a
        // sorted set, and when workers acknowledge messages or take them.
        b"hdel" | b"zrem" if !is_record && !ctx.flags().primary() => Some(KeyChange::UnackedRemoved),
        _ if !watched(ctx.db(), key) => None,
        b"lpush" => list_len(|len| KeyChange::Pushed(End::Head, len)),
        b"rpush" => list_len(|len| KeyChange::Pushed(End::Tail, len)),
        b"lpop" => list_len(|len| KeyChange::Popped(End::Head, len)),
        b"rpop" => list_len(|len| KeyChange::Popped(End::Tail, len)),
        // These events replace whatever the key held, and no `del` precedes them (Redis 7.0 to 8.0, Valkey
        // 8.1 and 9.1).
        b"restore" | b"copy_to" | b"sortstore" | b"zunionstore" | b"zinterstore" | b"zdiffstore"
        | b"zrangestore" | b"geosearchstore" | b"georadiusstore" => Some(KeyChange::Gone),
        b"lrem" => list_len(KeyChange::Removed),
        b"lset" => list_len(KeyChange::Set),
        b"ltrim" => list_len(KeyChange::Trimmed),
        b"expire" | b"persist" | b"hexpire" | b"hdel" | b"hincrby" | b"new" => None,
        // ZADD, ZREM and every other command that changes entries of a sorted set.
        _ if event.starts_with(b"z") || is_index(ctx.db(), key) => Some(KeyChange::IndexChanged),
        // LINSERT, and commands that are newer than this module.
        _ => list_len(KeyChange::Edited),
    }
}

/// Most servers never run a job on most of their keys. For these keys an event costs no more than this test.
fn is_known(key: &[u8]) -> bool {
    // The answer is unknown while a callback holds the state. It counts as yes, and `apply` tests again.
    // Following an event makes no queue known, so those that were put aside can wait.
    entry::look(|state| state.queues.contains(key)).unwrap_or(true)
}

fn watched(db: i32, key: &[u8]) -> bool {
    let followed = |state: &mut State| {
        let on_it = |job: &Job| job.is_on(db, key) || job.has_index(db, key);
        state.registry.live().iter().any(on_it) || state.registry.follows(db, key)
    };
    entry::with(followed).unwrap_or(true)
}

/// Returns whether a live job walks along this sorted set.
fn is_index(db: i32, key: &[u8]) -> bool {
    // The answer is unknown while a callback holds the state. All events of sorted sets begin with a z today.
    entry::with(|state| state.registry.live().iter().any(|job| job.has_index(db, key))).unwrap_or(false)
}

/// The callback for events of the whole server.
pub(crate) fn on_server_event(ctx: Ctx<'_>, event: ServerEvent) {
    index::on_server_event(event);
    let followed = entry::with(|state| match event {
        ServerEvent::Flush(db) => {
            let hit = |other: i32| db.is_none_or(|db| db == other);
            state.end_jobs(|job| hit(job.start().db), |_| (JobStatus::Failed, EndReason::Flushed));
            state.caches.drop_if(|count| hit(count.db));
            state.registry.mark_stale(|job| hit(job.db));
            state.records.flushed(db);
            state.walks.restart(hit);
        }
        ServerEvent::Swap(a, b) => {
            let hit = |db: i32| db == a || db == b;
            state.end_jobs(|job| hit(job.start().db), |_| (JobStatus::Failed, EndReason::DatabasesSwapped));
            state.caches.drop_if(|count| hit(count.db));
            state.registry.mark_stale(|job| hit(job.db));
            state.records.swapped(a, b);
            state.walks.restart(hit);
            for pending in &mut state.pending {
                pending.swapped(a, b);
            }
        }
        ServerEvent::Promoted | ServerEvent::Demoted => {
            state.end_jobs(
                |_| true,
                |job| match job.start().kind {
                    JobKind::Preview | JobKind::Stats | JobKind::Show => {
                        (JobStatus::Failed, EndReason::RoleChanged)
                    }
                    JobKind::Clear | JobKind::Undo => (JobStatus::Interrupted, EndReason::BecameReplica),
                },
            );
            if event == ServerEvent::Promoted {
                state.reconcile_later(ctx);
            } else {
                // The new primary writes the records.
                state.pending.clear();
                state.orphaned.clear();
            }
        }
        ServerEvent::LoadBegins => {
            state.end_jobs(
                |_| true,
                |job| match job.start().kind {
                    JobKind::Preview | JobKind::Stats | JobKind::Show => {
                        (JobStatus::Failed, EndReason::Loading)
                    }
                    JobKind::Clear | JobKind::Undo => (JobStatus::Interrupted, EndReason::DatasetReplaced),
                },
            );
            state.caches.drop_if(|_| true);
            state.registry.mark_stale(|_| true);
            state.walks.restart(|_| true);
        }
        // Their records came with them. A job of the server from which they came has ended.
        ServerEvent::SlotsArrived | ServerEvent::LoadEnded => {
            if ctx.flags().primary() {
                state.reconcile_later(ctx);
            }
        }
    });
    if followed.is_err() {
        // A slice never flushes, swaps databases or changes roles, but another module that is notified of a
        // deletion can.
        entry::lose_track();
    }
}
