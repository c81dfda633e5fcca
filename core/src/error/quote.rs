//! How user bytes and lists of words appear inside the text of an error.

use std::fmt::Write as _;

/// Longest piece of user bytes that an error repeats, in bytes; `...` stands for the rest.
pub const QUOTE_MAX: usize = 64;

/// Returns user bytes as one line of printable ASCII between double quotes, cut after [`QUOTE_MAX`] bytes.
///
/// A double quote and a backslash get a backslash before them; every byte that is not printable ASCII is written
/// as `\xNN`.
#[must_use]
pub fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().min(QUOTE_MAX) + 2);
    out.push('"');
    for &b in bytes.iter().take(QUOTE_MAX) {
        match b {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(b));
            }
            0x20..=0x7e => out.push(char::from(b)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\x{b:02x}");
            }
        }
    }
    if bytes.len() > QUOTE_MAX {
        out.push_str("...");
    }
    out.push('"');
    out
}

/// Returns a keyword or a field name for the middle of a sentence: unquoted if all its characters are harmless,
/// otherwise quoted by [`quote`].
pub(super) fn plain(name: &str) -> String {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.len() <= QUOTE_MAX && name.bytes().all(harmless) { name.into() } else { quote(name.as_bytes()) }
}

/// Returns the words as `a, b or c`.
pub(super) fn one_of(words: &[&str]) -> String {
    match words {
        [others @ .., second, last] => {
            let before: String = others.iter().map(|word| format!("{word}, ")).collect();
            format!("{before}{second} or {last}")
        }
        words => words.concat(),
    }
}
