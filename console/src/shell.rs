//! Quoting words for a shell.

/// A word as it can be typed in a shell: unchanged if no character of it is special to a shell, and quoted otherwise.
/// Control sequences are escaped inside `$'...'`, which bash, zsh and ksh support.
pub(crate) fn quote(word: &[u8]) -> String {
    let bare = |b: &u8| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(b);
    if !word.is_empty() && word.iter().all(bare) {
        return word.iter().map(|b| char::from(*b)).collect();
    }
    if word.iter().all(|b| matches!(b, b' '..=b'~')) {
        let text: String = word.iter().map(|b| char::from(*b)).collect();
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut quoted = "$'".to_owned();
    for b in word {
        match b {
            b'\\' | b'\'' => quoted.extend(['\\', char::from(*b)]),
            b' '..=b'~' => quoted.push(char::from(*b)),
            b => quoted += &format!("\\x{b:02x}"),
        }
    }
    quoted + "'"
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::quote;

    #[test]
    fn a_shell_reads_what_was_meant() {
        for word in [
            &b"celery"[..],
            b"",
            b"a b",
            b"it's",
            b"$(id) `id` !x \\ \" *",
            b"\xff\x06\x163",
            "é\u{202e}".as_bytes(),
            b"a\n'b",
        ] {
            let line = format!("printf %s {}", quote(word));
            let output = Command::new("bash").args(["-c", &line]).output().expect("bash");
            assert_eq!(output.stdout, word, "{line}");
        }
        assert_eq!(
            (quote(b"celery:parked"), quote(b"a b")),
            ("celery:parked".to_owned(), "'a b'".to_owned())
        );
    }

    #[test]
    fn quoted_text_contains_no_control_characters() {
        let quoted = quote("\u{1b}[2J\u{202e}\u{9b}\x07".as_bytes());
        assert!(quoted.bytes().all(|b| matches!(b, b' '..=b'~')), "{quoted}");
    }
}
