//! Permissions of a user. A user is looked up by name for one check only, because a user may be deleted at any
//! time.
//!
//! The server permits a command if one selector of the user permits the command and all of its keys. It has no
//! call for keys that are not arguments: `RM_ACLCheckCommandPermissions` takes the keys that the command's key
//! specs find in an argument vector, and `RM_ACLCheckKeyPermissions` accepts any selector for each key
//! (`ACLUserCheckKeyPerm`, Redis 7.0 to 8.0, Valkey 7.2 to 9.1), so that the permissions of two selectors would
//! add up. Therefore each selector of a user with selectors becomes a separate user of the module with root rules
//! alone; for such a user both calls say what that selector permits. These users are kept as long as the
//! description of the user stays the same; the server keeps that description until the rules change.

use std::ffi::CString;

use qadmin_core::request::CommandSpec;
use qadmin_core::request::spec::Keys;
use qadmin_core::rules::{self, Rules};

use super::api::{api, raw};
use super::ctx::Ctx;
use super::main_cell::MainCell;
use super::string::RString;

/// Users whose selectors are kept.
const KEPT_MAX: usize = 16;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// There is no such user (any more).
    NoUser,
}

/// How a key is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// It is read.
    Read,
    /// It is read, and messages are removed from it.
    TakeOut,
    /// Messages are added to it.
    Add,
    /// Any key that begins with it can be read. Which one is not known before.
    ReadAny,
    /// Likewise, and such keys are deleted.
    TakeOutAny,
}

impl Access {
    /// Returns the same of all keys that begin with the name.
    pub(crate) fn of_any(self) -> Self {
        match self {
            Self::Read | Self::ReadAny => Self::ReadAny,
            // Nothing is added to messages.
            Self::TakeOut | Self::TakeOutAny | Self::Add => Self::TakeOutAny,
        }
    }

    fn flags(self) -> i32 {
        let flags = match self {
            Self::Read | Self::ReadAny => raw::REDISMODULE_CMD_KEY_ACCESS,
            Self::TakeOut | Self::TakeOutAny => {
                raw::REDISMODULE_CMD_KEY_ACCESS | raw::REDISMODULE_CMD_KEY_DELETE
            }
            Self::Add => raw::REDISMODULE_CMD_KEY_INSERT,
        };
        flags.cast_signed()
    }
}

/// A handle of a user.
struct User(*mut raw::RedisModuleUser);

impl User {
    fn find(name: &[u8]) -> Option<Self> {
        let name = RString::new(name);
        // SAFETY: the name is live; the answer is ours to free (S4), or null.
        let user = unsafe { api!(RedisModule_GetModuleUserFromUserName(name.raw())) };
        // The conversion is lazy: a handle that is created is freed, and null must not be freed.
        (!user.is_null()).then(|| Self(user))
    }

    /// Creates a user of the module, as whom nobody can log in, with these rules; `None` if the server does not
    /// understand the rules.
    fn with_rules(rules: &str) -> Option<Self> {
        let rules = CString::new(rules).ok()?;
        // SAFETY: the name is NUL-terminated and copied; the new user is ours to free (S4).
        let user = Self(unsafe { api!(RedisModule_CreateModuleUser(c"qadmin selector".as_ptr())) });
        // SAFETY: user and rules are live; without a context and a place for it no error text is made.
        let done = unsafe {
            api!(RedisModule_SetModuleUserACLString(
                std::ptr::null_mut(),
                user.0,
                rules.as_ptr(),
                std::ptr::null_mut()
            )) == 0
        };
        done.then_some(user)
    }

    /// Returns the description of the user, as ACL LIST shows it.
    fn description(&self) -> Vec<u8> {
        // SAFETY: the user is live; the answer is ours to free (S4).
        let text = unsafe { RString::own(api!(RedisModule_GetModuleUserACLString(self.0))) };
        text.map(|text| text.bytes().to_vec()).unwrap_or_default()
    }

    fn permits_command(&self, words: &[&[u8]]) -> bool {
        let strings: Vec<RString> = words.iter().map(RString::new).collect();
        let mut argv: Vec<*mut raw::RedisModuleString> = strings.iter().map(RString::raw).collect();
        let argc = i32::try_from(argv.len()).unwrap_or(0);
        // SAFETY: user and strings are live.
        unsafe { api!(RedisModule_ACLCheckCommandPermissions(self.0, argv.as_mut_ptr(), argc)) == 0 }
    }

    /// Returns whether this user may access a key, or all keys that begin with it. Redis 8.2 has a function for the latter;
    /// here the rules are read, so that all servers agree.
    fn permits_key(&self, key: &[u8], access: Access) -> bool {
        if let Access::ReadAny | Access::TakeOutAny = access {
            return rules::permit_all(&self.description(), key, access == Access::TakeOutAny);
        }
        let key = RString::new(key);
        // SAFETY: user and key are live.
        unsafe { api!(RedisModule_ACLCheckKeyPermissions(self.0, key.raw(), access.flags())) == 0 }
    }

    /// For a user without further selectors: returns whether this user may run the command on these keys.
    fn permits(&self, command: &CommandSpec, keys: &[(&[u8], Access)]) -> bool {
        // Rules may name a first argument, which is the first key of the commands that have a key spec. Commands
        // without one are checked with it, too: for the rules, a word that is not the id of a job has no other
        // meaning.
        let mut words = vec![command.name.as_bytes()];
        match command.keys {
            // Only the action that names no key is asked about here: the server checks the others.
            Keys::AfterAction => words.push(b"LIST"),
            _ => words.extend(keys.first().map(|(key, _)| *key)),
        }
        // Some servers say that a command with too few arguments is not permitted (redis/redis pull request
        // 14847).
        let least = usize::try_from(command.arity.unsigned_abs()).unwrap_or(0);
        while words.len() < least {
            words.push(b"-");
        }
        self.permits_command(&words) && keys.iter().all(|(key, access)| self.permits_key(key, *access))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // SAFETY: S4. Frees the handle, and a user only if it is one of our own.
        unsafe { api!(RedisModule_FreeModuleUser(self.0)) };
    }
}

/// The selectors of a user, each as a user of the module.
struct Known {
    name: Vec<u8>,
    description: Vec<u8>,
    selectors: Vec<User>,
}

static KNOWN: MainCell<Vec<Known>> = MainCell::new(Vec::new());

/// Frees what is kept of users, because the module is unloaded.
pub(crate) fn free() {
    if let Some(mut known) = KNOWN.try_borrow_mut() {
        *known = Vec::new();
    }
}

/// Returns whether the user may run the command on all these keys, by one and the same selector. For a command
/// with a key spec the first key is the one that the key spec finds.
pub(crate) fn may(name: &[u8], command: &CommandSpec, keys: &[(&[u8], Access)]) -> Right {
    let Some(user) = User::find(name) else { return Right::NoUser };
    let granted = |granted| if granted { Right::Granted } else { Right::Denied };
    let description = user.description();
    if !description.windows(2).any(|two| two == b" (") {
        return granted(user.permits(command, keys));
    }
    // Nothing that is called below calls this function again.
    let Some(mut known) = KNOWN.try_borrow_mut() else { return Right::Denied };
    let at = known.iter().position(|user| user.name == name && user.description == description);
    let at = at.unwrap_or_else(|| {
        known.retain(|user| user.name != name);
        if known.len() >= KEPT_MAX {
            known.remove(0);
        }
        let rules = Rules::parse(&description).selectors;
        let selectors = rules.iter().filter_map(|rules| User::with_rules(rules)).collect();
        known.push(Known { name: name.to_vec(), description, selectors });
        known.len() - 1
    });
    granted(known[at].selectors.iter().any(|selector| selector.permits(command, keys)))
}

/// Returns whether the server has this command, given with the minimum number of arguments: `rename-command` may
/// have removed it. The check uses a user who may do everything, so a command that this user may not call does not
/// exist.
pub(super) fn is_command(line: &str) -> bool {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    User::with_rules("+@all ~*").is_none_or(|user| user.permits_command(&words))
}

/// Returns whether the user is disabled (`ACL SETUSER name off`). The server's own checks ignore that: it matters
/// when somebody logs in, and existing connections continue.
pub(crate) fn is_off(name: &[u8]) -> bool {
    User::find(name).is_some_and(|user| !Rules::parse(&user.description()).enabled)
}

/// Logs a refusal on a key to ACL LOG.
pub(crate) fn log_denied_key(ctx: Ctx<'_>, user: &[u8], key: &[u8]) {
    let Some(user) = User::find(user) else { return };
    let key = RString::new(key);
    let reason = raw::RedisModuleACLLogEntryReason_REDISMODULE_ACL_LOG_KEY;
    // SAFETY: S2; user and key are live.
    unsafe { api!(RedisModule_ACLAddLogEntry(ctx.raw(), user.0, key.raw(), reason)) };
}
