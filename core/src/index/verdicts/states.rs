//! What conditions say about one message, in a byte that is combined by AND.
//!
//! A condition is evaluated twice where a body cannot be read: without the texts of the sender and with them (see
//! [`crate::filter::Matcher::examine`]). A clause is the OR of its conditions, in their order and only until one is true; a filter is the AND of
//! its clauses. The state of a clause says what the clause came to both times. The bits are chosen so that the AND of the
//! bytes of all clauses is the state of the filter.

/// Without the texts: not false.
pub(super) const MAYBE: u8 = 1;
/// Without the texts: true.
pub(super) const TRUE: u8 = 1 << 1;
/// With the texts: not false.
pub(super) const TEXT_MAYBE: u8 = 1 << 2;
/// With the texts: true.
pub(super) const TEXT_TRUE: u8 = 1 << 3;
/// No value was met that could not be compared.
pub(super) const COMPARED: u8 = 1 << 4;
/// All values are known to the index.
pub(super) const KNOWN: u8 = 1 << 5;
/// The message is a JSON object.
pub(super) const DECODABLE: u8 = 1 << 6;

/// Every clause of none.
pub(super) const ALL: u8 = MAYBE | TRUE | TEXT_MAYBE | TEXT_TRUE | COMPARED | KNOWN | DECODABLE;
/// A clause before its first condition: false.
pub(super) const NO: u8 = COMPARED | KNOWN | DECODABLE;

/// What one condition says of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Answer {
    False,
    True,
    /// There is no value to compare.
    Unknown,
    /// The value cannot be compared.
    Uncompared,
    /// Unknown without the texts; false by them.
    TextFalse,
    /// Unknown without the texts; true by them.
    TextTrue,
    /// Unknown without the texts; the value that they show cannot be compared.
    TextUncompared,
    /// The message has to be read.
    Unread,
}

const ANSWERS: [Answer; 8] = [
    Answer::False,
    Answer::True,
    Answer::Unknown,
    Answer::Uncompared,
    Answer::TextFalse,
    Answer::TextTrue,
    Answer::TextUncompared,
    Answer::Unread,
];

/// The state of a clause after its next condition.
pub(super) const fn then(state: u8, answer: Answer) -> u8 {
    let mut next = state;
    if state & TRUE == 0 {
        next |= match answer {
            Answer::False => 0,
            Answer::True => MAYBE | TRUE,
            _ => MAYBE,
        };
        if matches!(answer, Answer::Unread) {
            next &= !KNOWN;
        }
    }
    if state & TEXT_TRUE == 0 {
        next |= match answer {
            Answer::False | Answer::TextFalse => 0,
            Answer::True | Answer::TextTrue => TEXT_MAYBE | TEXT_TRUE,
            _ => TEXT_MAYBE,
        };
        if matches!(answer, Answer::Uncompared | Answer::TextUncompared) {
            next &= !COMPARED;
        }
    }
    next
}

/// [`then`] as a table: by the number of the answer, then by the state.
pub(super) const THEN: [[u8; 128]; 8] = {
    let mut table = [[0; 128]; 8];
    let mut answer = 0;
    while answer < 8 {
        let mut state = 0;
        while state < 128 {
            table[answer][state as usize] = then(state, ANSWERS[answer]);
            state += 1;
        }
        answer += 1;
    }
    table
};

/// What a filter says of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    False,
    Matched,
    /// Matched by the sender's texts alone.
    Inexact,
    Unreadable {
        uncompared: bool,
    },
    /// The message has to be read.
    Unread,
}

/// The verdict, and whether the message is undecodable, of a state of the filter.
pub(super) fn verdict(state: u8) -> (Verdict, bool) {
    let has = |bit| state & bit != 0;
    let is_undecodable = !has(DECODABLE);
    let verdict = if !has(MAYBE) {
        Verdict::False
    } else if !has(KNOWN) {
        Verdict::Unread
    } else if has(TRUE) {
        Verdict::Matched
    } else if is_undecodable || !has(TEXT_MAYBE) {
        Verdict::False
    } else if has(TEXT_TRUE) {
        Verdict::Inexact
    } else {
        Verdict::Unreadable { uncompared: !has(COMPARED) }
    };
    (verdict, is_undecodable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_have_the_numbers_of_the_table() {
        for (number, answer) in ANSWERS.into_iter().enumerate() {
            assert_eq!(answer as usize, number);
            assert_eq!(THEN[number][usize::from(NO)], then(NO, answer));
        }
    }

    #[test]
    fn a_condition_after_a_true_one_is_not_asked() {
        let state = then(then(NO, Answer::True), Answer::Uncompared);
        assert_eq!(state, then(NO, Answer::True));
        let other = then(then(NO, Answer::Uncompared), Answer::True);
        assert_eq!(verdict(other & ALL), (Verdict::Matched, false));
        let unknown = then(NO, Answer::Unknown);
        assert_eq!(verdict(other & unknown), (Verdict::Unreadable { uncompared: true }, false));
        assert_eq!(verdict(state & unknown), (Verdict::Unreadable { uncompared: false }, false));
    }

    #[test]
    fn texts_decide_only_what_is_unknown_without_them() {
        assert_eq!(verdict(then(NO, Answer::TextTrue)), (Verdict::Inexact, false));
        assert_eq!(verdict(then(NO, Answer::TextFalse)), (Verdict::False, false));
        assert_eq!(verdict(then(NO, Answer::TextTrue) & NO), (Verdict::False, false));
        assert_eq!(verdict(then(then(NO, Answer::TextFalse), Answer::True)), (Verdict::Matched, false));
        assert_eq!(verdict(then(NO, Answer::Unread) & then(NO, Answer::True)), (Verdict::Unread, false));
        assert_eq!(verdict(then(NO, Answer::Unread) & NO), (Verdict::False, false));
    }
}
