use proptest::prelude::*;

use super::*;
use crate::error::FilterError;
use crate::time;

#[test]
fn one_meaning_has_one_text() {
    let table: &[(&str, &[&str])] = &[
        ("TASK a", &["task a"]),
        ("REPOID 7", &["REPOID 007", "repoid 7", "RepoId 0007"]),
        ("REPOID 0", &["REPOID -0", "REPOID 00"]),
        ("REPOID 18446744073709551617", &["REPOID 018446744073709551617"]),
        ("TASK a REPOID 7 COMMITID 007", &["COMMITID 007 REPOID 7 TASK a", "REPOID 07 TASK a COMMITID 007"]),
        ("WHERE id = x", &["where id eq x", "WHERE id EQ x", "WHERE id = x WHERE id = x"]),
        ("WHERE id = x WHERE task != y", &["WHERE task NE y WHERE id = x"]),
        ("WHERE retries >= 3", &["WHERE retries GE 03"]),
        (
            "WHERE kwargs.n < 1.5",
            &["WHERE kwargs.n LT 15e-1", "WHERE kwargs.n < 1.50", "WHERE kwargs.n < 0.15E+1"],
        ),
        ("WHERE id = a OR task = b", &["WHERE task = b OR id = a", "where task eq b or id = a OR id = a"]),
        (
            "WHERE args.0 = 1 WHERE id = a OR task = b",
            &["WHERE args.0 = 1 WHERE task = b OR id = a", "WHERE id = a OR task = b WHERE args.0 = 01"],
        ),
        ("WHERE kwargs.n = 12.50", &[]),
        ("WHERE kwargs.n = True", &[]),
        ("WHERE args CONTAINS 7", &["WHERE args contains 007"]),
        (
            "WHERE id = 7d0f3c1e-3f0b-4c53-9d1c-0a5f8f6b2a11",
            &["WHERE id = 7D0F3C1E3F0B4C539D1C0A5F8F6B2A11", "WHERE id EQ 7d0f3c1e3f0b4c539d1c0a5f8f6b2a11"],
        ),
        ("WHERE id = 2024-03-01T01:00:00Z", &["WHERE id = 2024-03-01T02:00:00+01:00"]),
        ("WHERE id < 2024-03-01T01:00:00Z", &["WHERE id < now+1h", "WHERE id LT 2024-03-01T01:00"]),
        ("WHERE kwargs.n < 100", &["WHERE kwargs.n < 1e2"]),
        ("WHERE id IN 3 7 a b", &["WHERE id IN 3 b a 7", "WHERE id in 5 b 007 a 7 b"]),
        ("WHERE eta EXISTS WHERE group MISSING", &["WHERE group missing WHERE eta exists"]),
        (
            "WHERE eta < 2024-03-01T01:00:00Z",
            &[
                "WHERE eta < now+1h",
                "WHERE eta LT now+3600",
                "WHERE eta < now+60m",
                "WHERE eta < 2024-03-01T01:00:00+00:00",
                "WHERE eta < 2024-03-01T03:30:00.000+0230",
                "WHERE eta < 1709254800",
                "WHERE eta < 1709254800.0",
                "WHERE eta < 2024-03-01T01:00",
            ],
        ),
        (
            "WHERE enqueued < 2024-03-01T01:00:00.5Z",
            &["WHERE enqueued < 1709254800500", "WHERE enqueued < 1709254800.5"],
        ),
        ("WHERE eta > 2024-02-29T00:00:00Z", &["WHERE eta > now-1d", "WHERE eta > 2024-02-29"]),
        (
            "WHERE eta > 1969-12-31T23:59:59.5Z",
            &["WHERE eta > -0.5", "WHERE eta > 1969-12-31T23:59:59.500000Z"],
        ),
    ];
    for (canonical, spellings) in table {
        for spelling in spellings.iter().chain([canonical]) {
            assert_eq!(String::from_utf8_lossy(&filter(spelling).canonical()), *canonical, "{spelling}");
            assert_eq!(filter(spelling), filter(canonical));
        }
    }
}

#[test]
fn values_are_quoted_so_that_no_two_filters_look_the_same() {
    let text =
        |words: &[&[u8]]| String::from_utf8(parse(words).expect("a filter").canonical()).expect("ASCII");
    assert_eq!(text(&[b"TASK", b"a REPOID 7"]), r#"TASK "a REPOID 7""#);
    assert_eq!(text(&[b"TASK", b"a\"\\\n\xff"]), r#"TASK "a\"\\\x0a\xff""#);
    assert_eq!(text(&[b"TASK", b"\"a\""]), r#"TASK "\"a\"""#);
    assert_eq!(text(&[b"WHERE", "kwargs.é".as_bytes(), b"=", b"x y"]), r#"WHERE "kwargs.\xc3\xa9" = "x y""#);
    assert_eq!(text(&[b"WHERE", b"task", b"GLOB", b"app.*"]), "WHERE task GLOB app.*");
}

#[test]
fn different_short_forms_have_different_texts() {
    let all = filter("TASK t REPOID 007 COMMITID 007");
    assert_eq!(
        (all.task(), all.repoid(), all.commitid()),
        (Some(&b"t"[..]), Some(&b"7"[..]), Some(&b"007"[..]))
    );
    let none = filter("WHERE task = t");
    assert_eq!((none.task(), none.repoid(), none.commitid()), (None, None, None));
}

#[test]
fn other_words_are_not_read_as_conditions() {
    let words: &[&[u8]] = &[b"task", b"a", b"SAMPLE", b"5"];
    let mut args = Args::new(words);
    let mut builder = FilterBuilder::default();
    assert!(builder.is_empty());
    assert_eq!(builder.accept(&mut args, NOW_MS), Ok(true));
    assert!(!builder.is_empty());
    assert_eq!(builder.accept(&mut args, NOW_MS), Ok(false));
    assert_eq!(args.peek(), Some(&b"SAMPLE"[..]));
}

#[test]
fn errors_say_what_was_wrong_and_what_would_be_right() {
    let long = "x".repeat(OPERAND_MAX + 1);
    let pattern = "x".repeat(PATTERN_MAX + 1);
    let table: &[(&[&str], &str)] = &[
        (&[], "ERR a filter is needed: at least one of TASK, REPOID, COMMITID and WHERE"),
        (&["TASK"], "ERR TASK needs a value"),
        (&["TASK", ""], "ERR the value of TASK must not be empty"),
        (&["TASK", "a", "TASK", "b"], "ERR TASK can be given only once; use WHERE task IN 2 a b"),
        (&["REPOID", "abc"], "ERR REPOID must be an integer, got \"abc\""),
        (&["REPOID", "1.0"], "ERR REPOID must be an integer, got \"1.0\""),
        (&["REPOID", "+1"], "ERR REPOID must be an integer, got \"+1\""),
        (&["REPOID", "é\n"], "ERR REPOID must be an integer, got \"\\xc3\\xa9\\x0a\""),
        (&["REPOID", ""], "ERR the value of REPOID must not be empty"),
        (
            &["REPOID", "1", "REPOID", "1"],
            "ERR REPOID can be given only once; use WHERE kwargs.repoid IN 2 a b",
        ),
        (
            &["COMMITID", "1", "commitid", "1"],
            "ERR COMMITID can be given only once; use WHERE kwargs.commitid IN 2 a b",
        ),
        (&["TASK", &long], "ERR the value of TASK must not be longer than 4096 bytes"),
        (&["WHERE"], "ERR WHERE needs a value"),
        (&["WHERE", "id"], "ERR WHERE id needs an operator"),
        (&["WHERE", "kwargs.a b"], "ERR WHERE \"kwargs.a b\" needs an operator"),
        (
            &["WHERE", "id", "=="],
            "ERR unknown operator \"==\"; operators are = != < <= > >= EQ NE LT LE GT GE GLOB IN CONTAINS EXISTS MISSING",
        ),
        (&["WHERE", "id", "="], "ERR = needs a value"),
        (&["WHERE", "id", "=", ""], "ERR the value of id must not be empty"),
        (
            &["WHERE", "id", "<", "abc"],
            "ERR <, <=, > and >= need a number or a time (ISO-8601 or now[+-]N[s|m|h|d]) for id, got \"abc\"",
        ),
        (
            &["WHERE", "id", "<", "NaN"],
            "ERR <, <=, > and >= need a number or a time (ISO-8601 or now[+-]N[s|m|h|d]) for id, got \"NaN\"",
        ),
        (&["WHERE", "retries", "=", "abc"], "ERR retries must be an integer, got \"abc\""),
        (&["WHERE", "retries", "<", "1.5"], "ERR retries must be an integer, got \"1.5\""),
        (&["WHERE", "retries", "GLOB", "1*"], "ERR GLOB needs a text field; retries is not one"),
        (&["WHERE", "id", "GLOB", &pattern], "ERR the value of GLOB must not be longer than 256 bytes"),
        (
            &["WHERE", "eta", "=", "soon"],
            "ERR eta must be a time (ISO-8601, Unix seconds or milliseconds, or now[+-]N[s|m|h|d]), got \"soon\"",
        ),
        (
            &["WHERE", "retries", "CONTAINS", "1"],
            "ERR CONTAINS needs a field that can hold an array; retries cannot",
        ),
        (&["OR", "id", "=", "1"], "ERR OR must follow a WHERE condition: WHERE field = a OR field = b"),
        (
            &["TASK", "a", "OR", "id", "=", "1"],
            "ERR OR must follow a WHERE condition: WHERE field = a OR field = b",
        ),
        (&["WHERE", "id", "=", "1", "OR"], "ERR OR needs a value"),
        (
            &["WHERE", "args.*", "!=", "1"],
            "ERR != and MISSING cannot be used with args.*; name one argument, such as args.0",
        ),
        (
            &["WHERE", "kwargs.*", "MISSING"],
            "ERR != and MISSING cannot be used with kwargs.*; name one argument, such as kwargs.name",
        ),
        (&["WHERE", "id", "IN", "0"], "ERR IN must be an integer from 1 to 10000, got \"0\""),
        (&["WHERE", "id", "IN", "10001"], "ERR IN must be an integer from 1 to 10000, got \"10001\""),
        (&["WHERE", "id", "IN", "3", "a", "b"], "ERR IN 3 needs 3 values, got 2"),
        (&["WHERE", "id", "IN", "2", "a", ""], "ERR the value of id must not be empty"),
    ];
    for (words, wording) in table {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let error = parse(&words).expect_err("an error").to_string();
        assert_eq!(error, *wording);
        assert!(error.bytes().all(|b| (0x20..0x7f).contains(&b)));
    }
    for time in [
        "now+",
        "now*1h",
        "now-h",
        "nowadays",
        "2024-02-30",
        "2023-02-29",
        "2024-13-01",
        "2024-01-01T24:00",
        "2024-01-01T00:00:60",
        "2024-01-01T00:00:00+1",
        "2024-01-01T00:00:00.",
        "now+99999999999d",
        "24-01-01",
    ] {
        assert!(parse(&[b"WHERE", b"eta", b"=", time.as_bytes()]).is_err(), "{time}");
    }
}

#[test]
fn every_part_of_a_filter_has_a_limit() {
    let words = |count: usize| -> Vec<&[u8]> { [&b"WHERE"[..], b"id", b"EXISTS"].repeat(count) };
    assert!(parse(&words(CONDITIONS_MAX)).is_ok());
    assert_eq!(
        parse(&words(CONDITIONS_MAX + 1)),
        Err(Error::Filter(FilterError::TooManyConditions { max: CONDITIONS_MAX }))
    );
    let ins = |sizes: &[usize]| {
        let counts: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let mut all: Vec<&[u8]> = Vec::new();
        for (size, count) in sizes.iter().zip(&counts) {
            all.extend([&b"WHERE"[..], b"id", b"IN", count.as_bytes()]);
            all.extend(std::iter::repeat_n(&b"7"[..], *size));
        }
        parse(&all)
    };
    assert!(ins(&[10_000, 10_000]).is_ok());
    assert_eq!(
        ins(&[10_000, 9_999, 2]),
        Err(Error::Filter(FilterError::TooManyInValues { max: IN_ALL_MAX }))
    );
    let value = vec![b'x'; OPERAND_MAX];
    let mut many: Vec<&[u8]> = vec![b"WHERE", b"id", b"IN", b"200"];
    many.extend(std::iter::repeat_n(&*value, 200));
    assert_eq!(parse(&many), Err(Error::Filter(FilterError::FilterTooLong { max: FILTER_MAX })));
    // Escapes make the text four times as long as the operands.
    let value = vec![0xff; OPERAND_MAX];
    let mut many: Vec<Vec<u8>> = Vec::new();
    for n in 0..60_u8 {
        let mut value = value.clone();
        value[0] = n;
        many.extend([b"WHERE".to_vec(), b"id".to_vec(), b"NE".to_vec(), value]);
    }
    let many: Vec<&[u8]> = many.iter().map(|word| &**word).collect();
    assert_eq!(parse(&many), Err(Error::Filter(FilterError::FilterTooLong { max: FILTER_MAX })));
}

#[test]
fn times_survive_their_text() {
    for days in (-719_162..2_932_896).step_by(37).chain([-719_162, 2_932_896]) {
        let micros = days * 86_400_000_000 + 3_723_000_001;
        assert_eq!(time::parse(time::canonical(micros).as_bytes()), Some(micros));
    }
    assert_eq!(time::parse(b"0001-01-01"), Some(-62_135_596_800_000_000));
    assert_eq!(time::parse(b"9999-12-31T23:59:59.999999Z"), Some(253_402_300_799_999_999));
    assert_eq!(time::parse(b"2024-02-29T12:00:00+05:30"), Some(1_709_188_200_000_000));
}

#[test]
fn every_error_of_a_filter_is_one_line_of_ascii() {
    let (of, got): (Box<str>, Vec<u8>) = ("kwargs.é\n".into(), "é\r\n\0\"\\".as_bytes().repeat(30));
    let all = [
        FilterError::NoFilter,
        FilterError::GivenTwice { keyword: "TASK", instead: "WHERE" },
        FilterError::EmptyOperand { of: of.clone() },
        FilterError::OperandTooLong { of: of.clone(), max: 1 },
        FilterError::NotAnInteger { of: of.clone(), got: got.clone() },
        FilterError::NotANumber { of: of.clone(), got: got.clone() },
        FilterError::NotATime { of: of.clone(), got: got.clone() },
        FilterError::NotText { of: of.clone() },
        FilterError::UnknownField { got: got.clone(), known: crate::field::names() },
        FilterError::FieldName { got: got.clone(), why: "is not UTF-8" },
        FilterError::UnknownOperator { got },
        FilterError::MissingOperator { of },
        FilterError::InTooShort { count: 2, got: 1 },
        FilterError::TooManyConditions { max: 1 },
        FilterError::TooManyInValues { max: 1 },
        FilterError::FilterTooLong { max: 1 },
    ];
    for error in all.map(Error::from) {
        let text = error.to_string();
        assert!(text.starts_with("ERR ") && text.len() < 700, "{text}");
        assert!(text.bytes().all(|b| (0x20..0x7f).contains(&b)), "{text}");
    }
}

/// The fuzzer found a filter whose text contained `8888e80`, which is not an integer operand.
#[test]
fn integers_of_any_size_stay_integers_in_the_filters_text() {
    let words = format!("WHERE bytes < 8888{}", "0".repeat(80));
    let text = String::from_utf8(filter(&words).canonical()).expect("ASCII");
    assert_eq!(text, words);
    assert_eq!(filter(&text).canonical(), text.as_bytes());
    assert_eq!(filter("WHERE retries >= 007").canonical(), b"WHERE retries >= 7");
}

proptest! {
    /// The values of IN are sorted by the bytes of their texts.
    #[test]
    fn the_values_of_in_are_sorted_without_duplicates(
        start in "[a-b]{0,9}",
        ends in prop::collection::vec("[a-b.*]{0,10}", 1..20),
        times in prop::collection::vec(0..10_000_000_000_i64, 1..20),
    ) {
        let in_of = |field: &str, values: &[String]| {
            let (mut order, count) = (values.to_vec(), values.len());
            let words = format!("WHERE {field} IN {count} {}", values.join(" "));
            order.sort();
            order.dedup();
            let wanted = format!("WHERE {field} IN {} {}", order.len(), order.join(" "));
            (String::from_utf8(filter(&words).canonical()).expect("ASCII"), wanted)
        };
        let texts: Vec<String> = ends.iter().map(|end| format!("x{start}{end}")).collect();
        let (text, wanted) = in_of("id", &texts);
        prop_assert_eq!(text, wanted);
        let times: Vec<String> = times.iter().map(|micros| time::canonical(*micros)).collect();
        let (text, wanted) = in_of("eta", &times);
        prop_assert_eq!(text, wanted);
    }
}
