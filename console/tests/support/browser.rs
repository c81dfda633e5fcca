//! A real Chromium that is controlled through its driver.
//!
//! The protocol (WebDriver) is JSON over HTTP. These tests need a dozen of its calls, so a client of our own is smaller
//! than the dependencies of a crate for it. Browsers are started once and used by one test after the other.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use qadmin_harness::leave_out;
use serde_json::{Value, json};

use super::page::Page;

/// Maximum time for a page to reach the expected state.
const PATIENCE: Duration = Duration::from_secs(60);

/// The member by which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys as the protocol writes them.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";

/// The driver; it and its browsers end with this process.
struct Driver {
    port: u16,
    /// The driver's keeper waits until this is closed.
    _keeper: Child,
}

static IDLE: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
    DRIVER.get_or_init(|| start().inspect_err(|why| leave_out("browser", why)).ok()).as_ref()
}

fn start() -> Result<Driver, String> {
    // The driver leaves its browsers and their folders behind, so they are one group in one folder. What their keeper
    // waits for is the end of its input, which comes with the end of this process, whatever that is. It keeps no hold of
    // the output, whose end is the driver's.
    let keeper = "dir=$(mktemp -d); TMPDIR=$dir setsid chromedriver --port=0 --log-level=SEVERE & driver=$!
        exec >/dev/null; cat; kill -s KILL -- -$driver; wait $driver; rm -rf \"$dir\" || { sleep 1; rm -rf \"$dir\"; }";
    let mut command = Command::new("sh");
    command.args(["-c", keeper]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut keeper = command.spawn().map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(keeper.stdout.take().expect("piped")).lines();
    loop {
        let line = lines.next().and_then(Result::ok).ok_or("chromedriver does not start")?;
        if let Some(port) = line
            .split(" successfully on port ")
            .nth(1)
            .and_then(|rest| rest.trim_end_matches('.').parse().ok())
        {
            // Later output is discarded, but has to be read.
            thread::spawn(move || lines.for_each(drop));
            // A driver without a browser does not count.
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(open(port)?);
            return Ok(Driver { port, _keeper: keeper });
        }
    }
}

/// One call; returns the value, or the driver's error.
fn call(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    let body = if method == "POST" { body.to_string() } else { String::new() };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).map_err(|error| error.to_string())?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((_, n)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = n.trim().parse().map_err(|_| "a length")?;
        }
    }
    let mut text = vec![0; length];
    reader.read_exact(&mut text).map_err(|error| error.to_string())?;
    let mut answer: Value = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    let value = answer["value"].take();
    match value["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
        None => Ok(value),
    }
}

/// Starts a browser and returns the name of its session.
fn open(port: u16) -> Result<String, String> {
    let args = [
        "--headless=new",
        // Tests can run as root, in containers with little shared memory.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--window-size=1100,1150",
    ];
    let wanted = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": args}}}});
    let session = call(port, "POST", "/session", &wanted)?;
    session["sessionId"].as_str().map(str::to_owned).ok_or_else(|| "no session".to_owned())
}

/// A browser that one test uses.
pub(crate) struct Browser {
    port: u16,
    session: String,
}

impl Browser {
    /// `None`, with a line of output, if there is no browser on this machine.
    pub(crate) fn take() -> Option<Self> {
        let port = driver()?.port;
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let session =
            idle.unwrap_or_else(|| open(port).unwrap_or_else(|why| panic!("no browser starts: {why}")));
        Some(Self { port, session })
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        call(self.port, method, &format!("/session/{}{path}", self.session), body)
    }

    fn tell(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body).unwrap_or_else(|why| panic!("{path} {body}: {why}"))
    }

    /// A command of the browser's own protocol.
    pub(crate) fn devtools(&self, command: &str, params: &Value) -> Value {
        self.tell("/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    pub(crate) fn go(&self, page: &Page, path: &str) {
        self.tell("/url", &json!({"url": format!("http://{}{path}", page.place)}));
    }

    /// Path and query of the current page.
    pub(crate) fn place(&self) -> String {
        let url = self.ask("GET", "/url", &Value::Null).expect("an address");
        url.as_str().expect("an address").splitn(4, '/').nth(3).unwrap_or_default().to_owned()
    }

    /// The value of an expression in the page.
    pub(crate) fn js(&self, expression: &str) -> Value {
        self.tell("/execute/sync", &json!({"script": format!("return {expression}"), "args": []}))
    }

    fn find(&self, css: &str) -> Result<String, String> {
        let found = self.ask("POST", "/element", &json!({"using": "css selector", "value": css}))?;
        Ok(found[ELEMENT].as_str().expect("an element").to_owned())
    }

    fn of(&self, css: &str, what: &str) -> Result<Value, String> {
        let element = self.find(css)?;
        self.ask("GET", &format!("/element/{element}/{what}"), &Value::Null)
    }

    /// The visible text of the element; empty if it does not exist or is hidden.
    pub(crate) fn text(&self, css: &str) -> String {
        self.of(css, "text").ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Whether the element is visible.
    pub(crate) fn sees(&self, css: &str) -> bool {
        self.of(css, "displayed") == Ok(Value::Bool(true))
    }

    /// Whether the element is enabled.
    pub(crate) fn can_use(&self, css: &str) -> bool {
        self.sees(css) && self.of(css, "enabled") == Ok(Value::Bool(true))
    }

    pub(crate) fn property(&self, css: &str, name: &str) -> Value {
        self.of(css, &format!("property/{name}")).unwrap_or(Value::Null)
    }

    /// Clicks the element.
    pub(crate) fn click(&self, css: &str) {
        let element = self.find(css).unwrap_or_else(|why| self.give_up(css, &why));
        self.ask("POST", &format!("/element/{element}/click"), &json!({}))
            .unwrap_or_else(|why| self.give_up(css, &why));
    }

    /// Types into a field, after its present text.
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.find(css).unwrap_or_else(|why| self.give_up(css, &why));
        let path = format!("/element/{element}/value");
        self.ask("POST", &path, &json!({"text": text})).unwrap_or_else(|why| self.give_up(css, &why));
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.tell("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]}));
    }

    /// Waits until the element contains this text.
    pub(crate) fn reads(&self, css: &str, words: &str) {
        self.until(&format!("{css}: {words}"), || self.text(css).contains(words));
    }

    /// Waits until this is the whole text of the element.
    pub(crate) fn shows(&self, css: &str, words: &str) {
        self.until(&format!("{css} shows: {words}"), || self.text(css) == words);
    }

    pub(crate) fn until(&self, what: &str, mut yes: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !yes() {
            if begin.elapsed() > PATIENCE {
                self.give_up(what, "it does not happen");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn give_up(&self, what: &str, why: &str) -> ! {
        panic!("{what}: {why}\nat /{}\n{}", self.place(), self.text("body"));
    }

    /// Sets the size of the window in pixels.
    pub(crate) fn size(&self, width: u32, height: u32) {
        let phone = width < 500;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}),
        );
    }

    pub(crate) fn dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({"features": [{"name": "prefers-color-scheme", "value": value}]}),
        );
    }

    /// Turns scripts of pages on or off.
    pub(crate) fn scripts(&self, run: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": !run}));
    }

    /// A screenshot as a PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        let picture = self.ask("GET", "/screenshot", &Value::Null).expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(picture.as_str().expect("base64")).expect("base64")
    }
}

impl Drop for Browser {
    /// Resets the browser for the next test, because its state after a failed test is unknown.
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.ask("DELETE", "", &Value::Null);
            return;
        }
        self.scripts(true);
        self.devtools("Emulation.clearDeviceMetricsOverride", &json!({}));
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": []}));
        self.tell("/url", &json!({"url": "about:blank"}));
        let _ = self.ask("DELETE", "/cookie", &Value::Null);
        IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(self.session.clone());
    }
}
