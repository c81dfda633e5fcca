//! Clients that do not complete requests, and the end of the program.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::{TARGET, examples};
use crate::support::page::Page;
use crate::support::program;

/// A request that is never completed.
fn begins(page: &Page, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(&page.place).expect("it listens");
    stream.write_all(request.replace("PLACE", &page.place).as_bytes()).expect("it reads");
    stream
}

const HALF_A_HEAD: &str = "GET / HTTP/1.1\r\nHost: PLACE\r\nX-More: ";
const HALF_A_FORM: &str = "POST /clear?queue=q HTTP/1.1\r\nHost: PLACE\r\nContent-Length: 100\r\n\r\ncsrf=";

#[test]
fn unfinished_requests_do_not_lock_out_other_clients() {
    let (_server, page) = examples();
    let mut held = Vec::new();
    for at in 0..700 {
        held.push(begins(&page, ["", HALF_A_HEAD, HALF_A_FORM][at % 3]));
        if at % 100 == 0 {
            page.get("/api/token").with(200);
        }
    }
    page.get(&format!("/api/preview?{TARGET}")).with(200);
    page.get("/").with(200);
    // The oldest connections were closed for new ones.
    let mut rest = Vec::new();
    if held[1].read_to_end(&mut rest).is_ok() {
        assert!(rest.is_empty(), "an answer to half a request");
    }
}

#[test]
fn connections_with_unfinished_requests_are_closed() {
    let (_server, page) = examples();
    let mut head = begins(&page, HALF_A_HEAD);
    let mut form = begins(&page, HALF_A_FORM);
    let mut nothing = begins(&page, "");
    let mut idle = begins(&page, "GET /api/token HTTP/1.1\r\nHost: PLACE\r\n\r\n");
    let end_of = |stream: &mut TcpStream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("the end of the connection");
        String::from_utf8(bytes).expect("UTF-8")
    };
    // Each reads until the page closes the connection.
    assert!(!end_of(&mut head).contains("200 OK"));
    assert_eq!(end_of(&mut nothing), "");
    assert!(end_of(&mut form).starts_with("HTTP/1.1 408 "));
    assert!(end_of(&mut idle).contains("\"csrf\""));
}

#[test]
fn the_program_ends_despite_unfinished_requests() {
    for signal in ["-TERM", "-INT"] {
        let (_server, page) = examples();
        let held: Vec<_> = (0..50).map(|at| begins(&page, ["", HALF_A_HEAD, HALF_A_FORM][at % 3])).collect();
        page.get("/api/token").with(200);
        let sent = Command::new("kill").args([signal, &page.id().to_string()]).status().expect("kill");
        assert!(sent.success());
        assert!(page.ended(), "{signal}");
        drop(held);
    }
}

#[test]
fn only_a_socket_without_a_server_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let listen = |path: &str| {
        let mut command = program("redis://127.0.0.1:1");
        command.args(["serve", "--listen", &format!("unix:{path}")]);
        command
    };
    let at = |name: &str| dir.path().join(name).to_str().expect("UTF-8").to_owned();

    let file = at("file");
    fs::write(&file, "precious").expect("a file");
    let link = at("link");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    fs::create_dir(at("folder")).expect("a folder");
    for path in [&file, &link, &at("folder")] {
        let output = listen(path).output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains("not a socket"), "{path}: {words}");
    }
    assert_eq!(fs::read_to_string(&file).expect("still there"), "precious");
    assert!(fs::symlink_metadata(&link).expect("still there").is_symlink());

    let served = at("served");
    let other = UnixListener::bind(&served).expect("a socket");
    let output = listen(&served).output().expect("it runs");
    assert!(!output.status.success(), "another program listens there");
    assert!(fs::symlink_metadata(&served).expect("still there").file_type().is_socket());

    // The socket is dropped without being removed, as by a killed process.
    drop(other);
    let page = Page::run(listen(&served));
    page.get("/api/token").with(200);
    // A file that has replaced the socket meanwhile is not removed at the end.
    fs::remove_file(&served).expect("its socket");
    fs::write(&served, "new").expect("a file");
    let sent = Command::new("kill").args(["-TERM", &page.id().to_string()]).status().expect("kill");
    assert!(sent.success() && page.ended());
    assert_eq!(fs::read_to_string(&served).expect("still there"), "new");
}
