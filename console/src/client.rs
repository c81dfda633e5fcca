//! The commands of the module as functions that take requests and return structs.

mod names;

use redis::Cmd;
use serde_json::Value;
use uuid::Uuid;

use crate::connection::Server;
use crate::failure::{Exit, Failure};
use crate::index::ListIndex;
pub(crate) use crate::job_id::JobRef;
use crate::job_id::{is_short, needs_queue};
use crate::kind::MessageKind;
use crate::reply::{Accepted, Map, Preview, Queues, Stats, Status};

/// The arguments of JOBS.
#[derive(Debug, Default)]
pub(crate) struct JobsRequest {
    pub(crate) queue: Option<Vec<u8>>,
    pub(crate) count: u32,
    /// The command that started the jobs, such as `clear`.
    pub(crate) kind: Option<String>,
    pub(crate) status: Option<String>,
    /// The Redis user who started the jobs.
    pub(crate) user: Option<Vec<u8>>,
}

/// The arguments of PREVIEW.
#[derive(Debug, Default)]
pub(crate) struct PreviewRequest {
    pub(crate) queue: Vec<u8>,
    /// The words of the filter.
    pub(crate) filter: Vec<Vec<u8>>,
    pub(crate) sample: Option<u32>,
    pub(crate) fields: Vec<String>,
    /// The key of the index, if the queue is the hash of unacknowledged messages.
    pub(crate) index: Option<Vec<u8>>,
    pub(crate) bust: bool,
    pub(crate) no_count: bool,
    /// Whether messages match that are known by the sender's texts only.
    pub(crate) inexact: bool,
    pub(crate) kind: Option<MessageKind>,
    pub(crate) priority: Option<String>,
}

/// The arguments of STATS.
#[derive(Debug, Default)]
pub(crate) struct StatsRequest {
    pub(crate) queue: Vec<u8>,
    /// The words of the filter; empty for all messages.
    pub(crate) filter: Vec<Vec<u8>>,
    pub(crate) by: Vec<String>,
    pub(crate) top: u32,
    /// The key of the index, if the queue is the hash of unacknowledged messages.
    pub(crate) index: Option<Vec<u8>>,
    pub(crate) bust: bool,
    /// Whether messages count that are known by the sender's texts only.
    pub(crate) inexact: bool,
    pub(crate) kind: Option<MessageKind>,
    pub(crate) priority: Option<String>,
}

/// The arguments of CLEARJOB.
#[derive(Debug, Default)]
pub(crate) struct ClearRequest {
    pub(crate) queue: Vec<u8>,
    /// The words of the filter.
    pub(crate) filter: Vec<Vec<u8>>,
    pub(crate) keep_one: bool,
    /// Whether the match that runs last is kept and not the match that runs next.
    pub(crate) keep_newest: bool,
    /// Fields; one match of each of their values is kept.
    pub(crate) by: Vec<String>,
    pub(crate) limit: Option<u64>,
    pub(crate) rate: Option<u64>,
    pub(crate) expect: Option<u64>,
    pub(crate) tolerance: Option<u64>,
    /// The key of the index, if the queue is the hash of unacknowledged messages.
    pub(crate) index: Option<Vec<u8>>,
    /// The list to which matches are moved.
    pub(crate) to: Option<Vec<u8>>,
    /// Whether matches are moved to a list of the job's own instead.
    pub(crate) park: bool,
    /// Whether they are added at the consumer end of that list.
    pub(crate) front: bool,
    pub(crate) kind: Option<MessageKind>,
    pub(crate) priority: Option<String>,
    /// Whether messages are cleared that match by the sender's texts only.
    pub(crate) inexact: bool,
    pub(crate) dry_run: bool,
    /// The queue's name as the user typed it; the program never fills it in.
    pub(crate) confirm: Option<Vec<u8>>,
    pub(crate) id: String,
    pub(crate) actor: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The arguments of UNDO.
#[derive(Debug, Clone)]
pub(crate) struct UndoRequest {
    /// The job to undo.
    pub(crate) job: JobRef,
    /// The list's name as the user typed it; the program never fills it in.
    pub(crate) confirm: Option<Vec<u8>>,
    /// Whether messages are added at the consumer end of the queue.
    pub(crate) front: bool,
    pub(crate) dry_run: bool,
    pub(crate) id: String,
    pub(crate) actor: Option<String>,
    pub(crate) reason: Option<String>,
}

/// The ways to control a live job.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Control {
    Cancel,
    Pause,
    Resume,
    Throttle { rate: Option<u64>, duty: Option<u8> },
}

/// How a Redis user may control a job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rights {
    pub(crate) cancel: bool,
    pub(crate) pause: bool,
    pub(crate) resume: bool,
    pub(crate) throttle: bool,
}

/// Which changes of the index of a list a Redis user may make.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct IndexRights {
    pub(crate) create: bool,
    pub(crate) drop: bool,
}

/// A client of the module's commands.
pub(crate) struct Client {
    pub(crate) server: Server,
}

impl Client {
    pub(crate) fn new(server: Server) -> Self {
        Self { server }
    }

    /// QADMIN.PREVIEW
    pub(crate) fn preview(&mut self, request: &PreviewRequest) -> Result<Preview, Failure> {
        let mut command = redis::cmd("QADMIN.PREVIEW");
        command.arg(&request.queue).arg(&request.filter);
        if let Some(n) = request.sample {
            command.arg("SAMPLE").arg(n);
        }
        if !request.fields.is_empty() {
            command.arg("FIELDS").arg(request.fields.len()).arg(&request.fields);
        }
        say_index(&mut command, request.index.as_ref());
        if request.bust {
            command.arg("BUST");
        }
        if request.no_count {
            command.arg("NOCOUNT");
        }
        if request.inexact {
            command.arg("INEXACT");
        }
        say_kind(&mut command, request.kind, request.priority.as_deref());
        Ok(Preview::new(self.map(command, "QADMIN.PREVIEW")?, request.sample))
    }

    /// QADMIN.STATS
    pub(crate) fn stats(&mut self, request: &StatsRequest) -> Result<Stats, Failure> {
        let mut command = redis::cmd("QADMIN.STATS");
        command.arg(&request.queue).arg(&request.filter);
        command.arg("GROUPBY").arg(request.by.len()).arg(&request.by).arg("TOP").arg(request.top);
        say_index(&mut command, request.index.as_ref());
        if request.bust {
            command.arg("BUST");
        }
        if request.inexact {
            command.arg("INEXACT");
        }
        say_kind(&mut command, request.kind, request.priority.as_deref());
        Ok(Stats::new(self.map(command, "QADMIN.STATS")?))
    }

    /// QADMIN.CLEARJOB
    pub(crate) fn clear(&mut self, request: &ClearRequest) -> Result<Accepted, Failure> {
        let mut command = redis::cmd("QADMIN.CLEARJOB");
        command.arg(&request.queue).arg(&request.filter);
        command.arg(if request.keep_one { "KEEPONE" } else { "ALL" });
        if request.keep_newest {
            command.arg("KEEP").arg("NEWEST");
        }
        if !request.by.is_empty() {
            command.arg("BY").arg(request.by.len()).arg(&request.by);
        }
        for (keyword, value) in [
            ("LIMIT", request.limit),
            ("RATE", request.rate),
            ("EXPECT", request.expect),
            ("TOLERANCE", request.tolerance),
        ] {
            if let Some(value) = value {
                command.arg(keyword).arg(value);
            }
        }
        say_index(&mut command, request.index.as_ref());
        if let Some(key) = &request.to {
            command.arg("TO").arg(key);
        }
        if request.park {
            command.arg("PARK");
        }
        if request.front {
            command.arg("FRONT");
        }
        say_kind(&mut command, request.kind, request.priority.as_deref());
        if request.inexact {
            command.arg("INEXACT");
        }
        if request.dry_run {
            command.arg("DRYRUN");
        }
        if let Some(name) = &request.confirm {
            command.arg("CONFIRM").arg(name);
        }
        command.arg("ID").arg(&request.id);
        if let Some(actor) = &request.actor {
            command.arg("ACTOR").arg(actor);
        }
        if let Some(reason) = &request.reason {
            command.arg("REASON").arg(reason);
        }
        Ok(Accepted::new(self.map(command, "QADMIN.CLEARJOB")?))
    }

    /// QADMIN.UNDO
    pub(crate) fn undo(&mut self, request: &UndoRequest) -> Result<Accepted, Failure> {
        let mut command = about(&request.job, "QADMIN.UNDO");
        if request.front {
            command.arg("FRONT");
        }
        if request.dry_run {
            command.arg("DRYRUN");
        }
        if let Some(name) = &request.confirm {
            command.arg("CONFIRM").arg(name);
        }
        command.arg("ID").arg(&request.id);
        if let Some(actor) = &request.actor {
            command.arg("ACTOR").arg(actor);
        }
        if let Some(reason) = &request.reason {
            command.arg("REASON").arg(reason);
        }
        Ok(Accepted::new(self.map(command, "QADMIN.UNDO")?))
    }

    /// Why the server would refuse to undo that job now; `None` if it would accept. An undo without confirmation changes
    /// nothing and shows whether it would be accepted.
    pub(crate) fn undo_refusal(&mut self, job: &JobRef) -> Option<String> {
        match self.server.call(&about(job, "QADMIN.UNDO"), "QADMIN.UNDO") {
            Err(failure) if failure.exit == Exit::Unconfirmed => None,
            Err(failure) => Some(failure.words),
            Ok(_) => Some("the server accepted an undo without confirmation".to_owned()),
        }
    }

    /// Why this Redis user may not clear that queue here; `None` if they may. The server decides this before the module
    /// sees a command, so a clear without confirmation changes nothing and shows it.
    pub(crate) fn clear_refusal(&mut self, queue: &[u8]) -> Option<String> {
        let mut command = redis::cmd("QADMIN.CLEARJOB");
        command.arg(queue).arg(&["REPOID", "0", "ALL"]);
        match self.server.call(&command, "QADMIN.CLEARJOB") {
            Err(failure) if failure.exit == Exit::Unconfirmed => None,
            Err(failure) => Some(failure.words),
            Ok(_) => Some("the server accepted a clear without confirmation".to_owned()),
        }
    }

    /// Which of CANCEL, PAUSE, RESUME and THROTTLE this Redis user may use on a job. The commands are tried with an unknown
    /// id: `NOJOB` shows that the user has the permission.
    pub(crate) fn may_control(&mut self, job: &Status) -> Rights {
        let clears = job.kind != "clear" || self.clear_refusal(&job.queue).is_none();
        let nobody = JobRef { id: Uuid::new_v4().to_string(), queue: Some(job.queue.clone()) };
        let mut may = |control: Control| {
            clears && self.control(&nobody, control).is_err_and(|why| why.exit == Exit::NoJob)
        };
        Rights {
            cancel: may(Control::Cancel),
            pause: may(Control::Pause),
            resume: may(Control::Resume),
            throttle: may(Control::Throttle { rate: Some(0), duty: None }),
        }
    }

    /// QADMIN.STATUS, which waits for the job's end for `wait_ms` milliseconds.
    pub(crate) fn status(&mut self, job: &JobRef, wait_ms: Option<u64>) -> Result<Status, Failure> {
        let mut command = about(job, "QADMIN.STATUS");
        if let Some(ms) = wait_ms {
            command.arg("WAIT").arg(ms);
        }
        self.of_job(command, job, "QADMIN.STATUS")
    }

    /// QADMIN.CANCEL, PAUSE, RESUME, THROTTLE
    pub(crate) fn control(&mut self, job: &JobRef, control: Control) -> Result<Status, Failure> {
        let name = match control {
            Control::Cancel => "QADMIN.CANCEL",
            Control::Pause => "QADMIN.PAUSE",
            Control::Resume => "QADMIN.RESUME",
            Control::Throttle { .. } => "QADMIN.THROTTLE",
        };
        let mut command = about(job, name);
        if let Control::Throttle { rate, duty } = control {
            if let Some(rate) = rate {
                command.arg("RATE").arg(rate);
            }
            if let Some(duty) = duty {
                command.arg("DUTY").arg(duty);
            }
        }
        self.of_job(command, job, name)
    }

    /// QADMIN.JOBS
    pub(crate) fn jobs(&mut self, request: &JobsRequest) -> Result<Vec<Status>, Failure> {
        let mut command = redis::cmd("QADMIN.JOBS");
        command.arg("COUNT").arg(request.count);
        let words = [("KIND", &request.kind), ("STATUS", &request.status)];
        for (keyword, word) in words.into_iter().filter_map(|(keyword, word)| Some((keyword, word.as_ref()?)))
        {
            command.arg(keyword).arg(word);
        }
        if let Some(user) = &request.user {
            command.arg("USER").arg(user);
        }
        let mut jobs = self.jobs_of(command, request.queue.as_deref(), "QADMIN.JOBS")?;
        // The jobs can come from several nodes.
        jobs.sort_by_key(|job| std::cmp::Reverse(job.started_at));
        jobs.truncate(usize::try_from(request.count).unwrap_or(usize::MAX));
        Ok(jobs)
    }

    /// QADMIN.QUEUES
    pub(crate) fn queues(&mut self, glob: Option<&str>) -> Result<Queues, Failure> {
        let mut command = redis::cmd("QADMIN.QUEUES");
        if let Some(glob) = glob {
            command.arg("GLOB").arg(glob);
        }
        let replies = self.everywhere(command, "QADMIN.QUEUES")?;
        Ok(Queues::merge(replies.into_iter().map(|reply| Queues::new(Map::new(reply))).collect()))
    }

    /// QADMIN.INDEX CREATE
    pub(crate) fn create_index(
        &mut self,
        queue: &[u8],
        fields: &[String],
        kind: Option<MessageKind>,
    ) -> Result<ListIndex, Failure> {
        let mut command = about_index("CREATE", queue);
        if !fields.is_empty() {
            command.arg("FIELDS").arg(fields.len()).arg(fields);
        }
        say_kind(&mut command, kind, None);
        Ok(ListIndex::new(self.map(command, "QADMIN.INDEX")?))
    }

    /// QADMIN.INDEX DROP
    pub(crate) fn drop_index(&mut self, queue: &[u8]) -> Result<Map, Failure> {
        self.map(about_index("DROP", queue), "QADMIN.INDEX")
    }

    /// QADMIN.INDEX INFO
    pub(crate) fn index(&mut self, queue: &[u8]) -> Result<ListIndex, Failure> {
        Ok(ListIndex::new(self.map(about_index("INFO", queue), "QADMIN.INDEX")?))
    }

    /// Which changes of the index of that list this Redis user may make. The server decides this before the
    /// module sees the commands, which have an invalid option and so change nothing.
    pub(crate) fn index_rights(&mut self, queue: &[u8]) -> IndexRights {
        let mut may = |action: &str| {
            let mut command = about_index(action, queue);
            command.arg("FIELDS").arg(0);
            self.server.call(&command, "QADMIN.INDEX").is_err_and(|why| why.exit == Exit::Refused)
        };
        IndexRights { create: may("CREATE"), drop: may("DROP") }
    }

    /// QADMIN.INDEX LIST
    pub(crate) fn indexes(&mut self) -> Result<Vec<ListIndex>, Failure> {
        let mut command = redis::cmd("QADMIN.INDEX");
        command.arg("LIST");
        let replies = self.everywhere(command, "QADMIN.INDEX")?;
        let rows = replies.into_iter().flat_map(|reply| match reply {
            Value::Array(rows) => rows,
            _ => Vec::new(),
        });
        Ok(rows.map(|row| ListIndex::new(Map::new(row))).collect())
    }

    /// A command about one job. Without its queue, the nodes of a cluster are asked one after the other.
    fn of_job(&mut self, command: Cmd, job: &JobRef, name: &str) -> Result<Status, Failure> {
        if job.queue.is_some() {
            return Ok(Status::new(self.map(command, name)?));
        }
        if is_short(&job.id) && self.server.has_several_nodes()? {
            return Err(needs_queue());
        }
        let mut command = command;
        command.arg("FORMAT").arg("JSON");
        let reply = self.server.call_first(&command, name)?;
        Ok(Status::new(Map::new(parse(&reply, name)?)))
    }

    fn jobs_of(
        &mut self,
        mut command: Cmd,
        queue: Option<&[u8]>,
        name: &str,
    ) -> Result<Vec<Status>, Failure> {
        let replies = match queue {
            Some(queue) => {
                command.arg("QUEUE").arg(queue);
                vec![self.json(command, name)?]
            }
            None => self.everywhere(command, name)?,
        };
        let maps = replies.into_iter().flat_map(|reply| match reply {
            Value::Array(jobs) => jobs,
            _ => Vec::new(),
        });
        Ok(maps.map(|job| Status::new(Map::new(job))).collect())
    }

    pub(crate) fn map(&mut self, command: Cmd, name: &str) -> Result<Map, Failure> {
        self.json(command, name).map(Map::new)
    }

    fn json(&mut self, mut command: Cmd, name: &str) -> Result<Value, Failure> {
        command.arg("FORMAT").arg("JSON");
        let reply = self.server.call(&command, name)?;
        parse(&reply, name)
    }

    fn everywhere(&mut self, mut command: Cmd, name: &str) -> Result<Vec<Value>, Failure> {
        command.arg("FORMAT").arg("JSON");
        let replies = self.server.call_everywhere(&command, name)?;
        replies.iter().map(|reply| parse(reply, name)).collect()
    }
}

pub(crate) fn say_index(command: &mut Cmd, key: Option<&Vec<u8>>) {
    if let Some(key) = key {
        command.arg("INDEX").arg(key);
    }
}

/// Adds the kind of the messages, and the lists of a queue with priorities.
pub(crate) fn say_kind(command: &mut Cmd, kind: Option<MessageKind>, priority: Option<&str>) {
    if let Some(kind) = kind {
        command.arg("AS").arg(kind.word());
    }
    if let Some(priority) = priority {
        command.arg("PRIORITY").arg(priority);
    }
}

fn about_index(action: &str, queue: &[u8]) -> Cmd {
    let mut command = redis::cmd("QADMIN.INDEX");
    command.arg(action).arg(queue);
    command
}

fn about(job: &JobRef, name: &str) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(&job.id);
    if let Some(queue) = &job.queue {
        command.arg("QUEUE").arg(queue);
    }
    command
}

fn parse(reply: &redis::Value, name: &str) -> Result<Value, Failure> {
    let redis::Value::BulkString(text) = reply else {
        return Err(Failure::new(Exit::Refused, format!("the reply to {name} has an unexpected type")));
    };
    serde_json::from_slice(text)
        .map_err(|error| Failure::new(Exit::Refused, format!("the reply to {name} is not JSON: {error}")))
}
