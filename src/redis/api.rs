//! The server's function table: which functions are needed, which are optional.

pub(super) use redis_module::raw;

/// Calls a function of the table. It may be used only for functions in `REQUIRED` or after [`has`] returned true
/// (S3).
macro_rules! api {
    ($name:ident ( $($arg:expr),* $(,)? )) => {
        ($crate::redis::api::raw::$name.expect(stringify!($name)))($($arg),*)
    };
}
pub(super) use api;

/// Returns whether the table has a function.
macro_rules! has {
    ($name:ident) => {{
        // SAFETY: the table is filled once by the server's loader before `OnLoad` goes on (S3), and read
        // on the main thread only (S1).
        let function = unsafe { $crate::redis::api::raw::$name };
        function.is_some()
    }};
}
pub(super) use has;

macro_rules! required {
    ($($name:ident)*) => {
        /// The functions without which the module does not load (all are in Redis 7.0.6 and Valkey 7.2).
        pub(super) fn missing() -> Vec<&'static str> {
            let mut missing = Vec::new();
            $(if !has!($name) { missing.push(stringify!($name)); })*
            missing
        }
    };
}

required! {
    RedisModule_Alloc RedisModule_Realloc RedisModule_Free RedisModule_Calloc
    RedisModule_CreateCommand RedisModule_GetCommand RedisModule_SetCommandInfo
    RedisModule_SetModuleOptions RedisModule_GetServerVersion RedisModule_Log
    RedisModule_RegisterNumericConfig RedisModule_RegisterEnumConfig RedisModule_RegisterStringConfig
    RedisModule_LoadConfigs RedisModule_RegisterInfoFunc
    RedisModule_InfoAddSection RedisModule_InfoAddFieldULongLong RedisModule_InfoAddFieldLongLong
    RedisModule_InfoBeginDictField RedisModule_InfoEndDictField RedisModule_InfoAddFieldCString
    RedisModule_LatencyAddSample
    RedisModule_GetServerInfo RedisModule_ServerInfoGetField RedisModule_FreeServerInfo
    RedisModule_SubscribeToServerEvent RedisModule_SubscribeToKeyspaceEvents RedisModule_NotifyKeyspaceEvent
    RedisModule_EventLoopAdd RedisModule_EventLoopDel
    RedisModule_GetDetachedThreadSafeContext RedisModule_FreeThreadSafeContext
    RedisModule_GetContextFlags RedisModule_GetSelectedDb RedisModule_SelectDb RedisModule_AvoidReplicaTraffic
    RedisModule_GetClientId RedisModule_GetClientUserNameById RedisModule_GetClientInfoById
    RedisModule_GetModuleUserFromUserName RedisModule_FreeModuleUser RedisModule_ACLCheckKeyPermissions
    RedisModule_ACLCheckCommandPermissions RedisModule_ACLAddLogEntry
    RedisModule_CreateModuleUser RedisModule_SetModuleUserACLString RedisModule_GetModuleUserACLString
    RedisModule_IsKeysPositionRequest RedisModule_KeyAtPosWithFlags
    RedisModule_OpenKey RedisModule_CloseKey RedisModule_KeyType RedisModule_ValueLength RedisModule_GetExpire
    RedisModule_ListGet RedisModule_ListDelete RedisModule_ListPush RedisModule_SignalModifiedKey
    RedisModule_HashGet RedisModule_HashSet RedisModule_UnlinkKey RedisModule_ZsetRem
    RedisModule_CreateString RedisModule_FreeString RedisModule_StringPtrLen
    RedisModule_Call RedisModule_CallReplyType RedisModule_CallReplyLength RedisModule_CallReplyArrayElement
    RedisModule_CallReplyStringPtr RedisModule_CallReplyInteger RedisModule_FreeCallReply
    RedisModule_PublishMessage
    RedisModule_ScanCursorCreate RedisModule_ScanCursorDestroy RedisModule_Scan
    RedisModule_Replicate RedisModule_ReplicateVerbatim
    RedisModule_ReplyWithMap RedisModule_ReplyWithArray RedisModule_ReplyWithLongLong
    RedisModule_ReplyWithStringBuffer RedisModule_ReplyWithNull RedisModule_ReplyWithError
    RedisModule_BlockClient RedisModule_UnblockClient RedisModule_SetDisconnectCallback
    RedisModule_GetBlockedClientHandle
}
