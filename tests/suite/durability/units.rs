//! One slice is one transaction in the replication stream: deletions, record and audit entry.

use std::collections::HashMap;
use std::path::PathBuf;

use qadmin_harness::{Fields as _, Server, TARGET_REPOID, TARGET_TASK};
use redis::Commands as _;

use super::{Filled, QUEUE, hurry, record_key, slow, start_clear, tell, until_caught_up, until_deleted};
use crate::support::{ask, wait_for_job};

/// A command in an append-only file.
pub(crate) type Command = Vec<Vec<u8>>;

#[test]
fn deletions_record_and_audit_entry_are_replicated_as_one_transaction() {
    let primary = slow().start();
    let replica = slow().start();
    replica.replica_of(&primary);
    let mut conn = primary.conn();
    let filled = Filled::new(&primary, 1_000, 50.0);
    let id = start_clear(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!(end.text("status"), "completed", "{end:?}");
    until_caught_up(&primary, &replica);
    for server in [&primary, &replica] {
        assert_eq!(super::queue(&mut server.conn()), filled.survivors());
        judge(&transactions(server), &id);
    }
}

fn judge(transactions: &[Vec<Command>], id: &str) {
    let names = |unit: &[Command]| unit.iter().map(|command| word(command, 0)).collect::<Vec<_>>();
    let units: Vec<&Vec<Command>> =
        transactions.iter().filter(|unit| names(unit).contains(&"QADMIN.APPLY".to_string())).collect();
    assert!(units.len() > 1, "there was more than one slice with deletions");
    for (at, unit) in units.iter().enumerate() {
        let mut wanted = vec!["QADMIN.APPLY", "HSET", "PEXPIREAT"];
        if at + 1 == units.len() && names(unit).len() == 4 {
            // The last slice is the end of the job if a match is at the very end of the queue.
            wanted.push("XADD");
        }
        assert_eq!(names(unit), wanted, "a unit");
        assert_eq!(word(&unit[0], 1), QUEUE);
        assert_eq!(word(&unit[1], 1), record_key(id));
        assert_eq!(word(&unit[2], 1), record_key(id));
    }
    let end = transactions.last().expect("the end of the job");
    assert!(names(end).ends_with(&["HSET".into(), "PEXPIREAT".into(), "XADD".into()]), "{:?}", names(end));
    let status = end.iter().find(|command| word(command, 0) == "HSET").expect("a record");
    assert!(status.contains(&b"completed".to_vec()));
}

#[test]
fn a_unit_replicates_only_changed_fields_of_the_record() {
    let server = slow().start();
    let mut conn = server.conn();
    let filled = Filled::new(&server, 3_000, 50.0);
    let values: String = (0..2_000).map(|n| format!(" {n:060}")).collect();
    let filter =
        format!("TASK {TARGET_TASK} REPOID {TARGET_REPOID} WHERE task IN 2001 {TARGET_TASK}{values}");
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB {QUEUE} ALL {filter} CONFIRM {QUEUE}"));
    let id = job.text("job_id");
    until_deleted(&mut conn, &id, 100);
    // Whatever an administrator does to the record, the next unit writes the missing fields and only those.
    tell(&mut conn, &format!("HDEL {} user reason", record_key(&id)));
    tell(&mut conn, &format!("HSET {} queue other", record_key(&id)));
    until_deleted(&mut conn, &id, 200);
    hurry(&mut conn);
    let end = wait_for_job(&mut conn, &id);
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), filled.matches()), "{end:?}");
    let hash: HashMap<String, String> = conn.hgetall(record_key(&id)).expect("HGETALL");
    assert_eq!((hash["user"].as_str(), hash["queue"].as_str()), ("default", QUEUE));
    let (mut units, mut bytes) = (0, 0);
    for unit in transactions(&server).iter().filter(|unit| word(&unit[0], 0) == "QADMIN.APPLY") {
        let record = unit.iter().find(|command| word(command, 0) == "HSET").expect("a record");
        assert!(record.iter().step_by(2).all(|field| field != b"filter"), "the filter was written again");
        units += 1;
        bytes += record.iter().map(Vec::len).sum::<usize>();
    }
    assert!(units > 1, "there was more than one unit");
    assert!(bytes / units < 1_000, "{bytes} bytes of records in {units} units");
}

pub(crate) fn word(command: &Command, at: usize) -> String {
    String::from_utf8_lossy(&command[at]).into_owned()
}

/// Returns the incremental file to which the server writes at present.
pub(super) fn incr_file(server: &Server) -> PathBuf {
    let folder = server.dir().join("appendonlydir");
    let files = std::fs::read_dir(&folder).expect("the server has an append-only file");
    let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".incr.aof"));
    files.sort();
    files.pop().expect("an incremental file")
}

/// Returns the transactions in the append-only file.
pub(crate) fn transactions(server: &Server) -> Vec<Vec<Command>> {
    let bytes = std::fs::read(incr_file(server)).expect("the append-only file");
    let mut all = Vec::new();
    let mut open: Option<Vec<Command>> = None;
    for command in commands(&bytes) {
        match (word(&command, 0).to_ascii_uppercase().as_str(), &mut open) {
            ("MULTI", _) => open = Some(Vec::new()),
            ("EXEC", _) => all.push(open.take().expect("EXEC follows MULTI")),
            (name, None) => assert_ne!(name, "QADMIN.APPLY", "a deletion is outside of a transaction"),
            (_, Some(unit)) => unit.push(command),
        }
    }
    assert_eq!(open, None, "the last transaction is whole");
    all
}

/// Returns the commands of an append-only file: arrays of bulk strings, one after the other.
fn commands(mut bytes: &[u8]) -> Vec<Command> {
    fn number(bytes: &mut &[u8]) -> usize {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("a line");
        let digits = std::str::from_utf8(&bytes[1..end]).expect("digits");
        *bytes = &bytes[end + 2..];
        digits.parse().expect("a number")
    }
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let words = number(&mut bytes);
        let mut command = Vec::with_capacity(words);
        for _ in 0..words {
            let len = number(&mut bytes);
            command.push(bytes[..len].to_vec());
            bytes = &bytes[len + 2..];
        }
        all.push(command);
    }
    all
}
