//! qadmin: preview and clear a live job queue inside Redis or Valkey.
//!
//! This crate is the thin shell around `qadmin-core`: it registers commands, follows the events of queues, runs
//! slices on the server's event loop and turns results into replies, records and log lines. All `unsafe` code is
//! in [`redis`].

mod audit;
mod commands;
mod container;
mod engine;
mod entry;
mod follow;
mod index;
mod info;
mod library;
mod listen;
mod measures;
mod moved;
mod no_match;
mod places;
mod probe;
mod publisher;
mod reconcile;
mod record;
mod redis;
mod refusal;
mod rights;
mod settings;
mod state;
mod totals;
mod unit;
mod waiters;
mod walk;

use redis::call::{CallMode, call};
use redis::{Ctx, RString, block, event_loop, events, keyspace};

/// Registers everything. Where it returns an error, the text is logged and the module is not loaded.
fn on_load(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), String> {
    settings::register(ctx, args)?;
    commands::register(ctx).map_err(|name| format!("the server refused to register {name}"))?;
    let _ = event_loop::CALLBACKS.set(event_loop::Callbacks {
        before_poll: engine::before_poll,
        after_poll: engine::after_poll,
        timer: engine::timer,
    });
    let _ = block::CALLBACKS.set(block::Callbacks {
        ready: commands::waiting::ready,
        timeout: commands::waiting::timeout,
        gone: commands::waiting::gone,
    });
    events::prepare(events::Callbacks { event: listen::on_server_event, missed: lose_track });
    let subscribed = event_loop::open()
        && keyspace::subscribe(ctx, keyspace::Callbacks { event: listen::on_key_event, missed: lose_track })
        && redis::info::register(ctx, info::fields);
    if !subscribed {
        return Err("the server refused an event subscription that the module needs".into());
    }
    let missing = redis::server::all_missing();
    if !missing.is_empty() {
        redis::log::warning(&format!(
            "qadmin calls these commands, which this server does not have under their names (rename-command): {}; requests \
             that need them are refused or report less",
            missing.join(", ")
        ));
    }
    index::begin(ctx, settings::now().default_kind());
    redis::log::notice(&format!("qadmin {} loaded", env!("CARGO_PKG_VERSION")));
    Ok(())
}

/// An event was not followed. May not panic.
fn lose_track() {
    entry::lose_track();
    index::lose_track();
}

/// Frees what is held between callbacks, because the module is unloaded.
fn free() {
    entry::free();
    index::free();
    redis::acl::free();
    redis::config::free();
}

/// Refuses to unload while work would be lost. The text of the error is logged: the server tells the caller only that the
/// operation is not possible (`moduleUnload`, Redis 7.0 to 8.0, Valkey 7.2 to 9.1).
fn on_unload() -> Result<(), String> {
    let (live, waiting) = entry::with(|state| (state.registry.live().len(), state.waiters.len()))
        .map_err(|error| error.to_string())?;
    if live > 0 || waiting > 0 {
        return Err(format!(
            "not unloaded: live jobs: {live}, blocked clients: {waiting}; cancel the jobs with QADMIN.CANCEL ALL, or wait"
        ));
    }
    if let Some(command) = redis::server::missing(redis::server::ACL) {
        return Err(format!(
            "not unloaded: without the command {command} it is unknown whether ACL rules name commands of this module, and \
             some servers crash if such a rule exists after the unload"
        ));
    }
    // Redis 8.0 and Valkey 8.1 recompute all ACL rules without the commands that were removed, and fail an
    // assertion where a rule names such a command.
    if Ctx::detached().is_some_and(rules_name_us) {
        return Err(
            "not unloaded: ACL rules name commands or the category of this module, and some servers crash if such a rule \
             exists after the unload; remove those rules first (ACL LIST)"
                .into(),
        );
    }
    // Whether it does contain one is unknown: another life of the module may have written it, and a rewrite removed it.
    if Ctx::detached().is_some_and(|ctx| ctx.flags().aof()) {
        redis::log::warning(
            "the append-only file can contain QADMIN.APPLY, and a server without the module does not load such a file: run \
             BGREWRITEAOF before the server is started without the module",
        );
    }
    Ok(())
}

/// Returns whether the ACL rules of any user name a command of this module, or its category.
fn rules_name_us(ctx: Ctx<'_>) -> bool {
    let users = call(ctx, c"ACL", CallMode::Read, &[RString::new("LIST")]).map(|users| users.list());
    // Rules are separated by blanks; those of a selector are in parentheses.
    let words = |user: &Vec<u8>| {
        user.to_ascii_lowercase().split(|byte| b" ()".contains(byte)).any(|word| {
            [&b"+qadmin."[..], b"-qadmin.", b"+@qadmin", b"-@qadmin"].iter().any(|r| word.starts_with(r))
        })
    };
    users.is_ok_and(|users| users.iter().any(words))
}
