//! The login, which is required if the page is reachable from the network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use qadmin_harness::{Server, fill_examples, free_port};

use super::TARGET;
use crate::support::page::Page;
use crate::support::{at, program};

const TOKEN: &str = "a-token-of-some-length";

fn token_file(dir: &tempfile::TempDir, token: &str, mode: u32) -> String {
    let path = dir.path().join("token");
    fs::write(&path, format!("{token}\n")).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its rights");
    path.display().to_string()
}

#[test]
fn an_address_that_others_reach_wants_a_token() {
    let dir = tempfile::tempdir().expect("a folder");
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let run = at("redis://127.0.0.1:1", &["serve", "--listen", address]).ended(2);
        assert!(run.err.contains("--token-file"), "{run:?}");
    }
    at("redis://127.0.0.1:1", &["serve", "--listen", "nonsense"]).ended(2);
    for (token, mode, words) in [(TOKEN, 0o644, "chmod 600"), ("short", 0o600, "16 characters")] {
        let file = token_file(&dir, token, mode);
        let run =
            at("redis://127.0.0.1:1", &["serve", "--listen", "0.0.0.0:0", "--token-file", &file]).ended(2);
        assert!(run.err.contains(words), "{run:?}");
    }
    at("redis://127.0.0.1:1", &["serve", "--token-file", "/nonexistent"]).ended(2);
}

#[test]
fn without_the_token_nothing_is_shown_and_guessing_is_slow() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let dir = tempfile::tempdir().expect("a folder");
    let file = token_file(&dir, TOKEN, 0o600);
    let page = Page::start(&server.url(0), &["--token-file", &file]);
    for path in ["/api/queues", "/api/token", &format!("/api/preview?{TARGET}")] {
        page.get(path).with(401).json();
    }
    let there = page.get(&format!("/preview?{TARGET}")).with(303);
    let login = there.header("location").expect("a place").to_owned();
    assert!(login.starts_with("/login?back=%2Fpreview%3F"), "{login}");
    page.get(&login).with(200);
    page.post("/clear", "action=all").with(303);
    let wrong = page.post("/login", "token=wrong").with(403);
    assert_eq!(wrong.header("set-cookie"), None);

    let right = page.post("/login", &format!("token={TOKEN}&back=%2Fjobs")).with(303);
    assert_eq!(right.header("location"), Some("/jobs"));
    let cookie = right.header("set-cookie").expect("a cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let session = cookie.split(';').next().expect("a pair").to_owned();
    let get = |path: &str, session: &str| {
        page.say(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nCookie: other=1; {session}\r\n\r\n",
            page.place
        ))
    };
    assert_eq!(get("/api/preview?queue=celery&repoid=147107", &session).with(200).json()["match_count"], 62);
    get("/api/queues", "qadmin_session=").with(401);
    get("/api/queues", &format!("{session}0")).with(401);
    // A session is not enough for a change, because other pages can make the browser send it.
    page.post_with("/logout", "", &[("Cookie", &session)]).with(403);
    let csrf = get("/jobs", &session).with(200).hidden("csrf");
    page.post_with("/logout", &format!("csrf={csrf}"), &[("Cookie", &session)]).with(303);
    get("/api/queues", &session).with(401);
    // The login leads back to our own pages only.
    let led = page.post("/login", &format!("token={TOKEN}&back=%2F%2Fevil.example")).with(303);
    assert_eq!(led.header("location"), Some("/"));

    for _ in 0..9 {
        page.post("/login", "token=guess").with(403);
    }
    page.post("/login", "token=guess").with(429);
    page.post("/login", &format!("token={TOKEN}")).with(429);
}

#[test]
fn a_proxy_in_front_names_its_host() {
    let server = Server::start();
    let page = Page::start(&server.url(0), &["--allow-host", "queues.example"]);
    page.say("GET / HTTP/1.1\r\nHost: queues.example\r\n\r\n").with(200);
    page.say("GET / HTTP/1.1\r\nHost: other.example\r\n\r\n").with(403);
}

#[test]
fn a_socket_is_for_its_owner_and_is_removed_at_the_end() {
    let server = Server::start();
    let dir = tempfile::tempdir().expect("a folder");
    let socket = dir.path().join("page.sock");
    let listen = format!("unix:{}", socket.display());
    let start = || {
        let mut command = program(&server.url(0));
        command.args(["serve", "--listen", &listen]);
        Page::run(command)
    };
    let page = start();
    page.get("/api/queues").with(200);
    page.say("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").with(403);
    let mode = fs::metadata(&socket).expect("the socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A second program does not take the socket from the first.
    at(&server.url(0), &["serve", "--listen", &listen]).ended(1);
    page.get("/api/queues").with(200);
    // A killed program leaves its socket, which the next one replaces.
    drop(page);
    assert!(socket.exists());
    start().get("/api/queues").with(200);
}

#[test]
fn a_socket_is_its_owners_alone_from_the_first_moment() {
    let dir = tempfile::tempdir().expect("a folder");
    for turn in 0..5 {
        let socket = dir.path().join(turn.to_string());
        let first_seen = {
            let socket = socket.clone();
            std::thread::spawn(move || {
                loop {
                    if let Ok(metadata) = fs::metadata(&socket) {
                        return metadata.permissions().mode() & 0o777;
                    }
                }
            })
        };
        // With a umask that removes no permissions.
        let tool = program("redis://127.0.0.1:1");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "umask 0; exec \"$0\" serve --listen \"$1\"", env!("CARGO_BIN_EXE_qadmin")]);
        shell.arg(format!("unix:{}", socket.display())).stdin(std::process::Stdio::null());
        shell.envs(tool.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let _page = Page::run(shell);
        assert_eq!(first_seen.join().expect("it is seen"), 0o600);
    }
}

#[test]
fn a_port_that_is_in_use_is_reported() {
    let port = free_port().expect("a port");
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("the port");
    let run = at("redis://127.0.0.1:1", &["serve", "--listen", &format!("127.0.0.1:{port}")]).ended(1);
    assert!(run.err.contains("in use"), "{run:?}");
}
