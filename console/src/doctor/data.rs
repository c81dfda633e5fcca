//! What the server keeps, and what its replicas get.

use super::Finding;
use super::ask::{Asker, Unknown, text};
use super::facts::Facts;
use super::info::Info;
use super::removal::{Elsewhere, module_at, url};

/// The share of `maxmemory`, in percent, from which a server is said to be nearly full.
const NEARLY_FULL: u64 = 95;

/// Runs a check that needs INFO.
fn by_info(check: &'static str, facts: &Facts, run: impl FnOnce(&Info) -> Finding) -> Finding {
    match &facts.info {
        Ok(info) => run(info),
        Err(why) => Finding::unknown(check, why),
    }
}

pub(super) fn persistence(facts: &Facts) -> Finding {
    const CHECK: &str = "persistence";
    by_info(CHECK, facts, |info| {
        if info.is("loading", "1") {
            return Finding::warning(
                CHECK,
                "the server is loading its data; nothing else is known before its end",
            );
        }
        let aof = info.is("aof_enabled", "1");
        if aof && info.is("aof_last_write_status", "err") {
            return Finding::failure(
                CHECK,
                "the last write to the append-only file failed: the server refuses writes",
            );
        }
        if info.is("rdb_last_bgsave_status", "err") {
            let found =
                "the last snapshot failed; with stop-writes-on-bgsave-error the server refuses writes";
            return Finding::failure(CHECK, found).next(facts.cli.line(&["BGSAVE"]));
        }
        if aof && info.is("aof_last_bgrewrite_status", "err") {
            return Finding::warning(CHECK, "the last rewrite of the append-only file failed")
                .next(facts.cli.line(&["BGREWRITEAOF"]));
        }
        let snapshots = facts.config("save").map(|save| !save.is_empty());
        let sync = facts.config("appendfsync").unwrap_or_default();
        let file = match (aof, sync.as_str()) {
            (false, _) => "no append-only file".to_owned(),
            (true, "") => "an append-only file".to_owned(),
            (true, "always") => {
                "an append-only file with appendfsync always, so a clear removes messages once in ten milliseconds at most".to_owned()
            }
            (true, sync) => format!("an append-only file with appendfsync {sync}"),
        };
        match snapshots {
            Ok(true) => Finding::ok(CHECK, format!("{file}; snapshots")),
            Ok(false) if !aof => Finding::ok(
                CHECK,
                "none: a restart loses queues and records, and no clear can be continued after it",
            ),
            Ok(false) => Finding::ok(CHECK, format!("{file}; no snapshots")),
            Err(why) => Finding::ok(CHECK, format!("{file}; whether there are snapshots is unknown ({why})")),
        }
    })
}

pub(super) fn memory(facts: &Facts) -> Finding {
    const CHECK: &str = "memory";
    by_info(CHECK, facts, |info| {
        let (most, used) = (info.count("maxmemory"), info.count("used_memory"));
        if most == 0 {
            return Finding::ok(CHECK, "no maxmemory");
        }
        let percent = used.saturating_mul(100) / most;
        let policy = info.text("maxmemory_policy").unwrap_or("noeviction");
        let cure = |finding: Finding| {
            finding.next(facts.cli.line(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]))
        };
        if policy.starts_with("allkeys") {
            return cure(Finding::warning(
                CHECK,
                format!("maxmemory-policy {policy} evicts queues and records of jobs"),
            ));
        }
        if policy.starts_with("volatile") {
            return cure(Finding::warning(
                CHECK,
                format!("maxmemory-policy {policy} can evict records of jobs"),
            ));
        }
        if percent >= NEARLY_FULL {
            let found =
                format!("{percent} % of maxmemory are in use; beyond it the server refuses every clear");
            return Finding::warning(CHECK, found);
        }
        Finding::ok(CHECK, format!("{percent} % of maxmemory are in use, {policy}"))
    })
}

pub(super) fn replication(facts: &Facts) -> Finding {
    const CHECK: &str = "replication";
    by_info(CHECK, facts, |info| {
        if info.is("role", "slave") {
            let primary = format!(
                "{}:{}",
                info.text("master_host").unwrap_or("?"),
                info.text("master_port").unwrap_or("?")
            );
            if !info.is("master_link_status", "up") {
                return Finding::failure(
                    CHECK,
                    format!("this replica is not connected to its primary {primary}"),
                );
            }
            let failed = info.count("unexpected_error_replies");
            if failed > 0 {
                return Finding::warning(
                    CHECK,
                    format!(
                        "{failed} commands of the primary {primary} failed here, as QADMIN.APPLY does without the module: keys may \
                         differ until the next full synchronization, and the log names the commands"
                    ),
                );
            }
            return Finding::ok(
                CHECK,
                format!("a replica of {primary}: previews work here, clears on the primary"),
            );
        }
        let needed =
            facts.config("min-replicas-to-write").ok().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let good = info.number("min_slaves_good_slaves");
        if let Some(good) = good.filter(|good| *good < needed) {
            return Finding::failure(
                CHECK,
                format!(
                    "min-replicas-to-write is {needed} and {good} replicas are connected: the server refuses every clear"
                ),
            );
        }
        Finding::ok(
            CHECK,
            format!("a primary with {} connected", replicas_of(info.count("connected_slaves"))),
        )
    })
}

fn replicas_of(n: u64) -> String {
    crate::text::counted(n, "replica")
}

/// Whether each replica has the module. Addresses that replicas announce are asked without user and password, because
/// nobody vouches for them.
pub(super) fn replicas(asker: &mut Asker<'_>, facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "replicas";
    let replicas = facts.info.as_ref().ok()?.replicas();
    if replicas.is_empty() {
        return None;
    }
    let (mut have, mut lack, mut unseen) = (Vec::new(), Vec::new(), Vec::new());
    for (host, port, _) in replicas {
        let list = match module_at(asker, &host, port) {
            Elsewhere::Loaded => &mut have,
            Elsewhere::NotLoaded => &mut lack,
            Elsewhere::Unseen => &mut unseen,
        };
        list.push((host, port));
    }
    let names = |list: &[(String, u16)]| {
        list.iter().map(|(host, port)| format!("{host}:{port}")).collect::<Vec<_>>().join(", ")
    };
    let ask = |finding: Finding, list: &[(String, u16)]| {
        let line = |(host, port): &(String, u16)| format!("qadmin doctor --redis {}", url(host, *port));
        list.iter().map(line).fold(finding, Finding::next)
    };
    if !lack.is_empty() {
        let found = format!(
            "{} lack the module and keep what a clear removes; load it there, and let a full synchronization follow",
            names(&lack)
        );
        return Some(ask(Finding::failure(CHECK, found), &lack));
    }
    if !unseen.is_empty() {
        let found = format!("whether {} have the module cannot be seen from here", names(&unseen));
        return Some(ask(Finding::warning(CHECK, found), &unseen));
    }
    Some(Finding::ok(CHECK, format!("{} have the module", names(&have))))
}

/// Units of clears that did not fit the lists of this server.
pub(super) fn units(facts: &Facts) -> Finding {
    const CHECK: &str = "applied units";
    by_info(CHECK, facts, |info| match info.number("qadmin_apply_mismatches") {
        None => Finding::unknown(CHECK, &Unknown::Other("INFO shows nothing of the module".to_owned())),
        Some(0) => Finding::ok(CHECK, "all units of clears fitted the lists of this server"),
        Some(n) => Finding::failure(
            CHECK,
            format!(
                "{n} units of clears did not fit the lists of this server: they differ from the primary's until the next full \
                     synchronization"
            ),
        ),
    })
}

pub(super) fn indexes(facts: &Facts) -> Finding {
    const CHECK: &str = "indexes";
    by_info(CHECK, facts, |info| {
        let (all, suspended) = (info.count("qadmin_indexes"), info.count("qadmin_indexes_suspended"));
        let faults = info.count("qadmin_index_audit_faults");
        if suspended > 0 {
            let found =
                format!("{suspended} of {all} are suspended for lack of memory (qadmin.index-max-memory)");
            return Finding::warning(CHECK, found).next(facts.cli.line(&["QADMIN.INDEX", "LIST"]));
        }
        if faults > 0 {
            let found =
                format!("audits found {faults} faults: another module changes lists without notifications");
            return Finding::warning(CHECK, found).next(facts.cli.line(&["QADMIN.INDEX", "LIST"]));
        }
        Finding::ok(CHECK, if all == 0 { "none".to_owned() } else { format!("{all}, none suspended") })
    })
}

pub(super) fn records(facts: &Facts) -> Finding {
    const CHECK: &str = "jobs";
    by_info(CHECK, facts, |info| {
        let (live, pending) = (info.count("qadmin_jobs_live"), info.count("qadmin_records_owed"));
        if pending > 0 {
            return Finding::warning(
                CHECK,
                format!(
                    "{pending} records of ended jobs are not written yet, because the server refuses writes"
                ),
            );
        }
        Finding::ok(CHECK, format!("{live} live; all records are written"))
    })
}

/// The state of the cluster, and slots of this node that are being moved.
pub(super) fn cluster(asker: &mut Asker<'_>, facts: &Facts) -> Option<Finding> {
    const CHECK: &str = "cluster";
    let enabled = facts.info.as_ref().map(|info| info.is("cluster_enabled", "1"));
    if matches!(enabled, Ok(false)) {
        return None;
    }
    let (state, nodes) = match (asker.ask(&["CLUSTER", "INFO"]), asker.ask(&["CLUSTER", "NODES"])) {
        (Ok(state), Ok(nodes)) => (text(&state).unwrap_or_default(), text(&nodes).unwrap_or_default()),
        // Without INFO it is not known whether there is a cluster.
        (Err(Unknown::Other(_)), _) if enabled.is_err() => return None,
        (Err(why), _) | (_, Err(why)) => return Some(Finding::unknown(CHECK, &why)),
    };
    let state = Info::parse(&state);
    if !state.is("cluster_state", "ok") {
        let found = format!(
            "its state is {}: commands are refused",
            state.text("cluster_state").unwrap_or("unknown")
        );
        return Some(Finding::failure(CHECK, found).next(asker.cli.line(&["CLUSTER", "INFO"])));
    }
    let moving = moving(&nodes);
    if moving > 0 {
        let found = format!(
            "{} of this node are being moved: a clear of a queue that moves ends as interrupted and can be continued there",
            crate::text::counted(moving, "slot")
        );
        return Some(Finding::warning(CHECK, found));
    }
    Some(Finding::ok(CHECK, "its state is ok, and no slot of this node is being moved key by key"))
}

/// The number of slots that this node imports or gives away: `[93->-id]`, `[93-<-id]`.
fn moving(nodes: &str) -> u64 {
    let own =
        nodes.lines().filter(|line| line.split(' ').nth(2).is_some_and(|flags| flags.contains("myself")));
    own.flat_map(|line| line.split(' ')).filter(|word| word.starts_with('[')).count() as u64
}

#[cfg(test)]
mod tests {
    use super::moving;

    #[test]
    fn slots_of_this_node_that_move_are_counted() {
        let nodes = "a1 127.0.0.1:1@2 myself,master - 0 0 1 connected 0-5 [7->-b2] [9-<-b2]\n\
                     b2 127.0.0.1:3@4 master - 0 0 2 connected 6-9 [8->-a1]\n";
        assert_eq!((moving(nodes), moving("")), (2, 0));
    }
}
