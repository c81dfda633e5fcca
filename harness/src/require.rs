//! Optional components of a machine, which QADMIN_REQUIRE can make mandatory.

use std::env;
use std::io::{self, Write as _};

/// Names the mandatory components, with commas between the names.
const REQUIRE: &str = "QADMIN_REQUIRE";

/// What it may name: a browser with its driver, and the other servers of `make servers`.
const NAMES: [&str; 2] = ["browser", "servers"];

/// Tests cannot run because this machine lacks what they need. One line on standard error says so; it is written where no
/// test runner captures it.
///
/// # Panics
/// If QADMIN_REQUIRE contains `what` or an unknown name.
pub fn leave_out(what: &str, why: &str) {
    let required = env::var(REQUIRE).unwrap_or_default();
    match is_required(what, &required) {
        Ok(false) => _ = writeln!(io::stderr(), "skipped: tests for which there is no {what} here ({why})"),
        Ok(true) => panic!("{REQUIRE} names {what}, and tests that need it cannot run: {why}"),
        Err(unknown) => panic!("{REQUIRE} names {unknown:?}, which is none of {NAMES:?}"),
    }
}

/// Whether the list names it.
///
/// # Errors
/// An unknown name in the list.
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
