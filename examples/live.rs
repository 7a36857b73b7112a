//! `live [FILE|-] --window N`: an agent's transcript, replayed turn by turn within a window.
//!
//! Each message of the assistant is a turn: what stands before it was sent. A `LiveContext` keeps that
//! within the window: it sends what it sent before and what is new, and only where that grows above the
//! high-water mark does it compact the whole to the low-water mark. What each turn sends and costs, and
//! what it would have without, is printed, and in the end what that comes to. That every text can be
//! recalled, byte for byte, is tried out.
//!
//! Without a file it makes up a transcript of a coding agent, always the same for one `--seed`. Prices
//! are given with `--prices FILE --model NAME`; without, those are an example, of no model.
//!
//! ```console
//! $ cargo run --release -p examples --example live -- --window 32000 --turns 200 --svg turns.svg
//! $ cargo run --release -p examples --example live -- agent.json --window 32000 --quiet
//! ```

#[path = "live/command.rs"]
mod command;
#[path = "live/dice.rs"]
mod dice;
#[path = "live/generate.rs"]
mod generate;
#[path = "live/input.rs"]
mod input;
#[path = "live/output.rs"]
mod output;
#[path = "live/plot.rs"]
mod plot;
#[path = "live/problem.rs"]
mod problem;
#[path = "live/replay.rs"]
mod replay;
#[path = "live/total.rs"]
mod total;

use std::io::ErrorKind;
use std::process::ExitCode;

use command::Command;
use input::Recorded;
use output::Output;
use plot::Point;
use problem::Problem;
use replay::Replay;
use total::Total;

fn main() -> ExitCode {
    match run(&Command::from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print { source }) if source.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("live: {problem}");
            problem.exit_code()
        }
    }
}

fn run(command: &Command) -> Result<(), Problem> {
    let pricing = command.pricing()?;
    let recorded = Recorded::read(command)?;
    let mut replay = Replay::new(command)?;
    let output = Output::begin(command, &recorded, &pricing)?;
    let mut total = Total::default();
    let mut points = Vec::new();
    for message in recorded.messages() {
        if let Some(turn) = replay.turn_before(message)? {
            points.push(Point { with: turn.tokens, without: turn.unreduced });
            total.add(&turn, &pricing.price, command.window);
            output.turn(&turn)?;
        }
        replay.push(message)?;
    }
    let recalled = replay.recall(recorded.segments());
    output.end(&total, recalled)?;
    if let Some(path) = &command.svg {
        plot::draw(path, &points, command.window)?;
    }
    match recalled.lost_segments {
        0 => Ok(()),
        segments => Err(Problem::Lost { segments, tokens: recalled.lost_tokens }),
    }
}
