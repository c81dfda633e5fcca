//! Rights of a user, looked up by name for one check and forgotten: a user may be deleted at any time.

use super::api::{api, raw};
use super::ctx::Ctx;
use super::string::RString;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// There is no such user (any more).
    NoUser,
}

struct User(*mut raw::RedisModuleUser);

impl User {
    fn find(name: &[u8]) -> Option<Self> {
        let name = RString::new(name);
        // SAFETY: the name is live; the answer is ours to free (S4), or null.
        let user = unsafe { api!(RedisModule_GetModuleUserFromUserName(name.raw())) };
        // Lazily: a handle that is made is freed, and there is nothing to free in null.
        (!user.is_null()).then(|| Self(user))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // SAFETY: S4. Frees the handle, not the user.
        unsafe { api!(RedisModule_FreeModuleUser(self.0)) };
    }
}

/// May the user read this key?
pub(crate) fn may_read(user: &[u8], key: &[u8]) -> Right {
    may(user, key, raw::REDISMODULE_CMD_KEY_ACCESS.cast_signed())
}

fn may(user: &[u8], key: &[u8], access: i32) -> Right {
    let Some(user) = User::find(user) else { return Right::NoUser };
    let key = RString::new(key);
    // SAFETY: user and key are live.
    let granted = unsafe { api!(RedisModule_ACLCheckKeyPermissions(user.0, key.raw(), access)) == 0 };
    if granted { Right::Granted } else { Right::Denied }
}

/// May the user read this key and take out of it?
pub(crate) fn may_take_out(user: &[u8], key: &[u8]) -> Right {
    let access = raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_DELETE;
    may(user, key, access.cast_signed())
}

/// May the user add to this key?
pub(crate) fn may_add(user: &[u8], key: &[u8]) -> Right {
    may(user, key, raw::REDISMODULE_CMD_KEY_INSERT.cast_signed())
}

/// May the user call this command with these arguments (name first), on all the keys that it names?
pub(crate) fn may_call(user: &[u8], argv: &[&[u8]]) -> Right {
    let Some(user) = User::find(user) else { return Right::NoUser };
    let strings: Vec<RString> = argv.iter().map(RString::new).collect();
    let mut argv: Vec<*mut raw::RedisModuleString> = strings.iter().map(RString::raw).collect();
    let argc = i32::try_from(argv.len()).unwrap_or(0);
    // SAFETY: user and strings are live.
    let granted =
        unsafe { api!(RedisModule_ACLCheckCommandPermissions(user.0, argv.as_mut_ptr(), argc)) == 0 };
    if granted { Right::Granted } else { Right::Denied }
}

/// Writes a refusal on a key to ACL LOG.
pub(crate) fn log_denied_key(ctx: Ctx<'_>, user: &[u8], key: &[u8]) {
    let Some(user) = User::find(user) else { return };
    let key = RString::new(key);
    let reason = raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY;
    // SAFETY: S2; user and key are live.
    unsafe { api!(RedisModule_ACLAddLogEntry(ctx.raw(), user.0, key.raw(), reason)) };
}
