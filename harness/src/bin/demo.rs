//! `make demo`: shows qadmin as an operator uses it, on a server of its own with a queue that is in use.
//!
//! It compares every number with what was sent; if one is wrong, it prints a sentence and ends with exit code
//! 1.

use std::process::ExitCode;
use std::time::Instant;

use qadmin_harness::{
    Factory, Fields as _, Server, TARGET_REPOID, TARGET_TASK, Traffic, fill, grouped, map, maps, module_path,
    text,
};
use redis::{Connection, Value};

/// The number of messages in the queue at the beginning; it is more than `inline-limit`, so that a preview is
/// a job.
const MESSAGES: u64 = 240_000;

/// The share of messages that the first scene is about, in percent.
const SHARE: f64 = 6.0;

/// The requests per second of each of the producer and the consumer, which use the queue all the time.
const REQUESTS_PER_SECOND: u32 = 500;

const QUEUE: &str = "celery";

/// The task of the second scene, of which one message is kept.
const NOTIFY: &str = "app.tasks.notify.Notify";

type Reply = Vec<(String, Value)>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("\nThe demo failed: {sentence}");
            ExitCode::FAILURE
        }
    }
}

/// A person at a terminal.
struct Operator {
    conn: Connection,
    port: u16,
}

impl Operator {
    /// Types a command and waits for its reply.
    fn types(&mut self, words: &[&str]) -> Result<Value, String> {
        let shown: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        println!("\n$ redis-cli -p {} {}", self.port, shown.join(" "));
        let start = Instant::now();
        let reply = redis::cmd(words[0]).arg(&words[1..]).query(&mut self.conn);
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        match reply {
            Ok(value) => {
                println!("  ({elapsed:.1} ms)");
                Ok(value)
            }
            Err(error) => {
                let sentence = as_server_said(&error);
                println!("  ({elapsed:.1} ms)\n  (error) {sentence}");
                Err(sentence)
            }
        }
    }

    /// Types a command whose reply is a map.
    fn asks(&mut self, words: &[&str]) -> Result<Reply, String> {
        self.types(words).map(|value| map(&value))
    }

    /// Looks at the arguments of the messages that run next.
    fn sees_arguments(&mut self) -> Result<(), String> {
        let fields = self.asks(&["QADMIN.FIELDS", QUEUE])?;
        show(&fields, &["looked_at", "fields_total"]);
        let is_argument =
            |field: &&Reply| field.text("name").starts_with("kwargs.") && field.int("count") > 0;
        for field in fields.rows("fields").iter().filter(is_argument) {
            let examples = match field.get_field("examples") {
                Value::Array(examples) => examples.iter().take(2).map(text).collect::<Vec<_>>().join(", "),
                _ => String::new(),
            };
            println!(
                "    {:<20} in {:>3} messages, such as {}",
                field.text("name"),
                field.int("count"),
                examples
            );
        }
        Ok(())
    }

    /// Counts the messages by a field. Returns the value that most of them have.
    fn finds(&mut self, by: &str) -> Result<String, String> {
        let stats = self.asks(&["QADMIN.STATS", QUEUE, "GROUPBY", "1", by, "TOP", "3"])?;
        let stats = if stats.text("mode") == "job" {
            self.asks(&["QADMIN.STATUS", &stats.text("job_id"), "WAIT", "0"])?
        } else {
            stats
        };
        let groups = stats.rows("groups");
        for group in &groups {
            println!("    {:<32} {:>9} messages", text(group.get_field(by)), number(group, "count"));
        }
        groups.first().map(|group| text(group.get_field(by))).ok_or_else(|| format!("no groups by {by}"))
    }

    /// Follows a job until it ends and prints its progress.
    fn watches(&mut self, job_id: &str) -> Result<Reply, String> {
        println!("\n$ redis-cli -p {} QADMIN.STATUS {job_id} WAIT 100        (again and again)", self.port);
        let start = Instant::now();
        loop {
            let value = redis::cmd("QADMIN.STATUS").arg(job_id).arg("WAIT").arg(100).query(&mut self.conn);
            let status = map(&value.map_err(|error| as_server_said(&error))?);
            println!(
                "  {:>6.0} ms  {:<9} {:>3} %   processed {:>9}   matched {:>7}   deleted {:>7}",
                start.elapsed().as_secs_f64() * 1e3,
                status.text("status"),
                status.int("progress"),
                number(&status, "processed"),
                number(&status, "matched"),
                number(&status, "deleted"),
            );
            if !["pending", "running", "paused"].contains(&status.text("status").as_str()) {
                return Ok(status);
            }
        }
    }

    /// Returns the count of a preview: from its reply, or from its job if the queue is deep.
    fn counts(&mut self, preview: &Reply) -> Result<i64, String> {
        match preview.text("mode").as_str() {
            "synchronous" => Ok(preview.int("match_count")),
            "job" => {
                say(
                    "The queue is deeper than qadmin.inline-limit, so the count is a job; STATUS waits for it:",
                );
                let status = self.asks(&["QADMIN.STATUS", &preview.text("job_id"), "WAIT", "0"])?;
                show(
                    &status,
                    &["status", "matched", "matched_bytes", "processed", "drifted", "slices", "slice_max_us"],
                );
                completed(&status)?;
                Ok(status.int("matched"))
            }
            other => Err(format!("PREVIEW answered mode {other}: {preview:?}")),
        }
    }
}

#[expect(clippy::too_many_lines, reason = "the steps of the demo read in the order in which they are shown")]
fn run() -> Result<(), String> {
    module_path()?;
    let server = Server::builder().module().try_start()?;
    let mut factory = Factory::new(2024).share(SHARE).queue(QUEUE);
    title("A Celery queue in trouble");
    let start = Instant::now();
    fill(server.port(), QUEUE, 0..MESSAGES, &mut factory).map_err(|e| format!("filling the queue: {e}"))?;
    let target = factory.count(0..MESSAGES);
    let repoid = TARGET_REPOID.to_string();
    let notify_repo = notify_repo(&factory)?;
    let notify_repoid = notify_repo.to_string();
    say(&format!(
        "A server of our own on port {}, with the module; it vanishes when we are done.\n\
         Its queue `{QUEUE}` holds {} messages of {} tasks, 500 repositories and 20,000 commits ({:.1} s to send).\n\
         They are messages recorded from the real Celery, used as templates: every one got an id, a repository\n\
         and a commit of its own, in the headers and inside the base64 body.\n\
         A producer and a consumer keep working on the queue, {REQUESTS_PER_SECOND} requests a second each.\n\
         Repository {repoid} floods it with uploads: {} of them wait, and all other messages wait after them.",
        server.port(),
        grouped(MESSAGES),
        factory.tasks().count(),
        start.elapsed().as_secs_f64(),
        grouped(target),
    ));
    // None of the messages that are pushed during the demo match what is cleared, so the counts can be
    // checked exactly.
    let traffic =
        Traffic::start(server.port(), QUEUE, Factory::new(7).share(0.0).queue(QUEUE), REQUESTS_PER_SECOND);
    let mut operator = Operator { conn: server.conn3(), port: server.port() };
    let condition = ["WHERE", "kwargs.repoid", "=", &repoid];
    let flood = [&["TASK", TARGET_TASK][..], &condition].concat();

    title("1. What is in the messages: FIELDS");
    operator.sees_arguments()?;

    title("2. Who fills the queue: STATS");
    let largest = operator.finds("task")?;
    expect(largest == TARGET_TASK, || format!("the largest task is {largest}"))?;
    let largest = operator.finds("kwargs.repoid")?;
    expect(largest == repoid, || format!("the largest repository is {largest}"))?;

    title("3. Preview before you clear: PREVIEW");
    let fields = ["SAMPLE", "3", "FIELDS", "2", "task", "kwargs"];
    let preview = operator.asks(&[&["QADMIN.PREVIEW", QUEUE][..], &flood, &fields].concat())?;
    show(&preview, &["mode", "queue", "filter", "depth", "match_count", "job_id"]);
    show_sample(&preview);
    let counted = operator.counts(&preview)?;
    expect(counted > 0 && counted <= i64_of(target), || format!("{counted} counted, {target} were sent"))?;

    title("4. A dry run: CLEARJOB ... DRYRUN");
    say("A dry run computes everything and writes nothing.");
    let job = operator.asks(&[&["QADMIN.CLEARJOB", QUEUE][..], &flood, &["ALL", "DRYRUN"]].concat())?;
    show(&job, &["job_id", "mode", "dry_run", "status", "total_estimated"]);
    let dry = operator.watches(&job.text("job_id"))?;
    completed(&dry)?;
    show(&dry, &["matched", "would_delete", "deleted"]);
    expect(dry.int("deleted") == 0, || "a dry run deleted messages".to_string())?;

    title("5. Keep one match: KEEPONE");
    say(&format!(
        "Repository {notify_repoid} asked for the same notification many times. Without CONFIRM nothing happens:"
    ));
    let pair = ["TASK", NOTIFY, "WHERE", "kwargs.repoid", "=", &notify_repoid];
    let refused = operator.types(&[&["QADMIN.CLEARJOB", QUEUE][..], &pair, &["KEEPONE"]].concat());
    expect(refused.is_err(), || "CLEARJOB acted without CONFIRM".to_string())?;
    let keep =
        [&["QADMIN.CLEARJOB", QUEUE][..], &pair, &["KEEPONE", "CONFIRM", QUEUE, "ACTOR", "demo"]].concat();
    let job = operator.asks(&keep)?;
    show(&job, &["job_id", "mode", "status", "total_estimated"]);
    let kept = operator.watches(&job.text("job_id"))?;
    completed(&kept)?;
    show(&kept, &["matched", "deleted", "kept_index"]);
    expect(kept.int("deleted") == (kept.int("matched") - 1).max(0), || {
        "KEEPONE did not keep one".to_string()
    })?;

    title("6. Move the flood away, and back: PARK, UNDO");
    let job = operator
        .asks(&[&["QADMIN.CLEARJOB", QUEUE][..], &flood, &["ALL", "PARK", "CONFIRM", QUEUE]].concat())?;
    show(&job, &["job_id", "mode", "to", "status"]);
    let parked = operator.watches(&job.text("job_id"))?;
    completed(&parked)?;
    let list = parked.text("to");
    let undo = operator.asks(&["QADMIN.UNDO", &parked.text("job_id"), "CONFIRM", &list])?;
    let undone = operator.watches(&undo.text("job_id"))?;
    completed(&undone)?;
    show(&undone, &["deleted", "queue_depth"]);
    expect(undone.int("deleted") == parked.int("deleted") && undone.int("queue_depth") == 0, || {
        format!("{} were parked, and {} came back", number(&parked, "deleted"), number(&undone, "deleted"))
    })?;

    title("7. Clear the flood: ALL");
    let reason = "repository floods the queue";
    let tail = ["ALL", "CONFIRM", QUEUE, "ACTOR", "demo", "REASON", reason];
    let job = operator.asks(&[&["QADMIN.CLEARJOB", QUEUE][..], &flood, &tail].concat())?;
    show(&job, &["job_id", "mode", "status", "total_estimated"]);
    let cleared = operator.watches(&job.text("job_id"))?;
    completed(&cleared)?;
    let figures = [
        "matched",
        "deleted",
        "drifted",
        "per_second",
        "slices",
        "slice_p99_us",
        "slice_max_us",
        "seek_max_us",
    ];
    show(&cleared, &figures);

    title("8. Preview again");
    let preview = operator.asks(&[&["QADMIN.PREVIEW", QUEUE][..], &flood].concat())?;
    show(&preview, &["mode", "depth", "match_count"]);
    let left = operator.counts(&preview)?;
    expect(left == 0, || format!("{left} matches are left after the clear"))?;

    title("9. Who cleared what: JOBS");
    let jobs = operator.types(&["QADMIN.JOBS", "QUEUE", QUEUE, "KIND", "CLEAR", "COUNT", "5"])?;
    for job in maps(&jobs) {
        println!(
            "  {}  {:<7} {:<8} {:<9} {:>8} deleted  {}",
            job.text("job_id"),
            job.text("kind"),
            plain(job.get_field("mode")),
            job.text("status"),
            number(&job, "deleted"),
            plain(job.get_field("reason"))
        );
    }

    title("Delays of other clients");
    let report = traffic.stop();
    say(&format!(
        "While all this ran, {} pushes and {} pops went through: half of them answered within {:.2} ms,\n\
         99 % within {:.2} ms, the slowest after {:.2} ms.",
        grouped(report.pushed),
        grouped(report.popped.len() as u64),
        report.waits.quantile(0.5) / 1e3,
        report.waits.quantile(0.99) / 1e3,
        report.waits.max() / 1e3,
    ));
    let taken = report.popped.iter().filter(|message| is_target(message)).count() as u64;
    expect(i64_of(target - taken) == cleared.int("deleted"), || {
        format!("{target} were sent and {taken} popped, but {} cleared", cleared.int("deleted"))
    })?;
    say(&format!(
        "All messages are accounted for: {} flooding messages sent = {} cleared + {} that workers had already taken.",
        grouped(target),
        number(&cleared, "deleted"),
        grouped(taken)
    ));
    Ok(())
}

/// Returns the repository with the most notifications in the queue.
fn notify_repo(factory: &Factory) -> Result<u64, String> {
    let mut counts = std::collections::BTreeMap::new();
    // The oldest tenth is left out, because the consumer must not pop these messages before the scene begins.
    for i in MESSAGES / 10..MESSAGES / 2 {
        let facts = factory.facts(i);
        if facts.task == NOTIFY {
            *counts.entry(facts.repoid).or_insert(0) += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(_, n)| *n)
        .map(|(repo, _)| repo)
        .ok_or_else(|| format!("no {NOTIFY} was made"))
}

/// Returns whether a popped message is one of those to clear. The text of the messages is known, so searching
/// for parts of it is exact.
fn is_target(message: &[u8]) -> bool {
    let message = String::from_utf8_lossy(message);
    message.contains(&format!("\"task\": \"{TARGET_TASK}\""))
        && message.contains(&format!("'repoid': {TARGET_REPOID},"))
}

fn completed(status: &Reply) -> Result<(), String> {
    expect(status.text("status") == "completed", || {
        format!(
            "job {} ended as {}: {}",
            status.text("job_id"),
            status.text("status"),
            plain(status.get_field("error"))
        )
    })
}

fn expect(holds: bool, sentence: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(sentence()) }
}

fn i64_of(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns an error reply in the server's own words, as redis-cli shows it.
fn as_server_said(error: &redis::RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn title(text: &str) {
    println!("\n\n{text}\n{}", "-".repeat(text.chars().count()));
}

fn say(text: &str) {
    println!("{text}");
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-:/=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_string() } else { format!("'{word}'") }
}

/// Returns a scalar of a reply as text for people.
fn plain(value: &Value) -> String {
    match value {
        Value::Nil => "-".to_string(),
        Value::Int(n) => u64::try_from(*n).map_or_else(|_| n.to_string(), grouped),
        other => text(other),
    }
}

/// Returns an integer member with its digits grouped by thousands.
fn number(reply: &Reply, name: &str) -> String {
    plain(reply.get_field(name))
}

/// Prints some members of a reply, one below the other.
fn show(reply: &Reply, names: &[&str]) {
    for name in names {
        println!("  {name:<16} {}", plain(reply.get_field(name)));
    }
}

/// Prints the sample of a preview as a table.
fn show_sample(reply: &Reply) {
    let rows = reply.rows("sample");
    println!("  sample           {} of the messages that run next", rows.len());
    for row in rows {
        // Ids and sizes are not grouped by thousands: they are identifiers, not amounts.
        let cells: Vec<String> = row
            .iter()
            .filter(|(name, _)| ["index", "task", "kwargs"].contains(&name.as_str()))
            .map(|(name, value)| match value {
                Value::Nil => format!("{name} -"),
                value => format!("{name} {}", text(value).chars().take(64).collect::<String>()),
            })
            .collect();
        println!("    {}", cells.join("  "));
    }
}
