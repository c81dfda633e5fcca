//! Settings: their sources, their values, and that they are kept.

use qadmin_harness::{Server, eventually, module_path, text};
use redis::Connection;

use crate::support::run;

/// Names, defaults and ranges as documented.
const TABLE: [(&str, i64, i64, i64); 12] = [
    ("inline-limit", 200_000, 0, 1_000_000_000),
    ("inline-wait", 2_000, 0, 60_000),
    ("cache-ttl", 60, 0, 86_400),
    ("job-lock-ttl", 300, 0, 86_400),
    ("job-ttl", 86_400, 60, 2_592_000),
    ("sample-window", 2_000, 0, 100_000),
    ("slice-us", 500, 50, 100_000),
    ("duty", 50, 1, 100),
    ("max-jobs", 16, 2, 64),
    ("audit-maxlen", 10_000, 0, 10_000_000),
    ("index-max-memory", 67_108_864, 65_536, 68_719_476_736),
    ("index-audit", 3_600, 0, 2_592_000),
];

/// The settings that are words.
const KIND: &str = "qadmin.default-kind";
const PICKLE: &str = "qadmin.pickle";
/// The settings that are texts.
const TEXTS: [&str; 4] = ["qadmin.sep", "qadmin.priority-steps", "qadmin.index", "qadmin.sample-fields"];

/// Returns the names and values of the numbers of `CONFIG GET qadmin.*`, sorted.
fn all(conn: &mut Connection) -> Vec<(String, i64)> {
    let reply = run(conn, "CONFIG GET qadmin.*").expect("CONFIG GET");
    let mut found: Vec<_> = qadmin_harness::map(&reply)
        .into_iter()
        .filter(|(name, _)| ![KIND, PICKLE].contains(&name.as_str()) && !TEXTS.contains(&name.as_str()))
        .map(|(name, value)| (name, text(&value).parse().expect("a number")))
        .collect();
    found.sort();
    found
}

fn get(conn: &mut Connection, name: &str) -> i64 {
    let found = all(conn);
    let name = format!("qadmin.{name}");
    found.into_iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn every_setting_has_its_documented_default() {
    let server = Server::start();
    let mut expected: Vec<_> =
        TABLE.iter().map(|(name, default, ..)| (format!("qadmin.{name}"), *default)).collect();
    expected.sort();
    assert_eq!(all(&mut server.conn()), expected);
}

#[test]
fn every_setting_takes_its_range_and_nothing_beyond() {
    let server = Server::start();
    let mut conn = server.conn();
    for (name, _, min, max) in TABLE {
        for value in [min, max] {
            run(&mut conn, &format!("CONFIG SET qadmin.{name} {value}")).expect(name);
            assert_eq!(get(&mut conn, name), value);
        }
        for wrong in [(min - 1).to_string(), (max + 1).to_string(), "x".into(), "1.5".into()] {
            let error = run(&mut conn, &format!("CONFIG SET qadmin.{name} {wrong}")).expect_err(&wrong);
            assert!(error.to_string().contains(&format!("qadmin.{name}")), "{error}");
            assert_eq!(get(&mut conn, name), max, "a refused value changes nothing");
        }
    }
}

#[test]
fn load_arguments_are_taken_in_any_case_and_order() {
    let server = Server::builder().module_args("DUTY 80 slice-us 300 Max-Jobs 2").start();
    let mut conn = server.conn();
    for (name, value) in [("duty", 80), ("slice-us", 300), ("max-jobs", 2), ("cache-ttl", 60)] {
        assert_eq!(get(&mut conn, name), value, "{name}");
    }
}

#[test]
fn every_boundary_is_a_load_argument() {
    for edge in [|row: &(&str, i64, i64, i64)| row.2, |row: &(&str, i64, i64, i64)| row.3] {
        let args: Vec<String> = TABLE.iter().map(|row| format!("{} {}", row.0, edge(row))).collect();
        let server = Server::builder().module_args(&args.join(" ")).start();
        for row in &TABLE {
            assert_eq!(get(&mut server.conn(), row.0), edge(row), "{}", row.0);
        }
    }
}

#[test]
fn wrong_load_arguments_keep_the_server_from_starting_and_say_why() {
    // The words are listed at their places in the order of the settings.
    let names =
        TABLE.map(|row| row.0).join(", ").replace("index-max", "default-kind, index-max") + ", pickle";
    let unknown = format!(
        "unknown setting \"speed\"; qadmin takes pairs of name and value: {names}, sep, priority-steps, index"
    );
    for (args, sentence) in [
        ("speed 9", unknown.as_str()),
        ("duty", "setting duty needs a value"),
        ("duty 50 slice-us", "setting slice-us needs a value"),
        ("duty 50 DUTY 60", "setting duty is given twice; give it once"),
        ("duty 0", "setting duty must be an integer from 1 to 100 (percent), got \"0\""),
        ("duty 101", "setting duty must be an integer from 1 to 100 (percent), got \"101\""),
        ("duty x", "setting duty must be an integer from 1 to 100 (percent), got \"x\""),
        ("duty -1", "setting duty must be an integer from 1 to 100 (percent), got \"-1\""),
        ("slice-us 49", "setting slice-us must be an integer from 50 to 100000 (microseconds), got \"49\""),
        ("max-jobs 1", "setting max-jobs must be an integer from 2 to 64 (jobs), got \"1\""),
        ("priority-steps 0,x", "setting priority-steps must be 1 to 16 different numbers"),
        ("sep 12345678901234567", "setting sep must be 1 to 16 bytes"),
        ("index a@arq", "setting index must name a kind of messages after @, got \"a@arq\""),
        ("pickle maybe", "setting pickle must be no or yes, got \"maybe\""),
        (
            "default-kind rq",
            "setting default-kind must be celery, sidekiq, resque, laravel, taskiq or huey, got \"rq\"",
        ),
        ("job-ttl 59", "setting job-ttl must be an integer from 60 to 2592000 (seconds), got \"59\""),
    ] {
        let words = Server::builder().module_args(args).try_start().expect_err(args);
        assert!(words.contains(sentence), "{args}: {words}");
        assert!(words.contains("Can't load module"), "{args}: {words}");
    }
}

/// In redis.conf the server itself checks names and ranges, and its own errors report problems.
#[test]
fn a_wrong_setting_in_redis_conf_prevents_the_start() {
    for (line, sentence) in [
        ("qadmin.duty 101", "qadmin.duty : argument must be between 1 and 100 inclusive"),
        ("qadmin.speed 9", "Module Configuration"),
    ] {
        let words = Server::builder().module().config(line).try_start().expect_err(line);
        assert!(words.contains(sentence), "{line}: {words}");
    }
}

#[test]
fn the_configuration_file_overrides_load_arguments_and_defaults() {
    let server = Server::builder().module_args("duty 80 slice-us 300").config("qadmin.duty 70").start();
    let mut conn = server.conn();
    assert_eq!(get(&mut conn, "duty"), 70);
    assert_eq!(get(&mut conn, "slice-us"), 300);
    assert_eq!(get(&mut conn, "cache-ttl"), 60);
}

#[test]
fn settings_that_were_rewritten_survive_a_restart() {
    let mut server = Server::builder().module_args("duty 80 slice-us 300").start();
    let mut conn = server.conn();
    run(&mut conn, "CONFIG SET qadmin.duty 33 qadmin.cache-ttl 7").expect("CONFIG SET");
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.restart();
    let mut conn = server.conn();
    for (name, value) in [("duty", 33), ("cache-ttl", 7), ("slice-us", 300)] {
        assert_eq!(get(&mut conn, name), value, "{name}");
    }
    // This restores the built-in default although a load argument has another value.
    run(&mut conn, "CONFIG SET qadmin.duty 50").expect("CONFIG SET");
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.restart();
    assert_eq!(get(&mut server.conn(), "duty"), 50);
}

#[test]
fn loadex_takes_settings_and_arguments() {
    let server = Server::plain();
    let mut conn = server.conn();
    let module = module_path().expect("the module is built");
    let load =
        |conn: &mut Connection, rest: &str| run(conn, &format!("MODULE LOADEX {} {rest}", module.display()));
    for (refused, sentence) in [
        ("ARGS duty 0", "setting duty must be an integer from 1 to 100 (percent), got \"0\""),
        ("CONFIG qadmin.duty 101", "qadmin.duty : argument must be between 1 and 100 inclusive"),
        ("CONFIG qadmin.speed 1", "configurations were not applied"),
    ] {
        load(&mut conn, refused).expect_err(refused);
        eventually("the log says why", || server.log().contains(sentence));
        // Some servers have built-in modules, such as the engine of their scripts.
        let modules = format!("{:?}", run(&mut conn, "MODULE LIST").expect("MODULE LIST"));
        assert!(!modules.contains("qadmin"), "{refused}: {modules}");
    }
    load(&mut conn, "CONFIG qadmin.duty 44 CONFIG qadmin.cache-ttl 3 ARGS duty 55 slice-us 111")
        .expect("LOADEX");
    for (name, value) in [("duty", 44), ("cache-ttl", 3), ("slice-us", 111), ("max-jobs", 16)] {
        assert_eq!(get(&mut conn, name), value, "{name}");
    }
}

#[test]
fn the_kind_of_messages_is_a_word() {
    let mut server = Server::builder().module_args("default-kind Sidekiq").start();
    let kind = |conn: &mut Connection| {
        text(&qadmin_harness::map(&run(conn, "CONFIG GET qadmin.default-kind").expect("CONFIG GET"))[0].1)
    };
    let mut conn = server.conn();
    assert_eq!(kind(&mut conn), "sidekiq");
    for wrong in ["rq", "1", "3"] {
        run(&mut conn, &format!("CONFIG SET {KIND} {wrong}")).expect_err(wrong);
        assert_eq!(kind(&mut conn), "sidekiq");
    }
    run(&mut conn, &format!("CONFIG SET {KIND} resque")).expect("CONFIG SET");
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.restart();
    assert_eq!(kind(&mut server.conn()), "resque");
    run(&mut server.conn(), &format!("CONFIG SET {KIND} celery")).expect("CONFIG SET");
    run(&mut server.conn(), "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.restart();
    assert_eq!(kind(&mut server.conn()), "celery", "against a load argument that says otherwise");
}

fn text_of(conn: &mut Connection, name: &str) -> Vec<u8> {
    let reply = run(conn, &format!("CONFIG GET {name}")).expect("CONFIG GET");
    redis::from_redis_value(qadmin_harness::map(&reply)[0].1.clone()).expect("bytes")
}

#[test]
fn texts_are_checked_kept_and_rewritten() {
    let mut server = Server::builder().module_args("priority-steps 0,5").start();
    let mut conn = server.conn();
    assert_eq!(text_of(&mut conn, TEXTS[0]), b"\x06\x16");
    assert_eq!(text_of(&mut conn, TEXTS[1]), b"0 5");
    for (name, wrong) in [
        (0, &b""[..]),
        (0, &[b'x'; 17]),
        (0, b"a\0b"),
        (0, b"a\"b"),
        (0, b"\\"),
        (1, b""),
        (1, b"1 1"),
        (1, b"256"),
        (1, b"a"),
    ] {
        let set: redis::RedisResult<()> =
            redis::cmd("CONFIG").arg("SET").arg(TEXTS[name]).arg(wrong).query(&mut conn);
        let error = set.expect_err("refused").to_string();
        assert!(
            error.contains(TEXTS[name].trim_start_matches("qadmin.")) && error.contains("must"),
            "{error}"
        );
    }
    assert_eq!(text_of(&mut conn, TEXTS[0]), b"\x06\x16", "a refused value changes nothing");
    let hostile = b"%s\r\n\xff\xe4\xb8\x80' ";
    for (name, value) in [(TEXTS[0], &hostile[..]), (TEXTS[1], b"9 0 255")] {
        let () = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query(&mut conn).expect("CONFIG SET");
    }
    run(&mut conn, "CONFIG REWRITE").expect("CONFIG REWRITE");
    server.restart();
    let mut conn = server.conn();
    assert_eq!(text_of(&mut conn, TEXTS[0]), hostile);
    assert_eq!(text_of(&mut conn, TEXTS[1]), b"9 0 255");
}
