//! Which server it is, and what is known of its releases.

use super::info::Info;

/// A release of Redis or Valkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) is_valkey: bool,
    pub(super) parts: (u32, u32, u32),
}

impl Version {
    pub(super) fn of(info: &Info) -> Option<Self> {
        let valkey = info.text("valkey_version");
        let parts = parse(valkey.or_else(|| info.text("redis_version"))?)?;
        Some(Self { is_valkey: valkey.is_some() || info.text("server_name") == Some("valkey"), parts })
    }

    /// Whether the module loads into it.
    pub(super) fn is_supported(self) -> bool {
        self.parts >= if self.is_valkey { (7, 2, 0) } else { (7, 0, 6) }
    }

    /// Whether COPY with DB leaves a client in the other database once the module follows keys.
    pub(super) fn moves_clients(self) -> bool {
        self.is_valkey && ((8, 1, 0)..(9, 1, 2)).contains(&self.parts)
    }

    /// Whether `CLUSTER MIGRATESLOTS` is refused.
    pub(super) fn refuses_to_migrate_slots(self) -> bool {
        self.is_valkey && self.parts >= (9, 0, 0)
    }

    /// Whether categories in ACL rules do not concern commands of modules.
    pub(super) fn ignores_categories(self) -> bool {
        !self.is_valkey && self.parts < (7, 2, 0)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor, patch) = self.parts;
        write!(f, "{} {major}.{minor}.{patch}", if self.is_valkey { "Valkey" } else { "Redis" })
    }
}

/// The first three numbers of a version; what follows a number within its part is left out.
fn parse(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse().ok()
    });
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// The number that MODULE LIST shows for a version of the module.
pub(super) fn number(version: &str) -> Option<i64> {
    let (major, minor, patch) = parse(version)?;
    Some(i64::from(major) * 10_000 + i64::from(minor) * 100 + i64::from(patch))
}

/// The version for a number of MODULE LIST.
pub(super) fn name(number: i64) -> String {
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(lines: &str) -> Version {
        Version::of(&Info::parse(lines)).expect("a version")
    }

    #[test]
    fn servers_are_told_apart() {
        let redis = version("redis_version:7.0.15\r\n");
        assert_eq!((redis.to_string().as_str(), redis.is_supported()), ("Redis 7.0.15", true));
        assert!(redis.ignores_categories() && !redis.moves_clients());
        assert!(!version("redis_version:7.0.5").is_supported());
        assert!(version("redis_version:8.6-rc1").is_supported());
        let valkey = version("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.1\r\n");
        assert_eq!(valkey.to_string(), "Valkey 8.1.1");
        assert!(valkey.moves_clients() && !valkey.refuses_to_migrate_slots() && !valkey.ignores_categories());
        let newer = version("redis_version:7.2.4\r\nvalkey_version:9.1.2");
        assert!(!newer.moves_clients() && newer.refuses_to_migrate_slots());
        assert_eq!(Version::of(&Info::parse("redis_version:new")), None);
    }

    #[test]
    fn numbers_of_versions_can_be_read() {
        assert_eq!((number("0.1.0"), number("1.12.3")), (Some(100), Some(11_203)));
        assert_eq!((name(100).as_str(), name(11_203).as_str()), ("0.1.0", "1.12.3"));
    }
}
