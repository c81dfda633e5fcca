//! A naive judge of Celery's messages, over a parsed tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qadmin_core::filter::Verdict;
use serde_json::Value;

/// One condition, as the judge understands it.
#[derive(Clone, Copy)]
pub struct Ask(Place, Test);

#[derive(Clone, Copy)]
enum Place {
    /// A header, by its whole name.
    Header(&'static str),
    /// A header, by a name with one point.
    HeaderIn(&'static str, &'static str),
    /// A keyword argument.
    Kwarg(&'static str),
    /// A keyword argument, by a name with one point.
    KwargIn(&'static str, &'static str),
    /// A positional argument.
    Arg(usize),
    /// Any positional argument.
    AnyArg,
    /// Any keyword argument.
    AnyKwarg,
    /// Whether the message is not a JSON object.
    Undecodable,
}

#[derive(Clone, Copy)]
enum Test {
    Is(&'static str),
    IsNot(&'static str),
    IsInteger(i64),
    Contains(&'static str),
    ContainsInteger(i64),
    Exists,
    Missing,
}

use Place::*;
use Test::*;

/// Filters, with their clauses as the judge understands them.
pub const ASKED: &[(&str, &[&[Ask]])] = &[
    ("TASK\na", &[&[Ask(Header("task"), Is("a"))]]),
    ("WHERE\ntask\n!=\na", &[&[Ask(Header("task"), IsNot("a"))]]),
    ("WHERE\nheaders.task\nEXISTS", &[&[Ask(Header("task"), Exists)]]),
    ("WHERE\nheaders.group\nMISSING", &[&[Ask(Header("group"), Missing)]]),
    ("REPOID\n7", &[&[Ask(Kwarg("repoid"), IsInteger(7))]]),
    ("TASK\na\nREPOID\n7", &[&[Ask(Header("task"), Is("a"))], &[Ask(Kwarg("repoid"), IsInteger(7))]]),
    ("COMMITID\nabc", &[&[Ask(Kwarg("commitid"), Is("abc"))]]),
    ("WHERE\nkwargs.x\nMISSING", &[&[Ask(Kwarg("x"), Missing)]]),
    ("WHERE\nundecodable\n=\n1", &[&[Ask(Undecodable, Exists)]]),
    (
        "WHERE\ntask\n=\na\nOR\nkwargs.x\n=\nabc\nWHERE\nargs.0\n=\n7",
        &[&[Ask(Header("task"), Is("a")), Ask(Kwarg("x"), Is("abc"))], &[Ask(Arg(0), IsInteger(7))]],
    ),
    ("WHERE\nargs.*\n=\nabc\nOR\nkwargs.*\n=\n7", &[&[Ask(AnyArg, Is("abc")), Ask(AnyKwarg, IsInteger(7))]]),
    ("WHERE\nkwargs.*\n=\nabc", &[&[Ask(AnyKwarg, Is("abc"))]]),
    ("WHERE\nargs.*\nCONTAINS\n7", &[&[Ask(AnyArg, ContainsInteger(7))]]),
    ("WHERE\nkwargs.x\nCONTAINS\nabc", &[&[Ask(Kwarg("x"), Contains("abc"))]]),
    ("WHERE\nkwargs.a.b\n=\nabc", &[&[Ask(KwargIn("a", "b"), Is("abc"))]]),
    ("WHERE\nkwargs.\"a.b\"\n!=\nabc", &[&[Ask(Kwarg("a.b"), IsNot("abc"))]]),
    ("WHERE\nheaders.meta.user\nMISSING", &[&[Ask(HeaderIn("meta", "user"), Missing)]]),
    (
        "WHERE\nheaders.\"meta.user\"\nEXISTS\nOR\nkwargs.x\nMISSING",
        &[&[Ask(Header("meta.user"), Exists), Ask(Kwarg("x"), Missing)]],
    ),
];

fn falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Positional and keyword arguments of a message with a header `task`; nothing where its body cannot be read, or is
/// nothing that a worker takes apart. `Err` where the judge does not know either: it is stricter with texts than a worker is.
fn arguments(message: &Value) -> Result<Option<[Value; 2]>, ()> {
    let packed = ["application/x-msgpack", "application/x-python-serialize", "pickle"];
    if packed.iter().any(|name| message["content-type"] == *name)
        || !falsy(&message["headers"]["compression"])
    {
        // Tests with bodies of the real libraries cover these.
        return Err(());
    }
    if message["content-type"] != "application/json" {
        return Ok(None);
    }
    let Some(body) = message["body"].as_str() else { return Ok(None) };
    let bytes = match &message["properties"]["body_encoding"] {
        none if falsy(none) => body.as_bytes().to_vec(),
        Value::String(name) if name == "base64" => STANDARD.decode(body).map_err(|_| ())?,
        Value::String(name) if name.eq_ignore_ascii_case("utf-8") => body.as_bytes().to_vec(),
        _ => return Ok(None),
    };
    let tree: Value = serde_json::from_slice(&bytes).map_err(|_| ())?;
    Ok(match &tree {
        Value::Array(items) => Some([0, 1].map(|at| items.get(at).cloned().unwrap_or(Value::Null))),
        Value::Object(members) if members.contains_key("args") => {
            Some([tree["args"].clone(), tree["kwargs"].clone()])
        }
        _ => None,
    })
}

/// Names of the keyword arguments, where the judge can read them.
pub fn argument_names(message: &[u8]) -> Option<Vec<String>> {
    let tree: Value = serde_json::from_slice(message).ok()?;
    let [_, kwargs] = arguments(&tree).ok()??;
    Some(kwargs.as_object()?.keys().cloned().collect())
}

/// The value of a name with a point: the member inside, else the one whose name has the point.
fn inside<'v>(value: &'v Value, first: &str, second: &str) -> &'v Value {
    match &value[first][second] {
        Value::Null => &value[format!("{first}.{second}")],
        nested => nested,
    }
}

/// True, false or unknown; `Err` where the judge does not know.
fn decide(test: Test, value: &Value) -> Result<Option<bool>, ()> {
    let integer = |n: i64| match value {
        Value::Number(number) => match number.as_i64() {
            Some(m) => Ok(m == n),
            // The judge has lost what is not an integer into floats.
            None => Err(()),
        },
        Value::String(text) => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            Ok(!digits.is_empty()
                && digits.bytes().all(|b| b.is_ascii_digit())
                && text.parse::<i128>().is_ok_and(|m| m == i128::from(n)))
        }
        _ => Ok(false),
    };
    Ok(match (value, test) {
        (Value::Null, Missing) => Some(true),
        (Value::Null, _) => Some(false),
        (_, Exists) => Some(true),
        (_, Missing) => Some(false),
        (Value::Array(items), Contains(text)) => any(items.iter(), Is(text))?,
        (Value::Array(items), ContainsInteger(n)) => any(items.iter(), IsInteger(n))?,
        // Perhaps a scalar that a library has wrapped.
        (Value::Object(members), _) if members.keys().any(|name| name.starts_with('_')) => return Err(()),
        (_, Contains(_) | ContainsInteger(_)) => None,
        (Value::Object(_) | Value::Array(_), _) => None,
        (value, Is(text)) => Some(value == text),
        (value, IsNot(text)) => Some(value != text),
        (_, IsInteger(n)) => Some(integer(n)?),
    })
}

/// The test of each value that is not null: true beats unknown beats false.
fn any<'v>(values: impl Iterator<Item = &'v Value>, test: Test) -> Result<Option<bool>, ()> {
    let mut one = Some(false);
    for value in values.filter(|value| !value.is_null()) {
        match decide(test, value)? {
            Some(true) => return Ok(Some(true)),
            Some(false) => {}
            None => one = None,
        }
    }
    Ok(one)
}

fn decide_any(test: Test, value: &Value) -> Result<Option<bool>, ()> {
    match value {
        Value::Array(items) => any(items.iter(), test),
        Value::Object(members) => any(members.values(), test),
        Value::Null => decide(test, value),
        _ => Ok(None),
    }
}

/// The verdict, if the judge can tell.
pub fn judge(asked: &[&[Ask]], message: &[u8]) -> Option<Verdict> {
    let parsed: Option<Value> = serde_json::from_slice(message).ok();
    let Some(tree) = parsed else {
        // The judge refuses more than a worker does: NaN, lone surrogates, other bytes than UTF-8, huge
        // numbers, depth. Where none of that can be the reason, the message is not JSON.
        let plain = message.is_ascii()
            && !message.windows(2).any(|pair| pair.eq_ignore_ascii_case(b"\\u"))
            && !message.iter().any(|b| b"NI".contains(b))
            && !message.windows(2).any(|pair| pair[0].is_ascii_digit() && b"eE".contains(&pair[1]))
            && message.len() < 300
            && message.iter().filter(|b| b"[{".contains(b)).count() < 100
            && !message.iter().any(|b| *b < 0x20 || *b == 0x7f);
        let undecodable = Verdict { undecodable: true, ..Verdict::default() };
        let asks = matches!(asked, [[Ask(Undecodable, _)]]);
        return plain.then_some(Verdict { matched: asks, ..undecodable });
    };
    if !tree.is_object() {
        let asks = matches!(asked, [[Ask(Undecodable, _)]]);
        return Some(Verdict { matched: asks, undecodable: true, ..Verdict::default() });
    }
    let headers = &tree["headers"];
    let proper = headers.is_object() && headers.get("task").is_some();
    if !proper && !matches!(asked, [[Ask(Undecodable, _)]]) {
        // Other protocols have these elsewhere: not asked of the judge.
        return None;
    }
    let needs_body = |Ask(place, _): &Ask| !matches!(place, Header(_) | HeaderIn(..) | Undecodable);
    let arguments =
        if asked.iter().copied().flatten().any(needs_body) { arguments(&tree).ok()? } else { None };
    let (mut all, mut uncompared) = (Some(true), false);
    for clause in asked {
        let mut one = Some(false);
        for Ask(place, test) in *clause {
            let decided = match (place, &arguments) {
                (Undecodable, _) => Some(false),
                (Header(name), _) => decide(*test, &headers[*name]).ok()?,
                (HeaderIn(first, second), _) => decide(*test, inside(headers, first, second)).ok()?,
                (_, None) => {
                    one = one.filter(|one| *one);
                    continue;
                }
                (Kwarg(name), Some([_, kwargs])) => decide(*test, &kwargs[*name]).ok()?,
                (KwargIn(first, second), Some([_, kwargs])) => {
                    decide(*test, inside(kwargs, first, second)).ok()?
                }
                (Arg(at), Some([args, _])) if args.is_array() || args.is_null() => {
                    decide(*test, &args[*at]).ok()?
                }
                (Arg(_), _) => return None,
                (AnyArg, Some([args, _])) => decide_any(*test, args).ok()?,
                (AnyKwarg, Some([_, kwargs])) => decide_any(*test, kwargs).ok()?,
            };
            uncompared |= decided.is_none();
            one = match (one, decided) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (None, _) | (_, None) => None,
                _ => Some(false),
            };
        }
        all = match (all, one) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            _ => Some(true),
        };
    }
    let unreadable = all.is_none();
    Some(Verdict {
        matched: all == Some(true),
        undecodable: false,
        unreadable,
        uncompared: unreadable && uncompared,
        missing: false,
        kept: false,
    })
}
