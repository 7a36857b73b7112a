//! `durable_probe --session DIR --effects FILE --steps N --pattern …`: steps whose effects can be
//! counted from outside, run by a durable pattern. It is there to be killed.
//!
//! Each of the N steps is one child of the pattern. It appends its key and a line feed to the effects
//! file with one write, syncs the file, and returns its number counted from 1; the result is the sum
//! of all. Killed at any point, the same command goes on, and no step that has a receipt runs again. A
//! saga of which a step fails takes back the others: that of a step appends a key of its own. Of
//! a quorum half of the steps count, and the result is the sum of those.
//!
//! At the end of the run one line is printed, whatever the end was:
//!
//! ```json
//! {"result":55,"steps_run":4,"steps_replayed":6,"in_doubt":1}
//! ```
//!
//! - `result`: the sum; null where the run has not succeeded.
//! - `steps_run`: steps whose body ran in this process, as the run counts them. Those that take back
//!   what a saga has done are steps, too.
//! - `steps_replayed`: steps of which the journal had the outcome when the run was opened: by their own
//!   receipt, or by that of a branch that they are in, since such a branch is answered as a whole and
//!   the steps in it are not asked for. It is checked against what then ran: a success of which the two
//!   do not make N is reported as a failure, but for a quorum, which does not need all.
//! - `in_doubt`: steps that an earlier process began and of which it left no outcome. Idempotent ones
//!   run again, so that their key may be in the effects file twice. An irreversible one parks the run,
//!   for a person to find out whether it had its effect, and so does a reversible one, but in a saga,
//!   which takes it back. A pure step runs again too, but is never in doubt: that it began is not
//!   written down.

#[path = "durable_probe/command.rs"]
mod command;
#[path = "durable_probe/effects.rs"]
mod effects;
#[path = "durable_probe/parked.rs"]
mod parked;
#[path = "durable_probe/patterns.rs"]
mod patterns;
#[path = "durable_probe/problem.rs"]
mod problem;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use maniple::bundles::{ContextBundle, Durability, Meta, Sessions};
use maniple::core::{AgentError, Run};
use serde::Serialize;

use command::{Command, Pattern};
use effects::Effects;
use parked::Parked;
use problem::Problem;

fn main() -> ExitCode {
    match run(&Command::from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("durable_probe: {problem}");
            problem.exit_code()
        }
    }
}

/// What the program prints.
#[derive(Debug, Serialize)]
struct Line {
    result: Option<u64>,
    steps_run: u64,
    steps_replayed: u64,
    in_doubt: u64,
}

fn run(command: &Command) -> Result<(), Problem> {
    command.check()?;
    let jobs = command.jobs.get();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(jobs)
        .max_blocking_threads(jobs)
        .enable_time()
        .build()
        .map_err(|source| Problem::Runtime { source })?;
    runtime.block_on(async {
        let session = open_session(command).await?;
        let effects = Arc::new(Effects::open(&command.effects)?);
        let parked = Parked::default();
        let run = Run::builder("durable_probe")
            .with_journal(session.clone())
            .with_reconciler(parked.clone())
            .open()
            .await?;
        let known = patterns::known(&run, command);
        let result = patterns::execute(&run, command, effects).await;
        let stats = run.stats();
        session.close().await?;
        let (steps, all) = (stats.steps_run + known, command.steps);
        let result = match result {
            // The steps of responders that are not needed do not all run.
            Ok(_) if steps != all && command.pattern != Pattern::Quorum => {
                Err(Problem::Miscounted { steps, all })
            }
            Ok(sum) => Ok(sum),
            Err(error @ AgentError::Parked { .. }) => Err(parked.problem(error)),
            Err(error) => Err(Problem::Run(error)),
        };
        print(&Line {
            result: result.as_ref().ok().copied(),
            steps_run: stats.steps_run,
            steps_replayed: known,
            in_doubt: stats.in_doubt,
        })?;
        result.map(drop)
    })
}

/// The session of an earlier run of the same command, or a new one.
async fn open_session(command: &Command) -> Result<Arc<ContextBundle>, Problem> {
    let meta = Meta::new("durable_probe")
        .with_label("pattern", command.pattern.name())
        .with_label("number of steps", command.steps.to_string())
        .with_label("effect", command.effect.name());
    let sessions = Sessions::in_dir(&command.session).with_durability(Durability::Synced);
    let session = sessions.open_or_create(meta).await?;
    if let Some(recovery) = session.recovered() {
        eprintln!(
            "durable_probe: the session ended in the middle of action {}: {} bytes erased",
            recovery.seq, recovery.erased_bytes
        );
    }
    Ok(Arc::new(session))
}

fn print(line: &Line) -> Result<(), Problem> {
    let mut text = serde_json::to_string(line).expect("numbers have a form in JSON");
    text.push('\n');
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|source| Problem::Print { source })
}
