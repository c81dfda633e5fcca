//! JSON of messages as text for people: indented, and safe for terminals. The text is not parsed, so that numbers keep
//! their digits, and it can be cut anywhere.

use crate::text::escape;

/// Deeper parts are written on one line, so that deep nesting does not multiply the length.
const INDENTED: usize = 16;

/// Returns the text of a JSON value on several lines, each with this many spaces before it. Anything that is not JSON
/// is escaped and otherwise unchanged.
pub(crate) fn pretty(json: &[u8], margin: usize) -> String {
    let mut writer = Writer { out: " ".repeat(margin), margin, depth: 0 };
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        at += match byte {
            b'"' => writer.string(&json[at..]),
            b' ' | b'\n' | b'\r' | b'\t' => 1,
            b'[' | b'{' => writer.open(&json[at..]),
            b']' | b'}' => writer.close(byte),
            b',' => writer.then(", "),
            b':' => {
                writer.out.push_str(": ");
                1
            }
            _ => writer.plain(&json[at..]),
        };
    }
    writer.out
}

struct Writer {
    out: String,
    margin: usize,
    depth: usize,
}

impl Writer {
    /// Begins a line, or writes what stands between parts of one line.
    fn line(&mut self, between: &str) {
        match self.depth {
            0..=INDENTED => {
                let end = self.out.trim_end().len();
                self.out.truncate(end);
                self.out.push('\n');
                self.out.push_str(&" ".repeat(self.margin + 2 * self.depth));
            }
            _ => self.out.push_str(between),
        }
    }

    fn open(&mut self, rest: &[u8]) -> usize {
        let inside = rest[1..].iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        if let [b'[', b']'] | [b'{', b'}'] = [rest[0], rest.get(1 + inside).copied().unwrap_or(0)] {
            self.out.push_str(if rest[0] == b'[' { "[]" } else { "{}" });
            return inside + 2;
        }
        self.out.push(char::from(rest[0]));
        self.depth += 1;
        self.line("");
        1
    }

    fn close(&mut self, byte: u8) -> usize {
        let is_inline = self.depth > INDENTED;
        self.depth = self.depth.saturating_sub(1);
        if !is_inline {
            self.line("");
        }
        self.out.push(char::from(byte));
        1
    }

    fn then(&mut self, between: &str) -> usize {
        self.out.push_str(between);
        self.line("");
        1
    }

    /// Writes a string with its quotes. Its escapes stay as they are.
    fn string(&mut self, rest: &[u8]) -> usize {
        let mut end = 1;
        while let Some(&byte) = rest.get(end) {
            end += match byte {
                b'"' => break,
                b'\\' => 2,
                _ => 1,
            };
        }
        let end = end.min(rest.len());
        self.out.push('"');
        for (at, part) in rest[1..end].split(|byte| *byte == b'\\').enumerate() {
            if at > 0 {
                self.out.push('\\');
            }
            self.out.push_str(&escape(part));
        }
        if end == rest.len() {
            return end;
        }
        self.out.push('"');
        end + 1
    }

    /// Writes a number or a word.
    fn plain(&mut self, rest: &[u8]) -> usize {
        let is_other = |byte: &u8| b"\"[]{},: \n\r\t".contains(byte);
        let end = rest.iter().position(is_other).unwrap_or(rest.len());
        self.out.push_str(&escape(&rest[..end]));
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented() {
        let json = br#"{"a": [1, 2.50, {"b": null}], "c": {}, "d" : [ ], "e\"\\": "x, y"}"#;
        let wanted = "  {\n    \"a\": [\n      1,\n      2.50,\n      {\n        \"b\": null\n      }\n    ],\n    \
                      \"c\": {},\n    \"d\": [],\n    \"e\\\"\\\\\": \"x, y\"\n  }";
        assert_eq!(pretty(json, 2), wanted);
        assert_eq!(pretty(b"12345678901234567890123", 0), "12345678901234567890123");
    }

    #[test]
    fn control_sequences_are_escaped_everywhere() {
        let evil = "\x1b[31m\u{202e}\u{9b}";
        for json in
            [format!("{{\"{evil}\": \"{evil}\"}}"), evil.to_owned(), format!("[{evil}"), format!("\"{evil}")]
        {
            let shown = pretty(json.as_bytes(), 0);
            assert!(!shown.contains(['\x1b', '\u{202e}', '\u{9b}']), "{shown}");
        }
        assert_eq!(pretty(b"\"\xff\\", 0), "\"\\xff\\");
    }

    #[test]
    fn text_that_was_cut_is_shown_to_its_end() {
        assert_eq!(pretty(br#"{"a": "cut \"#, 0), "{\n  \"a\": \"cut \\");
        assert_eq!(pretty(b"{", 0), "{\n  ");
        assert_eq!(pretty(b"]]", 0), "\n]\n]");
    }

    #[test]
    fn deep_nesting_does_not_multiply_the_length() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert!(pretty(deep.as_bytes(), 0).len() < 210_000);
    }
}
