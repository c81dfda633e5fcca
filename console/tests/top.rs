//! `qadmin top` at a terminal: what its screen shows, and what its keys do.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use qadmin_harness::{Server, fill_examples};
use redis::Commands as _;
use rexpect::process::Signal;
use rexpect::session::PtySession;

use crate::support::{QUEUE, at, filled, qadmin, rest, terminal_of};

/// Rows of the terminal.
const ROWS: u16 = 40;
/// Maximum time to wait for what is expected.
const PATIENCE: Duration = Duration::from_secs(60);
/// The task of the examples whose messages are moved.
const TASK: &str = "app.tasks.upload.Upload";

/// The program, and what its terminal shows.
struct Screen {
    session: PtySession,
    parser: vt100::Parser,
}

impl Screen {
    fn open(server: &Server, columns: u16, args: &[&str]) -> Self {
        let args = [&["top", "--every", "1"], args].concat();
        let session = terminal_of(&server.url(0), columns, &args, &[]);
        let size = |n: u16| NonZero::new(n).expect("a size");
        Self { session, parser: vt100::Parser::new(size(ROWS), size(columns), 0) }
    }

    fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// The text of the row that is shown inverted, which has the selection of the list with the focus.
    fn selected(&self) -> String {
        let screen = self.parser.screen();
        let (rows, columns) = screen.size();
        let row = (0..rows.get()).find(|row| screen.cell(*row, 0).is_some_and(vt100::Cell::inverse));
        row.map(|row| screen.contents_between(row, 0, row, columns.get())).unwrap_or_default()
    }

    /// Reads what the program writes until `fits` is true of the screen.
    fn until(&mut self, what: &str, fits: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        loop {
            while let Some(c) = self.session.try_read() {
                // A terminal of the tests gives each byte as one character.
                self.parser.process(&[u8::try_from(u32::from(c)).expect("a byte")]);
            }
            if fits(self) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {what}:\n{}", self.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn shows(&mut self, text: &str) {
        self.until(text, |screen| screen.text().contains(text));
    }

    fn press(&mut self, keys: &str) {
        self.session.send(keys).expect("typing");
        self.session.flush().expect("typing");
    }

    /// Goes to the groups and selects the one of this value.
    fn select(&mut self, value: &str) {
        self.shows(value);
        self.press("\t");
        self.until("a selected group", |screen| screen.selected().contains('%'));
        while !self.selected().contains(value) {
            let before = self.selected();
            self.press("j");
            self.until("the next group", |screen| screen.selected() != before);
        }
    }

    /// Ends the program by a key, and checks that the terminal is as it was.
    fn end(mut self, key: &str) {
        self.press(key);
        let (text, code) = rest(self.session);
        assert_eq!(code, 0, "{text}");
        self.parser.process(text.as_bytes());
        assert!(!self.parser.screen().alternate_screen(), "{text:?}");
        assert!(!self.parser.screen().hide_cursor(), "{text:?}");
    }
}

#[test]
fn the_screen_shows_queues_and_who_fills_them() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    for columns in [80, 120] {
        let mut screen = Screen::open(&server, columns, &[]);
        screen.shows(TASK);
        let text = screen.text();
        for part in ["1 queue, 1,051 messages", "Who fills celery: by task", "messages", "share", "? help"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(screen.selected().contains("celery"), "{text}");
        // What happens is seen without a key.
        let mut conn = server.conn();
        conn.rpush::<_, _, ()>("other", vec!["{}"; 2_000]).expect("RPUSH");
        screen.shows("2,000");
        conn.rpush::<_, _, ()>(QUEUE, vec!["{}"; 500]).expect("RPUSH");
        screen.shows("1,551");
        screen.shows("+");
        assert!(screen.selected().contains("celery"), "the selection stays: {}", screen.text());
        screen.press("?");
        screen.shows("it asks first, and can be undone");
        screen.press("?");
        conn.del::<_, ()>("other").expect("DEL");
        conn.ltrim::<_, ()>(QUEUE, 0, 1_050).expect("LTRIM");
        screen.until("one queue", |screen| screen.text().contains("1 queue, 1,051 messages"));
        screen.end(if columns == 80 { "q" } else { "\x03" });
    }
}

#[test]
fn a_group_is_previewed_and_parked_by_the_commands_of_the_program() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut screen = Screen::open(&server, 100, &[]);
    screen.shows(TASK);
    screen.press("m");
    screen.shows("Select a group first");
    screen.select(TASK);
    screen.press("p");
    screen.shows(&format!("$ qadmin preview --task {TASK} celery"));
    screen.shows("Press Enter");
    assert!(!screen.parser.screen().alternate_screen());
    let preview = screen.text();
    assert!(preview.contains("matches"), "{preview}");
    let matches = qadmin(&server, &["preview", QUEUE, "--task", TASK, "--json"]).ended(0).json();
    let matches = matches["match_count"].as_u64().expect("a count");
    screen.press("\r");
    screen.until("the queues", |screen| screen.selected().contains(TASK));
    // A wrong name moves nothing.
    for (name, said) in [("other", "Nothing was cleared."), (QUEUE, "matching messages to celery:parked:")] {
        screen.press("m");
        screen.shows("Type the name of the queue to clear it (celery): ");
        screen.press(&format!("{name}\r"));
        screen.shows(said);
        screen.shows("Press Enter");
        screen.press("\r");
        screen.until("the queues", |screen| screen.parser.screen().alternate_screen());
    }
    screen.shows("celery:parked:");
    screen.end("q");
    assert_eq!(server.conn().llen::<_, u64>(QUEUE).expect("LLEN"), 1_051 - matches);
    assert!(matches > 0);
}

#[test]
fn a_deep_queue_is_counted_by_a_key_and_then_by_its_index() {
    let server = Server::start();
    filled(&server, 12_000);
    let mut screen = Screen::open(&server, 100, &[]);
    screen.shows("Press g to count: the server reads 12,000 messages in slices.");
    screen.press("g");
    screen.shows(TASK);
    redis::cmd("QADMIN.INDEX")
        .arg(&["CREATE", QUEUE, "FIELDS", "1", "task"])
        .exec(&mut server.conn())
        .expect("an index");
    screen.shows("in/min");
    screen.press("g");
    // From now on the index answers without a key.
    server.conn().lpush::<_, _, ()>(QUEUE, r#"{"headers": {"task": "app.new"}, "body": ""}"#).expect("LPUSH");
    screen.shows("app.new");
    screen.end("q");
}

#[test]
fn the_selection_stays_with_its_group_and_early_keys_do_nothing() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = |task: &str| format!(r#"{{"headers": {{"task": "{task}"}}, "body": ""}}"#);
    redis::cmd("QADMIN.INDEX")
        .arg(&["CREATE", QUEUE, "FIELDS", "1", "task"])
        .exec(&mut conn)
        .expect("an index");
    conn.rpush::<_, _, ()>(QUEUE, vec![message("app.a"); 2]).expect("RPUSH");
    conn.rpush::<_, _, ()>(QUEUE, message("app.b")).expect("RPUSH");
    let mut screen = Screen::open(&server, 100, &[]);
    screen.select("app.a");
    conn.rpush::<_, _, ()>(QUEUE, vec![message("app.b"); 5]).expect("RPUSH");
    screen.until("the larger group above", |screen| {
        let text = screen.text();
        text.find("app.b").zip(text.find("app.a ")).is_some_and(|(b, a)| b < a)
    });
    assert!(screen.selected().contains("app.a"), "{}", screen.text());
    conn.ltrim::<_, ()>(QUEUE, 2, -1).expect("LTRIM");
    screen.until("no group", |screen| !screen.text().contains("app.a"));
    screen.press("m");
    screen.shows("Select a group first");
    // The second key was meant for the screen, which it has left by then.
    screen.press("j");
    screen.until("the group", |screen| screen.selected().contains("app.b"));
    screen.press("pd");
    screen.shows("Press Enter");
    screen.press("\r");
    screen.until("the queues", |screen| screen.selected().contains("app.b"));
    screen.press("?");
    screen.shows("it asks first, and can be undone");
    screen.press("d");
    screen.until("no help", |screen| !screen.text().contains("it asks first, and can be undone"));
    assert!(screen.parser.screen().alternate_screen(), "{}", screen.text());
    screen.end("q");
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_it_was() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut screen = Screen::open(&server, 100, &[]);
        screen.shows(TASK);
        screen.session.process_mut().signal(signal).expect("a signal");
        let (text, code) = rest(screen.session);
        assert_eq!(code, 0, "{signal}: {text}");
        screen.parser.process(text.as_bytes());
        assert!(!screen.parser.screen().alternate_screen(), "{signal}: {text:?}");
    }
}

#[test]
fn names_cannot_control_the_terminal() {
    let server = Server::start();
    let mut conn = server.conn();
    let message = r#"{"headers": {"task": "\u001b]0;owned\u0007x"}, "body": ""}"#;
    conn.rpush::<_, _, ()>(&b"q\x1b[2Jx\xff"[..], message).expect("RPUSH");
    let mut screen = Screen::open(&server, 100, &[]);
    screen.shows(r"q\x1b[2Jx\xff");
    screen.shows(r"\x1b]0;owned\x07x");
    screen.select(r"\x1b]0;owned\x07x");
    screen.press("p");
    screen.shows("Press Enter");
    let text = screen.text();
    assert!(text.contains("1 (100.0 %"), "{text}");
    screen.press("\r");
    screen.until("the queues", |screen| screen.parser.screen().alternate_screen());
    screen.end("q");
}

#[test]
fn a_server_that_is_gone_is_said_while_the_screen_stays() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut screen = Screen::open(&server, 100, &[]);
    screen.shows(TASK);
    drop(server);
    screen.shows("Trying again: no connection");
    assert!(screen.text().contains(TASK), "{}", screen.text());
    screen.end("q");
}

#[test]
fn a_small_terminal_shows_what_fits() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let mut screen = Screen::open(&server, 30, &[]);
    screen.shows("celery");
    screen.press("?");
    screen.shows("Keys");
    screen.end("q");
}

#[test]
fn without_a_terminal_or_a_server_it_ends_with_a_message() {
    let server = Server::start();
    let run = qadmin(&server, &["top"]).ended(2);
    assert!(run.err.contains("top needs a terminal"), "{run:?}");
    drop(server);
    at("redis://127.0.0.1:1", &["top"]).ended(2);
    let url = "redis://127.0.0.1:1";
    let (text, code) = rest(terminal_of(url, 100, &["top"], &[]));
    assert_eq!(code, 6, "{text}");
    assert!(!text.contains('\u{1b}'), "the screen is not taken: {text:?}");
}
