//! The content of pages and JSON.

use qadmin_harness::{Server, eventually, fill_examples};
use serde_json::Value;

use super::{TARGET, examples};
use crate::support::page::Page;
use crate::support::{LONG, filled, slow, target, tell};

#[test]
fn the_preview_is_there_without_a_word_to_redis() {
    // No server listens on that port, and the page is still served.
    let page = Page::start("redis://127.0.0.1:1", &[]);
    let skeleton = page.get(&format!("/preview?{TARGET}")).with(200).body;
    for part in [
        "Messages of celery",
        "Counting ...",
        "Matching messages:",
        "Trust the filter, skip the count",
        "<fieldset id=\"locked\" disabled>",
    ] {
        assert!(skeleton.contains(part), "{part}: {skeleton}");
    }
    assert!(
        skeleton.contains("value=\"app.tasks.upload.Upload\"") && skeleton.contains("value=\"147107\""),
        "{skeleton}"
    );
    // A browser without scripts is redirected.
    assert!(
        skeleton.contains("<noscript><meta http-equiv=\"refresh\" content=\"0;url=/preview?queue=celery"),
        "{skeleton}"
    );
    let queue = page.get("/queue?queue=celery").with(200).body;
    assert!(
        queue.contains("Who fills it: by task") && queue.contains("/api/stats?queue=celery&amp;by=task"),
        "{queue}"
    );
    assert!(!queue.contains("by=repoid") && !queue.contains("by=commitid"), "{queue}");
    page.get("/preview?queue=celery").with(303);
    // An invalid filter is reported at once.
    page.get("/preview?queue=celery&repoid=x").with(400);
    page.get("/preview?queue=celery&where=retries+%3D+1+BUST").with(400);
    page.get("/preview?repoid=1").with(400);
}

#[test]
fn json_says_what_the_server_says_and_where_a_job_stands() {
    let (_server, page) = examples();
    let json = page.get(&format!("/api/preview?{TARGET}&sample=2")).with(200).json();
    assert_eq!(
        (&json["match_count"], &json["depth"], &json["unreadable"]),
        (&61.into(), &1_051.into(), &1.into())
    );
    assert_eq!((&json["status_url"], &json["clear_refusal"]), (&Value::Null, &Value::Null));
    assert_eq!(json["sample"].as_array().map(Vec::len), Some(2));
    let queues = page.get("/api/queues").with(200).json();
    assert_eq!(
        (&queues["queues"][0]["queue"], &queues["queues"][0]["depth"]),
        (&"celery".into(), &1_051.into())
    );
    for (path, status, words) in [
        ("/api/preview?queue=celery", 400, "at least one condition"),
        ("/api/preview?repoid=1", 400, "a queue is required"),
        ("/api/preview?queue=celery&repoid=x", 400, "number"),
        ("/api/preview?queue=celery&where=retries+%3D+x", 400, "retries must be an integer"),
        ("/api/preview?queue=celery&where=nothing+EXISTS", 400, "unknown field"),
        ("/api/status?job=x", 400, "job must be an id"),
        ("/api/status?job=00000000-0000-4000-8000-000000000000", 404, "NOJOB"),
        ("/api/nothing", 404, "no such page"),
    ] {
        let error = page.get(path).with(status).json()["error"].as_str().expect("words").to_owned();
        assert!(error.contains(words), "{path}: {error}");
    }
}

#[test]
fn a_page_without_a_script_has_the_count_too() {
    let (_server, page) = examples();
    let now = page.get(&format!("/preview?{TARGET}&now=1")).with(200).body;
    for part in [
        "<strong>61</strong> of 1,051 messages match 5.8 %",
        "1 message cannot be read",
        "Showing first 20 of 61 matching messages",
        "dde6b29f-933d-427b-8075-4b73baa546ff",
        "value=\"all\"",
    ] {
        assert!(now.contains(part), "{part}: {now}");
    }
    assert!(!now.contains(" disabled"), "{now}");
    let skipped = page.get(&format!("/preview?{TARGET}&count_skipped=1")).with(200).body;
    for part in [
        "<h2 id=\"sample-heading\">Matching messages:</h2>",
        "Not counted.",
        "dde6b29f-933d-427b-8075-4b73baa546ff",
        "value=\"all\"",
    ] {
        assert!(skipped.contains(part), "{part}: {skipped}");
    }
    assert!(!skipped.contains("<progress") && !skipped.contains(" disabled"), "{skipped}");
    page.get("/preview?queue=celery&where=nothing+EXISTS&count_skipped=1").with(400);
    let none = page.get("/preview?queue=celery&repoid=1&now=1").with(200).body;
    assert!(none.contains("No message matches."), "{none}");
}

#[test]
fn counts_of_a_queue_link_to_previews() {
    let (_server, page) = examples();
    let json = page.get("/api/stats?queue=celery&by=task&top=2").with(200).json();
    assert_eq!((&json["groups"][0]["count"], &json["status_url"]), (&134.into(), &Value::Null));
    let body = page.get("/stats?queue=celery&by=repoid").with(200).body;
    for part in [
        "1,051 messages in 461 groups",
        "<a href=\"/preview?queue=celery&amp;where=kwargs.repoid%20%3D%20147107\">147107</a>",
        "others",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
    let body = page.get("/stats?queue=celery&by=commitid").with(200).body;
    assert!(body.contains("where=kwargs.commitid%20MISSING\">none</a>"), "{body}");
    // By several fields: each row leads to the messages of all its values.
    let body = page.get("/stats?queue=celery&by=task%2C+kwargs.repoid&by=retries").with(200).body;
    assert!(body.contains("celery</a> by task, kwargs.repoid, retries"), "{body}");
    let link = "/preview?queue=celery&amp;task=app.tasks.upload.Upload&amp;where=kwargs.repoid%20%3D%20147107&amp;where=retries%20%3D%200";
    assert!(body.contains(link), "{body}");
    let whole = page.get(&format!("{}&now=1", link.replace("&amp;", "&"))).with(200).body;
    assert!(whole.contains("of 1,051 messages match") && !whole.contains("<strong>0</strong>"), "{whole}");
    // The groups of a filter keep the filter.
    let body = page.get(&format!("/stats?{TARGET}&by=kwargs.commitid")).with(200).body;
    assert!(
        body.contains("61 messages in")
            && body.contains("task=app.tasks.upload.Upload&amp;repoid=147107&amp;where="),
        "{body}"
    );
    page.get("/api/stats?queue=celery&by=nothing").with(400);
    page.get("/api/stats?by=task").with(400);
    page.get("/stats?queue=celery&by=nothing").with(400);
}

#[test]
fn the_rows_of_the_form_lead_to_an_address_that_can_be_shared() {
    let (_server, page) = examples();
    let form = "queue=celery&as=&priority=&join=and&field=task&op=%3D&value=app.tasks.upload.Upload&join=and\
                &field=kwargs.repoid&op=IN&value=147107+%22x+y%22&join=or&field=retries&op=%3E%3D&value=9&join=and&field=&op=%3D&value=";
    let sent = page.get(&format!("/preview?{form}&inexact=1")).with(303);
    let wanted = "/preview?queue=celery&where=task%20%3D%20app.tasks.upload.Upload&where=kwargs.repoid%20IN%202%20147107%20%22x%20y%22\
                  %20OR%20retries%20%3E%3D%209&inexact=1";
    assert_eq!(sent.header("location"), Some(wanted));
    let body = page.get(&format!("{wanted}&now=1")).with(200).body;
    assert!(body.contains("<strong>61</strong> of 1,051 messages match"), "{body}");
    // The rows are there again, and one empty row after them.
    assert!(
        body.contains("value=\"147107 &quot;x y&quot;\"") && body.contains("<option value=\"or\" selected>"),
        "{body}"
    );
    assert_eq!(body.matches("name=\"field\"").count(), 4, "{body}");
    // A row that is wrong is shown with the reason, and nothing is sent to the server.
    for (wrong, words) in [
        ("field=task&op=%3D&value=", "a value is missing after task ="),
        ("field=&op=%3D&value=lost", "a field is missing before the value lost"),
        ("field=task&op=LIKE&value=x", "the operator of the condition on task is unknown"),
        ("field=nothing&op=%3D&value=1", "unknown field"),
    ] {
        let mut answer = page.get(&format!("/preview?queue=celery&{wrong}"));
        if answer.status == 303 {
            let place = answer.header("location").expect("a place").to_owned();
            answer = page.get(&format!("{place}&now=1"));
        }
        let body = answer.with(400).body;
        assert!(body.contains(words), "{wrong}: {body}");
    }
    // Conditions that no field of a form can hold stay texts.
    let bytes = page.get("/preview?queue=celery&where=task+%3D+%22%5Cxff%22&now=1").with(200).body;
    assert!(bytes.contains("name=\"where\" value=\"task = &quot;\\xff&quot;\""), "{bytes}");
}

#[test]
fn fields_for_suggestions_are_asked_for_and_can_be_missing() {
    let (server, page) = examples();
    let json = page.get("/api/fields?queue=celery").with(200).json();
    assert!(json["fields"].is_array(), "{json}");
    page.get("/api/fields").with(400);
    let body = page.get("/queue?queue=celery").with(200).body;
    assert!(body.contains("<datalist id=\"fields\"><option value=\"task\">"), "{body}");
    drop(server);
}

#[test]
fn a_deep_queue_is_counted_by_a_job_that_can_be_followed() {
    let server = slow();
    let matches = filled(&server, 3_000);
    let page = Page::start(&server.url(0), &[]);
    let target = target();
    let target = format!("queue=celery&task={}&repoid={}", target[1], target[3]);
    let json = page.get(&format!("/api/preview?{target}")).with(200).json();
    assert_eq!((&json["mode"], &json["match_count"]), (&"job".into(), &Value::Null));
    assert!(!json["sample"].as_array().expect("a sample").is_empty(), "the sample is there at once");
    let url = json["status_url"].as_str().expect("an address").to_owned();
    let waiting = page.get(&format!("/preview?{target}&now=1")).with(200).body;
    assert!(
        waiting.contains("Counting 3,000 messages") || waiting.contains("of 3,000 messages match"),
        "{waiting}"
    );
    tell(&mut server.conn(), "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    eventually("the count is there", || page.get(&url).with(200).json()["status"] == "completed");
    assert_eq!(page.get(&url).json()["matched"], matches);
    let now = page.get(&format!("/preview?{target}&now=1")).with(200).body;
    assert!(now.contains(&format!("<strong>{matches}</strong> of 3,000 messages match")), "{now}");
}

#[test]
fn a_failed_count_shows_no_number_and_permits_the_clear() {
    let server = slow();
    filled(&server, LONG);
    let page = Page::start(&server.url(0), &[]);
    let json = page.get("/api/preview?queue=celery&where=retries+%3D+0").with(200).json();
    let job = json["job_id"].as_str().expect("a job").to_owned();
    std::thread::scope(|scope| {
        // The job runs while the page is rendered, so it is cancelled first to make the result certain.
        scope.spawn(|| tell(&mut server.conn(), &format!("QADMIN.CANCEL {job}")));
    });
    assert_eq!(page.get(&format!("/api/status?job={job}")).with(200).json()["status"], "cancelled");
    // With max-jobs live there is no room for another count.
    tell(&mut server.conn(), "CONFIG SET qadmin.max-jobs 2");
    page.get("/api/preview?queue=celery&where=retries+%3D+0").with(200);
    let failed = page.get("/preview?queue=celery&where=retries+%3D+1&now=1").with(200).body;
    assert!(failed.contains("The count failed: TOOMANYJOBS"), "{failed}");
    assert!(
        !failed.contains("<strong>0</strong>")
            && failed.contains("value=\"all\"")
            && !failed.contains(" disabled"),
        "{failed}"
    );
}

#[test]
fn lost_server_is_reported_and_reconnected() {
    let mut server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let page = Page::start(&server.url(0), &[]);
    page.get("/api/queues").with(200);
    server.kill9();
    for path in ["/api/queues", "/api/jobs", &format!("/api/preview?{TARGET}")] {
        let error = page.get(path).with(502).json()["error"].as_str().expect("words").to_owned();
        assert!(error.contains("no connection to 127.0.0.1"), "{error}");
    }
    assert!(page.get("/").with(502).body.contains("no connection to"));
    page.get(&format!("/preview?{TARGET}")).with(200);
    server.start_again();
    page.get("/api/queues").with(200);
    page.get("/").with(200);
}

#[test]
fn a_server_without_the_module_is_reported() {
    let server = Server::plain();
    let page = Page::start(&server.url(0), &[]);
    let error = page.get(&format!("/api/preview?{TARGET}")).with(502).json()["error"]
        .as_str()
        .expect("words")
        .to_owned();
    assert!(error.contains("the module qadmin is not loaded"), "{error}");
    assert!(page.get("/").with(502).body.contains("MODULE LOADEX"));
}

#[test]
fn nothing_of_a_message_becomes_markup() {
    let server = Server::start();
    let evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\" autofocus onfocus=\"alert(1)\u{202e}\u{1b}[2J";
    let message = serde_json::json!({
        "body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"task": evil, "id": evil, "lang": "py", "retries": 0, "kwargsrepr": evil},
        "properties": {"body_encoding": "base64", "delivery_tag": "x"}
    });
    let queue = format!("q{evil}");
    let _: i64 =
        redis::cmd("LPUSH").arg(&queue).arg(message.to_string()).query(&mut server.conn()).expect("LPUSH");
    let page = Page::start(&server.url(0), &[]);
    let encoded: String = queue.bytes().map(|b| format!("%{b:02x}")).collect();
    let evil_encoded: String = evil.bytes().map(|b| format!("%{b:02x}")).collect();
    let form = format!(
        "csrf={}&action=all&confirm={encoded}&reason={evil_encoded}&actor={evil_encoded}",
        page.csrf()
    );
    let preview = format!("/preview?queue={encoded}&where=retries+%3D+0");
    let mut pages = vec![
        page.get("/"),
        page.get(&preview),
        page.get(&format!("{preview}&now=1")),
        page.get(&format!("/preview?queue={encoded}&where={evil_encoded}")),
    ];
    let started = page.post(&format!("/clear?queue={encoded}&where=retries+%3D+0"), &form).with(303);
    let job = started.header("location").expect("a place").to_owned();
    pages.push(page.get(&format!("{job}&count_error={evil_encoded}")));
    pages.push(page.get("/jobs"));
    pages.push(page.get(&format!("/jobs?queue={encoded}")));
    pages.push(page.get(&format!("/login?back={evil_encoded}")));
    pages.push(page.post(&format!("/clear?queue={encoded}&where={evil_encoded}"), &form));
    let mut shown = 0;
    for answer in pages {
        let body = &answer.body;
        for raw in ["<script>alert", "<img", "\" autofocus onfocus"] {
            assert!(!body.contains(raw), "{raw}: {answer:?}");
        }
        shown += body.matches("&lt;script&gt;alert(1)").count();
    }
    assert!(shown >= 8, "the names are shown, as text: {shown}");
    let api = page.get(&format!("/api/jobs?queue={encoded}")).with(200);
    assert_eq!(api.json()["jobs"][0]["reason"], evil);
}

#[test]
fn a_name_that_is_not_text_survives_every_page() {
    let server = Server::start();
    let _: i64 = redis::cmd("LPUSH").arg(&b"\xffq"[..]).arg("{}").query(&mut server.conn()).expect("LPUSH");
    let page = Page::start(&server.url(0), &[]);
    assert!(page.get("/").with(200).body.contains("href=\"/queue?queue=%FFq\">\\xffq</a>"));
    let target = "queue=%ffq&where=bytes+%3D+2";
    assert!(
        page.get(&format!("/preview?{target}&now=1"))
            .with(200)
            .body
            .contains("/clear?queue=%FFq&amp;where=bytes%20%3D%202")
    );
    // A form contains the name in its escaped form.
    assert!(page.get("/queue?queue=%ffq").with(200).body.contains("name=\"shown\" value=\"\\xffq\""));
    assert!(
        page.get("/preview?shown=%5Cxffq&where=bytes+%3D+2").with(200).body.contains("queue=%FFq&amp;where")
    );
    // The escaped form is typed.
    let form = format!("csrf={}&action=all&confirm=%5Cxffq", page.csrf());
    let started = page.post(&format!("/api/clear?{target}"), &form).with(200).json();
    let url = started["status_url"].as_str().expect("an address").to_owned();
    eventually("the clear is through", || page.get(&url).with(200).json()["deleted"] == 1);
}

#[test]
fn priority_lists_are_found_by_the_separator_of_the_server() {
    let server = Server::start();
    let mut conn = server.conn();
    redis::cmd("CONFIG").arg(&["SET", "qadmin.sep", "::"]).exec(&mut conn).expect("CONFIG SET");
    for (list, messages) in [("q", 2), ("q::3", 1), ("q\u{6}\u{16}3", 1)] {
        for id in 0..messages {
            let message = format!(r#"{{"headers":{{"task":"t","id":"{list}-{id}"}},"body":""}}"#);
            redis::cmd("LPUSH")
                .arg(list)
                .arg(message.replace(['\u{6}', '\u{16}'], ""))
                .exec(&mut conn)
                .expect("LPUSH");
        }
    }
    let page = Page::start(&server.url(0), &[]);
    let json = page.get("/api/preview?queue=q%3A%3A3&task=t").with(200).json();
    assert_eq!((&json["queue_of_list"], &json["other_priorities_depth"]), (&"q".into(), &2.into()));
    let all = json["lists_url"].as_str().expect("an address").to_owned();
    assert_eq!(all, "/preview?queue=q&task=t&priority=all");
    // The page without a script has the same link, and it leads there.
    let list = page.get("/preview?queue=q%3A%3A3&task=t&now=1").with(200).body;
    assert!(list.contains(&format!("<a href=\"{}\">all lists</a>", all.replace('&', "&amp;"))), "{list}");
    let whole = page.get(&format!("{all}&now=1")).with(200).body;
    assert!(whole.contains("<strong>3</strong> of 3 messages match"), "{whole}");
    // A list whose name has another separator is a queue of its own.
    let other = page.get("/api/preview?queue=q%06%163&task=t").with(200).json();
    assert_eq!(
        (&other["queue_of_list"], &other["lists_url"]),
        (&Value::Null, &"/preview?queue=q%06%163&task=t&priority=all".into())
    );
}
