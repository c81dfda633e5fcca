//! Clients that change settings and cause failures.

use std::thread;
use std::time::Duration;

use qadmin_harness::module_path;
use redis::Value;

use crate::client::{Answer, Client};
use crate::indexed::SETTING;
use crate::quiet::{field_of, text_of};
use crate::traffic::rest;

/// Settings of the module with the range of values that they are given.
const SETTINGS: [(&str, u64, u64); 9] = [
    ("inline-limit", 0, 20_000),
    ("inline-wait", 0, 800),
    ("cache-ttl", 0, 3),
    ("job-lock-ttl", 0, 3),
    ("job-ttl", 60, 90),
    ("sample-window", 0, 5_000),
    ("slice-us", 50, 2_000),
    ("duty", 1, 100),
    ("audit-maxlen", 0, 3_000),
];

/// Settings of the server that change how lists are stored in memory and how they are made durable.
const SERVER: [(&str, &[&str]); 5] = [
    ("list-max-ziplist-size", &["-5", "-2", "-1", "2", "16", "128"]),
    ("list-compress-depth", &["0", "0", "1", "3"]),
    ("appendfsync", &["always", "everysec", "everysec", "no"]),
    ("maxmemory-policy", &["noeviction", "volatile-random", "volatile-lru"]),
    ("lazyfree-lazy-user-del", &["yes", "no"]),
];

/// Waits for the duration of a disturbance of all clients.
fn a_while(client: &mut Client<'_>) {
    thread::sleep(Duration::from_millis(client.chance.within(20, 400)));
}

/// Disturbs the primary until the end.
pub(crate) fn disturb(mut client: Client<'_>) {
    while !client.world.stopped() {
        let inside = client.step();
        disturbance(&mut client);
        drop(inside);
        rest(&mut client, 250);
    }
}

fn disturbance(client: &mut Client<'_>) {
    match client.chance.below(100) {
        0..22 => {
            let (name, low, high) = client.chance.pick(&SETTINGS);
            let value = client.chance.within(low, high).to_string();
            client.say(&["CONFIG", "SET", &format!("qadmin.{name}"), &value]);
        }
        22 => drop(client.say(&["CONFIG", "SET", "qadmin.slice-us", "7"])),
        23..25 => {
            let jobs = client.chance.within(2, 20).to_string();
            client.say(&["CONFIG", "SET", "qadmin.max-jobs", &jobs]);
        }
        25..33 => {
            let (name, values) = client.chance.pick(&SERVER);
            let value = client.chance.pick(values);
            client.say(&["CONFIG", "SET", name, value]);
        }
        33..38 => {
            let ms = client.chance.within(1, 400).to_string();
            let what = client.chance.pick(&["WRITE", "ALL"]);
            client.say(&["CLIENT", "PAUSE", &ms, what]);
        }
        38..48 => {
            if let Some(id) = client.world.some_victim(&mut client.chance) {
                client.say(&["CLIENT", "KILL", "ID", &id]);
            }
        }
        48..52 => {
            if let Some(id) = client.world.some_victim(&mut client.chance) {
                let how = client.chance.pick(&["TIMEOUT", "ERROR"]);
                // If a client is disconnected while CLIENT PAUSE holds its command, Redis 7.0 answers it
                // twice.
                client.say(&["CLIENT", "UNPAUSE"]);
                client.say(&["CLIENT", "UNBLOCK", &id, how]);
            }
        }
        52..54 => drop(client.say(&["CLIENT", "KILL", "TYPE", "replica"])),
        54..58 => {
            let (a, b) = (client.chance.within(1, 3).to_string(), client.chance.within(1, 3).to_string());
            client.say(&["SWAPDB", &a, &b]);
        }
        58..62 => {
            let (db, how) = (client.chance.within(1, 3).to_string(), client.chance.pick(&["SYNC", "ASYNC"]));
            client.say(&["SELECT", &db]);
            client.say(&["FLUSHDB", how]);
            client.say(&["SELECT", "0"]);
        }
        62..64 => load_again(client, "RELOAD"),
        64 => {
            let _alone = client.world.blocked.write().expect("no thread panics while it holds this lock");
            load_again(client, "LOADAOF");
        }
        65..67 => drop(client.say(&["BGSAVE", "SCHEDULE"])),
        67..69 => drop(client.say(&["BGREWRITEAOF"])),
        69..75 => change_rights(client),
        75 => drop(client.say(&["SCRIPT", "FLUSH"])),
        76..79 if client.world.unloads => module_anew(client),
        79..84 => squeeze(client),
        84..87 => {
            client.say(&["CONFIG", "SET", "min-replicas-to-write", "3"]);
            a_while(client);
            client.say(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
        }
        87..89 => {
            let seconds = format!("0.{:02}", client.chance.within(1, 20));
            client.say(&["DEBUG", "SLEEP", &seconds]);
        }
        89..93 => drop(client.say(&["INFO", "everything"])),
        93 => drop(client.say(&["MEMORY", "PURGE"])),
        94 => drop(client.say(&["CONFIG", "RESETSTAT"])),
        95..97 => drop(client.say(&["LATENCY", "RESET"])),
        97 => drop(client.say(&["CLIENT", "LIST"])),
        // This script is slow, so timers and slices wait.
        _ => drop(client.say(&["EVAL", "local x = 0; for i = 1, 2000000 do x = x + i end return x", "0"])),
    }
}

/// Loads all data again, unless that would disturb the server's count of changes. Both commands set the count
/// to 0. A BGSAVE that runs meanwhile subtracts at its end the number that it read at its beginning, so the
/// count becomes negative, and setting it to 0 the next time is a change. The server then writes DEBUG itself
/// to replicas and to the append-only file, which load again while they load (Redis 7.0, with or without any
/// module).
fn load_again(client: &mut Client<'_>, from: &str) {
    let info = text_of(&client.say(&["INFO", "persistence"]));
    let counted = field_of(&info, "rdb_changes_since_last_save").is_some();
    if counted && field_of(&info, "rdb_bgsave_in_progress") == Some(0) {
        client.say(&["DEBUG", from]);
    }
}

fn change_rights(client: &mut Client<'_>) {
    let name = format!("soak{}", client.chance.below(3));
    if client.chance.percent(30) {
        client.say(&["ACL", "DELUSER", &name]);
        return;
    }
    let rules: [&[&str]; 5] = [
        &["reset", "on", ">secret", "~*", "+@all"],
        &["on", ">secret", "~free:*", "+qadmin.preview", "+qadmin.status", "+qadmin.jobs", "+auth"],
        &["-qadmin.clearjob"],
        &["resetkeys", "%R~live", "~free:a"],
        &["on", ">secret", "~*", "+qadmin.clearjob", "+qadmin.cancel", "+auth"],
    ];
    let mut words = vec!["ACL", "SETUSER", &name];
    words.extend(client.chance.pick(&rules));
    client.say(&words);
}

/// Unloads the module and loads it again. Unloading is refused if something would be lost.
fn module_anew(client: &mut Client<'_>) {
    let _alone = client.world.transactions.write().expect("no thread panics while it holds this lock");
    // Its counters are lost when it is unloaded.
    let info = text_of(&client.say(&["INFO", "qadmin"]));
    if field_of(&info, "qadmin_apply_mismatches").is_some_and(|count| count > 0) {
        client.world.violated("units did not fit before the module was unloaded".to_string());
    }
    // Redis 8.0 aborts in an assertion if a user's rules name a command that is removed (acl.c:
    // ACLRecomputeCommandBitsFromCommandRulesAllUsers).
    for user in 0..3 {
        client.say(&["ACL", "DELUSER", &format!("soak{user}")]);
    }
    if matches!(client.say(&["MODULE", "UNLOAD", "qadmin"]), Answer::Value(Value::Okay)) {
        client.world.totals.add(&info);
        let path = module_path().unwrap_or_default();
        let path = path.to_string_lossy();
        let loaded = client.say(&["MODULE", "LOAD", &path, "job-ttl", "60", "index", SETTING]);
        if !matches!(loaded, Answer::Value(Value::Okay)) {
            client.world.violated(format!("the module did not load again: {loaded:?}"));
        }
    }
}

/// Sets a memory limit below the memory that the server uses, for a while.
fn squeeze(client: &mut Client<'_>) {
    let used = field_of(&text_of(&client.say(&["INFO", "memory"])), "used_memory").unwrap_or(1 << 30);
    let limit = (used / 100 * client.chance.within(60, 105)).to_string();
    client.say(&["CONFIG", "SET", "maxmemory", &limit]);
    a_while(client);
    client.say(&["CONFIG", "SET", "maxmemory", "0"]);
}

/// Disturbs the replica until the end.
pub(crate) fn disturb_replica(mut client: Client<'_>, pid: i32) {
    let port = client.world.port.to_string();
    while !client.world.stopped() {
        let inside = client.step();
        match client.chance.below(10) {
            0..2 => {
                client.say(&["REPLICAOF", "NO", "ONE"]);
                a_while(&mut client);
                client.say(&["REPLICAOF", "127.0.0.1", &port]);
            }
            2..5 => drop(client.say(&["CLIENT", "KILL", "TYPE", "master"])),
            5..7 => {
                // SAFETY: the server is a child of this process, started once and waited for at its end.
                unsafe { libc::kill(pid, libc::SIGSTOP) };
                a_while(&mut client);
                // SAFETY: as above.
                unsafe { libc::kill(pid, libc::SIGCONT) };
            }
            7 => drop(client.say(&["BGREWRITEAOF"])),
            8 => {
                let values = client.chance.pick(&["-2", "16", "128"]);
                client.say(&["CONFIG", "SET", "list-max-ziplist-size", values]);
            }
            _ => {
                let policy = client.chance.pick(&["disabled", "swapdb"]);
                client.say(&["CONFIG", "SET", "repl-diskless-load", policy]);
            }
        }
        drop(inside);
        rest(&mut client, 4_000);
    }
}
