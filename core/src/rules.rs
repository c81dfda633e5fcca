//! The rules of a user as the server describes them, taken apart into selectors.
//!
//! A user has root rules and any number of selectors, in parentheses. The server permits a command where **one** of
//! them permits the command and every key of it. The text is that of `ACL LIST`, of `ACL SAVE` and of
//! `RM_GetModuleUserACLString` (`ACLDescribeUser`, Redis 7.0 to 8.0 and Valkey 7.2 to 9.1), which the server itself
//! reads again when it loads an ACL file.

/// What the rules of one user permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// False if the user is disabled: nobody can log in as this user.
    pub enabled: bool,
    /// The root rules first, then each selector, as text that `RM_SetModuleUserACLString` reads.
    pub selectors: Vec<String>,
}

impl Rules {
    /// Takes the description of a user apart. Names, flags and passwords are left out of the selectors: they
    /// identify the user, and permit nothing.
    #[must_use]
    pub fn parse(description: &[u8]) -> Self {
        let mut enabled = true;
        let mut root = String::new();
        let mut others: Vec<String> = Vec::new();
        let mut inside = false;
        // No rule contains white space: the server refuses patterns that do (`ACLStringHasSpaces`).
        for word in description.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            let mut word = word;
            if !inside && word[0] == b'(' {
                (inside, word) = (true, &word[1..]);
                others.push(String::new());
            }
            let target = match others.last_mut() {
                Some(selector) if inside => selector,
                _ => &mut root,
            };
            // A selector ends with the rules of its commands. Patterns may end with a parenthesis of their own.
            if inside && !matches!(word.first(), Some(b'~' | b'%' | b'&')) && word.ends_with(b")") {
                (inside, word) = (false, &word[..word.len() - 1]);
            }
            match word {
                b"off" => enabled = false,
                b"" | b"on" | b"nopass" | b"sanitize-payload" | b"skip-sanitize-payload" => {}
                [b'#', ..] => {}
                rule => quote(rule, target),
            }
        }
        let selectors = std::iter::once(root).chain(others).collect();
        Self { enabled, selectors }
    }
}

/// Returns whether these rules, of a user without selectors, permit reading or, with `writes`, also writing all keys that
/// begin with a text. One pattern has to permit all of them, and it has to be seen that it does: it ends with a star, and
/// what stands before contains no class and no backslash. Other patterns count as permitting only some of the keys.
#[must_use]
pub fn permit_all(description: &[u8], start: &[u8], writes: bool) -> bool {
    description.split(u8::is_ascii_whitespace).any(|rule| {
        let (rights, pattern) = match rule {
            [b'~', pattern @ ..] => (&b"RW"[..], pattern),
            [b'%', rest @ ..] => match rest.iter().position(|byte| *byte == b'~') {
                Some(at) => (&rest[..at], &rest[at + 1..]),
                None => return false,
            },
            _ => return false,
        };
        rights.contains(&b'R') && (!writes || rights.contains(&b'W')) && matches_all(pattern, start)
    })
}

/// Returns whether it can be seen that a pattern matches all texts that begin with `start`.
fn matches_all(pattern: &[u8], start: &[u8]) -> bool {
    let Some(before) =
        pattern.strip_suffix(b"*").filter(|before| !before.iter().any(|byte| b"[\\".contains(byte)))
    else {
        return false;
    };
    // The lengths of the parts of `start`, from its beginning on, that what was read of the pattern matches. The star
    // at its end matches the rest.
    let mut lens = vec![false; start.len() + 1];
    lens[0] = true;
    for byte in before {
        match byte {
            b'*' => {
                let first = lens.iter().position(|fits| *fits).unwrap_or(lens.len());
                lens[first..].fill(true);
            }
            byte => {
                for len in (0..start.len()).rev() {
                    lens[len + 1] = lens[len] && (*byte == b'?' || *byte == start[len]);
                }
                lens[0] = false;
            }
        }
    }
    lens.contains(&true)
}

/// Appends a word in the double quotes that the server's `sdssplitargs` understands, whatever bytes are in it.
fn quote(word: &[u8], text: &mut String) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push('"');
    for byte in word {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\') {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::{Rules, permit_all};

    #[test]
    fn one_pattern_has_to_permit_all_keys_that_begin_so() {
        let all = |rules: &str, writes| permit_all(rules.as_bytes(), b"rq:job:", writes);
        for rules in [
            "~*",
            "~rq:*",
            "~rq:job:*",
            "~r?:j*",
            "~*:*",
            "~rq:j*b:*",
            "%RW~rq:job:*",
            "~x %R~y ~rq:job:**",
            "~*job:*",
        ] {
            let rules = format!("on nopass {rules} resetchannels -@all");
            assert!(all(&rules, true) && all(&rules, false), "{rules}");
        }
        for rules in [
            "",
            "~rq:job:",
            "~rq:job:a*",
            "~rq:job:?*",
            "~rq:job:[^a]*",
            "~rq:job:[a]* ~rq:job:[^a]*",
            "~rq:job:\\*",
            "~r\\q:*",
            "%W~rq:job:*",
            "%~rq:job:*",
            "%R",
            "~RQ:*",
            "~q:*",
            "&*",
            "*",
        ] {
            assert!(!all(&format!("on {rules} +@all"), false), "{rules}");
        }
        // Reading alone.
        assert!(all("%R~rq:*", false) && !all("%R~rq:* %W~rq:*", true));
    }

    /// Whatever a pattern is, it matches what it is said to match.
    #[test]
    fn what_is_said_to_be_permitted_is_matched() {
        let parts = ["*", "?", "a", "b", "[a]", "[^a", "\\"];
        let starts = ["", "a", "ab", "aab"];
        let ends = ["", "a", "ba", "*", "[", "\\b"];
        let mut permitted = 0;
        for n in 0..parts.len().pow(4) {
            let pattern: String = (0..4).map(|at| parts[n / parts.len().pow(at) % parts.len()]).collect();
            let glob = crate::filter::Glob::new(pattern.as_bytes());
            for start in starts {
                if super::matches_all(pattern.as_bytes(), start.as_bytes()) {
                    permitted += 1;
                    for end in ends {
                        let key = format!("{start}{end}");
                        assert!(glob.matches(key.as_bytes()), "{pattern} and {key}");
                    }
                }
            }
        }
        assert!(permitted > 50, "{permitted}");
    }

    #[test]
    fn a_user_without_selectors_has_root_rules_only() {
        let rules =
            Rules::parse(b"on sanitize-payload nopass #0a1b ~celery resetchannels -@all +qadmin.preview");
        assert!(rules.enabled);
        assert_eq!(rules.selectors, [r#""~celery" "resetchannels" "-@all" "+qadmin.preview""#]);
    }

    #[test]
    fn each_pair_of_parentheses_is_a_selector() {
        let rules = Rules::parse(b"off ~a &* -@all +get (%R~b resetchannels -@all +set) (~* &* +@all -del)");
        assert!(!rules.enabled);
        assert_eq!(
            rules.selectors,
            [
                r#""~a" "&*" "-@all" "+get""#,
                r#""%R~b" "resetchannels" "-@all" "+set""#,
                r#""~*" "&*" "+@all" "-del""#
            ]
        );
    }

    #[test]
    fn parentheses_and_quotes_in_patterns_are_part_of_the_pattern() {
        let rules = Rules::parse(b"on ~f(x) ~\"q\\ -@all (~b) ~(c) &d) -@all +get) (-@all)");
        assert_eq!(
            rules.selectors,
            [r#""~f(x)" "~\x22q\x5c" "-@all""#, r#""~b)" "~(c)" "&d)" "-@all" "+get""#, r#""-@all""#]
        );
    }
}
