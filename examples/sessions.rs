//! `sessions [--root DIR] list | show ID [--follow] | verify ID | fork ID [--at SEQ] | diff A B |
//! export ID FILE | import FILE | compact ID | delete ID | gc`: looks after the sessions in a folder.
//!
//! It prints a table for people, and with `--json` one JSON value a line for machines. An ID may be
//! shortened to any part of it that only one session has.
//!
//! ```console
//! $ cargo run --release -p examples --example brief -- --question "how does a retry wait?" --session s .
//! $ cargo run --release -p examples --example sessions -- --root s list
//! ```

#[path = "sessions/command.rs"]
mod command;
#[path = "sessions/file.rs"]
mod file;
#[path = "sessions/output.rs"]
mod output;
#[path = "sessions/problem.rs"]
mod problem;

use std::process::ExitCode;

use futures::StreamExt;
use maniple::bundles::{Filter, History, Meta, Point, SessionId, Sessions};

use command::{Command, Do};
use output::Output;
use problem::Problem;

fn main() -> ExitCode {
    let command = Command::from_arguments();
    // Every call of the library does its I/O on threads of its own.
    match futures::executor::block_on(run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(Problem::Print { source }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("sessions: {problem}");
            problem.exit_code()
        }
    }
}

async fn run(command: Command) -> Result<(), Problem> {
    let out = Output::new(command.json);
    if !matches!(command.what, Do::Import { .. }) && !command.root.is_dir() {
        return Err(Problem::NoFolder { folder: command.root });
    }
    let sessions = Sessions::in_dir(&command.root);
    match command.what {
        Do::List { filter, deleted } => {
            out.sessions(&sessions.list(&filter.into()).await?)?;
            if deleted { out.deleted(&sessions.deleted().await?) } else { Ok(()) }
        }
        Do::Show { id, from, follow } => {
            let view = sessions.view(find(&sessions, &id).await?).await?;
            if follow {
                let mut tail = view.tail(from);
                while let Some(entry) = tail.next().await {
                    out.action(&entry?)?;
                }
                return Ok(());
            }
            out.state(&view, &view.state(Point::End).await?)?;
            view.actions(from).await?.iter().try_for_each(|entry| out.action(entry))
        }
        Do::Verify { id } => {
            let id = find(&sessions, &id).await?;
            out.verified(id, &sessions.view(id).await?.verify().await?)
        }
        Do::Fork { id, at, name } => {
            let id = find(&sessions, &id).await?;
            let bundle = sessions.remount(id).await?;
            let name = name.unwrap_or_else(|| bundle.meta().name().to_owned());
            let point = at.map_or(Point::End, Point::from);
            let fork = bundle.fork(point, Meta::new(name)).await?;
            let new = fork.id();
            fork.close().await?;
            bundle.close().await?;
            out.id("forked", new)
        }
        Do::Diff { left, right } => {
            let left = sessions.view(find(&sessions, &left).await?).await?;
            let right = sessions.view(find(&sessions, &right).await?).await?;
            out.diff(&left.diff(&right).await?)
        }
        Do::Export { id, file } => {
            let view = sessions.view(find(&sessions, &id).await?).await?;
            let exported = file::write_whole(&file, |temporary| view.export(temporary)).await?;
            out.exported(&file, &exported)
        }
        Do::Import { file } => {
            let input = std::fs::File::open(&file)
                .map_err(|source| Problem::Read { path: file.clone(), source })?;
            out.id("imported", sessions.import(input).await?)
        }
        Do::Compact { id, drop } => {
            let bundle = sessions.remount(find(&sessions, &id).await?).await?;
            let history = if drop { History::Drop } else { History::Keep };
            let compacted = bundle.compact(history).await?;
            bundle.close().await?;
            out.compacted(compacted)
        }
        Do::Delete { id, reason } => {
            let id = find(&sessions, &id).await?;
            sessions.delete(id, reason).await?;
            out.id("deleted", id)
        }
        Do::Gc => out.collected(&sessions.collect_garbage().await?),
    }
}

/// The one session whose id has this in it.
async fn find(sessions: &Sessions, text: &str) -> Result<SessionId, Problem> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let all = sessions.list(&Filter::all()).await?;
    let found: Vec<SessionId> =
        all.iter().map(|session| session.id).filter(|id| id.to_string().contains(text)).collect();
    match found[..] {
        [id] => Ok(id),
        [] => Err(Problem::NoSession { text: text.to_owned() }),
        _ => Err(Problem::Ambiguous { text: text.to_owned(), count: found.len() }),
    }
}
