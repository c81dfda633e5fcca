//! Asks the server, so that the screen answers keys meanwhile.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::cli;
use crate::client::{Client, JobRef, JobsRequest, StatsRequest};
use crate::failure::Failure;
use crate::kind::MessageKind;
use crate::reply::{Queues, Stats, Status};

/// How many times as long as a walk over the keys took it pauses after it.
const SHARE: u32 = 20;
/// The longest pause after a question that was not answered.
const AGAIN: Duration = Duration::from_secs(5);
/// Live jobs that are shown at most.
const JOBS: u32 = 5;
/// Groups that are shown at most.
const GROUPS: u32 = 100;
/// Milliseconds for which the end of a count is waited for at once.
const STEP_MS: u64 = 100;

/// What the screen wants to know.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The queues and jobs, now.
    Look,
    /// The groups of a queue. If they are to be fresh, an earlier count is not enough.
    Count { queue: Vec<u8>, priorities: bool, fresh: bool },
}

/// What the server said.
pub(super) enum News {
    /// The server is asked something now.
    Asks,
    Look(Result<Look, Failure>),
    /// The groups of a queue, or why there are none.
    Groups(Vec<u8>, Box<Result<Stats, Failure>>),
    /// A count has examined this share of the queue, in percent.
    Progress(Vec<u8>, u64),
}

/// The queues, and what runs on them.
pub(super) struct Look {
    pub(super) queues: Queues,
    /// The live jobs, or why they are not known.
    pub(super) jobs: Result<Vec<Status>, String>,
}

/// A connection of its own, and what is asked.
pub(super) struct Worker {
    client: Client,
    glob: Option<String>,
    by: Vec<String>,
    kind: Option<MessageKind>,
    every: Duration,
    counting: Vec<Counting>,
}

/// A count that a job makes.
struct Counting {
    queue: Vec<u8>,
    job: JobRef,
    stats: Stats,
}

impl Worker {
    pub(super) fn new(client: Client, args: &cli::Top) -> Self {
        Self {
            client,
            glob: args.glob.clone(),
            by: args.by.clone(),
            kind: args.kind,
            every: Duration::from_secs(args.every),
            counting: Vec::new(),
        }
    }

    /// The queues and the live jobs.
    pub(super) fn look(&mut self) -> Result<Look, Failure> {
        let queues = self.client.queues(self.glob.as_deref())?;
        let request = JobsRequest { count: JOBS, status: Some("live".to_owned()), ..JobsRequest::default() };
        let jobs = self.client.jobs(&request).map_err(|failure| failure.words);
        Ok(Look { queues, jobs })
    }

    /// Answers until the screen is gone.
    pub(super) fn run(mut self, asks: &Receiver<Ask>, news: &Sender<News>) {
        let mut due = Instant::now() + self.every;
        loop {
            let patience = due.saturating_duration_since(Instant::now());
            let patience = if self.counting.is_empty() { patience } else { Duration::ZERO };
            let ask = match asks.recv_timeout(patience) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match ask {
                Some(Ask::Look) => due = Instant::now(),
                Some(Ask::Count { queue, priorities, fresh }) => {
                    self.count(queue, priorities, fresh, news);
                }
                None => self.follow(news),
            }
            if Instant::now() >= due {
                // Whether anybody listens is seen with the next question.
                let _ = news.send(News::Asks);
                let look = self.look();
                let pause = match &look {
                    Ok(look) => {
                        let took = Duration::from_micros(look.queues.map.sum("elapsed_us"));
                        self.every.max(took.saturating_mul(SHARE))
                    }
                    Err(_) => self.every.min(AGAIN),
                };
                due = Instant::now() + pause;
                let _ = news.send(News::Look(look));
            }
        }
    }

    fn count(&mut self, queue: Vec<u8>, priorities: bool, fresh: bool, news: &Sender<News>) {
        if self.counting.iter().any(|counting| counting.queue == queue) {
            return;
        }
        let mut request = StatsRequest {
            queue: queue.clone(),
            by: self.by.clone(),
            top: GROUPS,
            kind: self.kind,
            priority: priorities.then(|| "all".to_owned()),
            ..StatsRequest::default()
        };
        let _ = news.send(News::Asks);
        let mut stats = self.client.stats(&request);
        // BUST alone would pass over an index.
        if fresh && stats.as_ref().is_ok_and(|stats| stats.cached_at.is_some()) {
            request.bust = true;
            stats = self.client.stats(&request);
        }
        match stats {
            Ok(stats) if stats.mode == "job" && stats.matched.is_none() => {
                let id = stats.job_id.clone().unwrap_or_default();
                let job = JobRef { id, queue: Some(queue.clone()) };
                let _ = news.send(News::Progress(queue.clone(), 0));
                self.counting.push(Counting { queue, job, stats });
            }
            stats => {
                let _ = news.send(News::Groups(queue, Box::new(stats)));
            }
        }
    }

    /// Waits a moment for the jobs that count.
    fn follow(&mut self, news: &Sender<News>) {
        for Counting { queue, job, stats } in std::mem::take(&mut self.counting) {
            let said = match self.client.status(&job, Some(STEP_MS)) {
                Ok(status) if status.has_ended() => {
                    News::Groups(queue, Box::new(Ok(stats.with_job(&status))))
                }
                Ok(status) => {
                    self.counting.push(Counting { queue: queue.clone(), job, stats });
                    News::Progress(queue, status.progress)
                }
                Err(failure) => News::Groups(queue, Box::new(Err(failure))),
            };
            let _ = news.send(said);
        }
    }
}
