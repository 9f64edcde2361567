//! Ctrl-C and SIGTERM as a flag that stages check between two items.

use tokio::sync::watch;

/// A cheap handle; all clones see the same request.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for SIGINT and SIGTERM for the rest of the process; must be called in a runtime.
    /// The second signal ends the process at once: nothing recorded is lost by that either.
    ///
    /// # Errors
    /// Where the system refuses the handlers.
    pub fn on_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (sender, receiver) = watch::channel(false);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if sender.send_replace(true) {
                    std::process::exit(i32::from(dataset::failure::INTERRUPTED));
                }
                eprintln!("stopping after the item in hand; once more to stop at once");
            }
        });
        Ok(Self(receiver))
    }

    /// A handle that never asks to stop.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// Whether the run should end.
    pub fn requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when the run should end; never where it is not asked to.
    pub async fn wait(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
