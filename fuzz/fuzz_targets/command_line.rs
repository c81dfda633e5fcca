//! Every parser of a command line: no panic; an error is one short line of ASCII; what is accepted keeps to
//! the limits. The first word chooses the command.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qadmin_core::filter::{FIELDS_MAX, GROUP_FIELDS_MAX};
use qadmin_core::job::{JobTarget, Storage};
use qadmin_core::kind::MessageKind;
use qadmin_core::priorities::{List, Priority, STEPS_MAX};
use qadmin_core::request::{
    Cancel, ClearJob, CountRequest, Fields, Format, Help, JobName, Jobs, Preview, Request, Show, Stats, Status,
    TargetOptions, Undo, commands, optional_queue,
};
use qadmin_core::settings::{SETTINGS, Settings, TEXTS, parse_load_args};
use qadmin_fuzz::{NOW_MS, check_error, words};

fn parse<R: Request>(args: &[&[u8]]) -> Option<R> {
    match R::parse(args, NOW_MS) {
        Ok(request) => Some(request),
        Err(error) => {
            check_error(&error);
            None
        }
    }
}

/// The key that the getkeys callback names is the queue that the command goes on to use.
fn same_queue(args: &[&[u8]], at: Option<usize>, queue: Option<&[u8]>) {
    assert_eq!(at.map(|at| args[at - 1]), queue);
}

/// What a command goes over, with lists that are empty.
fn target(options: &TargetOptions) -> JobTarget {
    let TargetOptions { queue, priority, .. } = options;
    let lists = lists(queue, *priority).into_iter().map(|list| (list, 0)).collect();
    let messages = options.kind.unwrap_or(MessageKind::Celery);
    JobTarget {
        db: 0,
        queue: queue.clone(),
        priority: *priority,
        lists,
        messages,
        storage: Storage::Lists,
        reads_pickle: true,
        sample_fields: Vec::new(),
    }
}

/// The options of a command about this queue that has no others.
fn target_of(queue: &[u8]) -> TargetOptions {
    TargetOptions { queue: queue.to_vec(), priority: None, index: None, kind: None, format: Format::default() }
}

/// The lists that a command goes over: each once, and one of them has the queue's own name where all are meant.
fn lists(queue: &[u8], priority: Option<Priority>) -> Vec<List> {
    match Settings::default().priorities().lists(queue, priority) {
        Ok(lists) => {
            assert!((1..=STEPS_MAX).contains(&lists.len()));
            assert!(lists.iter().all(|list| lists.iter().filter(|other| other.key == list.key).count() == 1));
            assert!(priority.is_some_and(|priority| priority != Priority::All) || lists[0].key == queue);
            lists
        }
        Err(error) => {
            check_error(&error);
            Vec::new()
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let words = words(data);
    let Some((name, args)) = words.split_first() else { return };
    match *name {
        b"PREVIEW" => {
            if let Some(preview) = parse::<Preview>(args) {
                assert!(preview.sample <= 100);
                assert!(preview.fields.as_ref().is_none_or(|f| (1..=FIELDS_MAX).contains(&f.len())));
                let target = target(&preview.target);
                let again = parse::<Preview>(args).map(|again| again.key(&target));
                assert_eq!(Some(preview.key(&target)), again);
            }
        }
        b"UNDO" => {
            if let Some(undo) = parse::<Undo>(args) {
                same_queue(args, optional_queue(&commands::UNDO, args), undo.queue.as_deref());
                let id = *undo.job.range().start();
                assert!(undo.job.names(id) && JobName::parse(undo.job.text().as_bytes()) == Some(undo.job));
                assert_eq!(parse::<Undo>(args).map(|again| again.fingerprint(0, id)), Some(undo.fingerprint(0, id)));
            }
        }
        b"STATS" => {
            if let Some(stats) = parse::<Stats>(args) {
                assert!(stats.top <= 1_000);
                assert!((1..=GROUP_FIELDS_MAX).contains(&stats.grouping.names().count()));
                let target = target(&stats.target);
                let again = parse::<Stats>(args).map(|again| again.key(&target));
                assert_eq!(Some(stats.key(&target)), again);
            }
        }
        b"FIELDS" => {
            if let Some(fields) = parse::<Fields>(args) {
                assert_eq!(args.len() == 1, fields.filter.is_all() && fields.target == target_of(args[0]));
            }
        }
        b"SHOW" => {
            if let Some(show) = parse::<Show>(args) {
                // One message is searched, whatever its id is.
                assert_eq!(show.id, args[1]);
                assert!(!show.filter.is_all() && show.filter.text().starts_with(b"WHERE id = "));
            }
        }
        b"CLEARJOB" => {
            if let Some(clear) = parse::<ClearJob>(args) {
                // Nothing is cleared without the queue's own name typed again.
                assert!(clear.dry_run || args[1..].contains(&clear.target.queue.as_slice()));
                assert!(clear.actor.is_none_or(|text| (1..=256).contains(&text.len())));
                assert!(clear.reason.is_none_or(|text| (1..=1024).contains(&text.len())));
            }
        }
        b"STATUS" => {
            let at = optional_queue(&commands::STATUS, args);
            if let Some(status) = parse::<Status>(args) {
                same_queue(args, at, status.queue.as_deref());
            }
        }
        b"CANCEL" => {
            let at = optional_queue(&commands::CANCEL, args);
            if let Some(cancel) = parse::<Cancel>(args) {
                same_queue(args, at, cancel.queue.as_deref());
            }
        }
        b"JOBS" => {
            let at = optional_queue(&commands::JOBS, args);
            if let Some(jobs) = parse::<Jobs>(args) {
                same_queue(args, at, jobs.queue.as_deref());
                assert!((1..=1000).contains(&jobs.count));
            }
        }
        b"LOAD" => load(args),
        _ => drop(parse::<Help>(args)),
    }
});

/// The arguments of loadmodule.
fn load(args: &[&[u8]]) {
    match parse_load_args(args) {
        Ok(given) => {
            let mut settings = Settings::default();
            for (at, value) in given.numbers {
                assert!(at < SETTINGS.len() && settings.set(at, value).is_ok());
            }
            for (at, text) in given.texts {
                assert!(at < TEXTS.len() && settings.set_text(at, &text).is_ok());
            }
        }
        Err(error) => check_error(&error),
    }
}
