//! STATS while the client waits, and the status of its job.

use qadmin_harness::Fields as _;

use super::{six, three};
use crate::stage::set;
use crate::support::{ask, wait_for_job};

#[test]
fn stats_that_are_counted_while_the_client_waits() {
    let server = six();
    insta::assert_snapshot!(three(&server, "QADMIN.STATS celery GROUPBY 2 task repoid TOP 1 BUST"), @r#"
        mode: "synchronous"
        queue: "celery"
        filter: null
        depth: 6
        total: 6
        matched: 6
        matched_bytes: 8255
        groups:
          - task: "app.tasks.upload.Upload"
            repoid: 147107
            count: 5
            bytes: 6875
            share: 833
            next_index: -1
            last_index: -6
        other:
            count: 1
            bytes: 1380
            share: 166
            groups: 1
        groups_total: 2
        undecodable: 0
        unreadable: 0
        drifted: 0
        cached_at: null
        job_id: null
        deduplicated: 0
        count_error: null
        elapsed_us: [us]
        other_priorities_depth: 0
        notice: null
        message_kind: "celery"
        inexact: 0
        priority: null
        container: "list"
        source: "scan"
        ages: null
    "#);
}

#[test]
fn status_of_stats() {
    let server = six();
    let mut conn = server.conn();
    set(&mut conn, "inline-limit 0");
    let job = ask(&mut conn, "QADMIN.STATS celery TASK app.tasks.upload.Upload GROUPBY 1 kwargs.repoid")
        .text("job_id");
    wait_for_job(&mut conn, &job);
    insta::assert_snapshot!(three(&server, &format!("QADMIN.STATUS {job}")), @r#"
        job_id: [uuid]
        kind: "stats"
        status: "completed"
        waiting: null
        queue: "celery"
        db: 0
        mode: "count"
        dry_run: 0
        keep_one: 0
        filter: "TASK app.tasks.upload.Upload"
        filter_task: "app.tasks.upload.Upload"
        filter_repoid: null
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
        would_delete: 0
        kept_index: null
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
        sample: []
        in_chord: null
        in_group: null
        with_eta: null
        redelivered: null
        groups:
          - kwargs.repoid: 147107
            count: 5
            bytes: 6875
            share: 1000
            next_index: -1
            last_index: -6
        other:
            count: 0
            bytes: 0
            share: 0
            groups: 0
        groups_total: 1
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
        inexact: 0
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
