//! CLEARJOB and STATUS during the life of a job; CANCEL of one job has the same reply.

use qadmin_harness::{Fields as _, text};

use super::{ID, assert_same, at_once, shown, six, three};
use crate::stage::target;
use crate::support::{ask, run, wait_for_job};

#[test]
fn clearjob() {
    let server = six();
    let line = format!("QADMIN.CLEARJOB celery {} KEEPONE DRYRUN", target());
    insta::assert_snapshot!(three(&server, &line), @r#"
        job_id: [uuid]
        queue: "celery"
        mode: "keepone"
        dry_run: 1
        status: "pending"
        total_estimated: 6
        deduplicated: 0
        other_priorities_depth: 0
        message_kind: "celery"
        priority: null
        notice: "QADMIN.STATUS [uuid] WAIT 0 waits for the count of what it would remove"
        to: null
        container: "list"
    "#);
    let line = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target());
    let reply = run(&mut server.conn(), &format!("{line} VERBOSE")).expect("a reply");
    insta::assert_snapshot!(shown(&reply), @r#"
        job_id: [uuid]
        queue: "celery"
        mode: "all"
        dry_run: 0
        status: "pending"
        total_estimated: 6
        deduplicated: 0
        other_priorities_depth: 0
        message_kind: "celery"
        priority: null
        notice: "QADMIN.STATUS 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 WAIT 0 waits for its end, QADMIN.CANCEL 6f1c2b8e-4d7a-4b59-9a60-1c3f5e7d9b02 stops it"
        to: null
        container: "list"
    "#);
    wait_for_job(&mut server.conn(), ID);
    insta::assert_snapshot!(three(&server, &line), @r#"
        job_id: [uuid]
        queue: "celery"
        mode: "all"
        dry_run: 0
        status: "completed"
        total_estimated: 6
        deduplicated: 1
        other_priorities_depth: 0
        message_kind: "celery"
        priority: null
        notice: null
        to: null
        container: "list"
    "#);
}

#[test]
fn status_of_a_job_that_waits_for_its_first_slice() {
    let server = six();
    let clear = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target());
    let status = format!("QADMIN.STATUS {ID} VERBOSE");
    let lines = [clear, status.clone(), format!("{status} FORMAT JSON")];
    let replies = at_once(&mut server.conn(), &lines);
    assert_same(&replies[1], &text(&replies[2]));
    insta::assert_snapshot!(shown(&replies[1]), @r#"
        job_id: [uuid]
        kind: "clear"
        status: "pending"
        waiting: null
        queue: "celery"
        db: 0
        mode: "all"
        dry_run: 0
        keep_one: 0
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        filter_task: "app.tasks.upload.Upload"
        filter_repoid: "147107"
        filter_commitid: null
        user: "default"
        actor: null
        client: [client]
        reason: null
        started_at: [ms]
        updated_at: [ms]
        completed_at: null
        total_estimated: 6
        queue_depth: 6
        processed: 0
        matched: 0
        deleted: 0
        would_delete: 0
        kept_index: null
        drifted: 0
        arrived: 0
        undecodable: 0
        unreadable: 0
        matched_bytes: 0
        passes_run: 1
        examined_total: 0
        notice: null
        progress: 0
        eta_ms: null
        per_second: 0
        slices: 0
        slice_p99_us: [us]
        slice_max_us: [us]
        seek_max_us: [us]
        main_thread_us: [us]
        cancel_requested: 0
        error: null
        sample: []
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        groups: null
        other: null
        groups_total: null
        keep: null
        by: null
        limit: null
        rate: null
        expect: null
        tolerance: null
        counted: null
        distinct: null
        unkeyed: null
        to: null
        front: 0
        message_kind: "celery"
        inexact: null
        priority: null
        kept_priority: null
        index_key: null
        duty: null
        parked: 0
        undoes: null
        undone_by: null
        undone: null
        container: "list"
        source: "scan"
        ages: null
        continues: null
        continued_by: null
        deleted_before: null
    "#);
}

#[test]
fn status_of_a_completed_clear() {
    let server = six();
    let mut conn = server.conn();
    let clear = "QADMIN.CLEARJOB celery COMMITID nosuch KEEPONE CONFIRM celery ACTOR ann REASON tidy-up";
    let job = ask(&mut conn, clear).text("job_id");
    wait_for_job(&mut conn, &job);
    insta::assert_snapshot!(three(&server, &format!("QADMIN.STATUS {job}")), @r#"
        job_id: [uuid]
        kind: "clear"
        status: "completed"
        waiting: null
        queue: "celery"
        db: 0
        mode: "keepone"
        dry_run: 0
        keep_one: 1
        filter: "COMMITID nosuch"
        filter_task: null
        filter_repoid: null
        filter_commitid: "nosuch"
        user: "default"
        actor: "ann"
        client: [client]
        reason: "tidy-up"
        started_at: [ms]
        updated_at: [ms]
        completed_at: [ms]
        total_estimated: 6
        queue_depth: 6
        processed: 6
        matched: 0
        deleted: 0
        would_delete: 0
        kept_index: null
        drifted: 0
        arrived: 0
        undecodable: 0
        unreadable: 0
        matched_bytes: 0
        passes_run: 1
        examined_total: 6
        notice: null
        progress: 100
        eta_ms: 0
        per_second: [n]
        slices: [n]
        slice_p99_us: [us]
        slice_max_us: [us]
        seek_max_us: [us]
        main_thread_us: [us]
        cancel_requested: 0
        error: null
        sample: []
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        groups: null
        other: null
        groups_total: null
        keep: "oldest"
        by: null
        limit: null
        rate: null
        expect: null
        tolerance: null
        counted: null
        distinct: null
        unkeyed: null
        to: null
        front: 0
        message_kind: "celery"
        inexact: null
        priority: null
        kept_priority: null
        index_key: null
        duty: null
        parked: 0
        undoes: null
        undone_by: null
        undone: null
        container: "list"
        source: "scan"
        ages: null
        continues: null
        continued_by: null
        deleted_before: null
    "#);
}

#[test]
fn status_of_a_dry_run_shows_its_sample() {
    let server = six();
    let mut conn = server.conn();
    let job = ask(&mut conn, &format!("QADMIN.CLEARJOB celery {} KEEPONE DRYRUN", target())).text("job_id");
    wait_for_job(&mut conn, &job);
    insta::assert_snapshot!(three(&server, &format!("QADMIN.STATUS {job} QUEUE celery WAIT 0")), @r#"
        job_id: [uuid]
        kind: "clear"
        status: "completed"
        waiting: null
        queue: "celery"
        db: 0
        mode: "keepone"
        dry_run: 1
        keep_one: 1
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        filter_task: "app.tasks.upload.Upload"
        filter_repoid: "147107"
        filter_commitid: null
        user: "default"
        actor: null
        client: [client]
        reason: null
        started_at: [ms]
        updated_at: [ms]
        completed_at: [ms]
        total_estimated: 6
        queue_depth: 6
        processed: 6
        matched: 5
        deleted: 0
        would_delete: 4
        kept_index: -1
        drifted: 0
        arrived: 0
        undecodable: 0
        unreadable: 0
        matched_bytes: 6875
        passes_run: 1
        examined_total: 6
        notice: null
        progress: 100
        eta_ms: 0
        per_second: [n]
        slices: [n]
        slice_p99_us: [us]
        slice_max_us: [us]
        seek_max_us: [us]
        main_thread_us: [us]
        cancel_requested: 0
        error: null
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
          - index: -4
            bytes: 1375
            task: "app.tasks.upload.Upload"
            id: "f1f58a6b-d3ac-4f4c-b402-9971c2608dc7"
            args: "[]"
            kwargs: "{\"repoid\":147107,\"commitid\":\"1997fb5587f6766a2711249eaf59501cf5fc0259\",\"ownerid\":1008,\"pullid\":3962,\"branch\":\"feature/2b3e90\",\"report_code\":null,\"report_type\":\"coverage\"}"
            retries: 0
            eta: null
          - index: -5
            bytes: 1375
            task: "app.tasks.upload.Upload"
            id: "feb29dce-65ca-4328-8b8c-09d2666855e2"
            args: "[]"
            kwargs: "{\"repoid\":147107,\"commitid\":\"0dcd479cbdac620334079e488b37af265c8c0be9\",\"ownerid\":1008,\"pullid\":7280,\"branch\":\"feature/2b3e90\",\"report_code\":null,\"report_type\":\"coverage\"}"
            retries: 0
            eta: null
          - index: -6
            bytes: 1375
            task: "app.tasks.upload.Upload"
            id: "8558cfb4-0075-4714-a5a6-77f964c1f0ba"
            args: "[]"
            kwargs: "{\"repoid\":147107,\"commitid\":\"e0ca38f73e2213f98f968ec759a635b43620029d\",\"ownerid\":1008,\"pullid\":6719,\"branch\":\"feature/2b3e90\",\"report_code\":null,\"report_type\":\"coverage\"}"
            retries: 0
            eta: null
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        groups: null
        other: null
        groups_total: null
        keep: "oldest"
        by: null
        limit: null
        rate: null
        expect: null
        tolerance: null
        counted: null
        distinct: null
        unkeyed: null
        to: null
        front: 0
        message_kind: "celery"
        inexact: null
        priority: null
        kept_priority: null
        index_key: null
        duty: null
        parked: 0
        undoes: null
        undone_by: null
        undone: null
        container: "list"
        source: "scan"
        ages: null
        continues: null
        continued_by: null
        deleted_before: null
    "#);
}

#[test]
fn status_of_a_cancelled_job_is_the_answer_of_cancel() {
    let server = six();
    let mut conn = server.conn();
    let clear = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target());
    let replies = at_once(&mut conn, &[clear, format!("QADMIN.CANCEL {ID} VERBOSE")]);
    let status = three(&server, &format!("QADMIN.STATUS {ID}"));
    assert_eq!(shown(&replies[1]), status);
    assert_eq!(three(&server, &format!("QADMIN.CANCEL {ID} QUEUE celery")), status, "it has ended");
    insta::assert_snapshot!(status, @r#"
        job_id: [uuid]
        kind: "clear"
        status: "cancelled"
        waiting: null
        queue: "celery"
        db: 0
        mode: "all"
        dry_run: 0
        keep_one: 0
        filter: "TASK app.tasks.upload.Upload REPOID 147107"
        filter_task: "app.tasks.upload.Upload"
        filter_repoid: "147107"
        filter_commitid: null
        user: "default"
        actor: null
        client: [client]
        reason: null
        started_at: [ms]
        updated_at: [ms]
        completed_at: [ms]
        total_estimated: 6
        queue_depth: 6
        processed: 0
        matched: 0
        deleted: 0
        would_delete: 0
        kept_index: null
        drifted: 0
        arrived: 0
        undecodable: 0
        unreadable: 0
        matched_bytes: 0
        passes_run: 1
        examined_total: 0
        notice: null
        progress: 0
        eta_ms: 0
        per_second: 0
        slices: 0
        slice_p99_us: [us]
        slice_max_us: [us]
        seek_max_us: [us]
        main_thread_us: [us]
        cancel_requested: 1
        error: "ERR the job was cancelled"
        sample: []
        in_chord: 0
        in_group: 0
        with_eta: 0
        redelivered: 0
        groups: null
        other: null
        groups_total: null
        keep: null
        by: null
        limit: null
        rate: null
        expect: null
        tolerance: null
        counted: null
        distinct: null
        unkeyed: null
        to: null
        front: 0
        message_kind: "celery"
        inexact: null
        priority: null
        kept_priority: null
        index_key: null
        duty: null
        parked: 0
        undoes: null
        undone_by: null
        undone: null
        container: "list"
        source: "scan"
        ages: null
        continues: null
        continued_by: null
        deleted_before: null
    "#);
}

#[test]
fn status_of_a_failed_job() {
    let server = six();
    let mut conn = server.conn();
    let clear = format!("QADMIN.CLEARJOB celery {} ALL CONFIRM celery ID {ID}", target());
    at_once(&mut conn, &[clear, "FLUSHALL".into()]);
    let end = ask(&mut conn, &format!("QADMIN.STATUS {ID} WAIT 0"));
    assert_eq!(end.text("status"), "failed");
    assert_eq!(end.text("error"), "ERR the database was flushed while the job ran; start the job again");
    assert!(end.int("completed_at") > 0 && end.int("progress") == 0, "{end:?}");
    three(&server, &format!("QADMIN.STATUS {ID}"));
}
