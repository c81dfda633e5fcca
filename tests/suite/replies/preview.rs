//! PREVIEW in every mode.

use qadmin_harness::{Fields as _, map, text};

use super::{assert_same, at_once, shown, six, three};
use crate::stage::{set, target};
use crate::support::{ask, run, wait_for_job};

#[test]
fn preview_that_counts_while_the_client_waits() {
    let server = six();
    insta::assert_snapshot!(three(&server, &format!("QADMIN.PREVIEW celery {} SAMPLE 2 BUST", target())), @r#"
        mode: "synchronous"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: 5
        matched_bytes: 6875
        undecodable: 0
        unreadable: 0
        drifted: 0
        sample:
          - index: -1
            bytes: 1375
            task: "app.tasks.upload.Upload"
            id: "d5d7a26e-4b5e-4262-88ec-8a65e7154f4d"
            args: "[]"
            kwargs: "{\"repoid\":147107,\"commitid\":\"e0ca38f73e2213f98f968ec759a635b43620029d\",\"ownerid\":1008,\"pullid\":1556,\"branch\":\"feature/2b3e90\",\"report_code\":null,\"report_type\":\"coverage\"}"
            retries: 0
            eta: null
          - index: -3
            bytes: 1375
            task: "app.tasks.upload.Upload"
            id: "4d03a884-1fce-4b61-b05e-3fc804a42961"
            args: "[]"
            kwargs: "{\"repoid\":147107,\"commitid\":\"3611f0cfd878983c54ae7a1bdc4d0e85d0f8c905\",\"ownerid\":1008,\"pullid\":5451,\"branch\":\"feature/2b3e90\",\"report_code\":null,\"report_type\":\"coverage\"}"
            retries: 0
            eta: null
        sample_error: null
        cached_at: null
        job_id: null
        deduplicated: 0
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        notice: null
        message_kind: "celery"
        looks_like: null
        inexact: 0
        priority: null
        queue_of_list: null
        container: "list"
        source: "scan"
        ages: null
    "#);
}

#[test]
fn preview_from_the_cache() {
    let server = six();
    let line = format!("QADMIN.PREVIEW celery {} SAMPLE 1 FIELDS 2 retries headers.timelimit", target());
    ask(&mut server.conn(), &line);
    insta::assert_snapshot!(three(&server, &line), @r#"
        mode: "synchronous"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: 5
        matched_bytes: 6875
        undecodable: 0
        unreadable: 0
        drifted: 0
        sample:
          - index: -1
            bytes: 1375
            retries: 0
            headers.timelimit: "[null,null]"
        sample_error: null
        cached_at: [ms]
        job_id: null
        deduplicated: 0
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        notice: null
        message_kind: "celery"
        looks_like: null
        inexact: 0
        priority: null
        queue_of_list: null
        container: "list"
        source: "scan"
        ages: null
    "#);
}

#[test]
fn preview_that_starts_a_job() {
    let server = six();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0 cache-ttl 0");
    let line = format!("QADMIN.PREVIEW celery {} SAMPLE 0", target());
    let reply = run(&mut conn, &format!("{line} VERBOSE")).expect("a reply");
    wait_for_job(&mut conn, &map(&reply).text("job_id"));
    insta::assert_snapshot!(shown(&reply), @r#"
        mode: "job"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: null
        matched_bytes: null
        undecodable: null
        unreadable: null
        drifted: null
        sample: []
        sample_error: null
        cached_at: null
        job_id: [uuid]
        deduplicated: 0
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: null
        in_group: null
        with_eta: null
        redelivered: null
        notice: "QADMIN.STATUS [uuid] WAIT 0 waits for the count"
        message_kind: "celery"
        looks_like: null
        inexact: null
        priority: null
        queue_of_list: null
        container: "list"
        source: "scan"
        ages: null
    "#);
    insta::assert_snapshot!(three(&server, &line), @r#"
        mode: "job"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: 5
        matched_bytes: 6875
        undecodable: 0
        unreadable: 0
        drifted: 0
        sample: []
        sample_error: null
        cached_at: null
        job_id: [uuid]
        deduplicated: 1
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        notice: null
        message_kind: "celery"
        looks_like: null
        inexact: 0
        priority: null
        queue_of_list: null
        container: "list"
        source: "scan"
        ages: null
    "#);
}

#[test]
fn preview_without_a_count() {
    let server = six();
    let line = format!("QADMIN.PREVIEW celery {} SAMPLE 1 FIELDS 1 repoid NOCOUNT", target());
    insta::assert_snapshot!(three(&server, &line), @r#"
        mode: "skipped"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: null
        matched_bytes: null
        undecodable: null
        unreadable: null
        drifted: null
        sample:
          - index: -1
            bytes: 1375
            repoid: 147107
        sample_error: null
        cached_at: null
        job_id: null
        deduplicated: 0
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: null
        in_group: null
        with_eta: null
        redelivered: null
        notice: null
        message_kind: "celery"
        looks_like: null
        inexact: null
        priority: null
        queue_of_list: null
        container: "list"
        source: null
        ages: null
    "#);
}

#[test]
fn preview_whose_count_failed() {
    let server = six();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0 max-jobs 2");
    let line = format!("QADMIN.PREVIEW celery {} SAMPLE 0 VERBOSE", target());
    let other = "QADMIN.PREVIEW celery TASK other".to_string();
    let replies = at_once(&mut conn, &[other, line.clone(), format!("{line} FORMAT JSON")]);
    assert_same(&replies[1], &text(&replies[2]));
    insta::assert_snapshot!(shown(&replies[1]), @r#"
        mode: "failed"
        queue: "celery"
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        depth: 6
        match_count: null
        matched_bytes: null
        undecodable: null
        unreadable: null
        drifted: null
        sample: []
        sample_error: null
        cached_at: null
        job_id: null
        deduplicated: 0
        count_error: "TOOMANYJOBS 1 previews and stats are unfinished and the limit is 1, half of the setting max-jobs (2); wait for one to end, cancel one, or raise max-jobs"
        elapsed_us: [us]
        other_priorities_depth: 0
        in_chord: null
        in_group: null
        with_eta: null
        redelivered: null
        notice: null
        message_kind: "celery"
        looks_like: null
        inexact: null
        priority: null
        queue_of_list: null
        container: "list"
        source: null
        ages: null
    "#);
}
