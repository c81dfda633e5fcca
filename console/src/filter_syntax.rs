//! Conditions such as `--where 'kwargs.pullid = 7'`, each typed as one text.
//!
//! The grammar is that of the server (docs/filter.md), so the canonical text of a filter can be pasted without its WHERE.
//! The words of a condition are counted here as well, because the server would read an extra word as an option.

/// Fields of messages, without those whose names belong to single queues: for suggestions.
pub(crate) const FIELDS: [&str; 19] = [
    "task",
    "id",
    "retries",
    "eta",
    "expires",
    "enqueued",
    "age",
    "arrived",
    "priority",
    "redelivered",
    "group",
    "root_id",
    "parent_id",
    "origin",
    "lang",
    "content_type",
    "routing_key",
    "exchange",
    "bytes",
];

/// The words of one condition, or of several that are joined by OR.
pub(crate) fn condition(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut all = vec![b"WHERE".to_vec()];
    for (at, part) in parts(text)?.into_iter().enumerate() {
        if at > 0 {
            all.push(b"OR".to_vec());
        }
        all.extend(part);
    }
    Ok(all)
}

/// The conditions that are joined by OR, each as its words.
pub(crate) fn parts(text: &str) -> Result<Vec<Vec<Vec<u8>>>, String> {
    let words = split(text)?;
    let mut parts = Vec::new();
    let mut rest = words.as_slice();
    loop {
        let (first, after) = rest.split_at(length(rest)?);
        parts.push(first.to_vec());
        match after.split_first() {
            None => return Ok(parts),
            Some((or, more)) if or.eq_ignore_ascii_case(b"OR") => rest = more,
            Some(_) => {
                return Err("give one value after the operator, and nothing but OR after EXISTS and MISSING; put quotes \
                            around a value with spaces: 'task = \"a b\"'"
                    .to_owned());
            }
        }
    }
}

/// The number of words in the condition at the beginning of `words`.
fn length(words: &[Vec<u8>]) -> Result<usize, String> {
    let Some(operator) = words.get(1).map(|word| word.to_ascii_uppercase()) else {
        return Err("a condition needs a field and an operator, such as 'kwargs.pullid = 7' or 'eta EXISTS'"
            .to_owned());
    };
    match operator.as_slice() {
        b"EXISTS" | b"MISSING" => Ok(2),
        b"IN" => {
            let count = words.get(2).and_then(|word| std::str::from_utf8(word).ok()?.parse::<usize>().ok());
            let length = count.filter(|count| *count > 0).and_then(|count| count.checked_add(3));
            length.filter(|length| *length <= words.len()).ok_or_else(|| {
                "IN needs a count and that many values, such as 'kwargs.repoid IN 2 147107 147108'".to_owned()
            })
        }
        _ if words.len() == 2 => Err("a value is missing after the operator".to_owned()),
        _ => Ok(3),
    }
}

/// A word in the form that [`condition`] reads: unchanged if it is plain, and quoted otherwise.
pub(crate) fn word(value: &[u8]) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_./:@%+,-".contains(b);
    if !value.is_empty() && value.iter().all(plain) {
        return value.iter().map(|b| char::from(*b)).collect();
    }
    let mut text = String::from("\"");
    for b in value {
        match b {
            b'"' | b'\\' => text.extend(['\\', char::from(*b)]),
            b' '..=b'~' => text.push(char::from(*b)),
            b => text += &format!("\\x{b:02x}"),
        }
    }
    text + "\""
}

/// Whether the text is a plain task name, so that TASK, which compares byte for byte, finds the same messages as `=`.
pub(crate) fn is_name(text: &[u8]) -> bool {
    let first = text.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    first && text.contains(&b'.') && text.iter().all(|b| b.is_ascii_alphanumeric() || b"._".contains(b))
}

/// Splits as redis-cli does: words between spaces, "..." with escapes, '...' without.
pub(crate) fn split(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' => quoted(&rest[1..])?,
            '\'' => {
                let (word, after) = rest[1..].split_once('\'').ok_or("a quote is not closed")?;
                (word.as_bytes().to_vec(), after)
            }
            _ => {
                let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
                (word.as_bytes().to_vec(), after)
            }
        };
        if after.starts_with(|c: char| !c.is_whitespace()) {
            return Err("a space is missing after a quote".to_owned());
        }
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// Returns the word up to the closing `"`, and the text after it.
fn quoted(text: &str) -> Result<(Vec<u8>, &str), String> {
    let mut word = Vec::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((word, &text[at + 1..])),
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('x') => {
                    let digits =
                        text.get(at + 2..at + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                    word.push(digits.ok_or("\\x is followed by two hexadecimal digits")?);
                    chars.nth(1);
                }
                Some('n') => word.push(b'\n'),
                Some('r') => word.push(b'\r'),
                Some('t') => word.push(b'\t'),
                Some(c) => word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                None => break,
            },
            c => word.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Err("a quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::condition;

    fn words(text: &str) -> Result<Vec<String>, String> {
        condition(text)
            .map(|words| words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    }

    #[test]
    fn a_condition_is_read_as_the_server_writes_it() {
        let ok = |text: &str, wanted: &[&str]| assert_eq!(words(text).expect(text)[1..], *wanted, "{text}");
        ok("kwargs.pullid = 7", &["kwargs.pullid", "=", "7"]);
        ok("  eta   exists ", &["eta", "exists"]);
        ok(r#"task = "a \"b\" \x41\n""#, &["task", "=", "a \"b\" A\n"]);
        ok("task GLOB 'app tasks.*'", &["task", "GLOB", "app tasks.*"]);
        ok("repoid IN 2 1 2", &["repoid", "IN", "2", "1", "2"]);
        ok("kwargs.x = ''", &["kwargs.x", "=", ""]);
        assert_eq!(condition(r#"task = "\xff""#).expect("bytes")[3], b"\xff");
        ok(
            "a = 1 or b IN 2 x y OR c EXISTS",
            &["a", "=", "1", "OR", "b", "IN", "2", "x", "y", "OR", "c", "EXISTS"],
        );
        ok(r#"headers."meta.user" CONTAINS OR"#, &[r#"headers."meta.user""#, "CONTAINS", "OR"]);
    }

    #[test]
    fn a_word_is_read_as_the_value_that_it_was_written_for() {
        for value in [&b"app.tasks.a"[..], b"", b"\"12.50\"", b"a b\\", b"\xff\n", b"it's"] {
            let text = format!("x = {}", super::word(value));
            assert_eq!(condition(&text).expect("a condition")[3], value, "{text}");
        }
    }

    #[test]
    fn no_word_of_a_condition_can_become_an_option() {
        for wrong in [
            "",
            "task",
            "task =",
            "task = a b",
            "repoid = 1 CONFIRM celery",
            "eta EXISTS BUST",
            "eta EXISTS OR",
            "eta EXISTS OR task",
            "repoid IN 2 1",
            "repoid IN 1 2 3",
            "repoid IN 1",
            "repoid IN 0",
            "repoid IN x y",
            "task = 'a",
            "task = \"a",
            "task = \"a\"b",
            "task = \"\\x4\"",
            "task = \"\\xé\"",
            "task = \"\\",
        ] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }
}
