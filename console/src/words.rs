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

/// A filter taken apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) task: Option<Vec<u8>>,
    pub(crate) repoid: Option<Vec<u8>>,
    pub(crate) commitid: Option<Vec<u8>>,
    /// Each as `--where` takes it.
    pub(crate) wheres: Vec<String>,
}

/// The parts of a filter's canonical text, as replies show it.
pub(crate) fn filter(text: &str) -> Result<Parts, String> {
    let mut parts = Parts::default();
    let words = tokens(text)?;
    let mut rest = words.as_slice();
    while let Some(((keyword, _), behind)) = rest.split_first() {
        if keyword == b"WHERE" {
            // Counted, not looked for: a value may read WHERE, too.
            let count = behind.get(2).and_then(|(n, _)| std::str::from_utf8(n).ok()?.parse::<usize>().ok());
            let length = match behind.get(1).map(|(operator, _)| operator.as_slice()) {
                Some(b"EXISTS" | b"MISSING") => 2,
                Some(b"IN") => count.unwrap_or(0).saturating_add(3),
                _ => 3,
            };
            let (words, behind) = behind.split_at_checked(length).ok_or("a condition is cut short")?;
            parts.wheres.push(words.iter().map(|(_, raw)| *raw).collect::<Vec<_>>().join(" "));
            rest = behind;
            continue;
        }
        let place = match keyword.as_slice() {
            b"TASK" => &mut parts.task,
            b"REPOID" => &mut parts.repoid,
            b"COMMITID" => &mut parts.commitid,
            _ => return Err("a part of the filter is not known".to_owned()),
        };
        let ((value, _), behind) = behind.split_first().ok_or("a value is missing")?;
        *place = Some(value.clone());
        rest = behind;
    }
    Ok(parts)
}

/// Splits as redis-cli does: words between spaces, "..." with escapes, '...' without.
fn split(text: &str) -> Result<Vec<Vec<u8>>, String> {
    Ok(tokens(text)?.into_iter().map(|(word, _)| word).collect())
}

/// The words, each with how it is written.
fn tokens(text: &str) -> Result<Vec<(Vec<u8>, &str)>, String> {
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
        words.push((word, &rest[..rest.len() - after.len()]));
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
    use super::{Parts, condition, filter};

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
    fn a_filter_is_taken_apart_as_it_was_put_together() {
        let parts = filter(
            r#"TASK "a \xff" REPOID 7 WHERE eta EXISTS WHERE repoid IN 2 WHERE "a b" WHERE task = TASK COMMITID x"#,
        );
        let wheres = ["eta EXISTS", r#"repoid IN 2 WHERE "a b""#, "task = TASK"].map(str::to_owned).to_vec();
        let wanted = Parts {
            task: Some(b"a \xff".to_vec()),
            repoid: Some(b"7".to_vec()),
            commitid: Some(b"x".to_vec()),
            wheres,
        };
        assert_eq!(parts.as_ref(), Ok(&wanted));
        for text in parts.expect("parts").wheres {
            assert!(condition(&text).is_ok(), "{text}");
        }
        for wrong in ["TASK", "WHERE", "WHERE a =", "WHERE a IN 3 1 2", "AND x", "TASK \"a"] {
            assert!(filter(wrong).is_err(), "{wrong}");
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
