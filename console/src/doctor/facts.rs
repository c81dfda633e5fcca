//! What the server is asked once, for all checks.

use std::collections::HashMap;

use redis::Value;

use super::ask::{Asked, Asker, Cli, Unknown, items, pairs, text};
use super::info::Info;
use super::machine::Machine;

/// The parameters of the configuration that the checks need.
const PARAMETERS: [&str; 11] = [
    "qadmin.*",
    "appendonly",
    "appendfsync",
    "appendfilename",
    "appenddirname",
    "dir",
    "save",
    "maxmemory",
    "maxmemory-policy",
    "min-replicas-to-write",
    "aclfile",
];

/// The module, as MODULE LIST shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    pub(super) version: i64,
    /// The file from which it was loaded.
    pub(super) path: Option<String>,
}

/// The server's answers.
pub(super) struct Facts {
    pub(super) info: Asked<Info>,
    config: Asked<HashMap<String, Vec<u8>>>,
    /// `None`: the module is not loaded.
    pub(super) module: Asked<Option<Module>>,
    /// The rules of all users, one line each.
    pub(super) users: Asked<Vec<String>>,
    /// The name of the user of this connection.
    pub(super) me: Asked<String>,
    /// This machine, if the server runs on it.
    pub(super) machine: Option<Machine>,
    /// How to send a command to this server in a shell.
    pub(super) cli: Cli,
}

impl Facts {
    pub(super) fn collect(asker: &mut Asker<'_>) -> Self {
        let info =
            asker.ask(&["INFO", "everything"]).map(|reply| Info::parse(&text(&reply).unwrap_or_default()));
        let words: Vec<&str> = ["CONFIG", "GET"].into_iter().chain(PARAMETERS).collect();
        let config = asker.ask(&words).map(|reply| {
            let bytes = |value: &Value| match value {
                Value::BulkString(bytes) => bytes.clone(),
                other => text(other).unwrap_or_default().into_bytes(),
            };
            pairs(&reply).iter().map(|(name, value)| (name.clone(), bytes(value))).collect()
        });
        let module = asker.ask(&["MODULE", "LIST"]).map(|reply| items(&reply).iter().find_map(module));
        let module = module.or_else(|why| is_loaded(asker, &info, why));
        let users = asker.ask(&["ACL", "LIST"]).map(|reply| items(&reply).iter().filter_map(text).collect());
        let me = asker.ask(&["ACL", "WHOAMI"]).map(|reply| text(&reply).unwrap_or_default());
        let machine = info.as_ref().ok().and_then(|info| Machine::of(asker.address(), info));
        Self { info, config, module, users, me, machine, cli: asker.cli.clone() }
    }

    /// A parameter of the configuration; empty if the server does not have it.
    pub(super) fn config(&self, name: &str) -> Asked<String> {
        Ok(String::from_utf8_lossy(&self.config_bytes(name)?).into_owned())
    }

    fn config_bytes(&self, name: &str) -> Asked<Vec<u8>> {
        self.config.as_ref().map(|all| all.get(name).cloned().unwrap_or_default()).map_err(Clone::clone)
    }

    /// All parameters whose names begin so, in the order of their names.
    pub(super) fn configs(&self, prefix: &str) -> Asked<Vec<(String, Vec<u8>)>> {
        let all = self.config.as_ref().map_err(Clone::clone)?;
        let mut found: Vec<_> = all.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
        found.sort();
        Ok(found.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The systemd service of the server, if it runs on this machine.
    pub(super) fn service(&self) -> Option<String> {
        self.machine.as_ref().and_then(Machine::service_name)
    }

    /// Whether the module is loaded, as far as it is known.
    pub(super) fn has_module(&self) -> bool {
        !matches!(self.module, Ok(None))
    }
}

fn module(entry: &Value) -> Option<Module> {
    let members = pairs(entry);
    let member = |name: &str| members.iter().find(|(member, _)| member == name).map(|(_, value)| value);
    if member("name").and_then(text)? != "qadmin" {
        return None;
    }
    let version = member("ver").and_then(text)?.parse().ok()?;
    Some(Module { version, path: member("path").and_then(text).filter(|path| !path.is_empty()) })
}

/// Without MODULE LIST: whether INFO names the module, or its command HELP exists.
fn is_loaded(asker: &mut Asker<'_>, info: &Asked<Info>, why: Unknown) -> Asked<Option<Module>> {
    match asker.ask(&["QADMIN.HELP"]) {
        Err(Unknown::NoCommand(_)) => return Ok(None),
        Ok(_) | Err(Unknown::NoRight(_)) => {}
        Err(_) => return Err(why),
    }
    let line = info.as_ref().ok().and_then(|info| info.text("module qadmin")).unwrap_or_default();
    match line.split(',').find_map(|member| member.strip_prefix("ver=")?.parse().ok()) {
        Some(version) => Ok(Some(Module { version, path: None })),
        None => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_found_among_others() {
        let word = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let entry = |name: &str| {
            Value::Array(vec![
                word("name"),
                word(name),
                word("ver"),
                Value::Int(100),
                word("path"),
                word("/x.so"),
            ])
        };
        let found = [entry("bloom"), entry("qadmin")].iter().find_map(module);
        assert_eq!(found, Some(Module { version: 100, path: Some("/x.so".to_owned()) }));
        assert_eq!(module(&entry("bloom")), None);
    }
}
