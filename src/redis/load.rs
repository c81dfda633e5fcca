//! Loading and unloading.

use std::ffi::c_int;

use super::api::{self, api, raw};
use super::config::{MODULE, server_version};
use super::ctx::{Ctx, arguments};
use super::guard::{forget_panics, guard, tell_panics};
use super::server::is_valkey;
use super::{event_loop, log};

/// `VALKEYMODULE_OPTIONS_HANDLE_ATOMIC_SLOT_MIGRATION` of Valkey 9.0 and newer: everything that the module changes is in the
/// replication stream, with the keys of the slot, so it reaches the node to which the slot moves. Older ones ignore the bit.
/// Redis has no such option, and may use the bit for another one.
const HANDLES_SLOT_MIGRATION: u32 = 1 << 5;

/// The oldest server that the module loads into: 7.0.6.
const OLDEST: i32 = 0x0007_0006;

#[unsafe(no_mangle)]
extern "C" fn RedisModule_OnLoad(
    raw_ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    let version = c_int::try_from(raw::REDISMODULE_APIVER_1).unwrap_or(1);
    // SAFETY: the server's loader contract; this fills the function table and runs before anything of this
    // library allocates (S3).
    if unsafe { raw::Export_RedisModule_Init(raw_ctx, MODULE.as_ptr(), module_version(), version) } != 0 {
        return 1;
    }
    tell_panics();
    #[cfg(feature = "faults")]
    super::fault::arm_from_environment();
    let loaded = guard("OnLoad", || {
        // SAFETY: S2. All arguments are the module's own: there is no command name in front.
        let (ctx, args) = unsafe { (Ctx::new(raw_ctx), arguments(argv, argc, 0)) };
        check_server()?;
        // SAFETY: S2. Closing a key after reading must not signal it as modified; what is modified is
        // signalled where it happens. Loading a dataset beside the present one is followed (events).
        unsafe {
            let mut options = raw::REDISMODULE_OPTION_NO_IMPLICIT_SIGNAL_MODIFIED
                | raw::REDISMODULE_OPTIONS_HANDLE_REPL_ASYNC_LOAD;
            if is_valkey(ctx) {
                options |= HANDLES_SLOT_MIGRATION;
            }
            api!(RedisModule_SetModuleOptions(raw_ctx, options.cast_signed()));
        }
        ctx.attach();
        #[cfg(feature = "faults")]
        super::fault::register(ctx);
        crate::on_load(ctx, &args)
    });
    match loaded {
        Some(Ok(())) => 0,
        Some(Err(sentence)) => {
            log::warning(&sentence);
            undo();
            1
        }
        None => {
            undo();
            1
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn RedisModule_OnUnload(_: *mut raw::RedisModuleCtx) -> c_int {
    match guard("OnUnload", crate::on_unload) {
        Some(Ok(())) => {
            undo();
            0
        }
        Some(Err(sentence)) => {
            log::warning(&sentence);
            1
        }
        None => 1,
    }
}

fn undo() {
    event_loop::unhook();
    event_loop::close();
    crate::free();
    forget_panics();
    Ctx::detach();
}

fn module_version() -> c_int {
    let part = |text: &str| text.parse::<c_int>().unwrap_or(0);
    part(env!("CARGO_PKG_VERSION_MAJOR")) * 10_000
        + part(env!("CARGO_PKG_VERSION_MINOR")) * 100
        + part(env!("CARGO_PKG_VERSION_PATCH"))
}

fn check_server() -> Result<(), String> {
    let missing = api::missing();
    if let Some(first) = missing.first() {
        return Err(format!("qadmin needs Redis 7.0.6 or Valkey 7.2 or newer: this server has no {first}"));
    }
    let version = server_version();
    if version < OLDEST {
        let (major, minor, patch) = (version >> 16, version >> 8 & 0xff, version & 0xff);
        return Err(format!(
            "qadmin needs Redis 7.0.6 or Valkey 7.2 or newer: this server is {major}.{minor}.{patch}"
        ));
    }
    Ok(())
}
