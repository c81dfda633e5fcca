//! When a message arrived in its list, as far as an index knows.
//!
//! Times are kept in steps of [`STEP_MS`], so an arrival is not a single moment but a span: one step or, if
//! the message was in the list before the index followed it, all time up to the end of a step. A condition is
//! unknown if it is true for a part of the span and false for another part.

/// The length of one step, milliseconds.
pub const STEP_MS: i64 = 10;

/// When a message arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The first millisecond of the step, Unix time.
    pub step_ms: i64,
    /// Whether only a bound is known: the message arrived in this step or at any time before it.
    pub is_bound: bool,
}

/// The fields of a filter whose values depend on the arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArrivalField {
    /// Milliseconds since the arrival.
    Age,
    /// The time of the arrival.
    Arrived,
}

impl ArrivalField {
    /// Returns the name of the field.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Arrived => "arrived",
        }
    }
}

/// A value that is known to lie between two others, both included; `None` where a side is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least that the value can be.
    pub least: Option<i64>,
    /// The most that the value can be.
    pub most: Option<i64>,
}

/// What an index knows of one message, for a job that measures ages at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// When the message arrived.
    pub arrival: Arrival,
    /// The moment at which ages are measured, Unix milliseconds.
    pub now_ms: i64,
}

impl Arrival {
    /// Returns the last millisecond in which the message can have arrived.
    #[must_use]
    pub fn latest_ms(self) -> i64 {
        self.step_ms + STEP_MS - 1
    }

    /// Returns the shortest time that the message can have waited, milliseconds.
    #[must_use]
    pub fn least_age_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.latest_ms()).max(0)
    }

    /// Returns the arrival by a clock that is `by_ms` milliseconds ahead.
    #[must_use]
    pub fn shifted(self, by_ms: i64) -> Self {
        Self { step_ms: self.step_ms.saturating_add(by_ms), ..self }
    }

    /// Returns what is known about the arrival of a message that is one of two, if it is not known which one.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        if self == other {
            return self;
        }
        Self { step_ms: self.step_ms.max(other.step_ms), is_bound: true }
    }
}

impl Placed {
    /// Returns the value of a field in the unit of its operands: milliseconds for an age, microseconds since
    /// 1970 for a time.
    #[must_use]
    pub fn span(self, field: ArrivalField) -> Span {
        let Self { arrival, now_ms } = self;
        let oldest = (!arrival.is_bound).then_some(arrival.step_ms);
        match field {
            ArrivalField::Age => Span {
                least: Some(arrival.least_age_ms(now_ms)),
                most: oldest.map(|oldest| now_ms.saturating_sub(oldest).max(0)),
            },
            ArrivalField::Arrived => Span {
                least: oldest.map(|oldest| oldest.saturating_mul(1_000)),
                most: Some(arrival.latest_ms().saturating_mul(1_000).saturating_add(999)),
            },
        }
    }
}

/// Parses a duration: milliseconds, or a number with `ms`, `s`, `m`, `h` or `d`. Returns `None` for anything
/// else, and if the result does not fit into an `i64`.
#[must_use]
pub fn duration_ms(text: &[u8]) -> Option<i64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let unit = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => 86_400_000,
        _ => return None,
    };
    i64::try_from(crate::args::parse_u64(digits)?).ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_are_milliseconds_without_one() {
        for (text, ms) in [
            ("0", Some(0)),
            ("1500", Some(1_500)),
            ("1500ms", Some(1_500)),
            ("30s", Some(30_000)),
            ("10M", Some(600_000)),
            ("2h", Some(7_200_000)),
            ("3d", Some(259_200_000)),
            ("", None),
            ("h", None),
            ("-1", None),
            ("1.5h", None),
            ("1w", None),
            ("1 h", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775807s", None),
        ] {
            assert_eq!(duration_ms(text.as_bytes()), ms, "{text}");
        }
    }

    #[test]
    fn a_known_arrival_is_a_step_and_a_bound_is_open_to_the_past() {
        let known = Placed { arrival: Arrival { step_ms: 1_000, is_bound: false }, now_ms: 1_105 };
        assert_eq!(known.span(ArrivalField::Age), Span { least: Some(96), most: Some(105) });
        let arrived = Span { least: Some(1_000_000), most: Some(1_009_999) };
        assert_eq!(known.span(ArrivalField::Arrived), arrived);
        let bound = Placed { arrival: Arrival { step_ms: 1_000, is_bound: true }, ..known };
        assert_eq!(bound.span(ArrivalField::Age), Span { least: Some(96), most: None });
        assert_eq!(bound.span(ArrivalField::Arrived), Span { least: None, ..arrived });
        let just_now = Placed { now_ms: 1_003, ..known };
        assert_eq!(just_now.span(ArrivalField::Age), Span { least: Some(0), most: Some(3) });
    }

    #[test]
    fn the_arrival_of_one_of_two_messages_is_bounded_by_the_later_one() {
        let at = |step_ms, is_bound| Arrival { step_ms, is_bound };
        assert_eq!(at(10, false).either(at(10, false)), at(10, false));
        assert_eq!(at(10, false).either(at(20, false)), at(20, true));
        assert_eq!(at(30, true).either(at(20, false)), at(30, true));
        assert_eq!(at(30, true).either(at(30, false)), at(30, true));
    }
}
