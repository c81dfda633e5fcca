//! The checks, in the order in which they are shown: what the later ones need comes first.

use std::path::{Path, PathBuf};

use super::ask::{Asker, Unknown};
use super::configuration::Configuration;
use super::facts::{Facts, Module};
use super::machine::{Machine, Obstacle};
use super::removal::File;
use super::version::{self, Version};
use super::{Finding, access, data};
use crate::connection::Server;
use crate::failure::Failure;
use crate::shell::quote;

/// The configuration of the packages, which names every setting with its default.
const SHIPPED: &str = include_str!("../../../packaging/redis.conf");

/// Where a module is looked for that is not loaded.
const USUAL: [&str; 5] = [
    "/usr/lib/redis/modules/libqadmin.so",
    "/usr/lib64/redis/modules/libqadmin.so",
    "/usr/lib/valkey/modules/libqadmin.so",
    "/usr/lib64/valkey/modules/libqadmin.so",
    "/usr/local/lib/redis/modules/libqadmin.so",
];

/// Runs all checks.
///
/// # Errors
/// There is no connection, or the login failed.
pub(crate) fn checks(server: &mut Server) -> Result<Vec<Finding>, Failure> {
    server.reach()?;
    let mut asker = Asker::new(server);
    let facts = Facts::collect(&mut asker);
    let configuration = configuration_of(&facts);
    let mut all = vec![server_version(&facts)];
    all.extend(known_faults(&facts));
    all.push(module(&facts));
    all.extend(module_file(&facts, configuration.as_ref().ok()));
    all.push(next_start(&mut asker, &facts, &configuration));
    if facts.has_module() {
        all.push(settings(&facts));
        all.push(access::commands(&mut asker));
        all.push(access::permissions(&mut asker, &facts));
        all.extend(access::categories(&facts));
        all.push(access::keys(&mut asker));
    }
    all.extend([data::persistence(&facts), data::memory(&facts), data::replication(&facts)]);
    all.extend(data::replicas(&mut asker, &facts));
    if facts.has_module() {
        all.extend([data::units(&facts), data::indexes(&facts), data::records(&facts)]);
    }
    all.extend(data::cluster(&mut asker, &facts));
    Ok(all)
}

/// The lines of the configuration that need the module.
pub(super) fn configuration_of(facts: &Facts) -> Result<Configuration, Unknown> {
    if facts.machine.is_none() {
        return Err(Unknown::Other(
            "the server's files are not on this machine, or INFO is not permitted".to_owned(),
        ));
    }
    let info = facts.info.as_ref().map_err(Clone::clone)?;
    let Some(file) = info.text("config_file") else { return Ok(Configuration::default()) };
    let aclfile = facts.config("aclfile").unwrap_or_default();
    Ok(Configuration::read(Path::new(file), Some(Path::new(&aclfile)).filter(|_| !aclfile.is_empty())))
}

fn server_version(facts: &Facts) -> Finding {
    const CHECK: &str = "server";
    let info = match &facts.info {
        Ok(info) => info,
        Err(why) => return Finding::unknown(CHECK, why),
    };
    let Some(version) = Version::of(info) else {
        return Finding::warning(CHECK, "could not be checked: INFO shows no version");
    };
    if !version.is_supported() {
        return Finding::failure(
            CHECK,
            format!("{version}: the module needs Redis 7.0.6 or Valkey 7.2, or newer"),
        );
    }
    let role = if info.is("role", "slave") { "replica" } else { "primary" };
    let mode = info.text("redis_mode").or_else(|| info.text("server_mode")).unwrap_or("standalone");
    Finding::ok(CHECK, format!("{version}, {mode}, {role}"))
}

/// Faults of this release that concern the module; a warning where this server is used in that way.
fn known_faults(facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "known faults";
    let info = facts.info.as_ref().ok()?;
    let version = Version::of(info)?;
    let mut faults = Vec::new();
    if version.moves_clients() && info.text("cmdstat_copy").is_some() {
        faults.push("COPY with DB leaves a client in the other database, so send SELECT after it; this server has run COPY");
    }
    if version.refuses_to_migrate_slots() && info.is("cluster_enabled", "1") {
        faults.push("CLUSTER MIGRATESLOTS is refused while the module is loaded: move slots key by key");
    }
    Some(if faults.is_empty() {
        Finding::ok(CHECK, format!("none of {version} that concerns this server"))
    } else {
        Finding::warning(CHECK, format!("{version}: {}", faults.join("; ")))
    })
}

fn module(facts: &Facts) -> Finding {
    const CHECK: &str = "module";
    let ours = env!("CARGO_PKG_VERSION");
    match &facts.module {
        Err(why) => Finding::unknown(CHECK, why),
        Ok(None) => {
            let file =
                installed().map_or_else(|| "/path/libqadmin.so".into(), |file| file.display().to_string());
            let finding = Finding::failure(
                CHECK,
                format!(
                    "not loaded. To load it at each start, add this line to the configuration: loadmodule {file}"
                ),
            );
            finding.next(facts.cli.line(&["MODULE", "LOAD", &file]))
        }
        Ok(Some(Module { version, .. })) => {
            let theirs = version::name(*version);
            match version::number(ours) {
                Some(number) if number == *version => {
                    Finding::ok(CHECK, format!("{theirs}, as this program"))
                }
                Some(number) if number > *version => Finding::warning(
                    CHECK,
                    format!(
                        "{theirs}, older than this program ({ours}): restart the server after the newer module is installed"
                    ),
                ),
                _ => Finding::warning(
                    CHECK,
                    format!("{theirs}, newer than this program ({ours}): install the newer program"),
                ),
            }
        }
    }
}

/// The module's file on this machine, where the usual ways to install put it.
fn installed() -> Option<PathBuf> {
    USUAL.iter().map(PathBuf::from).find(|file| file.is_file())
}

/// Whether the server may load the file of the module.
fn module_file(facts: &Facts, configuration: Option<&Configuration>) -> Option<Finding> {
    const CHECK: &str = "module file";
    let loaded = facts.module.as_ref().ok().and_then(Option::as_ref).and_then(|module| module.path.clone());
    let named = configuration.and_then(|all| all.loaded().first().map(|path| (*path).to_owned()));
    let Some(machine) = &facts.machine else {
        let path = loaded?;
        return Some(match misplaced(facts, Path::new(&path)) {
            Some(finding) => finding,
            None => Finding::warning(
                CHECK,
                format!("{path} could not be checked: the server's files are not on this machine"),
            ),
        });
    };
    let file = match loaded.or(named) {
        Some(file) => PathBuf::from(file),
        None => installed()?,
    };
    Some(on_this_machine(facts, machine, &file))
}

fn on_this_machine(facts: &Facts, machine: &Machine, file: &Path) -> Finding {
    const CHECK: &str = "module file";
    let folder = if facts.info.as_ref().ok().and_then(Version::of).is_some_and(|version| version.is_valkey) {
        "/usr/lib/valkey/modules"
    } else {
        "/usr/lib/redis/modules"
    };
    let to = format!("{folder}/libqadmin.so");
    let install = format!("sudo install -D -m 755 {} {to}", quote(file.as_os_str().as_encoded_bytes()));
    let path = file.display();
    match machine.obstacle(file) {
        None => misplaced(facts, file).unwrap_or_else(|| Finding::ok(CHECK, format!("{path} can be loaded"))),
        Some(Obstacle::Missing) => {
            Finding::failure(CHECK, format!("{path} does not exist, so the server does not load it at its next start"))
                .next("sudo make install")
        }
        Some(Obstacle::Unseen(why)) => Finding::warning(CHECK, format!("{path} could not be checked: {why}")),
        Some(Obstacle::Noexec(mount)) => Finding::failure(
            CHECK,
            format!("{path} cannot be loaded: {} is mounted with noexec. Load it from {to}", mount.display()),
        )
        .next(install),
        Some(Obstacle::Service(service, places)) => Finding::failure(
            CHECK,
            format!("{path} cannot be loaded by {service}, which may execute files in {places} only. Load it from {to}"),
        )
        .next(install),
    }
}

/// The services of Debian and Ubuntu may execute files in /usr/lib and /lib only. Whether this server is run by such a service is
/// not known.
fn misplaced(facts: &Facts, file: &Path) -> Option<Finding> {
    let program = facts.info.as_ref().ok()?.text("executable")?;
    let is_of_distribution =
        ["/usr/bin/redis-", "/usr/bin/valkey-"].iter().any(|begin| program.starts_with(begin));
    let is_permitted = ["/usr/lib", "/usr/lib64", "/lib"].iter().any(|folder| file.starts_with(folder));
    (is_of_distribution && !is_permitted).then(|| {
        Finding::warning(
            "module file",
            format!(
                "{} is not in /usr/lib: the service of a distribution may not execute it, and the server would not start",
                file.display()
            ),
        )
    })
}

/// Whether the module is loaded after the next start, too.
fn next_start(
    asker: &mut Asker<'_>,
    facts: &Facts,
    configuration: &Result<Configuration, Unknown>,
) -> Finding {
    const CHECK: &str = "next start";
    let all = match configuration {
        Ok(all) => all,
        Err(why) => return Finding::unknown(CHECK, why),
    };
    if let Some(why) = all.unread.first() {
        return Finding::warning(
            CHECK,
            format!("could not be checked: the configuration cannot be read: {why}"),
        );
    }
    let (loads, has_module) = (all.loaded(), facts.has_module());
    match loads.as_slice() {
        [] if has_module => unloaded_by_a_restart(asker, facts),
        [] if all.lines.is_empty() => Finding::ok(CHECK, "no line of the configuration needs the module"),
        [] => Finding::failure(
            CHECK,
            format!(
                "these lines need the module, which no line loads, so the server does not start: {}",
                all.places()
            ),
        ),
        [file] => Finding::ok(CHECK, format!("the configuration loads {file}")),
        _ => Finding::failure(
            CHECK,
            format!(
                "the configuration loads the module more than once, so the server does not start: {}",
                all.places()
            ),
        ),
    }
}

/// No line loads the module that is loaded.
fn unloaded_by_a_restart(asker: &mut Asker<'_>, facts: &Facts) -> Finding {
    const CHECK: &str = "next start";
    if !facts.info.as_ref().is_ok_and(|info| info.text("config_file").is_some()) {
        return Finding::warning(
            CHECK,
            "the server runs without a configuration file: only an argument --loadmodule loads the module at its next start",
        );
    }
    let found = "no line of the configuration loads the module, so the server starts without it";
    let finding = if File::of(asker, facts) == File::Holds {
        let found = format!("{found}, or not at all, because its append-only file contains QADMIN.APPLY");
        Finding::failure(CHECK, found)
    } else {
        Finding::warning(CHECK, found)
    };
    finding.next(facts.cli.line(&["CONFIG", "REWRITE"]))
}

/// Settings that differ from the default.
fn settings(facts: &Facts) -> Finding {
    const CHECK: &str = "settings";
    match facts.configs("qadmin.") {
        Err(why) => Finding::unknown(CHECK, &why),
        Ok(settings) => {
            let changed = changed(&settings);
            if changed.is_empty() {
                Finding::ok(CHECK, "all have their defaults")
            } else {
                Finding::ok(CHECK, format!("not the default: {}", changed.join(", ")))
            }
        }
    }
}

/// The settings whose values are not the default, each with both.
pub(super) fn changed(settings: &[(String, Vec<u8>)]) -> Vec<String> {
    let default = |name: &str| {
        let lines = SHIPPED.lines().filter_map(|line| line.strip_prefix("# ")?.split_once(' '));
        lines.into_iter().find(|(of, _)| *of == name).map(|(_, value)| value.trim_matches('"'))
    };
    let shown = |value: &[u8]| value.escape_ascii().to_string();
    let differs = |(name, value): &(String, Vec<u8>)| {
        let (value, default) = (shown(value), default(name)?);
        (value != default).then(|| {
            let default = if default.is_empty() { "empty" } else { default };
            format!("{name} {value} (default {default})")
        })
    };
    settings.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn only_what_differs_from_the_default_is_named() {
        let setting = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let all = [
            setting("qadmin.duty", b"50"),
            setting("qadmin.index", b""),
            setting("qadmin.priority-steps", b"0 3 6 9"),
            setting("qadmin.sep", b"\x06\x16"),
        ];
        assert!(changed(&all).is_empty(), "{:?}", changed(&all));
        let all =
            [setting("qadmin.duty", b"30"), setting("qadmin.index", b"celery"), setting("qadmin.sep", b":")];
        assert_eq!(
            changed(&all),
            [
                "qadmin.duty 30 (default 50)",
                "qadmin.index celery (default empty)",
                r"qadmin.sep : (default \x06\x16)"
            ]
        );
    }
}
