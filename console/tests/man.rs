//! Man pages, help: they need no server.

use crate::support::at;

/// No server listens on this port.
const NOWHERE: &str = "redis://127.0.0.1:1";

#[test]
fn there_is_a_man_page_for_each_command() {
    let run = at(NOWHERE, &["man"]).ended(0);
    assert!(run.out.contains(".TH qadmin 1") && run.out.contains("Exit codes:"), "{run:?}");
    let dir = tempfile::tempdir().expect("a folder");
    at(NOWHERE, &["man", &dir.path().display().to_string()]).ended(0);
    for page in ["qadmin.1", "qadmin-clear.1", "qadmin-throttle.1"] {
        assert!(dir.path().join(page).exists(), "{page}");
    }
}

#[test]
fn help_says_what_the_exit_codes_mean() {
    let run = at(NOWHERE, &["--help"]).ended(0);
    for code in ["0 done", "3 not confirmed", "9 no such job", "130 Ctrl-C"] {
        assert!(run.out.replace('\n', " ").contains(code), "{code}: {run:?}");
    }
    at(NOWHERE, &[]).ended(2);
    at(NOWHERE, &["frobnicate"]).ended(2);
}
