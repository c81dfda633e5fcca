//! What the user of the connection may do, and which commands of the server are missing.

use redis::Value;

use super::Finding;
use super::ask::{Asked, Asker, Unknown, items};
use super::facts::Facts;
use super::rules::User;
use super::version::Version;

/// Each command of the module with arguments that it refuses: where the user may run it, its own error comes back.
const PROBES: [&[&str]; 16] = [
    &["QADMIN.PREVIEW", "qadmin:doctor"],
    &["QADMIN.STATS", "qadmin:doctor"],
    &["QADMIN.FIELDS", "qadmin:doctor", "DOCTOR"],
    &["QADMIN.SHOW", "qadmin:doctor", ""],
    &["QADMIN.QUEUES", "DOCTOR"],
    &["QADMIN.JOBS", "DOCTOR"],
    &["QADMIN.STATUS", "DOCTOR"],
    &["QADMIN.HELP"],
    &["QADMIN.CLEARJOB", "qadmin:doctor"],
    &["QADMIN.UNDO", "DOCTOR"],
    &["QADMIN.CANCEL", "DOCTOR"],
    &["QADMIN.PAUSE", "DOCTOR"],
    &["QADMIN.RESUME", "DOCTOR"],
    &["QADMIN.THROTTLE", "DOCTOR"],
    &["QADMIN.INDEX", "CREATE", "qadmin:doctor", "FIELDS", "0"],
    &["QADMIN.INDEX", "INFO", "qadmin:doctor", "DOCTOR"],
];

/// Commands of the server without which no clear is possible.
const NEEDED: [&str; 4] = ["HSET", "PEXPIRE", "HDEL", "HGETALL"];
/// Commands of the server without which less is possible.
const USED: [&str; 18] = [
    "ZCARD",
    "ZCOUNT",
    "ZRANGE",
    "ZREM",
    "ZSCORE",
    "UNLINK",
    "SMEMBERS",
    "SREM",
    "ZADD",
    "ZMSCORE",
    "EXISTS",
    "ACL",
    "SCARD",
    "SRANDMEMBER",
    "HLEN",
    "XADD",
    "CONFIG",
    "PUBSUB",
];

/// Which commands of the module the user may run.
pub(super) fn permissions(asker: &mut Asker<'_>, facts: &Facts) -> Finding {
    const CHECK: &str = "permissions";
    let (mut may, mut may_not) = (Vec::new(), Vec::new());
    for probe in PROBES {
        let name = match probe {
            ["QADMIN.INDEX", action, ..] => format!("index {}", action.to_ascii_lowercase()),
            [name, ..] => name.trim_start_matches("QADMIN.").to_ascii_lowercase(),
            [] => continue,
        };
        match asker.ask(probe) {
            Err(Unknown::NoRight(_)) => may_not.push(name),
            Err(Unknown::NoCommand(_)) => {}
            _ => may.push(name),
        }
    }
    let who = match &facts.me {
        Ok(name) => format!("the user {name}"),
        Err(_) => "the user of this connection".to_owned(),
    };
    if may.is_empty() {
        let name = facts.me.as_deref().unwrap_or("NAME");
        let viewer = ["preview", "status", "jobs", "queues", "stats", "fields", "help"]
            .map(|name| format!("+qadmin.{name}"));
        let words = ["ACL", "SETUSER", name].map(str::to_owned).into_iter().chain(viewer);
        return Finding::warning(CHECK, format!("{who} may run no command of the module"))
            .next(asker.cli.line(&words.collect::<Vec<_>>()));
    }
    if may_not.is_empty() {
        return Finding::ok(CHECK, format!("{who} may run all commands of the module"));
    }
    Finding::ok(CHECK, format!("{who} may run {}, and may not run {}", may.join(", "), may_not.join(", ")))
}

/// Whether the user may read the keys of the module.
pub(super) fn keys(asker: &mut Asker<'_>) -> Finding {
    const CHECK: &str = "keys";
    let mut right = String::new();
    for probe in [&["XRANGE", "qadmin:audit", "-", "+", "COUNT", "1"][..], &["GET", "qadmin:audit"]] {
        match asker.ask(probe) {
            Err(Unknown::NoRight(name)) if right.is_empty() => right = name,
            Err(Unknown::NoRight(_) | Unknown::NoCommand(_)) => {}
            Err(Unknown::Other(why)) if why.contains("NOPERM") => {
                return Finding::ok(
                    CHECK,
                    "this user may not read the keys qadmin:* (audit stream and records)",
                );
            }
            _ => {
                return Finding::ok(
                    CHECK,
                    "this user may read the keys qadmin:* (audit stream and records); a user who may also write them can forge \
                     records",
                );
            }
        }
    }
    Finding::unknown(CHECK, &Unknown::NoRight(right))
}

/// Whether a user is meant to be kept from dangerous commands by a category, on a server where that does not work.
pub(super) fn categories(facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "categories";
    let version = facts.info.as_ref().ok().and_then(Version::of)?;
    if !version.ignores_categories() || !facts.has_module() {
        return None;
    }
    Some(match &facts.users {
        Err(why) => Finding::unknown(CHECK, why),
        Ok(lines) => {
            let users = lines.iter().filter_map(|line| User::parse(line)).filter(User::relies_on_categories);
            let names: Vec<&str> = users.map(|user| user.name).collect();
            if names.is_empty() {
                Finding::ok(
                    CHECK,
                    format!("no user relies on categories, which {version} ignores for commands of modules"),
                )
            } else {
                let finding = Finding::warning(
                    CHECK,
                    format!(
                        "{version} ignores categories for commands of modules: -@dangerous does not keep {} from clearing",
                        names.join(", ")
                    ),
                );
                names.iter().fold(finding, |finding, name| {
                    let dangerous = ["clearjob", "undo", "cancel", "pause", "resume", "throttle"];
                    let rules = dangerous.map(|command| format!("-qadmin.{command}"));
                    let words = ["ACL", "SETUSER", name].map(str::to_owned).into_iter().chain(rules);
                    let line = words.collect::<Vec<_>>();
                    finding.next(facts.cli.line(&line))
                })
            }
        }
    })
}

/// Whether the server has the commands that the module calls, under their names.
pub(super) fn commands(asker: &mut Asker<'_>) -> Finding {
    const CHECK: &str = "commands";
    let missing = |asker: &mut Asker<'_>, names: &[&'static str]| -> Asked<Vec<&'static str>> {
        let words: Vec<&str> = ["COMMAND", "INFO"].into_iter().chain(names.iter().copied()).collect();
        let found = items(&asker.ask(&words)?);
        Ok(names.iter().zip(found).filter(|(_, entry)| *entry == Value::Nil).map(|(name, _)| *name).collect())
    };
    match (missing(asker, &NEEDED), missing(asker, &USED)) {
        (Err(why), _) | (_, Err(why)) => Finding::unknown(CHECK, &why),
        (Ok(needed), Ok(used)) if needed.is_empty() && used.is_empty() => {
            Finding::ok(CHECK, "the server has all commands that the module calls")
        }
        (Ok(needed), Ok(used)) if needed.is_empty() => Finding::warning(
            CHECK,
            format!(
                "the server does not have {} (rename-command): requests that need them are refused or report less",
                used.join(", ")
            ),
        ),
        (Ok(needed), Ok(used)) => Finding::failure(
            CHECK,
            format!(
                "the server does not have {} (rename-command): every clear is refused without {}",
                [needed.clone(), used].concat().join(", "),
                needed.join(", ")
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{NEEDED, USED};

    #[test]
    fn the_commands_are_those_that_the_module_calls() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../src/redis/server.rs");
        let source = fs::read_to_string(file).expect("the module's list");
        let lists = source.lines().filter(|line| line.contains(": Lines = &["));
        let names = lists.flat_map(|line| line.split('"').skip(1).step_by(2));
        let called: BTreeSet<&str> = names.map(|line| line.split(' ').next().unwrap_or_default()).collect();
        let known: BTreeSet<&str> = NEEDED.into_iter().chain(USED).collect();
        assert_eq!(known, called);
    }
}
