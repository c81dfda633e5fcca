//! Why an index with fields reads the messages of its list again, or searches among them: texts of `reason`.

pub(super) const REPLACED: &str = "the list was replaced; its messages are read again";
pub(super) const UNTOLD: &str = "the list was changed without a notification; its messages are read again";
pub(super) const SEARCHED: &str =
    "LREM, LINSERT or LTRIM does not report its position, which is being searched";
pub(super) const REMOVED: &str =
    "LREM removed messages and reports no positions; all messages are read again";
pub(super) const TRIMMED: &str =
    "LTRIM removed messages and reports no positions; all messages are read again";
pub(super) const UNFOUND: &str =
    "the place of LREM, LINSERT or LTRIM could not be found for certain; all messages are read again";
pub(super) const EDITED: &str = "LSET or LINSERT does not report its position; all messages are read again";
pub(super) const READ_OTHERWISE: &str = "the setting pickle was changed; all messages are read again";
