//! The rows of the filter form: field, operator and value, any number of them.
//!
//! A row becomes the text of a condition, as `--where` takes it, and URLs contain these texts. The other way round, the
//! conditions of a URL become rows, so that a filter from a link can be changed in the form. A condition that the fields of
//! a form cannot hold (bytes that are not UTF-8, line breaks, a typing mistake) stays a text.

use crate::filter_syntax::{self, word};
use crate::text::escape;

/// The operators of the form and what they mean.
pub(crate) const OPERATORS: [(&str, &str); 11] = [
    ("=", "= (equal)"),
    ("!=", "!= (not equal)"),
    ("<", "<"),
    ("<=", "<="),
    (">", ">"),
    (">=", ">="),
    ("GLOB", "GLOB (matches the pattern)"),
    ("IN", "IN (one of these values)"),
    ("CONTAINS", "CONTAINS (has this item)"),
    ("EXISTS", "EXISTS (is there)"),
    ("MISSING", "MISSING (is not there)"),
];

/// One row of the form.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Row {
    /// Whether one of this condition and the one before has to be true, instead of both.
    pub(crate) or: bool,
    pub(crate) field: String,
    pub(crate) operator: String,
    pub(crate) value: String,
}

impl Row {
    fn is_empty(&self) -> bool {
        self.field.trim().is_empty() && self.value.is_empty()
    }

    /// The text of the condition.
    fn text(&self) -> Result<String, String> {
        let field = self.field.trim();
        if field.is_empty() {
            return Err(format!("a field is missing before the value {}", escape(self.value.as_bytes())));
        }
        let operator = OPERATORS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&self.operator));
        let Some((operator, _)) = operator else {
            return Err(format!("the operator of the condition on {} is unknown", escape(field.as_bytes())));
        };
        let field = word(field.as_bytes());
        let text = match *operator {
            "EXISTS" | "MISSING" => format!("{field} {operator}"),
            _ if self.value.is_empty() => {
                return Err(format!("a value is missing after {field} {operator}"));
            }
            "IN" => {
                let values = filter_syntax::split(&self.value)?;
                let words: Vec<String> = values.iter().map(|value| word(value)).collect();
                format!("{field} IN {} {}", words.len(), words.join(" "))
            }
            _ => format!("{field} {operator} {}", word(self.value.as_bytes())),
        };
        Ok(text)
    }

    /// The row of one condition, given as its words; `None` if a form cannot hold it.
    fn of(or: bool, words: &[Vec<u8>]) -> Option<Self> {
        let texts = words.iter().map(|word| typed(word)).collect::<Option<Vec<String>>>()?;
        let operator = texts.get(1)?.to_ascii_uppercase();
        let operator = match operator.as_str() {
            "EQ" => "=",
            "NE" => "!=",
            "LT" => "<",
            "LE" => "<=",
            "GT" => ">",
            "GE" => ">=",
            other => other,
        };
        let value = match operator {
            "EXISTS" | "MISSING" => String::new(),
            "IN" => texts.get(3..)?.iter().map(|value| word(value.as_bytes())).collect::<Vec<_>>().join(" "),
            _ => texts.get(2)?.clone(),
        };
        OPERATORS.iter().any(|(known, _)| *known == operator).then(|| Self {
            or,
            field: texts[0].clone(),
            operator: operator.to_owned(),
            value,
        })
    }
}

/// Bytes that an input of a form holds unchanged, as text.
pub(crate) fn typed(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// The texts of the conditions in these rows, one for each WHERE. Empty rows are left out.
pub(crate) fn conditions(rows: &[Row]) -> Result<Vec<String>, String> {
    let mut texts: Vec<String> = Vec::new();
    for row in rows.iter().filter(|row| !row.is_empty()) {
        let text = row.text()?;
        match texts.last_mut() {
            Some(last) if row.or => *last += &format!(" OR {text}"),
            _ => texts.push(text),
        }
    }
    Ok(texts)
}

/// The rows of one WHERE; `None` if a form cannot hold it.
pub(crate) fn of_condition(text: &[u8]) -> Option<Vec<Row>> {
    let parts = filter_syntax::parts(std::str::from_utf8(text).ok()?).ok()?;
    parts.iter().enumerate().map(|(at, words)| Row::of(at > 0, words)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(or: bool, field: &str, operator: &str, value: &str) -> Row {
        let [field, operator, value] = [field, operator, value].map(str::to_owned);
        Row { or, field, operator, value }
    }

    #[test]
    fn rows_and_conditions_say_the_same() {
        let rows = [
            row(false, "kwargs.account", "=", "acme corp"),
            row(true, "kwargs.\"a b\"", "EXISTS", ""),
            row(false, "task", "IN", "a.b \"c d\" 'e'"),
            row(false, "args.0", "!=", "\"12.50\""),
            Row::default(),
        ];
        let texts = conditions(&rows).expect("conditions");
        assert_eq!(
            texts,
            [
                r#"kwargs.account = "acme corp" OR "kwargs.\"a b\"" EXISTS"#,
                r#"task IN 3 a.b "c d" e"#,
                r#"args.0 != "\"12.50\"""#
            ]
        );
        let again: Vec<Row> =
            texts.iter().flat_map(|text| of_condition(text.as_bytes()).expect("rows")).collect();
        assert_eq!(conditions(&again).expect("conditions"), texts);
        assert_eq!(again[1], rows[1]);
        assert_eq!(again[3], rows[3]);
    }

    #[test]
    fn what_a_form_cannot_hold_stays_a_text() {
        for text in [r#"task = "\xff""#, r#"task = "a\nb""#, "task = ''", "task =", "task = a b", "x ~ 1"] {
            assert_eq!(of_condition(text.as_bytes()), None, "{text}");
        }
        assert_eq!(of_condition(b"task eq a").expect("a row"), [row(false, "task", "=", "a")]);
    }

    #[test]
    fn mistakes_in_rows_are_reported() {
        for (wrong, words) in [
            (row(false, "", "=", "a"), "a field is missing"),
            (row(false, "task", "=", ""), "a value is missing"),
            (row(false, "task", "LIKE", "a"), "is unknown"),
            (row(false, "task", "IN", "\"a"), "quote"),
        ] {
            assert!(
                conditions(std::slice::from_ref(&wrong)).is_err_and(|why| why.contains(words)),
                "{wrong:?}"
            );
        }
        // The text of a row cannot become an option of the command.
        let text =
            conditions(&[row(false, "task = a BUST WHERE x", "=", "1 CONFIRM q")]).expect("a condition");
        assert_eq!(text, [r#""task = a BUST WHERE x" = "1 CONFIRM q""#]);
    }
}
