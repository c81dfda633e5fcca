//! Rules of users that name commands of the module. Some servers crash if such a rule exists after the module was
//! unloaded, and no server without the module starts with one in its configuration.

/// Whether a rule names a command of the module, or its category.
pub(super) fn is_rule_of_module(rule: &[u8]) -> bool {
    let rule = rule.to_ascii_lowercase();
    [&b"+qadmin."[..], b"-qadmin.", b"+@qadmin", b"-@qadmin"].iter().any(|begin| rule.starts_with(begin))
}

/// A user of a line of ACL LIST.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct User<'a> {
    pub(super) name: &'a str,
    rules: Vec<&'a str>,
}

impl<'a> User<'a> {
    pub(super) fn parse(line: &'a str) -> Option<Self> {
        let (name, rules) = line.strip_prefix("user ")?.split_once(' ')?;
        Some(Self { name, rules: outer_words(rules) })
    }

    /// The rules that name the module, also within selectors.
    pub(super) fn of_module(&self) -> Vec<&'a str> {
        let inner =
            |rule: &&'a str| inside(rule).map_or_else(|| vec![*rule], |inside| inside.split(' ').collect());
        self.rules.iter().flat_map(inner).filter(|rule| is_rule_of_module(rule.as_bytes())).collect()
    }

    /// Whether the user is on and may run all commands except some categories, none of which concerns a module's commands on
    /// Redis 7.0.
    pub(super) fn relies_on_categories(&self) -> bool {
        let has = |rule: &str| self.rules.contains(&rule);
        has("on")
            && has("+@all")
            && self.of_module().is_empty()
            && self.rules.iter().any(|rule| rule.starts_with("-@"))
    }

    /// The command that sets the same rules without those that name the module.
    pub(super) fn without(&self) -> Vec<String> {
        let mut words = ["ACL", "SETUSER", self.name].map(str::to_owned).to_vec();
        let is_command = |rule: &&&str| rule.starts_with(['+', '-']);
        let commands = self.rules.iter().filter(is_command);
        if commands.clone().any(|rule| is_rule_of_module(rule.as_bytes())) {
            // The first rule, +@all or -@all, forgets those that were there.
            words.extend(
                commands.filter(|rule| !is_rule_of_module(rule.as_bytes())).map(|rule| (*rule).to_owned()),
            );
        }
        let selectors: Vec<&str> = self.rules.iter().filter_map(|rule| inside(rule)).collect();
        let names_module =
            |selector: &&str| selector.split(' ').any(|rule| is_rule_of_module(rule.as_bytes()));
        if selectors.iter().any(names_module) {
            words.push("clearselectors".to_owned());
            words.extend(selectors.iter().map(|selector| {
                let kept: Vec<&str> =
                    selector.split(' ').filter(|rule| !is_rule_of_module(rule.as_bytes())).collect();
                format!("({})", kept.join(" "))
            }));
        }
        words
    }
}

/// The rules of a selector.
fn inside(rule: &str) -> Option<&str> {
    rule.strip_prefix('(')?.strip_suffix(')')
}

/// Words that are separated by blanks; a selector in parentheses is one.
fn outer_words(rules: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = rules.trim();
    while !rest.is_empty() {
        let end = if rest.starts_with('(') { rest.find(')').map(|at| at + 1) } else { rest.find(' ') };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(line: &str) -> User<'_> {
        User::parse(line).expect("a user")
    }

    #[test]
    fn rules_are_taken_out_and_the_others_kept() {
        let jane = user(
            "user jane on sanitize-payload #ab ~qadmin:* resetchannels -@all +get +qadmin.preview +@list",
        );
        assert_eq!((jane.name, jane.of_module()), ("jane", vec!["+qadmin.preview"]));
        assert_eq!(jane.without(), ["ACL", "SETUSER", "jane", "-@all", "+get", "+@list"]);
        let app = user("user app on nopass ~* &* +@all -QADMIN.clearjob -@qadmin");
        assert_eq!(app.without(), ["ACL", "SETUSER", "app", "+@all"]);
        let both =
            user("user x on ~a -@all +get (~b resetchannels -@all +set) (~c -@all +qadmin.help +ping)");
        assert_eq!(both.of_module(), ["+qadmin.help"]);
        assert_eq!(
            both.without(),
            ["ACL", "SETUSER", "x", "clearselectors", "(~b resetchannels -@all +set)", "(~c -@all +ping)"]
        );
        assert!(user("user default on nopass ~* &* +@all").of_module().is_empty());
        assert_eq!(User::parse("nonsense"), None);
    }

    #[test]
    fn who_relies_on_categories() {
        assert!(user("user a on ~* +@all -@dangerous").relies_on_categories());
        assert!(!user("user a off ~* +@all -@dangerous").relies_on_categories());
        assert!(!user("user a on ~* +@all -@dangerous -qadmin.clearjob").relies_on_categories());
        assert!(!user("user a on ~* +@all").relies_on_categories());
        assert!(!user("user a on ~* -@all +@read").relies_on_categories());
    }
}
