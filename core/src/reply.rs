//! A reply as a tree that knows no protocol; the module turns it into RESP, [`Reply::to_json`] into JSON.

/// One reply or a part of one. There are no doubles, and flags are the integers 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Members in their documented order: a map in RESP3, a flat array in RESP2, an object in JSON.
    Map(Vec<(Box<str>, Reply)>),
    /// A list.
    List(Vec<Reply>),
    /// A 64-bit signed integer.
    Int(i64),
    /// Bytes as they are: a bulk string.
    Text(Vec<u8>),
    /// Absent.
    Null,
}
