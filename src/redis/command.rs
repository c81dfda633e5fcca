//! Registration of commands: the table's rows become commands with flags, key specs and documentation.

use std::ffi::{CString, c_char, c_int};
use std::ptr;
use std::sync::OnceLock;

use qadmin_core::error::{Error, ServerError};
use qadmin_core::request::CommandSpec;
use qadmin_core::request::spec::{Arg, ArgKind, KeyAccess, Keys};

use super::api::{api, has, raw};
use super::ctx::{Ctx, arguments};
use super::guard::guard;
use super::reply;

/// A command and its handler.
pub(crate) struct Handler {
    /// Its row.
    pub(crate) spec: &'static CommandSpec,
    /// The handler: it takes context and arguments after the name, and either sends exactly one reply or blocks
    /// the client.
    pub(crate) run: fn(Ctx<'_>, &[&[u8]]),
    /// The positions of the keys, for commands without a key spec (the name is 0).
    pub(crate) key_at: fn(&[&[u8]]) -> Option<usize>,
}

/// The largest number of commands that can be registered: one entry point each.
pub(crate) const HANDLERS_MAX: usize = 20;

// Borrowed, because what a static owns is not freed when the library is unloaded.
static HANDLERS: OnceLock<&'static [Handler]> = OnceLock::new();

type EntryPoint = extern "C" fn(*mut raw::RedisModuleCtx, *mut *mut raw::RedisModuleString, c_int) -> c_int;

static ENTRY_POINTS: [EntryPoint; HANDLERS_MAX] = [
    entry::<0>,
    entry::<1>,
    entry::<2>,
    entry::<3>,
    entry::<4>,
    entry::<5>,
    entry::<6>,
    entry::<7>,
    entry::<8>,
    entry::<9>,
    entry::<10>,
    entry::<11>,
    entry::<12>,
    entry::<13>,
    entry::<14>,
    entry::<15>,
    entry::<16>,
    entry::<17>,
    entry::<18>,
    entry::<19>,
];

extern "C" fn entry<const N: usize>(
    raw_ctx: *mut raw::RedisModuleCtx,
    argv: *mut *mut raw::RedisModuleString,
    argc: c_int,
) -> c_int {
    // SAFETY: S2: context and arguments are valid for this callback.
    let (ctx, args) = unsafe { (Ctx::new(raw_ctx), arguments(argv, argc, 1)) };
    let Some(handler) = HANDLERS.get().and_then(|handlers| handlers.get(N)) else { return 0 };
    if handler.spec.keys.are_found_by_callback() {
        // This comes first, because in such a call there is no client to ask anything else about. SAFETY: S2.
        if unsafe { api!(RedisModule_IsKeysPositionRequest(raw_ctx)) } != 0 {
            let at = guard("the keys of a command", || (handler.key_at)(&args)).flatten();
            if let Some(at) = at.and_then(|at| c_int::try_from(at).ok()) {
                let flags = raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS;
                // SAFETY: S2, in a keys position request.
                unsafe { api!(RedisModule_KeyAtPosWithFlags(raw_ctx, at, flags.cast_signed())) };
            }
            return 0;
        }
    }
    // A panic comes before the reply is sent, because handlers send it last.
    if guard(handler.spec.name, || (handler.run)(ctx, &args)).is_none() {
        reply::error(ctx, &Error::Server(ServerError::Internal));
    }
    0
}

/// Registers all commands.
///
/// # Errors
/// The name of the first command that the server refuses.
pub(crate) fn register(ctx: Ctx<'_>, handlers: &'static [Handler]) -> Result<(), &'static str> {
    let category = has!(RedisModule_AddACLCategory)
        // SAFETY: the function is there; the name is copied. An existing category of that name is refused
        // with EBUSY, which is as good.
        && unsafe { api!(RedisModule_AddACLCategory(ctx.raw(), c"qadmin".as_ptr())) } == 0;
    for (at, handler) in handlers.iter().enumerate() {
        // A table with more commands than entry points does not compile, so none is left out silently.
        let Some(entry) = ENTRY_POINTS.get(at).copied() else { return Err(handler.spec.name) };
        if !create(ctx, handler.spec, entry, category) {
            return Err(handler.spec.name);
        }
    }
    let _ = HANDLERS.set(handlers);
    Ok(())
}

fn create(ctx: Ctx<'_>, spec: &'static CommandSpec, entry: EntryPoint, own_category: bool) -> bool {
    let mut arena = Arena::default();
    let name = arena.string(spec.name);
    let flags = arena.string(&spec.flags.join(" "));
    let has_categories = has!(RedisModule_SetCommandACLCategories);
    let (first, last, step) = match spec.keys {
        Keys::At { index, .. } => (c_int::from(index), c_int::from(index), 1),
        Keys::None | Keys::OptionalQueue | Keys::AfterAction => (0, 0, 0),
    };
    // SAFETY: S2; the strings are copied by the server; the entry point lives as long as the library.
    unsafe {
        if api!(RedisModule_CreateCommand(ctx.raw(), name, Some(entry), flags, first, last, step)) != 0 {
            return false;
        }
        let command = api!(RedisModule_GetCommand(ctx.raw(), name));
        if command.is_null() {
            return false;
        }
        if has_categories {
            let categories: Vec<&str> =
                spec.categories.iter().copied().filter(|c| own_category || *c != "qadmin").collect();
            let categories = arena.string(&categories.join(" "));
            // After OnLoad it is too late, or this server does not know it: the command keeps the categories that
            // its flags give it.
            api!(RedisModule_SetCommandACLCategories(command, categories));
        }
        let info = arena.info(spec);
        api!(RedisModule_SetCommandInfo(command, &raw const info)) == 0
    }
}

/// Owns what the C structures point to until the server has copied them.
#[derive(Default)]
struct Arena {
    strings: Vec<CString>,
    args: Vec<Box<[raw::RedisModuleCommandArg]>>,
    specs: Vec<Box<[raw::RedisModuleCommandKeySpec]>>,
}

static INFO_VERSION: raw::RedisModuleCommandInfoVersion = raw::RedisModuleCommandInfoVersion {
    version: 1,
    sizeof_historyentry: size_of::<raw::RedisModuleCommandHistoryEntry>(),
    sizeof_keyspec: size_of::<raw::RedisModuleCommandKeySpec>(),
    sizeof_arg: size_of::<raw::RedisModuleCommandArg>(),
};

impl Arena {
    fn string(&mut self, text: &str) -> *const c_char {
        // The table contains no NUL; one would cut the text short.
        let text = CString::new(text).unwrap_or_default();
        self.strings.push(text);
        self.strings.last().map_or(ptr::null(), |text| text.as_ptr())
    }

    fn optional(&mut self, text: Option<&str>) -> *const c_char {
        text.map_or(ptr::null(), |text| self.string(text))
    }

    fn info(&mut self, spec: &CommandSpec) -> raw::RedisModuleCommandInfo {
        raw::RedisModuleCommandInfo {
            version: &raw const INFO_VERSION,
            summary: self.string(spec.summary),
            complexity: self.string(spec.complexity),
            since: self.string(spec.since),
            history: ptr::null_mut(),
            tips: ptr::null(),
            arity: spec.arity,
            key_specs: self.key_specs(spec.keys),
            args: self.arguments(spec.args),
        }
    }

    fn key_specs(&mut self, keys: Keys) -> *mut raw::RedisModuleCommandKeySpec {
        let Keys::At { index, access } = keys else { return ptr::null_mut() };
        let flags = match access {
            KeyAccess::Read => raw::REDISMODULE_CMD_KEY_RO | raw::REDISMODULE_CMD_KEY_ACCESS,
            KeyAccess::ReadDelete => {
                raw::REDISMODULE_CMD_KEY_RW
                    | raw::REDISMODULE_CMD_KEY_ACCESS
                    | raw::REDISMODULE_CMD_KEY_DELETE
            }
        };
        // SAFETY: the structure is plain data for which zero means "nothing".
        let mut spec: raw::RedisModuleCommandKeySpec = unsafe { std::mem::zeroed() };
        spec.flags = flags.into();
        spec.begin_search_type = raw::RedisModuleKeySpecBeginSearchType_REDISMODULE_KSPEC_BS_INDEX;
        spec.bs.index =
            raw::RedisModuleCommandKeySpec__bindgen_ty_1__bindgen_ty_1 { pos: c_int::from(index) };
        spec.find_keys_type = raw::RedisModuleKeySpecFindKeysType_REDISMODULE_KSPEC_FK_RANGE;
        spec.fk.range =
            raw::RedisModuleCommandKeySpec__bindgen_ty_2__bindgen_ty_1 { lastkey: 0, keystep: 1, limit: 0 };
        // SAFETY: as above: the terminator is all zero.
        let end: raw::RedisModuleCommandKeySpec = unsafe { std::mem::zeroed() };
        self.specs.push(Box::new([spec, end]));
        self.specs.last_mut().map_or(ptr::null_mut(), |specs| specs.as_mut_ptr())
    }

    fn arguments(&mut self, args: &[Arg]) -> *mut raw::RedisModuleCommandArg {
        if args.is_empty() {
            return ptr::null_mut();
        }
        let mut list: Vec<raw::RedisModuleCommandArg> = args.iter().map(|arg| self.argument(arg)).collect();
        // SAFETY: plain data; the terminator is all zero.
        list.push(unsafe { std::mem::zeroed() });
        self.args.push(list.into_boxed_slice());
        self.args.last_mut().map_or(ptr::null_mut(), |args| args.as_mut_ptr())
    }

    fn argument(&mut self, arg: &Arg) -> raw::RedisModuleCommandArg {
        let kind = match arg.kind {
            ArgKind::String => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_STRING,
            ArgKind::Integer => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_INTEGER,
            ArgKind::Key => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_KEY,
            ArgKind::Pattern => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PATTERN,
            ArgKind::PureToken => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_PURE_TOKEN,
            ArgKind::OneOf(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_ONEOF,
            ArgKind::Block(_) => raw::RedisModuleCommandArgType_REDISMODULE_ARG_TYPE_BLOCK,
        };
        let flags = [
            (arg.optional, raw::REDISMODULE_CMD_ARG_OPTIONAL),
            (arg.multiple, raw::REDISMODULE_CMD_ARG_MULTIPLE),
            (arg.multiple_token, raw::REDISMODULE_CMD_ARG_MULTIPLE_TOKEN),
        ];
        let flags = flags.into_iter().filter(|(on, _)| *on).fold(0, |all, (_, flag)| all | flag);
        raw::RedisModuleCommandArg {
            name: self.string(arg.name),
            type_: kind,
            key_spec_index: arg.key_spec_index.map_or(-1, c_int::from),
            token: self.optional(arg.token),
            summary: ptr::null(),
            since: self.optional(arg.since),
            flags: flags.cast_signed(),
            deprecated_since: ptr::null(),
            subargs: self.arguments(arg.parts()),
            // Newer servers read it; 7.0 and 7.2 recognise the structure by its size and ignore it.
            display_text: self.optional(arg.display_text),
        }
    }
}
