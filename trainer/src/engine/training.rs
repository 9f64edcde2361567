//! The training loop of every network: steps, checkpoints, Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use dataset::failure::Paused;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::ranks::Ranks;

/// A run under way.
pub trait Training {
    /// Whether a limit is reached.
    fn is_over(&self) -> bool;

    /// One step, and what falls due after it: metrics, images, scores.
    ///
    /// # Errors
    /// What ends the run.
    fn step(&mut self) -> Result<()>;

    /// Writes a checkpoint. Where the last steps ended in NaN or infinity, the run may go back instead.
    ///
    /// # Errors
    /// What the disk says, or that the run cannot go on.
    fn save(&mut self) -> Result<()>;

    /// Ends a run that has reached its limit and was saved.
    ///
    /// # Errors
    /// What the disk says.
    fn finish(&mut self) -> Result<()>;
}

/// Trains to the first limit of any rank, with a checkpoint every so often and at the end.
///
/// # Errors
/// [`Paused`] after Ctrl-C, once all is saved; else the run's own.
pub fn train(run: &mut impl Training, checkpoint_every: Duration, stop: &Stop, ranks: &Ranks) -> Result<()> {
    let mut saved = Instant::now();
    let [mut over] = ranks.any([run.is_over()])?;
    while !over {
        run.step()?;
        let (stopped, due);
        [stopped, over, due] = ranks.any([stop.requested(), run.is_over(), saved.elapsed() >= checkpoint_every])?;
        if stopped || over || due {
            run.save()?;
            saved = Instant::now();
            // Saving may go back to an earlier step.
            [over] = ranks.any([run.is_over()])?;
        }
        if stopped {
            return Err(Paused.into());
        }
    }
    run.finish()
}

/// The time that a run has trained for, over all sittings.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    earlier: Duration,
    started: Instant,
}

impl Clock {
    /// Goes on after so many seconds of earlier sittings.
    pub fn after(seconds: f64) -> Self {
        Self {
            earlier: Duration::from_secs_f64(seconds),
            started: Instant::now(),
        }
    }

    /// The time so far.
    pub fn time(&self) -> Duration {
        self.earlier + self.started.elapsed()
    }

    /// The time so far, seconds.
    pub fn seconds(&self) -> f64 {
        self.time().as_secs_f64()
    }

    /// Leaves out the time since then, which went into something else than training.
    pub fn leave_out(&mut self, since: Instant) {
        self.started += since.elapsed();
    }
}

/// Whether the user asked the run to end: the first Ctrl-C or SIGTERM asks it to save and end, the second ends it
/// at once.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to both signals from now on.
    ///
    /// # Errors
    /// Where the system refuses the handlers.
    pub fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            let code = i32::from(dataset::failure::INTERRUPTED);
            flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
                .context("cannot listen to Ctrl-C")?;
        }
        Ok(Self(asked))
    }

    /// Whether the run should save and end.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
