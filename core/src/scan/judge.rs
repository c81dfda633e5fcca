//! What a scan asks about each message.

use crate::match_notices::{LeftBehind, MatchNotices};
use crate::reply::Reply;

/// The verdict of a filter about one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Every condition is true.
    pub matched: bool,
    /// The element is not a JSON object.
    pub undecodable: bool,
    /// There is no message: the record of an id is missing.
    pub missing: bool,
    /// The message matches and is kept, because something else depends on it: it is not `matched`.
    pub kept: bool,
    /// No clause is false, and one is unknown.
    pub unreadable: bool,
    /// It is unknown because of a value that has no meaning for the operator. Only with `unreadable`.
    pub uncompared: bool,
    /// The match notices that apply to a match. For a message that does not match, only whether it would match by
    /// its sender's texts alone.
    pub match_notices: MatchNotices,
    /// What a match leaves elsewhere when it is removed.
    pub left: LeftBehind,
    /// For [`super::Effect::Group`]: the number of the group that a match is in.
    pub group: u32,
}

#[cfg(test)]
impl Judgement {
    /// Returns the verdict about a match of which nothing else is known.
    pub(crate) fn of_match() -> Self {
        Self { matched: true, ..Self::default() }
    }
}

/// Examines messages and describes those that match.
pub trait Judge {
    /// Sets the index of the message that is judged next (0 = head), in its list as it was before the slice. It is
    /// not called if messages have no positions.
    fn at(&mut self, _index: u64) {}
    /// Returns the verdict; `None` if a message does not match, nothing else is to be said of it, and its sender's
    /// texts were not asked, as with most messages. A later pass over the same messages need not read those again.
    fn judge(&mut self, message: &[u8]) -> Option<Judgement>;
    /// Returns whether what is known of a message by a part of it is enough to say what [`Self::judge`] says of most
    /// messages: `None`. A judge that is given parts of messages says the same of the whole ones.
    fn excludes(&mut self, part: &[u8]) -> bool {
        self.judge(part).is_none()
    }
    /// Returns the members of a sample row.
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)>;
    /// Returns the digest of the values by which matches are told apart, for the message that was judged last;
    /// `None` if one of them cannot be read.
    fn values(&mut self, message: &[u8]) -> Option<u128>;
    /// Returns the number of the group of matches with these values, for [`super::Effect::Group`]. A judge that
    /// does not group knows only one group.
    fn group(&mut self, _values: &[u8]) -> u32 {
        0
    }
    /// Returns the work since the last call, in addition to reading each message once, in steps. A step is worth a
    /// byte that is read ([`crate::filter::Work`]). It is 0 by default.
    fn work(&mut self) -> u64 {
        0
    }
}
