//! Where the message of an element of a list is: it is the element itself, or the element is an id and the message is
//! elsewhere.
//!
//! A list of ids is a walk and a place. The walk is that of any list, by position. The place says where the message of
//! each id is; the message is judged by its bytes, and is removed together with its id. If the message of an id is
//! missing or empty, nothing is known of it, so no filter matches it and no clear removes it.

/// The place of the messages of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessagePlace {
    /// The elements are the messages.
    Element,
    /// The elements are ids, and each message is the field with its id in one hash. The hash has the name of the
    /// list, followed by this text.
    FieldOf(&'static str),
}

impl MessagePlace {
    /// Returns the key of the hash that has the messages of this list; `None` if the list has them itself.
    #[must_use]
    pub fn hash_of(self, list: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Element => None,
            Self::FieldOf(suffix) => Some([list, suffix.as_bytes()].concat()),
        }
    }

    /// Returns whether the elements of the list are ids.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        self != Self::Element
    }
}

/// Returns the notice about ids whose message is missing.
#[must_use]
pub fn missing_notice(missing: u64) -> Option<String> {
    (missing > 0).then(|| {
        format!("ids whose message is missing: {missing}; no filter matches them and no clear removes them")
    })
}

#[cfg(test)]
mod tests {
    use crate::kind::MessageKind;

    #[test]
    fn messages_are_in_the_hash_of_the_library() {
        let place = MessageKind::Dramatiq.spec().place;
        assert_eq!(place.hash_of(b"dramatiq:uploads").as_deref(), Some(&b"dramatiq:uploads.msgs"[..]));
        assert_eq!(place.hash_of(b"dramatiq:uploads.DQ").as_deref(), Some(&b"dramatiq:uploads.DQ.msgs"[..]));
        assert!(place.is_elsewhere());
        assert_eq!(MessageKind::Celery.spec().place.hash_of(b"celery"), None);
        assert!(!MessageKind::Ids.spec().place.is_elsewhere());
    }
}
