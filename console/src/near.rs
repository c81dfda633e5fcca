//! Fields that a user may have meant.

/// How similar two names are that can be mistaken for each other, from 0 to 1. It is what clap uses for commands.
const SIMILAR: f64 = 0.7;

/// What to type instead of a field that the server does not know. `said` is its error: `unknown field "x"; fields are a b`.
pub(crate) fn field(said: &str) -> Option<String> {
    let (name, fields) = said.split_once("unknown field \"")?.1.split_once("\"; fields are ")?;
    let is_plain = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let known = fields.split_ascii_whitespace().filter(|field| is_plain(field));
    let scored = known.map(|field| (strsim::jaro(&name.to_ascii_lowercase(), field), field));
    let nearest = scored.filter(|(score, _)| *score > SIMILAR).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let meant = nearest.map(|(_, field)| format!("Did you mean {field}?"));
    let argument = (is_plain(name) && !name.is_empty())
        .then(|| format!("A keyword argument of this name is the field kwargs.{name}."));
    let hint: Vec<String> = [meant, argument].into_iter().flatten().collect();
    Some(hint.join(" ")).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::field;

    #[test]
    fn similar_fields_and_arguments_are_named() {
        let said = |name: &str| {
            field(&format!(
                "ERR unknown field \"{name}\"; fields are task id retries eta bytes args args.N kwargs"
            ))
        };
        let argument = |name: &str| format!("A keyword argument of this name is the field kwargs.{name}.");
        assert_eq!(said("Task"), Some(format!("Did you mean task? {}", argument("Task"))));
        assert_eq!(said("Retries"), Some(format!("Did you mean retries? {}", argument("Retries"))));
        assert_eq!(said("account"), Some(argument("account")));
        assert_eq!(said("\\x1b[2J"), None);
        assert_eq!(field("ERR syntax error"), None);
    }
}
