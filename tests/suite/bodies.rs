//! Bodies that have to be decoded before they can be read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qadmin_harness::{Fields as _, Server, map};
use redis::Commands as _;

use crate::support::{ask, wait_for_job};

fn compressed(body: &[u8]) -> Vec<u8> {
    let body = BASE64.encode(miniz_oxide::deflate::compress_to_vec_zlib(body, 9));
    format!(
        r#"{{"body": "{body}", "content-type": "application/json", "headers": {{"task": "t", "id": "1",
        "compression": "application/x-gzip"}}, "properties": {{"body_encoding": "base64"}}}}"#
    )
    .into_bytes()
}

#[test]
fn decompression_bombs_are_unreadable_and_cause_no_delay() {
    const BOMBS: i64 = 120;
    let server = Server::builder().module_args("slice-us 50 inline-limit 0 sample-window 0").start();
    let mut conn = server.conn();
    let bomb = compressed(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 128 * 1024, "a bomb is small: {}", bomb.len());
    // This body is valid and has the maximum length.
    let longest = compressed(&[&vec![b' '; 512 * 1024 - 22][..], br#"[[], {"repoid": 7}, 0]"#].concat());
    for n in 0..BOMBS {
        let _: () = conn.lpush("q", if n % 2 == 0 { &bomb } else { &longest }).expect("LPUSH");
    }
    let job = ask(&mut conn, "QADMIN.PREVIEW q REPOID 7 SAMPLE 0");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.int("matched"), end.int("unreadable")), (BOMBS / 2, BOMBS / 2), "{end:?}");
    // Decoding counts as work: the clock is read before 16 bodies were decoded, and the slice is then over.
    assert!(end.int("slices") > BOMBS / 16 + 1, "{end:?}");

    let job = ask(&mut conn, "QADMIN.CLEARJOB q REPOID 7 ALL CONFIRM q");
    let end = wait_for_job(&mut conn, &job.text("job_id"));
    assert_eq!((end.int("deleted"), end.int("unreadable")), (BOMBS / 2, BOMBS / 2), "{end:?}");
    let left: Vec<Vec<u8>> = conn.lrange("q", 0, -1).expect("LRANGE");
    assert!(left.iter().all(|message| *message == bomb), "only bombs are left");
}

#[test]
fn a_sample_shows_fields_of_compressed_bodies() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = compressed(br#"[[1], {"repoid": 147107, "commitid": "abc", "ownerid": null}, {}]"#);
    let _: () = conn.lpush("q", message).expect("LPUSH");
    let reply =
        ask(&mut conn, "QADMIN.PREVIEW q REPOID 147107 SAMPLE 1 FIELDS 4 repoid commitid ownerid args.0");
    let redis::Value::Array(rows) = reply.get_field("sample") else { panic!("{reply:?}") };
    let row = map(&rows[0]);
    assert_eq!((row.int("repoid"), row.text("commitid"), row.int("args.0")), (147_107, "abc".into(), 1));
    assert!(row.is_null("ownerid"));
}
