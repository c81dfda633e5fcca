//! What the elements of a list are: messages of a kind, or ids of jobs that a library stores elsewhere.

use qadmin_core::ids::{Kept, Library, LookUp, look_ups};
use qadmin_core::kind::MessageKind;
use qadmin_core::request::commands;

use crate::redis::caller::Caller;
use crate::redis::hash::{Hash, OpenedHash};
use crate::redis::key::{Type, type_of};
use crate::redis::{Ctx, RString};
use crate::rights;

/// What most messages look like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recognised {
    /// Messages of this kind, or ids.
    pub(crate) kind: MessageKind,
    /// For ids: the library.
    pub(crate) library: Option<Library>,
}

impl Recognised {
    /// Ids of this library, as the kind that reads its jobs if there is one.
    pub(crate) fn ids_of(library: Library) -> Self {
        Self { kind: library.kind().unwrap_or(MessageKind::Ids), library: Some(library) }
    }

    /// Returns the name of the kind, if it differs from the expected one.
    pub(crate) fn unlike(self, taken_for: MessageKind) -> Option<&'static str> {
        (self.kind != taken_for).then(|| self.kind.spec().name)
    }
}

/// Returns the library whose ids these elements of a list are. The first job that is found decides. A key
/// that the caller may not read is not read. Then the name of the list decides, so that the caller does not
/// learn which keys exist.
pub(crate) fn library_of(ctx: Ctx<'_>, caller: &Caller, list: &[u8], ids: &[Vec<u8>]) -> Option<Library> {
    let found = |place: &LookUp<'_>| match rights::may_read(caller, &commands::PREVIEW, [list, &place.key]) {
        true => is_there(ctx, place),
        false => place.library.names_so(list),
    };
    ids.iter().find_map(|id| look_ups(list, id).iter().find(|place| found(place)).map(|place| place.library))
}

fn is_there(ctx: Ctx<'_>, place: &LookUp<'_>) -> bool {
    let key = RString::new(&place.key);
    if let Kept::String = place.kept {
        return type_of(ctx, &key) == Type::String;
    }
    let OpenedHash::Hash(hash) = Hash::open(ctx, &key) else { return false };
    match place.kept {
        Kept::Hash(fields) => fields.iter().all(|field| hash.get(&RString::new(field)).is_some()),
        Kept::Field(field) => hash.get(&RString::new(field)).is_some(),
        Kept::String => false,
    }
}
