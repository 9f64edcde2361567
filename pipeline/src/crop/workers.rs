//! Threads that detect and cut. So many compute at a time as there are detectors, one a core; some more
//! threads read and write meanwhile, so that no core waits for the store. How many pictures are held is
//! bounded by the memory that decoding them takes, whatever their sizes.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use vision::Detector;

use super::picture::{Done, Job, Workbench};

/// Bytes of one permit of the budget.
const UNIT: u64 = 1000;

/// Memory for pictures: whoever asks for more than is free waits, in the order of asking.
pub(super) struct Budget {
    permits: Semaphore,
    all: u32,
}

impl Budget {
    /// Of so many bytes.
    pub(super) fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self {
            permits: Semaphore::new(all as usize),
            all,
        }
    }

    /// Waits until so many bytes are free; what exceeds the budget takes all of it. For worker threads.
    pub(super) fn take(&self, bytes: u64) -> anyhow::Result<SemaphorePermit<'_>> {
        let wanted = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.all);
        let taken = Handle::current().block_on(self.permits.acquire_many(wanted));
        taken.context("the memory of crop was closed")
    }
}

/// The detectors that are not in use.
pub(super) struct Detectors {
    idle: Mutex<Vec<Detector>>,
    returned: Condvar,
}

impl Detectors {
    /// With the first of them.
    pub(super) fn of(first: Detector) -> Self {
        Self {
            idle: Mutex::new(vec![first]),
            returned: Condvar::new(),
        }
    }

    /// Takes in another, or one that was lent.
    pub(super) fn add(&self, detector: Detector) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(detector);
        self.returned.notify_one();
    }

    /// Lends a detector for the time of `work`; waits for one.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Detector) -> T) -> T {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let detector = loop {
            match idle.pop() {
                Some(detector) => break detector,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(idle);
        let lent = Lent {
            detector: Some(detector),
            to: self,
        };
        work(lent.detector.as_ref().expect("it is given back at the end"))
    }
}

/// Gives a detector back, whatever becomes of the work.
struct Lent<'a> {
    detector: Option<Detector>,
    to: &'a Detectors,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(detector) = self.detector.take() {
            self.to.add(detector);
        }
    }
}

/// Starts threads for so many pictures computed at a time, with a detector each. They take jobs until
/// there are none, and send what came of them.
pub(super) fn start(
    computing: usize,
    detectors: &Arc<Detectors>,
    bench: &Arc<Workbench>,
    waiting: mpsc::Receiver<Job>,
    done: &mpsc::Sender<anyhow::Result<Done>>,
) -> Vec<tokio::task::JoinHandle<()>> {
    let count = match computing {
        0 => 0,
        computing => computing + bench.store.waiting_threads(),
    };
    let waiting = Arc::new(Mutex::new(waiting));
    let start = |_| {
        let (bench, waiting, done) = (Arc::clone(bench), Arc::clone(&waiting), done.clone());
        let detectors = Arc::clone(detectors);
        tokio::task::spawn_blocking(move || {
            loop {
                // The others queue for the lock meanwhile, which is as good as queueing for a job.
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                let Some(job) = next else { return };
                if done.blocking_send(bench.work(job, &detectors)).is_err() {
                    return;
                }
            }
        })
    };
    (0..count).map(start).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_pictures_held_at_once_never_exceed_the_budget() {
        const ALL: u64 = 100_000;
        let budget = Arc::new(Budget::new(ALL));
        let (held, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let threads = (0..8_u64).map(|thread| {
            let (budget, held, most) = (Arc::clone(&budget), Arc::clone(&held), Arc::clone(&most));
            tokio::task::spawn_blocking(move || {
                for turn in 0..200_u64 {
                    let bytes = 1000 * (1 + (thread * 37 + turn * 101) % 100);
                    let taken = budget.take(bytes).expect("is open");
                    most.fetch_max(held.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                    std::thread::yield_now();
                    held.fetch_sub(bytes, Ordering::SeqCst);
                    drop(taken);
                }
            })
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.await.expect("ends");
        }
        let most = most.load(Ordering::SeqCst);
        assert!((ALL / 2..=ALL).contains(&most), "{most}");
        // More than there is waits for all of it, and not for ever.
        let all = tokio::task::spawn_blocking(move || budget.take(2 * ALL).is_ok());
        assert!(all.await.expect("ends"));
    }
}
