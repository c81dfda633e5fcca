//! What kind of server this is, according to its INFO. It is asked only if nothing else shows how it behaves:
//! abilities are known from the functions that the server has ([`super::api`]).

use std::ffi::CStr;
use std::sync::OnceLock;

use super::acl;
use super::api::{api, has};
use super::ctx::Ctx;
use super::string::RString;

/// Returns a field of a section of INFO; `None` if this server has no such field. INFO is made inside the
/// server, so it does not matter whether the command is renamed.
fn field(ctx: Ctx<'_>, section: &CStr, field: &CStr) -> Option<Vec<u8>> {
    // SAFETY: S2; the names are NUL-terminated. The data is ours to free, and so is the string, which is null
    // where there is no such field.
    unsafe {
        let data = api!(RedisModule_GetServerInfo(ctx.raw(), section.as_ptr()));
        let value =
            RString::own(api!(RedisModule_ServerInfoGetField(std::ptr::null_mut(), data, field.as_ptr())));
        api!(RedisModule_FreeServerInfo(std::ptr::null_mut(), data));
        value.map(|value| value.bytes().to_vec())
    }
}

/// Returns a number of the section `persistence` of INFO. The caller can be the module's own section of INFO.
pub(crate) fn persistence(ctx: Ctx<'_>, name: &CStr) -> Option<u64> {
    std::str::from_utf8(&field(ctx, c"persistence", name)?).ok()?.parse().ok()
}

/// Returns whether the last rewrite of the append-only file succeeded, or there was none.
pub(crate) fn last_rewrite_succeeded(ctx: Ctx<'_>) -> bool {
    field(ctx, c"persistence", c"aof_last_bgrewrite_status").is_some_and(|status| status == b"ok")
}

/// Commands of the server, each as a line with the arguments that it needs at least.
pub(crate) type Lines = &'static [&'static str];

/// Commands that write and read the records of clears.
pub(crate) const RECORD: Lines = &["HSET k f v", "PEXPIRE k 1", "HDEL k f", "HGETALL k"];
/// The command that reads them.
pub(crate) const RECORD_READ: Lines = &["HGETALL k"];
/// Commands that walk along the index of unacknowledged messages.
pub(crate) const HELD: Lines = &["ZCARD k", "ZCOUNT k 0 1", "ZRANGE k 0 1"];
/// Commands that remove from hash and index.
pub(crate) const HELD_OUT: Lines = &["HDEL k f", "ZREM k m"];
/// Commands that read a sorted set of messages.
pub(crate) const SORTED: Lines = &["ZCARD k", "ZCOUNT k 0 1", "ZRANGE k 0 1", "ZSCORE k m"];
/// Commands that take messages out of it.
pub(crate) const SORTED_OUT: Lines = &["ZREM k m"];
/// Commands that remove ids from a sorted set, and their messages.
pub(crate) const IDS_OUT: Lines = &["ZREM k m", "HDEL k f", "UNLINK k", "SMEMBERS k", "SREM k m"];
/// Commands that move them to another one.
pub(crate) const SORTED_MOVE: Lines = &["ZADD k 1 m", "ZMSCORE k m"];
/// The command that shows, in a cluster, whether a missing queue has moved to another node.
pub(crate) const MOVED: Lines = &["EXISTS k"];
/// The command that returns who called a script, and the rules of users.
pub(crate) const ACL: Lines = &["ACL WHOAMI"];
/// Commands that read the bindings of kombu's exchanges.
pub(crate) const BINDINGS: Lines = &["SCARD k", "SRANDMEMBER k"];
/// Commands without which less is reported, and nothing fails: the number of unacknowledged messages, the
/// audit stream, whether each write is synced, whether there are subscribers.
const OTHERS: Lines = &["HLEN k", "XADD k * f v", "CONFIG GET appendfsync", "PUBSUB NUMPAT"];

/// All commands that the module calls.
const ALL: [Lines; 11] =
    [RECORD, HELD, HELD_OUT, SORTED, SORTED_OUT, IDS_OUT, SORTED_MOVE, MOVED, ACL, BINDINGS, OTHERS];

/// Returns the name of the first of these commands that the server does not have because of `rename-command`.
/// The answer does not change after modules were loaded.
pub(crate) fn missing(commands: Lines) -> Option<&'static str> {
    lines()
        .zip(0..)
        .find(|(line, bit)| is_missing(*bit) && commands.contains(line))
        .map(|(line, _)| name(line))
}

/// Returns the names of all commands that the module calls and the server does not have.
pub(crate) fn all_missing() -> Vec<&'static str> {
    let missing = lines().zip(0..).filter(|(_, bit)| is_missing(*bit));
    let mut names: Vec<_> = missing.map(|(line, _)| name(line)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn lines() -> impl Iterator<Item = &'static str> {
    ALL.into_iter().flatten().copied()
}

/// Returns whether the command at this position of all commands is missing. The results are bits of a number,
/// because memory that a static owns is not freed when the library is unloaded.
fn is_missing(bit: u32) -> bool {
    static MISSING: OnceLock<u64> = OnceLock::new();
    let missing = MISSING.get_or_init(|| {
        let bits = |(line, bit): (&str, u32)| u64::from(!acl::is_command(line)) << bit;
        let missing = lines().zip(0..).map(bits).fold(0, |all, bit| all | bit);
        // No configuration removes all of them. If all seem to be missing, this server cannot answer the
        // question.
        if missing.count_ones() as usize == lines().count() { 0 } else { missing }
    });
    missing >> bit & 1 == 1
}

fn name(line: &'static str) -> &'static str {
    line.split_once(' ').map_or(line, |(name, _)| name)
}

/// Returns how many percent of `maxmemory` are in use; 0 if there is no such limit.
pub(crate) fn used_memory_percent() -> u64 {
    if !has!(RedisModule_GetUsedMemoryRatio) {
        return 0;
    }
    // SAFETY: the function is there, and takes nothing.
    let ratio = unsafe { api!(RedisModule_GetUsedMemoryRatio()) };
    let percent = ratio * 100.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a ratio that makes no sense is 0 or huge"
    )]
    let percent = percent as u64;
    percent
}

/// Returns whether this server is Valkey.
pub(super) fn is_valkey(ctx: Ctx<'_>) -> bool {
    field(ctx, c"server", c"valkey_version").is_some()
}

/// Returns whether this server moves clients to another database when a module follows the events of all
/// keys. From Valkey 8.1 on, a notification runs on the client that executes the command, selects the
/// database of the event, and does not select the former one again (`moduleNotifyKeyspaceEvent`;
/// valkey-io/valkey pull requests 1819 and 4024). After `MOVE key db` and `COPY key key DB db` the client is
/// in that database. This was seen on Valkey 8.1.1, and not on Valkey 9.1.2 and Redis 7.0.15, 8.0.2 and
/// 8.0.6. Releases between 8.1 and 9.1.2 are treated as affected, which costs little if they are not. A
/// cluster has only one database before Valkey 9.0, so clients cannot be moved there.
pub(super) fn moves_clients(ctx: Ctx<'_>) -> bool {
    let version = field(ctx, c"server", c"valkey_version");
    version.is_some_and(|version| affected(&version, ctx.flags().cluster()))
}

fn affected(version: &[u8], cluster: bool) -> bool {
    let text = String::from_utf8_lossy(version);
    let mut parts = text.split('.').map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..digits].parse::<u32>().unwrap_or(0)
    });
    let mut next = || parts.next().unwrap_or(0);
    let first = if cluster { (9, 0, 0) } else { (8, 1, 0) };
    (first..(9, 1, 2)).contains(&(next(), next(), next()))
}
