//! An answer of Redis that many requests share.
//!
//! Requests that come while the question is being asked wait for the same answer, and later ones get it again while it
//! is fresh. So the number of requests does not decide how often the server is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::failure::Failure;

/// An answer or the reason why there is none, shared by all who asked.
pub(crate) type Shared<T> = Arc<Result<T, Failure>>;

/// The latest answer to one question.
pub(crate) struct Fresh<T> {
    latest: watch::Sender<Option<(Instant, Shared<T>)>>,
    /// Whether the question is being asked.
    asking: AtomicBool,
}

/// How long answers can be used again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    pub(crate) answer: Duration,
    pub(crate) failure: Duration,
}

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self { latest: watch::Sender::new(None), asking: AtomicBool::new(false) }
    }
}

impl<T: Send + Sync + 'static> Fresh<T> {
    /// The latest answer if it is fresh, and otherwise a new one. The question is asked to its end even if the request
    /// that asks it is given up.
    pub(crate) async fn get(
        self: &Arc<Self>,
        lives: Lives,
        question: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Shared<T> {
        let mut answers = self.latest.subscribe();
        let known = answers.borrow_and_update().clone();
        let is_fresh = |at: Instant, answer: &Shared<T>| {
            at.elapsed() < if answer.is_ok() { lives.answer } else { lives.failure }
        };
        if let Some((_, answer)) = known.filter(|(at, answer)| is_fresh(*at, answer)) {
            return answer;
        }
        if !self.asking.swap(true, Ordering::AcqRel) {
            let this = Arc::clone(self);
            tokio::spawn(async move {
                let answer = question.await;
                // In this order nobody waits for an answer that has already been sent.
                this.asking.store(false, Ordering::Release);
                this.latest.send_replace(Some((Instant::now(), Arc::new(answer))));
            });
        }
        loop {
            // The sender is a member of this value, so it exists.
            let _ = answers.changed().await;
            if let Some((_, answer)) = answers.borrow_and_update().clone() {
                return answer;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use tokio::time::timeout;

    use super::*;
    use crate::failure::Exit;

    const LONG: Duration = Duration::from_secs(3_600);
    const LIVES: Lives = Lives { answer: LONG, failure: Duration::ZERO };

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("threads").block_on(test);
    }

    #[test]
    fn many_requests_ask_once() {
        run(async {
            let (fresh, asked) = (Arc::new(Fresh::default()), Arc::new(AtomicU64::new(0)));
            let question = || {
                let asked = Arc::clone(&asked);
                async move {
                    tokio::task::yield_now().await;
                    Ok(asked.fetch_add(1, Ordering::Relaxed))
                }
            };
            let (a, b) = tokio::join!(fresh.get(LIVES, question()), fresh.get(LIVES, question()));
            let c = fresh.get(LIVES, question()).await;
            for answer in [a, b, c] {
                assert_eq!(*answer.as_ref().as_ref().expect("an answer"), 0);
            }
            let none = Lives { answer: Duration::ZERO, failure: Duration::ZERO };
            assert_eq!(*fresh.get(none, question()).await.as_ref().as_ref().expect("an answer"), 1);
        });
    }

    #[test]
    fn a_failure_is_asked_again() {
        run(async {
            let fresh = Arc::new(Fresh::default());
            let failed = async { Err(Failure::new(Exit::Refused, "no")) };
            assert!(fresh.get(LIVES, failed).await.is_err());
            assert!(fresh.get(LIVES, async { Ok(1) }).await.is_ok());
        });
    }

    #[test]
    fn a_question_without_answer_is_asked_once_and_answers_later_requests() {
        run(async {
            let fresh = Arc::new(Fresh::default());
            let (send, receive) = tokio::sync::oneshot::channel();
            let slow = async move { Ok(receive.await.expect("an answer")) };
            assert!(timeout(Duration::ZERO, fresh.get(LIVES, slow)).await.is_err());
            assert!(timeout(Duration::ZERO, fresh.get(LIVES, async { Ok(2) })).await.is_err());
            send.send(1).expect("it waits");
            assert_eq!(*fresh.get(LIVES, async { Ok(3) }).await.as_ref().as_ref().expect("an answer"), 1);
        });
    }
}
