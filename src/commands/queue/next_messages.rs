//! Reads the messages that run next, in any container, for a command that replies at once.

use qadmin_core::arrival::Placed;
use qadmin_core::job::{JobTarget, Storage};
use qadmin_core::reply::{MapBuilder, Reply};
use qadmin_core::scan::{IndexPosition, Layout as _, Queue, SetOfIds, SortedSet, Unacked, shown_index};

use super::recognise::SampleTime;
use crate::container::list::names_of;
use crate::container::walked::Walked;
use crate::container::{OpenedKeys, Storage as Keys};
use crate::index::{self, Lent, Moment};
use crate::redis::Ctx;
use crate::redis::list::{List, Mode};
use crate::settings;

/// The longest time for reading them, in slices: as long as an immediate sample takes.
const READ_SLICES: u64 = 4;

/// The place of a message, as replies show it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::commands) enum Place {
    /// In a list: its index, where -1 runs next, and the step of the list.
    Listed(i64, Option<u8>),
    /// In the order of a sorted set: the member of replies for the time that its score says, and that time in Unix
    /// milliseconds.
    Scored(&'static str, Option<i64>),
}

impl Place {
    /// Returns the place of a message with this score.
    fn scored(target: &JobTarget, score: f64) -> Self {
        let (member, time) = time_of(target, score);
        Self::Scored(member, time)
    }

    /// Appends the members that tell the place and the size of a message, as the rows of samples have them.
    pub(in crate::commands) fn show(self, bytes: u64, map: MapBuilder) -> MapBuilder {
        match self {
            Self::Listed(index, step) => {
                let map = map.with("index", index).with("bytes", bytes);
                match step {
                    Some(step) => map.with("priority", i64::from(step)),
                    None => map,
                }
            }
            Self::Scored(member, time) => {
                map.with("index", Reply::Null).with("bytes", bytes).with(member, time)
            }
        }
    }
}

/// Returns the time that a score of the target's sorted set says: the member of replies for it, and Unix milliseconds.
pub(super) fn time_of(target: &JobTarget, score: f64) -> (&'static str, Option<i64>) {
    let member = match &target.storage {
        Storage::SortedSet(_) => SortedSet::TIME,
        Storage::SetOfIds(..) => SetOfIds::TIME,
        Storage::Unacked(_) | Storage::Lists | Storage::ListOfIds(_) => Unacked::TIME,
    };
    (member, target.messages.score_of(&target.queue).unix_ms(score))
}

/// What a reader says after each message.
pub(in crate::commands) enum Next {
    /// The next one is to be read. This one took that many bytes and steps of work.
    Read(usize),
    /// No further message is needed.
    Stop,
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::commands) struct Extent {
    /// The number of messages.
    pub(in crate::commands) messages: u64,
    /// Whether these were all messages of the queue.
    pub(in crate::commands) is_all: bool,
}

/// The messages that run next.
#[derive(Clone, Copy)]
pub(in crate::commands) struct NextMessages<'a> {
    pub(in crate::commands) ctx: Ctx<'a>,
    pub(in crate::commands) target: &'a JobTarget,
    /// Whether it matters when the messages arrived.
    pub(in crate::commands) asks_arrivals: bool,
}

impl NextMessages<'_> {
    /// Reads the messages that run next: at most `sample-window` of them, and for no longer than four slices, because
    /// all other clients wait meanwhile. The message of an id that is missing is empty.
    pub(in crate::commands) fn read(
        &self,
        mut f: impl FnMut(Place, Option<Placed>, &[u8]) -> Next,
    ) -> Extent {
        let mut time = SampleTime::begin(settings::now().slice_us() * 1_000 * READ_SLICES);
        match self.target.storage.is_listed() {
            true => self.read_lists(&mut time, &mut f),
            false => self.walk(&mut time, &mut f),
        }
    }

    fn read_lists(
        &self,
        time: &mut SampleTime,
        f: &mut impl FnMut(Place, Option<Placed>, &[u8]) -> Next,
    ) -> Extent {
        let window = settings::now().sample_window();
        let consumer_end = self.target.messages.spec().consumer_end;
        let asked = Moment::now();
        let mut messages = 0;
        for (listed, _) in &self.target.lists {
            let names = names_of(&self.target.storage, &listed.key);
            let OpenedKeys::Keys(mut list) = <List<'_> as Keys<'_>>::open(self.ctx, &names, Mode::Read)
            else {
                continue;
            };
            let len = list.len();
            let lent = self.asks_arrivals.then(|| index::lend(self.target.db, &listed.key, len)).flatten();
            let mut arrivals = lent.as_ref().and_then(Lent::cursor);
            for distance in 0..len {
                if messages >= window || time.is_over() {
                    return Extent { messages, is_all: false };
                }
                let at = consumer_end.index(distance, len);
                let arrival = arrivals.as_mut().and_then(|cursor| cursor.at(at));
                let placed = arrival.map(|arrival| Placed {
                    arrival: arrival.shifted(asked.ahead_ms),
                    now_ms: asked.wall_ms(),
                });
                let place = Place::Listed(shown_index(consumer_end, distance), listed.step);
                messages += 1;
                match list.read(at, |message| f(place, placed, message)) {
                    Some(Next::Read(work)) => time.took(work),
                    Some(Next::Stop) => return Extent { messages, is_all: false },
                    None => return Extent { messages, is_all: false },
                }
            }
        }
        Extent { messages, is_all: true }
    }

    fn walk(
        &self,
        time: &mut SampleTime,
        f: &mut impl FnMut(Place, Option<Placed>, &[u8]) -> Next,
    ) -> Extent {
        let target = self.target;
        let names = Walked::names(&target.storage, &target.queue);
        let Some(mut keys) = Walked::open(self.ctx, &target.storage, &names) else {
            return Extent { messages: 0, is_all: true };
        };
        keys.begin();
        let mut messages = 0;
        while messages < settings::now().sample_window() && !time.is_over() {
            let read = keys.next(|score, _, message| match message {
                Some(message) => f(Place::scored(target, score), None, message),
                // The entry of an index whose message is gone.
                None => Next::Read(0),
            });
            match read {
                Some(Next::Read(work)) => time.took(work),
                Some(Next::Stop) => return Extent { messages: messages + 1, is_all: false },
                None => return Extent { messages, is_all: true },
            }
            messages += 1;
        }
        Extent { messages, is_all: false }
    }

    /// Reads the messages of one of the lists that are at most `near` messages away from this distance from the consumer
    /// end, until `f` returns something.
    pub(in crate::commands) fn around<R>(
        &self,
        (list, distance): (usize, u64),
        near: u64,
        mut f: impl FnMut(Place, &[u8]) -> Option<R>,
    ) -> Option<R> {
        let (listed, _) = self.target.lists.get(list)?;
        let consumer_end = self.target.messages.spec().consumer_end;
        let names = names_of(&self.target.storage, &listed.key);
        let OpenedKeys::Keys(mut list) = <List<'_> as Keys<'_>>::open(self.ctx, &names, Mode::Read) else {
            return None;
        };
        let len = list.len();
        (distance.saturating_sub(near)..=distance.saturating_add(near))
            .take_while(|distance| *distance < len)
            .find_map(|distance| {
                let place = Place::Listed(shown_index(consumer_end, distance), listed.step);
                list.read(consumer_end.index(distance, len), |message| f(place, message)).flatten()
            })
    }

    /// Reads the message at a position in the order of a sorted set. `None` if it has left.
    pub(in crate::commands) fn at_position<R>(
        &self,
        position: &IndexPosition,
        f: impl FnOnce(Place, &[u8]) -> R,
    ) -> Option<R> {
        let names = Walked::names(&self.target.storage, &self.target.queue);
        let mut keys = Walked::open(self.ctx, &self.target.storage, &names)?;
        keys.read_at(position, |message| f(Place::scored(self.target, position.score), message))
    }
}
