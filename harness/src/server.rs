//! One temporary server process.

use std::env;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::{Connection, Value};
use tempfile::TempDir;

use crate::paths::{faults_module_path, module_path, server_binary};
use crate::port::free_port;
use crate::raw::Raw;
use crate::spawner::spawn;
use crate::wait::eventually;

/// The number of attempts with another port if a process took the port between choosing and using it.
const PORT_ATTEMPTS: usize = 8;

/// The maximum time until a server answers, which includes loading a large AOF.
const START_PATIENCE: Duration = Duration::from_secs(120);

/// If set, servers end in an orderly way (SIGTERM) when a test is done with them, so that memcheck prints its report.
const ORDERLY_END: &str = "QADMIN_ORDERLY_END";

/// The maximum time of an orderly end before the server is killed.
const END_PATIENCE: Duration = Duration::from_secs(60);

/// Texts that the log of a healthy server does not contain: crash reports of Redis and Valkey, and a panic of
/// the module.
const SIGNS_OF_DEATH: [&str; 3] = ["BUG REPORT START", "ASSERTION FAILED", PANIC];
const PANIC: &str = "panicked at";

/// The options of a server; see [`Server::builder`].
#[derive(Debug, Default)]
pub struct Builder {
    config: Vec<String>,
    module_args: Option<String>,
    binary: Option<PathBuf>,
    may_crash: bool,
    faults: bool,
    env: Vec<(String, String)>,
}

impl Builder {
    /// Adds one line of redis.conf, such as `appendonly yes`.
    #[must_use]
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.config.push(line.into());
        self
    }

    /// Loads the module without arguments.
    #[must_use]
    pub fn module(self) -> Self {
        self.module_args("")
    }

    /// Loads the module with these arguments, such as `slice-us 300 duty 80`.
    #[must_use]
    pub fn module_args(mut self, args: &str) -> Self {
        self.module_args = Some(args.to_string());
        self
    }

    /// Uses another server than that of QADMIN_SERVER or the PATH.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Allows signs of a crash in the log, for tests that make the server crash on purpose.
    #[must_use]
    pub fn may_crash(mut self) -> Self {
        self.may_crash = true;
        self
    }

    /// Sets a variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_string(), value.to_string()));
        self
    }

    /// Loads the module with panics on demand in place of the usual one: its panics in the log are not a
    /// failure, crashes are.
    #[must_use]
    pub fn faults(mut self) -> Self {
        self.faults = true;
        if self.module_args.is_none() { self.module() } else { self }
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// Panics if [`Builder::try_start`] fails.
    pub fn start(self) -> Server {
        self.try_start().unwrap_or_else(|sentence| panic!("{sentence}"))
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// Returns a sentence that says what is missing, with the server's own message if it refused to start.
    pub fn try_start(self) -> Result<Server, String> {
        let binary = match self.binary {
            Some(binary) => binary,
            None => server_binary()?,
        };
        let mut config = vec![
            "bind 127.0.0.1".to_string(),
            "save \"\"".to_string(),
            "appendonly no".to_string(),
            "daemonize no".to_string(),
            "logfile \"\"".to_string(),
            // A full sync starts at once: without this line every test with a replica waits five seconds.
            "repl-diskless-sync-delay 0".to_string(),
            "enable-debug-command yes".to_string(),
            "enable-module-command yes".to_string(),
        ];
        if let Some(args) = &self.module_args {
            let module = if self.faults { faults_module_path()? } else { module_path()? };
            config.push(format!("loadmodule {} {args}", module.display()));
        }
        // These lines are before the test's own lines, because the server uses the last of two lines with the
        // same name.
        config.extend(extra_config());
        config.extend(self.config);
        let dir = TempDir::with_prefix("qadmin-").map_err(|e| format!("no temporary folder: {e}"))?;
        let (may_crash, may_panic) = (self.may_crash, self.faults);
        let mut server = Server { child: None, port: 0, dir, binary, may_crash, may_panic, env: self.env };
        for _ in 0..PORT_ATTEMPTS {
            server.port = free_port()?;
            let lines = format!("port {}\n{}\n", server.port, config.join("\n"));
            fs::write(server.conf_path(), lines).map_err(|e| format!("no configuration file: {e}"))?;
            match server.try_start_again() {
                Err(words) if words.contains("Address already in use") => {}
                Err(words) => return Err(words),
                Ok(()) => return Ok(server),
            }
        }
        Err("no free port on the loopback interface".to_string())
    }
}

/// Returns lines for every server, which allow running the whole suite with another configuration:
/// QADMIN_SERVER_CONFIG, separated by semicolons.
fn extra_config() -> Vec<String> {
    let lines = env::var("QADMIN_SERVER_CONFIG").unwrap_or_default();
    lines.split(';').map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect()
}

/// A running server in a folder of its own; both are removed when this value is dropped.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    port: u16,
    dir: TempDir,
    binary: PathBuf,
    may_crash: bool,
    may_panic: bool,
    env: Vec<(String, String)>,
}

impl Server {
    /// Returns a builder with defaults for tests: no snapshots, no append-only file, loopback only.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a server with the module and its default settings.
    pub fn start() -> Self {
        Self::builder().module().start()
    }

    /// Starts a server without the module.
    pub fn plain() -> Self {
        Self::builder().start()
    }

    /// Returns its loopback port, which is the same after every restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its process id.
    ///
    /// # Panics
    /// Panics while it is stopped.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Returns its working folder: AOF, RDB, redis.conf, server.log.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Keeps its folder, so that a failure can be examined, and prints its path.
    pub fn keep_dir(&mut self) -> &Path {
        self.dir.disable_cleanup(true);
        self.dir()
    }

    /// Returns the `redis://` address of one database.
    pub fn url(&self, db: u32) -> String {
        format!("redis://127.0.0.1:{}/{db}", self.port)
    }

    /// Returns everything that it has logged since it was first started, including its standard error.
    pub fn log(&self) -> String {
        fs::read(self.dir().join("server.log"))
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns a new connection that speaks RESP2.
    pub fn conn(&self) -> Connection {
        self.try_conn("").expect("the server accepts connections")
    }

    /// Returns a new connection that speaks RESP3.
    pub fn conn3(&self) -> Connection {
        self.try_conn("?protocol=resp3").expect("the server accepts connections")
    }

    /// Returns a new raw connection, for exact bytes in both directions.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.port)
    }

    fn try_conn(&self, query: &str) -> redis::RedisResult<Connection> {
        redis::Client::open(format!("redis://127.0.0.1:{}/{query}", self.port))?.get_connection()
    }

    /// Returns one field of INFO (all sections, including those of modules).
    pub fn info(&self, field: &str) -> Option<String> {
        let text: String =
            redis::cmd("INFO").arg("everything").query(&mut self.conn()).expect("INFO answers");
        let prefix = format!("{field}:");
        text.lines().find_map(|line| line.strip_prefix(&prefix)).map(|value| value.trim().to_string())
    }

    /// Makes it a replica of another server and waits until it has all of its data and the other server knows
    /// that.
    pub fn replica_of(&self, primary: &Server) {
        let mut conn = self.conn();
        let port = primary.port.to_string();
        let _: Value =
            redis::cmd("REPLICAOF").arg("127.0.0.1").arg(port).query(&mut conn).expect("REPLICAOF answers");
        self.wait_for_link();
        // This is a moment after the link is up: before it, the primary sends nothing to the replica, and the
        // replica cannot take over.
        let online = format!("port={},state=online", self.port);
        eventually("the primary knows its replica", || {
            let text: String =
                redis::cmd("INFO").arg("replication").query(&mut primary.conn()).expect("INFO");
            text.contains(&online)
        });
    }

    /// Waits until its link to the primary is up.
    pub fn wait_for_link(&self) {
        eventually("the replica is connected to its primary", || {
            self.info("master_link_status").as_deref() == Some("up")
        });
    }

    /// Stops it in an orderly way (SIGTERM, with the usual save at shutdown) and waits for its end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            terminate(&child);
            child.wait().expect("a child of ours can be waited for");
        }
    }

    /// Kills it without warning, as a power cut would, and waits for its end.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            // An error means that it has already ended.
            let _ = child.kill();
            child.wait().expect("a child of ours can be waited for");
        }
    }

    /// Asks it to end, and kills it if it cannot end (because a script hangs or it waits for a replica).
    fn end_in_order(&mut self) {
        // A frozen process handles no signal.
        self.thaw();
        if let Some(child) = &mut self.child {
            terminate(child);
            let begin = Instant::now();
            while matches!(child.try_wait(), Ok(None)) && begin.elapsed() < END_PATIENCE {
                thread::sleep(Duration::from_millis(10));
            }
        }
        self.kill9();
    }

    /// Stops its execution until [`Server::thaw`]: it falls behind its primary, but its connections are kept.
    pub fn freeze(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Continues its execution after [`Server::freeze`].
    pub fn thaw(&self) {
        self.signal(libc::SIGCONT);
    }

    fn signal(&self, signal: i32) {
        if let Some(child) = &self.child {
            send_signal(child, signal);
        }
    }

    /// Waits until it has ended by itself, because a client sent SHUTDOWN.
    pub fn wait_for_exit(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.wait().expect("a child of ours can be waited for");
        }
    }

    /// Starts it after [`Server::stop`] or [`Server::kill9`], on the same port, folder and configuration.
    pub fn start_again(&mut self) {
        if let Err(words) = self.try_start_again() {
            panic!("{words}");
        }
    }

    /// [`Server::stop`], then [`Server::start_again`].
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    fn conf_path(&self) -> PathBuf {
        self.dir().join("redis.conf")
    }

    /// Starts the process and waits until it answers PING.
    fn try_start_again(&mut self) -> Result<(), String> {
        let log = OpenOptions::new().create(true).append(true).open(self.dir().join("server.log"));
        let log = log.map_err(|e| format!("no log file: {e}"))?;
        let already_logged = self.log().len();
        let mut command = Command::new(&self.binary);
        let stderr = log.try_clone().map_err(|e| format!("no log file: {e}"))?;
        command
            .envs(self.env.iter().cloned())
            .arg(self.conf_path())
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(stderr);
        let child = spawn(command).map_err(|e| format!("{} did not start: {e}", self.binary.display()))?;
        let child = self.child.insert(child);
        let start = Instant::now();
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                self.child = None;
                let log = self.log();
                let words = log.get(already_logged..).unwrap_or(&log);
                return Err(format!("{} ended at once ({status}):\n{words}", self.binary.display()));
            }
            if answers(self.port, child.id()) {
                return Ok(());
            }
            if start.elapsed() > START_PATIENCE {
                return Err(format!("the server does not answer; its log:\n{}", self.log()));
            }
            // There is no event for the opening of a port.
            thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Returns whether this process listens there, has loaded its data and answers PING. Another server could
/// have taken the port in the meantime; this process then ends by itself. (The check uses RESP2 without a
/// handshake, because a server that is loading refuses commands such as CLIENT SETINFO.)
fn answers(port: u16, pid: u32) -> bool {
    let Ok(mut raw) = Raw::try_connect(port) else { return false };
    let own = format!("\r\nprocess_id:{pid}\r\n");
    raw.try_call(&[b"PING"]).is_ok_and(|reply| reply == b"+PONG\r\n")
        && raw
            .try_call(&[b"INFO", b"server"])
            .is_ok_and(|reply| reply.windows(own.len()).any(|at| at == own.as_bytes()))
}

/// Asks a child for an orderly end.
fn terminate(child: &Child) {
    send_signal(child, libc::SIGTERM);
}

fn send_signal(child: &Child, signal: i32) {
    let pid = i32::try_from(child.id()).expect("process ids fit in pid_t");
    // SAFETY: the process is a child of ours that has not been waited for, so its id is still its own.
    unsafe { libc::kill(pid, signal) };
}

impl Drop for Server {
    fn drop(&mut self) {
        match std::env::var_os(ORDERLY_END) {
            Some(_) => self.end_in_order(),
            None => self.kill9(),
        }
        let log = self.log();
        let sign = SIGNS_OF_DEATH
            .iter()
            .filter(|sign| !self.may_panic || **sign != PANIC)
            .find(|sign| log.contains(**sign));
        if thread::panicking() {
            let lines: Vec<&str> = log.lines().collect();
            eprintln!(
                "last lines of the server's log:\n{}",
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        } else if let (Some(sign), false) = (sign, self.may_crash) {
            let from = log.find(sign).unwrap_or(0).saturating_sub(400);
            let excerpt: String = log.get(from..).unwrap_or(&log).chars().take(4000).collect();
            panic!("the server's log says {sign:?}:\n{excerpt}");
        }
    }
}
