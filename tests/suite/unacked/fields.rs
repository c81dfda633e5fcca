//! FIELDS means the same for previews of a list and of unacknowledged messages.

use super::*;

/// Fields of every source, in an order that is not that of the message, and a short name.
const FIELDS: [&str; 14] = [
    "retries",
    "repoid",
    "id",
    "task",
    "kwargs.commitid",
    "kwargs",
    "args",
    "args.0",
    "eta",
    "routing_key",
    "exchange",
    "properties.delivery_tag",
    "headers.origin",
    "redelivered",
];

/// Returns the rows of a sample without the members that say where a message is: the name and the value of
/// each other member.
fn shown(reply: &Reply) -> Vec<Vec<(String, Value)>> {
    let is_place = |name: &str| ["index", "bytes", "delivered_at"].contains(&name);
    let rows = reply.rows("sample");
    rows.iter().map(|row| row.iter().filter(|(name, _)| !is_place(name)).cloned().collect()).collect()
}

#[test]
fn messages_show_the_same_fields_queued_and_unacknowledged() {
    let server = Server::start();
    let mut conn = server.conn();
    set(&mut conn, "slice-us 20000");
    let mut factory = Factory::new(11).size(Size::Slim).share(30.0);
    let all: Vec<UnackedMessage> = (0..300).map(|i| unacked(&mut factory, i)).collect();
    append(&mut conn, &all);
    for i in 0..300 {
        let _: i64 = conn.lpush("celery", factory.message(i)).expect("LPUSH");
    }
    let fields = format!("FIELDS {} {}", FIELDS.len(), FIELDS.join(" "));
    for inexact in ["", " INEXACT"] {
        let line = |queue: &str| format!("QADMIN.PREVIEW {queue} {} SAMPLE 5 {fields}{inexact}", target());
        let mut expected = Vec::new();
        for (tier, mode) in [
            (" NOCOUNT", "skipped"),
            (" BUST", "synchronous"),
            // The count is from the cache.
            ("", "synchronous"),
            // The count is from the completed job.
            ("", "job"),
            (" BUST", "job"),
        ] {
            let is_job = mode == "job";
            set(
                &mut conn,
                &format!(
                    "cache-ttl {} inline-limit {}",
                    if is_job { 0 } else { 60 },
                    if is_job { 0 } else { 200_000 }
                ),
            );
            let [list, hash] =
                ["celery", HASH].map(|queue| ask(&mut conn, &format!("{}{tier}", line(queue))));
            assert_eq!((list.text("mode"), hash.text("mode")), (mode.into(), mode.into()));
            assert_eq!(shown(&list), shown(&hash), "{tier} {mode}");
            assert_eq!(shown(&list).len(), 5);
            let names: Vec<String> = shown(&list)[0].iter().map(|(name, _)| name.clone()).collect();
            let marked: &[&str] = if inexact.is_empty() { &[] } else { &["inexact"] };
            let wanted: Vec<&str> = marked.iter().chain(&FIELDS).copied().collect();
            assert_eq!(names, wanted, "{tier} {mode}");
            // With every tier, these are the messages that run next.
            if expected.is_empty() {
                expected = shown(&list);
            }
            assert_eq!(shown(&list), expected, "{tier} {mode}");
            if tier == " BUST" && is_job {
                for reply in [&list, &hash] {
                    let end = wait_for_job(&mut conn, &reply.text("job_id"));
                    assert_eq!(shown(&end)[..5], expected, "{end:?}");
                }
            }
        }
    }
}
