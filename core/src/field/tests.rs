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
fn names_that_are_no_fields() {
    let deep = format!("kwargs{}", ".a".repeat(FIELD_DEPTH_MAX));
    let long = format!("kwargs.{}", "a".repeat(FIELD_NAME_MAX));
    let table: &[(&[u8], &str)] = &[
        (b"nope", "unknown field \"nope\"; fields are task id root_id"),
        (b"Task", "unknown field \"Task\""),
        (b"kwargs", "unknown field \"kwargs\""),
        (b"kwargsx.a", "unknown field"),
        (b"repoid", "unknown field \"repoid\""),
        (b"", "unknown field \"\""),
        (b"task.x", "unknown field \"task.x\""),
        (b"kwargs.", "the field name \"kwargs.\" has an empty part"),
        (b"kwargs.a..b", "has an empty part"),
        (b"args.x", "needs a position from 0 after args."),
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
