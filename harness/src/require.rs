//! Optional components of a machine, which QADMIN_REQUIRE can make mandatory.

use std::env;
use std::io::{self, Write as _};

/// The variable with the names of the mandatory components, separated by commas.
const REQUIRE: &str = "QADMIN_REQUIRE";

/// The names that it can contain: a compiler for arm64 (`make lint` asks for it), axe-core, a browser with its driver,
/// the other servers of `make servers`, the shells zsh and fish, and the parts of `make dist` and `make test-dist`.
const NAMES: [&str; 10] =
    ["arm64", "axe", "browser", "servers", "shells", "dist", "musl", "deb", "rpm", "qemu"];

/// Reports that tests cannot run because this machine lacks a component. The report is one line on standard
/// error, written in a way that no test runner captures.
///
/// # Panics
/// Panics if QADMIN_REQUIRE contains `what` or an unknown name.
pub fn leave_out(what: &str, why: &str) {
    let required = env::var(REQUIRE).unwrap_or_default();
    match is_required(what, &required) {
        Ok(false) => _ = writeln!(io::stderr(), "skipped: tests for which there is no {what} here ({why})"),
        Ok(true) => panic!("{REQUIRE} names {what}, and tests that need it cannot run: {why}"),
        Err(unknown) => panic!("{REQUIRE} names {unknown:?}, which is none of {NAMES:?}"),
    }
}

/// Returns whether the list contains the name.
///
/// # Errors
/// Returns an unknown name in the list.
fn is_required<'a>(what: &str, list: &'a str) -> Result<bool, &'a str> {
    let names = || list.split(',').map(str::trim).filter(|name| !name.is_empty());
    match names().find(|name| !NAMES.contains(name)) {
        Some(unknown) => Err(unknown),
        None => Ok(names().any(|name| name == what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_components_are_required_and_unknown_names_are_refused() {
        for (list, browser, servers) in [
            ("", Ok(false), Ok(false)),
            ("browser", Ok(true), Ok(false)),
            ("servers, browser", Ok(true), Ok(true)),
            ("arm64,browser", Ok(true), Ok(false)),
            ("browsers", Err("browsers"), Err("browsers")),
            ("servers,chromium", Err("chromium"), Err("chromium")),
        ] {
            assert_eq!(
                (is_required("browser", list), is_required("servers", list)),
                (browser, servers),
                "{list}"
            );
        }
    }
}
