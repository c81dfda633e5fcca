//! A reply as a tree, independent of the protocol. The module turns it into RESP, [`Reply::to_json`] into JSON.

mod json;

/// One reply or a part of one. There are no doubles, and flags are the integers 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Members in their documented order: a map in RESP3, a flat array in RESP2, an object in JSON.
    Map(Vec<(Box<str>, Reply)>),
    /// A list.
    List(Vec<Reply>),
    /// A 64-bit signed integer.
    Int(i64),
    /// Bytes, unchanged: a bulk string.
    Text(Vec<u8>),
    /// Absent. As a member of a map it is left out of RESP, unless VERBOSE is given.
    Null,
    /// Absent, and null in every format: the value of a field that the command named.
    NamedNull,
}

impl Reply {
    /// Starts a map.
    #[must_use]
    pub fn map() -> MapBuilder {
        MapBuilder::default()
    }

    /// Bytes.
    #[must_use]
    pub fn text(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Text(bytes.into())
    }

    /// 0 or 1.
    #[must_use]
    pub fn flag(on: bool) -> Self {
        Self::Int(i64::from(on))
    }

    /// The value, or null.
    #[must_use]
    pub fn opt(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Null, Into::into)
    }

    /// Returns how many bytes the names and texts in it take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Map(members) => members.iter().map(|(name, value)| name.len() + value.bytes()).sum(),
            Self::List(items) => items.iter().map(Self::bytes).sum(),
            Self::Text(text) => text.len(),
            Self::Int(_) | Self::Null | Self::NamedNull => 0,
        }
    }

    /// Removes the members that are [`Reply::Null`] from all maps in it. Elements of lists stay, because they are known by
    /// their position.
    pub fn leave_out_nulls(&mut self) {
        match self {
            Self::Map(members) => {
                members.retain(|(_, value)| *value != Self::Null);
                members.iter_mut().for_each(|(_, value)| value.leave_out_nulls());
            }
            Self::List(items) => items.iter_mut().for_each(Self::leave_out_nulls),
            Self::Int(_) | Self::Text(_) | Self::Null | Self::NamedNull => {}
        }
    }

    /// One line of JSON with the same members in the same order.
    ///
    /// - Integers beyond 2^53-1 in either direction become strings: a browser would round them.
    /// - Bytes that are not UTF-8 are shown as U+FFFD. In a map the member `<name>_b64` right after holds them
    ///   whole, in base64 (standard alphabet, padded). For a member that is a list with such bytes among its
    ///   elements, that member is a list of the same length, null where the element is whole. A list within a list
    ///   has no name for such a member: there only U+FFFD is shown.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        json::write(self)
    }
}

/// A counter as a reply integer.
#[must_use]
pub fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Builds a [`Reply::Map`] in the order of the calls.
#[derive(Debug, Clone, Default)]
pub struct MapBuilder(Vec<(Box<str>, Reply)>);

impl MapBuilder {
    /// Appends a member: an integer, text, a flag (`bool`), an `Option` of one of them, or a tree.
    #[must_use]
    pub fn with(mut self, name: impl Into<Box<str>>, value: impl Into<Reply>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// The map.
    #[must_use]
    pub fn build(self) -> Reply {
        Reply::Map(self.0)
    }
}

impl From<MapBuilder> for Reply {
    fn from(map: MapBuilder) -> Self {
        map.build()
    }
}

impl From<i64> for Reply {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<i32> for Reply {
    fn from(n: i32) -> Self {
        Self::Int(n.into())
    }
}

/// A counter; one that does not fit a signed integer is shown as the largest.
impl From<u64> for Reply {
    fn from(n: u64) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

/// A counter; one that does not fit a signed integer is shown as the largest.
impl From<usize> for Reply {
    fn from(n: usize) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<bool> for Reply {
    fn from(on: bool) -> Self {
        Self::flag(on)
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&[u8]> for Reply {
    fn from(bytes: &[u8]) -> Self {
        Self::text(bytes)
    }
}

impl From<Vec<u8>> for Reply {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Text(bytes)
    }
}

impl From<Vec<Reply>> for Reply {
    fn from(items: Vec<Reply>) -> Self {
        Self::List(items)
    }
}

impl<T: Into<Reply>> From<Option<T>> for Reply {
    fn from(value: Option<T>) -> Self {
        Self::opt(value)
    }
}

#[cfg(test)]
mod tests;
