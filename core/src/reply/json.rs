//! The JSON form of a reply; what it promises stands at [`Reply::to_json`](super::Reply::to_json).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Reply;

/// Largest integer that a double holds together with all smaller ones: 2^53-1.
const EXACT_MAX: u64 = (1 << 53) - 1;

pub(super) fn write(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    value(reply, &mut out);
    out
}

fn value(reply: &Reply, out: &mut Vec<u8>) {
    match reply {
        Reply::Map(members) => map(members, out),
        Reply::List(items) => separated(items, b'[', b']', out, value),
        Reply::Int(n) if n.unsigned_abs() > EXACT_MAX => text(&n.to_string(), out),
        Reply::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Reply::Text(bytes) => text(&String::from_utf8_lossy(bytes), out),
        Reply::Null | Reply::NamedNull => out.extend_from_slice(b"null"),
    }
}

fn map(members: &[(Box<str>, Reply)], out: &mut Vec<u8>) {
    separated(members, b'{', b'}', out, |(name, member), out| {
        text(name, out);
        out.push(b':');
        value(member, out);
        if let Some(twin) = twin(member) {
            out.push(b',');
            text(&format!("{name}_b64"), out);
            out.push(b':');
            value(&twin, out);
        }
    });
}

/// What holds a member's bytes whole where its text cannot.
fn twin(member: &Reply) -> Option<Reply> {
    match member {
        Reply::Text(bytes) if std::str::from_utf8(bytes).is_err() => {
            Some(Reply::text(STANDARD.encode(bytes)))
        }
        Reply::List(items) => {
            let twins: Vec<Option<Reply>> = items
                .iter()
                .map(|item| if matches!(item, Reply::Text(_)) { twin(item) } else { None })
                .collect();
            twins
                .iter()
                .any(Option::is_some)
                .then(|| Reply::List(twins.into_iter().map(Reply::opt).collect()))
        }
        _ => None,
    }
}

fn separated<T>(items: &[T], open: u8, close: u8, out: &mut Vec<u8>, mut each: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(close);
}

fn text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string has a JSON form and a Vec takes it");
}
