//! `word_count <folder>`: how often each word occurs in the files of a folder, as `sort | uniq -c`
//! says it.
//!
//! A word is a run of ASCII letters and digits, and capitals count as small letters; every other byte
//! lies between words, whatever the encoding. Every regular file counts, hidden and binary ones too;
//! links are not followed. So this prints the same:
//!
//! ```sh
//! export LC_ALL=C
//! find FOLDER -type f -exec grep -aohE '[[:alnum:]]+' {} + |
//!     tr A-Z a-z | sort | uniq -c | sort -k1,1nr -k2
//! ```
//!
//! It is a map over chunks of files, which a walk of the folder gives as there is room, and one sum
//! for each word. What is in memory at the same time is every different word once, and of each worker
//! the different words of its chunk; neither the files nor the list of them. A single word is held
//! whole, however long it is.
//!
//! With `--session` the counts of each chunk are journaled, so that the same command goes on where it
//! was killed. A chunk goes by its file's path, size and times: of a file that has changed since, what
//! was counted before is not used. Then the keys of all chunks and what was journaled of them are in
//! memory as well.

#[path = "word_count/chunk.rs"]
mod chunk;
#[path = "word_count/command.rs"]
mod command;
#[path = "given/mod.rs"]
mod given;
#[path = "word_count/output.rs"]
mod output;
#[path = "word_count/problem.rs"]
mod problem;
#[path = "word_count/walk.rs"]
mod walk;
#[path = "word_count/words.rs"]
mod words;

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use futures::stream;
use maniple::bundles::{ContextBundle, Durability, Meta, Sessions};
use maniple::core::{Run, RunStats};
use maniple::orchestration::{Inputs, MapReduce, combiner, per_key};
use tokio::sync::mpsc;

use chunk::{Chunk, Progress, counter};
use command::{Command, Task};
use problem::Problem;
use walk::{Walked, walk};

fn main() -> ExitCode {
    match run(&Command::from_arguments()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("word_count: {problem}");
            problem.exit_code()
        }
    }
}

/// How often each word occurs, and what it took to know.
#[derive(Debug)]
struct Counted {
    words: BTreeMap<String, u64>,
    walked: Walked,
    /// Files of which this process has read something.
    files_read: u64,
    stats: RunStats,
}

fn run(command: &Command) -> Result<(), Problem> {
    let began = Instant::now();
    let task = command.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(task.jobs.get())
        // The walk keeps one to itself.
        .max_blocking_threads(task.jobs.get() + 1)
        .enable_time()
        .build()
        .map_err(|source| Problem::Runtime { source })?;
    let counted = runtime.block_on(async {
        let session = match &task.session {
            Some(dir) => Some(open_session(dir, &task).await?),
            None => None,
        };
        let counted = count(&task, session.clone()).await;
        if let Some(session) = session {
            session.close().await?;
        }
        counted
    })?;
    if counted.walked.files == 0 && counted.walked.skipped > 0 {
        return Err(Problem::NothingReadable { skipped: counted.walked.skipped });
    }
    output::print(&counted.words, task.top)?;
    output::tell(&counted, task.session.is_some(), began.elapsed());
    Ok(())
}

async fn count(task: &Task, session: Option<Arc<ContextBundle>>) -> Result<Counted, Problem> {
    let progress = Progress::default();
    let sum = combiner(|| 0, |a: u64, b| a + b).commutative();
    let mut map = MapReduce::new("count", counter(progress.clone()), per_key(sum))
        .unordered()
        .with_concurrency(task.jobs.get());
    let mut builder = Run::builder("word_count");
    if let Some(session) = session {
        map = map.key_by(Chunk::key).durable();
        builder = builder.with_journal(session);
    }
    let run = builder.open().await?;

    let (chunks, mut walked) = mpsc::channel(1);
    let walking = {
        let (root, own, size) = (task.root.clone(), task.session.clone(), task.chunk);
        let progress = progress.clone();
        tokio::task::spawn_blocking(move || walk(&root, own.as_deref(), size, &chunks, &progress))
    };
    let inputs = Inputs::stream(stream::poll_fn(move |cx| walked.poll_recv(cx)));
    // Driven by hand and not executed, because such a run is never finished: next time the folder
    // may hold something else.
    let cx = run.context().child("count");
    let counted = output::during(map.run_reported(inputs, &cx), &progress).await;
    let walked = walking.await.unwrap_or_else(|error| resume_unwind(error.into_panic()));
    Ok(Counted { words: counted.result?, walked, files_read: progress.files(), stats: run.stats() })
}

/// The session of an earlier run of the same command, or a new one.
async fn open_session(dir: &Path, task: &Task) -> Result<Arc<ContextBundle>, Problem> {
    let meta = Meta::new("word_count")
        .with_label("folder", task.root.to_string_lossy())
        .with_label("chunk size", task.chunk.to_string());
    // What is counted again after a power loss costs less than a sync for each chunk.
    let sessions = Sessions::in_dir(dir).with_durability(Durability::Buffered);
    let session = sessions.open_or_create(meta).await?;
    output::recovered(session.recovered());
    Ok(Arc::new(session))
}
