//! QADMIN.HELP

use qadmin_core::error::Error;
use qadmin_core::request::{Format, Help};

use super::Answer;
use crate::redis::Ctx;

#[expect(clippy::unnecessary_wraps, reason = "every command may fail; this one does not")]
pub(super) fn run(_: Ctx<'_>, _: &Help) -> Result<Answer, Error> {
    Ok(Answer::Reply(Help::reply(), Format::RESP))
}
