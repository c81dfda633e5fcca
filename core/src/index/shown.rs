//! The members of replies that show an index.

use super::{Arrivals, FieldIndex, IndexState, ListClock, ListFields, RATE_SECONDS};
use crate::reply::{MapBuilder, Reply};

/// The ages of the messages in a list and the rates of the list, which replies show beside its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ages {
    /// How long the message that runs next has waited, or the least that it can be, milliseconds; `None` if
    /// the list is empty.
    pub next_ms: Option<i64>,
    /// Whether the message that runs next may have waited longer than that.
    pub next_at_least: bool,
    /// How long the message that has waited longest has waited, or the least that it can be, milliseconds;
    /// `None` if the list is empty.
    pub oldest_ms: Option<i64>,
    /// Whether this message or another one may have waited longer than that.
    pub oldest_at_least: bool,
    /// The number of messages that were pushed in the last [`RATE_SECONDS`] whole seconds.
    pub pushed: u64,
    /// The number of messages that were popped in these seconds.
    pub popped: u64,
    /// Messages that workers popped since the index follows the list and whose arrival was known.
    pub waits: u64,
    /// How long these had waited, together, milliseconds.
    pub wait_sum_ms: u64,
}

impl Ages {
    /// Appends the members that rows of QUEUES show. They are null if the list has no index.
    #[must_use]
    pub fn append(ages: Option<Self>, map: MapBuilder) -> MapBuilder {
        map.with("next_age", ages.and_then(|ages| ages.next_ms))
            .with("next_at_least", ages.map(|ages| ages.next_at_least))
            .with("oldest_age", ages.and_then(|ages| ages.oldest_ms))
            .with("oldest_at_least", ages.map(|ages| ages.oldest_at_least))
            .with("pushed_per_minute", ages.map(|ages| ages.pushed))
            .with("popped_per_minute", ages.map(|ages| ages.popped))
    }

    /// Appends how long messages had waited that workers popped, null where there is no index.
    #[must_use]
    pub fn append_waits(ages: Option<Self>, map: MapBuilder) -> MapBuilder {
        map.with("waits", ages.map(|ages| ages.waits))
            .with("wait_mean_ms", ages.and_then(|ages| ages.wait_sum_ms.checked_div(ages.waits)))
    }

    /// The member `ages` of replies about a queue; null where there is no index.
    #[must_use]
    pub fn shown(ages: Option<Self>) -> Reply {
        let map = |_| Self::append_waits(ages, Self::append(ages, Reply::map())).build();
        ages.map_or(Reply::Null, map)
    }

    /// Of the lists of one queue, in the order in which workers look into them: the messages of each, and
    /// what its index tells. `None` where a list with messages has no index that can answer, because then
    /// it is not known what is oldest. Of a queue without messages it is what the index of the first list tells.
    #[must_use]
    pub fn of_lists(lists: &[(u64, Option<Self>)]) -> Option<Self> {
        let filled = || lists.iter().filter(|(depth, _)| *depth > 0);
        match filled().next() {
            None => lists.first()?.1,
            Some(_) => Self::together(filled().map(|(_, ages)| *ages).collect::<Option<Vec<_>>>()?),
        }
    }

    fn together(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| {
            let next = if one.next_ms.is_some() { one } else { other };
            Self {
                next_ms: next.next_ms,
                next_at_least: next.next_at_least,
                oldest_ms: one.oldest_ms.max(other.oldest_ms),
                oldest_at_least: one.oldest_at_least || other.oldest_at_least,
                pushed: one.pushed + other.pushed,
                popped: one.popped + other.popped,
                waits: one.waits + other.waits,
                wait_sum_ms: one.wait_sum_ms.saturating_add(other.wait_sum_ms),
            }
        })
    }
}

const _: () = assert!(RATE_SECONDS == 60, "the members are called per_minute");

impl ListClock {
    /// Returns the ages at this time; `None` while the index cannot answer.
    pub fn ages(&mut self, now_ms: i64) -> Option<Ages> {
        let (pushed, popped) = self.rates.over_seconds(now_ms);
        let next = self.next();
        let oldest = self.arrivals_mut()?.oldest();
        Some(Ages {
            next_ms: next.map(|next| next.least_age_ms(now_ms)),
            next_at_least: next.is_some_and(|next| next.is_bound),
            oldest_ms: oldest.map(|oldest| oldest.least_age_ms(now_ms)),
            oldest_at_least: oldest.is_some_and(|oldest| oldest.is_bound),
            pushed,
            popped,
            waits: self.waits.count,
            wait_sum_ms: self.waits.sum_ms,
        })
    }

    /// Appends the members that INDEX INFO shows after `queue`, `db` and `message_kind`. `depth` is the
    /// present length of the list, and `ahead_ms` says how much the wall clock is ahead of the clock of the
    /// index at present. `fields` keeps the values of the same list.
    pub fn append_to(
        &mut self,
        map: MapBuilder,
        fields: Option<&ListFields>,
        depth: u64,
        now_ms: i64,
        ahead_ms: i64,
    ) -> MapBuilder {
        let ages = self.ages(now_ms);
        let arrivals = self.arrivals();
        let bounds = arrivals.map(Arrivals::bounds);
        let memory = self.memory() + fields.map_or(0, ListFields::memory);
        let exact = arrivals.map(|arrivals| arrivals.len() - arrivals.bounds());
        let reason = self.reason.filter(|_| self.state != IndexState::Ready || bounds.unwrap_or(0) > 0);
        let waits = &self.waits;
        let histogram = waits
            .buckets()
            .map(|(below, messages)| Reply::map().with("below_ms", below).with("messages", messages).build());
        // The index is ready only if both of its parts are.
        let unready =
            fields.filter(|fields| self.state == IndexState::Ready && fields.state() != IndexState::Ready);
        let state = unready.map_or(self.state, ListFields::state);
        let reason = unready.and_then(ListFields::reason).or(reason);
        let map = map.with("state", state.word()).with("reason", reason).with("depth", depth);
        let map = Ages::append(ages, map)
            .with("exact", exact)
            .with("at_least", bounds)
            .with("since", self.since_ms.saturating_add(ahead_ms))
            .with("pushed", self.pushed)
            .with("popped", self.popped)
            .with("removed", self.removed)
            .with("waits", waits.count)
            .with("waits_unknown", waits.unknown)
            .with("wait_sum_ms", waits.sum_ms)
            .with("wait_mean_ms", waits.mean_ms())
            .with("wait_max_ms", (waits.count > 0).then_some(waits.max_ms))
            .with("wait_histogram", histogram.collect::<Vec<_>>())
            .with("memory", memory as u64);
        append_fields(fields, map, ahead_ms)
    }
}

/// Appends the members about the values of fields. They are null if the index follows only arrivals.
fn append_fields(fields: Option<&ListFields>, map: MapBuilder, ahead_ms: i64) -> MapBuilder {
    let names = fields.map(|fields| Reply::List(fields.names().map(Reply::text).collect()));
    let index = fields.and_then(ListFields::index);
    let value = |distinct: Option<usize>| Reply::from(distinct.map(|distinct| distinct as u64));
    let distinct = index.map(|index| Reply::List(index.distinct().map(value).collect()));
    let audits = fields.map(ListFields::audits);
    map.with("fields", names)
        .with("read", index.map(FieldIndex::rows))
        .with("unread", fields.and_then(ListFields::unread))
        .with("distinct", distinct)
        .with("repaired", fields.map(|fields| fields.repairs().0))
        .with("rebuilt", fields.map(|fields| fields.repairs().1))
        .with("audits", audits.map(|audits| audits.completed))
        .with("audit_faults", audits.map(|audits| audits.faults))
        .with("audited", audits.and_then(|audits| audits.ended_ms).map(|at| at.saturating_add(ahead_ms)))
}
