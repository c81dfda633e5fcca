//! Queues with priorities: one list, or all as one queue.

use qadmin_harness::{Factory, Server, Size, fill};
use redis::Commands as _;

use crate::support::{QUEUE, about, qadmin, target};

/// The list of step 3.
const STEP_3: &str = "celery\u{6}\u{16}3";

/// Fills a queue with 100 messages of step 0 and 60 of step 3, and returns how many of each match.
pub(crate) fn two_lists(server: &Server) -> [u64; 2] {
    [(QUEUE, 0..100), (STEP_3, 100..160)].map(|(list, range)| {
        let mut factory = Factory::new(7).size(Size::Slim).share(20.0);
        fill(server.port(), list, range.clone(), &mut factory).expect("the server takes messages");
        factory.count(range)
    })
}

#[test]
fn all_lists_are_one_queue_at_the_terminal() {
    let server = Server::start();
    let [own, other] = two_lists(&server);
    let one = qadmin(&server, &about("preview", &target(), &[])).ended(0).out;
    assert!(
        one.contains(
            "! 60 messages in the other priority lists of this queue are not included; use --priority all"
        ),
        "{one}"
    );
    let count = |more: &[&str]| {
        let more: Vec<&str> = more.iter().chain(&["--json"]).copied().collect();
        qadmin(&server, &about("preview", &target(), &more)).ended(0).json()["match_count"].as_u64()
    };
    assert_eq!(
        [count(&[]), count(&["--priority", "all"]), count(&["--priority", "3"])],
        [Some(own), Some(own + other), Some(other)]
    );
    let stats = qadmin(&server, &["stats", QUEUE, "--by", "task", "--priority", "all"]).ended(0).out;
    assert!(stats.contains("160 messages") && stats.contains(" of step 0"), "{stats}");
    qadmin(&server, &about("preview", &target(), &["--priority", "4"])).ended(1);

    let clear = |more: &[&str], code| {
        qadmin(&server, &about("clear", &target(), &[&["--yes", QUEUE], more].concat())).ended(code)
    };
    assert!(clear(&["--all", "--priority", "all", "--to", "parked"], 1).err.contains("cannot be combined"));
    let kept = clear(&["--keep-one", "--priority", "all", "--dry-run"], 2);
    assert!(kept.err.contains("--yes"), "{kept:?}");
    let dry = qadmin(&server, &about("clear", &target(), &["--keep-one", "--priority", "all", "--dry-run"]))
        .ended(0);
    assert!(dry.out.contains(" of step 0\n") && dry.out.contains(" priority       all\n"), "{dry:?}");
    // The list of the moved step is named by the server, so the program does not construct its name.
    let moved = clear(&["--all", "--priority", "3", "--to", "parked"], 0).out;
    assert!(moved.contains(&format!("Moved {other} of {other}")) && moved.contains("Undo"), "{moved}");
    assert_eq!(server.conn().llen::<_, u64>(STEP_3), Ok(60 - other));
    let all = clear(&["--all", "--priority", "all"], 0).out;
    assert!(all.ends_with(&format!("Cleared {own} of {own} matching messages.\n")), "{all}");
}
