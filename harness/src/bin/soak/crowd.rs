//! Clients that send anything: valid and invalid commands of the module, and every way to change a list.

use qadmin_harness::{Factory, TARGET_TASK};
use redis::Value;

use crate::chance::Chance;
use crate::client::{Answer, Client};
use crate::replies::members;
use crate::traffic::rest;
use crate::world::{FREE, GARBAGE, LIVE, any_filter, filter_of_prey};

/// Words that no command expects.
const NASTY: [&[u8]; 10] = [
    b"",
    b"\0",
    b"\xff\xfe",
    b"ALL",
    b"KEEPONE",
    b"WHERE",
    b"IN",
    b"99999999999999999999",
    b"%s%n%d",
    b"a\r\nb",
];

/// Replaces an element that begins with `GARBAGE`, wherever it is, by other garbage: an LSET that changes
/// nothing else.
const LSET: &str = "local i = tonumber(ARGV[1]); local e = redis.call('LINDEX', KEYS[1], i); \
                    if e and string.sub(e, 1, 7) == 'garbage' then redis.call('LSET', KEYS[1], i, ARGV[2]) end";
/// Moves garbage from the consumer end to the producer end.
const ROTATE: &str = "local e = redis.call('LINDEX', KEYS[1], -1); if e and string.sub(e, 1, 7) == 'garbage' \
                      then redis.call('LMOVE', KEYS[1], KEYS[1], 'RIGHT', 'LEFT') end";
/// Writes the whole list over itself.
const RESTORE: &str = "local d = redis.call('DUMP', KEYS[1]); \
                       if d then redis.call('RESTORE', KEYS[1], 0, d, 'REPLACE') end";

/// Runs one client of the crowd until the end.
pub(crate) fn roam(mut client: Client<'_>) {
    let mut factory = client.world.factory(50.0);
    let mut db = "0".to_string();
    while !client.world.stopped() {
        let inside = client.step();
        if client.chance.percent(2) {
            client.hang_up();
        }
        // The connection determines the database, and connections are killed.
        if client.chance.percent(10) {
            db = client.chance.below(4).to_string();
        }
        if !matches!(client.say(&["SELECT", &db]), Answer::Value(_)) {
            db = "0".to_string();
        }
        match client.chance.below(100) {
            0..45 => one_of_the_module(&mut client),
            45..70 => on_a_free_queue(&mut client, &mut factory),
            70..92 => on_the_live_queue(&mut client, &mut factory),
            92..97 => in_a_transaction(&mut client, &mut factory),
            _ => expiring(&mut client),
        }
        drop(inside);
        rest(&mut client, 8);
    }
}

/// Runs a client on the replica, which mostly reads and whose writes are refused.
pub(crate) fn look_on(mut client: Client<'_>) {
    while !client.world.stopped() {
        let inside = client.step();
        one_of_the_module(&mut client);
        drop(inside);
        rest(&mut client, 20);
    }
}

/// Runs a client whose permissions change while it works.
pub(crate) fn be_restricted(mut client: Client<'_>) {
    while !client.world.stopped() {
        let inside = client.step();
        let name = format!("soak{}", client.chance.below(3));
        // This is refused while the user does not exist; the client then keeps its permissions.
        client.say(&["AUTH", &name, "secret"]);
        for _ in 0..client.chance.within(1, 6) {
            one_of_the_module(&mut client);
        }
        if client.chance.percent(50) {
            client.hang_up();
        }
        drop(inside);
        rest(&mut client, 20);
    }
}

fn queue(client: &mut Client<'_>) -> &'static str {
    match client.chance.percent(50) {
        true => LIVE,
        false => client.chance.pick(&FREE),
    }
}

fn one_of_the_module(client: &mut Client<'_>) {
    let (words, queue) = command(client);
    let mut args: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
    // The queue that is accounted for is never used here, because a mutated word can make another filter.
    if queue != LIVE && client.chance.percent(15) {
        spoil(client, &mut args);
    }
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    if let Answer::Value(reply) = client.call(&args)
        && let Some(members) = members(&reply)
        && let Some((_, Value::BulkString(id))) = members.iter().find(|(name, _)| *name == b"job_id")
    {
        client.world.job(String::from_utf8_lossy(id).into_owned());
    }
}

/// Returns a valid command and its queue.
#[expect(clippy::too_many_lines, reason = "one arm per command")]
fn command(client: &mut Client<'_>) -> (Vec<String>, &'static str) {
    let queue = queue(client);
    let chance = &mut client.chance;
    let line = |text: &str| text.split(' ').map(str::to_string).collect::<Vec<_>>();
    let job = client.world.some_job(chance).unwrap_or_else(|| uuid(chance.next(), chance.next()));
    let mut words = match chance.below(100) {
        0..6 => {
            let mut words = vec!["QADMIN.STATS".to_string(), queue.to_string()];
            if chance.percent(50) {
                words.extend(any_filter(chance));
            }
            let fields = ["1 task", "2 repoid task", "1 id", "3 args.0 headers.lang kwargs.a.b", "1 bytes"];
            words.extend(line(&format!("GROUPBY {}", chance.pick(&fields))));
            if chance.percent(50) {
                words.extend(line(&format!("TOP {}", chance.within(0, 1_000))));
            }
            words.extend(chance.percent(50).then(|| "BUST".to_string()));
            words.extend(chance.percent(25).then(|| "INEXACT".to_string()));
            words.extend(priority(chance));
            words
        }
        6..35 => {
            let mut words = vec!["QADMIN.PREVIEW".to_string(), queue.to_string()];
            words.extend(any_filter(chance));
            if chance.percent(50) {
                words.extend(line(&format!("SAMPLE {}", chance.within(0, 100))));
            }
            if chance.percent(10) {
                words.extend(line("FIELDS 3 task kwargs.repoid argsrepr"));
            }
            words.extend(chance.percent(30).then(|| "BUST".to_string()));
            words.extend(chance.percent(10).then(|| "NOCOUNT".to_string()));
            words.extend(chance.percent(25).then(|| "INEXACT".to_string()));
            words.extend(priority(chance));
            words
        }
        35..62 => {
            let mut words = vec!["QADMIN.CLEARJOB".to_string(), queue.to_string()];
            words.extend(if queue == LIVE { filter_of_prey(chance) } else { any_filter(chance) });
            words.extend(line(chance.pick(&[
                "ALL",
                "ALL",
                "KEEPONE",
                "KEEPONE KEEP NEWEST",
                "KEEPONE BY id",
                "KEEPONE BY 2 task args",
                "KEEPONE BY kwargs.repoid",
            ])));
            if chance.percent(20) && !words.contains(&"NEWEST".to_string()) {
                words.extend(line(&format!("LIMIT {}", chance.within(1, 300))));
            }
            if chance.percent(15) {
                words.extend(line(&format!("RATE {}", chance.within(50, 5_000))));
            }
            if chance.percent(15) {
                words.extend(line(&format!(
                    "EXPECT {} TOLERANCE {}",
                    chance.within(0, 2_000),
                    chance.within(0, 50)
                )));
            }
            words.extend(priority(chance));
            // The destination is a queue that is not accounted for, and messages never move from there to the
            // one that is.
            let front = !["LIMIT", "BY"].iter().any(|word| words.contains(&(*word).to_string()));
            if chance.percent(15) {
                words.push("PARK".to_string());
                words.extend((front && chance.percent(40)).then(|| "FRONT".to_string()));
            } else if chance.percent(25) {
                let to = chance.pick(&FREE);
                if to != queue {
                    words.extend(["TO".to_string(), to.to_string()]);
                    words.extend((front && chance.percent(40)).then(|| "FRONT".to_string()));
                }
            }
            words.extend(chance.percent(20).then(|| "INEXACT".to_string()));
            words.extend(chance.percent(20).then(|| "DRYRUN".to_string()));
            if chance.percent(95) {
                words.extend(["CONFIRM".to_string(), queue.to_string()]);
            }
            if chance.percent(20) {
                let id = match chance.percent(70) {
                    true => uuid(chance.next(), chance.next()),
                    false => job,
                };
                words.extend(["ID".to_string(), id]);
            }
            if chance.percent(20) {
                words.extend(line("ACTOR jane REASON soak"));
            }
            words
        }
        62..71 => line(&format!("QADMIN.STATUS {job}")),
        71..77 => {
            // If that job moved to another list, CONFIRM is wrong and the undo is refused.
            let parked = format!("{queue}:parked:{}", job.get(..8).unwrap_or_default());
            let list = if chance.percent(60) { parked } else { chance.pick(&FREE).to_string() };
            let mut words = line(&format!("QADMIN.UNDO {job}"));
            if chance.percent(90) {
                words.extend(["CONFIRM".to_string(), list]);
            }
            words.extend(chance.percent(30).then(|| "FRONT".to_string()));
            words.extend(chance.percent(20).then(|| "DRYRUN".to_string()));
            words
        }
        77..82 => line(&format!("QADMIN.STATUS {job} WAIT {}", chance.within(1, 800))),
        82..88 => line(&format!("QADMIN.CANCEL {job}")),
        88 => line("QADMIN.CANCEL ALL"),
        89..95 => line(&format!("QADMIN.JOBS COUNT {}", chance.within(1, 30))),
        95 => line("QADMIN.INDEX LIST"),
        96 => {
            let mut words = line("QADMIN.INDEX");
            let action = chance.pick(&["INFO", "INFO", "CREATE", "DROP"]);
            words.extend([action.to_string(), queue.to_string()]);
            if action == "CREATE" {
                words.extend(line(chance.pick(&["FIELDS 2 task kwargs.repoid", "FIELDS 1 id", "AS CELERY"])));
            }
            words
        }
        97 => line("QADMIN.HELP"),
        98 => {
            let mut words = line("QADMIN.STATUS nonsense QUEUE");
            words.push(queue.to_string());
            words
        }
        // This command is not for clients.
        _ => vec!["QADMIN.APPLY".into(), queue.into(), "3".into(), "\u{1}".into(), "12345678".into()],
    };
    if chance.percent(8) && ["PREVIEW", "STATS", "CLEARJOB"].iter().any(|name| words[0].ends_with(name)) {
        let kinds = [
            "AS RESQUE",
            "AS SIDEKIQ",
            "AS CELERY",
            "AS LARAVEL",
            "AS TASKIQ",
            "AS IDS",
            "AS IDS",
            "AS HUEY",
        ];
        // To Huey all messages of Celery are undecodable, and a clear with this kind would rightly remove them.
        let most = kinds.len() - usize::from(words[0].ends_with("CLEARJOB"));
        words.extend(line(chance.pick(&kinds[..most])));
    }
    if chance.percent(20) && !words[0].ends_with("HELP") && !words[0].ends_with("APPLY") {
        words.extend(line("FORMAT JSON"));
    }
    (words, queue)
}

/// Sometimes returns several lists of a queue with priorities.
fn priority(chance: &mut Chance) -> Vec<String> {
    let steps = ["ALL", "ALL", "0", "3", "9", "4"];
    match chance.percent(25) {
        true => vec!["PRIORITY".to_string(), chance.pick(&steps).to_string()],
        false => Vec::new(),
    }
}

fn spoil(client: &mut Client<'_>, args: &mut Vec<Vec<u8>>) {
    let at = usize::try_from(client.chance.below(args.len() as u64)).unwrap_or(0).max(1);
    match client.chance.below(4) {
        0 if at < args.len() => drop(args.remove(at)),
        1 if at < args.len() => args.push(args[at].clone()),
        2 => args.push(vec![b'x'; 100_000]),
        _ if at < args.len() => args[at] = client.chance.pick(&NASTY).to_vec(),
        _ => {}
    }
}

fn uuid(high: u64, low: u64) -> String {
    let (high, low) = (high & !0xf000 | 0x4000, low & !(0b11 << 62) | (0b10 << 62));
    let [a, b, c] = [high >> 32, (high >> 16) & 0xffff, high & 0xffff];
    format!("{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xffff_ffff_ffff)
}

/// Returns a message, or an element that is not a message.
fn element(client: &mut Client<'_>, factory: &mut Factory) -> Vec<u8> {
    match client.chance.below(100) {
        0..25 => format!("{GARBAGE}-{}", client.chance.below(50)).into_bytes(),
        // This is the id of a job that is stored elsewhere.
        25..32 => format!("{GARBAGE}-{}", uuid(client.chance.next(), client.chance.next())).into_bytes(),
        _ => factory.message(client.world.fresh()),
    }
}

/// Returns an element that is not accounted for.
fn prey(client: &mut Client<'_>, factory: &mut Factory) -> Vec<u8> {
    loop {
        let element = element(client, factory);
        if !crate::traffic::is_innocent(&element) {
            return element;
        }
    }
}

/// Sends any command: the messages of this queue are not accounted for.
fn on_a_free_queue(client: &mut Client<'_>, factory: &mut Factory) {
    let (key, other) = (client.chance.pick(&FREE), client.chance.pick(&FREE));
    let (one, two) = (element(client, factory), element(client, factory));
    let n = client.chance.within(1, 40).to_string();
    let at = |client: &mut Client<'_>| client.chance.pick(&["LEFT", "RIGHT"]);
    match client.chance.below(22) {
        0..7 => {
            let word = client.chance.pick(&["LPUSH", "LPUSH", "RPUSH"]);
            let many: Vec<Vec<u8>> =
                (0..client.chance.within(1, 120)).map(|_| element(client, factory)).collect();
            let mut args: Vec<&[u8]> = vec![word.as_bytes(), key.as_bytes()];
            args.extend(many.iter().map(Vec::as_slice));
            client.call(&args);
        }
        7 => drop(client.brpop(&[key, other], "0.05")),
        8 => drop(client.say(&["RPOP", key, &n])),
        9 => drop(client.say(&["LPOP", key, &n])),
        10 => {
            let (from, to) = (at(client), at(client));
            client.say(&["LMOVE", key, other, from, to]);
        }
        11 => drop(client.say(&["LTRIM", key, "0", &format!("-{n}")])),
        12 => drop(client.call(&[b"LSET", key.as_bytes(), n.as_bytes(), &one])),
        13 => {
            let element = client.say(&["LINDEX", key, &n]);
            let pivot = if let Answer::Value(Value::BulkString(bytes)) = element { bytes } else { one };
            match client.chance.below(3) {
                0 => client.call(&[b"LREM", key.as_bytes(), b"0", &pivot]),
                1 => client.call(&[b"LINSERT", key.as_bytes(), b"BEFORE", &pivot, &two]),
                _ => client.call(&[b"LINSERT", key.as_bytes(), b"AFTER", &pivot, &two]),
            };
        }
        14 => {
            let word = client.chance.pick(&["DEL", "UNLINK"]);
            client.say(&[word, key]);
        }
        15 => drop(client.say(&["RENAME", key, other])),
        16 => drop(client.say(&["COPY", key, other, "REPLACE"])),
        17 => drop(client.say(&["SORT", key, "BY", "nosort", "STORE", other])),
        18 => drop(client.say(&["EVAL", RESTORE, "1", key])),
        19 => drop(client.say(&["LMPOP", "2", key, other, "RIGHT", "COUNT", &n])),
        20 if client.world.moves => drop(client.say(&["MOVE", key, "3"])),
        // Another type has that name for a while.
        _ => {
            client.say(&["SET", key, "text"]);
            client.say(&["GETDEL", key]);
        }
    }
}

/// Sends a command that keeps every message that is accounted for where it is.
fn on_the_live_queue(client: &mut Client<'_>, factory: &mut Factory) {
    client.say(&["SELECT", "0"]);
    let live = LIVE.as_bytes();
    let (one, two) = (prey(client, factory), prey(client, factory));
    let index = client.chance.within(0, 3_000).to_string();
    match client.chance.below(40) {
        0..12 => drop(client.call(&[b"LPUSH", live, &one, &two])),
        12..16 => drop(client.call(&[b"RPUSH", live, &one])),
        16..22 => drop(client.say(&["EVAL", LSET, "1", LIVE, &index, &String::from_utf8_lossy(&two)])),
        22..28 => drop(client.say(&["EVAL", ROTATE, "1", LIVE])),
        28..32 => {
            let garbage = format!("{GARBAGE}-{}", client.chance.below(50));
            let count = client.chance.pick(&["0", "1", "-1"]);
            client.say(&["LREM", LIVE, count, &garbage]);
        }
        32..35 => {
            let garbage = format!("{GARBAGE}-{}", client.chance.below(50));
            let side = client.chance.pick(&["BEFORE", "AFTER"]);
            client.call(&[b"LINSERT", live, side.as_bytes(), garbage.as_bytes(), &two]);
        }
        35 => drop(client.say(&["LTRIM", LIVE, "0", "-1"])),
        36 => drop(client.say(&["SORT", LIVE, "BY", "nosort", "STORE", LIVE])),
        37 => drop(client.say(&["EVAL", RESTORE, "1", LIVE])),
        38 => {
            client.say(&["MULTI"]);
            client.say(&["RENAME", LIVE, "live:away"]);
            client.say(&["RENAME", "live:away", LIVE]);
            client.say(&["EXEC"]);
        }
        _ => {
            let script = format!(
                "return redis.call('QADMIN.PREVIEW', KEYS[1], 'TASK', '{TARGET_TASK}', 'SAMPLE', '3')"
            );
            client.say(&["EVAL", &script, "1", LIVE]);
        }
    }
}

fn in_a_transaction(client: &mut Client<'_>, factory: &mut Factory) {
    let _open = client.world.transactions.read().expect("no thread panics while it holds this lock");
    client.say(&["MULTI"]);
    for _ in 0..client.chance.within(1, 5) {
        match client.chance.percent(60) {
            true => one_of_the_module(client),
            false => on_a_free_queue(client, factory),
        }
    }
    let end = if client.chance.percent(90) { "EXEC" } else { "DISCARD" };
    client.say(&[end]);
}

/// Uses a queue that expires in the middle of a job. Its name is used once: a server that loads its data
/// drops expired keys without telling replicas, so a name that is used again would differ there.
fn expiring(client: &mut Client<'_>) {
    let name = format!("expiring:{}", client.world.fresh());
    let from = queue(client);
    client.say(&["COPY", from, &name]);
    let job = client.say(&["QADMIN.CLEARJOB", &name, "TASK", TARGET_TASK, "ALL", "CONFIRM", &name]);
    let ttl = client.chance.within(1, 300).to_string();
    client.say(&["PEXPIRE", &name, &ttl]);
    if let Answer::Value(reply) = job
        && let Some(Value::BulkString(id)) =
            members(&reply).and_then(|members| Some(members.first()?.1.clone()))
    {
        client.world.job(String::from_utf8_lossy(&id).into_owned());
    }
}
