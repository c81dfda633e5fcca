//! The audit stream `qadmin:audit`: who cleared what, when and why.
//!
//! It is read backwards in pages, each with a bound, and no further than needed. In a cluster there are streams for single
//! slots, whose names are found by walking over the keys of each primary.

use redis::{Cmd, ConnectionAddr, Value};
use serde_json::{Map as JsonMap, Value as Json};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::connection::Server;
use crate::failure::{Exit, Failure};

/// The stream of a server that is not part of a cluster, and the beginning of the others' names.
const STREAM: &str = "qadmin:audit";
/// Entries of one page.
const PAGE: usize = 500;
/// Keys that one step of the walk looks at, about.
const STEP: usize = 1_000;
/// Steps of the walk over the keys of one primary.
const STEPS: usize = 20_000;

/// Maximum size of the entries that one reading keeps, in bytes; the module limits the texts of one entry.
const BYTES: usize = 64 * 1024 * 1024;

/// What entries must have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Members with their values, such as `queue`.
    pub(crate) equal: Vec<(&'static str, Vec<u8>)>,
    /// Any of these; empty: all.
    pub(crate) events: Vec<String>,
    /// A part of the Redis user or of the actor, in upper or lower case; empty: all.
    pub(crate) who: Vec<u8>,
    /// Unix milliseconds.
    pub(crate) since: u64,
    /// Only entries before this one.
    pub(crate) before: Option<(u64, u64)>,
    pub(crate) count: usize,
    /// How many entries of each stream are read at most; `None`: all.
    pub(crate) read: Option<usize>,
}

/// One entry, with its members in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The time in Unix milliseconds, and a number that tells entries of one millisecond apart.
    pub(crate) id: (u64, u64),
    members: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    fn new(value: &Value) -> Option<Self> {
        let Value::Array(parts) = value else { return None };
        let [Value::BulkString(id), Value::Array(flat)] = parts.as_slice() else { return None };
        let id = self::id(str::from_utf8(id).ok()?)?;
        let members = flat.chunks_exact(2).filter_map(|pair| match pair {
            [Value::BulkString(name), Value::BulkString(value)] => Some((name.clone(), value.clone())),
            _ => None,
        });
        Some(Self { id, members: members.collect() })
    }

    /// A member; empty if the entry does not have it.
    pub(crate) fn get(&self, name: &str) -> &[u8] {
        let found = self.members.iter().find(|(given, _)| given == name.as_bytes());
        found.map_or(&[], |(_, value)| value)
    }

    /// The id as the server writes it.
    pub(crate) fn id(&self) -> String {
        format!("{}-{}", self.id.0, self.id.1)
    }

    /// A member that is a number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        str::from_utf8(self.get(name)).ok()?.parse().ok()
    }

    /// About how many bytes of memory it takes.
    fn size(&self) -> usize {
        self.members.iter().map(|(name, value)| name.len() + value.len() + 64).sum()
    }

    /// All members as JSON. Bytes that are not UTF-8 are complete in `<name>_b64`.
    pub(crate) fn json(&self) -> Json {
        let mut json = JsonMap::new();
        json.insert("id".to_owned(), self.id().into());
        for (name, value) in &self.members {
            let name = String::from_utf8_lossy(name).into_owned();
            if str::from_utf8(value).is_err() {
                json.insert(format!("{name}_b64"), STANDARD.encode(value).into());
            }
            json.insert(name, String::from_utf8_lossy(value).into_owned().into());
        }
        Json::Object(json)
    }

    fn is(&self, wanted: &Wanted) -> bool {
        let event = self.get("event");
        let is_who = |name| contains(self.get(name), &wanted.who);
        wanted.equal.iter().all(|(name, value)| self.get(name) == value.as_slice())
            && (wanted.who.is_empty() || is_who("user") || is_who("actor"))
            && (wanted.events.is_empty() || wanted.events.iter().any(|word| word.as_bytes() == event))
    }
}

/// Whether the text contains the part, in upper or lower case.
fn contains(text: &[u8], part: &[u8]) -> bool {
    let [text, part] = [text, part].map(|bytes| String::from_utf8_lossy(bytes).to_lowercase());
    text.contains(&part)
}

/// The id of an entry as the server writes it.
pub(crate) fn id(text: &str) -> Option<(u64, u64)> {
    let (ms, number) = text.split_once('-')?;
    Some((ms.parse().ok()?, number.parse().ok()?))
}

/// The entries, newest first, and whether all streams were found.
#[derive(Debug)]
pub(crate) struct Entries {
    pub(crate) entries: Vec<Entry>,
    pub(crate) complete: bool,
    /// If there can be older ones: those before this one.
    pub(crate) rest: Option<(u64, u64)>,
}

/// Reads the entries.
///
/// # Errors
/// There is no connection, or the user lacks a permission, which the text names.
pub(crate) fn read(server: &mut Server, wanted: &Wanted) -> Result<Entries, Failure> {
    let (is_cluster, nodes) = server.primaries()?;
    let mut all = Entries { entries: Vec::new(), complete: true, rest: None };
    for node in nodes {
        let mut keys = vec![STREAM.as_bytes().to_vec()];
        if is_cluster {
            let (found, complete) = streams(server, &node)?;
            keys = found;
            all.complete &= complete;
        }
        for key in keys {
            stream(server, &node, &key, wanted, &mut all)?;
        }
    }
    all.entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
    if let Some(rest) = all.rest {
        // What is older was not read of each stream.
        all.entries.retain(|entry| entry.id >= rest);
    }
    if all.entries.len() > wanted.count {
        all.entries.truncate(wanted.count);
        all.rest = all.entries.last().map(|last| last.id);
    }
    Ok(all)
}

/// Adds the newest entries of one stream that are wanted: one more than their number, which shows that there are more.
fn stream(
    server: &mut Server,
    node: &ConnectionAddr,
    key: &[u8],
    wanted: &Wanted,
    all: &mut Entries,
) -> Result<(), Failure> {
    let mut from = wanted.before.map_or_else(|| "+".to_owned(), |(ms, number)| format!("({ms}-{number}"));
    let enough = (all.entries.len() + wanted.count).saturating_add(1);
    let mut left = wanted.read.unwrap_or(usize::MAX);
    let mut size = 0;
    while all.entries.len() < enough {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(key).arg(&from).arg(wanted.since).arg("COUNT").arg(PAGE);
        let Value::Array(page) = ask(server, node, &command, "XREVRANGE", "+xrevrange %R~qadmin:audit*")?
        else {
            break;
        };
        let entries: Vec<Entry> = page.iter().filter_map(Entry::new).collect();
        let Some(last) = entries.last().map(|last| last.id) else { break };
        from = format!("({}-{}", last.0, last.1);
        let found = entries.into_iter().filter(|entry| entry.is(wanted));
        all.entries.extend(found.inspect(|entry| size += entry.size()));
        if page.len() < PAGE {
            break;
        }
        left = left.saturating_sub(page.len());
        if left == 0 || size > BYTES {
            all.rest = all.rest.max(Some(last));
            break;
        }
    }
    all.entries.truncate(enough);
    Ok(())
}

/// The names of the streams on a node of a cluster, and whether the walk over its keys came to its end.
fn streams(server: &mut Server, node: &ConnectionAddr) -> Result<(Vec<Vec<u8>>, bool), Failure> {
    let mut keys = Vec::new();
    let mut cursor = b"0".to_vec();
    for _ in 0..STEPS {
        let mut command = redis::cmd("SCAN");
        command
            .arg(&cursor)
            .arg("MATCH")
            .arg(format!("{STREAM}:{{*}}"))
            .arg("COUNT")
            .arg(STEP)
            .arg("TYPE")
            .arg("stream");
        let reply = ask(server, node, &command, "SCAN", "+scan")?;
        let Value::Array(parts) = reply else { return Ok((keys, false)) };
        let [Value::BulkString(next), Value::Array(page)] = parts.as_slice() else {
            return Ok((keys, false));
        };
        keys.extend(page.iter().filter_map(|key| match key {
            Value::BulkString(key) => Some(key.clone()),
            _ => None,
        }));
        if next == b"0" {
            // A walk can find a key twice.
            keys.sort_unstable();
            keys.dedup();
            return Ok((keys, true));
        }
        cursor.clone_from(next);
    }
    Ok((keys, false))
}

fn ask(
    server: &mut Server,
    node: &ConnectionAddr,
    command: &Cmd,
    name: &str,
    right: &str,
) -> Result<Value, Failure> {
    server.call_node(node, command, name).map_err(|mut failure| {
        if failure.exit == Exit::NoRight {
            failure.words += &format!("\nTo read the audit stream, the user needs: {right}");
        }
        failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(members: &[(&str, &[u8])]) -> Entry {
        let text = |bytes: &[u8]| Value::BulkString(bytes.to_vec());
        let flat = members.iter().flat_map(|(name, value)| [text(name.as_bytes()), text(value)]);
        Entry::new(&Value::Array(vec![text(b"17-3"), Value::Array(flat.collect())])).expect("an entry")
    }

    #[test]
    fn entries_are_chosen_by_all_conditions() {
        let entry = entry(&[("event", b"end"), ("queue", b"celery"), ("user", b"jane")]);
        assert_eq!((entry.id, entry.id().as_str()), ((17, 3), "17-3"));
        let wanted = |equal: &[(&'static str, &[u8])], events: &[&str]| {
            let equal = equal.iter().map(|(name, value)| (*name, value.to_vec())).collect();
            let events = events.iter().map(|event| (*event).to_owned()).collect();
            entry.is(&Wanted { equal, events, ..Wanted::default() })
        };
        assert!(wanted(&[], &[]) && wanted(&[("queue", b"celery"), ("user", b"jane")], &["start", "end"]));
        assert!(!wanted(&[("queue", b"celery"), ("user", b"joe")], &[]) && !wanted(&[], &["start"]));
        let who = |who: &[u8]| entry.is(&Wanted { who: who.to_vec(), ..Wanted::default() });
        assert!(who(b"JAN") && !who(b"joe"));
        assert_eq!((id("17-3"), id("17"), id("x-1")), (Some((17, 3)), None, None));
    }

    #[test]
    fn bytes_that_are_no_text_are_complete_in_json() {
        let json = entry(&[("event", b"end"), ("reason", b"\xff!")]).json();
        let wanted =
            serde_json::json!({"id": "17-3", "event": "end", "reason_b64": "/yE=", "reason": "\u{fffd}!"});
        assert_eq!(json, wanted);
    }
}
