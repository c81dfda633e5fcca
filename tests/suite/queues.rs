//! QADMIN.QUEUES finds the queues, shows those that its caller may read, and blocks no other client.

use qadmin_harness::{Fields as _, Server, eventually, map, maps};
use redis::{Commands as _, Connection, Value};

use crate::stage::{Slow, info, joined, later, until_waiting};
use crate::support::celery::Sender;
use crate::support::{Reply, ask, run};

/// The number of keys for which a walk needs many slices.
const MANY: u64 = 100_000;

fn push(conn: &mut Connection, key: &[u8], messages: &[&str]) {
    conn.lpush::<_, _, ()>(key, messages).expect("LPUSH");
}

fn message(task: &str) -> String {
    format!(r#"{{"body": "W10=", "headers": {{"task": "{task}", "id": "1"}}}}"#)
}

/// Returns the queue and the depth of each row.
fn depths(reply: &Reply) -> Vec<(String, i64)> {
    reply.rows("queues").iter().map(|row| (row.text("queue"), row.int("depth"))).collect()
}

fn row(name: &str, depth: i64) -> (String, i64) {
    (name.to_owned(), depth)
}

#[test]
fn queues_lists_message_lists_and_bound_queues_the_deepest_first() {
    let server = Server::start();
    let mut conn = server.conn();
    let (a, b) = (message("a.b"), message("c.d"));
    push(&mut conn, b"mail", &[&a, &b]);
    push(&mut conn, b"prio\x06\x163", &[&b, &a]);
    push(&mut conn, b"prio\x06\x169", &[&a, &b, &b]);
    push(&mut conn, b"also", &[&a, &b]);
    push(&mut conn, b"numbers", &["1", "2", "3", "4", "5", "6"]);
    push(&mut conn, b"broken", &[&a, "{"]);
    push(&mut conn, b"bound", &["{", "{", "{"]);
    for line in ["SET text {}", "HSET unacked tag1 x tag2 y", "SADD set {}", "ZADD z 1 {}", "XADD s * f {}"] {
        run(&mut conn, line).expect(line);
    }
    let binding = |queue: &str| format!("{queue}\x06\x16\x06\x16{queue}");
    let bound = [binding("mail"), binding("bound"), binding("empty"), "no binding".to_owned()];
    conn.sadd::<_, _, ()>("_kombu.binding.x", &bound[..]).expect("SADD");
    conn.sadd::<_, _, ()>("app:_kombu.binding.x", binding("mine")).expect("SADD");
    conn.set::<_, _, ()>("_kombu.binding.y", "no set").expect("SET");

    let reply = ask(&mut conn, "QADMIN.QUEUES");
    let all = [
        row("prio", 5),
        row("bound", 3),
        row("also", 2),
        row("broken", 2),
        row("mail", 2),
        row("app:mine", 0),
        row("empty", 0),
    ];
    // The message that runs next in `broken` is valid; the messages after it are not read.
    assert_eq!(depths(&reply), all);
    assert_eq!((reply.int("complete"), reply.int("unacked"), reply.int("keys")), (1, 2, 15), "{reply:?}");
    let rows = reply.rows("queues");
    let prio = &rows[0];
    assert_eq!((prio.int("own_depth"), prio.int("bound")), (0, 0));
    assert_eq!(prio.text("next_task"), "c.d", "of the lowest step that has one");
    let steps: Vec<_> = prio.rows("priorities").iter().map(|r| (r.int("step"), r.int("depth"))).collect();
    assert_eq!(steps, [(3, 2), (9, 3)]);
    assert_eq!(prio.int("bytes_estimate"), 5 * i64::try_from(a.len()).expect("small"));
    assert_eq!((rows[4].int("bound"), rows[4].int("own_depth"), rows[6].int("bound")), (1, 2, 1));
    assert!(rows[6].is_null("next_task"));

    let only = ask(&mut conn, "QADMIN.QUEUES GLOB m*");
    assert_eq!(depths(&only), [row("mail", 2)]);
    assert!(ask(&mut conn, "QADMIN.QUEUES GLOB prio FORMAT RESP").rows("queues")[0].int("depth") == 5);
    let json = run(&mut conn, "QADMIN.QUEUES GLOB empty FORMAT JSON").expect("JSON");
    let json = qadmin_harness::text(&json);
    assert!(
        json.starts_with(r#"{"queues":[{"queue":"empty","depth":0,"own_depth":0,"priorities":[]"#),
        "{json}"
    );
    // Another database has other queues.
    run(&mut conn, "SELECT 1").expect("SELECT");
    assert_eq!(depths(&ask(&mut conn, "QADMIN.QUEUES")), []);
}

#[test]
fn the_real_celery_makes_queues_that_are_found_with_messages_and_without() {
    let server = Server::start();
    let mut conn = server.conn();
    let sent = i64::try_from(Sender::start(&server, 40, 1).finish().len()).expect("few");
    let mut found = ask(&mut conn, "QADMIN.QUEUES").rows("queues").swap_remove(0);
    assert_eq!((found.text("queue"), found.int("depth"), found.int("bound")), ("celery".into(), sent, 1));
    assert!(found.text("next_task").starts_with("app.tasks."), "{found:?}");
    let bytes: usize =
        conn.lrange::<_, Vec<Vec<u8>>>("celery", 0, -1).expect("LRANGE").iter().map(Vec::len).sum();
    let (estimate, bytes) = (found.int("bytes_estimate"), i64::try_from(bytes).expect("small"));
    assert!(estimate > bytes / 3 && estimate < bytes * 3, "{estimate} against {bytes}");
    conn.del::<_, ()>("celery").expect("DEL");
    found = ask(&mut conn, "QADMIN.QUEUES").rows("queues").swap_remove(0);
    assert_eq!((found.text("queue"), found.int("depth"), found.int("bound")), ("celery".into(), 0, 1));
}

#[test]
fn names_of_any_bytes_that_commands_take_are_listed() {
    let server = Server::start();
    let mut conn = server.conn();
    let long = vec![b'x'; 8_193];
    for name in [&b"\xff\x00\n"[..], b"", b"\x06\x163", b"a\x06\x16", &long, &long[1..]] {
        push(&mut conn, name, &["{}"]);
    }
    let reply: Value = redis::cmd("QADMIN.QUEUES").query(&mut conn).expect("a map");
    let mut names: Vec<Value> = Vec::new();
    for row in map(&reply).rows("queues") {
        names.push(row.get_field("queue").clone());
    }
    // The empty name is also the name of a queue with a priority list.
    let wanted: [&[u8]; 4] = [b"", b"a\x06\x16", &long[1..], b"\xff\x00\n"];
    let wanted: Vec<Value> = wanted.iter().map(|name| Value::BulkString(name.to_vec())).collect();
    assert_eq!(names, wanted);
}

#[test]
fn only_what_the_caller_may_read_is_listed() {
    let server = Server::start();
    let mut conn = server.conn();
    let a = message("a.b");
    for name in ["mine", "mine\x06\x163", "theirs", "theirs\x06\x163"] {
        push(&mut conn, name.as_bytes(), &[&a]);
    }
    conn.sadd::<_, _, ()>("_kombu.binding.x", &["a\x06\x16\x06\x16mine2", "a\x06\x16\x06\x16theirs2"])
        .expect("SADD");
    run(&mut conn, "HSET unacked a b").expect("HSET");
    let as_user = |rules: &str| {
        let mut admin = server.conn();
        run(&mut admin, &format!("ACL SETUSER ann reset on nopass +qadmin.queues +auth {rules}"))
            .expect("ACL");
        let mut conn = server.conn();
        run(&mut conn, "AUTH ann x").expect("AUTH");
        let reply = ask(&mut conn, "QADMIN.QUEUES");
        (depths(&reply), reply.is_null("unacked"))
    };
    assert_eq!(as_user("%R~mine*"), (vec![row("mine", 2)], true));
    assert_eq!(as_user("~mine* ~_kombu.binding.*"), (vec![row("mine", 2), row("mine2", 0)], true));
    assert_eq!(as_user("%W~* %R~unacked"), (vec![], false));
    // The queue itself is not shown; its priority list has its own row.
    assert_eq!(as_user("%R~theirs\x06\x163"), (vec![row("theirs\x06\x163", 1)], true));
    assert_eq!(as_user("~other"), (vec![], true));
}

#[test]
fn a_large_keyspace_is_walked_in_slices_while_others_are_served() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, b"celery", &[&message("a.b")]);
    run(&mut conn, &format!("DEBUG POPULATE {MANY}")).expect("DEBUG");
    let slow = Slow::start(&server);
    let client = later(&server, "QADMIN.QUEUES");
    until_waiting(&server, 1);
    // A job gets its share of the time, too.
    let job = ask(&mut conn, "QADMIN.CLEARJOB celery TASK a.b ALL DRYRUN");
    let end = ask(&mut conn, &format!("QADMIN.STATUS {} WAIT 0", job.text("job_id")));
    assert_eq!(end.int("would_delete"), 1);
    assert_eq!(info(&server, "clients_waiting"), 1, "the walk goes on");
    drop(slow);
    let reply = joined(client);
    assert_eq!((depths(&reply), reply.int("complete")), (vec![row("celery", 1)], 1));
    assert!(reply.int("keys") > i64::try_from(MANY).expect("small"), "{reply:?}");
}

#[test]
fn queues_runs_one_slice_in_a_transaction_and_is_refused_in_scripts() {
    let server = Server::start();
    let mut conn = server.conn();
    push(&mut conn, b"celery", &[&message("a.b")]);
    let in_transaction = |conn: &mut Connection| {
        run(conn, "MULTI").expect("MULTI");
        run(conn, "QADMIN.QUEUES").expect("QUEUED");
        let Value::Array(replies) = run(conn, "EXEC").expect("EXEC") else { panic!("a list") };
        map(&replies[0])
    };
    assert_eq!(in_transaction(&mut conn).int("complete"), 1);
    // A script shows either keys that its caller may not read, or nothing.
    let script =
        redis::cmd("EVAL").arg("return redis.call('QADMIN.QUEUES')").arg(0).query::<Value>(&mut conn);
    assert!(script.expect_err("refused").to_string().contains("not allowed from script"));
    run(&mut conn, &format!("DEBUG POPULATE {MANY}")).expect("DEBUG");
    assert_eq!(in_transaction(&mut conn).int("complete"), 0);
    // The queues of Celery's own exchange are found first, whatever else there is.
    conn.sadd::<_, _, ()>("_kombu.binding.celery", "celery\x06\x16\x06\x16celery").expect("SADD");
    let cut = in_transaction(&mut conn);
    assert_eq!((depths(&cut), cut.int("complete")), (vec![row("celery", 1)], 0));
    assert_eq!(info(&server, "clients_waiting"), 0);
}

#[test]
fn walks_are_bounded_and_end_with_their_clients() {
    let server = Server::start();
    let mut conn = server.conn();
    run(&mut conn, &format!("DEBUG POPULATE {MANY}")).expect("DEBUG");
    let slow = Slow::start(&server);
    let mut clients: Vec<_> = (0..8).map(|_| server.raw()).collect();
    for client in &mut clients {
        client.send(b"QADMIN.QUEUES\r\n").expect("sent");
    }
    until_waiting(&server, 8);
    let error = run(&mut conn, "QADMIN.QUEUES").expect_err("one too many").to_string();
    assert!(
        error.contains("8 clients already wait for QADMIN.QUEUES, which is the limit; retry later"),
        "{error}"
    );
    clients.truncate(1);
    until_waiting(&server, 1);
    // Results from a database that was flushed are not valid any more: the walk begins again.
    run(&mut conn, "FLUSHALL").expect("FLUSHALL");
    let reply = clients[0].reply().expect("a reply");
    let reply = String::from_utf8_lossy(&reply).into_owned();
    assert!(reply.contains("complete\r\n:1\r\n$4\r\nkeys\r\n:0\r\n"), "{reply}");
    drop(slow);
    eventually("nobody waits", || info(&server, "clients_waiting") == 0);
    assert_eq!(maps(&run(&mut conn, "QADMIN.JOBS").expect("JOBS")).len(), 0);
    run(&mut conn, "MODULE UNLOAD qadmin").expect("nothing is left to do");
}

#[test]
fn queues_replies_with_a_partial_list_when_the_time_is_up() {
    let server = Server::start();
    let mut conn = server.conn();
    run(&mut conn, &format!("DEBUG POPULATE {MANY}")).expect("DEBUG");
    let _slow = Slow::start(&server);
    let mut client = server.raw();
    let id = client.line("CLIENT ID");
    client.send(b"QADMIN.QUEUES\r\n").expect("sent");
    until_waiting(&server, 1);
    run(&mut conn, &format!("CLIENT UNBLOCK {}", id.trim().trim_start_matches(':'))).expect("UNBLOCK");
    let reply = String::from_utf8_lossy(&client.reply().expect("a reply")).into_owned();
    assert!(reply.contains("complete\r\n:0\r\n"), "{reply}");
    assert_eq!(info(&server, "clients_waiting"), 0);
}

#[test]
fn the_depth_of_other_priority_lists_is_shown_to_users_who_may_read_them() {
    let server = Server::start();
    let mut conn = server.conn();
    let a = message("a.b");
    push(&mut conn, b"q", &[&a, &a, &a, &a]);
    push(&mut conn, b"q\x06\x163", &[&a, &a]);
    push(&mut conn, b"q\x06\x167", &[&a]);
    push(&mut conn, b"other\x06\x163", &[&a]);
    conn.sadd::<_, _, ()>("q\x06\x169", "no list").expect("SADD");
    let others =
        |conn: &mut Connection, line: &str| ask(conn, line).get_field("other_priorities_depth").clone();
    for line in [
        "QADMIN.PREVIEW q TASK a.b",
        "QADMIN.PREVIEW q TASK a.b NOCOUNT",
        "QADMIN.CLEARJOB q TASK a.b ALL DRYRUN",
    ] {
        assert_eq!(others(&mut conn, line), Value::Int(3), "{line}");
    }
    for line in [
        "QADMIN.PREVIEW q\x06\x163 TASK a.b BUST",
        "QADMIN.CLEARJOB q\x06\x163 TASK a.b ALL CONFIRM q\x06\x163",
    ] {
        assert_eq!(others(&mut conn, line), Value::Int(5), "{line}");
    }
    for (rules, wanted) in [("%R~q", Value::Nil), ("%R~q*", Value::Int(1)), ("%R~q %W~q*", Value::Nil)] {
        run(&mut conn, &format!("ACL SETUSER ann reset on nopass +@all {rules}")).expect("ACL");
        let mut ann = server.conn();
        run(&mut ann, "AUTH ann x").expect("AUTH");
        eventually("the clear is through", || conn.llen("q\x06\x163") == Ok(0_u64));
        assert_eq!(others(&mut ann, "QADMIN.PREVIEW q TASK a.b"), wanted, "{rules}");
    }
    let script = "return redis.call('QADMIN.PREVIEW', KEYS[1], 'TASK', 'a.b')";
    let reply: Value = redis::cmd("EVAL").arg(script).arg(1).arg("q").query(&mut conn).expect("a map");
    assert!(map(&reply).is_null("other_priorities_depth"), "it is not known whose rights would decide");
}
