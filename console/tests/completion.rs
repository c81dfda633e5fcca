//! Completion in a shell: commands, and live names of the server, none of which means anything to the shell.

use std::os::unix::fs::symlink;
use std::process::Command;

use qadmin_harness::{Server, fill_examples};
use tempfile::TempDir;

use crate::support::{LONG, QUEUE, Run, about, at, filled, finish, program, qadmin, slow, target, tell};

/// No server listens on this port.
const NOWHERE: &str = "redis://127.0.0.1:1";

/// A folder in which the program has its own name.
fn bin() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    symlink(env!("CARGO_BIN_EXE_qadmin"), dir.path().join("qadmin")).expect("a link");
    dir
}

/// What bash offers for the last word of a line, by the function that it calls when the user presses the key.
fn offers(url: &str, line: &str) -> Run {
    const SCRIPT: &str = r#"
        source <(qadmin completions bash)
        COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
        # Bash splits the words of a line at blanks, and at colons and equals signs.
        COMP_WORDS=()
        while IFS= read -r word; do COMP_WORDS+=("$word"); done < <(
            printf '%s' "$1" | sed -e 's/[:=][:=]*/\n&\n/g' -e 's/  */\n/g' -e 's/\n\n/\n/g'; echo)
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _clap_complete_qadmin qadmin "${COMP_WORDS[COMP_CWORD]}" ""
        for one in "${COMPREPLY[@]}"; do printf '%s\n' "$one"; done
    "#;
    let dir = bin();
    let tool = program(url);
    let mut bash = Command::new("bash");
    bash.args(["-c", SCRIPT, "bash", line]).current_dir(dir.path());
    for (name, value) in tool.get_envs() {
        match value {
            Some(value) => bash.env(name, value),
            None => bash.env_remove(name),
        };
    }
    bash.env("PATH", format!("{}:{}", dir.path().display(), std::env::var("PATH").expect("a PATH")));
    let run = finish(bash);
    assert_eq!(run.err, "", "{line}: {run:?}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 1, "nothing ran");
    run
}

fn words(run: &Run) -> Vec<&str> {
    run.out.lines().collect()
}

#[test]
fn every_shell_gets_lines_that_call_the_program() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = at(NOWHERE, &["completions", shell]).ended(0);
        assert!(run.out.contains("COMPLETE") && run.out.contains("qadmin"), "{shell}: {run:?}");
    }
    // A variable of the same name with another meaning changes nothing.
    let mut other = program(NOWHERE);
    other.arg("--version").env("COMPLETE", "1");
    assert!(finish(other).ended(0).out.starts_with("qadmin "));
    assert_eq!(words(&offers(NOWHERE, "qadmin pre")), ["preview"]);
    assert_eq!(words(&offers(NOWHERE, "qadmin clear q --keep-")), ["--keep-one"]);
    // Without a server nothing is offered, and no error disturbs the line.
    assert_eq!(words(&offers(NOWHERE, "qadmin preview ce")), Vec::<&str>::new());
}

#[test]
fn queues_tasks_fields_and_jobs_are_those_of_the_server() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let url = server.url(0);
    tell(&mut server.conn(), "RPUSH rq:queue:default {}");
    tell(&mut server.conn(), "RPUSH rq:queue:high {}");
    let all = |line: &str| {
        let run = offers(&url, line);
        words(&run).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(all("qadmin preview ce"), [QUEUE]);
    assert_eq!(all("qadmin index info c"), [QUEUE]);
    assert_eq!(all("qadmin jobs c"), [QUEUE]);
    // Bash keeps what is before the last colon.
    assert_eq!(all("qadmin preview rq:queue:d"), ["default"]);
    assert_eq!(all("qadmin preview rq:queue:"), ["default", "high"]);
    // The server can be named in the line.
    let port = server.port();
    let elsewhere = offers(NOWHERE, &format!("qadmin -p {port} preview ce"));
    assert_eq!(words(&elsewhere), [QUEUE]);

    assert_eq!(all("qadmin preview celery --task app.tasks.notify.N"), ["app.tasks.notify.Notify"]);
    assert_eq!(all("qadmin preview celery --task nothing"), Vec::<String>::new());
    assert_eq!(all("qadmin stats celery --by tas"), ["task"]);
    assert_eq!(all("qadmin stats celery --by task,retr"), ["task,retries"]);

    let id = "6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02";
    qadmin(&server, &about("clear", &target(), &["--all", "--yes", QUEUE, "--id", id])).ended(0);
    assert_eq!(all("qadmin status 6f1"), [id]);
    assert_eq!(all("qadmin watch 6f1"), Vec::<String>::new(), "the job has ended");
}

#[test]
fn live_jobs_are_offered_where_a_live_job_is_meant() {
    let server = slow();
    filled(&server, LONG);
    let args = ["--all", "--yes", QUEUE, "--no-wait", "--rate", "10", "--json"];
    let json = qadmin(&server, &about("clear", &target(), &args)).ended(0).json();
    let id = json["job_id"].as_str().expect("an id");
    for command in ["watch", "pause", "cancel", "throttle"] {
        assert_eq!(words(&offers(&server.url(0), &format!("qadmin {command} {}", &id[..3]))), [id]);
    }
    qadmin(&server, &["cancel", id]).ended(0);
}

#[test]
fn no_name_runs_anything_or_breaks_the_line() {
    let server = Server::start();
    let mut conn = server.conn();
    let evil = [
        "q$(touch owned)",
        "q`touch owned`",
        "q;touch owned",
        "q\ntouch owned",
        "q|touch owned",
        "q\u{b}touch owned",
        "q*",
        "q'x",
        "q\"x",
        "q\\x",
        "q x",
        "q{a,b}",
        "q\u{1b}[2J",
        "q&",
        "q>owned",
        "q!x",
        "q~",
    ];
    for queue in evil {
        let message = serde_json::json!({"headers": {"task": queue, "id": "x", "lang": "py"}, "body": "", "properties": {}});
        let both = ["tasks", queue].map(|key| redis::cmd("RPUSH").arg(key).arg(message.to_string()).clone());
        for push in both {
            push.exec(&mut conn).expect("RPUSH");
        }
    }
    tell(&mut conn, "RPUSH q-safe {}");
    let url = server.url(0);
    assert_eq!(words(&offers(&url, "qadmin preview q")), ["q-safe"]);
    assert_eq!(words(&offers(&url, "qadmin preview q$(touch owned)")), Vec::<&str>::new());
    assert_eq!(words(&offers(&url, "qadmin preview tasks --task ")), Vec::<&str>::new());
    // The protocols of the other shells contain no such name either.
    for shell in ["zsh", "fish", "elvish"] {
        let mut tool = program(&url);
        tool.args(["--", "qadmin", "preview", "q"]).env("COMPLETE", shell).env("_CLAP_COMPLETE_INDEX", "2");
        let run = finish(tool);
        assert!(
            run.out.contains("q-safe") && !run.out.contains("touch") && run.err.is_empty(),
            "{shell}: {run:?}"
        );
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let server = Server::start();
    tell(&mut server.conn(), "RPUSH celery {}");
    server.freeze();
    assert_eq!(words(&offers(&server.url(0), "qadmin preview ce")), Vec::<&str>::new());
    server.thaw();
}
