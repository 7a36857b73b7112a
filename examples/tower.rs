//! `tower`: what limits do to an agent under load, before they are in production.
//!
//! An agent stands behind layers of tower: load shedding, a timeout, a buffer and a concurrency limit,
//! none of which knows what an agent is. It works for as long as a model call would take, and requests
//! come in at a steady pace, whether or not earlier ones are answered. Each ends in one of three ways:
//! it is served, it is sent away at once because the buffer is full, or it takes longer than it may.
//! Those that were late are told apart by whether the agent had begun: work that was paid for and
//! thrown away is what a limit should be tuned against.

#[path = "tower/command.rs"]
mod command;
#[path = "tower/output.rs"]
mod output;
#[path = "tower/sink.rs"]
mod sink;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use maniple::core::tower::{AgentService, layered_agent};
use maniple::core::{AgentError, BaseAgent, Class, Run, Scope, agent_fn};
use tokio::time::{Instant, sleep};
use tower::ServiceBuilder;
use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;

use command::Command;
use output::Report;
use sink::AtWork;

fn main() -> ExitCode {
    match run(&Command::from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("tower: {problem}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot start: {source}")]
    Runtime { source: io::Error },
    #[error("cannot write the standard output: {source}")]
    Print { source: io::Error },
    #[error("the load could not be carried through: {0}")]
    Run(#[from] AgentError),
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Served,
    Shed,
    TimedOut,
}

fn run(command: &Command) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .map_err(|source| Problem::Runtime { source })?;
    let report = runtime.block_on(load(command))?;
    output::print(command, &report).map_err(|source| Problem::Print { source })
}

/// Sends all requests, and waits for the last answer.
async fn load(command: &Command) -> Result<Report, Problem> {
    let at_work = Arc::new(AtWork::default());
    let run = Run::builder("tower").with_sink(at_work.clone()).open().await?;
    let agent = Arc::new(limited(command));
    let (requests, every) = (command.requests, command.every());
    let clients = agent_fn("clients", move |(), cx| {
        let agent = agent.clone();
        async move {
            let mut scope = Scope::open(&cx)?;
            let began = Instant::now();
            for request in 0..requests.get() {
                // Counted from the beginning, so that a late one does not put off those after it.
                tokio::time::sleep_until(began + every.saturating_mul(request)).await;
                let (client, agent) = (scope.child_at(u64::from(request)), agent.clone());
                scope.spawn(client, move |cx| async move {
                    let asked = Instant::now();
                    let outcome = outcome(agent.run(request, &cx).await)?;
                    Ok((outcome, asked.elapsed()))
                });
            }
            let mut answers = Vec::new();
            while let Some(done) = scope.next().await {
                answers.push(done.result?);
            }
            scope.close().await;
            Ok((answers, began.elapsed()))
        }
    });
    let (answers, took) = run.execute(clients, ()).await?;
    Ok(Report::new(&answers, at_work.left(), took))
}

/// The agent behind its limits, which is an agent again.
fn limited(command: &Command) -> impl BaseAgent<Input = u32, Output = ()> + use<> {
    let work = command.work();
    let model = agent_fn("model", move |request: u32, _cx| {
        let takes = work.of(request);
        async move {
            sleep(takes).await;
            Ok(())
        }
    });
    let service = ServiceBuilder::new()
        .load_shed()
        .timeout(Duration::from_millis(command.timeout))
        .buffer(command.buffer.get())
        .concurrency_limit(command.concurrency.get())
        .service(AgentService::new(model));
    layered_agent("limited", service).with_classes(|error| {
        // Who was sent away may come again; of who was late it is not known how far the agent came.
        if error.is::<Overloaded>() { Class::Transient } else { Class::Indeterminate }
    })
}

fn outcome(result: Result<(), AgentError>) -> Result<Outcome, AgentError> {
    match result {
        Ok(()) => Ok(Outcome::Served),
        Err(AgentError::Failed { source, .. }) if source.is::<Overloaded>() => Ok(Outcome::Shed),
        Err(AgentError::Failed { source, .. }) if source.is::<Elapsed>() => Ok(Outcome::TimedOut),
        Err(other) => Err(other),
    }
}
