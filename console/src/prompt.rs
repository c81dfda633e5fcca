//! Questions to the user at the terminal.

use std::io::{self, Write as _};

use crate::text::{escape, unescape};

/// Asks a question on standard error and reads a line. `None`: the input ended without an answer.
fn ask(question: &str) -> Option<String> {
    eprint!("{question}");
    // If the question could not be shown, the answer is still compared.
    let _ = io::stderr().flush();
    let mut line = String::new();
    match io::stdin().read_line(&mut line) {
        Ok(0) | Err(_) => {
            eprintln!();
            None
        }
        Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

/// Asks the user to type the queue's name. Returns the typed bytes; the server compares them.
pub(crate) fn type_name(queue: &[u8]) -> Option<Vec<u8>> {
    name(&format!("Type the name of the queue to clear it ({}): ", escape(queue)), queue)
}

/// Asks the user to type the name of the list from which messages are moved back.
pub(crate) fn type_list(list: &[u8]) -> Option<Vec<u8>> {
    name(&format!("Type the name of the list to move them back ({}): ", escape(list)), list)
}

fn name(question: &str, queue: &[u8]) -> Option<Vec<u8>> {
    let typed = ask(question)?;
    Some(match unescape(&typed) {
        // The user can type the name in its escaped form or as it is.
        Some(bytes) if typed.as_bytes() != queue => bytes,
        _ => typed.into_bytes(),
    })
}

/// Asks a question that only `y` or `yes` affirms.
pub(crate) fn yes(question: &str) -> bool {
    let answer = ask(question).map(|answer| answer.trim().to_ascii_lowercase());
    matches!(answer.as_deref(), Some("y" | "yes"))
}

/// What to do with a running job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Watch,
    Leave,
    Cancel,
}

/// Asks until the user answers. Without an answer the job keeps running.
pub(crate) fn fate() -> Fate {
    loop {
        let answer = ask(
            "The job is still running on the server. [l]eave it running, [c]ancel it, or keep [w]atching? ",
        );
        match answer.map(|answer| answer.trim().to_ascii_lowercase()).as_deref() {
            None | Some("l" | "leave") => return Fate::Leave,
            Some("c" | "cancel") => return Fate::Cancel,
            Some("w" | "watch") => return Fate::Watch,
            Some(_) => {}
        }
    }
}
