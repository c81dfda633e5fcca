//! Whether a server may load a file as code: the options of its mount, and the limits of its systemd service.

use std::path::{Path, PathBuf};

/// The mount that contains this file, if files there cannot be executed. `mountinfo` is the file of that name in /proc.
pub(super) fn noexec_mount(mountinfo: &str, file: &Path) -> Option<PathBuf> {
    let mut best: Option<(PathBuf, bool)> = None;
    for line in mountinfo.lines() {
        let mut words = line.split(' ').skip(4);
        let (Some(point), Some(options)) = (words.next(), words.next()) else { continue };
        let point = PathBuf::from(unescaped(point));
        // Of two mounts at one place the later one is seen.
        let is_longer = |(best, _): &(PathBuf, bool)| point.components().count() >= best.components().count();
        if file.starts_with(&point) && best.as_ref().is_none_or(is_longer) {
            best = Some((point, options.split(',').any(|option| option == "noexec")));
        }
    }
    best.filter(|(_, is_noexec)| *is_noexec).map(|(point, _)| point)
}

/// Blanks and backslashes are three octal digits after a backslash there.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out += &rest[..at];
        match rest.get(at + 1..at + 4).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out + rest
}

/// The systemd service of a process, from its file `cgroup` in /proc.
pub(super) fn service_of(cgroup: &str) -> Option<&str> {
    let groups = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    groups.flat_map(|group| group.split('/')).rfind(|part| part.ends_with(".service"))
}

/// The files that a service may execute.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    no: Vec<PathBuf>,
    yes: Vec<PathBuf>,
}

impl Limits {
    /// From `systemctl show --property=NoExecPaths,ExecPaths`.
    pub(super) fn parse(properties: &str) -> Self {
        let paths = |name: &str| {
            let value = properties.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            // `-` permits that the path is missing, `+` takes it below the root of the service.
            value
                .split_ascii_whitespace()
                .map(|path| PathBuf::from(path.trim_start_matches(['-', '+'])))
                .collect()
        };
        Self { no: paths("NoExecPaths="), yes: paths("ExecPaths=") }
    }

    /// The same with symbolic links followed: where /usr is merged, /lib is /usr/lib.
    pub(super) fn resolved(self, resolve: impl Fn(&Path) -> PathBuf) -> Self {
        let all = |paths: Vec<PathBuf>| paths.iter().map(|path| resolve(path)).collect();
        Self { no: all(self.no), yes: all(self.yes) }
    }

    /// Whether the service may not execute this file. The path that says most about it decides.
    pub(super) fn forbid(&self, file: &Path) -> bool {
        let most = |paths: &[PathBuf]| {
            let above = paths.iter().filter(|path| file.starts_with(path));
            above.map(|path| path.components().count()).max()
        };
        match (most(&self.no), most(&self.yes)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(no), Some(yes)) => no > yes,
        }
    }

    /// The paths that it may execute, for people.
    pub(super) fn permitted(&self) -> String {
        self.yes.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /srv rw,nosuid,noexec shared:2 - ext4 /dev/sda2 rw
31 30 8:3 / /srv/mod\\040ules rw,relatime - ext4 /dev/sda3 rw
32 22 0:40 / /tmp rw,relatime - tmpfs tmpfs rw
33 22 0:41 / /tmp rw,noexec - tmpfs tmpfs rw
";

    #[test]
    fn the_innermost_and_latest_mount_decides() {
        let mount = |path: &str| noexec_mount(MOUNTS, Path::new(path));
        assert_eq!(mount("/usr/lib/redis/modules/libqadmin.so"), None);
        assert_eq!(mount("/srv/libqadmin.so"), Some("/srv".into()));
        assert_eq!(mount("/srv/mod ules/libqadmin.so"), None);
        assert_eq!(mount("/srvx/libqadmin.so"), None);
        assert_eq!(mount("/tmp/libqadmin.so"), Some("/tmp".into()));
        assert_eq!(noexec_mount("", Path::new("/x")), None);
        assert_eq!(noexec_mount("nonsense\n1 2 3 4 /", Path::new("/x")), None);
        // In the namespace of a service with NoExecPaths the root itself is mounted so.
        let service = "22 1 8:1 / / rw,noexec - ext4 x rw\n23 22 8:1 /usr/lib /usr/lib rw - ext4 x rw\n";
        assert_eq!(noexec_mount(service, Path::new("/usr/local/lib/libqadmin.so")), Some("/".into()));
        assert_eq!(noexec_mount(service, Path::new("/usr/lib/redis/modules/libqadmin.so")), None);
    }

    #[test]
    fn the_limits_of_debians_service_are_understood() {
        let limits = Limits::parse("ExecPaths=/usr/bin/redis-server /usr/lib /lib\nNoExecPaths=/\n");
        let forbids = |path: &str| limits.forbid(Path::new(path));
        assert!(!forbids("/usr/lib/redis/modules/libqadmin.so") && !forbids("/lib/x.so"));
        assert!(forbids("/usr/local/lib/redis/modules/libqadmin.so") && forbids("/usr/library/x.so"));
        assert_eq!(limits.permitted(), "/usr/bin/redis-server /usr/lib /lib");
        let narrow = Limits::parse("NoExecPaths=/srv -/srv/a/b\nExecPaths=+/srv/a\n");
        assert!(!narrow.forbid(Path::new("/srv/a/x.so")) && narrow.forbid(Path::new("/srv/a/b/x.so")));
        assert!(!narrow.forbid(Path::new("/usr/x.so")));
        for none in ["NoExecPaths=\nExecPaths=\n", "", "ExecPaths=/usr/lib\n"] {
            assert!(!Limits::parse(none).forbid(Path::new("/x.so")), "{none}");
        }
        let linked = Limits::parse("NoExecPaths=/\nExecPaths=/lib\n");
        let linked =
            linked.resolved(|path| if path == Path::new("/lib") { "/usr/lib".into() } else { path.into() });
        assert!(!linked.forbid(Path::new("/usr/lib/x.so")));
    }

    #[test]
    fn the_service_of_a_process_is_the_innermost() {
        assert_eq!(service_of("0::/system.slice/redis-server.service\n"), Some("redis-server.service"));
        let session = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/redis.service\n";
        assert_eq!(service_of(session), Some("redis.service"));
        assert_eq!(service_of("12:pids:/system.slice/valkey.service\n1:name=x:/\n"), Some("valkey.service"));
        assert_eq!(service_of("0::/\n"), None);
    }
}
