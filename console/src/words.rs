//! `--where 'kwargs.pullid = 7'`: one condition, typed as one text.
//!
//! The grammar is the server's own (docs/filter.md), so the canonical text of a filter can be pasted, without its
//! WHERE. What belongs to a condition is counted here all the same: a word too many would be an option to the server.

/// The words of one condition.
pub(crate) fn condition(text: &str) -> Result<Vec<Vec<u8>>, String> {
    let mut words = split(text)?;
    let Some(operator) = words.get(1).map(|word| word.to_ascii_uppercase()) else {
        return Err(
            "a condition is a field and an operator, such as 'kwargs.pullid = 7' or 'eta EXISTS'".to_owned()
        );
    };
    let operands = words.len() - 2;
    match operator.as_slice() {
        b"EXISTS" | b"MISSING" if operands > 0 => return Err("nothing follows EXISTS and MISSING".to_owned()),
        b"EXISTS" | b"MISSING" => {}
        b"IN" => {
            let count = words.get(2).and_then(|word| std::str::from_utf8(word).ok()?.parse::<usize>().ok());
            if count != Some(operands.saturating_sub(1)) || operands < 2 {
                return Err("IN is followed by a count and as many values, such as 'kwargs.repoid IN 2 147107 147108'".to_owned());
            }
        }
        _ if operands == 1 => {}
        _ if operands == 0 => return Err("a value is missing behind the operator".to_owned()),
        _ => {
            return Err(
                "one value follows the operator; put quotes around one with spaces: 'task = \"a b\"'"
                    .to_owned(),
            );
        }
    }
    words.insert(0, b"WHERE".to_vec());
    Ok(words)
}

/// Splits as redis-cli does: words between spaces, "..." with escapes, '...' without.
fn split(text: &str) -> Result<Vec<Vec<u8>>, String> {
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
            return Err("a space is missing behind a quote".to_owned());
        }
        words.push(word);
        rest = after.trim_start();
    }
    Ok(words)
}

/// The word up to the closing `"`, and what is behind it.
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
