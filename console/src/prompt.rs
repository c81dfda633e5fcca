//! Questions to whoever sits at the terminal.

use std::io::{self, Write as _};

use crate::text::{escape, unescape};

/// Asks on standard error and reads a line. `None`: there is no answer (end of input).
fn ask(question: &str) -> Option<String> {
    eprint!("{question}");
    // What cannot be flushed was not seen either; the answer then is what it is.
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

/// Has the queue's name typed. Gives what was typed, as bytes: the server compares it.
pub(crate) fn type_name(queue: &[u8]) -> Option<Vec<u8>> {
    name(&format!("Type the name of the queue to clear it ({}): ", escape(queue)), queue)
}

/// The same of the list that messages are moved back from.
pub(crate) fn type_list(list: &[u8]) -> Option<Vec<u8>> {
    name(&format!("Type the name of that list to move them back ({}): ", escape(list)), list)
}

fn name(question: &str, queue: &[u8]) -> Option<Vec<u8>> {
    let typed = ask(question)?;
    Some(match unescape(&typed) {
        // As it is shown, or as it is.
        Some(bytes) if typed.as_bytes() != queue => bytes,
        _ => typed.into_bytes(),
    })
}

/// What shall become of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Watch,
    Leave,
    Cancel,
}

/// Asks that until it is answered. No answer leaves the job alone.
pub(crate) fn fate() -> Fate {
    loop {
        let answer = ask("The job goes on in the server. [l]eave it running, [c]ancel it or [w]atch on? ");
        match answer.map(|answer| answer.trim().to_ascii_lowercase()).as_deref() {
            None | Some("l" | "leave") => return Fate::Leave,
            Some("c" | "cancel") => return Fate::Cancel,
            Some("w" | "watch") => return Fate::Watch,
            Some(_) => {}
        }
    }
}
