//! Completion in a shell: commands, and live names of the server, none of which means anything to the shell.

use std::os::unix::fs::symlink;
use std::process::Command;

use qadmin_harness::{Server, fill_examples, leave_out};
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

/// A shell in that folder, which finds the program there, for the server of this address.
fn shell(name: &str, url: &str, dir: &TempDir) -> Command {
    let mut shell = Command::new(name);
    shell.current_dir(dir.path()).env("TERM", "dumb").env("HOME", dir.path());
    for (name, value) in program(url).get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("PATH", format!("{}:{}", dir.path().display(), std::env::var("PATH").expect("a PATH")));
    shell
}

/// What fish offers for the last word of a line.
fn offers_of_fish(url: &str, line: &str) -> Vec<String> {
    const SCRIPT: &str = "qadmin completions fish | source; complete -C $argv[1]";
    let dir = bin();
    let mut fish = shell("fish", url, &dir);
    fish.args(["--no-config", "-c", SCRIPT, line]);
    let run = finish(fish);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{line}: {run:?}");
    assert!(!dir.path().join("owned").exists());
    // After a tab stands what the word means.
    run.out.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

/// Presses Tab after a line in zsh, and waits until the shell shows this.
fn zsh_shows(url: &str, line: &str, shown: &str) {
    let dir = bin();
    let mut zsh = shell("zsh", url, &dir);
    zsh.args(["-f", "-i"]);
    let mut zsh = rexpect::session::spawn_command(zsh, Some(60_000)).expect("a terminal");
    // The quotes keep the shell's echo of this line from looking like its prompt.
    let prepare =
        "PS1='type''> '; autoload -Uz compinit; compinit -u -d dump; source <(qadmin completions zsh)";
    zsh.send_line(prepare).expect("zsh reads");
    zsh.exp_string("type> ").expect("the prompt");
    zsh.send(&format!("{line}\t")).expect("zsh reads");
    zsh.flush().expect("zsh reads");
    zsh.exp_string(shown).unwrap_or_else(|error| panic!("{line}: {error}"));
    // It ignores the signal by which the end of a session would stop it.
    zsh.send("\u{15}exit\n").expect("zsh reads");
    zsh.flush().expect("zsh reads");
    zsh.exp_eof().expect("zsh ends");
    assert!(!dir.path().join("owned").exists());
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
    let mut bash = shell("bash", url, &dir);
    bash.args(["-c", SCRIPT, "bash", line]);
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

#[test]
fn zsh_and_fish_complete_live_names() {
    if let Some(missing) =
        ["fish", "zsh"].into_iter().find(|shell| Command::new(shell).arg("--version").output().is_err())
    {
        return leave_out("shells", &format!("no {missing}"));
    }
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    tell(&mut server.conn(), "RPUSH rq:queue:default {}");
    redis::cmd("RPUSH").arg("q$(touch owned)").arg("{}").exec(&mut server.conn()).expect("RPUSH");
    let url = server.url(0);

    assert_eq!(offers_of_fish(&url, "qadmin prev"), ["preview"]);
    assert_eq!(offers_of_fish(&url, "qadmin preview ce"), [QUEUE]);
    assert_eq!(offers_of_fish(&url, "qadmin preview rq:queue:d"), ["rq:queue:default"]);
    assert_eq!(offers_of_fish(&url, "qadmin stats celery --by tas"), ["task"]);
    assert_eq!(offers_of_fish(&url, "qadmin preview q"), Vec::<String>::new());

    zsh_shows(&url, "qadmin prev", "qadmin preview");
    zsh_shows(&url, "qadmin preview rq:queue:d", "rq:queue:default");
    zsh_shows(&url, "qadmin preview celery --task app.tasks.notify.N", "app.tasks.notify.Notify");
    // It rings the bell where it has nothing to offer.
    zsh_shows(&url, "qadmin preview q", "\u{7}");
}
