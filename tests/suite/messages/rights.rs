//! Who may see fields, and who may see a message whole.

use qadmin_harness::{Fields as _, Server};
use redis::Connection;

use super::{QUEUES, filled};
use crate::durability::tell;
use crate::stage::{later, set, slowly, until_waiting};
use crate::support::{ask, run};

fn user(server: &Server, rules: &str) -> Connection {
    tell(&mut server.conn(), &format!("ACL SETUSER someone reset on nopass {rules}"));
    let mut conn = server.conn();
    tell(&mut conn, "AUTH someone x");
    conn
}

fn may(conn: &mut Connection, line: &str) -> bool {
    match run(conn, line) {
        Ok(_) => true,
        Err(error) if error.code() == Some("NOPERM") => false,
        Err(error) => panic!("{line}: {error}"),
    }
}

const FIELDS: &str = "QADMIN.FIELDS celery";
const SHOW: &str = "QADMIN.SHOW celery id-3";

#[test]
fn the_right_to_preview_is_not_the_right_to_be_shown_a_message() {
    let (server, _admin) = filled();
    for (rules, fields, show) in [
        ("~celery +qadmin.preview +qadmin.stats +qadmin.status +qadmin.jobs", false, false),
        ("~celery +qadmin.fields", true, false),
        ("~celery +qadmin.show", false, true),
        ("%R~celery +qadmin.show +qadmin.fields", true, true),
        ("%W~celery +qadmin.show +qadmin.fields", false, false),
        ("~other +qadmin.show +qadmin.fields", false, false),
        ("~* +@all -qadmin.show", true, false),
        ("~* +@all", true, true),
    ] {
        let mut conn = user(&server, rules);
        assert_eq!((may(&mut conn, FIELDS), may(&mut conn, SHOW)), (fields, show), "{rules}");
    }
}

#[test]
fn categories_give_it_where_the_server_knows_those_of_modules() {
    let (server, mut admin) = filled();
    // Redis 7.0 ignores the categories of module commands.
    let knows = run(&mut admin, "ACL CAT qadmin").is_ok();
    let mut reader = user(&server, "~* -@all +@read");
    assert_eq!((may(&mut reader, FIELDS), may(&mut reader, SHOW)), (knows, false), "+@read");
    let mut careful = user(&server, "~* +@all -@dangerous");
    assert_eq!((may(&mut careful, FIELDS), may(&mut careful, SHOW)), (true, !knows), "-@dangerous");
    let mut dangerous = user(&server, "~* -@all +@dangerous");
    assert_eq!((may(&mut dangerous, FIELDS), may(&mut dangerous, SHOW)), (false, knows), "+@dangerous");
}

#[test]
fn the_keys_of_messages_need_the_right_too() {
    let (server, mut admin) = filled();
    for queue in QUEUES {
        let key = queue.key();
        let others: &[&str] = match queue.container {
            "lists" => &["%R~steps\u{6}\u{16}*"],
            "unacked" => &["%R~unacked_index"],
            "list_of_ids" | "sorted_set_of_ids" => match queue.kind {
                "dramatiq" => &["%R~dramatiq:uploads*.msgs"],
                "rq" => &["%R~rq:job:*"],
                "bullmq" => &["%R~bull:uploads:*"],
                "asynq" => &["%R~asynq:{uploads}:t:*"],
                _ => &["%R~saq:job:uploads:*"],
            },
            _ => &[],
        };
        for command in ["QADMIN.FIELDS", "QADMIN.SHOW"] {
            let more: &[&str] = if command == "QADMIN.SHOW" { &["id-3"] } else { &[] };
            let mut rules = vec![format!("%R~{key}"), format!("+{}", command.to_lowercase())];
            for is_complete in [others.is_empty(), true] {
                let mut setuser = redis::cmd("ACL");
                setuser.arg(&["SETUSER", "someone", "reset", "on", "nopass", "-@all"]).arg(&rules);
                setuser.exec(&mut admin).expect("ACL SETUSER");
                let mut conn = server.conn();
                tell(&mut conn, "AUTH someone x");
                let answer = queue.ask(&mut conn, command, more);
                match answer {
                    Ok(_) => assert!(is_complete, "{command} {:?} with {rules:?}", queue.words),
                    Err(error) => {
                        assert_eq!(
                            (error.code(), is_complete),
                            (Some("NOPERM"), false),
                            "{command} {:?} {error}",
                            queue.words
                        );
                    }
                }
                rules.extend(others.iter().map(|rule| (*rule).to_owned()));
            }
        }
    }
}

#[test]
fn a_right_that_is_lost_during_the_search_is_lost() {
    let (server, mut admin) = filled();
    crate::stage::filled(&server, "big", 30_000);
    set(&mut admin, &format!("sample-window 0 {}", slowly()));
    let last: String = {
        let shown = ask(&mut admin, "QADMIN.PREVIEW big TASK app.tasks.upload.Upload SAMPLE 0 NOCOUNT");
        assert_eq!(shown.int("depth"), 30_000);
        let message: String = redis::cmd("LINDEX").arg("big").arg(0).query(&mut admin).expect("LINDEX");
        let message: serde_json::Value = serde_json::from_str(&message).expect("JSON");
        message["headers"]["id"].as_str().expect("an id").to_owned()
    };
    tell(&mut admin, "ACL SETUSER someone reset on nopass ~* +qadmin.show");
    let mut conn = server.conn();
    tell(&mut conn, "AUTH someone x");
    let line = format!("QADMIN.SHOW big {last}");
    let waiting = std::thread::spawn(move || run(&mut conn, &line));
    until_waiting(&server, 1);
    tell(&mut admin, "ACL SETUSER someone -qadmin.show +qadmin.preview");
    set(&mut admin, "duty 100 slice-us 2000");
    let error = waiting.join().expect("a thread").expect_err("the right is lost");
    assert_eq!(error.code(), Some("NOPERM"), "{error}");
    // The same search by somebody who may.
    let shown = later(&server, format!("QADMIN.SHOW big {last}")).join().expect("a thread").expect("SHOW");
    assert_eq!(qadmin_harness::map(&shown).int("index"), -30_000);
}

#[test]
fn a_script_of_an_unknown_user_is_shown_nothing() {
    let (server, _admin) = filled();
    let script = "EVAL return(redis.pcall('QADMIN.SHOW','celery','id-3').err) 0";
    let mut anonymous = user(&server, "~* +qadmin.show +eval");
    let refused = crate::support::run(&mut anonymous, script).expect("the script's own reply");
    assert!(qadmin_harness::text(&refused).contains("NOPERM"), "{refused:?}");
    let mut known = user(&server, "~* +qadmin.show +eval +acl|whoami");
    let shown = run(&mut known, "EVAL return(redis.call('QADMIN.SHOW','celery','id-3')[4]) 0");
    assert_eq!(shown.map(|id| qadmin_harness::text(&id)), Ok("id-3".into()));
}
