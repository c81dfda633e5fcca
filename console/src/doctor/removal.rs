//! What has to be known before the module can be removed: other servers, the append-only file, and keys that remain.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use redis::ConnectionAddr;

use super::aof::holds_apply;
use super::ask::{Asked, Asker, items, pairs, text};
use super::facts::Facts;
use super::info::Info;
use crate::shell::quote;

/// How long another server may take to accept a connection and to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two questions.
const PAUSE: Duration = Duration::from_millis(20);
/// How long keys are counted.
const COUNTING: Duration = Duration::from_secs(10);

/// Whether another server has the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    Loaded,
    NotLoaded,
    /// It cannot be asked without a password, or it does not answer.
    Unseen,
}

/// Whether the server at an address that this server names has the module. It gets no user and no password of this connection,
/// so that a server which only pretends to be a replica learns neither.
pub(super) fn module_at(asker: &Asker<'_>, host: &str, port: u16) -> Elsewhere {
    if !matches!(asker.address(), ConnectionAddr::Tcp(..)) {
        return Elsewhere::Unseen;
    }
    let ask = || -> redis::RedisResult<redis::Value> {
        let mut connection = redis::Client::open((host, port))?.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        redis::cmd("MODULE").arg("LIST").query(&mut connection)
    };
    let Ok(reply) = ask() else { return Elsewhere::Unseen };
    let is_ours = |entry: &redis::Value| {
        pairs(entry).iter().any(|(name, value)| name == "name" && text(value).as_deref() == Some("qadmin"))
    };
    if items(&reply).iter().any(is_ours) { Elsewhere::Loaded } else { Elsewhere::NotLoaded }
}

/// The address of another server as `--redis` takes it, quoted for a shell.
pub(super) fn url(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    quote(format!("redis://{host}:{port}").as_bytes())
}

/// Whether the append-only file contains QADMIN.APPLY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// There is no append-only file.
    None,
    /// It does not.
    Clean,
    /// It does.
    Holds,
    /// A rewrite runs or is about to.
    Rewriting,
    /// It is not known, for this reason.
    Unknown(String),
}

impl File {
    pub(super) fn of(asker: &mut Asker<'_>, facts: &Facts) -> Self {
        let info = match &facts.info {
            Ok(info) => info,
            Err(why) => return Self::Unknown(why.to_string()),
        };
        if !info.is("aof_enabled", "1") {
            return Self::None;
        }
        if info.is("aof_rewrite_in_progress", "1") || info.is("aof_rewrite_scheduled", "1") {
            return Self::Rewriting;
        }
        if info.is("aof_last_bgrewrite_status", "err") {
            return Self::Unknown("the last rewrite failed".to_owned());
        }
        let mut read = || -> Result<bool, String> {
            if facts.machine.is_none() {
                return Err("the server's files are not on this machine".to_owned());
            }
            let value = |name: &str| facts.config(name).map_err(|why| why.to_string());
            let (dir, folder, name) = (value("dir")?, value("appenddirname")?, value("appendfilename")?);
            if !is_written(asker) {
                return Err("the server has not written all of it yet".to_owned());
            }
            holds_apply(Path::new(&dir), &folder, &name).map_err(|error| format!("{dir}/{folder}: {error}"))
        };
        match read() {
            Ok(true) => Self::Holds,
            Ok(false) => Self::Clean,
            // The module knows whether the file was rewritten since its last clear.
            Err(_) if info.number("qadmin_aof_can_hold_units") == Some(0) => Self::Clean,
            Err(why) => Self::Unknown(why),
        }
    }
}

/// Waits a moment until the server has written all that it has to append to its file.
fn is_written(asker: &mut Asker<'_>) -> bool {
    let begin = Instant::now();
    loop {
        let info =
            asker.ask(&["INFO", "persistence"]).map(|reply| Info::parse(&text(&reply).unwrap_or_default()));
        if info.is_ok_and(|info| info.number("aof_buffer_length") == Some(0)) {
            return true;
        }
        if begin.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(PAUSE);
    }
}

/// The keys of the module in one database.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    pub(super) records: u64,
    pub(super) journals: u64,
    pub(super) others: u64,
    /// Whether all keys were seen.
    pub(super) complete: bool,
}

impl Keys {
    pub(super) fn count(&self) -> u64 {
        self.records + self.journals + self.others
    }

    fn add(&mut self, name: &str) {
        let sort = match name {
            name if name.starts_with("qadmin:job:") => &mut self.records,
            name if name.starts_with("qadmin:moved:") => &mut self.journals,
            _ => &mut self.others,
        };
        *sort += 1;
    }
}

/// Counts the keys of the module in every database that has keys.
pub(super) fn keys(asker: &mut Asker<'_>, facts: &Facts) -> Asked<BTreeMap<i64, Keys>> {
    let own = asker.db();
    let databases = match &facts.info {
        Ok(info) => info.databases(),
        Err(_) => vec![own],
    };
    let (begin, mut all) = (Instant::now(), BTreeMap::new());
    for db in databases {
        let found = in_database(asker, db, db != own, begin);
        if db != own {
            asker.ask(&["SELECT", &own.to_string()])?;
        }
        let found = found?;
        if found.count() > 0 || !found.complete {
            all.insert(db, found);
        }
    }
    Ok(all)
}

fn in_database(asker: &mut Asker<'_>, db: i64, select: bool, begin: Instant) -> Asked<Keys> {
    if select {
        asker.ask(&["SELECT", &db.to_string()])?;
    }
    let (mut keys, mut cursor) = (Keys::default(), "0".to_owned());
    loop {
        let reply = items(&asker.ask(&["SCAN", &cursor, "MATCH", "qadmin:*", "COUNT", "1000"])?);
        for name in reply.get(1).map(items).unwrap_or_default() {
            keys.add(&text(&name).unwrap_or_default());
        }
        cursor = reply.first().and_then(text).unwrap_or_else(|| "0".to_owned());
        if cursor == "0" {
            keys.complete = true;
            return Ok(keys);
        }
        if begin.elapsed() > COUNTING {
            return Ok(keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, url};

    #[test]
    fn addresses_can_be_typed() {
        assert_eq!(url("10.0.0.2", 6379), "redis://10.0.0.2:6379");
        assert_eq!(url("::1", 7001), "'redis://[::1]:7001'");
        assert_eq!(url("$(id)", 1), "'redis://$(id):1'");
    }

    #[test]
    fn keys_are_told_apart_by_their_names() {
        let mut keys = Keys::default();
        for name in ["qadmin:job:x", "qadmin:job:{7}:x", "qadmin:moved:x", "qadmin:audit", "qadmin:else"] {
            keys.add(name);
        }
        assert_eq!((keys.records, keys.journals, keys.others, keys.count()), (2, 1, 2, 5));
    }
}
