//! qadmin: preview and clear a live job queue inside Redis or Valkey.
//!
//! This crate is the thin shell around `qadmin-core`: it registers commands, follows the events of queues, runs
//! slices on the server's event loop and turns results into replies, records and log lines. All `unsafe` code is
//! in [`redis`].

mod aof;
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
mod unload;
mod waiters;
mod walk;

use redis::{Ctx, block, event_loop, events, keyspace};

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
    aof::begin(ctx);
    index::begin(ctx, settings::now().default_kind());
    redis::log::notice(&format!("qadmin {} loaded", env!("CARGO_PKG_VERSION")));
    Ok(())
}

/// An event was not followed. May not panic.
fn lose_track() {
    entry::lose_track();
    index::lose_track();
}

/// Refuses to unload while work would be lost. The text of the error is logged.
fn on_unload() -> Result<(), String> {
    unload::check()
}

/// Frees what is held between callbacks, because the module is unloaded.
fn free() {
    entry::free();
    index::free();
    redis::acl::free();
    redis::config::free();
}
