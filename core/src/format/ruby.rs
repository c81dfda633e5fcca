//! Messages of Sidekiq and Resque: one JSON object with a class and its arguments, with nothing encoded
//! inside it.
//!
//! A job of ActiveJob is inside a job of the adapter's wrapper class, whose only argument is an object with
//! the actual arguments; the wrapper class distinguishes it from other jobs. Neither library has a separate
//! place for keyword arguments: ActiveJob appends them as an object (`args.1.amount`).
//!
//! # Names
//! The task of a job is the name that Sidekiq's own pages show, if that name is a value of the message or
//! made of some values (`JobRecord#display_class` in lib/sidekiq/api.rb, 6.4.1 and 8.1): a mail is
//! `UserMailer#welcome`, and a call that was delayed by the extensions of Sidekiq before 7 is
//! `UserMailer.welcome`; see `docs/decisions/0020`. The class is still available as `headers.wrapped` or
//! `headers.class`.
//!
//! # What is withheld
//! If one of Celery's envelopes were read as one of these messages, its body would be shown as a "header". It
//! is not one of these messages, so all its fields are unknown; see `docs/decisions/0021`.
//!
//! Sources: recorded messages of Sidekiq 6.4.1, 7.3.9 and 8.0.10 with ActiveJob 6.1.7 and 7.1.5
//! (core/src/filter/tests/sidekiq.jsonl, core/src/format/ruby/recorded.jsonl and recorded78.jsonl), and of
//! Resque 3.0; for the jobs that ActiveJob passes to Resque, its `ResqueAdapter`.

mod names;

use super::{
    CELERY, Derived, FieldPlace, FieldPlaces, Format, Opened, Own, Part, VARIANTS, inside_either, keys, same,
};
use crate::field::{Field, Source};
use crate::json::{Path, Segment, Shape, array_index};
pub(super) use names::says;
use names::{DELAYED_CLASS, is_mailer, is_wrapper, items, name_of_call, name_of_mail};

/// The format of Sidekiq's messages; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sidekiq;

/// The format of Resque's messages; see the module's documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resque;

/// A variant of both formats: a job with its own class and arguments.
const PLAIN: usize = 0;
/// A variant of both formats: a job of ActiveJob.
const ACTIVE_JOB: usize = 1;
/// A variant of both formats: one of Celery's envelopes.
const FOREIGN: usize = 2;
/// A variant of Sidekiq: a job of ActiveJob that sends a mail.
const MAIL: usize = 3;
/// A variant of Sidekiq: a call that the extensions delayed.
const CALL: usize = 4;
/// A variant of Resque: a job that failed, with its failure.
const FAILED: usize = 3;
/// A variant of Resque: a job of ActiveJob that failed.
const FAILED_ACTIVE_JOB: usize = 4;

/// The class in which ActiveJob's Resque adapter wraps jobs.
const RESQUE_WRAPPER: &[u8] = b"ActiveJob::QueueAdapters::ResqueAdapter::JobWrapper";

/// Positions in [`Format::own_paths`] after those of [`CELERY`], for Sidekiq.
const CLASS: usize = 4;
const WRAPPED: usize = 5;
const JOB_CLASS: usize = 6;
const MAILER: usize = 7;
const ACTION: usize = 8;
const FIRST: usize = 9;
const ARGS: usize = 10;
const ENCRYPT: usize = 11;
const DISPLAY_CLASS: usize = 12;
/// A position for Resque, after the class.
const PAYLOAD_CLASS: usize = 5;

impl Format for Sidekiq {
    fn own_paths(&self) -> Vec<Path> {
        let argument = |at: &str| below(&in_wrapper(&[], "arguments"), &[at.into()]);
        let own = [
            keys(&["class"]),
            keys(&["wrapped"]),
            in_wrapper(&[], "job_class"),
            argument("0"),
            argument("1"),
            below(&keys(&["args"]), &["0".into()]),
            keys(&["args"]),
            keys(&["encrypt"]),
            keys(&["display_class"]),
        ];
        CELERY.iter().map(|name| keys(&[name])).chain(own).collect()
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let everywhere = |path| same(Part::Envelope, vec![path]);
        let mut places = match field.source {
            Source::Task("task") => {
                let plain = FieldPlace::outside(Part::Envelope, vec![keys(&["class"])]);
                // Rails 4.2 did not write the name of the wrapped class beside the wrapper.
                let names = vec![keys(&["wrapped"]), in_wrapper(&[], "job_class"), keys(&["class"])];
                let name = FieldPlace::outside(Part::Name, Vec::new());
                by_variant([plain, FieldPlace::outside(Part::Envelope, names), name.clone(), name])
            }
            Source::Task("id") => everywhere(keys(&["jid"])),
            Source::Task("retries") => everywhere(keys(&["retry_count"])),
            Source::Task("enqueued") => everywhere(keys(&["enqueued_at"])),
            // Batches of Sidekiq Pro have callbacks that wait for their jobs, as those of groups do.
            Source::Task("group") => everywhere(keys(&["bid"])),
            Source::Delivery("routing_key") => everywhere(keys(&["queue"])),
            Source::Args => {
                let plain =
                    FieldPlace::outside(argument(&field.path), inside_either(&keys(&["args"]), field));
                let wrapped = FieldPlace::outside(
                    Part::Argument(None),
                    inside_either(&in_wrapper(&[], "arguments"), field),
                );
                by_variant([plain.clone(), wrapped.clone(), wrapped, plain])
            }
            Source::Headers => {
                let part = match field.path.split_first() {
                    Some((first, rest)) if &**first == "args" => argument(rest),
                    _ => Part::Envelope,
                };
                same(part, inside_either(&[], field))
            }
            Source::Delivery("priority") => {
                let wrapped = FieldPlace::outside(Part::Argument(None), vec![in_wrapper(&[], "priority")]);
                let none = FieldPlace::outside(Part::Envelope, Vec::new());
                by_variant([none.clone(), wrapped.clone(), wrapped, none])
            }
            _ => return shared(field),
        };
        places[FOREIGN] = FieldPlace::withheld();
        places
    }

    fn variant(&self, own: Own<'_>) -> usize {
        if is_foreign(own) {
            return FOREIGN;
        }
        let class = own.get(CLASS);
        let wrapped = own.get(WRAPPED).filter(|raw| *raw != b"null");
        if wrapped.is_none() && !class.is_some_and(is_wrapper) {
            let is_call = class.is_some_and(|raw| raw[1..].starts_with(DELAYED_CLASS));
            return if is_call { CALL } else { PLAIN };
        }
        let is_text = |at: usize| own.get(at).is_some_and(|raw| Shape::of(raw) == Shape::Text);
        let is_mail = wrapped.or(own.get(JOB_CLASS)).is_some_and(is_mailer);
        if is_mail && is_text(MAILER) && is_text(ACTION) { MAIL } else { ACTIVE_JOB }
    }

    fn derives(&self) -> bool {
        true
    }

    fn derive(&self, own: Own<'_>, variant: usize, derived: &mut Derived) {
        derived.name.clear();
        derived.encrypted = None;
        match variant {
            MAIL => name_of_mail(own.get(MAILER), own.get(ACTION), &mut derived.name),
            CALL => name_of_call(own.get(DISPLAY_CLASS), own.get(FIRST), &mut derived.name),
            _ => {}
        }
        // The value is true in Ruby; Sidekiq Enterprise writes `true`.
        if own.get(ENCRYPT).is_some_and(|raw| !matches!(raw, b"null" | b"false")) {
            derived.encrypted = own.get(ARGS).map(items).and_then(|count| count.checked_sub(1));
        }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(WRAPPED).or(own.get(CLASS))
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        // There is no body, and so there are no fields in it.
        false
    }
}

impl Format for Resque {
    fn own_paths(&self) -> Vec<Path> {
        let own = [keys(&["class"]), keys(&["payload", "class"])];
        CELERY.iter().map(|name| keys(&[name])).chain(own).collect()
    }

    fn places(&self, field: &Field) -> FieldPlaces {
        let payload = [Segment::key("payload")];
        let envelope = |paths| FieldPlace::outside(Part::Envelope, paths);
        // A member of the object that ActiveJob passes to the wrapper, which plain jobs do not have.
        let of_active_job = |name: &str| {
            let [own, failed] = [&[][..], &payload].map(|before| envelope(vec![in_wrapper(before, name)]));
            by_variant([envelope(Vec::new()), own, envelope(Vec::new()), failed])
        };
        let mut places = match field.source {
            Source::Task("task") => by_variant([
                envelope(vec![keys(&["class"])]),
                envelope(vec![in_wrapper(&[], "job_class")]),
                envelope(vec![keys(&["payload", "class"])]),
                envelope(vec![in_wrapper(&payload, "job_class")]),
            ]),
            Source::Args => by_variant([
                envelope(inside_either(&keys(&["args"]), field)),
                envelope(inside_either(&in_wrapper(&[], "arguments"), field)),
                envelope(inside_either(&keys(&["payload", "args"]), field)),
                envelope(inside_either(&in_wrapper(&payload, "arguments"), field)),
            ]),
            Source::Task("id") => of_active_job("job_id"),
            Source::Task("retries") => of_active_job("executions"),
            // Resque itself does not record this time; ActiveJob does.
            Source::Task("enqueued") => {
                let mut places = of_active_job("enqueued_at");
                for plain in [PLAIN, FAILED] {
                    places[plain] = FieldPlace::outside(Part::Untold, Vec::new());
                }
                places
            }
            Source::Delivery("priority") => of_active_job("priority"),
            Source::Delivery("routing_key") => {
                let mut places = of_active_job("queue_name");
                // If a job is not in the list of its queue, a member beside it names the queue.
                places.iter_mut().for_each(|place| place.envelope.push(keys(&["queue"])));
                places
            }
            Source::Headers => same(Part::Envelope, inside_either(&[], field)),
            _ => return shared(field),
        };
        places[FOREIGN] = FieldPlace::withheld();
        places
    }

    fn variant(&self, own: Own<'_>) -> usize {
        let is_wrapper = |raw| says(raw, RESQUE_WRAPPER);
        match (own.get(CLASS), own.get(PAYLOAD_CLASS)) {
            _ if is_foreign(own) => FOREIGN,
            (Some(class), _) if is_wrapper(class) => ACTIVE_JOB,
            (None, Some(class)) if is_wrapper(class) => FAILED_ACTIVE_JOB,
            (None, Some(_)) => FAILED,
            _ => PLAIN,
        }
    }

    fn task<'m>(&self, own: Own<'m>) -> Option<&'m [u8]> {
        own.get(CLASS)
    }

    fn open_body(&self, _: Own<'_>, _: &mut Opened) -> bool {
        false
    }
}

/// Returns whether the envelope has a body and, beside it, the members that kombu writes.
pub(super) fn is_foreign(own: Own<'_>) -> bool {
    own.get(0).is_some() && (1..CELERY.len()).any(|at| own.get(at).is_some())
}

/// Returns the places of fields that neither format has and of fields that every message has.
fn shared(field: &Field) -> FieldPlaces {
    match field.source {
        Source::Size => same(Part::Size, Vec::new()),
        Source::Undecodable => same(Part::Undecodable, Vec::new()),
        Source::Arrival(_) => same(Part::Untold, Vec::new()),
        // Each is listed by its name, so that the compiler requires a decision about a new one here.
        Source::Task(_)
        | Source::Delivery(_)
        | Source::Args
        | Source::Kwargs
        | Source::Headers
        | Source::Properties => {
            let mut places = same(Part::Envelope, Vec::new());
            places[FOREIGN] = FieldPlace::withheld();
            places
        }
    }
}

/// Creates the places for [`PLAIN`], [`ACTIVE_JOB`] and the two variants that only one of the formats has.
fn by_variant([plain, active_job, third, fourth]: [FieldPlace; 4]) -> FieldPlaces {
    let mut places: FieldPlaces = std::array::from_fn(|_| FieldPlace::withheld());
    const { assert!(VARIANTS == 5) };
    places[PLAIN] = plain;
    places[ACTIVE_JOB] = active_job;
    places[3] = third;
    places[4] = fourth;
    places
}

/// Returns the part for the value on `path` in `args`.
fn argument(path: &[Box<str>]) -> Part {
    Part::Argument(path.first().and_then(|name| array_index(name)))
}

/// Returns the path of a member of the object that ActiveJob passes to the wrapper, whose message is on the
/// path `before`.
fn in_wrapper(before: &[Segment], name: &str) -> Path {
    below(before, &["args".into(), "0".into(), name.into()])
}

/// Returns `before` followed by these parts. Numbers can be positions or names on every path of these
/// formats: a scan finds each value by one path only, and `headers.args.0` is the same value as `args.0`.
fn below(before: &[Segment], parts: &[Box<str>]) -> Path {
    before.iter().cloned().chain(parts.iter().map(|part| Segment::either(part))).collect()
}

#[cfg(test)]
mod tests;
