//! What the program is asked.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use maniple::core::Effect;

use crate::problem::Problem;

/// Run steps that can be counted from outside, in a durable pattern that goes on after a kill.
///
/// Each step appends its key to the effects file. The same command on the same session runs only the
/// steps that have no receipt, and prints one JSON line at the end.
#[derive(Debug, Parser)]
#[command(name = "durable_probe", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 every step has succeeded, 1 the run has failed, and a saga was taken back, 2 the command is
wrong, 3 the run is parked: a step that must not run twice may or may not have had its effect.")]
pub(crate) struct Command {
    /// The folder of the session
    #[arg(long, value_name = "DIR")]
    pub(crate) session: PathBuf,
    /// The file that each step appends its key to
    #[arg(long, value_name = "FILE")]
    pub(crate) effects: PathBuf,
    /// How many steps there are
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) steps: u64,
    /// What runs them
    #[arg(long)]
    pub(crate) pattern: Pattern,
    /// What is promised of a step
    #[arg(long, default_value = "idempotent")]
    pub(crate) effect: Promise,
    /// Let the step of this number, counted from 0, fail for good
    #[arg(long, value_name = "K")]
    pub(crate) fail_at: Option<u64>,
    /// How many steps run at the same time
    #[arg(long, short, default_value = "4")]
    pub(crate) jobs: NonZeroUsize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pattern {
    /// A flow of items through two stages, the second of which has the step
    Pipeline,
    /// One agent over all numbers, their outputs summed as they arrive
    MapReduce,
    /// An agent for each step
    ForkJoin,
    /// An agent for each step, all of which are asked for their answers
    ScatterGather,
    /// The same, where the first half of them to answer is enough, some are slow and some fail
    Quorum,
    /// Steps in four lanes, each of which appends its key once more when it is taken back
    Saga,
}

impl Pattern {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::MapReduce => "map-reduce",
            Self::ForkJoin => "fork-join",
            Self::ScatterGather => "scatter-gather",
            Self::Quorum => "quorum",
            Self::Saga => "saga",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Promise {
    /// A step that was killed runs again; nothing is journaled before it
    Pure,
    /// A step in doubt runs again
    Idempotent,
    /// A step in doubt parks the run; a saga takes it back, with all that was done
    Reversible,
    /// A step in doubt parks the run
    Irreversible,
}

impl Promise {
    pub(crate) fn effect(self) -> Effect {
        match self {
            Self::Pure => Effect::Pure,
            Self::Idempotent => Effect::Idempotent,
            Self::Reversible => Effect::Reversible,
            Self::Irreversible => Effect::Irreversible,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Idempotent => "idempotent",
            Self::Reversible => "reversible",
            Self::Irreversible => "irreversible",
        }
    }
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// Checks what the parser cannot know.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        match self.fail_at {
            Some(step) if step >= self.steps => {
                Err(Problem::NoSuchStep { step, last: self.steps - 1 })
            }
            _ => Ok(()),
        }
    }
}
