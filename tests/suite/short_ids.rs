//! Short ids: the first digits of a job's id name it where only one job that the caller may see begins with them.

use qadmin_harness::{Cluster, Factory, Fields as _, Server, Size, eventually, fill, maps};
use redis::{Connection, RedisError};

use crate::stage::{Slow, filled, target};
use crate::support::{Reply, ask, run, wait_for_job};

const FIRST: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
const SECOND: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b03";
const THIRD: &str = "6f1cffff-0000-4000-8000-000000000000";

/// Returns code and text of a refusal.
fn refusal(conn: &mut Connection, line: &str) -> (String, String) {
    let error: RedisError = match run(conn, line) {
        Ok(reply) => panic!("{line}: {reply:?}"),
        Err(error) => error,
    };
    (error.code().unwrap_or_default().to_owned(), error.detail().unwrap_or_default().to_owned())
}

fn clear(conn: &mut Connection, queue: &str, id: &str) -> Reply {
    ask(conn, &format!("QADMIN.CLEARJOB {queue} {} ALL PARK CONFIRM {queue} ID {id}", target()));
    wait_for_job(conn, id)
}

/// Returns a server with some messages in each of these queues.
fn server_with(queues: &[&str]) -> Server {
    let server = Server::start();
    for queue in queues {
        fill(server.port(), queue, 0..200, &mut Factory::new(3).size(Size::Slim).share(20.0))
            .expect("filled");
    }
    server
}

#[test]
fn every_command_about_a_job_takes_its_first_digits() {
    for resp in [2, 3] {
        let server = Server::start();
        filled(&server, "celery", 3_000);
        let mut conn = if resp == 2 { server.conn() } else { server.conn3() };
        let mut slow = Slow::start(&server);
        let id = ask(
            &mut conn,
            &format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery DRYRUN ID {FIRST}", target()),
        )
        .text("job_id");
        slow.hold(&mut conn);
        for line in [
            "STATUS 6f1c",
            "PAUSE 6F1C2B8E",
            "THROTTLE 6f1c2b8e-4 RATE 1000",
            "RESUME 6f1c2b8e-",
            "PAUSE 6f1c2",
        ] {
            let status = ask(&mut conn, &format!("QADMIN.{line}"));
            assert_eq!(status.text("job_id"), id, "{line}");
        }
        for (line, code) in [
            ("STATUS 6f1", "NOJOB"),
            ("STATUS 6f1d", "NOJOB"),
            ("STATUS 6f1c2b8e4", "NOJOB"),
            ("STATUS 6f1c QUEUE other", "NOJOB"),
            ("UNDO 6f1c QUEUE other DRYRUN", "NOJOB"),
            ("STATUS 6f1g", "NOJOB"),
            ("CANCEL 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b0", ""),
        ] {
            match code {
                "" => assert_eq!(
                    ask(&mut conn, &format!("QADMIN.{line} QUEUE celery")).text("status"),
                    "cancelled"
                ),
                code => assert_eq!(refusal(&mut conn, &format!("QADMIN.{line}")).0, code, "{line}"),
            }
        }
        // The end that a client waits for is that of the job that was named.
        assert_eq!(ask(&mut conn, "QADMIN.STATUS 6f1c WAIT 0").text("status"), "cancelled");
    }
}

#[test]
fn digits_of_several_jobs_are_refused_with_their_names() {
    let server = server_with(&["celery", "other"]);
    let mut conn = server.conn();
    clear(&mut conn, "celery", FIRST);
    clear(&mut conn, "other", SECOND);
    for line in [
        "STATUS 6f1c",
        "CANCEL 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b0",
        "PAUSE 6f1c2b8e",
        "RESUME 6f1c",
        "UNDO 6f1c DRYRUN",
    ] {
        let (code, text) = refusal(&mut conn, &format!("QADMIN.{line}"));
        assert_eq!(code, "AMBIGUOUS", "{line}");
        let both = format!(
            "give more digits of one: {FIRST} (\"celery\" completed), {SECOND} (\"other\" completed)"
        );
        assert!(text.ends_with(&both), "{line}: {text}");
    }
    // QUEUE tells them apart, and a whole id is never ambiguous.
    assert_eq!(ask(&mut conn, "QADMIN.STATUS 6f1c QUEUE other").text("job_id"), SECOND);
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {FIRST}")).text("job_id"), FIRST);
    for n in 0..7 {
        clear(&mut conn, "celery", &format!("6f1c0000-0000-4000-8000-00000000000{n}"));
    }
    let (_, text) = refusal(&mut conn, "QADMIN.STATUS 6f1c");
    assert_eq!(text.matches("completed)").count(), 5, "{text}");
    assert!(text.ends_with(", and perhaps others"), "{text}");
}

#[test]
fn an_undo_by_a_short_id_is_recorded_with_the_whole_one() {
    let server = server_with(&["celery"]);
    let mut conn = server.conn();
    let parked = clear(&mut conn, "celery", FIRST);
    let (list, moved) = (parked.text("to"), parked.int("deleted"));
    assert!(moved > 0);
    let undo = format!("QADMIN.UNDO 6f1c CONFIRM {list} ID 00000000-0000-4000-8000-000000000001");
    let accepted = ask(&mut conn, &undo);
    assert_eq!((accepted.text("undoes"), accepted.int("moved")), (FIRST.into(), moved));
    // The command is sent again, with the short id and with the whole one: it is the same.
    assert_eq!(ask(&mut conn, &undo).int("deduplicated"), 1);
    assert_eq!(ask(&mut conn, &undo.replace("6f1c", FIRST)).int("deduplicated"), 1);
    let end = wait_for_job(&mut conn, "0000");
    assert_eq!((end.text("undoes"), end.int("undone")), (FIRST.into(), moved));
    let record: String = redis::cmd("HGET")
        .arg("qadmin:job:00000000-0000-4000-8000-000000000001")
        .arg("undoes")
        .query(&mut conn)
        .expect("HGET");
    assert_eq!(record, FIRST);
}

#[test]
fn nobody_learns_of_jobs_that_they_may_not_see() {
    let server = server_with(&["celery", "secret"]);
    let mut admin = server.conn();
    clear(&mut admin, "celery", FIRST);
    clear(&mut admin, "secret", SECOND);
    clear(&mut admin, "secret", THIRD);
    let rules = "ACL SETUSER ann reset on nopass %R~celery* -@all +qadmin.status +qadmin.cancel +qadmin.jobs";
    run(&mut admin, rules).expect("ACL SETUSER");
    let check = |server: &Server| {
        let mut ann = server.conn();
        run(&mut ann, "AUTH ann x").expect("AUTH");
        // For ann there is one such job; for the others there are three.
        assert_eq!(ask(&mut ann, "QADMIN.STATUS 6f1c").text("job_id"), FIRST);
        assert_eq!(refusal(&mut server.conn(), "QADMIN.STATUS 6f1c").0, "AMBIGUOUS");
        for line in ["QADMIN.STATUS 6f1cf", "QADMIN.CANCEL 6f1cffff", "QADMIN.STATUS 6f1cffff QUEUE secret"] {
            let (code, text) = refusal(&mut ann, line);
            // A key that is named is the server's to refuse.
            assert!(code == "NOJOB" || line.contains("QUEUE") && code == "NOPERM", "{line}: {code} {text}");
            assert!(!text.contains("0000") && !text.contains("secret"), "{text}");
        }
    };
    check(&server);
}

#[test]
fn jobs_of_an_earlier_process_and_of_the_primary_are_found() {
    let mut server = Server::builder().module().config("appendonly yes").start();
    fill(server.port(), "celery", 0..200, &mut Factory::new(3).size(Size::Slim).share(20.0)).expect("filled");
    clear(&mut server.conn(), "celery", FIRST);
    server.restart();
    let mut conn = server.conn();
    assert_eq!(ask(&mut conn, "QADMIN.STATUS 6f1c").text("job_id"), FIRST);
    let replica = Server::start();
    replica.replica_of(&server);
    eventually("the replica has the record", || run(&mut replica.conn(), "QADMIN.STATUS 6f1c").is_ok());
    assert_eq!(ask(&mut replica.conn(), "QADMIN.STATUS 6f1c").text("job_id"), FIRST);
    clear(&mut conn, "celery", THIRD);
    assert_eq!(refusal(&mut conn, "QADMIN.STATUS 6f1c").0, "AMBIGUOUS", "one in memory, one in a record");
    eventually("the replica has both", || {
        run(&mut replica.conn(), "QADMIN.STATUS 6f1c").is_err_and(|error| error.code() == Some("AMBIGUOUS"))
    });
    // What is forgotten is not in the way.
    run(&mut conn, &format!("DEL qadmin:job:{FIRST}")).expect("DEL");
    assert_eq!(ask(&mut conn, "QADMIN.STATUS 6f1c").text("job_id"), THIRD);
}

#[test]
fn a_hash_that_is_no_record_names_no_job() {
    let server = server_with(&["celery"]);
    let mut conn = server.conn();
    run(&mut conn, &format!("HSET qadmin:job:{SECOND} a b")).expect("HSET");
    run(&mut conn, &format!("SET qadmin:job:{THIRD} x")).expect("SET");
    assert_eq!(refusal(&mut conn, "QADMIN.STATUS 6f1c").0, "NOJOB");
    clear(&mut conn, "celery", FIRST);
    assert_eq!(ask(&mut conn, "QADMIN.STATUS 6f1c").text("job_id"), FIRST);
}

#[test]
fn on_a_node_of_a_cluster_the_queue_leads_to_the_job() {
    let cluster = Cluster::start(3, || Server::builder().module());
    let home = cluster.home(b"celery", 3);
    let mut conn = cluster.node(home).conn();
    redis::cmd("LPUSH")
        .arg("celery")
        .arg("{\"headers\":{\"task\":\"t\"}}")
        .query::<i64>(&mut conn)
        .expect("LPUSH");
    let id = ask(&mut conn, "QADMIN.CLEARJOB celery TASK t ALL CONFIRM celery").text("job_id");
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {} QUEUE celery WAIT 0", &id[..6])).text("job_id"), id);
    assert_eq!(ask(&mut conn, &format!("QADMIN.STATUS {}", &id[..8])).text("job_id"), id);
    let mut other = cluster.node((home + 1) % 3).conn();
    let (code, text) = refusal(&mut other, &format!("QADMIN.STATUS {}", &id[..8]));
    assert!(code == "NOJOB" && text.contains("give QUEUE"), "{code} {text}");
    assert_eq!(refusal(&mut other, &format!("QADMIN.STATUS {} QUEUE celery", &id[..8])).0, "MOVED");
    let keys = run(&mut conn, "COMMAND GETKEYS QADMIN.STATUS 6f1c VERBOSE QUEUE celery").expect("GETKEYS");
    assert_eq!(keys, redis::Value::Array(vec![redis::Value::BulkString(b"celery".to_vec())]));
}

#[test]
fn many_jobs_with_the_same_digits_are_refused_within_a_bound() {
    let server = server_with(&["celery"]);
    let mut conn = server.conn();
    clear(&mut conn, "celery", FIRST);
    // Copies of a record, as a restart with many records has them: each is read at most for a moment.
    let record: Vec<Vec<u8>> =
        redis::cmd("HGETALL").arg(format!("qadmin:job:{FIRST}")).query(&mut conn).expect("HGETALL");
    let mut pipe = redis::pipe();
    for n in 0..3_000 {
        let key = format!("qadmin:job:6f1c2b8e-4d7a-4b59-9a60-{n:012x}");
        pipe.cmd("HSET").arg(key).arg(&record).ignore();
    }
    pipe.query::<()>(&mut conn).expect("HSET");
    let (code, text) = refusal(&mut conn, "QADMIN.STATUS 6f1c");
    assert_eq!(code, "AMBIGUOUS", "{text}");
    assert_eq!(maps(&run(&mut conn, "QADMIN.JOBS COUNT 3").expect("JOBS")).len(), 3);
}
