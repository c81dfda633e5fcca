//! The turns of the server's event loop, and the timer descriptor that keeps them coming.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::guard::guard;

/// What the module does on a turn.
pub(crate) struct Callbacks {
    /// The loop is about to poll: a slice can run here. It is not called while a script, a load or a yielding
    /// command runs the loop from inside.
    pub(crate) before_poll: fn(Ctx<'_>),
    /// The poll returned.
    pub(crate) after_poll: fn(),
    /// The timer descriptor fired. This also happens inside busy scripts and while loading, so it must not access
    /// keys.
    pub(crate) timer: fn(),
}

/// The module's callbacks, set once at load.
pub(crate) static CALLBACKS: OnceLock<Callbacks> = OnceLock::new();

static TIMER_FD: AtomicI32 = AtomicI32::new(-1);
/// When the timer fires, steady clock; 0 once it has.
static ARMED_NS: AtomicU64 = AtomicU64::new(0);
static HOOKED: AtomicBool = AtomicBool::new(false);

fn event() -> raw::RedisModuleEvent {
    raw::RedisModuleEvent { id: raw::REDISMODULE_EVENT_EVENTLOOP, dataver: 1 }
}

/// Creates the timer descriptor and adds it to the loop.
pub(crate) fn open() -> bool {
    // SAFETY: plain system call; the descriptor is ours until `close`.
    let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC) };
    if fd < 0 {
        return false;
    }
    // SAFETY: the callback lives as long as the library; `close` takes it out of the loop before unload.
    let added = unsafe {
        api!(RedisModule_EventLoopAdd(
            fd,
            raw::REDISMODULE_EVENTLOOP_READABLE.cast_signed(),
            Some(on_timer),
            ptr::null_mut()
        )) == 0
    };
    TIMER_FD.store(fd, Ordering::Relaxed);
    // A library that was unloaded may still be there, as it was.
    ARMED_NS.store(0, Ordering::Relaxed);
    added
}

/// Removes the descriptor from the loop and closes it.
pub(crate) fn close() {
    let fd = TIMER_FD.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the descriptor is ours; it leaves the loop before it is closed.
        unsafe {
            api!(RedisModule_EventLoopDel(fd, raw::REDISMODULE_EVENTLOOP_READABLE.cast_signed()));
            libc::close(fd);
        }
    }
}

/// Lets the loop turn at `at_ns` of the steady clock; a time that has passed means at once.
pub(crate) fn arm(at_ns: u64) {
    // A value of zero would disarm.
    let at_ns = at_ns.max(1);
    ARMED_NS.store(at_ns, Ordering::Relaxed);
    // Both processors count seconds in 64 bits. The name of the type, time_t, is deprecated for musl, where it changes on
    // processors of 32 bits.
    let value = libc::timespec {
        tv_sec: i64::try_from(at_ns / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: libc::c_long::try_from(at_ns % 1_000_000_000).unwrap_or(0),
    };
    let spec = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
    // SAFETY: the descriptor is a timer, `spec` is live; a bad descriptor only fails the call.
    unsafe {
        libc::timerfd_settime(
            TIMER_FD.load(Ordering::Relaxed),
            libc::TFD_TIMER_ABSTIME,
            &raw const spec,
            ptr::null_mut(),
        )
    };
}

/// Lets the loop turn at `at_ns`, or before if it is to turn before.
pub(crate) fn arm_by(at_ns: u64) {
    let armed_ns = ARMED_NS.load(Ordering::Relaxed);
    if armed_ns == 0 || armed_ns > at_ns {
        arm(at_ns);
    }
}

/// Begins to be called on every turn.
pub(crate) fn hook(ctx: Ctx<'_>) {
    if !HOOKED.swap(true, Ordering::Relaxed) {
        // SAFETY: S2; the callback lives as long as the library.
        unsafe { api!(RedisModule_SubscribeToServerEvent(ctx.raw(), event(), Some(on_turn))) };
    }
}

/// Stops being called. It must never be called from inside the hook: the server reads the subscription after the
/// callback returned (moduleFireServerEvent, Redis 7.0 to 8.0).
pub(crate) fn unhook() {
    if HOOKED.swap(false, Ordering::Relaxed) {
        // SAFETY: the detached context names the module, which is all that is read of it.
        unsafe { api!(RedisModule_SubscribeToServerEvent(Ctx::detached_or_null(), event(), None)) };
    }
}

extern "C" fn on_turn(ctx: *mut raw::RedisModuleCtx, _: raw::RedisModuleEvent, sub: u64, _: *mut c_void) {
    guard("a turn of the event loop", || {
        let Some(callbacks) = CALLBACKS.get() else { return };
        match sub {
            raw::REDISMODULE_SUBEVENT_EVENTLOOP_BEFORE_SLEEP => {
                // SAFETY: S2.
                (callbacks.before_poll)(unsafe { Ctx::new(ctx) });
            }
            raw::REDISMODULE_SUBEVENT_EVENTLOOP_AFTER_SLEEP => (callbacks.after_poll)(),
            _ => {}
        }
    });
}

extern "C" fn on_timer(fd: c_int, _: *mut c_void, _: c_int) {
    ARMED_NS.store(0, Ordering::Relaxed);
    let mut expirations = 0_u64;
    // SAFETY: a timer descriptor gives eight bytes; it does not block.
    unsafe { libc::read(fd, (&raw mut expirations).cast(), size_of::<u64>()) };
    guard("the timer", || {
        if let Some(callbacks) = CALLBACKS.get() {
            (callbacks.timer)();
        }
    });
}
