use super::*;

#[test]
fn every_row_of_the_table_is_a_field() {
    for spec in FIELDS {
        let name = spec.name.replace(".NAME", ".a.b").replace(".N", ".0.b");
        let field = Field::parse(name.as_bytes()).expect("a documented name");
        assert_eq!((field.kind, field.source), (spec.kind, spec.source), "{name}");
        assert_eq!(&*field.name, name);
        assert!(!spec.doc.is_empty() && spec.doc.is_ascii());
    }
}

#[test]
fn names_that_are_not_fields() {
    let deep = format!("kwargs{}", ".\"a\"".repeat(FIELD_DEPTH_MAX));
    let long = format!("kwargs.{}", "a".repeat(FIELD_NAME_MAX));
    let table: &[(&[u8], &str)] = &[
        (b"nope", "unknown field \"nope\"; fields are task id enqueued root_id"),
        (b"Task", "unknown field \"Task\""),
        (b"kwargsx.a", "unknown field"),
        (b"repoid", "unknown field \"repoid\""),
        (b"", "unknown field \"\""),
        (b"task.x", "unknown field \"task.x\""),
        (b"kwargs.", "the field name \"kwargs.\" has an empty part"),
        (b"kwargs.a..b", "has an empty part"),
        (b"args.x", "needs a position from 0 after args."),
        (b"args.*.a", "needs a position from 0 after args."),
        (b"kwargs.\"a", "has a quote that is not closed"),
        (b"kwargs.\"a\"b", "needs a dot after a quoted part"),
        (b"kwargs.a.b.c.d.e.f.g", "has more than 6 parts without quotes; write its parts in double quotes"),
        (b"args.01", "needs a position from 0 after args."),
        (b"kwargs.\xff", "the field name \"kwargs.\\xff\" is not UTF-8"),
        (deep.as_bytes(), "has more than 16 parts"),
        (long.as_bytes(), "is longer than 256 bytes"),
    ];
    for (name, wording) in table {
        let error = Field::parse(name).expect_err("no field").to_string();
        assert!(error.contains(wording), "{error}");
    }
}

#[test]
fn samples_know_short_names_and_keep_them() {
    let field = Field::parse_sample(b"repoid").expect("a short name");
    assert_eq!((&*field.name, &*field.path[0]), ("repoid", "repoid"));
    assert_eq!(Field::parse_sample(b"kwargs.repoid").expect("a field").path, field.path);
}

fn ways(name: &str) -> Vec<String> {
    Field::parse(name.as_bytes())
        .expect("a field")
        .ways()
        .into_iter()
        .map(|names| names.join(" / "))
        .collect()
}

#[test]
fn points_without_quotes_can_belong_to_names() {
    assert_eq!(ways("headers.a"), ["a"]);
    assert_eq!(ways("headers.a.b"), ["a / b", "a.b"]);
    assert_eq!(ways("headers.a.b.c"), ["a / b / c", "a.b / c", "a / b.c", "a.b.c"]);
    assert_eq!(ways("args.0.a.b"), ["0 / a / b", "0 / a.b"]);
    assert_eq!(ways("kwargs.a.b.c.d.e.f").len(), FIELD_READINGS_MAX);
    assert_eq!(ways("args"), [""]);
    assert_eq!(ways("kwargs.*"), [""]);
}

#[test]
fn a_part_in_quotes_is_one_name() {
    assert_eq!(ways(r#"headers."meta.user""#), ["meta.user"]);
    assert_eq!(ways(r#"kwargs.f."user.id".x"#), ["f / user.id / x"]);
    assert_eq!(ways(r#"kwargs."a"."b".c.d"#), ["a / b / c / d", "a / b / c.d"]);
    assert_eq!(ways(r#"kwargs."say \"hi\" \\ ""#), [r#"say "hi" \ "#]);
    assert_eq!(ways(r#"kwargs."""#), [""]);
    assert_eq!(ways(r#"kwargs."*""#), ["*"]);
}

#[test]
fn any_argument_has_no_single_value() {
    assert!(Field::parse(b"args.*").expect("a field").any && Field::parse(b"kwargs.*").expect("a field").any);
    assert!(!Field::parse(b"kwargs").expect("a field").any);
    let error = Field::parse_sample(b"kwargs.*").expect_err("no single value").to_string();
    assert!(error.contains("has no single value; name one argument"), "{error}");
}
