//! Sentinels name the primary, also after a failover.

use std::fs;
use std::process::{Child, Command, Stdio};

use qadmin_harness::{Server, eventually, free_port, server_binary};
use redis::{Connection, Value};
use tempfile::TempDir;

use crate::support::{LONG, QUEUE, Run, about, at, filled, live_job, rest, target, tell, terminal_at};

/// A running Sentinel.
struct Sentinel {
    child: Child,
    port: u16,
    _dir: TempDir,
}

impl Sentinel {
    /// Starts one that watches `main` and decides alone. It wants a password.
    fn start(primary: &Server) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let port = free_port().expect("a port");
        let conf = dir.path().join("sentinel.conf");
        let lines = [
            format!("port {port}"),
            "bind 127.0.0.1".to_owned(),
            format!("dir {}", dir.path().display()),
            "requirepass watch".to_owned(),
            format!("sentinel monitor main 127.0.0.1 {} 1", primary.port()),
            "sentinel down-after-milliseconds main 1000".to_owned(),
            "sentinel failover-timeout main 2000".to_owned(),
        ];
        fs::write(&conf, lines.join("\n") + "\n").expect("a file");
        let child = Command::new(server_binary().expect("a server"))
            .arg(&conf)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn()
            .expect("a Sentinel");
        let sentinel = Self { child, port, _dir: dir };
        eventually("the Sentinel answers", || sentinel.try_conn().is_ok());
        sentinel
    }

    fn try_conn(&self) -> redis::RedisResult<Connection> {
        redis::Client::open(format!("redis://:watch@127.0.0.1:{}", self.port))?.get_connection()
    }

    /// Waits until it knows the replica.
    fn knows_replica(&self) {
        eventually("the Sentinel finds the replica", || {
            let mut conn = self.try_conn().expect("the Sentinel answers");
            matches!(tell(&mut conn, "SENTINEL REPLICAS main"), Value::Array(all) if !all.is_empty())
        });
    }

    fn primary(&self) -> String {
        let mut conn = self.try_conn().expect("the Sentinel answers");
        let Value::Array(parts) = tell(&mut conn, "SENTINEL GET-MASTER-ADDR-BY-NAME main") else {
            panic!("an address")
        };
        qadmin_harness::text(&parts[1])
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shows(run: &Run, words: &[&str]) {
    for word in words {
        assert!(run.err.contains(word), "{word}: {run:?}");
    }
    assert!(!format!("{run:?}").contains("hunter2"), "{run:?}");
}

#[test]
fn sentinels_are_asked_in_turn_for_the_primary() {
    let primary = Server::start();
    filled(&primary, 100);
    let sentinel = Sentinel::start(&primary);
    let port = sentinel.port;
    let found = |url: &str, more: &[&str]| at(url, &about("preview", &target(), more)).ended(0);
    // No Sentinel listens on port 1.
    found(&format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{port}/main?sentinel_password=watch"), &[]);
    let celery = format!("sentinel://127.0.0.1:1/0;sentinel://127.0.0.1:{port}/0?sentinel_password=watch");
    found(&celery, &["--sentinel-master", "main"]);
    found(&format!("{celery}&master_name=main"), &[]);
    shows(&at(&celery, &["jobs"]).ended(2), &["--sentinel-master NAME"]);

    let unknown = at(&celery, &["jobs", "--sentinel-master", "other"]).ended(6);
    shows(&unknown, &["does not know this service", "SENTINEL MASTERS", "127.0.0.1:1: "]);
    let login = at(&format!("redis+sentinel://127.0.0.1:{port}/main?sentinel_password=hunter2"), &["jobs"]);
    shows(&login.ended(6), &["no Sentinel names the primary of main", &format!("127.0.0.1:{port}: ")]);
    shows(&at("redis+sentinel://:hunter2@127.0.0.1:1/main", &["jobs"]).ended(6), &["127.0.0.1:1: "]);
    // User and password of the URL are those of the primary.
    tell(&mut primary.conn(), "ACL SETUSER jane on >secret ~* +qadmin.jobs");
    let url = format!("redis+sentinel://jane:secret@127.0.0.1:{port}/main?sentinel_password=watch");
    at(&url, &["jobs"]).ended(0);
    shows(
        &at(&url.replace("secret", "hunter2"), &["jobs"]).ended(6),
        &["the primary that the Sentinels name"],
    );
}

#[test]
fn a_watch_continues_at_the_new_primary_after_a_failover() {
    let slow = || Server::builder().module_args("slice-us 50 duty 1 inline-limit 0").config("hz 500").start();
    let (mut primary, replica) = (slow(), slow());
    filled(&primary, LONG);
    replica.replica_of(&primary);
    let sentinel = Sentinel::start(&primary);
    sentinel.knows_replica();
    let url = format!("redis+sentinel://127.0.0.1:{}/main?sentinel_password=watch", sentinel.port);
    let mut session =
        terminal_at(&url, &about("clear", &target(), &["--all", "--rate", "10", "--yes", QUEUE]));
    session.exp_string("job ").expect("the id");
    let id = live_job(&mut primary.conn());
    session.exp_string("celery [").expect("a bar");
    eventually("the replica has the record", || {
        tell(&mut replica.conn(), &format!("EXISTS qadmin:job:{id}")) == Value::Int(1)
    });
    primary.kill9();
    session.exp_string("connection lost, trying again").expect("words");
    let (after, code) = rest(session);
    assert_eq!(code, 4, "{after}");
    assert!(after.contains("interrupted"), "{after}");
    assert_eq!(sentinel.primary(), replica.port().to_string());
    // A new start of the program finds the new primary at once.
    assert_eq!(at(&url, &["status", &id, "--json"]).ended(4).json()["status"], "interrupted");
}
