//! Generates any number of messages that are shaped like Celery's.
//!
//! Message i is a pure function of (seed, share, size, queue, i). [`Factory::facts`] returns its content for
//! i, so a test needs no list of what it sent. The text is that of messages recorded from the real library;
//! ids and arguments are inserted consistently: in the headers, in kwargsrepr and inside the base64 body.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::template::{Part, Slot, Template};

/// The task of the messages whose share [`Factory::share`] sets.
pub const TARGET_TASK: &str = "app.tasks.upload.Upload";

/// The repository of the messages whose share [`Factory::share`] sets.
pub const TARGET_REPOID: u64 = FIRST_REPOID + 42 * REPOID_STEP;

/// The number of repositories over which messages are spread.
const REPOS: u64 = 500;

/// The number of commits over which the messages of one repository are spread.
const COMMITS: u64 = 40;

/// The first repository id. Ids have six digits, as in a product with some history, and are not adjacent.
const FIRST_REPOID: u64 = 104_729;
const REPOID_STEP: u64 = 1_009;

/// The size of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Messages as Celery makes them: about 1.4 KB.
    Full,
    /// Small messages of about 0.4 KB: task, id, repoid and the members that a worker requires.
    Slim,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts<'a> {
    /// headers.task
    pub task: &'a str,
    /// headers.id, root_id, correlation_id
    pub id: String,
    /// properties.delivery_tag
    pub delivery_tag: String,
    /// kwargs.repoid
    pub repoid: u64,
    /// kwargs.commitid; slim messages have none
    pub commitid: String,
    /// kwargs.ownerid; slim messages have none
    pub ownerid: u64,
    /// kwargs.pullid; slim messages have none
    pub pullid: u64,
    /// Whether it is one of [`TARGET_TASK`] and [`TARGET_REPOID`].
    pub matches: bool,
}

/// Generates messages; see the module's documentation.
#[derive(Debug, Clone)]
pub struct Factory {
    seed: u64,
    /// The number of matches among 2^32 messages.
    share: u64,
    size: Size,
    queue: String,
    templates: Vec<Template>,
    target: usize,
    /// The body that is being written; it is kept to save an allocation per message.
    body: Vec<u8>,
    encoded: String,
}

/// The values of message i before they are written as text.
#[derive(Debug, Clone, Copy)]
struct Draw {
    template: usize,
    repo: u64,
    commit: u64,
    pull: u64,
    matches: bool,
}

impl Factory {
    /// Creates a factory of full-size messages for the queue `celery`, of which 1 % match the target.
    pub fn new(seed: u64) -> Self {
        let templates = Template::recorded();
        let target = templates.iter().position(|template| template.task == TARGET_TASK);
        let target = target.expect("the target's task was recorded");
        let (body, encoded) = (Vec::new(), String::new());
        Self { seed, share: 0, size: Size::Full, queue: "celery".into(), templates, target, body, encoded }
            .share(1.0)
    }

    /// Sets the percentage of messages with [`TARGET_TASK`] and [`TARGET_REPOID`], which are spread evenly at
    /// random.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "a share of 2^32 is below 2^33")]
    #[expect(clippy::cast_sign_loss, reason = "clamped to 0 and more")]
    pub fn share(mut self, percent: f64) -> Self {
        self.share = (percent.clamp(0.0, 100.0) / 100.0 * 4_294_967_296.0).round() as u64;
        self
    }

    /// Sets the size of messages.
    #[must_use]
    pub fn size(mut self, size: Size) -> Self {
        self.size = size;
        self.templates = match size {
            Size::Full => Template::recorded(),
            Size::Slim => Template::slim(),
        };
        self
    }

    /// Sets the queue that messages name as their destination (their routing key).
    #[must_use]
    pub fn queue(mut self, name: &str) -> Self {
        self.queue = name.to_string();
        self
    }

    /// Returns the tasks of messages.
    pub fn tasks(&self) -> impl Iterator<Item = &str> {
        self.templates.iter().map(|template| template.task.as_str())
    }

    /// Returns whether message i has [`TARGET_TASK`] and [`TARGET_REPOID`].
    pub fn matches(&self, i: u64) -> bool {
        self.draw(i).matches
    }

    /// Returns how many messages of a range match.
    pub fn count(&self, range: std::ops::Range<u64>) -> u64 {
        range.filter(|i| self.matches(*i)).count() as u64
    }

    /// Returns the content of message i.
    pub fn facts(&self, i: u64) -> Facts<'_> {
        let draw = self.draw(i);
        let text = |slot| {
            let mut out = Vec::new();
            self.put(slot, i, &draw, &mut out);
            String::from_utf8(out).expect("all values are ASCII")
        };
        Facts {
            task: &self.templates[draw.template].task,
            id: text(Slot::Id),
            delivery_tag: text(Slot::Tag),
            repoid: repoid(draw.repo),
            commitid: text(Slot::Commitid),
            ownerid: ownerid(draw.repo),
            pullid: draw.pull,
            matches: draw.matches,
        }
    }

    /// Returns message i.
    pub fn message(&mut self, i: u64) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(i, &mut out);
        out
    }

    /// Appends message i.
    pub fn write(&mut self, i: u64, out: &mut Vec<u8>) {
        let draw = self.draw(i);
        let (mut body, mut encoded) = (std::mem::take(&mut self.body), std::mem::take(&mut self.encoded));
        body.clear();
        encoded.clear();
        let template = &self.templates[draw.template];
        self.put_parts(&template.body, i, &draw, &mut body);
        BASE64.encode_string(&body, &mut encoded);
        for part in &template.envelope {
            out.extend_from_slice(&part.text);
            match part.slot {
                Some(Slot::Body) => out.extend_from_slice(encoded.as_bytes()),
                Some(slot) => self.put(slot, i, &draw, out),
                None => {}
            }
        }
        (self.body, self.encoded) = (body, encoded);
    }

    fn put_parts(&self, parts: &[Part], i: u64, draw: &Draw, out: &mut Vec<u8>) {
        for part in parts {
            out.extend_from_slice(&part.text);
            if let Some(slot) = part.slot {
                self.put(slot, i, draw, out);
            }
        }
    }

    /// Appends one value.
    fn put(&self, slot: Slot, i: u64, draw: &Draw, out: &mut Vec<u8>) {
        match slot {
            Slot::Id => put_uuid(self.hash(i, 1), self.hash(i, 2), out),
            Slot::Tag => put_uuid(self.hash(i, 3), self.hash(i, 4), out),
            Slot::Queue => out.extend_from_slice(self.queue.as_bytes()),
            Slot::Repoid => put_number(repoid(draw.repo), out),
            Slot::Ownerid => put_number(ownerid(draw.repo), out),
            Slot::Pullid => put_number(draw.pull, out),
            Slot::Commitid => {
                // The commit of a repository is the same in every run, whatever the seed.
                let commit = draw.repo * COMMITS + draw.commit;
                for (salt, digits) in [(5, 16), (6, 16), (7, 8)] {
                    put_hex(mix(commit ^ mix(salt)), digits, out);
                }
            }
            // `write` writes the body, because it has its bytes.
            Slot::Body => {}
        }
    }

    fn draw(&self, i: u64) -> Draw {
        let chance = self.hash(i, 8);
        let matches = chance >> 32 < self.share;
        let (commit, pull) = (chance % COMMITS, 1 + self.hash(i, 9) % 9_000);
        if matches {
            return Draw { template: self.target, repo: target_repo(), commit, pull, matches };
        }
        let other = self.hash(i, 10);
        let count = self.templates.len() as u64;
        let template = usize::try_from(other % count).expect("below the number of templates");
        let mut repo = (other >> 32) % REPOS;
        if template == self.target && repo == target_repo() {
            // Only the share decides how many messages match, so other messages must not match by chance.
            repo += 1;
        }
        Draw { template, repo, commit, pull, matches }
    }

    /// Returns a number that looks random and depends only on seed, message and purpose.
    fn hash(&self, i: u64, purpose: u64) -> u64 {
        mix(mix(self.seed ^ (purpose << 56)) ^ i)
    }
}

fn target_repo() -> u64 {
    (TARGET_REPOID - FIRST_REPOID) / REPOID_STEP
}

fn repoid(repo: u64) -> u64 {
    FIRST_REPOID + repo * REPOID_STEP
}

/// Returns the owner of a repository. Each owner has five repositories.
fn ownerid(repo: u64) -> u64 {
    1_000 + repo / 5
}

/// SplitMix64's finalizer (Steele, Lea, Flood 2014): every input bit reaches every output bit.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn put_number(n: u64, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{n}");
}

/// Appends the lowest digits of a number in hexadecimal.
fn put_hex(n: u64, digits: u32, out: &mut Vec<u8>) {
    for i in (0..digits).rev() {
        out.push(b"0123456789abcdef"[((n >> (4 * i)) & 15) as usize]);
    }
}

/// Appends a UUID of version 4.
fn put_uuid(high: u64, low: u64, out: &mut Vec<u8>) {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | (0b10 << 62);
    put_hex(high >> 32, 8, out);
    out.push(b'-');
    put_hex(high >> 16, 4, out);
    out.push(b'-');
    put_hex(high, 4, out);
    out.push(b'-');
    put_hex(low >> 48, 4, out);
    out.push(b'-');
    put_hex(low, 12, out);
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{BASE64, Factory, Size, TARGET_REPOID, TARGET_TASK};
    use base64::Engine as _;
    use serde_json::Value;

    fn parsed(message: &[u8]) -> (Value, Value) {
        let envelope: Value = serde_json::from_slice(message).expect("a message is JSON");
        let body = BASE64.decode(envelope["body"].as_str().expect("text")).expect("a body is base64");
        (envelope, serde_json::from_slice(&body).expect("a body is JSON"))
    }

    #[test]
    fn a_message_says_the_same_in_headers_body_and_repr() {
        let mut factory = Factory::new(7).queue("uploads").share(20.0);
        for i in 0..2_000 {
            let (envelope, body) = parsed(&factory.message(i));
            let facts = factory.facts(i);
            let headers = &envelope["headers"];
            assert_eq!(headers["task"], facts.task);
            for id in [&headers["id"], &headers["root_id"], &envelope["properties"]["correlation_id"]] {
                assert_eq!(*id, facts.id);
            }
            assert_eq!(envelope["properties"]["delivery_tag"], facts.delivery_tag);
            assert_eq!(envelope["properties"]["delivery_info"]["routing_key"], "uploads");
            assert_eq!(body[1]["repoid"], facts.repoid);
            assert_eq!(body[1]["commitid"], facts.commitid);
            assert_eq!(body[1]["ownerid"], facts.ownerid);
            assert_eq!(body[1]["pullid"], facts.pullid);
            let expected = format!(
                "{{'repoid': {}, 'commitid': '{}', 'ownerid': {}, 'pullid': {}, ",
                facts.repoid, facts.commitid, facts.ownerid, facts.pullid
            );
            assert!(headers["kwargsrepr"].as_str().expect("text").starts_with(&expected));
            assert_eq!(facts.matches, facts.task == TARGET_TASK && facts.repoid == TARGET_REPOID);
        }
    }

    #[test]
    fn messages_have_the_promised_size() {
        let mut full = Factory::new(1);
        let mut slim = Factory::new(1).size(Size::Slim);
        for i in 0..500 {
            assert!((1_300..1_450).contains(&full.message(i).len()), "{}", full.message(i).len());
            assert!((250..480).contains(&slim.message(i).len()), "{}", slim.message(i).len());
            let (envelope, body) = parsed(&slim.message(i));
            assert_eq!(envelope["headers"]["task"], slim.facts(i).task);
            assert_eq!(body[1]["repoid"], slim.facts(i).repoid);
        }
    }

    #[test]
    fn the_share_of_matches_is_the_one_asked_for() {
        for percent in [0.0, 1.0, 6.0, 50.0, 100.0] {
            let count = Factory::new(3).share(percent).count(0..100_000) as f64;
            assert!((count / 1_000.0 - percent).abs() < 0.5, "{percent} % asked, {count} of 100,000 made");
        }
        assert_eq!(Factory::new(3).share(100.0).count(0..10_000), 10_000);
        assert_eq!(Factory::new(3).share(0.0).count(0..10_000), 0);
    }

    #[test]
    fn the_same_seed_makes_the_same_messages_and_ids_never_repeat() {
        let (mut one, mut same, mut other) = (Factory::new(5), Factory::new(5), Factory::new(6));
        let mut ids = HashSet::new();
        for i in 0..5_000 {
            assert_eq!(one.message(i), same.message(i));
            assert_ne!(one.message(i), other.message(i));
            assert!(ids.insert(one.facts(i).id));
            assert!(ids.insert(one.facts(i).delivery_tag));
        }
    }
}
