//! QADMIN.INDEX: creates, drops and shows indexes.

use qadmin_core::error::{Error, IndexError};
use qadmin_core::index::Definition;
use qadmin_core::reply::Reply;
use qadmin_core::request::{Index, IndexAction, commands};

use super::Answer;
use super::queue::target::depth;
use crate::index;
use crate::redis::{Ctx, RString, list};
use crate::rights::may_read;
use crate::settings;

pub(super) fn run(ctx: Ctx<'_>, request: &Index) -> Result<Answer, Error> {
    let reply = match &request.action {
        IndexAction::Create { queue, kind, fields } => {
            let len = depth(ctx, &RString::new(queue))?;
            let (queue_name, fields) = (queue.clone(), fields.clone());
            let definition = Definition { db: ctx.db(), queue: queue_name, kind: *kind, fields };
            index::create(ctx, definition, settings::now().default_kind(), len)?;
            show(ctx, queue)?
        }
        IndexAction::Drop { queue } => {
            index::remove(ctx.db(), queue)?;
            Reply::map()
                .with("queue", queue.as_slice())
                .with("db", i64::from(ctx.db()))
                .with("dropped", 1)
                .build()
        }
        IndexAction::Info { queue } => show(ctx, queue)?,
        IndexAction::List => list(ctx),
    };
    Ok(Answer::Reply(reply, request.format))
}

fn show(ctx: Ctx<'_>, queue: &[u8]) -> Result<Reply, Error> {
    // A key that holds another type by now has no messages.
    let len = list::len_of(ctx, queue).unwrap_or(0);
    index::show(ctx.db(), queue, len).ok_or_else(|| IndexError::Missing { list: queue.to_vec() }.into())
}

/// Returns the indexes of all lists that the caller may read.
fn list(ctx: Ctx<'_>) -> Reply {
    let (caller, selected) = (ctx.caller(), ctx.db());
    let rows = index::all().into_iter().filter_map(|(db, queue)| {
        if !may_read(&caller, &commands::INDEX, [queue.as_slice()]) {
            return None;
        }
        let len = if ctx.select(db) { list::len_of(ctx, &queue).unwrap_or(0) } else { 0 };
        index::show(db, &queue, len)
    });
    let rows = rows.collect();
    ctx.select(selected);
    Reply::List(rows)
}
