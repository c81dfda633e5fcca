//! The names of jobs that are not a single value of the message.

use crate::json::{Shape, decode, inner};

/// The prefix of the classes of calls that Sidekiq's extensions delayed: `DelayedMailer`, `DelayedModel`,
/// `DelayedClass`.
pub(super) const DELAYED_CLASS: &[u8] = b"Sidekiq::Extensions::Delayed";

/// The classes in which ActiveJob's jobs are wrapped: the class of Rails' adapter and, since Sidekiq 8, its
/// own.
const WRAPPERS: [&[u8]; 2] =
    [b"ActiveJob::QueueAdapters::SidekiqAdapter::JobWrapper", b"Sidekiq::ActiveJob::Wrapper"];

/// The jobs that send a mail, as Sidekiq's pages unwrap them.
const MAILERS: [&[u8]; 2] = [b"ActionMailer::MailDeliveryJob", b"ActionMailer::DeliveryJob"];

/// The beginning of `[target, method, arguments]` as Psych writes it if the target is a class.
const CALL_OF_CLASS: &str = "---\n- !ruby/class '";

/// Returns whether the raw value is the string `text`.
pub(in crate::format) fn says(raw: &[u8], text: &[u8]) -> bool {
    if Shape::of(raw) != Shape::Text {
        return false;
    }
    let raw = inner(raw);
    raw == text || raw.contains(&b'\\') && decode(raw, &mut Vec::new()) == Some(text)
}

/// Returns whether the class wraps jobs of ActiveJob.
pub(super) fn is_wrapper(class: &[u8]) -> bool {
    WRAPPERS.iter().any(|wrapper| says(class, wrapper))
}

/// Returns whether the job sends a mail.
pub(super) fn is_mailer(class: &[u8]) -> bool {
    MAILERS.iter().any(|mailer| says(class, mailer))
}

/// Writes `Mailer#action` as a JSON string; writes nothing unless both are strings.
pub(super) fn name_of_mail(mailer: Option<&[u8]>, action: Option<&[u8]>, name: &mut Vec<u8>) {
    let text = |raw: Option<&[u8]>| raw.is_some_and(|raw| Shape::of(raw) == Shape::Text);
    if text(mailer) && text(action) {
        let [mailer, action] = [mailer, action].map(|raw| raw.map(inner).unwrap_or_default());
        // The bytes between the quotes are copied as they are written, escapes included.
        name.extend([b"\"", mailer, b"#", action, b"\""].concat());
    }
}

/// Writes `Target.method` as a JSON string: the name that the sender wrote, otherwise the name in the YAML of
/// the call. Writes nothing if neither is certain.
pub(super) fn name_of_call(display_class: Option<&[u8]>, call: Option<&[u8]>, name: &mut Vec<u8>) {
    let text = |raw: &&[u8]| Shape::of(raw) == Shape::Text;
    if let Some(says) = display_class.filter(text) {
        name.extend(says);
        return;
    }
    let mut scratch = Vec::new();
    let yaml = call.filter(text).and_then(|raw| decode(inner(raw), &mut scratch));
    if let Some((class, method)) =
        yaml.and_then(|yaml| std::str::from_utf8(yaml).ok()).and_then(call_of_class)
    {
        name.extend([b"\"", class.as_bytes(), b".", method.as_bytes(), b"\""].concat());
    }
}

/// Returns the class and the method of a call as Psych writes it: `---\n- !ruby/class 'Name'\n- :method\n- `,
/// with names that need no quotes of their own. Returns `None` for every other text.
fn call_of_class(yaml: &str) -> Option<(&str, &str)> {
    let (class, rest) = yaml.strip_prefix(CALL_OF_CLASS)?.split_once('\'')?;
    let (method, rest) = rest.strip_prefix("\n- :")?.split_once('\n')?;
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let is_class = class.split("::").all(plain);
    let is_method = plain(method.strip_suffix(['?', '!']).unwrap_or(method));
    (is_class && is_method && rest.starts_with("- ")).then_some((class, method))
}

/// Returns the number of items if the raw value is an array, otherwise 0. The value must be valid JSON.
pub(super) fn items(array: &[u8]) -> usize {
    if !array.starts_with(b"[") || inner(array).trim_ascii().is_empty() {
        return 0;
    }
    let (mut depth, mut commas, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in inner(array) {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'[' | b'{') => depth += 1,
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            (false, b',') if depth == 0 => commas += 1,
            _ => {}
        }
    }
    commas + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(yaml: &str) -> Option<String> {
        call_of_class(yaml).map(|(class, method)| format!("{class}.{method}"))
    }

    #[test]
    fn calls_are_named_by_the_one_text_that_is_certain() {
        let yes = [
            ("---\n- !ruby/class 'UserMailer'\n- :welcome\n- - 1\n", "UserMailer.welcome"),
            ("---\n- !ruby/class 'Admin::User'\n- :find_by!\n- []\n", "Admin::User.find_by!"),
        ];
        for (yaml, name) in yes {
            assert_eq!(call(yaml).as_deref(), Some(name));
        }
        for yaml in [
            "",
            "---\n- !ruby/class 'UserMailer'\n",
            "---\n- !ruby/class 'UserMailer'\n- :welcome",
            "---\n- !ruby/class 'UserMailer'\n- :welcome\n",
            "---\n- !ruby/class 'User''s'\n- :welcome\n- []\n",
            "---\n- !ruby/class ''\n- :welcome\n- []\n",
            "---\n- !ruby/class 'A::'\n- :welcome\n- []\n",
            "---\n- !ruby/class 'A'\n- :\"wel come\"\n- []\n",
            "---\n- !ruby/class 'A'\n- welcome\n- []\n",
            "---\n- !ruby/class 'A'\n- :?\n- []\n",
            "--- \n- !ruby/class 'A'\n- :b\n- []\n",
            "---\n- !ruby/object:User\n  id: 1\n- :welcome\n- []\n",
        ] {
            assert_eq!(call(yaml), None, "{yaml}");
        }
    }

    #[test]
    fn items_are_counted_at_the_top_level_alone() {
        for (array, count) in [
            ("[]", 0),
            ("[ \n]", 0),
            ("[1]", 1),
            ("[1,2]", 2),
            (r#"["a,b", [1,2], {"c": [3,4]}, "\",", "\\"]"#, 5),
            ("\"text\"", 0),
            ("{\"a\": 1}", 0),
            ("null", 0),
        ] {
            assert_eq!(items(array.as_bytes()), count, "{array}");
        }
    }
}
