//! Who called a command.

use super::api::{api, raw};
use super::call::{CallMode, call};
use super::ctx::Ctx;
use super::string::RString;

/// Who called a command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The authenticated user, of a script the one who called it; `None` for modules and the primary's link.
    pub(crate) user: Option<Vec<u8>>,
    /// A script of somebody who may not say who they are (`ACL WHOAMI`): nobody knows what they may do.
    pub(crate) unknown: bool,
    /// The connection in words.
    pub(crate) client: Option<Vec<u8>>,
}

impl Ctx<'_> {
    /// Who called the running command.
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

    /// Who called the running script: its client is not linked, but has their user (`scriptCall`, Redis 7.0), whom the
    /// server uses for a call with the context's rights and answers with an error if there is none (`RM_Call`).
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
    let addr: Vec<u8> = info.addr.iter().map(|c| c.cast_unsigned()).take_while(|c| *c != 0).collect();
    found.then(|| {
        let mut text = format!("id={id} addr=").into_bytes();
        text.extend_from_slice(&addr);
        text.extend_from_slice(format!(":{}", info.port).as_bytes());
        text
    })
}
