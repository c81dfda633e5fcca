//! Panics on demand, for the tests that prove that no panic does harm: only in builds with the feature `faults`
//! (`make build-faults`). Otherwise [`point`] does nothing, and there is no QADMIN.FAULT.
//!
//! `QADMIN.FAULT place [skip [ms]]` makes the thread panic once, when it reaches this place again, or after it passed
//! the place `skip` times. With `ms` the thread sleeps for this many milliseconds instead, so that times end there. Every callback is a place with the name of its `guard`; other places call
//! `fault::point(name)`. A place that is passed before there is a command is set by QADMIN_FAULT in the
//! environment of the server.
//!
//! `QADMIN.FAULT EXCEPTION` panics and catches it at once, and replies with the size of the block that the exception was in
//! and the remainder of its address divided by 16.

#[cfg(not(feature = "faults"))]
pub(crate) fn point(_: &str) {}

#[cfg(not(feature = "faults"))]
pub(super) fn allocated(_: *const u8, _: usize) {}

#[cfg(feature = "faults")]
pub(crate) use on_demand::point;
#[cfg(feature = "faults")]
pub(super) use on_demand::{allocated, arm_from_environment, register};

#[cfg(feature = "faults")]
mod on_demand {
    use std::ffi::c_int;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use qadmin_core::reply::Reply;

    use crate::redis::api::{api, raw};
    use crate::redis::ctx::{Ctx, arguments};
    use crate::redis::main_cell::MainCell;
    use crate::redis::reply;

    /// The place, how often it is passed before, and how long the thread sleeps there; with `None` it panics.
    type Armed = (Vec<u8>, u64, Option<Duration>);
    static ARMED: MainCell<Option<Armed>> = MainCell::new(None);

    #[expect(clippy::panic, reason = "it is what this is for")]
    pub(crate) fn point(place: &str) {
        let Some(mut armed) = ARMED.try_borrow_mut() else { return };
        let sleeps = match &mut *armed {
            Some((wanted, skip, sleeps)) if wanted == place.as_bytes() => {
                if *skip > 0 {
                    *skip -= 1;
                    return;
                }
                *sleeps
            }
            _ => return,
        };
        *armed = None;
        drop(armed);
        match sleeps {
            Some(time) => std::thread::sleep(time),
            None => panic!("a fault on demand"),
        }
    }

    /// The size of the block that was allocated last while the thread panicked, in bytes.
    static EXCEPTION_SIZE: AtomicUsize = AtomicUsize::new(0);
    /// The address of that block.
    static EXCEPTION_ADDRESS: AtomicUsize = AtomicUsize::new(0);

    /// The allocator gave out this block.
    pub(in crate::redis) fn allocated(block: *const u8, size: usize) {
        if std::thread::panicking() {
            EXCEPTION_SIZE.store(size, Ordering::Relaxed);
            EXCEPTION_ADDRESS.store(block.addr(), Ordering::Relaxed);
        }
    }

    /// Returns the size of an exception and the remainder of its address divided by 16.
    fn exception() -> Reply {
        // This calls no hook and its payload needs no memory, so the exception is the only block.
        let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(())));
        let number = |of: usize| Reply::Int(i64::try_from(of).unwrap_or(i64::MAX));
        let (size, address) = (&EXCEPTION_SIZE, &EXCEPTION_ADDRESS);
        match caught {
            Ok(()) => Reply::Null,
            Err(_) => Reply::List(vec![
                number(size.load(Ordering::Relaxed)),
                number(address.load(Ordering::Relaxed) % 16),
            ]),
        }
    }

    fn arm(place: &[u8], skip: u64, sleeps: Option<Duration>) {
        if let Some(mut armed) = ARMED.try_borrow_mut() {
            *armed = Some((place.to_vec(), skip, sleeps));
        }
    }

    pub(crate) fn arm_from_environment() {
        if let Ok(place) = std::env::var("QADMIN_FAULT") {
            arm(place.as_bytes(), 0, None);
        }
    }

    pub(crate) fn register(ctx: Ctx<'_>) -> bool {
        // SAFETY: S2; the strings are copied by the server.
        unsafe {
            api!(RedisModule_CreateCommand(
                ctx.raw(),
                c"qadmin.fault".as_ptr(),
                Some(run),
                c"".as_ptr(),
                0,
                0,
                0
            )) == 0
        }
    }

    extern "C" fn run(
        ctx: *mut raw::RedisModuleCtx,
        argv: *mut *mut raw::RedisModuleString,
        argc: c_int,
    ) -> c_int {
        // SAFETY: S2.
        let (ctx, args) = unsafe { (Ctx::new(ctx), arguments(argv, argc, 1)) };
        if args.first().is_some_and(|place| *place == b"EXCEPTION") {
            reply::send(ctx, &exception());
            return 0;
        }
        let number = |at: usize| args.get(at).and_then(|number| qadmin_core::args::parse_u64(number));
        let sleeps = number(2).map(Duration::from_millis);
        arm(args.first().copied().unwrap_or_default(), number(1).unwrap_or(0), sleeps);
        reply::send(ctx, &Reply::Int(1));
        0
    }
}
