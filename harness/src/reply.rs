//! Reads the module's replies in the same way in RESP2 and RESP3.

use redis::Value;

/// Returns the members of a map reply in the order in which they came: a RESP3 map, or RESP2's flat array.
///
/// # Panics
/// Panics if the reply is not a map.
pub fn map(value: &Value) -> Vec<(String, Value)> {
    match value {
        Value::Map(pairs) => pairs.iter().map(|(name, value)| (text(name), value.clone())).collect(),
        Value::Array(flat) if flat.len() % 2 == 0 => {
            flat.chunks_exact(2).map(|pair| (text(&pair[0]), pair[1].clone())).collect()
        }
        other => panic!("this reply is not a map: {other:?}"),
    }
}

/// Returns the members of each map of a list reply.
///
/// # Panics
/// Panics if the reply is not a list of maps.
pub fn maps(value: &Value) -> Vec<Vec<(String, Value)>> {
    match value {
        Value::Array(items) => items.iter().map(map).collect(),
        other => panic!("this reply is not a list: {other:?}"),
    }
}

/// Returns a string reply of any kind as text; a number as its digits.
///
/// # Panics
/// Panics if the reply is something else.
pub fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        Value::Int(n) => n.to_string(),
        Value::Okay => "OK".to_string(),
        other => panic!("this reply is not a text: {other:?}"),
    }
}

/// Members of a map reply by name. Members that are null are left out of a reply without VERBOSE, so a missing one is
/// null; reading it as a number or a text is a failure.
pub trait Fields {
    /// Returns the member itself; null if it is missing.
    fn get_field(&self, name: &str) -> &Value;

    /// Returns the member itself; `None` if it is missing.
    fn find_field(&self, name: &str) -> Option<&Value>;

    /// Returns whether it is null: missing, or with VERBOSE null.
    fn is_null(&self, name: &str) -> bool {
        matches!(self.find_field(name), None | Some(Value::Nil))
    }

    /// Returns an integer member.
    fn int(&self, name: &str) -> i64 {
        match self.get_field(name) {
            Value::Int(n) => *n,
            other => panic!("{name} is not an integer: {other:?}"),
        }
    }

    /// Returns a string member.
    fn text(&self, name: &str) -> String {
        text(self.get_field(name))
    }

    /// Returns a member that is a list of maps, such as `sample`.
    fn rows(&self, name: &str) -> Vec<Vec<(String, Value)>> {
        maps(self.get_field(name))
    }
}

impl Fields for [(String, Value)] {
    fn get_field(&self, name: &str) -> &Value {
        self.find_field(name).unwrap_or(&Value::Nil)
    }

    fn find_field(&self, name: &str) -> Option<&Value> {
        self.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::{Fields, map};

    #[test]
    fn both_protocols_read_the_same() {
        let name = Value::BulkString(b"count".to_vec());
        let flat = map(&Value::Array(vec![name.clone(), Value::Int(3)]));
        let resp3 = map(&Value::Map(vec![(name, Value::Int(3))]));
        assert_eq!(flat, resp3);
        assert_eq!(flat.int("count"), 3);
    }
}
