//! Rows of samples.

use crate::reply::Reply;

use super::int;

/// The members of a row. `inexact` is given where the request had INEXACT: the row then begins with a member that says
/// whether the message matches by its sender's texts alone.
#[must_use]
pub fn marked(inexact: Option<bool>, members: Vec<(Box<str>, Reply)>) -> Vec<(Box<str>, Reply)> {
    let mark = inexact.map(|inexact| ("inexact".into(), inexact.into()));
    mark.into_iter().chain(members).collect()
}

/// One row of a sample: position, size in bytes, with PRIORITY the step of the message's list, and the chosen fields.
#[must_use]
pub fn sample_row(index: i64, step: Option<u8>, bytes: u64, members: &[(Box<str>, Reply)]) -> Reply {
    let mut row = Vec::with_capacity(members.len() + 3);
    row.push(("index".into(), Reply::Int(index)));
    row.push(("bytes".into(), Reply::Int(int(bytes))));
    if let Some(step) = step {
        row.push(("priority".into(), Reply::Int(step.into())));
    }
    // The chosen fields can include these, and each member appears once.
    let own = row.len();
    for (name, value) in members {
        if row[..own].iter().all(|(there, _)| there != name) {
            row.push((name.clone(), value.clone()));
        }
    }
    Reply::Map(row)
}
