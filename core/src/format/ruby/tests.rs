use crate::filter::filter_of as filter;
use crate::filter::{Distinct, Filter, GroupValue, Grouping, Matcher, Projection, group_values, parse_by};
use crate::kind::MessageKind;
use crate::reply::Reply;

/// Messages, and the names that Sidekiq's own pages show for them: recorded by tests/ruby/record_names.rb.
const RECORDED: &str = include_str!("recorded.jsonl");
/// Messages that Sidekiq 8.0.10 wrote with ActiveJob 7.1.5, followed by those of Sidekiq 7.3.9: queue, retry,
/// schedule and dead.
const NEWER: &str = include_str!("recorded78.jsonl");
/// Messages of Celery's.
const CELERY: &str = include_str!("../../filter/tests/celery.jsonl");
/// Every kind whose messages have no body.
const KINDS: [MessageKind; 2] = [MessageKind::Sidekiq, MessageKind::Resque];

/// Returns whether the message matches; `None` if that is unknown.
fn verdict(kind: MessageKind, words: &str, message: &str) -> Option<bool> {
    let verdict = Matcher::of(kind, &filter(words), None).examine(message.as_bytes());
    assert!(!verdict.undecodable, "{message}");
    if verdict.unreadable { None } else { Some(verdict.matched) }
}

fn row(kind: MessageKind, field: &str, message: &str) -> Reply {
    let mut projection = Projection::of(kind, &[field.as_bytes()]).expect("a field");
    projection.row(message.as_bytes()).remove(0).1
}

/// Returns the group in which STATS counts the message.
fn group(kind: MessageKind, field: &str, message: &str) -> (Reply, bool) {
    let grouping = Grouping::new(&[field.as_bytes()]).expect("a field");
    let mut matcher = Matcher::of(kind, &Filter::all(), Some(&grouping));
    assert!(matcher.examine(message.as_bytes()).matched);
    let mut key = Vec::new();
    let readable = matcher.group_key(message.as_bytes(), &mut key);
    let value = group_values(&key).next().unwrap_or(GroupValue::Null);
    (Reply::from(value), readable)
}

fn text(text: &str) -> Reply {
    Reply::Text(text.into())
}

fn recorded() -> Vec<(String, String)> {
    RECORDED.lines().map(|line| serde_json::from_str(line).expect("a recorded line")).collect()
}

#[test]
fn jobs_have_the_names_that_sidekiqs_pages_show_and_match_by_them() {
    let all = recorded();
    let names = [
        "UserMailer#welcome",
        "UserMailer#bye",
        "OldMailer#hello",
        "UserMailer.welcome",
        "Admin::Report.build!",
    ];
    for name in names {
        assert!(all.iter().any(|(recorded, _)| recorded == name), "{name}");
    }
    for (name, message) in &all {
        assert_eq!(row(MessageKind::Sidekiq, "task", message), text(name));
        assert_eq!(group(MessageKind::Sidekiq, "task", message), (text(name), true));
        for (other, _) in &all {
            let matched = verdict(MessageKind::Sidekiq, &format!("TASK {other}"), message);
            assert_eq!(matched, Some(name == other), "{other} on {message}");
        }
        // Sidekiq before version 6 did not write it; the call itself contains the same name.
        let bare = message.replace("display_class", "other");
        assert_eq!(row(MessageKind::Sidekiq, "task", &bare), text(name), "{bare}");
    }
    let mail = &all.iter().find(|(name, _)| name == "UserMailer#bye").expect("a mail").1;
    let is = |words: &str| verdict(MessageKind::Sidekiq, words, mail);
    assert_eq!(is("WHERE headers.wrapped = ActionMailer::MailDeliveryJob"), Some(true));
    assert_eq!(
        is("WHERE task = ActionMailer::MailDeliveryJob"),
        Some(false),
        "what no row shows matches nothing"
    );
    assert_eq!(is("WHERE args.3.params.user = 7 WHERE args.0 = UserMailer"), Some(true));
}

#[test]
fn messages_of_newer_versions_are_read() {
    let all: Vec<&str> = NEWER.lines().collect();
    let matching = |words: &str| {
        all.iter().filter(|message| verdict(MessageKind::Sidekiq, words, message) == Some(true)).count()
    };
    assert_eq!(all.len(), 10);
    for (words, count) in [
        ("TASK HardJob", 6),
        ("TASK OnceJob", 2),
        ("TASK AJ", 2),
        ("TASK AJ WHERE args.0 = 147107 WHERE args.1.amount = 5 WHERE routing_key = mailers", 1),
        ("WHERE headers.class = Sidekiq::ActiveJob::Wrapper", 2),
        ("WHERE retries = 0 WHERE headers.error_class = RuntimeError", 2),
        ("WHERE id EXISTS WHERE args.0 EXISTS", 10),
    ] {
        assert_eq!(matching(words), count, "{words}");
    }
}

#[test]
fn an_uncertain_name_is_unknown_and_the_class_is_shown() {
    let message = |yaml: &str| {
        format!(
            r#"{{"class":"Sidekiq::Extensions::DelayedModel","args":[{yaml}],"jid":"1","display_class":null}}"#
        )
    };
    for yaml in [r#""---\n- !ruby/object:User\n  id: 1\n- :welcome\n- []\n""#, "7", r#""\ud800""#] {
        let message = message(yaml);
        for words in
            ["TASK a", "WHERE task != a", "WHERE task MISSING", "WHERE task EXISTS", "WHERE task GLOB *"]
        {
            assert_eq!(verdict(MessageKind::Sidekiq, words, &message), None, "{words} on {message}");
        }
        assert_eq!(row(MessageKind::Sidekiq, "task", &message), Reply::Null);
        assert_eq!(group(MessageKind::Sidekiq, "task", &message), (Reply::Null, false));
        let class = "WHERE headers.class = Sidekiq::Extensions::DelayedModel WHERE id = 1";
        assert_eq!(verdict(MessageKind::Sidekiq, class, &message), Some(true));
    }
    // A mail whose first arguments are not names is shown with the class of its job, and matches that class.
    let odd = r#"{"class":"Sidekiq::ActiveJob::Wrapper","wrapped":"ActionMailer::MailDeliveryJob","args":[{"arguments":[1,"b"]}]}"#;
    assert_eq!(row(MessageKind::Sidekiq, "task", odd), text("ActionMailer::MailDeliveryJob"));
    assert_eq!(verdict(MessageKind::Sidekiq, "TASK ActionMailer::MailDeliveryJob", odd), Some(true));
    // Escapes are kept as they are written.
    let escaped = odd.replace("1,", r#""A\u00e9\"","#).replace("ActionMailer:", r"\u0041ctionMailer:");
    assert_eq!(row(MessageKind::Sidekiq, "task", &escaped), text("Aé\"#b"));
}

#[test]
fn jobs_of_activejob_are_known_without_the_member_wrapped() {
    let old = r#"{"class":"ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper","args":[{"job_class":"InvoiceJob","arguments":[7,"x"],"priority":3}],"jid":"1"}"#;
    assert_eq!(
        verdict(MessageKind::Sidekiq, "TASK InvoiceJob WHERE args.0 = 7 WHERE priority = 3", old),
        Some(true)
    );
    let mail = old.replace("InvoiceJob", "ActionMailer::DeliveryJob").replace("7,", "\"M\",");
    assert_eq!(row(MessageKind::Sidekiq, "task", &mail), text("M#x"));
    // Its own argument only resembles the object that ActiveJob passes.
    let own = old.replace("ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper", "Own");
    assert_eq!(
        verdict(MessageKind::Sidekiq, "TASK Own WHERE args.0.job_class = InvoiceJob", &own),
        Some(true)
    );
    let nothing = r#"{"class":"Sidekiq::ActiveJob::Wrapper","args":["x"],"jid":"1"}"#;
    assert_eq!(row(MessageKind::Sidekiq, "task", nothing), text("Sidekiq::ActiveJob::Wrapper"));
}

#[test]
fn an_encrypted_argument_is_unknown_and_those_before_it_are_not() {
    let job = r#"{"class":"Pay","args":[1,"a,b",{"c":[2,3]},"BAhvOh1TaWRla2lx"],"jid":"1","encrypt":true}"#;
    let is = |words: &str| verdict(MessageKind::Sidekiq, words, job);
    assert_eq!(is("WHERE args.0 = 1 WHERE args.1 = a,b WHERE args.2.c.1 = 3"), Some(true));
    assert_eq!(is("WHERE args.4 MISSING WHERE headers.args.0 = 1"), Some(true));
    assert_eq!(is("TASK Other WHERE args.3 = x"), Some(false));
    for field in ["args.3", "args.3.card", "headers.args.3", "headers.args"] {
        for test in ["= x", "!= x", "MISSING", "EXISTS", "GLOB *", "> 1"] {
            assert_eq!(is(&format!("WHERE {field} {test}")), None, "{field} {test}");
        }
        assert_eq!(row(MessageKind::Sidekiq, field, job), Reply::Null);
        assert_eq!(group(MessageKind::Sidekiq, field, job), (Reply::Null, false));
        let by = [parse_by(field.as_bytes()).expect("a field")];
        assert_eq!(Distinct::new(MessageKind::Sidekiq, &by).digest(job.as_bytes()), None);
    }
    for clear in ["\"encrypt\":false", "\"encrypt\":null", "\"other\":true"] {
        let job = job.replace("\"encrypt\":true", clear);
        assert_eq!(verdict(MessageKind::Sidekiq, "WHERE args.3 != x", &job), Some(true), "{clear}");
    }
    // The value is found by every name for it, also together with other paths to the same value.
    let two = r#"{"class":"Own","args":[{"arguments":[7,8],"job_class":"J"}],"jid":"1"}"#;
    let words =
        "WHERE args.0.arguments.0 = 7 WHERE headers.args.0.arguments.1 = 8 WHERE headers.args.0 EXISTS";
    assert_eq!(verdict(MessageKind::Sidekiq, words, two), Some(true));
    assert_eq!(verdict(MessageKind::Sidekiq, "WHERE args.0.arguments.0 = 7", two), Some(true));
    // Nothing of one message is kept for the next.
    let mut matcher = Matcher::of(MessageKind::Sidekiq, &filter("WHERE args.0 = 1"), None);
    let alone = job.replace("1,\"a,b\",{\"c\":[2,3]},", "");
    let clear = job.replace("true", "false");
    for (message, unreadable) in
        [(job, false), (&*alone, true), (&*clear, false), ("[]", false), (job, false)]
    {
        assert_eq!(matcher.examine(message.as_bytes()).unreadable, unreadable, "{message}");
    }
    // The content of an encrypted wrapper is unknown, too; the members beside it are known.
    let wrapped = r#"{"class":"Sidekiq::ActiveJob::Wrapper","wrapped":"Job","args":["BAhv"],"encrypt":true}"#;
    assert_eq!(verdict(MessageKind::Sidekiq, "TASK Job", wrapped), Some(true));
    for words in ["WHERE args.0 MISSING", "WHERE priority MISSING"] {
        assert_eq!(verdict(MessageKind::Sidekiq, words, wrapped), None, "{words}");
    }
}

#[test]
fn failures_of_resque_are_read_as_the_jobs_that_failed() {
    // Resque 3.0 recorded this failure.
    let failed = r#"{"failed_at":"2026/11/28 12:31:03 UTC","payload":{"class":"Archive","args":[666]},"exception":"RuntimeError","error":"no","backtrace":["rec_resque.rb:7:in `perform'"],"worker":"","queue":"mail"}"#;
    let is = |words: &str, message: &str| verdict(MessageKind::Resque, words, message);
    assert_eq!(is("TASK Archive WHERE args.0 = 666 WHERE routing_key = mail", failed), Some(true));
    assert_eq!(is("WHERE headers.exception = RuntimeError WHERE headers.error = no", failed), Some(true));
    assert_eq!(is("WHERE args.1 MISSING WHERE id MISSING", failed), Some(true));
    assert_eq!(row(MessageKind::Resque, "task", failed), text("Archive"));
    let wrapped = failed.replace("Archive", "ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper").replace(
        "666",
        r#"{"job_class":"InvoiceJob","job_id":"i","arguments":[7],"executions":2,"queue_name":"q"}"#,
    );
    let words = "TASK InvoiceJob WHERE id = i WHERE args.0 = 7 WHERE retries = 2 WHERE routing_key = q";
    assert_eq!(is(words, &wrapped), Some(true));
    // This is a job with its own class that has a member of that name.
    let own = r#"{"class":"Own","args":[],"payload":{"class":"Archive","args":[1]}}"#;
    assert_eq!(is("TASK Own WHERE args.0 MISSING", own), Some(true));
    // resque-scheduler writes jobs that run later like this.
    let delayed = r#"{"class":"Archive","args":[22],"queue":"mail"}"#;
    assert_eq!(is("TASK Archive WHERE routing_key = mail WHERE args.0 = 22", delayed), Some(true));
}

#[test]
fn a_celery_message_read_as_another_kind_has_no_fields() {
    let fields = [
        "headers.body",
        "headers.properties",
        "headers.headers",
        "headers.headers.kwargsrepr",
        "headers.content-type",
        "task",
        "id",
        "args.0",
        "kwargs.repoid",
        "priority",
        "routing_key",
        "retries",
        "group",
        "headers.nothing",
        "properties.priority",
        "eta",
    ];
    let celery: Vec<&str> = CELERY.lines().filter(|line| line.contains("\"body\"")).collect();
    assert!(celery.len() > 5);
    let bare = r#"{"body": "secret", "properties": {}}"#;
    for message in celery
        .into_iter()
        .chain([bare, r#"{"body": "secret", "content-type": "a", "class": "A", "args": []}"#])
    {
        for kind in KINDS {
            for field in fields {
                let is_text = !["priority", "retries", "eta", "properties.priority"].contains(&field);
                let tests = if is_text {
                    &["= x", "!= x", "EXISTS", "MISSING", "GLOB *", "> 0"][..]
                } else {
                    &["> 0", "MISSING"]
                };
                for test in tests {
                    let words = format!("WHERE {field} {test}");
                    assert_eq!(verdict(kind, &words, message), None, "{kind:?}: {words}");
                }
                assert_eq!(row(kind, field, message), Reply::Null, "{kind:?}: {field}");
                assert_eq!(group(kind, field, message), (Reply::Null, false), "{kind:?}: {field}");
                let by = [parse_by(field.as_bytes()).expect("a field")];
                assert_eq!(Distinct::new(kind, &by).digest(message.as_bytes()), None, "{kind:?}: {field}");
            }
            let size = format!("WHERE bytes = {} WHERE undecodable = 0", message.len());
            assert_eq!(verdict(kind, &size, message), Some(true));
        }
    }
    // A Sidekiq job can have a member of that name: without the other members of Celery's envelopes it is an
    // ordinary job.
    let own = r#"{"class":"A","args":[],"jid":"1","body":"x"}"#;
    assert_eq!(verdict(MessageKind::Sidekiq, "TASK A WHERE headers.body = x", own), Some(true));
}
