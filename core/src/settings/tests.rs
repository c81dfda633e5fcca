//! The settings' table and the load arguments.

use super::*;

fn load(line: &str) -> Result<Vec<(usize, i64)>, String> {
    let args: Vec<&[u8]> = line.split_whitespace().map(str::as_bytes).collect();
    parse_load_args(&args).map(|given| given.numbers).map_err(|error| error.to_string())
}

#[test]
fn rows_are_sound() {
    for (index, row) in SETTINGS.iter().enumerate() {
        assert!((row.min..=row.max).contains(&row.default), "{}", row.name);
        assert!(row.min >= 0, "{}: the getters have no sign", row.name);
        assert!(row.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", row.name);
        assert!(row.doc.ends_with('.') && row.doc.is_ascii() && !row.doc.contains("  "), "{}", row.name);
        assert_eq!(index_of(row.name.as_bytes()), Some(index), "{} occurs once", row.name);
    }
}

#[test]
fn getters_read_their_own_row() {
    // Each row gets a value of its own, so that a getter of another row shows.
    let mut settings = Settings::default();
    let values = [11, 12, 13, 14, 75, 16, 57, 18, 19, 20, 2];
    for (index, value) in values.into_iter().enumerate() {
        settings.set(index, value).expect("in range");
        assert_eq!(settings.get(index), Some(value));
    }
    assert_eq!((settings.inline_limit(), SETTINGS[INLINE_LIMIT].name), (11, "inline-limit"));
    assert_eq!((settings.inline_wait_ms(), SETTINGS[INLINE_WAIT].name), (12, "inline-wait"));
    assert_eq!((settings.cache_ttl_ms(), SETTINGS[CACHE_TTL].name), (13_000, "cache-ttl"));
    assert_eq!((settings.job_lock_ttl_ms(), SETTINGS[JOB_LOCK_TTL].name), (14_000, "job-lock-ttl"));
    assert_eq!((settings.job_ttl_ms(), SETTINGS[JOB_TTL].name), (75_000, "job-ttl"));
    assert_eq!((settings.sample_window(), SETTINGS[SAMPLE_WINDOW].name), (16, "sample-window"));
    assert_eq!((settings.slice_us(), SETTINGS[SLICE_US].name), (57, "slice-us"));
    assert_eq!((settings.duty_percent(), SETTINGS[DUTY].name), (18, "duty"));
    assert_eq!((settings.max_jobs(), SETTINGS[MAX_JOBS].name), (19, "max-jobs"));
    assert_eq!(settings.max_previews(), 9, "a clear always finds room");
    assert_eq!((settings.audit_maxlen(), SETTINGS[AUDIT_MAXLEN].name), (20, "audit-maxlen"));
    assert_eq!(
        (settings.default_kind().spec().name, SETTINGS[DEFAULT_KIND].name),
        ("resque", "default-kind")
    );
    settings.set(INDEX_AUDIT, 21).expect("in range");
    assert_eq!((settings.index_audit(), SETTINGS[INDEX_AUDIT].name), (21, "index-audit"));
}

#[test]
fn texts_are_read_back_as_they_are_shown() {
    let mut settings = Settings::default();
    for (index, row) in TEXTS.iter().enumerate() {
        assert_eq!(settings.text(index), row.default, "{}", row.name);
        settings.set_text(index, row.default).expect("the default");
        assert!(settings.set_text(index, b"0\0").is_err(), "{}", row.name);
        assert!(row.doc.ends_with('.') && row.doc.is_ascii() && !row.doc.contains("  "), "{}", row.name);
    }
    assert_eq!(settings, Settings::default());
    settings.set_text(PRIORITY_STEPS, b"0,1").expect("steps");
    settings.set_text(SEP, b"%s").expect("a separator");
    assert_eq!((settings.text(PRIORITY_STEPS), settings.text(SEP)), (b"0 1".to_vec(), b"%s".to_vec()));
    assert!(settings.set_text(TEXTS.len(), b"x").is_err());
    let given = parse_load_args(&[b"Sep", b":", b"duty", b"9", b"priority-steps", b"0 5"]).expect("pairs");
    assert_eq!(given.numbers, [(DUTY, 9)]);
    assert_eq!(given.texts, [(SEP, b":".to_vec()), (PRIORITY_STEPS, b"0 5".to_vec())]);
}

#[test]
fn set_refuses_what_is_out_of_range_and_keeps_the_old_value() {
    let mut settings = Settings::default();
    for (index, row) in SETTINGS.iter().enumerate() {
        for value in [row.min - 1, row.max + 1, i64::MIN, i64::MAX] {
            assert!(settings.set(index, value).is_err(), "{} {value}", row.name);
        }
    }
    assert_eq!(settings, Settings::default());
    assert!(settings.set(SETTINGS.len(), 1).is_err());
    assert_eq!(settings.get(SETTINGS.len()), None);
    assert_eq!(
        settings.set(DUTY, -5).expect_err("negative").to_string(),
        r#"ERR setting duty must be an integer from 1 to 100 (percent), got "-5""#
    );
}

#[test]
fn load_arguments_are_pairs_in_any_order() {
    assert_eq!(load(""), Ok(vec![]));
    assert_eq!(load("slice-us 500 Duty 50"), Ok(vec![(SLICE_US, 500), (DUTY, 50)]));
    assert_eq!(load("default-kind Sidekiq"), Ok(vec![(DEFAULT_KIND, 1)]));
}

#[test]
fn load_arguments_that_are_wrong_refuse_with_a_sentence() {
    let table = [
        ("duty", "ERR setting duty needs a value"),
        ("duty 50 duty 60", "ERR setting duty is given twice; give it once"),
        ("duty 50 DUTY", "ERR setting duty is given twice; give it once"),
        ("duty 0", r#"ERR setting duty must be an integer from 1 to 100 (percent), got "0""#),
        ("duty 1.5", r#"ERR setting duty must be an integer from 1 to 100 (percent), got "1.5""#),
        ("duty +5", r#"ERR setting duty must be an integer from 1 to 100 (percent), got "+5""#),
        (
            "slice-us 99999999999999999999",
            "ERR setting slice-us must be an integer from 50 to 100000 (microseconds), \
             got \"99999999999999999999\"",
        ),
        (
            "qadmin.duty 50",
            "ERR unknown setting \"qadmin.duty\"; qadmin takes pairs of name and value: inline-limit, \
             inline-wait, cache-ttl, job-lock-ttl, job-ttl, sample-window, slice-us, duty, max-jobs, \
             audit-maxlen, default-kind, index-max-memory, index-audit, pickle, sep, priority-steps, index, sample-fields",
        ),
        ("sep : sep ;", "ERR setting sep is given twice; give it once"),
        ("priority-steps", "ERR setting priority-steps needs a value"),
        (
            "priority-steps 0,3,x",
            "ERR setting priority-steps must be 1 to 16 different numbers from 0 to 255, separated by spaces, \
             got \"0,3,x\"",
        ),
        (
            "default-kind 1",
            r#"ERR setting default-kind must be celery, sidekiq, resque, laravel, taskiq or huey, got "1""#,
        ),
    ];
    for (line, error) in table {
        assert_eq!(load(line), Err(error.to_owned()), "{line}");
    }
}
