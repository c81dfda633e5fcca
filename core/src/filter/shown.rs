//! How much of a value is shown in samples and groups.

use crate::json::cut;
use crate::reply::Reply;

/// Longest scalar in a sample row, bytes. A longer one is cut, so that no argument makes a row as large as a
/// body.
pub const TEXT_MAX: usize = 1_024;
/// Longest array or object in a sample row, bytes of JSON text.
pub const COMPOUND_MAX: usize = 256;

/// Returns the bytes as they are in the message, cut to at most `max` bytes.
pub(super) fn plain(raw: &[u8], max: usize) -> Reply {
    // The replacement of invalid bytes only makes a text longer, so a few bytes more than `max` are enough.
    let mut text = String::from_utf8_lossy(&raw[..raw.len().min(max + 4)]).into_owned();
    cut(&mut text, max);
    Reply::Text(text.into_bytes())
}

/// Returns an array or an object of JSON without the white space between its parts, cut to at most `max` bytes.
pub(super) fn compact(raw: &[u8], max: usize) -> Reply {
    let mut text = Vec::with_capacity(raw.len().min(max + 4));
    let (mut inside, mut escaped) = (false, false);
    for &byte in raw {
        if text.len() >= max + 4 {
            break;
        }
        match (inside, byte) {
            (false, b' ' | b'\t' | b'\n' | b'\r') => continue,
            (true, b'\\') if !escaped => escaped = true,
            (_, b'"') if !escaped => inside = !inside,
            _ => escaped = false,
        }
        text.push(byte);
    }
    plain(&text, max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compacted(raw: &str, max: usize) -> String {
        match compact(raw.as_bytes(), max) {
            Reply::Text(text) => String::from_utf8(text).expect("it was a text"),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn white_space_of_strings_stays() {
        let raw = "{ \"a b\" : [ 1 ,\r\n\t2 ] , \"c\\\" d\\\\\" : \" \\\\\" , \"\" : { } }";
        assert_eq!(compacted(raw, 256), "{\"a b\":[1,2],\"c\\\" d\\\\\":\" \\\\\",\"\":{}}");
        assert!(compacted(&format!("[{}1]", " ".repeat(10_000)), 256) == "[1]");
        let cut = compacted(&format!("[{}1]", "1, ".repeat(10_000)), 256);
        assert!(cut.starts_with("[1,1,1,") && cut.len() <= 256 + 3, "{cut}");
    }

    proptest! {
        #[test]
        fn compact_text_means_the_same(keys in prop::collection::vec(".{0,6}", 0..5), n: i32) {
            let value = serde_json::json!({"keys": keys, "n": [n, {"a": null}]});
            let pretty = serde_json::to_string_pretty(&value).expect("JSON");
            prop_assert_eq!(compacted(&pretty, 100_000), serde_json::to_string(&value).expect("JSON"));
        }
    }
}
