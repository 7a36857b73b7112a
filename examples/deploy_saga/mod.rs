//! The program, which needs links that are switched at once.

mod command;
mod fault;
mod output;
mod place;
mod problem;
mod release;
mod session;
mod shell;
mod steps;
mod target;
mod tree;
mod worker;

use std::process::ExitCode;

use command::Command;
use place::Place;
use problem::Problem;
use release::Unfinished;

/// What has come of a call.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// What was asked was answered, or the release is committed.
    Well,
    Parked,
    Compensated,
    Unfinished,
}

impl Ended {
    fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Parked => 3,
            Self::Compensated => 4,
            Self::Unfinished => 5,
        }
    }
}

pub(super) fn main() -> ExitCode {
    let command = Command::from_arguments();
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Problem::Runtime { source })
        .and_then(|runtime| runtime.block_on(run(&command)));
    match ended {
        Ok(ended) => ExitCode::from(ended.exit_code()),
        Err(problem) => {
            eprintln!("deploy_saga: {problem}");
            ExitCode::from(problem.exit_code())
        }
    }
}

async fn run(command: &Command) -> Result<Ended, Problem> {
    let decided = command.instead.decided().unwrap_or_else(|error| error.exit());
    let place = Place::of(command)?;
    let unfinished = || Unfinished::read(&place.target.unfinished());
    let is_made = place.target.check()?;
    let known = unfinished()?;
    if command.instead.graph {
        return place.graph(known.as_ref(), command).await;
    }
    let notify = known.as_ref().map_or(&command.notify, |known| &known.release.notify);
    command.trouble.check(notify.as_ref())?;
    if !is_made {
        if command.instead.status || decided.is_some() {
            return Err(Problem::NoTarget { target: place.target.root().to_owned() });
        }
        place.check_folder()?;
        place.target.make()?;
    }
    if command.instead.status {
        return place.status(known.as_ref()).await;
    }
    let lock = place.target.lock()?;
    match (unfinished()?, decided) {
        (Some(unfinished), Some((step, decision))) => {
            place.check_meant(&unfinished, command)?;
            place.session(&unfinished).decide(step, decision).await?;
            place.go_on(&unfinished, command, "goes on as decided", &lock).await
        }
        (None, Some((step, _))) => Err(Problem::NotParked { step }),
        (Some(unfinished), None) => {
            place.check_same(&unfinished, command)?;
            place.go_on(&unfinished, command, "goes on", &lock).await
        }
        (None, None) => {
            let unfinished = place.begin(command)?;
            place.go_on(&unfinished, command, "begins", &lock).await
        }
    }
}
