//! Counting jobs that have keys of their own: BullMQ, RQ, Asynq, SAQ, and the messages of Dramatiq in one hash.
//!
//! A script adds jobs of the shapes that the libraries write. One in a hundred matches.

use std::process::Command;

use qadmin_harness::{Series, grouped, python};

use crate::bed::{Bed, check, count};
use crate::table::Table;

/// How many jobs one call of a script adds.
const CHUNK: u64 = 10_000;

/// The kinds of jobs: the word after AS, the name, the list, and the command that adds one job. In
/// the command, `n` is the number of the job and `is` whether it matches.
struct Kind {
    word: &'static str,
    name: &'static str,
    list: &'static str,
    script: &'static str,
    /// The arguments of the script: what a program of Python prints.
    made: Option<&'static str>,
}

/// The filters that are measured with each kind.
const FILTERS: [&[&str]; 2] = [&["TASK", "upload"], &["REPOID", "147107"]];
/// Pickled and JSON data of RQ, each for a job that matches and 50 that do not.
const RQ_DATA: &str = "
import json, pickle, sys, zlib
dumps = {'pickle': lambda call: pickle.dumps(call, protocol=pickle.HIGHEST_PROTOCOL), 'json': lambda call: json.dumps(call).encode()}
kind = dumps[sys.argv[1]]
def data(task, repoid):
    call = (task, None, (), {'repoid': repoid, 'commitid': f'{repoid * 7919:040x}', 'report_code': None, 'build': repoid % 977})
    return zlib.compress(kind(call)).hex()
print(data('upload', 147107))
for n in range(50):
    print(data(f'app.tasks.notify_{n % 20}', n * 31 + 1))
";
const RQ_ADD: &str = "
    local data = {}
    for at = 2, #ARGV do data[at - 1] = ARGV[at]:gsub('..', function(h) return string.char(tonumber(h, 16)) end) end
    return function(n, is)
        local id = string.format('9d2c6bd0-7a41-4f8e-9c55-%012d', n)
        redis.call('HSET', 'rq:job:' .. id, 'created_at', '2026-11-28T12:26:32.098942Z', 'data', is and data[1] or data[2 + n % 50],
            'description', 'app.tasks.notify(repoid=' .. n .. ', commitid=\\'e0ca38f7e0ca38f7e0ca38f7e0ca38f7\\')', 'enqueued_at',
            '2026-11-28T12:26:32.099438Z', 'ended_at', '', 'group_id', '', 'last_heartbeat', '', 'meta', 'x', 'origin', 'uploads',
            'started_at', '', 'status', 'queued', 'success_callback_name', '', 'timeout', '180', 'worker_name', '')
        redis.call('RPUSH', 'rq:queue:uploads', id)
    end";

const KINDS: [Kind; 6] = [
    Kind {
        word: "bullmq",
        name: "BullMQ",
        list: "bull:uploads:wait",
        script: "return function(n, is)
            local repoid = is and 147107 or n * 31 % 100000
            local data = '{\"repoid\":' .. repoid .. ',\"commitid\":\"' .. string.format('%040d', n) .. '\",\"report_code\":null,\"build\":' .. n % 977 .. '}'
            redis.call('HSET', 'bull:uploads:' .. n, 'name', is and 'upload' or 'notify_' .. n % 20, 'data', data, 'opts',
                '{\"attempts\":3,\"backoff\":{\"type\":\"exponential\",\"delay\":1000}}', 'timestamp', 1796025215146 + n, 'delay', 0, 'priority', 0)
            redis.call('LPUSH', 'bull:uploads:wait', n)
        end",
        made: None,
    },
    Kind {
        word: "rq",
        name: "RQ, zlib and JSON",
        list: "rq:queue:uploads",
        script: RQ_ADD,
        made: Some("json"),
    },
    Kind {
        word: "rq",
        name: "RQ, zlib and pickle",
        list: "rq:queue:uploads",
        script: RQ_ADD,
        made: Some("pickle"),
    },
    Kind {
        word: "asynq",
        name: "Asynq",
        list: "asynq:{uploads}:pending",
        script: "
        local function bytes(number, text) return string.char(number * 8 + 2, #text) .. text end
        return function(n, is)
            local repoid = is and 147107 or n * 31 % 100000
            local payload = '{\"repoid\":' .. repoid .. ',\"commitid\":\"' .. string.format('%040d', n) .. '\"}'
            local id = string.format('9d2c6bd0-7a41-4f8e-9c55-%012d', n)
            local task = is and 'upload' or 'notify:' .. n % 20
            local msg = bytes(1, task) .. bytes(2, payload) .. bytes(3, id) .. bytes(4, 'uploads') .. string.char(40, 25, 64, 136, 14)
            redis.call('HSET', 'asynq:{uploads}:t:' .. id, 'msg', msg, 'state', 'pending', 'pending_since', 1796024414306123000 + n)
            redis.call('LPUSH', 'asynq:{uploads}:pending', id)
        end",
        made: None,
    },
    Kind {
        word: "saq",
        name: "SAQ",
        list: "saq:uploads:queued",
        script: "return function(n, is)
            local repoid = is and 147107 or n * 31 % 100000
            local key = string.format('saq:job:uploads:9d2c6bd0-7a41-11f0-9c55-%012d', n)
            redis.call('SET', key, '{\"function\": \"' .. (is and 'upload' or 'notify_' .. n % 20) .. '\", \"kwargs\": {\"repoid\": ' .. repoid ..
                ', \"commitid\": \"' .. string.format('%040d', n) .. '\"}, \"queue\": \"uploads\", \"key\": \"' .. key:sub(17) .. '\", \"queued\": ' ..
                string.format('%d', 1795868881301 + n) .. ', \"status\": \"queued\"}')
            redis.call('RPUSH', 'saq:uploads:queued', key)
        end",
        made: None,
    },
    Kind {
        word: "dramatiq",
        name: "Dramatiq",
        list: "dramatiq:uploads",
        script: "return function(n, is)
            local repoid = is and 147107 or n * 31 % 100000
            local id = string.format('9d2c6bd0-7a41-4f8e-9c55-%012d', n)
            redis.call('HSET', 'dramatiq:uploads.msgs', id, '{\"queue_name\":\"uploads\",\"actor_name\":\"' .. (is and 'upload' or 'notify_' .. n % 20) ..
                '\",\"args\":[],\"kwargs\":{\"repoid\":' .. repoid .. ',\"commitid\":\"' .. string.format('%040d', n) ..
                '\"},\"options\":{\"redis_message_id\":\"' .. id .. '\"},\"message_id\":\"' .. id .. '\",\"message_timestamp\":1795868819209}')
            redis.call('RPUSH', 'dramatiq:uploads', id)
        end",
        made: None,
    },
];

/// The most microseconds of the main thread for each job.
const MOST_US: f64 = 2.2;

pub(crate) fn measure(bed: &mut Bed) -> Result<Vec<Table>, String> {
    let jobs = bed.messages;
    let headings =
        ["jobs", "filter", "us of slices each", "fastest and slowest", "us of the processor each, least"];
    let mut table =
        Table::new(format!("Counting {} jobs that have keys of their own", grouped(jobs)), &headings);
    for kind in &KINDS {
        fill(bed, kind, jobs)?;
        for filter in FILTERS {
            let each = counted(bed, kind, filter, jobs.div_ceil(100))?;
            row(&mut table, kind.name, &filter.join(" "), &each);
            let what = format!("PREVIEW of {} by {}, us of the main thread a job", kind.name, filter[0]);
            // The least of several runs: other work on the machine only adds to it.
            bed.targets.at_most(&what, each.slices.min(), MOST_US, " us");
        }
        if kind.word == "bullmq" {
            let all = counted(bed, kind, &["WHERE", "enqueued", ">", "0"], jobs)?;
            row(&mut table, kind.name, "one that all jobs match", &all);
        }
    }
    bed.emptied()?;
    table.note(
        "One in a hundred jobs matches the filters that name a task or a repository. The time of slices is that of the clock, as \
         INFO has it in main_thread_us; that of the processor is all that the main thread used.",
    );
    Ok(vec![table])
}

/// What a count took for each job, in microseconds.
struct Counted {
    slices: Series,
    processor: Series,
}

fn row(table: &mut Table, name: &str, filter: &str, each: &Counted) {
    let us = |us: f64| format!("{us:.2}");
    let range = format!("{} to {}", us(each.slices.min()), us(each.slices.max()));
    let cells = [name, filter, &us(each.slices.median()), &range, &us(each.processor.min())];
    table.row(&cells.map(str::to_string));
}

/// Counts several times.
fn counted(bed: &mut Bed, kind: &Kind, filter: &[&str], expected: u64) -> Result<Counted, String> {
    let (mut slices, mut processor) = (Vec::new(), Vec::new());
    for _ in 0..bed.repetitions {
        let (before, used) = (bed.counter("main_thread_us"), bed.main_thread().0);
        preview(bed, kind, filter, expected)?;
        let each = |us: f64| us / bed.messages as f64;
        slices.push(each((bed.counter("main_thread_us") - before) as f64));
        processor.push(each((bed.main_thread().0 - used) * 1e6));
    }
    Ok(Counted { slices: Series::new(slices), processor: Series::new(processor) })
}

/// Fills the list of a kind.
fn fill(bed: &mut Bed, kind: &Kind, jobs: u64) -> Result<(), String> {
    bed.emptied()?;
    let made = match kind.made {
        None => Vec::new(),
        Some(how) => {
            let out =
                Command::new(python()?).args(["-c", RQ_DATA, how]).output().map_err(|e| e.to_string())?;
            String::from_utf8_lossy(&out.stdout).lines().map(str::to_string).collect()
        }
    };
    let script = format!(
        "local add = (function() {} end)()
         for n = tonumber(ARGV[1]), math.min(tonumber(ARGV[1]) + {CHUNK}, {jobs}) - 1 do add(n, n % 100 == 0) end",
        kind.script
    );
    for first in (0..jobs).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        let first = first.to_string();
        let words: Vec<&str> =
            ["EVAL", &script, "0", &first].into_iter().chain(made.iter().map(String::as_str)).collect();
        bed.command(&words)?;
    }
    let depth = bed.command(&["LLEN", kind.list])?;
    check("jobs", qadmin_harness::text(&depth).parse().unwrap_or(0), jobs)
}

/// Counts as a job.
fn preview(bed: &mut Bed, kind: &Kind, filter: &[&str], expected: u64) -> Result<(), String> {
    bed.inline(false)?;
    let words = [&["QADMIN.PREVIEW", kind.list][..], filter, &["AS", kind.word, "BUST"]].concat();
    let job = bed.ask(&words)?;
    let status = bed.finished(&job)?;
    check(kind.name, count(&status, "matched"), expected)
}
