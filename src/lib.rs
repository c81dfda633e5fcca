//! qadmin: preview and clear a live job queue inside Redis or Valkey.
//!
//! This crate is the thin shell around `qadmin-core`: it registers commands, follows what happens to queues,
//! runs slices on the server's event loop and turns results into replies, records and log lines. Everything
//! `unsafe` stands in [`redis`].

mod audit;
mod commands;
mod engine;
mod follow;
mod info;
mod record;
mod redis;
mod settings;
mod settle;
mod state;
mod unit;
mod waiters;

use redis::{Ctx, block, event_loop, events, keyspace};

/// Registers everything. The sentence of an error goes to the log, and the module does not load.
fn on_load(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), String> {
    settings::register(ctx, args)?;
    commands::register(ctx).map_err(|name| format!("the server refused to register {name}"))?;
    let _ = event_loop::CALLBACKS.set(event_loop::Callbacks {
        before_poll: engine::before_poll,
        after_poll: engine::after_poll,
        timer: engine::timer,
    });
    let _ = block::CALLBACKS.set(block::Callbacks {
        ready: waiters::ready,
        timeout: waiters::timeout,
        gone: waiters::gone,
    });
    let subscribed = event_loop::open()
        && keyspace::subscribe(
            ctx,
            keyspace::Callbacks { event: follow::on_key_event, missed: state::lose_track },
        )
        && events::subscribe(
            ctx,
            events::Callbacks { event: follow::on_server_event, missed: state::lose_track },
        )
        && redis::info::register(ctx, info::fields);
    if !subscribed {
        return Err("the server refused a subscription that the module cannot do without".into());
    }
    redis::log::notice(&format!("qadmin {} loaded", env!("CARGO_PKG_VERSION")));
    Ok(())
}

/// Gives back what is held between callbacks: the module goes.
fn free() {
    state::free();
}

/// Refuses while something would be lost; the sentence goes to the log.
fn on_unload() -> Result<(), String> {
    let (live, waiting) = state::with(|state| (state.registry.live().len(), state.waiters.len()))
        .map_err(|error| error.to_string())?;
    if live > 0 || waiting > 0 {
        return Err(format!(
            "not unloaded: live jobs: {live}, clients that wait for one: {waiting}; \
             end them with QADMIN.CANCEL ALL, or wait"
        ));
    }
    Ok(())
}
