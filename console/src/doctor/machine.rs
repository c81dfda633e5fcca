//! The machine of the server, where it is this one.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use redis::ConnectionAddr;

use super::execution::{Limits, noexec_mount, service_of};
use super::info::Info;

/// The process of the server.
#[derive(Debug)]
pub(super) struct Machine {
    pid: u64,
}

/// What keeps a server from loading a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// There is no such file.
    Missing,
    /// The file cannot be examined.
    Unseen(String),
    /// The mount at this place has the option noexec.
    Noexec(PathBuf),
    /// This service may execute files in these places only.
    Service(String, String),
}

impl Machine {
    /// `None` if the server does not run here: the address is not one of this machine, or no process here has its number and
    /// its program, as with a port of a container.
    pub(super) fn of(address: &ConnectionAddr, info: &Info) -> Option<Self> {
        let is_here = match address {
            ConnectionAddr::Unix(_) => true,
            ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => is_loopback(host),
            _ => false,
        };
        let pid = info.number("process_id").filter(|_| is_here)?;
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        is_program(&line, info.text("executable").unwrap_or_default()).then_some(Self { pid })
    }

    /// Whether the server may load this file.
    pub(super) fn obstacle(&self, file: &Path) -> Option<Obstacle> {
        match fs::metadata(file) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(Obstacle::Missing),
            Err(error) => return Some(Obstacle::Unseen(error.to_string())),
        }
        let file = resolve(file);
        // The mounts as the server sees them.
        let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", self.pid)).unwrap_or_default();
        if let Some((service, limits)) = self.service().filter(|(_, limits)| limits.forbid(&file)) {
            return Some(Obstacle::Service(service, limits.permitted()));
        }
        noexec_mount(&mounts, &file).map(Obstacle::Noexec)
    }

    /// The systemd service of the server.
    pub(super) fn service_name(&self) -> Option<String> {
        let group = fs::read_to_string(format!("/proc/{}/cgroup", self.pid)).ok()?;
        service_of(&group).filter(|name| name.contains("redis") || name.contains("valkey")).map(str::to_owned)
    }

    /// The same, and which files it may execute.
    fn service(&self) -> Option<(String, Limits)> {
        let service = self.service_name()?;
        let mut command = Command::new("systemctl");
        command.args(["show", "--property=NoExecPaths,ExecPaths", "--", &service]);
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        let limits = Limits::parse(&String::from_utf8_lossy(&output.stdout));
        Some((service, limits.resolved(resolve)))
    }
}

/// The path without symbolic links; unchanged if it does not exist.
fn resolve(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a process with this command line (words that end with a zero, or the title that a server gives itself) runs
/// a server, or the program with this path. A loader can stand before the program.
fn is_program(line: &[u8], program: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let program = name(program);
    line.split(|byte| matches!(byte, 0 | b' ')).any(|word| {
        let word = name(&String::from_utf8_lossy(word));
        !word.is_empty() && (word == program || ["redis-server", "valkey-server"].contains(&word.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_told_from_another_process_with_its_number() {
        assert!(is_program(b"/usr/bin/redis-server 127.0.0.1:6379", "/usr/bin/redis-server"));
        assert!(is_program(b"valkey-server\0/etc/valkey/valkey.conf\0", "/usr/bin/valkey-server"));
        assert!(is_program(b"/opt/keydb\0", "/opt/keydb"));
        assert!(is_program(b"/lib64/ld-linux-x86-64.so.2\0/opt/redis-server\0--port\0", "/tmp/redis-server"));
        assert!(!is_program(b"/sbin/init\0splash\0", "/data/redis-server"));
        assert!(!is_program(b"", "/usr/bin/redis-server") && !is_program(b"", ""));
    }

    #[test]
    fn addresses_of_this_machine() {
        assert!(is_loopback("localhost") && is_loopback("127.0.0.1") && is_loopback("::1"));
        assert!(!is_loopback("10.0.0.2") && !is_loopback("cache.example"));
    }

    #[test]
    fn a_missing_file_is_an_obstacle_and_a_readable_one_is_not() {
        let machine = Machine { pid: u64::from(std::process::id()) };
        assert_eq!(machine.obstacle(Path::new("/nonexistent/libqadmin.so")), Some(Obstacle::Missing));
        let program = std::env::current_exe().expect("this test");
        assert_eq!(machine.obstacle(&program), None);
    }
}
