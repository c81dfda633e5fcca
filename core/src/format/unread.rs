//! Fields of a job's hash whose values are not in its text: they are too large, or are not the JSON that they have to be.
//!
//! The text names each of them, with a digest of its value, so that a fingerprint of the text depends on it nevertheless:
//!
//! ```text
//! {"id":"7","name":"upload","timestamp":1796024414306,"unread":{"data":"0f3c..."}}
//! ```
//!
//! Such a field is unknown, for every condition that asks for it or for something inside it. Everything else is known of the
//! job, so it does not depend on the conditions of a filter which jobs can be read: see [`super::skim`].

use super::{FieldPlaces, Part, keys, same};
use crate::json::Path;

/// The member that names these fields.
const UNREAD: &str = "unread";

/// The fields of one job that are not read.
#[derive(Debug, Default)]
pub(super) struct Unread(Vec<u8>);

impl Unread {
    /// Adds a field.
    pub(super) fn add(&mut self, name: &str, value: &[u8]) {
        let json = &mut self.0;
        json.push(if json.is_empty() { b'{' } else { b',' });
        let digest = xxhash_rust::xxh3::xxh3_128(value);
        json.extend_from_slice(format!("\"{name}\":\"{digest:032x}\"").as_bytes());
    }

    /// Writes the member that names them, after other members of an object, if there are any.
    pub(super) fn write(&self, json: &mut Vec<u8>) {
        if self.0.is_empty() {
            return;
        }
        json.extend_from_slice(b",\"");
        json.extend_from_slice(UNREAD.as_bytes());
        json.extend_from_slice(b"\":");
        json.extend_from_slice(&self.0);
        json.push(b'}');
    }
}

/// Returns the place of a field that is at one of these paths, each of which begins with a field of the hash. It is unknown
/// if one of these is not read.
pub(super) fn read_from_hash(paths: Vec<Path>) -> FieldPlaces {
    let mut marks: Vec<Path> = Vec::new();
    for name in paths.iter().filter_map(|path| path.first()) {
        let mark = [keys(&[UNREAD]), vec![name.clone()]].concat();
        if !marks.contains(&mark) {
            marks.push(mark);
        }
    }
    let part = Part::UnlessUnread { marks: marks.len() };
    marks.extend(paths);
    same(part, marks)
}

/// Returns the name of the field of the hash with which a path of [`read_from_hash`] begins; `None` for its marks.
pub(super) fn field_of(path: &Path) -> Option<&[u8]> {
    let name = path.first()?.key.as_deref()?;
    (name != UNREAD.as_bytes()).then_some(name)
}

/// Returns the bit of the field of a hash with this name; no bit if it is the name of no field.
pub(super) fn bit(fields: &[&str], name: &[u8]) -> u32 {
    fields.iter().position(|field| field.as_bytes() == name).map_or(0, |at| 1 << at)
}
