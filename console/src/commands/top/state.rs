//! What `qadmin top` knows and what is selected, without a terminal and without a server.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::worker::{Ask, Look, News};
use crate::group::{Selection, selection};
use crate::kind::MessageKind;
use crate::reply::{Map, Stats, Status};
use crate::text::escape;

/// The groups of a queue of at most this number of messages are counted when it is selected for the first time.
pub(super) const SMALL: u64 = 10_000;
/// Time between two questions to an index for the groups of a queue.
const GROUPS_EVERY: Duration = Duration::from_secs(5);
/// For how long a queue is selected before it is counted without a key, so that going down a list counts none.
const REST: Duration = Duration::from_millis(500);
/// Names of queues that are remembered as counted.
const COUNTED: usize = 10_000;
/// The server is said not to answer after this time.
const HUNG: Duration = Duration::from_secs(3);
/// For how long depths are kept, from which the change per minute is computed.
const TREND: Duration = Duration::from_secs(60);
/// The change is shown after this time.
const TREND_MIN: Duration = Duration::from_secs(4);

/// The list in which a row is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    Queues,
    Groups,
}

/// The order of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Depth,
    Change,
    Oldest,
    Name,
}

impl Sort {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Change => "change",
            Self::Oldest => "oldest message",
            Self::Name => "name",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Depth => Self::Change,
            Self::Change => Self::Oldest,
            Self::Oldest => Self::Name,
            Self::Name => Self::Depth,
        }
    }
}

/// A command that is run for the selected group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Preview,
    Park,
    Clear,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Queues,
    Groups,
    Switch,
    Count,
    Sort,
    Run(Verb),
    Watch,
    Help,
    Quit,
}

/// The values of the fields of a group; `None`: its messages do not have the field.
type Values = Vec<Option<Vec<u8>>>;

/// What the groups of a queue are known to be.
pub(super) struct Groups {
    pub(super) stats: Option<Stats>,
    pub(super) error: Option<String>,
    /// When they were counted.
    pub(super) at: Option<Instant>,
    /// When the last count ended, also one that failed.
    tried: Option<Instant>,
    /// A count is on its way, and has examined this share in percent.
    pub(super) counting: Option<u64>,
}

/// Everything that the screen shows.
pub(super) struct State {
    pub(super) by: Vec<String>,
    /// What the messages are read as, if that was given.
    kind: Option<MessageKind>,
    pub(super) rows: Vec<Map>,
    pub(super) complete: bool,
    pub(super) unacked: Option<u64>,
    pub(super) jobs: Result<Vec<Status>, String>,
    pub(super) groups: HashMap<Vec<u8>, Groups>,
    pub(super) focus: Focus,
    pub(super) sort: Sort,
    /// The selected queue, and since when.
    queue: Option<Vec<u8>>,
    selected_at: Option<Instant>,
    /// Queues that were counted without a key.
    counted: HashSet<Vec<u8>>,
    /// The values of the selected group: the rows change their places while somebody reads them.
    group: Option<Values>,
    /// The selected group is gone. Another one is selected by a key only, so that no key acts on a row that took its place.
    is_group_gone: bool,
    pub(super) helps: bool,
    /// A line for the user: what is wrong, or what to do first.
    pub(super) line: Option<String>,
    /// The server did not answer the last question.
    pub(super) lost: Option<String>,
    /// Since when the server has been asked something that it has not answered.
    asked: Option<Instant>,
    depths: HashMap<Vec<u8>, VecDeque<(Instant, u64)>>,
}

impl State {
    pub(super) fn new(by: &[String], kind: Option<MessageKind>) -> Self {
        Self {
            by: by.to_vec(),
            kind,
            rows: Vec::new(),
            complete: true,
            unacked: None,
            jobs: Ok(Vec::new()),
            groups: HashMap::new(),
            focus: Focus::Queues,
            sort: Sort::Depth,
            queue: None,
            selected_at: None,
            counted: HashSet::new(),
            group: None,
            is_group_gone: false,
            helps: false,
            line: None,
            lost: None,
            asked: None,
            depths: HashMap::new(),
        }
    }

    /// Takes over what the server said.
    pub(super) fn learn(&mut self, news: News, now: Instant) {
        self.asked = matches!(news, News::Asks).then_some(now);
        match news {
            News::Asks => {}
            News::Look(Ok(look)) => self.learn_look(look, now),
            News::Look(Err(failure)) => self.lost = Some(failure.words),
            News::Progress(queue, percent) => {
                if let Some(groups) = self.groups.get_mut(&queue) {
                    groups.counting = Some(percent);
                }
            }
            News::Groups(queue, said) => {
                let groups = self.groups.entry(queue).or_insert_with(Groups::none);
                groups.counting = None;
                groups.tried = Some(now);
                match *said {
                    Ok(stats) if stats.count_error.is_none() => {
                        (groups.error, groups.at, groups.stats) = (None, Some(now), Some(stats));
                    }
                    Ok(stats) => {
                        groups.error = stats.count_error.as_ref().map(|error| escape(error.as_bytes()));
                    }
                    Err(failure) => groups.error = Some(failure.words),
                }
            }
        }
        self.keep_group();
    }

    /// Keeps the selection of a group, or notes that it is gone. In groups that appear for the first time the first one is selected.
    fn keep_group(&mut self) {
        if self.group.is_some() && self.selected_group().is_none() {
            (self.group, self.is_group_gone) = (None, true);
        }
        if self.group.is_none() && !self.is_group_gone && self.focus == Focus::Groups {
            self.group = self.shown_groups().first().map(|group| self.values(group));
        }
    }

    /// Another queue is selected.
    fn forget_group(&mut self) {
        (self.group, self.is_group_gone) = (None, false);
    }

    /// The values of a group, in the order of the fields.
    fn values(&self, group: &Map) -> Values {
        self.by.iter().map(|field| group.bytes(field)).collect()
    }

    /// The position of the selected group.
    pub(super) fn selected_group(&self) -> Option<usize> {
        let wanted = self.group.as_ref()?;
        self.shown_groups().iter().position(|group| self.values(group) == *wanted)
    }

    fn learn_look(&mut self, look: Look, now: Instant) {
        self.lost = None;
        self.complete = look.queues.complete;
        self.unacked = look.queues.unacked;
        self.jobs = look.jobs;
        self.rows = look.queues.queues;
        for row in &self.rows {
            let depths = self.depths.entry(name(row)).or_default();
            depths.push_back((now, row.sum("depth")));
            while depths.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > TREND) {
                depths.pop_front();
            }
        }
        self.order();
        let listed: HashSet<Vec<u8>> = self.rows.iter().map(name).collect();
        self.depths.retain(|queue, _| listed.contains(queue));
        self.groups.retain(|queue, _| listed.contains(queue));
        if !self.queue.as_ref().is_some_and(|queue| listed.contains(queue)) {
            self.queue = self.rows.first().map(name);
            self.selected_at = Some(now);
            self.focus = Focus::Queues;
            self.forget_group();
        }
    }

    /// By how many messages the depth changes in a minute; `None` while that is not known.
    pub(super) fn change(&self, row: &Map) -> Option<i64> {
        let depths = self.depths.get(&name(row))?;
        let ((first_at, first), (last_at, last)) = (depths.front()?, depths.back()?);
        let time = last_at.saturating_duration_since(*first_at);
        let ms = i64::try_from(time.as_millis()).ok().filter(|_| time >= TREND_MIN)?;
        let change = i64::try_from(*last).ok()?.checked_sub_unsigned(*first)?;
        Some(change.saturating_mul(60_000) / ms)
    }

    fn order(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.sort_by_cached_key(|row| {
            let number = match self.sort {
                Sort::Name => 0,
                Sort::Depth => i128::from(row.sum("depth")),
                Sort::Change => self.change(row).map_or(i128::MIN, i128::from),
                Sort::Oldest => row.count("oldest_age").map_or(-1, i128::from),
            };
            (Reverse(number), name(row))
        });
        self.rows = rows;
    }

    /// The position of the selected queue.
    pub(super) fn selected(&self) -> Option<usize> {
        let queue = self.queue.as_ref()?;
        self.rows.iter().position(|row| name(row) == *queue)
    }

    /// The row of the selected queue.
    pub(super) fn row(&self) -> Option<&Map> {
        self.selected().map(|at| &self.rows[at])
    }

    /// What is known of the groups of the selected queue.
    pub(super) fn of_queue(&self) -> Option<&Groups> {
        self.groups.get(self.queue.as_ref()?)
    }

    pub(super) fn shown_groups(&self) -> &[Map] {
        self.of_queue().and_then(|groups| groups.stats.as_ref()).map_or(&[], |stats| &stats.groups)
    }

    /// Does what a key asks for that is done here. Returns a question to the server that it leads to.
    pub(super) fn act(&mut self, action: Action, page: usize, now: Instant) -> Option<Ask> {
        self.line = None;
        let queue = self.queue.clone();
        let ask = self.change_by(action, page);
        if self.queue != queue {
            self.selected_at = Some(now);
        }
        ask
    }

    fn change_by(&mut self, action: Action, page: usize) -> Option<Ask> {
        let by = |n: usize| isize::try_from(n).unwrap_or(isize::MAX);
        match action {
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-by(page)),
            Action::PageDown => self.step(by(page)),
            Action::Queues => self.focus = Focus::Queues,
            Action::Switch if self.focus == Focus::Groups => self.focus = Focus::Queues,
            Action::Groups | Action::Switch => self.enter(),
            Action::Count => return self.count(true),
            Action::Sort => {
                self.sort = self.sort.next();
                self.order();
            }
            Action::Help => self.helps = !self.helps,
            Action::Run(_) | Action::Watch | Action::Quit => {}
        }
        None
    }

    /// Goes to the groups.
    fn enter(&mut self) {
        self.focus = Focus::Groups;
        self.is_group_gone = false;
        self.keep_group();
    }

    fn step(&mut self, by: isize) {
        let moved = |at: usize, len: usize| at.saturating_add_signed(by).min(len.saturating_sub(1));
        if self.focus == Focus::Groups {
            let at = self.selected_group().map_or(0, |at| moved(at, self.shown_groups().len()));
            self.group = self.shown_groups().get(at).map(|group| self.values(group));
        } else if let Some(at) = self.selected() {
            self.queue = self.rows.get(moved(at, self.rows.len())).map(name);
            self.forget_group();
        }
    }

    fn count(&mut self, fresh: bool) -> Option<Ask> {
        let row = self.row()?;
        let (queue, priorities) = (name(row), !row.maps("priorities").is_empty());
        let groups = self.groups.entry(queue.clone()).or_insert_with(Groups::none);
        if groups.counting.is_some() {
            return None;
        }
        groups.counting = Some(0);
        Some(Ask::Count { queue, priorities, fresh })
    }

    /// The question that follows from the time: the groups of the selected queue, where they cost little. Each count is a job, which
    /// the server's log and its list of jobs show, unless an index answers.
    pub(super) fn due(&mut self, now: Instant) -> Option<Ask> {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let row = self.row()?;
        let is_due = match self.of_queue() {
            None => {
                let rests = since(self.selected_at).is_none_or(|time| time >= REST);
                rests && row.sum("depth") <= SMALL && !self.counted.contains(&name(row))
            }
            Some(groups) => {
                let has_index = row.count("pushed_per_minute").is_some();
                let by_index = |stats: &Stats| stats.map.word("source").as_deref() == Some("index");
                let is_old = since(groups.tried).is_some_and(|time| time >= GROUPS_EVERY);
                is_old && has_index && groups.stats.as_ref().is_some_and(by_index)
            }
        };
        if !is_due {
            return None;
        }
        let queue = name(row);
        if self.counted.len() >= COUNTED {
            self.counted.clear();
        }
        self.counted.insert(queue);
        self.count(false)
    }

    /// For how long the server has not answered, if that is long.
    pub(super) fn hangs(&self, now: Instant) -> Option<Duration> {
        self.asked.map(|at| now.saturating_duration_since(at)).filter(|time| *time >= HUNG)
    }

    /// The arguments of the command for the selected group, or what the user has to do first.
    pub(super) fn arguments(&self, verb: Verb) -> Result<Vec<Vec<u8>>, &'static str> {
        let row = self.row().ok_or("There is no queue.")?;
        let group = self.selected_group().filter(|_| self.focus == Focus::Groups);
        let group = group.map(|at| &self.shown_groups()[at]);
        let group = group.ok_or("Select a group first: Tab leads to the groups of the queue.")?;
        let mut arguments: Vec<Vec<u8>> = match verb {
            Verb::Preview => vec![b"preview".to_vec()],
            Verb::Park => [&b"clear"[..], b"--all", b"--park"].map(<[u8]>::to_vec).to_vec(),
            Verb::Clear => [&b"clear"[..], b"--all"].map(<[u8]>::to_vec).to_vec(),
        };
        for field in &self.by {
            let value = group.bytes(field);
            match selection(field, value.as_deref()) {
                Selection::Task(task) => arguments.extend(option("--task", task)),
                Selection::Condition(text) => arguments.extend(option("--where", text.as_bytes())),
            }
        }
        if let Some(kind) = self.kind {
            arguments.extend(option("--as", kind.word().as_bytes()));
        }
        if !row.maps("priorities").is_empty() {
            arguments.extend(option("--priority", b"all"));
        }
        let queue = name(row);
        arguments.extend(queue.starts_with(b"-").then(|| b"--".to_vec()));
        arguments.push(queue);
        Ok(arguments)
    }
}

impl Groups {
    fn none() -> Self {
        Self { stats: None, error: None, at: None, tried: None, counting: None }
    }
}

/// An option and its value: two words, unless the value looks like an option.
pub(super) fn option(name: &str, value: &[u8]) -> Vec<Vec<u8>> {
    match value {
        [b'-', ..] => vec![[name.as_bytes(), b"=", value].concat()],
        _ => vec![name.as_bytes().to_vec(), value.to_vec()],
    }
}

/// The name of a queue.
pub(super) fn name(row: &Map) -> Vec<u8> {
    row.bytes("queue").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::failure::{Exit, Failure};
    use crate::reply::Queues;

    fn look(queues: &[Value]) -> News {
        let queues = Queues::new(Map::new(json!({"queues": queues, "complete": 1})));
        News::Look(Ok(Look { queues, jobs: Ok(Vec::new()) }))
    }

    fn groups(queue: &str, source: &str, values: &[Value]) -> News {
        let rows: Vec<Value> = values.iter().map(|value| json!({"task": value, "count": 1})).collect();
        let stats =
            Stats::new(Map::new(json!({"mode": "inline", "matched": 2, "groups": rows, "source": source})));
        News::Groups(queue.as_bytes().to_vec(), Box::new(Ok(stats)))
    }

    fn state(queues: &[Value]) -> (State, Instant) {
        let now = Instant::now();
        let mut state = State::new(&["task".to_owned()], Some(MessageKind::Sidekiq));
        state.learn(look(queues), now);
        (state, now)
    }

    fn names(state: &State) -> Vec<String> {
        state.rows.iter().map(|row| row.word("queue").unwrap_or_default()).collect()
    }

    #[test]
    fn the_selection_stays_with_its_queue_whatever_the_order() {
        let (mut state, now) = state(&[json!({"queue": "a", "depth": 1}), json!({"queue": "b", "depth": 9})]);
        assert_eq!((names(&state), state.selected()), (vec!["b".to_owned(), "a".to_owned()], Some(0)));
        state.act(Action::Down, 10, Instant::now());
        assert_eq!(state.selected(), Some(1));
        state.learn(look(&[json!({"queue": "a", "depth": 20}), json!({"queue": "b", "depth": 9})]), now);
        assert_eq!((names(&state), state.selected()), (vec!["a".to_owned(), "b".to_owned()], Some(0)));
        // It is gone, so the first one is selected.
        state.learn(look(&[json!({"queue": "b", "depth": 9})]), now);
        assert_eq!(state.selected(), Some(0));
        state.act(Action::PageDown, 10, Instant::now());
        state.act(Action::PageUp, 10, Instant::now());
        assert_eq!(state.selected(), Some(0));
        state.learn(look(&[]), now);
        assert_eq!(
            (
                state.selected(),
                state.act(Action::Down, 10, Instant::now()),
                state.act(Action::Count, 10, Instant::now())
            ),
            (None, None, None)
        );
    }

    #[test]
    fn queues_are_sorted_by_change_age_and_name() {
        let (mut state, now) = state(&[
            json!({"queue": "b", "depth": 100, "oldest_age": 5}),
            json!({"queue": "a", "depth": 900, "oldest_age": 7}),
            json!({"queue": "c", "depth": 500}),
        ]);
        assert_eq!(state.change(&state.rows[0]), None);
        let later = [("b", 400), ("a", 800), ("c", 500)]
            .map(|(queue, depth)| json!({"queue": queue, "depth": depth}));
        state.learn(look(&later), now + Duration::from_secs(30));
        let orders = [("change", "bca"), ("oldest message", "abc"), ("name", "abc"), ("depth", "acb")];
        for (order, sorted) in orders {
            state.act(Action::Sort, 10, Instant::now());
            assert_eq!((state.sort.name(), names(&state).concat().as_str()), (order, sorted));
        }
        let change: Vec<Option<i64>> = state.rows.iter().map(|row| state.change(row)).collect();
        assert_eq!(change, [Some(-200), Some(0), Some(600)]);
        state.learn(look(&later), now + Duration::from_secs(95));
        assert_eq!(state.change(&state.rows[0]), None, "what was before is too old");
    }

    #[test]
    fn groups_are_counted_without_a_key_once_and_then_only_by_an_index() {
        let deep = |index: Value| json!({"queue": "deep", "depth": 1_000_000, "pushed_per_minute": index});
        let small = || json!({"queue": "s", "depth": 3});
        let (mut state, now) = state(&[deep(json!(7)), small()]);
        let rested = now + REST;
        assert_eq!(state.due(rested), None, "nobody asked for a walk over a million messages");
        let ask = |queue: &str, fresh| {
            Some(Ask::Count { queue: queue.as_bytes().to_vec(), priorities: false, fresh })
        };
        assert_eq!(state.act(Action::Groups, 10, now), None);
        assert_eq!(state.act(Action::Count, 10, now), ask("deep", true));
        assert_eq!(state.act(Action::Count, 10, now), None, "it is on its way");
        state.learn(groups("deep", "scan", &[json!("a.b")]), now);
        let later = now + GROUPS_EVERY;
        assert_eq!(state.due(later), None);
        state.act(Action::Count, 10, now);
        state.learn(groups("deep", "index", &[json!("a.b")]), now);
        assert_eq!(state.due(now), None);
        assert_eq!(state.due(later), ask("deep", false), "an index answers at once");
        let failure = || Box::new(Err(Failure::new(Exit::NoRight, "no")));
        state.learn(News::Groups(b"deep".to_vec(), failure()), later);
        assert_eq!(
            state.due(later + GROUPS_EVERY),
            ask("deep", false),
            "the user may get the permission back"
        );
        state.learn(groups("deep", "index", &[json!("a.b")]), later);
        state.learn(look(&[deep(Value::Null), small()]), later);
        assert_eq!(state.due(later + GROUPS_EVERY), None, "the index was dropped");

        state.act(Action::Queues, 10, later);
        state.act(Action::Down, 10, later);
        assert_eq!(state.due(later), None, "it was selected just now");
        assert_eq!(state.due(later + REST), ask("s", false));
        state.learn(groups("s", "scan", &[json!("a.b")]), later);
        assert_eq!(state.due(later + GROUPS_EVERY), None, "once is enough");
        // It is empty for a moment, as queues often are.
        state.learn(look(&[deep(Value::Null)]), later);
        state.learn(look(&[deep(Value::Null), small()]), later);
        state.act(Action::Down, 10, later);
        assert_eq!(state.due(later + GROUPS_EVERY), None);
        assert_eq!(state.act(Action::Count, 10, later), ask("s", true));
    }

    #[test]
    fn a_count_that_failed_does_not_look_fresh() {
        let (mut state, now) = state(&[json!({"queue": "q", "depth": 3})]);
        state.learn(groups("q", "scan", &[json!("a.b")]), now);
        let later = now + GROUPS_EVERY;
        state.learn(News::Groups(b"q".to_vec(), Box::new(Err(Failure::new(Exit::NoRight, "no")))), later);
        let groups = state.of_queue().expect("groups");
        assert_eq!(
            (groups.at, groups.error.as_deref(), state.shown_groups().len()),
            (Some(now), Some("no"), 1)
        );
    }

    #[test]
    fn a_server_that_hangs_is_noticed() {
        let (mut state, now) = state(&[json!({"queue": "q", "depth": 3})]);
        assert_eq!(state.hangs(now + HUNG), None, "nothing is asked");
        state.learn(News::Asks, now);
        assert_eq!((state.hangs(now), state.hangs(now + HUNG)), (None, Some(HUNG)));
        state.learn(look(&[]), now + HUNG);
        assert_eq!(state.hangs(now + HUNG + HUNG), None);
    }

    #[test]
    fn the_command_selects_exactly_the_group() {
        let (mut state, now) =
            state(&[json!({"queue": "-q", "depth": 3, "priorities": [{"step": 3, "depth": 1}]})]);
        assert!(state.arguments(Verb::Park).is_err(), "no group is selected");
        assert_eq!(state.act(Action::Switch, 10, Instant::now()), None);
        let asked = state.act(Action::Count, 10, Instant::now());
        assert_eq!(asked, Some(Ask::Count { queue: b"-q".to_vec(), priorities: true, fresh: true }));
        assert!(state.arguments(Verb::Park).is_err(), "no group is known");
        state.learn(groups("-q", "scan", &[json!("app.a"), Value::Null]), now);
        let words = |state: &State, verb| {
            let arguments = state.arguments(verb).expect("a group");
            arguments
                .iter()
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(words(&state, Verb::Preview), "preview --task app.a --as sidekiq --priority all -- -q");
        state.act(Action::Down, 10, Instant::now());
        state.act(Action::Down, 10, Instant::now());
        assert_eq!(
            words(&state, Verb::Park),
            "clear --all --park --where task MISSING --as sidekiq --priority all -- -q"
        );
        assert_eq!(
            words(&state, Verb::Clear),
            "clear --all --where task MISSING --as sidekiq --priority all -- -q"
        );
        let words = option("--where", b"-x = 1");
        assert_eq!(words, [b"--where=-x = 1".to_vec()]);
    }

    #[test]
    fn no_key_acts_on_a_group_that_took_the_place_of_the_selected_one() {
        let (mut state, now) = state(&[json!({"queue": "q", "depth": 3}), json!({"queue": "r", "depth": 1})]);
        state.act(Action::Groups, 10, Instant::now());
        state.learn(groups("q", "index", &[json!("app.a"), json!("app.b")]), now);
        assert_eq!(state.selected_group(), Some(0), "the first of the groups that appear");
        state.learn(groups("q", "index", &[json!("app.c"), json!("app.b"), json!("app.a")]), now);
        assert_eq!(state.selected_group(), Some(2));
        state.learn(groups("q", "index", &[json!("app.c"), json!("app.b")]), now);
        assert!(state.arguments(Verb::Clear).is_err(), "it is gone");
        state.act(Action::Down, 10, Instant::now());
        assert_eq!(state.selected_group(), Some(0));
        // The queue is gone, and another one takes its place.
        state.learn(look(&[json!({"queue": "r", "depth": 1})]), now);
        state.learn(groups("r", "index", &[json!("app.c")]), now);
        assert!(state.arguments(Verb::Clear).is_err());
    }

    #[test]
    fn a_lost_server_is_said_and_forgotten_when_it_answers() {
        let (mut state, now) = state(&[json!({"queue": "a", "depth": 1})]);
        state.learn(News::Look(Err(Failure::new(Exit::Unreachable, "no connection"))), now);
        assert_eq!((state.lost.as_deref(), state.rows.len()), (Some("no connection"), 1));
        state.learn(look(&[]), now);
        assert_eq!(state.lost, None);
    }
}
