//! Hostile bytes in names, values, reasons and messages.

use qadmin_harness::{Fields as _, Server, map};
use redis::{Connection, Value};

use crate::support::Reply;

/// Bytes that have broken other software: NUL, line ends, format strings, wide characters, bytes that are not
/// text.
const EVIL: [&[u8]; 9] = [
    b"\0",
    b"a\r\nb",
    b"%s%n%s%n",
    "\u{4e00}".as_bytes(),
    "\u{10a}".as_bytes(),
    b"\xff\xfe\x80",
    b"a}b{}",
    b"q\x06\x163",
    b"\"'\\",
];

fn send(conn: &mut Connection, words: &[&[u8]]) -> redis::RedisResult<Value> {
    let mut command = redis::cmd(std::str::from_utf8(words[0]).expect("a name"));
    words[1..].iter().for_each(|word| {
        command.arg(*word);
    });
    command.query(conn)
}

fn ask(conn: &mut Connection, words: &[&[u8]]) -> Reply {
    map(&send(conn, words).unwrap_or_else(|error| panic!("{words:?}: {error}")))
}

fn message(task: &str) -> Vec<u8> {
    format!(r#"{{"body": "W10=", "headers": {{"task": "{task}", "id": "1"}}, "properties": {{}}}}"#)
        .into_bytes()
}

#[test]
fn queue_value_actor_and_reason_can_be_any_bytes() {
    let server = Server::start();
    let mut conn = server.conn();
    for evil in EVIL {
        for task in ["good", "bad", "bad"] {
            send(&mut conn, &[b"LPUSH", evil, &message(task)]).expect("LPUSH");
        }
        let none = ask(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", evil, b"COMMITID", evil]);
        assert_eq!(none.int("match_count"), 0);
        let json =
            send(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", b"bad", b"FORMAT", b"JSON"]).expect("JSON");
        let Value::BulkString(json) = json else { panic!("{json:?}") };
        let json: serde_json::Value = serde_json::from_slice(&json).expect("valid JSON");
        assert_eq!(json["match_count"], 2);
        let job = ask(
            &mut conn,
            &[
                b"QADMIN.CLEARJOB",
                evil,
                b"TASK",
                b"bad",
                b"ALL",
                b"CONFIRM",
                evil,
                b"ACTOR",
                evil,
                b"REASON",
                evil,
            ],
        );
        let id = job.text("job_id");
        let ended = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
        assert_eq!((ended.text("status").as_str(), ended.int("deleted")), ("completed", 2));
        for name in ["queue", "actor", "reason"] {
            assert_eq!(ended.get_field(name), &Value::BulkString(evil.to_vec()), "{name}");
        }
        let left: Vec<Vec<u8>> =
            redis::cmd("LRANGE").arg(evil).arg(0).arg(-1).query(&mut conn).expect("LRANGE");
        assert_eq!(left, [message("good")]);
        // In an error the bytes are quoted: it is one line of ASCII.
        let error = send(&mut conn, &[b"QADMIN.PREVIEW", evil, b"TASK", b"a", evil]).expect_err("no keyword");
        assert!(error.to_string().bytes().all(|b| (0x20..0x7f).contains(&b)), "{error}");
    }
    assert_eq!(send(&mut conn, &[b"PING"]).expect("PING"), Value::SimpleString("PONG".into()));
}

#[test]
fn arbitrary_bytes_are_distinct_messages() {
    let server = Server::start();
    let mut conn = server.conn();
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let deep_object = [&b"{\"headers\": "[..], &deep, b", \"x\": 1}"].concat();
    let twice = br#"{"headers": {"task": "good", "task": "bad"}, "body": "W10="}"#.to_vec();
    let twice_other = br#"{"headers": {"task": "bad", "task": "good"}, "body": "W10="}"#.to_vec();
    let hidden = br#"{"headers": {"task": "\u0062ad"}, "body": "W10="}"#.to_vec();
    let huge_number =
        format!(r#"{{"headers": {{"task": "bad", "retries": {}}}}}"#, "9".repeat(5_000)).into_bytes();
    let quoted =
        br#"{"headers": {"task": "good", "argsrepr": "\"task\": \"bad\""}, "body": "W10="}"#.to_vec();
    let large = message(&"x".repeat(8 << 20));
    let garbage: Vec<Vec<u8>> = EVIL.iter().map(|evil| evil.to_vec()).collect();
    // (message, matches TASK bad, is not a JSON object)
    let mut all = vec![
        (message("bad"), true, false),
        (message("good"), false, false),
        (twice, true, false),
        (twice_other, false, false),
        (hidden, true, false),
        (huge_number, true, false),
        (quoted, false, false),
        (large, false, false),
        (deep, false, true),
        (deep_object, false, false),
        (b"{\"headers\": {\"task\": \"bad\"}".to_vec(), false, true),
        (b"{\"headers\": {\"task\": \"bad\"},}".to_vec(), false, true),
        (b"[{\"headers\": {\"task\": \"bad\"}}]".to_vec(), false, true),
        (b"".to_vec(), false, true),
        (b"12345".to_vec(), false, true),
    ];
    all.extend(garbage.into_iter().map(|bytes| (bytes, false, true)));
    for (message, ..) in &all {
        send(&mut conn, &[b"LPUSH", b"q", message]).expect("LPUSH");
    }
    let count = |pick: fn(&(Vec<u8>, bool, bool)) -> bool| {
        i64::try_from(all.iter().filter(|entry| pick(entry)).count()).expect("small")
    };
    let preview = ask(&mut conn, &[b"QADMIN.PREVIEW", b"q", b"TASK", b"bad", b"SAMPLE", b"100"]);
    assert_eq!(preview.int("match_count"), count(|(_, matches, _)| *matches));
    assert_eq!(preview.int("undecodable"), count(|(_, _, undecodable)| *undecodable));
    let job = ask(&mut conn, &[b"QADMIN.CLEARJOB", b"q", b"TASK", b"bad", b"ALL", b"CONFIRM", b"q"]);
    let id = job.text("job_id");
    let ended = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
    assert_eq!(ended.int("deleted"), count(|(_, matches, _)| *matches));
    let left: Vec<Vec<u8>> = redis::cmd("LRANGE").arg("q").arg(0).arg(-1).query(&mut conn).expect("LRANGE");
    let kept: Vec<&Vec<u8>> =
        all.iter().rev().filter(|(_, matches, _)| !matches).map(|(message, ..)| message).collect();
    assert_eq!(left.iter().collect::<Vec<_>>(), kept);
}

/// One reply, parsed strictly by RESP2 or RESP3: no bytes left over, no undocumented type, and no duplicate
/// member of a map.
#[derive(Debug, PartialEq)]
enum Node {
    Bytes(Vec<u8>),
    Int(i64),
    Null,
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Error(String),
}

fn line<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n").expect("a line ends");
    let (line, rest) = bytes.split_at(end);
    *bytes = &rest[2..];
    assert!(!line.iter().any(|b| b"\r\n".contains(b)), "a line within a line");
    line
}

fn node(bytes: &mut &[u8]) -> Node {
    let head = line(bytes);
    let text = std::str::from_utf8(&head[1..]).expect("a head is text");
    let number = || text.parse::<i64>().unwrap_or_else(|_| panic!("{text:?} is no number"));
    match head[0] {
        b'-' => {
            assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text:?}");
            Node::Error(text.to_owned())
        }
        b':' => Node::Int(number()),
        b'_' => Node::Null,
        b'$' if number() == -1 => Node::Null,
        b'$' => {
            let (content, rest) = bytes.split_at(usize::try_from(number()).expect("a length"));
            *bytes = rest.strip_prefix(b"\r\n").expect("a bulk string ends");
            Node::Bytes(content.to_vec())
        }
        b'*' => Node::List((0..number()).map(|_| node(bytes)).collect()),
        b'%' => {
            let members: Vec<(Node, Node)> = (0..number()).map(|_| (node(bytes), node(bytes))).collect();
            for (at, (name, _)) in members.iter().enumerate() {
                assert!(matches!(name, Node::Bytes(_)), "a name: {name:?}");
                assert!(members[..at].iter().all(|(other, _)| other != name), "{name:?} twice");
            }
            Node::Map(members)
        }
        other => panic!("a reply of type {:?}", char::from(other)),
    }
}

fn strict(reply: &[u8]) -> Node {
    let mut rest = reply;
    let node = node(&mut rest);
    assert!(rest.is_empty(), "{} bytes after the reply", rest.len());
    node
}

/// Converts RESP3 to the form of RESP2: maps are flat lists.
fn flat(node: Node) -> Node {
    match node {
        Node::Map(members) => {
            Node::List(members.into_iter().flat_map(|(name, value)| [name, flat(value)]).collect())
        }
        Node::List(items) => Node::List(items.into_iter().map(flat).collect()),
        other => other,
    }
}

/// Returns the number of values. It does not differ from one reply to the next, unlike times and
/// measurements.
fn steady(node: &Node) -> usize {
    match node {
        Node::List(items) => 1 + items.iter().map(steady).sum::<usize>(),
        Node::Map(_) => panic!("flatten it first"),
        _ => 1,
    }
}

/// Checks how JSON shows bytes: as text and, if they are not text, also as the complete bytes.
fn check_json(map: &serde_json::Value, name: &str, bytes: &[u8]) {
    use base64::Engine as _;
    assert_eq!(map[name], String::from_utf8_lossy(bytes).into_owned(), "{name}");
    let twin = map.get(format!("{name}_b64")).map(|twin| {
        base64::engine::general_purpose::STANDARD.decode(twin.as_str().expect("text")).expect("base64")
    });
    let expected = std::str::from_utf8(bytes).is_err().then(|| bytes.to_vec());
    assert_eq!(twin, expected, "{name}_b64");
}

#[test]
fn replies_with_any_bytes_are_valid_in_every_protocol() {
    const ID: &str = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b0";
    let server = Server::start();
    let (mut two, mut three) = (server.raw(), server.raw());
    three.line("HELLO 3");
    for (n, evil) in EVIL.into_iter().enumerate() {
        // Fields of messages contain the same bytes, as far as JSON allows: raw, and escaped.
        let mut message = b"{\"headers\":{\"task\":\"bad\",\"id\":\"".to_vec();
        message.extend(evil.iter().filter(|b| !b"\"\\".contains(b) && **b >= 0x20));
        message.extend(b"\",\"x\":[\"\\u0000\\r\\n\\ud800\",\"");
        message.extend(evil.iter().filter(|b| **b >= 0x80));
        message.extend(b"\"],\"eta\":\"\\u0000%s%n\\r\\n\"},\"body\":\"!!!! no base64\",\"properties\":{\"body_encoding\":\"base64\"},\"content-type\":\"application/json\"}");
        two.call(&[b"LPUSH", evil, &message, b"no JSON \r\n"]);
        let id = format!("{ID}{n}");
        let fields: [&[u8]; 6] = [b"FIELDS", b"4", b"id", b"eta", b"headers.x", b"kwargs.a"];
        let preview = [&[b"QADMIN.PREVIEW", evil, b"TASK", b"bad", b"BUST"][..], &fields].concat();
        let start: [&[u8]; 13] = [
            b"QADMIN.CLEARJOB",
            evil,
            b"WHERE",
            b"task",
            b"!=",
            b"nobody",
            b"ALL",
            b"DRYRUN",
            b"ACTOR",
            evil,
            b"REASON",
            evil,
            b"ID",
        ];
        let start = [&start[..], &[id.as_bytes()]].concat();
        two.call(&start);
        two.call(&[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
        let commands: [Vec<&[u8]>; 8] = [
            preview,
            [&[b"QADMIN.STATS", evil, b"GROUPBY"][..], &fields[1..]].concat(),
            start,
            vec![b"QADMIN.STATUS", id.as_bytes(), b"QUEUE", evil],
            vec![b"QADMIN.CANCEL", id.as_bytes()],
            vec![b"QADMIN.CANCEL", b"ALL", b"QUEUE", evil],
            vec![b"QADMIN.JOBS", b"QUEUE", evil, b"COUNT", b"100"],
            vec![b"QADMIN.HELP"],
        ];
        for command in &commands {
            let verbose: &[&[u8]] = if command[0] == b"QADMIN.HELP" { &[] } else { &[b"VERBOSE"] };
            let command = &[command.as_slice(), verbose].concat();
            let (second, third) = (strict(&two.call(command)), strict(&three.call(command)));
            assert!(!matches!(second, Node::Error(_)), "{command:?}: {second:?}");
            assert_eq!(steady(&second), steady(&flat(third)), "{command:?}");
            if command[0] == b"QADMIN.HELP" {
                continue;
            }
            let as_json = [command.as_slice(), &[b"FORMAT", b"JSON"]].concat();
            let Node::Bytes(json) = strict(&two.call(&as_json)) else { panic!("{command:?}") };
            assert!(!json.iter().any(|b| *b < 0x20), "JSON of one line");
            let json: serde_json::Value = serde_json::from_slice(&json).expect("valid JSON");
            let maps = json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
            for map in &maps {
                check_json(map, "queue", evil);
                if map["kind"] == "clear" {
                    check_json(map, "actor", evil);
                    check_json(map, "reason", evil);
                }
            }
            if let Some(row) = json["sample"].get(0) {
                assert!(row["id"].is_string(), "{row}");
            }
        }
        // Text that is not a UUID is not an id: the reply is an error of one line, and no job starts.
        for bad in [evil, &b"6".repeat(1 << 20)] {
            let command: [&[u8]; 8] =
                [b"QADMIN.CLEARJOB", evil, b"TASK", b"a", b"ALL", b"DRYRUN", b"ID", bad];
            let Node::Error(error) = strict(&three.call(&command)) else { panic!("{bad:?}") };
            assert!(error.starts_with("ERR ") && error.len() < 500, "{error}");
            let Node::Error(error) = strict(&three.call(&[b"QADMIN.STATUS", bad])) else { panic!("{bad:?}") };
            assert!(error.starts_with("NOJOB ") && error.len() < 500, "{error}");
        }
        // It is not a word of any command either.
        for bad in [evil, &b"%s\r\n".repeat(1 << 18)] {
            let Node::Error(error) = strict(&two.call(&[b"QADMIN.PREVIEW", b"q", b"WHERE", bad, b"=", b"a"]))
            else {
                panic!("{bad:?}")
            };
            assert!(error.len() < 1_000, "{error}");
        }
    }
    // Megabytes in place of a name or a value are refused with the limit.
    let huge = b"x\0\xff\r\n".repeat(1 << 19);
    for command in [
        &[b"QADMIN.PREVIEW", &huge[..], b"TASK", b"a"][..],
        &[b"QADMIN.PREVIEW", b"q", b"TASK", &huge],
        &[b"QADMIN.CLEARJOB", b"q", b"TASK", b"a", b"ALL", b"CONFIRM", b"q", b"ACTOR", &huge],
        &[b"QADMIN.CLEARJOB", b"q", b"TASK", b"a", b"ALL", b"CONFIRM", b"q", b"REASON", &huge],
        &[b"QADMIN.CLEARJOB", b"q", b"TASK", b"a", b"ALL", b"CONFIRM", &huge],
        &[&b"QADMIN.CANCEL"[..], &huge],
    ] {
        let Node::Error(error) = strict(&two.call(command)) else { panic!("accepted") };
        assert!(error.len() < 1_000, "{error}");
    }
    let log = server.log();
    for entry in log.lines().filter(|entry| entry.contains("qadmin")) {
        // The format is `pid:role date level text`: a name with a line end in it did not begin a new line.
        assert!(entry.bytes().all(|b| (0x20..0x7f).contains(&b)), "{entry:?}");
        assert!(entry.split(':').next().is_some_and(|pid| pid.parse::<u32>().is_ok()), "{entry:?}");
    }
    assert!(log.lines().filter(|entry| entry.contains(" started: dry run")).count() == EVIL.len());
    // ACL LOG shows the key of a refused command unchanged.
    two.line("ACL SETUSER reader on nopass ~allowed +qadmin.status +@connection");
    three.line("AUTH reader x");
    let id = format!("{ID}0");
    assert!(
        matches!(strict(&three.call(&[b"QADMIN.STATUS", id.as_bytes()])), Node::Error(e) if e.starts_with("NOPERM"))
    );
    let log = two.call(&[b"ACL", b"LOG"]);
    strict(&log);
    let entry = String::from_utf8_lossy(&log);
    assert!(entry.contains("reader") && entry.contains("$1\r\n\0\r\n"), "{entry:?}");
    assert_eq!(two.line("PING"), "+PONG\r\n");
}

/// The largest element that a server accepts (`proto-max-bulk-len`).
#[test]
fn an_element_of_512_megabytes_is_previewed_and_cleared() {
    let server = Server::start();
    let mut conn = server.conn();
    let mut raw = server.raw();
    send(&mut conn, &[b"LPUSH", b"q", &message("bad"), &message("good")]).expect("LPUSH");
    let head = br#"{"headers":{"task":"bad","id":"large"},"body":""#;
    let mut large = Vec::with_capacity(512 << 20);
    large.extend_from_slice(head);
    large.resize((512 << 20) - 2, b'a');
    large.extend_from_slice(b"\"}");
    let command = format!("*3\r\n$5\r\nLPUSH\r\n$1\r\nq\r\n${}\r\n", large.len());
    raw.send(command.as_bytes()).expect("the server listens");
    raw.send(&large).expect("the server listens");
    raw.send(b"\r\n").expect("the server listens");
    assert_eq!(raw.reply().expect("a reply"), b":3\r\n");
    let bytes = i64::try_from(large.len()).expect("small");
    drop(large);
    send(&mut conn, &[b"LPUSH", b"q", &message("good"), &message("bad")]).expect("LPUSH");
    let start: [&[u8]; 6] = [b"QADMIN.CLEARJOB", b"q", b"TASK", b"bad", b"ALL", b"DRYRUN"];
    let id = ask(&mut conn, &start).text("job_id");
    let dry = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
    assert_eq!((dry.int("matched"), dry.int("undecodable")), (3, 0));
    assert!(dry.int("matched_bytes") > bytes);
    let shown = dry.rows("sample");
    assert_eq!(shown.iter().filter(|row| row.int("bytes") == bytes && row.text("id") == "large").count(), 1);
    let at_once = ask(&mut conn, &[b"QADMIN.PREVIEW", b"q", b"TASK", b"bad", b"NOCOUNT"]);
    assert!(!at_once.rows("sample").is_empty());
    let start: [&[u8]; 7] = [b"QADMIN.CLEARJOB", b"q", b"TASK", b"bad", b"ALL", b"CONFIRM", b"q"];
    let id = ask(&mut conn, &start).text("job_id");
    let ended = ask(&mut conn, &[b"QADMIN.STATUS", id.as_bytes(), b"WAIT", b"0"]);
    assert_eq!((ended.int("deleted"), ended.int("processed")), (3, 5));
    let left: Vec<Vec<u8>> = redis::cmd("LRANGE").arg("q").arg(0).arg(-1).query(&mut conn).expect("LRANGE");
    assert_eq!(left, [message("good"), message("good")]);
}
