//! The reply to INFO, by its fields.

use std::collections::HashMap;

/// The reply to INFO.
#[derive(Debug, Clone, Default)]
pub(super) struct Info(HashMap<String, String>);

impl Info {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        // Each module has a line `module:name=...`.
        let named = |(name, value): (&str, &str)| {
            let of = value.strip_prefix("name=").and_then(|value| value.split(',').next());
            let name =
                of.filter(|_| name == "module").map_or_else(|| name.to_owned(), |of| format!("module {of}"));
            (name, value.trim().to_owned())
        };
        Self(lines.map(named).collect())
    }

    /// A field; `None` if the server does not send it, or if it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A number; 0 if the server does not send it.
    pub(super) fn count(&self, name: &str) -> u64 {
        self.number(name).unwrap_or(0)
    }

    pub(super) fn is(&self, name: &str, value: &str) -> bool {
        self.text(name) == Some(value)
    }

    /// The replicas of a primary: address and state of each.
    pub(super) fn replicas(&self) -> Vec<(String, u16, String)> {
        let replica = |at: u64| {
            let line = self.text(&format!("slave{at}"))?;
            let members: HashMap<&str, &str> =
                line.split(',').filter_map(|member| member.split_once('=')).collect();
            let member = |name| members.get(name).copied().unwrap_or_default();
            Some((member("ip").to_owned(), member("port").parse().ok()?, member("state").to_owned()))
        };
        (0..self.count("connected_slaves")).filter_map(replica).collect()
    }

    /// The numbers of the databases that contain keys.
    pub(super) fn databases(&self) -> Vec<i64> {
        let mut all: Vec<i64> =
            self.0.keys().filter_map(|name| name.strip_prefix("db")?.parse().ok()).collect();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_and_databases_are_read_from_info() {
        let info = Info::parse(
            "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n\
             slave0:ip=10.0.0.2,port=6379,state=online,offset=14,lag=0\r\n\
             slave1:ip=::1,port=7001,state=wait_bgsave,offset=0,lag=0\r\n\
             # Keyspace\r\ndb10:keys=1,expires=0\r\ndb0:keys=2,expires=0\r\n",
        );
        assert_eq!(
            info.replicas(),
            [
                ("10.0.0.2".to_owned(), 6379, "online".to_owned()),
                ("::1".to_owned(), 7001, "wait_bgsave".to_owned()),
            ]
        );
        assert_eq!(info.databases(), [0, 10]);
        assert!(info.is("role", "master") && info.count("none") == 0);
    }
}
