//! Who called a command.

use super::api::{api, raw};
use super::call::{CallMode, call};
use super::ctx::Ctx;
use super::string::RString;

/// Who called a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The authenticated user; for a script, the user who called it; `None` for modules and the link to the
    /// primary.
    pub(crate) user: Option<Vec<u8>>,
    /// A script of a user who may not call `ACL WHOAMI`: their permissions are unknown.
    pub(crate) unknown: bool,
    /// A description of the connection.
    pub(crate) client: Option<Vec<u8>>,
}

impl Ctx<'_> {
    /// Returns who called the present command.
    pub(crate) fn caller(self) -> Caller {
        // SAFETY: S2. The name is looked up by the client's id: clients that are not linked (scripts, other
        // modules) have no entry and answer null, where RM_GetCurrentUserName would crash.
        let (id, user) = unsafe {
            let id = api!(RedisModule_GetClientId(self.raw()));
            (id, RString::own(api!(RedisModule_GetClientUserNameById(self.raw(), id))))
        };
        let client = user.is_some().then(|| describe(id)).flatten();
        let user = user.map(|name| name.bytes().to_vec());
        let script = user.is_none() && self.flags().script();
        let user = if script { self.script_user() } else { user };
        Caller { unknown: script && user.is_none(), user, client }
    }

    /// Returns who called the present script: its client is not linked, but has the user (`scriptCall`, Redis
    /// 7.0). The server uses that user for a call with the context's permissions, and refuses the call if there is
    /// none (`RM_Call`).
    fn script_user(self) -> Option<Vec<u8>> {
        let who = call(self, c"ACL", CallMode::AsUser, &[RString::new("WHOAMI")]).ok()?.bytes();
        (!who.is_empty()).then_some(who)
    }
}

/// `id=7 addr=127.0.0.1:4242`.
fn describe(id: u64) -> Option<Vec<u8>> {
    let mut info = raw::RedisModuleClientInfoV1 {
        version: raw::REDISMODULE_CLIENTINFO_VERSION.into(),
        flags: 0,
        id: 0,
        addr: [0; 46],
        port: 0,
        db: 0,
    };
    // SAFETY: `info` is a structure of the version that it names.
    let found = unsafe { api!(RedisModule_GetClientInfoById((&raw mut info).cast(), id)) == 0 };
    // C's `char` is signed on x86-64 and unsigned on arm64.
    let addr: Vec<u8> = info.addr.iter().map(|c| c.to_ne_bytes()[0]).take_while(|c| *c != 0).collect();
    found.then(|| {
        let mut text = format!("id={id} addr=").into_bytes();
        text.extend_from_slice(&addr);
        text.extend_from_slice(format!(":{}", info.port).as_bytes());
        text
    })
}
