//! A live index: what answers and clears cost with it, what building and keeping it costs.
//!
//! Everything here is time of the server's main thread on a core, as the kernel counts it, because that is what other
//! clients wait for, and because other work on the machine does not add to it.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use qadmin_harness::{Factory, Fields as _, Series, Size, Traffic, fill, grouped, spawn};

use crate::bed::{Bed, QUEUE, REPOID, Reply, TARGET, check, count, factory};
use crate::table::{Table, duration};
use crate::throughput::load_generator;

/// The fields of the index.
const FIELDS: [&str; 2] = ["task", "kwargs.repoid"];

/// The number of times that an answer is asked for in one measurement: a single one is too short.
const ASKED: u32 = 20;

/// The depth of the deep queue as a multiple of the others. It is measured only if they have at least this depth.
const DEEP: u64 = 10;
const DEEP_FROM: u64 = 1_000_000;

/// The memory that the deep queue needs with messages of the usual size, in kilobytes: with less, its messages are small.
const DEEP_KB: u64 = 18_000_000;

/// How many servers build indexes, to find the longest step.
const SERVERS: u32 = 5;

/// How long an index may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(900);

/// The messages of one run of the load generator.
const PUSHES: u64 = 300_000;

/// A steady load: messages per second, and how long it is watched.
const STEADY_RATE: u32 = 5_000;
const STEADY: Duration = Duration::from_secs(5);

/// A question: how the table names it, its words, and by which part of a scan's time the target limits an answer.
type Question = (&'static str, &'static [&'static str], f64);

const QUESTIONS: [Question; 4] = [
    (
        "PREVIEW by task and repoid",
        &["QADMIN.PREVIEW", QUEUE, TARGET[0], TARGET[1], TARGET[2], TARGET[3]],
        300.0,
    ),
    ("PREVIEW by repoid", &["QADMIN.PREVIEW", QUEUE, "REPOID", REPOID], 300.0),
    ("STATS by task", &["QADMIN.STATS", QUEUE, "GROUPBY", "1", "task"], 150.0),
    ("STATS by repoid", &["QADMIN.STATS", QUEUE, "GROUPBY", "1", "kwargs.repoid"], 150.0),
];

/// The percentages of matches in the clears, each with the part of the time of a clear without an index that the
/// target allows. A clear of everything reads everything, and the rows of the index have to be removed as well.
const CLEARS: [(f64, f64); 5] = [(0.01, 0.06), (1.0, 0.45), (6.0, 0.65), (50.0, 1.0), (100.0, 1.1)];

/// A field that has another value in each message.
const DISTINCT: &str = "id";

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let mut tables = vec![answers(bed)?, clears(bed)?];
    tables.extend(following(bed)?);
    if bed.messages >= DEEP_FROM {
        tables.push(deep(bed)?);
    }
    Ok(tables)
}

/// Returns the seconds that the main thread ran while `work` was done.
fn cost(bed: &mut Bed, work: impl FnOnce(&mut Bed) -> Result<(), String>) -> Result<f64, String> {
    let before = bed.main_thread().0;
    work(bed)?;
    Ok(bed.main_thread().0 - before)
}

/// Creates the index of the queue, with or without fields, and waits until it is ready.
fn create(bed: &mut Bed, fields: &[&str]) -> Result<(), String> {
    let number = fields.len().to_string();
    let mut words = vec!["QADMIN.INDEX", "CREATE", QUEUE];
    if !fields.is_empty() {
        words.extend(["FIELDS", &number]);
        words.extend(fields);
    }
    bed.command(&words)?;
    ready(bed)
}

fn drop_index(bed: &mut Bed) -> Result<(), String> {
    bed.command(&["QADMIN.INDEX", "DROP", QUEUE]).map(drop)
}

/// Waits until the index can answer.
fn ready(bed: &mut Bed) -> Result<(), String> {
    let until = Instant::now() + READY_WITHIN;
    loop {
        let index = bed.ask(&["QADMIN.INDEX", "INFO", QUEUE])?;
        match index.text("state").as_str() {
            "ready" => return Ok(()),
            "building" if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
            other => return Err(format!("the index is {other}: {index:?}")),
        }
    }
}

/// Asks, and waits for the job if the answer is not there at once. Returns the reply that has the answer.
fn asked(bed: &mut Bed, words: &[&str]) -> Result<Reply, String> {
    let reply = bed.ask(words)?;
    if reply.is_null("job_id") { Ok(reply) } else { bed.finished(&reply) }
}

/// The cost of the questions, by a scan and by the index.
fn compare(bed: &mut Bed, table: &mut Table, part: impl Fn(f64) -> f64) -> Result<(), String> {
    bed.inline(false)?;
    // Otherwise what a job has counted would be the answer to the same question.
    for setting in ["qadmin.cache-ttl", "qadmin.job-lock-ttl"] {
        bed.command(&["CONFIG", "SET", setting, "0"])?;
    }
    for (what, words, limit) in QUESTIONS {
        let (mut scans, mut answers) = (Vec::new(), Vec::new());
        let source = asked(bed, words)?.text("source");
        let times = if source == "index" { ASKED } else { 1 };
        bed.repeat(|bed| {
            let busting = [words, &["BUST"]].concat();
            let scan = cost(bed, |bed| asked(bed, &busting).map(drop))?;
            let all = cost(bed, |bed| (0..times).try_for_each(|_| asked(bed, words).map(drop)))?;
            scans.push(scan);
            answers.push(all / f64::from(times));
            Ok(scan + all)
        })?;
        let (scan, answer) = (Series::new(scans).median(), Series::new(answers).median());
        table.row(&[
            what.to_string(),
            source,
            duration(scan),
            duration(answer),
            format!("1/{:.0}", scan / answer),
        ]);
        let name = format!("{what}, {} messages: an index against a scan", grouped(bed.messages));
        bed.targets.at_least(&name, scan / answer, part(limit), " x less");
    }
    for (setting, default) in [("qadmin.cache-ttl", "60"), ("qadmin.job-lock-ttl", "300")] {
        bed.command(&["CONFIG", "SET", setting, default])?;
    }
    Ok(())
}

/// Counts and groups, and what the index itself costs.
fn answers(bed: &mut Bed) -> Result<Table, String> {
    let messages = bed.messages;
    bed.filled(messages, 1.0)?;
    let head = ["what", "source", "main thread, scan", "main thread, index", "part"];
    let mut table = Table::new(format!("A live index: questions to a queue of {}", grouped(messages)), &head);
    let mut builds = Vec::new();
    bed.repeat(|bed| {
        let build = cost(bed, |bed| create(bed, &FIELDS))?;
        builds.push(build);
        drop_index(bed)?;
        Ok(build)
    })?;
    let counted = cost(bed, |bed| bed.count_job(&["REPOID", REPOID]).map(drop))?;
    let build = Series::new(builds).median();
    bed.targets.at_most("building an index with two fields", build / counted, 1.4, " counts by repoid");
    create(bed, &FIELDS)?;
    compare(bed, &mut table, |part| part)?;
    let index = bed.ask(&["QADMIN.INDEX", "INFO", QUEUE])?;
    let each = count(&index, "memory") as f64 / messages as f64;
    let most = (12.0 + 4.0 * FIELDS.len() as f64) * 1.05;
    bed.targets.at_most("memory of an index with two fields, each message", each, most, " B");
    drop_index(bed)?;
    let excesses = excesses(bed)?;
    let slice_us = bed.slice_us()?;
    let what = "time by which a slice of an index took longer than slice-us or its seek, also with a value for each message";
    bed.targets.at_most(what, excesses.min(), slice_us as f64, " us");
    table.note(format!(
        "Building the index ({}) took {} of the main thread, and it takes {each:.1} bytes of memory per message.",
        FIELDS.join(", "),
        duration(build)
    ));
    table.note(format!(
        "On {SERVERS} servers no slice of an index took longer than slice-us, or than its seek, by more than {:.0} to {:.0} us.",
        excesses.min(),
        excesses.max()
    ));
    table.note(
        "A question is a command with a sample of the usual size, as a user sends it, at the default settings. If the \
         answer takes longer than the command may, a job gives it.",
    );
    Ok(table)
}

/// The longest time by which a slice of an index took longer than it may, while two indexes are built, in microseconds, on each of
/// several servers. A step that is too long is so on all of them, and what the machine does besides differs.
fn excesses(main: &Bed) -> Result<Series, String> {
    let mut longest = Vec::new();
    for _ in 0..SERVERS {
        let mut bed = Bed::new(main.messages, 1)?;
        bed.filled(main.messages, 1.0)?;
        for fields in [&FIELDS[..], &[DISTINCT]] {
            create(&mut bed, fields)?;
            drop_index(&mut bed)?;
        }
        longest.push(bed.counter("index_slice_excess_max_us") as f64);
    }
    Ok(Series::new(longest))
}

/// Clears with and without an index.
fn clears(bed: &mut Bed) -> Result<Table, String> {
    let messages = bed.messages;
    let head = ["matches", "main thread, without an index", "main thread, with it", "part"];
    let mut table =
        Table::new(format!("A live index: CLEARJOB ALL in a queue of {}", grouped(messages)), &head);
    for (share, limit) in CLEARS {
        let expected = factory(share).count(0..messages);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        bed.repeat(|bed| {
            for (has_index, seconds) in [(false, &mut without), (true, &mut with)] {
                bed.filled(messages, share)?;
                if has_index {
                    create(bed, &FIELDS)?;
                }
                seconds.push(cost(bed, |bed| {
                    let status = bed.clear_job(&TARGET)?;
                    check("cleared", count(&status, "deleted"), expected)
                })?);
                check("left", bed.depth()?, messages - expected)?;
                if has_index {
                    drop_index(bed)?;
                }
            }
            Ok(without.last().unwrap_or(&0.0) + with.last().unwrap_or(&0.0))
        })?;
        let (without, with) = (Series::new(without).median(), Series::new(with).median());
        let part = with / without;
        table.row(&[format!("{share} %"), duration(without), duration(with), format!("{part:.3}")]);
        bed.targets.at_most(&format!("CLEARJOB ALL of {share} % with an index"), part, limit, " x without");
    }
    table.note("The index keeps task and kwargs.repoid. Its own work on the deletions is included.");
    Ok(table)
}

/// What following costs the commands of producers and workers.
fn following(bed: &mut Bed) -> Result<Option<Table>, String> {
    let Some(tool) = load_generator() else {
        bed.targets.unknown("LPUSH with an index", "not measured: redis-benchmark is not installed");
        return Ok(None);
    };
    bed.emptied()?;
    let head = ["commands", "no index", "arrivals only", "more", "with two fields", "more "];
    let mut table = Table::new("A live index: main thread time of producers and workers", &head);
    let message = factory(1.0).message(0);
    let kinds: [Option<&[&str]>; 3] = [None, Some(&[]), Some(&FIELDS)];
    let (mut pushes, mut pops) = ([(); 3].map(|()| Vec::new()), [(); 3].map(|()| Vec::new()));
    bed.repeat(|bed| {
        let begun = Instant::now();
        for (at, kind) in kinds.iter().enumerate() {
            if let Some(fields) = kind {
                create(bed, fields)?;
            }
            let push = cost(bed, |bed| {
                load(bed, tool, &[b"LPUSH", QUEUE.as_bytes(), &message])?;
                // What is unread is read afterwards, and counts as well.
                if kind.is_some() { ready(bed) } else { Ok(()) }
            })?;
            let pop = cost(bed, |bed| load(bed, tool, &[b"RPOP", QUEUE.as_bytes()]))?;
            pushes[at].push(push / PUSHES as f64);
            pops[at].push(pop / PUSHES as f64);
            if kind.is_some() {
                drop_index(bed)?;
            }
            bed.command(&["DEL", QUEUE])?;
        }
        Ok(begun.elapsed().as_secs_f64())
    })?;
    for (what, times, limits) in [("LPUSH", pushes, [8.0, 32.0]), ("RPOP", pops, [12.0, 32.0])] {
        let [none, clock, fields] = times.map(|times| Series::new(times).min());
        let more = |with: f64| (with / none - 1.0) * 100.0;
        let shown = |seconds: f64| format!("{:.0} ns", seconds * 1e9);
        table.row(&[
            format!("{what} of one message, 8 clients, 16 at once"),
            shown(none),
            shown(clock),
            format!("{:.1} %", more(clock)),
            shown(fields),
            format!("{:.1} %", more(fields)),
        ]);
        for (with, time, limit) in [("arrivals only", clock, limits[0]), ("two fields", fields, limits[1])] {
            bed.targets.at_most(&format!("{what} with an index, {with}: more"), more(time), limit, " %");
        }
    }
    let mut steady = [(); 2].map(|()| Vec::new());
    for _ in 0..bed.repetitions {
        for (has_index, share) in [false, true].into_iter().zip(&mut steady) {
            if has_index {
                create(bed, &FIELDS)?;
            }
            let begun = Instant::now();
            let busy = cost(bed, |bed| {
                let traffic = Traffic::start(bed.server.port(), QUEUE, factory(1.0), STEADY_RATE);
                thread::sleep(STEADY);
                traffic.stop();
                Ok(())
            })?;
            share.push(100.0 * busy / begun.elapsed().as_secs_f64());
            if has_index {
                drop_index(bed)?;
            }
        }
    }
    let [without, with] = steady.map(|shares| Series::new(shares).min());
    table.note(format!(
        "The times are the least of all runs, per message, and include reading the messages. With {} messages pushed and \
         popped each second the main thread is busy for {without:.1} % of the time without an index, and {with:.1} % \
         with two fields, the least of all runs, too.",
        grouped(u64::from(STEADY_RATE))
    ));
    let name = format!("{} messages a second with an index: more", grouped(u64::from(STEADY_RATE)));
    bed.targets.at_most(&name, with - without, 1.0, " % of a core");
    Ok(Some(table))
}

/// Lets the load generator send a command for each message of a run.
fn load(bed: &Bed, tool: &str, command: &[&[u8]]) -> Result<(), String> {
    use std::os::unix::ffi::OsStrExt as _;
    let mut program = Command::new(tool);
    program
        .args(["-p", &bed.server.port().to_string(), "-c", "8", "-P", "16", "-q", "-n", &PUSHES.to_string()])
        .args(command.iter().map(|word| std::ffi::OsStr::from_bytes(word)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let ended = spawn(program).and_then(std::process::Child::wait_with_output);
    let ended = ended.map_err(|e| format!("{tool}: {e}"))?;
    if ended.status.success() { Ok(()) } else { Err(format!("{tool} failed: {}", ended.status)) }
}

/// The same questions to a deep queue, of smaller messages where there is no room for others.
fn deep(main: &mut Bed) -> Result<Table, String> {
    main.emptied()?;
    let messages = main.messages * DEEP;
    let mut bed = Bed::new(messages, main.repetitions.min(3))?;
    let (size, name) =
        if available_kb() < DEEP_KB { (Size::Slim, "small messages") } else { (Size::Full, "messages") };
    let mut made: Factory = factory(1.0).size(size);
    fill(bed.server.port(), QUEUE, 0..messages, &mut made).map_err(|e| format!("filling: {e}"))?;
    bed.command(&["CONFIG", "SET", "qadmin.index-max-memory", "1073741824"])?;
    create(&mut bed, &FIELDS)?;
    let head = ["what", "source", "main thread, scan", "main thread, index", "part"];
    let title = format!("A live index: questions to a queue of {} {name}", grouped(messages));
    let mut table = Table::new(title, &head);
    compare(&mut bed, &mut table, |part| part.min(200.0))?;
    main.targets.extend(&bed.targets);
    Ok(table)
}

/// The memory that programs can still get, in kilobytes; 0 where it is not known.
fn available_kb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
