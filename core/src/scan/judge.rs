//! What a scan asks of each message.

use crate::match_notices::{LeftBehind, MatchNotices};
use crate::reply::Reply;

/// What a filter says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Every condition is true.
    pub matched: bool,
    /// The element is no JSON object.
    pub undecodable: bool,
    /// No clause is false, and one is unknown.
    pub unreadable: bool,
    /// It is unknown because of a value that has no meaning for the operator. Only with `unreadable`.
    pub uncompared: bool,
    /// What else there is to know of a match; of a message that does not match, only whether it would by its sender's
    /// texts alone.
    pub match_notices: MatchNotices,
    /// What a match leaves behind elsewhere when it is taken out.
    pub left: LeftBehind,
    /// For [`super::Effect::Group`]: the number of the group that a match is in.
    pub group: u32,
}

/// Decides about messages and describes those that match.
pub trait Judge {
    /// The message that is judged next stands at this index of its list (0 = head), as the list was before the slice. Not
    /// called where messages have no positions.
    fn at(&mut self, _index: u64) {}
    /// The verdict.
    fn judge(&mut self, message: &[u8]) -> Judgement;
    /// The members of a sample row.
    fn describe(&mut self, message: &[u8]) -> Vec<(Box<str>, Reply)>;
    /// Digest of the values by which matches are told apart; nothing if one of them cannot be read. Of the
    /// message that was judged last.
    fn values(&mut self, message: &[u8]) -> Option<u128>;
    /// The work that was done since it was asked for last, beside reading each message once: in steps, of which each is
    /// worth a byte that is read ([`crate::filter::Work`]). None unless the judge says otherwise.
    fn work(&mut self) -> u64 {
        0
    }
}
