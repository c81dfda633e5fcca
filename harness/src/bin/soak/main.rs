//! `make soak`: twenty-two clients that send anything, a primary with an append-only file, a replica, and
//! clients that disturb both. Every few seconds all clients stop, and checks run: see [`quiet`].
//!
//! ```text
//! SOAK_MINUTES=30 SOAK_SEED=7 soak
//! ```
//!
//! The seed decides what each client sends; timing decides in which order the server receives it.

mod admin;
mod chance;
mod client;
mod crowd;
mod gate;
mod indexed;
mod ledger;
mod private;
mod quiet;
mod replies;
mod tally;
mod totals;
mod traffic;
mod world;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use qadmin_harness::Server;

use chance::Chance;
use client::Client;
use traffic::Worker;
use world::World;

/// The time between two checks.
const ROUND: Duration = Duration::from_secs(15);

/// The number of rounds between two drains, after which no data may be left.
const ROUNDS_PER_DRAIN: u64 = 6;

/// The additional memory that a drained server can use compared with the first drain.
const GROWTH: u64 = 8 << 20;

/// The time that a client can spend in one step before the server is considered hung.
const STEP_PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let minutes = variable("SOAK_MINUTES").map_or(Ok(30.0), |text| text.parse::<f64>());
    let seed = variable("SOAK_SEED").map_or_else(|| Ok(seed_of_now()), |text| text.parse());
    let (Ok(minutes), Ok(seed)) = (minutes, seed) else {
        eprintln!("SOAK_MINUTES and SOAK_SEED take numbers");
        return ExitCode::FAILURE;
    };
    println!("soak: seed {seed}, {minutes} minutes");
    let outcome = run(seed, Duration::from_secs_f64(minutes * 60.0));
    match outcome {
        Ok(()) => {
            println!("\nEverything held. Seed {seed}.");
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            println!("\nFAILED with seed {seed}: {sentence}\nSOAK_SEED={seed} make soak repeats it.");
            ExitCode::FAILURE
        }
    }
}

fn seed_of_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

fn run(seed: u64, time: Duration) -> Result<(), String> {
    let server = || {
        Server::builder()
            .config("appendonly yes")
            .config("auto-aof-rewrite-percentage 0")
            .config(format!("qadmin.index \"{}\"", indexed::SETTING))
            .module_args("job-ttl 60 inline-limit 2000")
    };
    let mut primary = server().try_start()?;
    let mut replica = server().try_start()?;
    replica.replica_of(&primary);
    // The clients run in threads that must not keep a failed run from ending.
    let world = World::new(seed, primary.port(), replica.port(), &version(&primary));
    let world: &'static World = Box::leak(Box::new(world));
    println!("server: {}\n", version(&primary));
    let crowd = crowd(world, &replica)?;
    let begin = Instant::now();
    let mut report = Report::default();
    let alive = || crowd.iter().all(|client| !client.is_finished());
    let held = rounds(world, &mut primary, &replica, begin + time, &alive, &mut report);
    world.stop.store(true, std::sync::atomic::Ordering::Relaxed);
    if held.is_ok() {
        world.gate.open();
        for client in crowd {
            client.join().map_err(|_| "a client panicked".to_string())?;
        }
    } else {
        for (name, server) in [("primary", &mut primary), ("replica", &mut replica)] {
            print_tail(name, server);
            println!("the folder of the {name}, with its append-only file: {}", server.keep_dir().display());
        }
    }
    report.print(world, begin.elapsed());
    held
}

/// The results of the rounds.
#[derive(Debug, Default)]
struct Report {
    quiet_points: u64,
    restarts: u64,
    /// The used memory after each drain.
    drained: Vec<u64>,
}

impl Report {
    fn print(&self, world: &World, took: Duration) {
        let ledger = world.ledger.lock().expect("no thread panics while it holds this lock");
        println!("\n{}", world.tally.table());
        println!("{}", world.totals.table());
        let compared = &world.compared;
        println!(
            "{} answers of indexes were those of scans; {} times an index could not answer",
            compared.answers.load(Ordering::Relaxed),
            compared.scans.load(Ordering::Relaxed)
        );
        println!(
            "{} commands in {} s; {} messages accounted for were pushed, {} popped; {} quiet points, {} restarts \
             from the append-only file; used memory after each drain, KB: {:?}",
            world.tally.total(),
            took.as_secs(),
            ledger.pushed,
            ledger.popped,
            self.quiet_points,
            self.restarts,
            self.drained.iter().map(|bytes| bytes / 1024).collect::<Vec<_>>()
        );
    }
}

fn rounds(
    world: &'static World,
    primary: &mut Server,
    replica: &Server,
    end: Instant,
    alive: &dyn Fn() -> bool,
    report: &mut Report,
) -> Result<(), String> {
    let mut chance = Chance::of(world.seed, 1_000);
    for round in 1.. {
        let next = end.min(Instant::now() + ROUND);
        while Instant::now() < next {
            thread::sleep(Duration::from_millis(100));
            first_violation(world)?;
            if !alive() {
                return Err("a client panicked".to_string());
            }
        }
        if !world.gate.close(STEP_PATIENCE) {
            let stuck = world.pending();
            for server in [&*primary, replica] {
                println!("{}", quiet::clients(server));
            }
            return Err(format!("no reply within {} s, by client: {stuck}", STEP_PATIENCE.as_secs()));
        }
        let last = Instant::now() >= end;
        quiet::check(world, primary, replica, chance.percent(50))?;
        first_violation(world)?;
        report.quiet_points += 1;
        if last || round % ROUNDS_PER_DRAIN == 1 {
            // The first value is the reference for the others.
            report.drained.push(quiet::drain(world, primary)?);
        } else if chance.percent(25) {
            world.totals.add(&quiet::info(primary));
            quiet::restart(world, primary)?;
            quiet::check(world, primary, replica, false)?;
            report.restarts += 1;
        }
        println!("round {round}: {} commands, all holds", world.tally.total());
        if last {
            break;
        }
        world.gate.open();
    }
    world.totals.add(&quiet::info(primary));
    world.totals.add_replica(&quiet::info(replica));
    let (first, last) = (report.drained.first().copied(), report.drained.last().copied());
    match (first, last) {
        (Some(first), Some(last)) if last > first + GROWTH => {
            Err(format!("memory grows: {first} bytes after the first drain, {last} after the last"))
        }
        _ => Ok(()),
    }
}

fn first_violation(world: &World) -> Result<(), String> {
    world.violations().into_iter().next().map_or(Ok(()), Err)
}

/// Starts the twenty-two clients and the two that disturb the servers.
fn crowd(world: &'static World, replica: &Server) -> Result<Vec<JoinHandle<()>>, String> {
    let mut number = 0;
    let mut client = |port, victim| {
        number += 1;
        Client::new(world, number, port, victim)
    };
    let mut threads = Vec::new();
    for producer in 0..3 {
        let client = client(world.port, false);
        threads.push(thread::spawn(move || traffic::produce(client, producer)));
    }
    for worker in [Worker::Brpop, Worker::Rpop, Worker::Lpop, Worker::Lmove, Worker::Returner] {
        let client = client(world.port, false);
        threads.push(thread::spawn(move || traffic::work(client, worker)));
    }
    for _ in 0..8 {
        let client = client(world.port, true);
        threads.push(thread::spawn(move || crowd::roam(client)));
    }
    for _ in 0..2 {
        let client = client(world.port, true);
        threads.push(thread::spawn(move || crowd::be_restricted(client)));
    }
    for _ in 0..2 {
        let client = client(world.replica, true);
        threads.push(thread::spawn(move || crowd::look_on(client)));
    }
    let (parks, holds) = (client(world.port, false), client(world.port, false));
    threads.push(thread::spawn(move || private::park(parks)));
    threads.push(thread::spawn(move || private::hold(holds)));
    let admin = client(world.port, false);
    threads.push(thread::spawn(move || admin::disturb(admin)));
    let (other, pid) = (client(world.replica, true), i32::try_from(replica.pid()));
    let pid = pid.map_err(|_| "the replica's process id is no pid_t".to_string())?;
    threads.push(thread::spawn(move || admin::disturb_replica(other, pid)));
    Ok(threads)
}

fn version(server: &Server) -> String {
    let name = if server.info("valkey_version").is_some() { "valkey_version" } else { "redis_version" };
    format!("{} {}", name.trim_end_matches("_version"), server.info(name).unwrap_or_default())
}

/// Prints the log around the first line that no log may contain, or its end.
fn print_tail(name: &str, server: &Server) {
    let log = server.log();
    let lines: Vec<&str> = log.lines().collect();
    let sign = lines.iter().position(|line| quiet::SIGNS.iter().any(|sign| line.contains(sign)));
    let end = sign.map_or(lines.len(), |at| (at + 20).min(lines.len()));
    println!("the log of the {name}:\n{}", lines[end.saturating_sub(60)..end].join("\n"));
}
