//! What earlier versions of the module wrote to the append-only file, and sent to replicas, means the same to this one.
//! `tests/python/record_units.py` records it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use qadmin_harness::workspace_root;
use redis::{Commands as _, Connection};
use serde_json::{Value, json};

use super::{assert_no_mismatch, digest, in_memory, until_caught_up};

/// The versions that were recorded.
const VERSIONS: [&str; 1] = ["0.1.0"];

fn recorded(name: &str) -> PathBuf {
    workspace_root().join("tests/data/units").join(name)
}

fn content(conn: &mut Connection, key: &str) -> Value {
    let kind: String = redis::cmd("TYPE").arg(key).query(conn).expect("TYPE");
    match kind.as_str() {
        "list" => json!(conn.lrange::<_, Vec<String>>(key, 0, -1).expect("LRANGE")),
        "hash" => json!(conn.hgetall::<_, BTreeMap<String, String>>(key).expect("HGETALL")),
        _ => json!(conn.zrange_withscores::<_, Vec<(String, f64)>>(key, 0, -1).expect("ZRANGE")),
    }
}

#[test]
fn a_file_of_an_earlier_version_is_loaded_with_every_clear_in_it() {
    for version in VERSIONS {
        let mut server = in_memory().config("appendonly yes").start();
        server.kill9();
        // A file without a manifest, as Redis 6 wrote it: every server takes it over.
        std::fs::remove_dir_all(server.dir().join("appendonlydir")).expect("the server made it");
        let file = std::fs::read(recorded(&format!("{version}.resp"))).expect("the recorded file");
        assert!(file.windows(12).any(|word| word == b"QADMIN.APPLY"));
        std::fs::write(server.dir().join("appendonly.aof"), file).expect("the file is written");
        server.start_again();
        let mut conn = server.conn();
        let left =
            std::fs::read_to_string(recorded(&format!("{version}.json"))).expect("the recorded queues");
        let left: BTreeMap<String, Value> = serde_json::from_str(&left).expect("JSON");
        assert!(left.len() > 8, "{:?}", left.keys());
        for (key, expected) in left {
            assert_eq!(content(&mut conn, &key), expected, "{key} after a clear by {version}");
        }
        assert_no_mismatch(&server);
        // A replica gets what the file had.
        let replica = in_memory().start();
        replica.replica_of(&server);
        until_caught_up(&server, &replica);
        assert_eq!(digest(&mut conn), digest(&mut replica.conn()));
    }
}
