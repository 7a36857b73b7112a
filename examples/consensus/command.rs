//! What the program is asked.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use crate::given::{absolute, folder};
use crate::judge::{Judge, Seat};
use crate::problem::Problem;

/// Ask independent judges which programming language a folder is mainly written in.
///
/// They are asked at the same time. As soon as it is settled what they answer, those that still read
/// are stopped. Hidden files, what .gitignore files name and files over 1 MiB are left out. A
/// judge that finds nothing that it knows fails, and counts as none.
#[derive(Debug, Parser)]
#[command(name = "consensus", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 there is a verdict, 1 the folder or the session cannot be read, 2 the command is wrong,
3 the judges do not agree, or too few of them answer.")]
pub(crate) struct Command {
    /// The folder to judge
    folder: PathBuf,
    #[command(flatten)]
    rule: RuleArguments,
    /// So many answers are the least with --within
    #[arg(long, value_name = "N", requires = "within", default_value = "1")]
    min: NonZeroUsize,
    /// Ask only these judges, and in this order [default: all, the quickest first]
    #[arg(long, value_enum, value_name = "JUDGE,…", value_delimiter = ',')]
    judges: Vec<Judge>,
    /// How many judges work at the same time [default: one for each core]
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Then let all of them judge to the end, and compare the time. That is not journaled
    #[arg(long, conflicts_with = "best")]
    all: bool,
    /// Keep a session in this folder: the same command about the same files has the same verdict, also
    /// where it was killed
    #[arg(long, short, value_name = "DIR")]
    session: Option<PathBuf>,
    /// Print one JSON value a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What settles it; without any of these, more than half of the judges have to agree.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct RuleArguments {
    /// So many judges have to agree
    #[arg(long, value_name = "K")]
    quorum: Option<NonZeroUsize>,
    /// The first so many answers decide, by most of them
    #[arg(long, value_name = "K")]
    first: Option<NonZeroUsize>,
    /// The answer of the judge that is most confident decides; all are waited for
    #[arg(long)]
    best: bool,
    /// The answers within a time decide, by most of them
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    within: Option<Duration>,
}

/// What settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Majority,
    Quorum(usize),
    First(usize),
    Best,
    Within { time: Duration, least: usize },
}

/// A command that makes sense.
#[derive(Debug)]
pub(crate) struct Task {
    /// The folder, absolute.
    pub(crate) root: PathBuf,
    pub(crate) rule: Rule,
    pub(crate) seats: Vec<Seat>,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) all: bool,
    /// The session's folder, absolute.
    pub(crate) session: Option<PathBuf>,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// Checks what can be known before anything is read.
    pub(crate) fn check(&self) -> Result<Task, Problem> {
        let root = folder(&self.folder)?;
        let judges = match &self.judges[..] {
            [] => Judge::value_variants(),
            judges => judges,
        };
        let seats: Vec<Seat> =
            judges.iter().enumerate().map(|(place, judge)| Seat { place, judge: *judge }).collect();
        let mut asked = BTreeSet::new();
        if let Some(twice) = judges.iter().find(|judge| !asked.insert(**judge)) {
            return Err(Problem::AskedTwice { judge: twice.name() });
        }
        let rule = self.rule(seats.len())?;
        Ok(Task {
            root,
            rule,
            seats,
            jobs: self.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
            all: self.all,
            session: self.session.as_deref().map(absolute),
        })
    }

    fn rule(&self, judges: usize) -> Result<Rule, Problem> {
        let RuleArguments { quorum, first, best, within } = self.rule;
        let in_time = |time| Rule::Within { time, least: self.min.get() };
        let (rule, asked, least) = match (quorum, first, within) {
            (Some(least), ..) => (Rule::Quorum(least.get()), "--quorum", least.get()),
            (_, Some(least), _) => (Rule::First(least.get()), "--first", least.get()),
            (.., Some(time)) => (in_time(time), "--min", self.min.get()),
            _ if best => (Rule::Best, "--best", 1),
            _ => (Rule::Majority, "a majority", 1),
        };
        if least > judges {
            return Err(Problem::TooFewJudges { asked, least, judges });
        }
        Ok(rule)
    }
}

/// Seconds, and parts of one.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => f.write_str("more than half agree"),
            Self::Quorum(least) => write!(f, "{least} agree"),
            Self::First(answers) => write!(f, "the first {answers} answers"),
            Self::Best => f.write_str("the most confident"),
            Self::Within { time, least } => {
                write!(f, "the answers within {time:?}, {least} at least")
            }
        }
    }
}
