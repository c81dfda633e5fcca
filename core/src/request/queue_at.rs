//! The position of the optional QUEUE of a command, for the server, which asks before it runs the command.

use super::job_options::JobOptions;
use super::spec::CommandSpec;

/// Returns the position of the key of a command with an optional QUEUE in the command line (the command's name is
/// 0), given the arguments after the name: the result of the getkeys callback.
///
/// `None` without QUEUE, and if the arguments do not parse: such a command accesses no key and replies with its
/// error.
#[must_use]
pub fn optional_queue(command: &'static CommandSpec, args: &[&[u8]]) -> Option<usize> {
    if !command.keys.are_found_by_callback() {
        return None;
    }
    match command.name {
        "QADMIN.INDEX" => super::index::queue_at(args),
        "QADMIN.UNDO" => super::undo::queue_at(args),
        _ => JobOptions::parse(command, args).ok()?.queue_at,
    }
}
