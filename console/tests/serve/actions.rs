//! The three actions, and the permissions for them.

use qadmin_harness::eventually;
use serde_json::Value;

use super::{TARGET, depth, examples};
use crate::support::page::{Answer, Page};
use crate::support::{LONG, filled, slow, tell};

/// The page to which a form redirected, after its job has ended.
fn ended(page: &Page, started: &Answer) -> String {
    let to = started.header("location").expect("a place").to_owned();
    let query = to.split_once('?').expect("a query").1;
    eventually("the job ends", || {
        let status = page.get(&format!("/api/status?{query}")).with(200).json();
        !["pending", "running"].contains(&status["status"].as_str().expect("a status"))
    });
    page.get(&to).with(200).body
}

#[test]
fn a_dry_run_says_what_would_go() {
    let (server, page) = examples();
    let preview = page.get(&format!("/preview?{TARGET}&now=1"));
    let form = format!("csrf={}&id={}&action=dry_run&confirm=", preview.hidden("csrf"), preview.hidden("id"));
    let started = page.post(&format!("/clear?{TARGET}"), &form).with(303);
    let body = ended(&page, &started);
    assert!(body.contains("Would clear 61 of 61 matching messages"), "{body}");
    assert!(body.contains("jane"), "{body}");
    let form = format!("csrf={}&action=dry_run&count_error=TOOMANYJOBS+full", page.csrf());
    let body = ended(&page, &page.post(&format!("/clear?{TARGET}"), &form).with(303));
    assert!(body.contains("Would clear 61 messages (the count failed: TOOMANYJOBS full)"), "{body}");
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn a_clear_needs_the_typed_name_and_runs_once() {
    let (server, page) = examples();
    let preview = page.get(&format!("/preview?{TARGET}&now=1"));
    let (csrf, id) = (preview.hidden("csrf"), preview.hidden("id"));
    for wrong in ["", "&confirm=", "&confirm=celery2", "&confirm=Celery"] {
        let form = format!("csrf={csrf}&id={id}&action=all{wrong}");
        assert!(page.post(&format!("/clear?{TARGET}"), &form).with(400).body.contains("CONFIRM"));
        let error = page.post(&format!("/api/clear?{TARGET}"), &form).with(400).json();
        assert!(error["error"].as_str().is_some_and(|words| words.starts_with("CONFIRM")), "{error}");
    }
    page.post(&format!("/clear?{TARGET}"), &format!("csrf={csrf}&action=explode&confirm=celery")).with(400);
    assert_eq!(depth(&server), 1_051);
    let form = format!("csrf={csrf}&id={id}&action=keep_one&confirm=celery&reason=sent+twice&actor=joe");
    let started = page.post(&format!("/clear?{TARGET}"), &form).with(303);
    let body = ended(&page, &started);
    for part in [
        "Cleared 60 of 61 matching messages",
        "sent twice",
        "joe",
        "the message that runs as number 12",
        "Back to the preview",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert_eq!(depth(&server), 991);
    // The button is pressed twice.
    let again = page.post(&format!("/clear?{TARGET}"), &form).with(303);
    assert_eq!(again.header("location"), started.header("location"));
    assert_eq!(
        page.get("/api/jobs").json()["jobs"]
            .as_array()
            .expect("jobs")
            .iter()
            .filter(|job| job["kind"] == "clear")
            .count(),
        1
    );
    let kinds = page.get("/api/jobs?kind=clear").json()["jobs"].clone();
    assert!(kinds.as_array().is_some_and(|jobs| jobs.iter().all(|job| job["kind"] == "clear")), "{kinds}");
    let clears = page.get("/jobs?kind=clear").with(200).body;
    assert!(clears.contains("clear, keep one") && clears.contains("/jobs?kind=counts"), "{clears}");
    let jobs = page.get("/jobs").with(200).body;
    for part in ["clear, keep one", "completed", "joe", "sent twice"] {
        assert!(jobs.contains(part), "{part}: {jobs}");
    }
    let last = page.get(&format!("/preview?{TARGET}&now=1")).body;
    assert!(last.contains("The first 1 matching message"), "{last}");
}

#[test]
fn a_running_job_is_shown_and_cancelled() {
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    let target = "queue=celery&where=retries+%3D+0";
    let form = format!("csrf={}&action=all&confirm=celery", page.csrf());
    let started = page.post(&format!("/clear?{target}"), &form).with(303);
    let place = started.header("location").expect("a place").to_owned();
    let running = page.get(&place).with(200);
    for part in ["<progress", "data-url=\"/api/status?job=", "http-equiv=\"refresh\"", "Cancel"] {
        assert!(running.body.contains(part), "{part}: {running:?}");
    }
    let query = place.split_once('?').expect("a query").1;
    let cancel = format!("csrf={}", running.hidden("csrf"));
    let there = page.post(&format!("/cancel?{query}"), &cancel).with(303);
    let body = page.get(there.header("location").expect("a place")).with(200).body;
    assert!(body.contains("cancelled") && !body.contains("data-url"), "{body}");
    page.post("/api/cancel?job=00000000-0000-4000-8000-000000000000", &cancel).with(404);
}

#[test]
fn matches_are_moved_and_moved_back() {
    let (server, page) = examples();
    let csrf = page.csrf();
    let clear =
        |target: &str, form: &str| page.post(&format!("/clear?{target}"), &format!("csrf={csrf}&{form}"));
    let same = clear(TARGET, "action=all&confirm=celery&how=move&to_shown=celery").with(400).body;
    assert!(same.contains("other than the queue itself"), "{same}");
    // The form is there again, as it was sent.
    assert!(
        same.contains("name=\"to_shown\" value=\"celery\"") && same.contains("name=\"confirm\""),
        "{same}"
    );
    assert_eq!(depth(&server), 1_051);
    // A name that is not UTF-8 is typed in its escaped form.
    let form = "action=all&confirm=celery&how=move&to_shown=%5Cxff%5Cx5cparked";
    let body = ended(&page, &clear(TARGET, form).with(303));
    assert!(body.contains("Moved 61 of 61 matching messages to \\xff\\\\parked"), "{body}");
    let parked =
        || redis::cmd("LLEN").arg(&b"\xff\\parked"[..]).query::<u64>(&mut server.conn()).expect("LLEN");
    assert_eq!((depth(&server), parked()), (990, 61));
    assert!(body.contains("This job moved 61 messages to"), "{body}");
    let undo_of = |body: &str| {
        let form = body.split("action=\"/undo?").nth(1)?.split_once('"')?.0.replace("&amp;", "&");
        Some(form)
    };
    let action = undo_of(&body).expect("a form");
    assert!(action.ends_with("&queue=celery&list=%FF%5Cparked"), "{action}");
    let undo =
        |action: &str, form: &str| page.post(&format!("/undo?{action}"), &format!("csrf={csrf}&{form}"));
    let refused = undo(&action, "action=all&confirm=celery").with(400).body;
    assert!(refused.contains("Back to the job"), "{refused}");
    undo(&action, "confirm=celery").with(400);
    // Messages that others put into the list are kept there.
    redis::cmd("LPUSH").arg(&b"\xff\\parked"[..]).arg("theirs").exec(&mut server.conn()).expect("LPUSH");
    let body = ended(&page, &undo(&action, "action=dry_run").with(303));
    assert!(body.contains("Would move 61 messages from \\xff\\\\parked back to celery"), "{body}");
    assert!(undo_of(&body).is_none(), "a rehearsal is not undone: {body}");
    let body = ended(&page, &undo(&action, "action=all&confirm=%5Cxff%5C%5Cparked&front=1").with(303));
    assert!(
        body.contains("Moved 61 messages from \\xff\\\\parked back to celery; 1 left in the list"),
        "{body}"
    );
    assert!(undo_of(&body).is_none(), "an undo is not undone: {body}");
    assert_eq!((depth(&server), parked()), (1_051, 1));
    let undone =
        page.get(&format!("/job?{}", action.split("&list=").next().expect("the job"))).with(200).body;
    assert!(undone.contains("61 messages were moved back") && undo_of(&undone).is_none(), "{undone}");
    // Without a destination the job gets a list of its own; programs send park=1 and use the API for the undo.
    let body = ended(&page, &clear(TARGET, "action=all&confirm=celery&how=move&to_shown=").with(303));
    assert!(body.contains("Moved 61 of 61 matching messages to celery:parked:"), "{body}");
    let action = undo_of(&body).expect("a form");
    let list = action.split("&list=").nth(1).expect("a list").to_owned();
    let json = page.post(&format!("/api/undo?{action}"), &format!("csrf={csrf}&action=all&confirm={list}"));
    let json = json.with(200).json();
    assert_eq!(json["moved"], 61, "{json}");
    let url = json["status_url"].as_str().expect("an address").to_owned();
    eventually("the undo ends", || page.get(&url).with(200).json()["status"] == "completed");
    let form = format!("csrf={csrf}&action=dry_run&park=1");
    let own = page.post(&format!("/api/clear?{TARGET}"), &form).with(200).json();
    assert!(own["to"].as_str().is_some_and(|to| to.starts_with("celery:parked:")), "{own}");
    // The same for programs.
    let json = page
        .post(&format!("/api/clear?{TARGET}"), &format!("csrf={csrf}&action=all&confirm=celery&to=parked"));
    let url = json.with(200).json()["status_url"].as_str().expect("an address").to_owned();
    eventually("the move ends", || page.get(&url).with(200).json()["status"] == "completed");
    assert_eq!(page.get(&url).json()["to"], "parked");
    // The page offers no undo for deleted messages.
    let form = "action=all&confirm=celery&how=clear&to_shown=elsewhere";
    let body = ended(&page, &clear("queue=celery&task=app.tasks.notify.Notify", form).with(303));
    assert!(body.contains("Cleared 56 of 56") && !body.contains("id=\"undo\""), "{body}");
}

#[test]
fn a_job_is_held_by_whom_may() {
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    let csrf = page.csrf();
    let form = format!("csrf={csrf}&action=all&confirm=celery");
    let started = page.post("/clear?queue=celery&where=bytes+%3E+0", &form).with(303);
    let place = started.header("location").expect("a place").to_owned();
    let query = place.split_once('?').expect("a query").1.to_owned();
    let hold = |what: &str, more: &str| page.post(&format!("{what}?{query}"), &format!("csrf={csrf}{more}"));
    assert_eq!(hold("/pause", "").with(303).header("location"), Some(place.as_str()));
    let paused = page.get(&place).with(200).body;
    let form_of = |body: &str, what: &str| {
        let form = body
            .split(&format!("action=\"/{what}?"))
            .nth(1)
            .map(|rest| rest.split('>').next().unwrap_or_default());
        form.map(|tag| !tag.contains("hidden"))
    };
    assert_eq!(
        ["pause", "resume", "cancel", "throttle"].map(|what| form_of(&paused, what)),
        [Some(false), Some(true), Some(true), Some(true)],
        "{paused}"
    );
    assert_eq!(hold("/api/resume", "").with(200).json()["status"], "running");
    hold("/throttle", "&rate=500&duty=").with(303);
    assert!(page.get(&place).with(200).body.contains("at most 500 messages per second"));
    let shown = page.get(&place).with(200).body;
    assert!(shown.contains("name=\"rate_was\" value=\"500\""), "the rate in force: {shown}");
    // Another user throttles the job; a form that changes only the share does not change the rate.
    let id = place.split("job=").nth(1).expect("an id").split('&').next().expect("an id");
    tell(&mut server.conn(), &format!("QADMIN.THROTTLE {id} RATE 300"));
    hold("/throttle", "&rate=500&rate_was=500&duty=30&duty_was=").with(303);
    let status = || page.get(&format!("/api/status?job={id}&queue=celery")).with(200).json();
    assert_eq!((status()["rate"].clone(), status()["duty"].clone()), (300.into(), 30.into()));
    // Nothing was changed, so nothing is sent. An emptied field removes the limit.
    hold("/api/throttle", "&rate=500&rate_was=500&duty=30&duty_was=30").with(400);
    hold("/throttle", "&rate=&rate_was=300&duty=30&duty_was=30").with(303);
    assert_eq!((status()["rate"].clone(), status()["duty"].clone()), (Value::Null, 30.into()));
    for wrong in ["", "&rate=x", "&duty=101", "&rate=-1"] {
        hold("/api/throttle", wrong).with(400);
    }
    assert_eq!(hold("/api/throttle", "&rate=0&duty=5").with(200).json()["status"], "running");

    let mut conn = server.conn();
    let all = "+qadmin.status +qadmin.preview +qadmin.cancel +qadmin.pause +qadmin.resume +qadmin.throttle";
    tell(&mut conn, "ACL SETUSER viewer on >secret ~celery -@all +qadmin.status");
    tell(&mut conn, &format!("ACL SETUSER previewer on >secret ~celery -@all {all}"));
    tell(
        &mut conn,
        "ACL SETUSER canceller on >secret ~celery -@all +qadmin.status +qadmin.clearjob +qadmin.cancel",
    );
    for (user, may_cancel) in [("viewer", None), ("previewer", None), ("canceller", Some(true))] {
        let page = Page::start(&format!("redis://{user}:secret@127.0.0.1:{}", server.port()), &[]);
        let body = page.get(&place).with(200).body;
        assert_eq!(form_of(&body, "cancel"), may_cancel, "{user}: {body}");
        for what in ["pause", "resume", "throttle"] {
            assert_eq!(form_of(&body, what), None, "{user}: {body}");
        }
        page.post(&format!("/pause?{query}"), &format!("csrf={}", page.csrf())).with(403);
    }
    assert_eq!(hold("/api/cancel", "").with(200).json()["status"], "cancelled");
}

#[test]
fn a_user_without_permission_to_clear_sees_no_buttons() {
    let (server, _) = examples();
    tell(
        &mut server.conn(),
        "ACL SETUSER viewer on >secret %R~celery -@all +qadmin.preview +qadmin.status +qadmin.jobs",
    );
    let page = Page::start(&format!("redis://viewer:secret@127.0.0.1:{}", server.port()), &[]);
    let json = page.get(&format!("/api/preview?{TARGET}")).with(200).json();
    assert_eq!(json["match_count"], 61);
    assert!(json["clear_refusal"].as_str().is_some_and(|why| why.contains("lacks the permission")), "{json}");
    for how in ["now", "count_skipped"] {
        let body = page.get(&format!("/preview?{TARGET}&{how}=1")).with(200).body;
        assert!(!body.contains("name=\"action\"") && body.contains("may preview, but not clear"), "{body}");
    }
    let form = format!("csrf={}&action=all&confirm=celery", page.csrf());
    page.post(&format!("/clear?{TARGET}"), &form).with(403);
    let refused = page.post(&format!("/api/clear?{TARGET}"), &form).with(403).json();
    assert!(refused["error"].as_str().is_some_and(|why| why.contains("NOPERM")), "{refused}");
    page.get("/api/queues").with(403);
    page.get("/").with(403);
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn two_operators_start_two_jobs_that_together_take_every_match_once() {
    let (server, page) = examples();
    let other = Page::start(&server.url(0), &["--actor", "joe"]);
    let start = |page: &Page| {
        let form = format!("csrf={}&action=all&confirm=celery", page.csrf());
        page.post(&format!("/api/clear?{TARGET}"), &form).with(200).json()["status_url"]
            .as_str()
            .expect("an address")
            .to_owned()
    };
    let urls = [start(&page), start(&other)];
    let mut deleted = 0;
    for url in &urls {
        eventually("the job ends", || page.get(url).with(200).json()["status"] == "completed");
        deleted += page.get(url).json()["deleted"].as_u64().expect("a number");
    }
    assert_eq!((deleted, depth(&server)), (61, 990));
    let actors: Vec<Value> = page.get("/api/jobs").json()["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| job["actor"].clone())
        .collect();
    assert!(actors.contains(&"jane".into()) && actors.contains(&"joe".into()), "{actors:?}");
}

#[test]
fn unacknowledged_messages_are_never_moved_even_without_a_sample() {
    let (server, page) = examples();
    let message = r#"[{"headers":{"task":"t"},"body":"","properties":{}},"","celery"]"#;
    redis::pipe()
        .hset("unacked", "tag", message)
        .zadd("unacked_index", "tag", 1_700_000_000)
        .exec(&mut server.conn())
        .expect("the server takes them");
    for (about, moves) in [
        ("queue=unacked&task=t", false),
        ("queue=unacked&task=no.such.task", false),
        ("queue=celery&task=no.such.task", true),
    ] {
        let body = page.get(&format!("/preview?{about}&now=1")).with(200).body;
        assert_eq!(body.contains("id=\"how-move\""), moves, "{about}: {body}");
        assert_eq!(body.contains("type=\"hidden\" name=\"how\" value=\"clear\""), !moves, "{about}: {body}");
    }
}

#[test]
fn inexact_matches_are_moved_only_if_ticked_and_can_be_moved_back() {
    let (server, page) = examples();
    let filter = "where=content_type+%3D+application%2Fx-yaml&where=kwargs.repoid+EXISTS";
    let preview = page.get(&format!("/preview?queue=celery&{filter}&now=1"));
    assert!(preview.body.contains("<label class=\"option\" id=\"inexact\"><input"), "{}", preview.body);
    assert!(preview.body.contains("<strong>0</strong> of 1,051 messages match"), "{}", preview.body);
    assert!(preview.body.contains("Include <span id=\"inexact-count\">1 </span>more"), "{}", preview.body);
    let none = page.get(&format!("/preview?{TARGET}&now=1")).body;
    assert!(none.contains("<label class=\"option\" id=\"inexact\" hidden>"), "nothing to tick: {none}");
    let form = |more: &str| format!("csrf={}&action=all&{more}", page.csrf());
    let unticked = page.post(&format!("/clear?queue=celery&{filter}"), &form("confirm=celery&how=clear"));
    assert!(ended(&page, &unticked.with(303)).contains("Cleared 0 of 0 matching messages"));
    let ticked = form("confirm=celery&how=move&to_shown=celery%3Aparked&inexact=1");
    let body = ended(&page, &page.post(&format!("/clear?queue=celery&{filter}"), &ticked).with(303));
    assert_eq!(depth(&server), 1_050);
    let undo = body.split("action=\"/undo?").nth(1).expect("a form").split_once('"').expect("a quote").0;
    let undo = format!("/undo?{}", undo.replace("&amp;", "&"));
    ended(&page, &page.post(&undo, &form("confirm=celery%3Aparked")).with(303));
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn everything_that_a_clear_can_be_told_is_in_the_form() {
    let (server, page) = examples();
    let csrf = page.csrf();
    let status = |form: &str| {
        let answer =
            page.post(&format!("/api/clear?{TARGET}"), &format!("csrf={csrf}&action=dry_run&{form}"));
        let url = answer.with(200).json()["status_url"].as_str().expect("an address").to_owned();
        eventually("the job ends", || page.get(&url).with(200).json()["status"] != "running");
        page.get(&url).with(200).json()
    };
    let would = |form: &str| status(form)["would_delete"].as_u64().expect("a number");
    assert_eq!(would("keep=none"), 61);
    assert_eq!(would("keep=oldest"), 60);
    let newest = status("keep=newest");
    assert_eq!((&newest["would_delete"], &newest["keep"]), (&60.into(), &"newest".into()));
    let by = status("keep=by&by=kwargs.commitid%2C+task");
    assert!(by["would_delete"].as_u64().is_some_and(|n| n < 60), "{by}");
    assert_eq!(status("limit=7&rate=1000")["would_delete"], 7);
    assert_eq!(status("limit=7&rate=1000")["rate"], 1_000);
    assert_eq!(status("expect=61")["status"], "completed");
    assert!(status("expect=50")["error"].as_str().is_some_and(|why| why.starts_with("EXPECT")));
    assert_eq!(status("expect=50&tolerance=30")["status"], "completed");
    let front = status("how=move&to_shown=&front=1");
    assert_eq!((&front["front"], &front["parked"]), (&1.into(), &1.into()));
    for (wrong, words) in [
        ("keep=by", "name the fields"),
        ("keep=by&by=nothing", "unknown field"),
        ("keep=x", "keep must be"),
        ("limit=x", "limit must be a number"),
        ("rate=-1", "rate must be a number"),
        ("keep=newest&limit=3", "LIMIT"),
    ] {
        let form = format!("csrf={csrf}&action=dry_run&{wrong}");
        let error = page.post(&format!("/api/clear?{TARGET}"), &form).with(400).json();
        assert!(error["error"].as_str().is_some_and(|why| why.contains(words)), "{wrong}: {error}");
    }
    // On the page a refused form keeps what was typed.
    let form = format!(
        "csrf={csrf}&action=all&confirm=wrong&how=clear&keep=by&by=kwargs.commitid&limit=5&reason=%3Cb%3E&inexact=1"
    );
    let again = page.post(&format!("/clear?{TARGET}"), &form).with(400).body;
    for part in [
        "id=\"how-clear\" type=\"radio\" name=\"how\" value=\"clear\" checked",
        "id=\"keep-by\" type=\"radio\" name=\"keep\" value=\"by\" checked",
        "name=\"by\" value=\"kwargs.commitid\"",
        "name=\"limit\" type=\"number\" min=\"0\" inputmode=\"numeric\" value=\"5\"",
        "name=\"reason\" maxlength=\"1024\" value=\"&lt;b&gt;\"",
        "<details open>",
        "is not the name of queue",
    ] {
        assert!(again.contains(part), "{part}: {again}");
    }
    assert_eq!(depth(&server), 1_051);
}

#[test]
fn a_user_who_may_not_clear_reads_what_a_clear_would_do_and_what_is_missing() {
    let (server, _) = examples();
    let mut conn = server.conn();
    tell(&mut conn, "ACL SETUSER viewer on >secret %R~celery -@all +qadmin.preview +qadmin.status");
    let page = Page::start(&format!("redis://viewer:secret@127.0.0.1:{}", server.port()), &[]);
    let body = || page.get(&format!("/preview?{TARGET}&now=1")).with(200).body;
    let shown = body();
    assert!(shown.contains("would remove <strong>61 messages</strong>"), "{shown}");
    assert!(shown.contains("needs the permission +qadmin.clearjob"), "{shown}");
    assert!(!shown.contains("name=\"action\""), "{shown}");
    let json = page.get(&format!("/api/preview?{TARGET}")).with(200).json();
    assert!(json["clear_missing"].as_str().is_some_and(|why| why.contains("+qadmin.clearjob")), "{json}");
    tell(&mut conn, "ACL SETUSER viewer +qadmin.clearjob");
    assert!(body().contains("needs permission to read and write this key"), "{}", body());
    tell(&mut conn, "ACL SETUSER viewer ~celery");
    assert!(body().contains("name=\"action\""), "{}", body());
}
