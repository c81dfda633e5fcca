//! The type of a key.

use super::api::{api, raw};
use super::ctx::Ctx;
use super::string::RString;

/// The type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    /// There is no such key.
    Missing,
    /// A string.
    String,
    /// A list.
    List,
    /// A hash.
    Hash,
    /// A set.
    Set,
    /// A sorted set.
    SortedSet,
    /// A stream.
    Stream,
    /// A type of a module, or one that is newer than this.
    Other,
}

/// Returns the type of a key. It does not change the key's idle time.
pub(crate) fn type_of(ctx: Ctx<'_>, name: &RString) -> Type {
    let flags = raw::REDISMODULE_READ | raw::REDISMODULE_OPEN_KEY_NOTOUCH;
    // SAFETY: context and name are live (S2, S4). A null answer (missing key) is accepted by KeyType, and not closed.
    let kind = unsafe {
        let key = api!(RedisModule_OpenKey(ctx.raw(), name.raw(), flags.cast_signed()));
        let kind = api!(RedisModule_KeyType(key));
        if !key.is_null() {
            api!(RedisModule_CloseKey(key));
        }
        kind
    };
    match isize::try_from(kind).unwrap_or(-1) {
        raw::REDISMODULE_KEYTYPE_EMPTY => Type::Missing,
        raw::REDISMODULE_KEYTYPE_STRING => Type::String,
        raw::REDISMODULE_KEYTYPE_LIST => Type::List,
        raw::REDISMODULE_KEYTYPE_HASH => Type::Hash,
        raw::REDISMODULE_KEYTYPE_SET => Type::Set,
        raw::REDISMODULE_KEYTYPE_ZSET => Type::SortedSet,
        raw::REDISMODULE_KEYTYPE_STREAM => Type::Stream,
        _ => Type::Other,
    }
}
