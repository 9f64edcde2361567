//! What becomes of a picture that was asked for.

use crate::catalog::denied::DENIED;
use crate::catalog::files::{File, Outcome};
use crate::catalog::images::Image;
use crate::crawl::http::{HttpError, NO_TRAINING, may_pass};

/// What came of asking for one picture.
pub enum Attempt {
    /// It has an outcome.
    Done(Box<FetchOutcome>),
    /// Its host is not asked until a later run.
    Later(String),
    /// The run was to end before.
    Stopped,
}

/// A picture's outcome, on its way into the catalog.
pub struct FetchOutcome {
    /// The outcome.
    pub file: File,
    /// The picture, where bytes came.
    pub image: Option<Image>,
    /// Whether its host says that what is stored is still the latest.
    pub unchanged: bool,
}

/// What an error of the network is to a picture; `file` makes the record of an outcome.
///
/// # Errors
/// Where nothing more can be asked at all.
pub fn attempt_of(error: HttpError, file: impl FnOnce(Outcome) -> File) -> anyhow::Result<Attempt> {
    Ok(match error {
        HttpError::Stopped => Attempt::Stopped,
        HttpError::Later { .. } => Attempt::Later(error.to_string()),
        HttpError::Refused { reason, detail } if may_pass(reason) => {
            without_bytes(file(Outcome::Failed { reason, detail }))
        }
        HttpError::Refused { reason, detail } => without_bytes(file(Outcome::Refused { reason, detail })),
        HttpError::Failed { reason, detail } => without_bytes(file(Outcome::Failed { reason, detail })),
        HttpError::Blocked(_) | HttpError::Catalog(_) => {
            return Err(anyhow::Error::new(error).context("cannot fetch the pictures that still wait"));
        }
    })
}

/// The X-Robots-Tag for which a file was refused.
pub fn forbidden(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Refused {
            reason: NO_TRAINING,
            detail,
        } => Some(detail.clone()),
        _ => None,
    }
}

/// An outcome without bytes.
pub fn without_bytes(file: File) -> Attempt {
    Attempt::Done(Box::new(FetchOutcome {
        file,
        image: None,
        unchanged: false,
    }))
}

/// The outcome of a post that names no file.
pub fn no_file() -> Outcome {
    Outcome::Refused {
        reason: "no-file",
        detail: "the site names no file".into(),
    }
}

/// The outcome of a file whose bytes were purged.
pub fn denied(md5: Option<&str>) -> Outcome {
    let md5 = md5.unwrap_or("unknown");
    Outcome::Refused {
        reason: DENIED,
        detail: format!("purged before (MD5 {md5}); `pipeline purge --list`"),
    }
}
