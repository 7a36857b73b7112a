//! What the program prints and writes.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use maniple::bundles::Recovery;
use maniple::core::RunStats;
use serde_json::{Value, json};

use crate::choose::Matched;
use crate::command::{Command, Form};
use crate::given::folder_of;
use crate::problem::Problem;
use crate::research::{Written, summary};

pub(crate) fn failed(problem: &Problem, form: Form) {
    match form {
        Form::Text => eprintln!("brief: {problem}"),
        Form::Json => println!("{}", json!({ "error": problem.to_string() })),
    }
}

/// Says what opening the session has erased: work of a killed process that was not whole.
/// Says what opening the session has erased: the last record of a process that was killed in the
/// middle of it.
pub(crate) fn recovered(recovery: Option<Recovery>) {
    if let Some(Recovery { seq, erased_bytes, .. }) = recovery {
        eprintln!(
            "brief: the session ended in the middle of action {seq}: {erased_bytes} bytes erased"
        );
    }
}

/// Writes the brief and prints what it took.
pub(crate) fn finished(
    written: &Written,
    stats: &RunStats,
    command: &Command,
) -> Result<(), Problem> {
    let text = &written.chosen.text;
    if let Some(path) = &command.out {
        write(path, text)?;
    }
    match (command.form(), &command.out) {
        (Form::Json, out) => print(&format!("{}\n", json(written, stats, out.as_deref()))),
        (Form::Text, out) => {
            if out.is_none() {
                print(text)?;
            }
            tell(written, stats, command);
            Ok(())
        }
    }
}

/// For people, beside the brief and not in it.
fn tell(written: &Written, stats: &RunStats, command: &Command) {
    let Written { chosen, children, .. } = written;
    let before = written.tokens_before;
    eprintln!(
        "{} tokens of {} files → {} tokens of a budget of {}: {} passages of {} files",
        before,
        written.files,
        chosen.tokens,
        written.task.budget,
        chosen.passages,
        chosen.sources.len(),
    );
    match command.session {
        None => eprintln!("{} files read", written.read),
        Some(_) => eprintln!(
            "{} files read, {} replayed from the session ({} of its steps and branches replayed, {} run)",
            written.read,
            stats.branches_replayed,
            stats.branches_replayed + stats.steps_replayed,
            stats.branches_run + stats.steps_run,
        ),
    }
    let each = |sum: Duration| sum / u32::try_from(children.started).unwrap_or(u32::MAX).max(1);
    eprintln!(
        "each child queued {:.1?}, ran {:.1?} and settled {:.1?} on average; the map took {:.1?}",
        each(children.queued),
        each(children.ran),
        each(children.settled),
        children.wall,
    );
    if !written.skipped.is_empty() {
        eprintln!("{}", summary(&written.skipped));
        for (reason, what) in &written.skipped {
            let more = what.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown: Vec<&str> = what.iter().take(SHOWN).map(String::as_str).collect();
            eprintln!("  {reason}: {}{more}", shown.join(", "));
        }
    }
    if written.repaired > 0 {
        eprintln!("{} files were not UTF-8: what was not is replaced by �", written.repaired);
    }
    if chosen.matched == Matched::Nothing {
        eprintln!("no file says any term of the question: the brief lists what there is");
    }
    if let Some(out) = &command.out {
        eprintln!("written to {}", out.display());
    }
}

/// How many examples of each reason are shown; all of them are in the JSON.
const SHOWN: usize = 3;

fn json(written: &Written, stats: &RunStats, out: Option<&Path>) -> Value {
    let Written { chosen, children, .. } = written;
    let mut object = json!({
        "question": written.task.question,
        "folder": written.task.folder,
        "budget": written.task.budget,
        "tokens_before": written.tokens_before,
        "tokens_after": chosen.tokens,
        "bytes": written.bytes,
        "files": written.files,
        "files_read": written.read,
        "files_repaired": written.repaired,
        "steps_run": stats.steps_run,
        "steps_replayed": stats.steps_replayed,
        "branches_run": stats.branches_run,
        "branches_replayed": stats.branches_replayed,
        "skipped": written.skipped,
        "sources": chosen.sources,
        "passages": chosen.passages,
        "children": {
            "started": children.started,
            "queued_micros": micros(children.queued),
            "ran_micros": micros(children.ran),
            "settled_micros": micros(children.settled),
            "wall_micros": micros(children.wall),
        },
        "reducers": chosen.report.reducers,
    });
    if let Some(bytes) = peak_memory() {
        object["peak_memory_bytes"] = bytes.into();
    }
    match out {
        Some(path) => object["out"] = path.to_string_lossy().into(),
        None => object["brief"] = chosen.text.as_str().into(),
    }
    object
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The most memory that the process has had resident, where the system says so.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// A closed pipe is a failure like any other, and not a panic.
fn print(text: &str) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.map_err(|source| Problem::Print { source })
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), Problem> {
    let problem = |source| Problem::Write { path: path.to_owned(), source };
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path)).map_err(problem)?;
    file.write_all(text.as_bytes()).map_err(problem)?;
    file.as_file().sync_all().map_err(problem)?;
    file.persist(path).map_err(|error| problem(error.error))?;
    Ok(())
}
