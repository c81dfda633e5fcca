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
    use super::Rules;

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
