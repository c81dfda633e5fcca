//! At a terminal: questions, the progress bar, Ctrl-C, colours.

use qadmin_harness::{Fields as _, Server, fill_examples};
use redis::Commands as _;

use crate::support::{
    LONG, QUEUE, about, filled, job, live_job, qadmin, rest, slow, target, tell, terminal, terminal_with,
};

#[test]
fn a_clear_shows_count_and_sample_and_needs_the_typed_name() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut session = terminal(&server, &about("clear", &target(), &["--all"]));
    let shown = session.exp_string("Type the name of the queue to clear it (celery): ").expect("a question");
    for word in [
        "61 (5.8 %, 83.8 kB)",
        "The first 5 of 61 matching messages:",
        "dde6b29f",
        "! 1 message cannot be read",
        "This clears 61 of 1,051 messages.",
    ] {
        assert!(shown.contains(word), "{word}: {shown:?}");
    }
    session.send_line("celery2").expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 3, "{after}");
    assert!(after.contains("Nothing was cleared."), "{after}");
    let depth = || server.conn().llen::<_, u64>(QUEUE).expect("LLEN");
    assert_eq!(depth(), 1_051);

    let mut session = terminal(&server, &about("clear", &target(), &["--all", "--to", "celery:parked"]));
    let shown = session.exp_string("(celery): ").expect("a question");
    assert!(shown.contains("This moves 61 of 1,051 messages to celery:parked."), "{shown}");
    session.send_line("celery:parked").expect("typing");
    assert_eq!(rest(session).1, 3);
    assert_eq!(depth(), 1_051);

    let mut session = terminal(&server, &about("clear", &target(), &["--keep-one"]));
    let shown = session.exp_string("(celery): ").expect("a question");
    assert!(
        shown.contains("This clears 60 of 1,051 messages and keeps the match that runs next."),
        "{shown}"
    );
    session.send_line("celery").expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("Cleared 60 of 61 matching messages."), "{after}");
    assert_eq!(depth(), 991);

    // Only one match is left, so there is nothing to clear.
    let (after, code) = rest(terminal(&server, &about("clear", &target(), &["--keep-one"])));
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("There is nothing to clear."), "{after}");
}

#[test]
fn inexact_matches_are_confirmed_before_they_are_cleared() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let clear = |more: &[&'static str]| {
        let closed = ["--where", "content_type = application/x-yaml"];
        let args = ["clear", QUEUE, "--where", "kwargs.repoid EXISTS"];
        [&args[..], &closed[..], &["--all"], more].concat()
    };
    let (after, code) = rest(terminal(&server, &clear(&[])));
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("There is nothing to clear."), "{after}");
    assert!(after.contains("CLEARJOB takes them only with INEXACT"), "{after}");
    let mut session = terminal(&server, &clear(&["--inexact"]));
    let shown = session.exp_string("(celery): ").expect("a question");
    assert!(shown.contains("This clears 1 of 1,051 messages."), "{shown}");
    session.send_line("celery").expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("Cleared 1 of 1 matching message."), "{after}");
    assert_eq!(server.conn().llen::<_, u64>(QUEUE).expect("LLEN"), 1_050);
}

#[test]
fn the_end_of_input_and_ctrl_c_do_not_confirm() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    for (key, code) in [('d', 3), ('c', 130)] {
        let mut session = terminal(&server, &about("clear", &target(), &["--all"]));
        session.exp_string("(celery): ").expect("a question");
        session.send_control(key).expect("typing");
        let (after, ended) = rest(session);
        assert_eq!(ended, code, "{after}");
    }
    assert_eq!(server.conn().llen::<_, u64>(QUEUE).expect("LLEN"), 1_051);
}

#[test]
fn a_clear_is_possible_with_a_skipped_or_failed_count() {
    let server = slow();
    let matches = filled(&server, LONG);
    let mut session = terminal(&server, &about("clear", &target(), &["--all", "--skip-count"]));
    let shown = session.exp_string("(celery): ").expect("a question");
    assert!(shown.contains("not counted") && shown.contains("Their number is not known."), "{shown}");
    session.send_line("no").expect("typing");
    assert_eq!(rest(session).1, 3);

    let mut session = terminal(&server, &about("clear", &target(), &["--all"]));
    let mut conn = server.conn();
    let count = live_job(&mut conn);
    tell(&mut conn, &format!("QADMIN.CANCEL {count}"));
    let shown = session.exp_string("(celery): ").expect("a question");
    assert!(shown.contains("unknown, the count failed:"), "{shown}");
    tell(&mut conn, "CONFIG SET qadmin.duty 100 qadmin.slice-us 20000");
    session.send_line(QUEUE).expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 0, "{after}");
    assert_eq!(server.conn().llen::<_, u64>(QUEUE).expect("LLEN"), LONG - matches);
}

#[test]
fn ctrl_c_asks_and_the_job_is_watched_on_left_or_cancelled() {
    let server = slow();
    filled(&server, LONG);
    let mut conn = server.conn();
    let mut session = terminal(&server, &about("clear", &target(), &["--all", "--yes", QUEUE]));
    session.exp_string("job ").expect("the id");
    let id = live_job(&mut conn);
    tell(&mut conn, &format!("QADMIN.PAUSE {id}"));
    // The progress bar with its queue.
    session.exp_string("celery [").expect("a bar");
    session.exp_regex(r"matched [0-9,]+  cleared [0-9,]+").expect("counts");
    session.send_control('c').expect("typing");
    session.exp_string("[l]eave it running, [c]ancel it, or keep [w]atching?").expect("a question");
    session.send_line("what?").expect("typing");
    session.exp_string("[w]atching?").expect("asked again");
    session.send_line("w").expect("typing");
    session.exp_string("celery [").expect("the bar again");
    session.send_control('c').expect("typing");
    session.exp_string("[w]atching?").expect("a question");
    session.send_line("l").expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 130, "{after}");
    assert!(after.contains(&format!("qadmin watch {id}")), "{after}");
    assert_eq!(qadmin(&server, &["status", &id, "--json"]).json()["status"], "paused");

    let mut session = terminal(&server, &["watch", &id]);
    session.exp_string("celery [").expect("a bar");
    session.send_control('c').expect("typing");
    session.exp_string("[w]atching?").expect("a question");
    // A second Ctrl-C is an answer, too: the job keeps running.
    session.send_control('c').expect("typing");
    assert_eq!(rest(session).1, 130);
    assert_eq!(qadmin(&server, &["status", &id, "--json"]).json()["status"], "paused");

    let mut session = terminal(&server, &["watch", &id]);
    session.exp_string("celery [").expect("a bar");
    session.send_control('c').expect("typing");
    session.exp_string("[w]atching?").expect("a question");
    session.send_line("c").expect("typing");
    let (after, code) = rest(session);
    assert_eq!(code, 4, "{after}");
    assert!(after.contains("cancelled"), "{after}");
    assert_eq!(job(&mut conn, &id).text("status"), "cancelled");
}

#[test]
fn a_watch_outlives_a_restart_of_the_server() {
    let mut server = slow();
    filled(&server, LONG);
    let mut conn = server.conn();
    let mut session = terminal(&server, &about("clear", &target(), &["--all", "--yes", QUEUE]));
    session.exp_string("job ").expect("the id");
    let id = live_job(&mut conn);
    tell(&mut conn, &format!("QADMIN.PAUSE {id}"));
    session.exp_string("celery [").expect("a bar");
    server.kill9();
    session.exp_string("connection lost, trying again").expect("words");
    server.start_again();
    let (after, code) = rest(session);
    assert_eq!(code, 4, "{after}");
    assert!(after.contains("interrupted"), "{after}");
}

#[test]
fn only_terminals_get_colours_and_no_color_disables_them() {
    let server = Server::start();
    qadmin(&server, &["clear", QUEUE, "--repoid", "1", "--all", "--yes", QUEUE]).ended(0);
    let (coloured, _) = rest(terminal(&server, &["jobs"]));
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
    let (plain, _) = rest(terminal_with(&server, &["jobs"], &[("NO_COLOR", "1")]));
    assert!(plain.contains("completed") && !plain.contains("\u{1b}["), "{plain:?}");
    let (dumb, _) = rest(terminal_with(&server, &["jobs"], &[("TERM", "dumb")]));
    assert!(dumb.contains("completed") && !dumb.contains("\u{1b}["), "{dumb:?}");
    let empty = rest(terminal_with(&server, &["jobs"], &[("NO_COLOR", "")])).0;
    assert!(empty.contains("\u{1b}["), "an empty NO_COLOR says nothing: {empty:?}");
}

#[test]
fn quiet_draws_no_bar() {
    let server = slow();
    filled(&server, 2_000);
    let (text, code) = rest(terminal(&server, &about("preview", &target(), &["--quiet"])));
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("celery ["), "{text:?}");
}

#[test]
fn an_undo_shows_its_messages_and_needs_the_name_of_the_list() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let moved = ["--all", "--to", "celery:parked", "--yes", QUEUE];
    let moved = qadmin(&server, &about("clear", &target(), &moved)).ended(0);
    let id = moved.err.trim().strip_prefix("job ").expect("the job is named").to_owned();
    redis::cmd("RPOP").arg("celery:parked").arg(11).exec(&mut server.conn()).expect("RPOP");
    let mut session = terminal(&server, &["undo", &id]);
    let shown = session.exp_string("(celery:parked): ").expect("a question");
    assert!(shown.contains("moved 61 messages to celery:parked. 50 of them are still there."), "{shown}");
    session.send_line("celery").expect("typing");
    let (after, code) = rest(session);
    assert!(code == 3 && after.contains("Nothing was moved back."), "{after}");
    let mut session = terminal(&server, &["undo", &id, "--front"]);
    let shown = session.exp_string("(celery:parked): ").expect("a question");
    assert!(shown.contains("before the messages in it"), "{shown}");
    session.send_line("celery:parked").expect("typing");
    let (after, code) = rest(session);
    assert!(code == 0 && after.contains("Moved 50 messages from celery:parked back to celery"), "{after}");
}
