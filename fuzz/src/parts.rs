//! A filter must agree with its parts: AND, OR, IN, `args.*` and names with points mean what their parts mean, and a
//! condition and the one that denies it are never both true.

use crate::oracle;
use crate::question::{Asker, Condition, Question, Truth, and, or};

/// Most conditions of a filter that are asked one by one.
const CONDITIONS_MAX: usize = 6;
/// Most arguments that `args.*` and `kwargs.*` are compared with, one by one.
const ARGUMENTS_MAX: usize = 6;
/// Operators and the ones that deny them.
const OPPOSITES: [[&str; 2]; 4] = [["=", "!="], ["<", ">="], ["<=", ">"], ["EXISTS", "MISSING"]];
/// The spellings for shells, and the operators that they are.
const SPELLINGS: [[&str; 2]; 6] =
    [["EQ", "="], ["NE", "!="], ["LT", "<"], ["LE", "<="], ["GT", ">"], ["GE", ">="]];

/// Holds the filter and each of its conditions against their parts.
pub fn check(question: &Question<'_>, asker: &Asker<'_>, undecodable: bool) {
    let conditions: Vec<&Condition<'_>> = question.clauses.iter().flatten().collect();
    if conditions.len() > CONDITIONS_MAX {
        return;
    }
    let says = || {
        format!(
            "{:?} of {:?}",
            String::from_utf8_lossy(&question.filter.canonical()),
            String::from_utf8_lossy(asker.message)
        )
    };
    let ask = |condition: &Condition<'_>| asker.ask(condition).expect("a condition of a filter is a filter");
    let parts = and(question.clauses.iter().map(|clause| or(clause.iter().map(ask))));
    // Of what is no message a condition that is not true is never called unknown.
    let same =
        |a: Truth, b: Truth| if undecodable { (a == Truth::True) == (b == Truth::True) } else { a == b };
    assert!(same(asker.of(&question.filter), parts), "AND and OR: {}", says());
    for condition in conditions {
        check_condition(condition, asker, &same);
    }
}

fn check_condition(condition: &Condition<'_>, asker: &Asker<'_>, same: &dyn Fn(Truth, Truth) -> bool) {
    let says = || {
        let words: Vec<_> = condition.iter().map(|word| String::from_utf8_lossy(word)).collect();
        format!("{words:?} of {:?}, inexact {}", String::from_utf8_lossy(asker.message), asker.inexact)
    };
    let whole = asker.ask(condition).expect("a condition of a filter is a filter");
    if let [keyword, id] = condition[..]
        && keyword.eq_ignore_ascii_case(b"REPOID")
    {
        return assert_eq!(Some(whole), asker.ask(&[b"kwargs.repoid", b"=", id]), "REPOID: {}", says());
    }
    let [field, operator, operands @ ..] = &condition[..] else { return };
    let operator = operator.to_ascii_uppercase();
    let spelled = SPELLINGS.iter().find(|[word, _]| word.as_bytes() == operator);
    let operator = spelled.map_or(&operator[..], |[_, symbol]| symbol.as_bytes());
    check_opposites(field, operands, asker, &says);
    if operator == b"IN" && operands.len() <= CONDITIONS_MAX {
        let each =
            operands[1..].iter().map(|operand| asker.ask(&[field, b"=", operand]).expect("an operand of IN"));
        assert!(same(whole, or(each)), "IN: {}", says());
    }
    let with = |field: &[u8]| asker.ask(&[&[field, operator], operands].concat());
    match *field {
        b"args.*" => check_any(whole, (0..ARGUMENTS_MAX).map(|at| format!("args.{at}")), &with, &says),
        b"kwargs.*" => {
            let names = oracle::argument_names(asker.message).unwrap_or_default();
            let names = names.iter().filter(|name| name.len() < 100 && !name.contains('\u{fffd}'));
            check_any(
                whole,
                names.take(ARGUMENTS_MAX).map(|name| format!("kwargs.{}", quoted(name))),
                &with,
                &says,
            );
        }
        _ => {}
    }
    if let Some([nested, joined]) = readings(field) {
        let exists = asker.ask(&[nested.as_bytes(), b"EXISTS"]).expect("a field");
        if exists != Truth::Unknown {
            let other = if exists == Truth::True { with(nested.as_bytes()) } else { with(joined.as_bytes()) };
            assert!(other.is_some_and(|other| same(whole, other)), "names with points: {}", says());
        }
    }
}

/// Never both true; unknown for one exactly where it is unknown for the other; one of them true of what is compared.
fn check_opposites(field: &[u8], operands: &[&[u8]], asker: &Asker<'_>, says: &dyn Fn() -> String) {
    // One argument may be below and another one above.
    let is_any = field.ends_with(b".*");
    for [one, other] in OPPOSITES.into_iter().filter(|_| !is_any) {
        let operands = match (one, operands) {
            ("EXISTS", _) => &[],
            (_, [operand]) => std::slice::from_ref(operand),
            _ => continue,
        };
        let ask = |operator: &str| asker.ask(&[&[field, operator.as_bytes()], operands].concat());
        let (Some(first), Some(second)) = (ask(one), ask(other)) else { continue };
        assert!((first, second) != (Truth::True, Truth::True), "{one} and {other}: {}", says());
        assert_eq!(first == Truth::Unknown, second == Truth::Unknown, "{one} and {other}: {}", says());
    }
}

/// Where one argument makes the condition true it is true of any, and where it is false of any it is so of each.
fn check_any(
    whole: Truth,
    fields: impl Iterator<Item = String>,
    with: &dyn Fn(&[u8]) -> Option<Truth>,
    says: &dyn Fn() -> String,
) {
    for field in fields {
        match with(field.as_bytes()) {
            Some(Truth::True) => assert_eq!(whole, Truth::True, "{field}: {}", says()),
            Some(Truth::Unknown) => assert_ne!(whole, Truth::False, "{field}: {}", says()),
            Some(Truth::False) | None => {}
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A name of two parts without quotes: as a way into a value, and as one name with a point.
fn readings(field: &[u8]) -> Option<[String; 2]> {
    let text = std::str::from_utf8(field).ok().filter(|text| !text.contains('"'))?;
    let parts: Vec<&str> = text.split('.').collect();
    let [part @ ("kwargs" | "headers" | "properties"), first, second] = parts[..] else { return None };
    Some([format!("{part}.\"{first}\".\"{second}\""), format!("{part}.\"{first}.{second}\"")])
}
