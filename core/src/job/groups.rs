//! The groups of a stats job: the number of each group, and how a reply shows the groups.
//!
//! The scan counts by number. It starts again when the queue was modified in place; the numbers are kept
//! then, and a group without matches is not shown. A group is kept from its first match on or not at all, so
//! the counts of kept groups are exact. Once there is no more room, all matches of new groups are counted
//! together under one number.

use std::collections::HashMap;

use super::{Start, int};
use crate::filter::{Grouping, group_values};
use crate::index::{GroupAge, KeyCount};
use crate::numbered::Numbered;
use crate::queue::End;
use crate::reply::Reply;
use crate::scan::{Group, Spot, shown_index};

/// Most groups that a job keeps.
pub const GROUPS_MAX: usize = 10_000;
/// Most bytes that the values of these groups take.
pub const GROUP_BYTES_MAX: usize = 1024 * 1024;
/// Both limits, smaller in tests.
const ROOM: (usize, usize) = if cfg!(test) { (8, 400) } else { (GROUPS_MAX, GROUP_BYTES_MAX) };
/// Most groups that a reply shows.
pub const TOP_MAX: usize = 1_000;
/// Groups that a reply shows where TOP is not given.
pub const TOP_DEFAULT: usize = 20;

/// The number under which all groups that are not kept are counted.
const UNKEPT: u32 = 0;

/// The numbers of the groups that are kept.
#[derive(Debug)]
pub(super) struct Names {
    known: Numbered,
    bytes: usize,
    full: bool,
}

impl Names {
    /// Starts without groups. `seed` should be random: see [`Numbered::new`].
    pub(super) fn new(seed: u64) -> Self {
        Self { known: Numbered::new(0, seed), bytes: 0, full: false }
    }

    /// The number of the group with these values, new if there is room for it.
    pub(super) fn number(&mut self, key: &[u8]) -> u32 {
        let ((groups, bytes), full) = (ROOM, &mut self.full);
        let fits = |known: &Numbered| {
            *full |= known.len() >= groups || self.bytes + key.len() > bytes;
            !*full
        };
        let known = self.known.len();
        let number = self.known.number(key, fits);
        if self.known.len() > known {
            self.bytes += key.len();
        }
        number.map_or(UNKEPT, |number| number + UNKEPT + 1)
    }

    /// The values of all groups, by number.
    pub(super) fn keys(&self) -> Vec<&[u8]> {
        std::iter::once(&b""[..]).chain((0..self.known.len()).map(|number| self.known.get(number))).collect()
    }
}

/// The groups as replies show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// The largest groups, as rows; null without a count.
    pub groups: Reply,
    /// Count and bytes of all other groups together; null without a count.
    pub other: Reply,
    /// How many groups there are; null where more were met than are kept.
    pub total: Reply,
}

impl Groups {
    /// The groups of a job that does not count by groups, or has no count.
    pub const NONE: Self = Self { groups: Reply::Null, other: Reply::Null, total: Reply::Null };

    /// The groups of an empty queue.
    #[must_use]
    pub fn empty() -> Self {
        let other = other(0, 0, 0, Some(0));
        Self { groups: Reply::List(Vec::new()), other, total: Reply::Int(0) }
    }

    /// Returns the groups of several lists, which their indexes counted; `None` if there are more than a job
    /// keeps.
    ///
    /// Beside the groups of each list, and in their order, it gets how long their messages have waited. It
    /// shows that if it is known of every list with messages.
    pub fn of_lists<'a>(
        start: &Start,
        lists: impl Iterator<Item = (&'a [KeyCount], Option<&'a [GroupAge]>)>,
    ) -> Option<Self> {
        let grouping = start.grouping.as_ref()?;
        let mut merged = Merged { keys: vec![b""], ages: Some(Vec::new()), ..Merged::default() };
        let lists: Vec<_> = lists.enumerate().filter(|(_, (groups, _))| !groups.is_empty()).collect();
        // The groups of one list are different from each other.
        let is_one = lists.len() == 1;
        for (list, (groups, ages)) in lists {
            merged.add(list, groups, ages, is_one)?;
        }
        let consumer_end = start.messages.spec().consumer_end;
        Some(show(grouping, &merged.keys, merged.all, merged.ages.as_deref(), consumer_end, start))
    }

    /// The memory that they take, bytes: with the members of the rows, since there can be many rows.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let members = match &self.groups {
            Reply::List(rows) => {
                rows.iter().map(|row| if let Reply::Map(row) = row { row.len() } else { 0 }).sum()
            }
            _ => 0,
        };
        self.groups.bytes() + self.other.bytes() + members * size_of::<(Box<str>, Reply)>()
    }
}

/// The groups of several lists. A group has the number of its place in `all`, counted from the first number that a kept group
/// can have.
#[derive(Default)]
struct Merged<'a> {
    /// By number.
    keys: Vec<&'a [u8]>,
    places: HashMap<&'a [u8], usize>,
    bytes: usize,
    all: Vec<Group>,
    /// In the order of `all`; `None` if they are not known of all lists.
    ages: Option<Vec<GroupAge>>,
}

impl<'a> Merged<'a> {
    /// Adds the groups of one list; `is_one` if there is no other. Returns `None` if there are more groups than a job keeps.
    fn add(
        &mut self,
        list: usize,
        groups: &'a [KeyCount],
        ages: Option<&[GroupAge]>,
        is_one: bool,
    ) -> Option<()> {
        if ages.is_none() {
            self.ages = None;
        }
        let (groups_max, bytes_max) = ROOM;
        for (number, KeyCount { key, count, bytes, next, last }) in groups.iter().enumerate() {
            let spot = |distance: u64| Some(Spot { list, distance });
            let new = self.all.len();
            let at = if is_one { new } else { *self.places.entry(key).or_insert(new) };
            if let (Some(all), Some(age)) = (&mut self.ages, ages.and_then(|ages| ages.get(number))) {
                match all.get_mut(at) {
                    Some(before) => *before = before.with_later_list(*age),
                    None => all.push(*age),
                }
            }
            if let Some(before) = self.all.get_mut(at) {
                before.count += count;
                before.bytes += bytes;
                before.last = spot(*last);
                continue;
            }
            self.bytes += key.len();
            if new >= groups_max || self.bytes > bytes_max {
                return None;
            }
            let group = u32::try_from(at).ok()? + UNKEPT + 1;
            self.keys.push(key);
            self.all.push(Group {
                group,
                count: *count,
                bytes: *bytes,
                next: spot(*next),
                last: spot(*last),
            });
        }
        Some(())
    }
}

/// Shows the largest groups, as many as were asked for, and the sum of the others. Groups of the same size
/// are in the order of their values. `keys` are their values by number. `ages` are those of the groups that are kept, in the order of their
/// numbers.
pub(super) fn show(
    grouping: &Grouping,
    keys: &[&[u8]],
    all: Vec<Group>,
    ages: Option<&[GroupAge]>,
    consumer_end: End,
    start: &Start,
) -> Groups {
    let top = start.top;
    let matched: u64 = all.iter().map(|group| group.count).sum();
    let (mut kept, mut unkept) = (Vec::new(), None);
    for group in all {
        if group.group == UNKEPT {
            unkept = Some(group);
        } else {
            kept.push(group);
        }
    }
    let key = |group: &Group| keys.get(group.group as usize).copied().unwrap_or_default();
    let larger_first = |a: &Group, b: &Group| {
        b.count.cmp(&a.count).then_with(|| group_values(key(a)).cmp(group_values(key(b))))
    };
    // Only the groups that are shown need to be sorted.
    if top < kept.len() {
        kept.select_nth_unstable_by(top, larger_first);
    }
    let rest = kept.split_off(top.min(kept.len()));
    kept.sort_unstable_by(larger_first);
    let shown = Shown { grouping, consumer_end, matched, ages, start };
    let rows = kept.iter().map(|group| shown.row(key(group), group)).collect();
    let all = rest.iter().chain(&unkept);
    let (count, bytes) = all.fold((0, 0), |(count, bytes), g| (count + g.count, bytes + g.bytes));
    let groups = unkept.is_none().then_some(rest.len() as u64);
    Groups {
        groups: Reply::List(rows),
        other: other(count, bytes, per_mille(count, matched), groups),
        total: groups.map(|rest| kept.len() as u64 + rest).into(),
    }
}

/// The notice for groups that are not kept; `None` if all are.
pub(super) fn notice(groups: &[Group]) -> Option<String> {
    let unkept = groups.iter().find(|group| group.group == UNKEPT)?;
    Some(format!(
        "there are more groups than are kept (at most {GROUPS_MAX}, with {GROUP_BYTES_MAX} bytes of values); {} messages of \
         later groups are counted in `other`: the groups shown are exact, but a group among the others can be larger",
        unkept.count
    ))
}

/// What is the same for all rows.
struct Shown<'a> {
    grouping: &'a Grouping,
    consumer_end: End,
    matched: u64,
    ages: Option<&'a [GroupAge]>,
    start: &'a Start,
}

impl Shown<'_> {
    fn row(&self, key: &[u8], group: &Group) -> Reply {
        let index =
            |spot: Option<Spot>| spot.map(|spot| shown_index(self.consumer_end, spot.distance)).into();
        let step = |spot: Option<Spot>| {
            let list = spot.and_then(|spot| self.start.lists.get(spot.list));
            list.and_then(|(list, _)| list.step).map(u64::from).into()
        };
        let values = self.grouping.names().zip(group_values(key));
        let mut members: Vec<(Box<str>, Reply)> =
            values.map(|(name, value)| (name.into(), value.into())).collect();
        let mut sums = vec![
            ("count", Reply::Int(int(group.count))),
            ("bytes", Reply::Int(int(group.bytes))),
            ("share", Reply::Int(int(per_mille(group.count, self.matched)))),
            ("next_index", index(group.next)),
            ("last_index", index(group.last)),
        ];
        if self.start.priority.is_some() {
            sums.extend([("next_priority", step(group.next)), ("last_priority", step(group.last))]);
        }
        // Numbers begin after that of groups that are not kept.
        let age = |ages: &[GroupAge]| ages.get(group.group.checked_sub(UNKEPT + 1)? as usize).copied();
        if let Some(age) = self.ages.and_then(age) {
            sums.extend([
                ("next_age", Reply::Int(age.next_ms)),
                ("next_at_least", age.next_at_least.into()),
                ("oldest_age", Reply::Int(age.oldest_ms)),
                ("oldest_at_least", age.oldest_at_least.into()),
            ]);
        }
        for (name, value) in sums {
            // The groups can be by `bytes`, and each member appears once.
            if members.iter().all(|(other, _)| &**other != name) {
                members.push((name.into(), value));
            }
        }
        Reply::Map(members)
    }
}

fn other(count: u64, bytes: u64, share: u64, groups: Option<u64>) -> Reply {
    Reply::map().with("count", count).with("bytes", bytes).with("share", share).with("groups", groups).build()
}

fn per_mille(part: u64, whole: u64) -> u64 {
    u64::try_from(u128::from(part) * 1_000 / u128::from(whole.max(1))).unwrap_or(1_000)
}

#[cfg(test)]
mod tests;
