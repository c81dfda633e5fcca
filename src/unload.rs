//! Whether the module may be unloaded. What an operator has to know is logged: the server tells the caller only that the
//! operation is not possible (`moduleUnload`, Redis 7.0 to 8.0, Valkey 7.2 to 9.1).

use qadmin_core::error::quote;
use qadmin_core::job::Job;

use crate::redis::call::{CallMode, call};
use crate::redis::{self, Ctx, RString};
use crate::{aof, entry, index};

/// Jobs or users that a line names at most.
const NAMED: usize = 3;

/// Refuses to unload while work would be lost. The text of the error is logged.
pub(crate) fn check() -> Result<(), String> {
    let (live, jobs, waiting, shown) = entry::with(|state| {
        let live = state.registry.live();
        (live.len(), named(live.iter().map(name)), state.waiters.len(), state.shown.len())
    })
    .map_err(|error| error.to_string())?;
    if live > 0 || waiting > 0 {
        return Err(format!(
            "not unloaded: live jobs: {live}{jobs}, blocked clients: {waiting}; cancel the jobs with QADMIN.CANCEL ALL, or wait"
        ));
    }
    if shown > 0 {
        return Err(format!(
            "not unloaded: audit entries about shown messages that are not written yet: {shown}; wait until the server accepts \
             writes, or set qadmin.audit-maxlen to 0"
        ));
    }
    if let Some(command) = redis::server::missing(redis::server::ACL) {
        return Err(format!(
            "not unloaded: without the command {command} it is unknown whether ACL rules name commands of this module, and \
             some servers crash if such a rule exists after the unload"
        ));
    }
    // Redis 8.0 and Valkey 8.1 recompute all ACL rules without the commands that were removed, and fail an
    // assertion where a rule names such a command.
    let users = Ctx::detached().map(users_whose_rules_name_us).unwrap_or_default();
    if !users.is_empty() {
        return Err(format!(
            "not unloaded: ACL rules name commands or the category of this module{}, and some servers crash if such a rule \
             exists after the unload; remove those rules first (ACL LIST)",
            named(users.iter().map(|user| format!("user {}", quote(user))))
        ));
    }
    let indexes = index::totals().indexes;
    if indexes > 0 {
        redis::log::notice(&format!(
            "indexes that end with the module: {indexes}; a server without the module does not start with a line qadmin.index in \
             its configuration"
        ));
    }
    if entry::with(|state| Ctx::detached().is_some_and(|ctx| aof::can_hold_units(ctx, &state.totals)))
        .unwrap_or(true)
    {
        redis::log::warning(
            "the append-only file can contain QADMIN.APPLY, and a server without the module does not load such a file: run \
             BGREWRITEAOF before the server is started without the module",
        );
    }
    Ok(())
}

fn name(job: &Job) -> String {
    format!("{} in queue {}", job.id(), quote(&job.start().queue))
}

/// Returns the first of these names in parentheses; nothing if there are none.
fn named(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = if names.len() > NAMED { ", ..." } else { "" };
    let first: Vec<String> = names.take(NAMED).collect();
    if first.is_empty() { String::new() } else { format!(" ({}{more})", first.join(", ")) }
}

/// Returns the names of the users whose ACL rules name a command of this module, or its category.
fn users_whose_rules_name_us(ctx: Ctx<'_>) -> Vec<Vec<u8>> {
    let users = call(ctx, c"ACL", CallMode::Read, &[RString::new("LIST")]).map(|users| users.list());
    // Rules are separated by blanks; those of a selector are in parentheses.
    let is_ours = |word: &[u8]| {
        let word = word.to_ascii_lowercase();
        [&b"+qadmin."[..], b"-qadmin.", b"+@qadmin", b"-@qadmin"].iter().any(|begin| word.starts_with(begin))
    };
    let name = |line: Vec<u8>| {
        let name = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default().to_vec();
        line.split(|byte| b" ()".contains(byte)).any(is_ours).then_some(name)
    };
    users.unwrap_or_default().into_iter().filter_map(name).collect()
}
