//! Unusual names, tags and memory limits.

use qadmin_harness::{Fields as _, Server, map};
use redis::{Commands as _, Connection, Value};

use super::{HASH, append, both, clear, many, of};
use crate::durability::tell;
use crate::support::{run, wait_for_job};

/// Runs a command of any bytes.
fn words(conn: &mut Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::Cmd::new();
    words.iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(conn)
}

#[test]
fn names_of_hash_and_index_and_tags_can_be_any_bytes() {
    let server = Server::start();
    let mut conn = server.conn();
    let long = vec![b'x'; 100_000];
    let tags: [&[u8]; 7] = [b"", b"\0", b"\xff\xfe", b"a\r\nb", b"%s%n", "\u{4e00}".as_bytes(), &long];
    for (hash, index) in
        [(&b"u\xff\0"[..], &b"\r\n"[..]), (b"", b"_index"), (b"{x", b"}"), (b"unacked", b"0")]
    {
        for (score, tag) in tags.iter().enumerate() {
            let task = if score % 2 == 0 { "even" } else { "odd" };
            let value = format!(r#"[{{"headers":{{"task":"{task}"}}}},"","celery"]"#);
            conn.hset::<_, _, _, ()>(hash, *tag, value).expect("HSET");
            conn.zadd::<_, _, _, ()>(index, *tag, score).expect("ZADD");
        }
        let line: &[&[u8]] = &[b"QADMIN.PREVIEW", hash, b"TASK", b"even", b"INDEX", index];
        let preview = map(&words(&mut conn, line).expect("a reply"));
        assert_eq!(preview.int("match_count"), 4, "{hash:?}");
        let json = words(&mut conn, &[line, &[b"FORMAT", b"JSON"]].concat()).expect("a reply");
        let Value::BulkString(json) = json else { panic!("JSON is text") };
        serde_json::from_slice::<serde_json::Value>(&json).expect("JSON");
        let job = words(
            &mut conn,
            &[b"QADMIN.CLEARJOB", hash, b"TASK", b"even", b"ALL", b"CONFIRM", hash, b"INDEX", index],
        );
        let end = wait_for_job(&mut conn, &map(&job.expect("a reply")).text("job_id"));
        assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), 4), "{end:?}");
        assert_eq!(end.get_field("index_key"), &Value::BulkString(index.to_vec()));
        let left: Vec<Vec<u8>> = conn.zrange(index, 0, -1).expect("ZRANGE");
        assert_eq!(left, tags.iter().skip(1).step_by(2).map(|tag| tag.to_vec()).collect::<Vec<_>>());
        assert_eq!(conn.hlen::<_, usize>(hash).expect("HLEN"), 3);
    }
}

#[test]
fn at_maxmemory_unacked_messages_are_counted_and_cleared() {
    let server = Server::builder().module().config("maxmemory-policy noeviction").start();
    let mut conn = server.conn();
    let all = many(0, 2_000, 50.0);
    append(&mut conn, &all);
    tell(&mut conn, "CONFIG SET maxmemory 1mb");
    let refused = run(&mut conn, "LPUSH celery x").expect_err("no memory");
    assert_eq!(refused.code(), Some("OOM"), "{refused}");
    let end = clear(&mut conn, "ALL");
    let matches = all.iter().filter(|one| one.matches).count() as i64;
    assert_eq!((end.text("status"), end.int("deleted")), ("completed".into(), matches), "{end:?}");
    tell(&mut conn, "CONFIG SET maxmemory 0");
    let left: Vec<_> = all.into_iter().filter(|one| !one.matches).collect();
    assert_eq!(both(&mut conn), of(&left));
}

#[test]
fn transactions_and_scripts_preview_unacked_without_blocking() {
    let server = Server::start();
    let mut conn = server.conn();
    append(&mut conn, &many(0, 50, 100.0));
    let line = ["QADMIN.PREVIEW", HASH, "WHERE", "task", "EXISTS", "SAMPLE", "2"];
    let mut both = redis::pipe();
    both.atomic().cmd(line[0]).arg(&line[1..]);
    let replies: Vec<Value> = both.query(&mut conn).expect("EXEC");
    let preview = map(&replies[0]);
    assert_eq!((preview.text("mode"), preview.rows("sample").len()), ("job".into(), 2), "{preview:?}");
    assert_eq!(wait_for_job(&mut conn, &preview.text("job_id")).int("matched"), 50);
    let script = "return redis.call(unpack(ARGV))";
    let reply: Value =
        redis::cmd("EVAL").arg(script).arg(1).arg(HASH).arg(&line[..]).query(&mut conn).expect("EVAL");
    assert_eq!(map(&reply).int("depth"), 50);
}
