//! `reduce [FILE|-] --budget N`: a context reduced to a budget of tokens.
//!
//! In goes a conversation as an array of messages, `{id?, role, name?, content, tool_calls?,
//! tool_call_id?, pinned?, time?}`, or a text, a log, a JSON document or source code, from a file or
//! from the standard input. Out comes the same with at most so many tokens: what is said elsewhere
//! goes first, then what matters least, to the query where there is one. What went is marked where it
//! stood, and `--store DIR` keeps it, for `recall` to give back.
//!
//! ```sh
//! reduce chat.json --budget 4000 --query "Why are failed calls repeated?" --store kept
//! reduce server.log --budget 2000
//! ```
//!
//! With `--json` it prints the messages with the same ids, and a report of what was reduced by whom.
//! With `--batch` it reads one case from each line, `{"id", "kind", "messages", "query", "budget"}`,
//! and answers each with a line, a bad one with `{"id", "error"}`.

#[path = "reduce/batch.rs"]
mod batch;
#[path = "reduce/causes.rs"]
mod causes;
#[path = "reduce/command.rs"]
mod command;
#[path = "reduce/input.rs"]
mod input;
#[path = "reduce/lines.rs"]
mod lines;
#[path = "reduce/output.rs"]
mod output;
#[path = "reduce/problem.rs"]
mod problem;
#[path = "reduce/reduction.rs"]
mod reduction;

use std::io::ErrorKind;
use std::process::ExitCode;

use causes::told;
use command::Command;
use input::{Context, Input};
use problem::Problem;
use reduction::Reduction;

fn main() -> ExitCode {
    match run(&Command::from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print { source }) if source.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(problem) => {
            output::say(&format!("reduce: {}", told(&problem)));
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> Result<(), Problem> {
    let task = command.check()?;
    let input = Input::open(command.source())?;
    // Without a budget for all, each line has its own.
    let Some(budget) = command.budget() else {
        return batch::answer(input, command.longest_line(), &task);
    };
    let (text, name) = input.read()?;
    let context = Context::of(text, name.as_deref(), command.kind())?;
    let reduction = Reduction::of(&context, budget, command.query(), &task)?;
    output::print(&context, &reduction, &task)?;
    output::tell(&context, &reduction, &task);
    Ok(())
}
