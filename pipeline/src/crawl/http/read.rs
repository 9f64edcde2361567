//! Answers of an API that come, and are none: they are asked for again like those that do not come.

use std::sync::atomic::Ordering;

use super::{Answer, Ask, BAD_ANSWER, Client, HttpError};

impl Client {
    /// Fetches an answer of the API and reads it. One that cannot be read is asked for again after a pause,
    /// as one that did not come; where several in a row cannot, once is enough.
    ///
    /// # Errors
    /// Any [`HttpError`].
    pub async fn read<T>(&self, ask: &Ask<'_>, read: impl Fn(&Answer) -> Result<T, String>) -> Result<T, HttpError> {
        let failing = self.unread.load(Ordering::Relaxed) >= self.network.settings().attempts;
        let most = if ask.once || failing {
            1
        } else {
            self.network.settings().attempts
        };
        let mut tried = 0;
        loop {
            let answer = self.get(ask).await?;
            let why = match read(&answer) {
                Ok(what) => {
                    self.unread.store(0, Ordering::Relaxed);
                    return Ok(what);
                }
                Err(why) => why,
            };
            tried += 1;
            if tried >= most {
                self.unread.fetch_add(1, Ordering::Relaxed);
                let times = if tried == 1 {
                    "once".into()
                } else {
                    format!("{tried} times")
                };
                return Err(HttpError::Failed {
                    reason: BAD_ANSWER,
                    detail: format!("{}: {why} (tried {times})", ask.url),
                });
            }
            self.wait(tried).await?;
        }
    }

    /// Waits as after a failed try, the `tried`th one of its request.
    ///
    /// # Errors
    /// [`HttpError::Stopped`].
    pub async fn wait(&self, tried: u32) -> Result<(), HttpError> {
        self.unless_stopped(tokio::time::sleep(self.usual_pause(tried))).await
    }

    /// Tries of one request, the first included.
    pub fn attempts(&self) -> u32 {
        self.network.settings().attempts
    }

    /// Whether the site is asked with a login.
    pub fn has_login(&self) -> bool {
        self.login.as_ref().is_some_and(|login| !login.is_empty())
    }
}
