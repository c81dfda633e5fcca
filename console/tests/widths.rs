//! Lists fit the terminal, and are whole elsewhere.

use qadmin_harness::{Server, fill_examples};

use crate::support::{QUEUE, about, qadmin, rest, target, terminal_of};

/// The lines that a terminal of this width is given, without colours.
fn lines(server: &Server, columns: u16, args: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    let env = [&[("NO_COLOR", "1")], env].concat();
    let (text, code) = rest(terminal_of(&server.url(0), columns, args, &env));
    assert_eq!(code, 0, "{text}");
    // A terminal of the tests gives each byte as one character.
    let bytes: Vec<u8> = text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect();
    String::from_utf8(bytes).expect("UTF-8").lines().map(|line| line.trim_end().to_owned()).collect()
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn lists_have_no_line_that_is_longer_than_the_terminal() {
    let server = Server::start();
    fill_examples(server.port()).expect("the queue is filled");
    let reason = "a reason that is much longer than the line of any terminal that somebody on call uses";
    let clear = ["--all", "--yes", QUEUE, "--actor", "jane", "--reason", reason, "--limit", "3"];
    qadmin(&server, &about("clear", &target(), &clear)).ended(0);
    let long = "a.queue.with.a.name.that.is.longer.than.it.has.to.be.but.names.are.chosen.by.others";
    redis::cmd("RPUSH").arg(long).arg("{}").exec(&mut server.conn()).expect("RPUSH");
    redis::cmd("QADMIN.INDEX").arg("CREATE").arg(QUEUE).exec(&mut server.conn()).expect("an index");
    let stats = ["stats", QUEUE, "--by", "task,kwargs.commitid"];
    let target = target();
    let preview = about("preview", &target, &["--fields", "task,id,kwargs.commitid,argsrepr,kwargsrepr"]);
    for columns in [80, 100] {
        for args in [&["jobs"][..], &["queues"], &["index", "list"], &stats, &preview, &["audit"]] {
            let shown = lines(&server, columns, args, &[]);
            // A sentence is as long as it has to be.
            let shown: Vec<String> = shown
                .into_iter()
                .filter(|line| !line.starts_with("! ") || line.starts_with("! --wide also shows"))
                .collect();
            assert!(widest(&shown) <= usize::from(columns), "{columns}: {shown:#?}");
        }
    }
    // Ids are cut, texts get an ellipsis, and a line names the columns that are missing.
    let jobs = lines(&server, 80, &["jobs"], &[]);
    let id = qadmin(&server, &["jobs", "--json"]).json()[0]["job_id"].as_str().expect("an id").to_owned();
    assert!(jobs[1].contains(&id[..8]) && !jobs[1].contains(&id) && jobs[1].contains('…'), "{jobs:#?}");
    assert!(
        jobs.iter().any(|line| line.starts_with("! --wide also shows") && line.contains("reason")),
        "{jobs:#?}"
    );
    // The variable comes before the size of the terminal.
    assert!(widest(&lines(&server, 200, &["jobs"], &[("COLUMNS", "80")])) <= 80);
    assert!(widest(&lines(&server, 80, &["jobs"], &[("COLUMNS", "120")])) > 80);
    for whole in [lines(&server, 80, &["jobs", "--wide"], &[]).join("\n"), qadmin(&server, &["jobs"]).out] {
        assert!(whole.contains(&id) && whole.contains(reason) && !whole.contains('…'), "{whole}");
    }
}
