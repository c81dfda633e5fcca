//! A sorted set, read by the server's own commands.
//!
//! The iterators for modules (`RM_Zset...`) find a score, but not a position among entries of one score: to
//! continue after an entry they would have to pass all earlier entries of that score again, however many
//! there are. Commands find a position by its rank, in logarithmic time.

use super::call::{CallMode, call};
use super::ctx::Ctx;
use super::string::RString;

/// Returns the number of entries of a sorted set; 0 if it does not exist.
///
/// # Errors
/// Returns the server's error line: `WRONGTYPE` if the key holds another type.
pub(crate) fn len(ctx: Ctx<'_>, key: &RString) -> Result<u64, Vec<u8>> {
    count(ctx, c"ZCARD", &[RString::new(key.bytes())])
}

/// Returns the number of entries with a score below this one.
///
/// # Errors
/// Returns the errors of [`len`].
pub(crate) fn below(ctx: Ctx<'_>, key: &RString, score: f64) -> Result<u64, Vec<u8>> {
    up_to(ctx, key, format!("({score:e}"))
}

/// Returns the number of entries with this score or a lower one.
///
/// # Errors
/// Returns the errors of [`len`].
pub(crate) fn below_or_at(ctx: Ctx<'_>, key: &RString, score: f64) -> Result<u64, Vec<u8>> {
    up_to(ctx, key, format!("{score:e}"))
}

fn up_to(ctx: Ctx<'_>, key: &RString, most: String) -> Result<u64, Vec<u8>> {
    count(ctx, c"ZCOUNT", &[RString::new(key.bytes()), RString::new("-inf"), RString::new(most)])
}

fn count(ctx: Ctx<'_>, command: &std::ffi::CStr, args: &[RString]) -> Result<u64, Vec<u8>> {
    let answer = call(ctx, command, CallMode::Read, args)?;
    Ok(answer.int().and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}

/// Returns the score of a member; `None` if it does not exist.
///
/// # Errors
/// Returns the errors of [`len`].
pub(crate) fn score(ctx: Ctx<'_>, key: &RString, member: &[u8]) -> Result<Option<f64>, Vec<u8>> {
    let answer = call(ctx, c"ZSCORE", CallMode::Read, &[RString::new(key.bytes()), RString::new(member)])?;
    Ok(number(&answer.bytes()))
}

/// Returns for each of these members, in their order, whether the sorted set has it.
///
/// # Errors
/// Returns the errors of [`len`].
pub(crate) fn has<'a>(
    ctx: Ctx<'_>,
    key: &RString,
    members: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<bool>, Vec<u8>> {
    let mut args = vec![RString::new(key.bytes())];
    args.extend(members.map(RString::new));
    let scores = call(ctx, c"ZMSCORE", CallMode::Read, &args)?.list();
    // The reply for a member that does not exist is null, which has no bytes.
    Ok(scores.iter().map(|score| !score.is_empty()).collect())
}

fn number(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok())
}

/// Returns the tags and scores of the entries of these ranks, both ends included; -1 is the last.
///
/// # Errors
/// Returns the errors of [`len`].
pub(crate) fn range(
    ctx: Ctx<'_>,
    key: &RString,
    first: i64,
    last: i64,
) -> Result<Vec<(Vec<u8>, f64)>, Vec<u8>> {
    let [first, last] = [first, last].map(|rank| RString::new(rank.to_string()));
    let args = [RString::new(key.bytes()), first, last, RString::new("WITHSCORES")];
    let mut flat = call(ctx, c"ZRANGE", CallMode::Read, &args)?.list().into_iter();
    let mut pairs = Vec::with_capacity(flat.len() / 2);
    while let (Some(tag), Some(text)) = (flat.next(), flat.next()) {
        pairs.push((tag, number(&text).ok_or_else(|| b"ERR a score is no number".to_vec())?));
    }
    Ok(pairs)
}
