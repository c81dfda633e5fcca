//! STATUS shows the limits that are in force.

use qadmin_harness::Fields as _;
use redis::Commands as _;

use super::{PARKED, tell};
use crate::durability::in_memory;
use crate::options::{messages, push_to};
use crate::support::ask;

#[test]
fn status_and_record_show_the_rate_and_duty_in_force_also_after_a_pause() {
    let server = in_memory().start();
    let mut conn = server.conn();
    push_to(&mut conn, "celery", &messages(20, 3_000));
    let job =
        ask(&mut conn, &format!("QADMIN.CLEARJOB celery TASK m ALL RATE 10 CONFIRM celery ID {PARKED}"));
    assert_eq!(job.text("job_id"), PARKED);
    let status = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
    assert_eq!((status.int("rate"), status.is_null("duty")), (10, true), "as it was started");
    let lines = [
        ("QADMIN.THROTTLE ID RATE 20", Some(20), None),
        ("QADMIN.THROTTLE ID DUTY 30", Some(20), Some(30)),
        ("QADMIN.PAUSE ID", Some(20), Some(30)),
        ("QADMIN.THROTTLE ID RATE 15", Some(15), Some(30)),
        ("QADMIN.RESUME ID", Some(15), Some(30)),
        ("QADMIN.PAUSE ID", Some(15), Some(30)),
        ("QADMIN.THROTTLE ID DUTY 0", Some(15), None),
        ("QADMIN.THROTTLE ID RATE 0", None, None),
    ];
    for (line, rate, duty) in lines {
        let reply = ask(&mut conn, &line.replace("ID", PARKED));
        let status = ask(&mut conn, &format!("QADMIN.STATUS {PARKED}"));
        for map in [&reply, &status] {
            let number = |name: &str| (!map.is_null(name)).then(|| map.int(name));
            assert_eq!((number("rate"), number("duty")), (rate, duty), "{line}: {map:?}");
        }
        let shown = [rate, duty].map(|n| n.map(|n| n.to_string()).unwrap_or_default());
        qadmin_harness::eventually("the record says so", || {
            let fields = conn.hmget::<_, _, [String; 2]>(format!("qadmin:job:{PARKED}"), &["rate", "duty"]);
            fields.expect("the record") == shown
        });
    }
    tell(&mut conn, &format!("QADMIN.CANCEL {PARKED}"));
}
