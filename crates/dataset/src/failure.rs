//! The failures that both programs answer with an exit code of their own.

/// Exit code of a run that failed.
pub const FAILED: u8 = 1;
/// Exit code of a run that was asked for wrongly.
pub const USAGE: u8 = 2;
/// Exit code of a finished run with more item failures than the configured share.
pub const ITEM_FAILURES: u8 = 3;
/// Exit code of a run that found the lock held (EX_TEMPFAIL of sysexits.h).
pub const LOCKED: u8 = 75;
/// Exit code of an interrupted run (128 + SIGINT).
pub const INTERRUPTED: u8 = 130;
/// Exit code of a run whose output nobody reads any more (128 + SIGPIPE), as in `… | head -3`.
pub const UNREAD: u8 = 141;

/// The command line, the settings or the named thing is wrong; the text says what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Ctrl-C or SIGTERM ended the run in an orderly way; what was recorded stays.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; what was recorded stays, and the same command goes on from here")]
pub struct Interrupted;

/// The same of a command that goes on only with --resume.
#[derive(Debug, thiserror::Error)]
#[error("interrupted; all is saved, and the same command with --resume goes on from here")]
pub struct Paused;

/// Another run holds the lock.
#[derive(Debug, thiserror::Error)]
#[error("another run holds {what} ({holder}); wait for it to end, or stop it")]
pub struct Locked {
    /// The lock file, or the part of a catalog.
    pub what: String,
    /// Who holds it: command and process, of a part of a catalog also host and since when.
    pub holder: String,
}

/// The exit code for an error, found anywhere in its chain of causes.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.is::<Usage>() || cause.is::<crate::settings::SettingsError>() {
            return USAGE;
        }
        if cause.is::<Locked>() {
            return LOCKED;
        }
        if cause.is::<Interrupted>() || cause.is::<Paused>() {
            return INTERRUPTED;
        }
    }
    FAILED
}

/// Ends the process quietly where `print!` finds its reader gone, which Rust takes for a panic. What was
/// recorded stays, as after a kill. To be called once, at the start of a program.
pub fn end_when_unread() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to std") && said.contains("Broken pipe") {
            std::process::exit(UNREAD.into());
        }
        usual(panic);
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_code_is_found_under_added_context() {
        let error = Err::<(), _>(Usage("no such site".into()))
            .context("crawl")
            .expect_err("is an error");
        assert_eq!(exit_code(&error), USAGE);
        assert_eq!(exit_code(&anyhow::anyhow!("disk full")), FAILED);
    }
}
