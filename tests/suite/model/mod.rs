//! A real server compared with a simple list that knows the history of every message.
//!
//! Chance decides sizes, encodings of the list, commands and jobs. Slices run between commands, where no
//! client can see them; so each step is one MULTI/EXEC: STATUS of every job and the whole queue, some
//! commands, STATUS and queue again. Changes between two steps were made by slices alone, and can only be
//! that matching messages of a snapshot are missing, as many as `deleted` says. Changes inside a step were
//! made by its commands alone, and the simple list predicts them exactly.
//!
//! A failure names its seed; `QADMIN_MODEL_SEED=7 cargo test -p qadmin-tests model::` repeats that run (as
//! far as timing allows), and `QADMIN_MODEL_RUNS=1000` makes more of them.

mod align;
mod job;
mod named;
mod ops;
mod queue;
pub(crate) mod rng;
mod status;
mod wire;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use qadmin_harness::Server;

pub(crate) use self::rng::Rng;
use self::world::{Edits, World};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text}: no number")))
}

/// A client that is always active: a server without other clients gives all its time to jobs, which then end
/// before many commands came in between.
struct Company(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Company {
    fn of(server: &Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (told, mut raw) = (Arc::clone(&stop), server.raw());
        let pinging =
            thread::spawn(move || while !told.load(Ordering::Relaxed) && raw.try_call(&[b"PING"]).is_ok() {});
        Self(stop, Some(pinging))
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        // The thread has no result.
        let _ = self.1.take().map(JoinHandle::join);
    }
}

/// Prints the seed of a failure.
struct Seed(u64, usize);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} failed in step {}: QADMIN_MODEL_SEED={} repeats it", self.0, self.1, self.0);
        }
    }
}

/// The number of seeds of each model; `make test-nightly` runs more of them.
const RUNS: u64 = 40;

fn run_all(edits: Edits, first: u64) {
    let args = format!("{} inline-limit 0", crate::stage::slowly());
    let server = Server::builder().module_args(&args).start();
    let seeds = match variable("QADMIN_MODEL_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + variable("QADMIN_MODEL_RUNS").unwrap_or(RUNS),
    };
    for seed in seeds {
        let mut at = Seed(seed, 0);
        let mut rng = Rng::new(seed);
        let mut world = World::new(&server, &mut rng, edits);
        let _company = rng.percent(70).then(|| Company::of(&server));
        for step in 0..rng.within(15, 60) {
            at.1 = step;
            world.step(&mut rng);
        }
        world.finish();
    }
    assert_eq!(server.info("qadmin_apply_mismatches").as_deref(), Some("0"));
}

#[test]
fn pushes_and_pops_leave_counts_exact_and_other_messages_in_place() {
    run_all(Edits::Never, 1);
}

#[test]
fn edits_in_place_never_clear_other_or_later_messages() {
    run_all(Edits::Sometimes, 1_001);
}
