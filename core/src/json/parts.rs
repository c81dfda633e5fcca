//! The direct parts of a value that is known to be valid JSON (the members of an object, the items of an
//! array), and the compact text by which two such values are compared.

use super::number::Decimal;
use super::scan::atom;
use super::text::{decode, string_end};
use super::{Shape, inner};

/// Returns the members of an object, in their order, as pairs of raw key (with its quotes) and raw value.
///
/// `raw` must be a valid object. Any other value has no members.
pub(crate) fn members(raw: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
    let mut parts = Parts::new(raw, b'{');
    std::iter::from_fn(move || {
        let key = parts.value()?;
        parts.mark(b':')?;
        let value = parts.value()?;
        parts.separator();
        Some((key, value))
    })
}

/// Returns the items of an array in their order.
///
/// `raw` must be a valid array. Any other value has no items.
pub(crate) fn items(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut parts = Parts::new(raw, b'[');
    std::iter::from_fn(move || {
        let value = parts.value()?;
        parts.separator();
        Some(value)
    })
}

/// A position inside an array or object.
#[derive(Clone)]
struct Parts<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Parts<'t> {
    fn new(text: &'t [u8], opener: u8) -> Self {
        let at = if text.first() == Some(&opener) { 1 } else { text.len() };
        let mut parts = Self { text, at };
        parts.white();
        parts
    }

    fn white(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Moves past `byte` and the space around it.
    fn mark(&mut self, byte: u8) -> Option<()> {
        self.white();
        (self.text.get(self.at) == Some(&byte)).then_some(())?;
        self.at += 1;
        self.white();
        Some(())
    }

    /// Moves past the comma before the next part, if there is one.
    fn separator(&mut self) {
        if self.mark(b',').is_none() {
            self.at = self.text.len();
        }
    }

    /// Moves past one value and returns it; returns `None` at the closing bracket and at the end of the text.
    fn value(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        let end = value_end(self.text, start)?;
        self.at = end;
        self.text.get(start..end)
    }
}

/// Returns the position after the value that starts at `at` in a valid text; `None` if no value starts there.
/// Nesting uses no stack.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)? + 1,
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' if depth > 0 => at += 1,
            _ => at = atom(text, at)?,
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Appends the compact text of a valid JSON value: without space between its parts, with strings decoded and
/// written with as few escapes as possible, and with numbers in their shortest form. The order of members and
/// repeated keys are kept. Two values with the same compact text are equal; two arrays of scalars with
/// different texts are not equal.
///
/// Strings that are not sequences of characters are copied unchanged.
pub(crate) fn compact(raw: &[u8], out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let end = match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'"' => string_end(raw, at + 1).map(|end| end + 1),
            b'[' | b']' | b'{' | b'}' | b',' | b':' => Some(at + 1),
            _ => atom(raw, at),
        };
        let Some(end) = end else { return };
        let token = &raw[at..end];
        match byte {
            b'"' => compact_string(token, out, scratch),
            _ if Shape::of(token) == Shape::Number && !token.is_empty() => match Decimal::parse(token) {
                Some(number) => out.extend_from_slice(&number.canonical()),
                None => out.extend_from_slice(token),
            },
            _ => out.extend_from_slice(token),
        }
        at = end;
    }
}

fn compact_string(token: &[u8], out: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    let Some(text) = decode(inner(token), scratch) else { return out.extend_from_slice(token) };
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compacted(raw: &str) -> String {
        let mut out = Vec::new();
        compact(raw.as_bytes(), &mut out, &mut Vec::new());
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn parts_are_returned_in_order() {
        let all = |raw: &'static str| {
            items(raw.as_bytes()).map(|raw| String::from_utf8_lossy(raw)).collect::<Vec<_>>()
        };
        assert_eq!(
            all(r#"[1 , "a,]" , [2, [3]] ,{"k": ["]"]}, null,NaN,-Infinity]"#),
            ["1", "\"a,]\"", "[2, [3]]", r#"{"k": ["]"]}"#, "null", "NaN", "-Infinity"]
        );
        assert!(all("[]").is_empty() && all("[ ]").is_empty() && all("{}").is_empty() && all("7").is_empty());
        let object = br#"{ "a\"" : 1,"b":{"c": [2]} , "d" : "}" }"#;
        let pairs: Vec<_> = members(object).collect();
        assert_eq!(
            pairs,
            [(&br#""a\"""#[..], &b"1"[..]), (b"\"b\"", br#"{"c": [2]}"#), (b"\"d\"", b"\"}\"")]
        );
        assert_eq!(members(b"{}").count() + members(b"[1]").count(), 0);
    }

    #[test]
    fn deep_values_cost_no_stack() {
        let deep = format!("[{}1{}, 2]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(items(deep.as_bytes()).count(), 2);
    }

    #[test]
    fn equal_values_have_one_compact_text() {
        for (raw, compact) in [
            (r#"[1, 2]"#, "[1,2]"),
            ("[1.0,2e0]", "[1,2]"),
            (r#"{"a" : "\u0041\/" ,"b":[true , null]}"#, r#"{"a":"A/","b":[true,null]}"#),
            (r#"["\n\"\\"]"#, r#"["\u000a\"\\"]"#),
            ("[ ]", "[]"),
            ("[NaN, -Infinity]", "[NaN,-Infinity]"),
            (r#"["\ud800"]"#, r#"["\ud800"]"#),
        ] {
            assert_eq!(compacted(raw), compact);
        }
    }
}
