//! Room for one more job: which jobs end to make it.

use qadmin_core::error::{EndReason, Error, JobError};
use qadmin_core::job::{Job, JobStatus};

use super::after_slice::{AfterSlice, end};
use crate::record;
use crate::redis::Ctx;
use crate::settings;
use crate::state::State;

/// The kind of job that needs room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newcomer {
    /// A preview or stats. These use at most half of the jobs, so that a clear always finds room.
    Count,
    /// A clear or an undo.
    Clear,
}

impl State {
    /// Makes room for one more job. If all are in use, jobs that have nothing left to do end now and not in their
    /// next slice. If that is not enough, paused previews and stats end, the oldest first: they change nothing,
    /// can be started again, and must not keep other users from counting.
    ///
    /// # Errors
    /// [`JobError::TooManyJobs`], [`JobError::TooManyPreviews`].
    pub(crate) fn room_for(&mut self, ctx: Ctx<'_>, newcomer: Newcomer) -> Result<(), Error> {
        if self.is_full(newcomer).is_none() {
            return Ok(());
        }
        self.end_done(ctx, newcomer);
        while let Some(error) = self.is_full(newcomer) {
            let is_idle = |job: &&Job| job.start().kind.only_counts() && job.is_paused();
            let Some(id) = self.registry.live().iter().find(is_idle).map(Job::id) else { return Err(error) };
            self.end_jobs(|job| job.id() == id, |_| (JobStatus::Cancelled, EndReason::Evicted));
        }
        Ok(())
    }

    /// Returns why one more job does not fit.
    fn is_full(&self, newcomer: Newcomer) -> Option<Error> {
        let settings = settings::now();
        let max_jobs = usize::try_from(settings.max_jobs()).unwrap_or(usize::MAX);
        let live = self.registry.live().len();
        if live >= max_jobs {
            return Some(Error::Job(JobError::TooManyJobs { live, max_jobs }));
        }
        let limit = usize::try_from(settings.max_previews()).unwrap_or(usize::MAX);
        let previews = self.registry.count_previews();
        (newcomer == Newcomer::Count && previews >= limit).then_some(Error::Job(JobError::TooManyPreviews {
            live: previews,
            limit,
            max_jobs,
        }))
    }

    /// Ends the jobs that have nothing left to do. Many can be started within one turn of the event loop, before a
    /// slice runs. The running command writes their records if it writes anyway and its keys can be in any slot;
    /// otherwise a later turn writes them.
    fn end_done(&mut self, ctx: Ctx<'_>, newcomer: Newcomer) {
        let writes = newcomer == Newcomer::Clear && !ctx.flags().cluster();
        if !writes && record::is_backlog_long(&self.pending) {
            return;
        }
        let db = ctx.db();
        for job in self.registry.take_if(|job| !job.is_paused() && job.verdict().is_some()) {
            let (status, error) = job.verdict().unwrap_or((JobStatus::Completed, None));
            let AfterSlice::Ends(status, error) = end(ctx, &job, status, error) else { continue };
            self.conclude(job, status, error, writes.then_some(ctx));
        }
        ctx.select(db);
    }
}
