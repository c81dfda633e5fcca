//! The steps towards the removal of the module, in their order; docs/remove.md has the same.

use std::path::Path;

use super::ask::{Asked, Asker, Unknown, text};
use super::checks::configuration_of;
use super::configuration::{Configuration, Does};
use super::facts::Facts;
use super::removal::{self, Elsewhere, File, module_at, url};
use super::rules::User;
use super::version::Version;
use super::{Progress, Step};
use crate::connection::Server;
use crate::continuing;
use crate::failure::Failure;
use crate::reply::{Map, Status};
use crate::shell::quote;
use crate::text::counted;
use crate::undo::Undo;

/// Names of jobs that a line shows at most.
const NAMED: usize = 3;

/// Finds out how far each step is.
///
/// # Errors
/// There is no connection, or the login failed.
pub(crate) fn steps(server: &mut Server) -> Result<Vec<Step>, Failure> {
    server.reach()?;
    let mut asker = Asker::new(server);
    let facts = Facts::collect(&mut asker);
    let configuration = configuration_of(&facts);
    let mut all = Vec::new();
    if facts.has_module() {
        let jobs = jobs(&mut asker);
        all.push(live(&facts, &jobs));
        all.extend([interrupted(&facts, &jobs), undo(&jobs)]);
        all.push(indexes(&facts));
    }
    all.extend(servers(&asker, &facts));
    all.extend([append_only_file(&mut asker, &facts), users(&facts, &configuration)]);
    all.push(keys(&mut asker, &facts));
    all.extend([lines(&facts, &configuration), module(&facts, &configuration)]);
    Ok(all)
}

/// The jobs that the server knows and the user may see.
fn jobs(asker: &mut Asker<'_>) -> Asked<Vec<Status>> {
    let reply = asker.ask(&["QADMIN.JOBS", "COUNT", "100", "FORMAT", "JSON"])?;
    let json = serde_json::from_str(&text(&reply).unwrap_or_default()).unwrap_or(serde_json::Value::Null);
    let rows = match json {
        serde_json::Value::Array(rows) => rows,
        _ => Vec::new(),
    };
    Ok(rows.into_iter().map(|row| Status::new(Map::new(row))).collect())
}

fn live(facts: &Facts, jobs: &Asked<Vec<Status>>) -> Step {
    const STEP: &str = "live jobs";
    let counted_by_server = facts.info.as_ref().map(|info| info.number("qadmin_jobs_live"));
    let seen = jobs.as_ref().map(|jobs| jobs.iter().filter(|job| !job.has_ended()).collect::<Vec<_>>());
    let (number, names) = match (counted_by_server, seen) {
        (Ok(Some(number)), Ok(seen)) => (number, names(&seen)),
        (Ok(Some(number)), Err(_)) => (number, String::new()),
        (_, Ok(seen)) if !seen.is_empty() => (seen.len() as u64, names(&seen)),
        (Ok(None), _) => {
            return Step::new(
                STEP,
                Progress::Unknown,
                "could not be checked: INFO shows nothing of the module",
            );
        }
        (Err(why), _) => return Step::unknown(STEP, why),
    };
    if number == 0 {
        return Step::new(STEP, Progress::Done, "none; nobody may start one from here on");
    }
    let found = format!("{} must end first{names}", counted(number, "live job"));
    Step::new(STEP, Progress::Todo, found).next(facts.cli.line(&["QADMIN.CANCEL", "ALL"]))
}

/// The first of these jobs, for people.
fn names(jobs: &[&Status]) -> String {
    let name =
        |job: &&Status| format!("{} ({} of {})", job.job_id, job.kind, String::from_utf8_lossy(&job.queue));
    let first: Vec<String> = jobs.iter().take(NAMED).map(name).collect();
    let more = if jobs.len() > NAMED { ", ..." } else { "" };
    if first.is_empty() { String::new() } else { format!(": {}{more}", first.join(", ")) }
}

fn interrupted(facts: &Facts, jobs: &Asked<Vec<Status>>) -> Step {
    const STEP: &str = "interrupted clears";
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(why) => return Step::unknown(STEP, why),
    };
    let open: Vec<&Status> = jobs.iter().filter(|job| continuing::can_continue(job)).collect();
    if open.is_empty() {
        return Step::new(STEP, Progress::Done, "none that could be continued");
    }
    let found = format!(
        "{} can be continued only while the module is loaded{}",
        counted(open.len() as u64, "clear"),
        names(&open)
    );
    open.iter().take(NAMED).fold(Step::new(STEP, Progress::Choice, found), |step, job| {
        step.next(facts.cli.line(&[b"QADMIN.RESUME", job.job_id.as_bytes(), b"QUEUE", &job.queue]))
    })
}

fn undo(jobs: &Asked<Vec<Status>>) -> Step {
    const STEP: &str = "moved messages";
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(why) => return Step::unknown(STEP, why),
    };
    let open: Vec<Undo> = jobs.iter().filter_map(Undo::of).collect();
    if open.is_empty() {
        return Step::new(STEP, Progress::Done, "no job that could be undone");
    }
    let found =
        format!("{} can be undone only while the module is loaded", counted(open.len() as u64, "job"));
    open.iter()
        .take(NAMED)
        .fold(Step::new(STEP, Progress::Choice, found), |step, undo| step.next(undo.command()))
}

fn indexes(facts: &Facts) -> Step {
    const STEP: &str = "indexes";
    match facts.config("qadmin.index") {
        Err(why) => Step::unknown(STEP, &why),
        Ok(index) if index.is_empty() => Step::new(STEP, Progress::Done, "none"),
        Ok(index) => {
            let end = match index.split(' ').count() {
                1 => "1 index ends".to_owned(),
                n => format!("{n} indexes end"),
            };
            let found =
                format!("{end} with the module, and so does what is known of ages and waits: {index}");
            Step::new(STEP, Progress::Choice, found)
        }
    }
}

/// The order among the servers of a replication.
fn servers(asker: &Asker<'_>, facts: &Facts) -> Option<Step> {
    const STEP: &str = "other servers";
    let info = match &facts.info {
        Ok(info) => info,
        Err(why) => return Some(Step::unknown(STEP, why)),
    };
    let line = |host: &str, port: u16| format!("qadmin doctor --remove --redis {}", url(host, port));
    if info.is("role", "slave") {
        let host = info.text("master_host").unwrap_or_default();
        let port = info.number("master_port").and_then(|port| u16::try_from(port).ok()).unwrap_or(6379);
        return Some(match module_at(asker, host, port) {
            Elsewhere::NotLoaded => {
                Step::new(STEP, Progress::Done, format!("the primary {host}:{port} has the module no longer"))
            }
            Elsewhere::Loaded => {
                Step::new(STEP, Progress::Todo, format!("the primary {host}:{port} still has the module, and is first"))
                    .next(line(host, port))
            }
            Elsewhere::Unseen => Step::new(
                STEP,
                Progress::Unknown,
                format!("whether the primary {host}:{port}, which is first, still has the module cannot be seen from here"),
            )
            .next(line(host, port)),
        });
    }
    let replicas = info.replicas();
    if replicas.is_empty() {
        return None;
    }
    let found =
        format!("this primary is first; each of {} follows", counted(replicas.len() as u64, "replica"));
    let step = Step::new(STEP, Progress::Done, found);
    Some(replicas.iter().fold(step, |step, (host, port, _)| step.next(line(host, *port))))
}

fn append_only_file(asker: &mut Asker<'_>, facts: &Facts) -> Step {
    const STEP: &str = "append-only file";
    let rewrite = facts.cli.line(&["BGREWRITEAOF"]);
    match File::of(asker, facts) {
        File::None => Step::new(STEP, Progress::Done, "none"),
        File::Clean => Step::new(STEP, Progress::Done, "it does not contain QADMIN.APPLY"),
        File::Rewriting => Step::new(STEP, Progress::Todo, "it is being rewritten: wait for the end"),
        File::Holds => {
            Step::new(STEP, Progress::Todo, "it contains QADMIN.APPLY, with which a server without the module does not start")
                .next(rewrite)
        }
        File::Unknown(why) => Step::new(
            STEP,
            Progress::Unknown,
            format!("it can contain QADMIN.APPLY, with which a server without the module does not start ({why}); rewrite it"),
        )
        .next(rewrite),
    }
}

fn users(facts: &Facts, configuration: &Result<Configuration, Unknown>) -> Step {
    const STEP: &str = "rules of users";
    let lines = match &facts.users {
        Ok(lines) => lines,
        Err(why) => return Step::unknown(STEP, why),
    };
    let all = lines.iter().filter_map(|line| User::parse(line));
    let named: Vec<User<'_>> = all.filter(|user| !user.of_module().is_empty()).collect();
    let stored = stored_users(facts, configuration);
    let mut step = match (named.is_empty(), &stored) {
        (true, None) => return Step::new(STEP, Progress::Done, "none names a command of the module"),
        (true, Some((file, _))) => Step::new(
            STEP,
            Progress::Todo,
            format!("{file} still names commands of the module, and no user has such a rule"),
        ),
        (false, _) => {
            let rules: Vec<String> = named
                .iter()
                .map(|user| format!("{} has {}", user.name, user.of_module().join(" ")))
                .collect();
            let forbids = named.iter().any(|user| user.of_module().iter().any(|rule| rule.starts_with('-')));
            let warning = if forbids {
                ". Without a rule that begins with - a user may run that command until the module is removed"
            } else {
                ""
            };
            Step::new(STEP, Progress::Todo, format!("{}{warning}", rules.join(", ")))
        }
    };
    for user in &named {
        step = step.next(facts.cli.line(&user.without()));
    }
    match stored {
        Some((_, command)) => step.next(facts.cli.line(&command)),
        None => step,
    }
}

/// The file in which users with such rules are stored, and the command that writes it again.
fn stored_users(
    facts: &Facts,
    configuration: &Result<Configuration, Unknown>,
) -> Option<(String, [&'static str; 2])> {
    let file = facts.info.as_ref().ok()?.text("config_file")?.to_owned();
    let aclfile = facts.config("aclfile").unwrap_or_default();
    let command = if aclfile.is_empty() { ["CONFIG", "REWRITE"] } else { ["ACL", "SAVE"] };
    let stored = if aclfile.is_empty() {
        file
    } else {
        Path::new(&file).parent()?.join(aclfile).to_string_lossy().into_owned()
    };
    let has_rule = match configuration {
        Ok(all) => all.lines.iter().any(|line| line.does == Does::Permits && line.file == Path::new(&stored)),
        // It cannot be read here. Writing it does no harm.
        Err(_) => facts.users.as_ref().is_ok_and(|lines| {
            lines.iter().filter_map(|line| User::parse(line)).any(|user| !user.of_module().is_empty())
        }),
    };
    has_rule.then_some((stored, command))
}

fn keys(asker: &mut Asker<'_>, facts: &Facts) -> Step {
    const STEP: &str = "keys";
    let databases = match removal::keys(asker, facts) {
        Ok(databases) => databases,
        Err(why) => return Step::new(STEP, Progress::Choice, format!("could not be counted: {why}")),
    };
    if databases.is_empty() {
        return Step::new(STEP, Progress::Done, "none whose name begins with qadmin:");
    }
    let (mut records, mut journals, mut others, mut complete) = (0, 0, 0, true);
    for keys in databases.values() {
        records += keys.records;
        journals += keys.journals;
        others += keys.others;
        complete &= keys.complete;
    }
    let found = format!(
        "{}{}, {} of moved messages, {} such as the audit stream. They do no harm and can stay; records and \
         journals expire. Who deletes them cannot undo or continue jobs later, nor see who cleared what",
        if complete { "" } else { "at least " },
        counted(records, "record"),
        counted(journals, "journal"),
        counted(others, "other key"),
    );
    let step = Step::new(STEP, Progress::Choice, found);
    if facts.info.as_ref().is_ok_and(|info| info.is("role", "slave")) {
        return step;
    }
    databases.keys().fold(step, |step, db| {
        let db = ["-n".to_owned(), db.to_string()];
        let scan = [&db[..], &["--scan", "--pattern", "qadmin:*"].map(str::to_owned)].concat();
        let unlink = [&db[..], &["UNLINK".to_owned()]].concat();
        step.next(format!("{} | xargs -r -n 1 {}", facts.cli.line(&scan), facts.cli.line(&unlink)))
    })
}

/// Lines of the configuration, which are deleted while the server is stopped.
fn lines(facts: &Facts, configuration: &Result<Configuration, Unknown>) -> Step {
    const STEP: &str = "configuration";
    let grep = "grep -rni qadmin /etc/redis /etc/valkey /etc/default /etc/systemd/system";
    let unseen = |why: &str| {
        Step::new(
            STEP,
            Progress::Last,
            format!(
                "its lines could not be read ({why}). Look there on the server's machine, and delete the lines that need the module \
                 while the server is stopped"
            ),
        )
        .next(grep)
    };
    match configuration {
        Err(why) => unseen(&why.to_string()),
        Ok(all) if all.lines.is_empty() && !all.unread.is_empty() => unseen(&all.unread.join(", ")),
        Ok(all) if all.lines.is_empty() => Step::new(STEP, Progress::Done, "no line needs the module"),
        Ok(all) => {
            let permits = all.lines.iter().filter(|line| line.does == Does::Permits).count();
            let sets = all.lines.iter().filter(|line| line.does == Does::Sets).count();
            let unread = if all.unread.is_empty() {
                String::new()
            } else {
                format!("; other lines could not be read ({})", all.unread.join(", "))
            };
            let found = format!(
                "stop the server and delete {} (loadmodule: {}, settings: {sets}, whole users: {permits}){unread}",
                all.places(),
                all.loaded().len()
            );
            let lines = stop(facts).into_iter().chain(all.deletions());
            lines.fold(Step::new(STEP, Progress::Last, found), Step::next)
        }
    }
}

/// Lines that stop the server without losing what it keeps in memory only.
fn stop(facts: &Facts) -> Vec<String> {
    let has_file = facts.info.as_ref().is_ok_and(|info| info.is("aof_enabled", "1"));
    let has_snapshots = facts.config("save").is_ok_and(|save| !save.is_empty());
    match facts.service() {
        Some(service) => {
            // The service sends a signal, after which a server without save points writes no snapshot.
            let save =
                (!has_file && !has_snapshots).then(|| facts.cli.line(&["CONFIG", "SET", "save", "3600 1"]));
            save.into_iter().chain([format!("sudo systemctl stop {}", quote(service.as_bytes()))]).collect()
        }
        None if has_file => vec![facts.cli.line(&["SHUTDOWN"])],
        None => vec![facts.cli.line(&["SHUTDOWN", "SAVE"])],
    }
}

fn module(facts: &Facts, configuration: &Result<Configuration, Unknown>) -> Step {
    const STEP: &str = "module";
    if !facts.has_module() {
        return Step::new(STEP, Progress::Done, "not loaded");
    }
    let has_no_lines = configuration.as_ref().is_ok_and(|all| all.lines.is_empty() && all.unread.is_empty());
    let info = facts.info.as_ref().ok();
    let crashes = match info.and_then(Version::of) {
        Some(version) => {
            format!(
                "{version} can crash after the unload of any module, if a client has a command of it queued in MULTI"
            )
        }
        None => "some servers crash after the unload of any module".to_owned(),
    };
    let start = if has_no_lines { "restart the server" } else { "start the server without these lines" };
    let found = format!(
        "{start}. MODULE UNLOAD qadmin removes the module without a restart, but {crashes}. Its reply OK \
         means that the module is removed; an error that it is not, and the server's log then says why in a line that begins with \
         \"not unloaded:\""
    );
    let mut step = Step::new(STEP, Progress::Last, found);
    if has_no_lines {
        step = stop(facts).into_iter().fold(step, Step::next);
    }
    let start = info.and_then(|info| Some((info.text("executable")?, info.text("config_file")?)));
    match (facts.service(), start) {
        (Some(service), _) => step.next(format!("sudo systemctl start {}", quote(service.as_bytes()))),
        (None, Some((program, file))) => {
            step.next(format!("{} {}", quote(program.as_bytes()), quote(file.as_bytes())))
        }
        (None, None) => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_jobs_are_named() {
        let job = |id: &str| {
            Status::new(Map::new(
                serde_json::json!({"job_id": id, "kind": "clear", "status": "running", "queue": "celery"}),
            ))
        };
        let jobs = ["a", "b", "c", "d"].map(job);
        let all: Vec<&Status> = jobs.iter().collect();
        assert_eq!(names(&all[..1]), ": a (clear of celery)");
        assert!(names(&all).ends_with("c (clear of celery), ..."));
        assert_eq!(names(&[]), "");
    }
}
