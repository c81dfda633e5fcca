//! `qadmin serve`, and a client that sends exact bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use super::program;

/// A running page; it ends when it is dropped.
pub(crate) struct Page {
    child: Child,
    /// `127.0.0.1:port`, or the path of a socket.
    pub(crate) place: String,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        assert!(self.header("content-type").is_some_and(|kind| kind == "application/json"), "{self:?}");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The response, after a check of its status.
    pub(crate) fn with(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The value of a hidden input.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let at = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&at).nth(1).unwrap_or_else(|| panic!("no input {name}: {self:?}"));
        rest.split('"').next().expect("a quote").to_owned()
    }
}

impl Page {
    /// Starts it on a free port of loopback.
    pub(crate) fn start(url: &str, args: &[&str]) -> Self {
        let mut command = program(url);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(args);
        Self::run(command)
    }

    /// Starts it with these arguments, which contain the address.
    pub(crate) fn run(mut command: Command) -> Self {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut line = String::new();
        let out = child.stdout.take().expect("piped");
        BufReader::new(out).read_line(&mut line).expect("it says where it listens");
        let place =
            line.trim().trim_start_matches("http://").trim_start_matches("unix:").trim_end_matches('/');
        assert!(!place.is_empty(), "it ended: {:?}", child.wait());
        Self { child, place: place.to_owned() }
    }

    /// Sends a GET as a browser does.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host()))
    }

    /// GET with these lines of headers.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        self.say(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", self.host()))
    }

    /// POST of a form as a browser sends it from the page itself.
    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        self.post_with(
            path,
            form,
            &[("Origin", &format!("http://{}", self.host())), ("Sec-Fetch-Site", "same-origin")],
        )
    }

    /// POST with these headers.
    pub(crate) fn post_with(&self, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.say(&format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}Content-Length: {}\r\n\r\n{form}",
            self.host(),
            form.len()
        ))
    }

    /// The token that one of our pages contains.
    pub(crate) fn csrf(&self) -> String {
        self.get("/api/token").json()["csrf"].as_str().expect("a token").to_owned()
    }

    fn host(&self) -> &str {
        if self.place.starts_with('/') { "localhost" } else { &self.place }
    }

    /// Sends these bytes and reads to the end.
    pub(crate) fn say(&self, request: &str) -> Answer {
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let mut bytes = Vec::new();
        if self.place.starts_with('/') {
            let mut stream = UnixStream::connect(&self.place).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            stream.read_to_end(&mut bytes).expect("it answers");
        } else {
            let mut stream = TcpStream::connect(&self.place).expect("it listens");
            stream.write_all(request.as_bytes()).expect("it reads");
            stream.read_to_end(&mut bytes).expect("it answers");
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Page {
    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the program has ended, and returns whether it succeeded.
    pub(crate) fn ended(mut self) -> bool {
        self.child.wait().expect("its end").success()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // An error means that it has already ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
