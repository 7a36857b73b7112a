//! What the program is asked.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use serde_json::Value;

use super::problem::Problem;

/// Release a folder as a new version, or leave everything as it was.
///
/// FOLDER is copied to TARGET/releases/NNNN, compared with what was read, and shown by the link
/// TARGET/current, which is switched at once. What TARGET/current showed before is what TARGET/previous
/// shows then. If a step fails, or the program is asked to stop, what was done is taken back. Killed, the
/// same call goes on.
#[derive(Debug, Parser)]
#[command(name = "deploy_saga", version, about, max_term_width = 100)]
#[command(after_help = "\
The steps are stage, checksum, backup, switch, health, retire, and notify where --notify is given.

TARGET is made if it is not there, and nothing outside of it is changed, but for the session. What lies
in FOLDER is copied with its permissions, and symbolic links as the links that they are. FOLDER is
refused if one of them is absolute, leads to nothing or out of FOLDER, or if something in it is neither
a file nor a folder nor a link.

A parked release waits for a person: --status says what for. See to it, and call the program with
--retry, --skip or --resolve and the name of the step; it goes on at once.

Exit codes: 0 committed, 1 something else is in the way, 2 the command is wrong, 3 parked, 4 compensated,
5 (of --status) not finished.")]
pub(crate) struct Command {
    /// The folder that is released
    pub(crate) folder: PathBuf,
    /// Where its releases are
    pub(crate) target: PathBuf,
    /// The folder of the session, outside of both; TARGET/.deploy/session, if it is not given
    #[arg(long, value_name = "DIR")]
    pub(crate) session: Option<PathBuf>,
    /// How many of the newest releases are kept, 3 if it is not given; those that current and previous
    /// show always are
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<NonZeroUsize>,
    /// A command for sh that fails if the new release is no good; it runs in the release when current
    /// shows it, and once more after a kill
    #[arg(long, value_name = "COMMAND")]
    pub(crate) health: Option<String>,
    /// A command for sh that tells somebody of the release, which cannot be taken back
    #[arg(long, value_name = "COMMAND")]
    pub(crate) notify: Option<String>,
    #[command(flatten)]
    pub(crate) instead: Instead,
    #[command(flatten)]
    pub(crate) trouble: Trouble,
}

/// What is asked instead of a release, or before it goes on.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Instead {
    /// Say what TARGET shows, and how far a release is that has not finished
    #[arg(long)]
    pub(crate) status: bool,
    /// Print the steps as a mermaid diagram, with what has become of them
    #[arg(long)]
    pub(crate) graph: bool,
    /// Do once more what the release is parked at
    #[arg(long, value_name = "STEP")]
    retry: Option<Step>,
    /// Go on as if it had not happened, or had not to be taken back
    #[arg(long, value_name = "STEP")]
    skip: Option<Step>,
    /// Go on as if it had happened, with this output, or as if it were taken back: you have seen to it
    #[arg(long, value_names = ["STEP", "JSON"], num_args = 1..=2)]
    resolve: Option<Vec<String>>,
}

/// What a person has decided about a step that is parked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decided {
    Retry,
    Skip,
    Resolve(Value),
}

impl Instead {
    /// What was decided, and about which step.
    pub(crate) fn decided(&self) -> Result<Option<(Step, Decided)>, clap::Error> {
        if let Some(resolve) = &self.resolve {
            let (step, output) = match &resolve[..] {
                [step, output] => (step, output.as_str()),
                [step] => (step, "null"),
                _ => unreachable!("the parser takes one or two"),
            };
            let step = Step::from_str(step, false)
                .map_err(|error| wrong(format_args!("--resolve {step}: {error}")))?;
            let output = serde_json::from_str(output)
                .map_err(|error| wrong(format_args!("--resolve {step} {output}: {error}")))?;
            return Ok(Some((step, Decided::Resolve(output))));
        }
        let retry = self.retry.map(|step| (step, Decided::Retry));
        Ok(retry.or(self.skip.map(|step| (step, Decided::Skip))))
    }
}

fn wrong(what: fmt::Arguments<'_>) -> clap::Error {
    clap::Error::raw(clap::error::ErrorKind::InvalidValue, what)
}

/// What goes wrong on purpose, so that it can be seen what follows.
#[derive(Debug, Clone, Args)]
pub(crate) struct Trouble {
    /// Let this step fail before it does anything
    #[arg(long, value_name = "STEP")]
    pub(crate) fail_at: Option<Step>,
    /// Let this step panic when it has done its work
    #[arg(long, value_name = "STEP")]
    pub(crate) panic_at: Option<Step>,
    /// Let what takes this step back fail, so that the release is parked
    #[arg(long, value_name = "STEP")]
    pub(crate) fail_undo_at: Option<Step>,
    /// How long to wait before and behind each piece of work, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", hide = true, default_value = "0", value_parser = milliseconds)]
    pub(crate) pause: Duration,
}

impl Trouble {
    /// Checks what the parser cannot know: that the steps are there, and can be taken back.
    pub(crate) fn check(&self, notify: Option<&String>) -> Result<(), Problem> {
        let steps = [("--fail-at", self.fail_at), ("--panic-at", self.panic_at)];
        for (option, step) in steps {
            if step == Some(Step::Notify) && notify.is_none() {
                return Err(Problem::NoNotify { option });
            }
        }
        match self.fail_undo_at {
            Some(step @ (Step::Checksum | Step::Health | Step::Notify)) => {
                Err(Problem::NoUndo { step })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn none() -> Self {
        Self { fail_at: None, panic_at: None, fail_undo_at: None, pause: Duration::ZERO }
    }
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    Stage,
    Checksum,
    Backup,
    Switch,
    Health,
    Retire,
    Notify,
}

impl Step {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Checksum => "checksum",
            Self::Backup => "backup",
            Self::Switch => "switch",
            Self::Health => "health",
            Self::Retire => "retire",
            Self::Notify => "notify",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }
}
