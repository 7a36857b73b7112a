//! `handoff [FOLDER]`: one process works through the files of a folder and is killed; another one
//! remounts its session, finishes the work, and hands it over with claims that the log confirms.
//!
//! The work on a file is a step that must not happen twice: it writes the file's digest to a ledger.
//! Where the first process dies between writing the ledger and writing the receipt, the second one
//! looks into the ledger, by the idempotency key that stands there, instead of guessing. In the end
//! the ledger is read by whoever started both, who believes neither: every file is in it once.
//!
//! ```console
//! $ cargo run --release -p examples --example handoff -- crates
//! ```

#[path = "handoff/ledger.rs"]
mod ledger;
#[path = "handoff/worker.rs"]
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use maniple::bundles::{BundleError, Filter, Sessions};
use maniple::core::{AgentError, Support};

use ledger::Ledger;
use worker::Finished;

/// Let one process work through the files of a folder, kill it, and let another one finish.
#[derive(Debug, Parser)]
#[command(name = "handoff", version, about, max_term_width = 100)]
#[command(after_help = "\
Exit codes: 0 every file was worked on once, 1 it was not, or something failed, 2 the command is
wrong.")]
struct Arguments {
    /// The folder whose files are worked on
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// How many files are worked on, at most
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(2..))]
    files: u32,
    /// The folder of the session and the ledger; a temporary one, if it is not given
    #[arg(long, value_name = "DIR")]
    session: Option<PathBuf>,
    /// Work as one of the two processes, and wait to be killed behind that many files
    #[arg(long, hide = true, value_name = "FILES")]
    worker: Option<usize>,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io { attempt: &'static str, path: PathBuf, source: io::Error },
    #[error("{} holds {found} files that can be read: give a folder with at least 2", folder.display())]
    TooFew { folder: PathBuf, found: usize },
    #[error("there is work of an earlier time in {}: give another --session", dir.display())]
    Used { dir: PathBuf },
    #[error("one of the two processes failed")]
    Failed,
    #[error("cannot understand what the second process said: {source}")]
    Unintelligible { source: serde_json::Error },
    #[error("{twice} files were worked on twice, and {never} never")]
    Wrong { twice: usize, never: usize },
    #[error("the log does not confirm {claims} of the claims")]
    Unsupported { claims: usize },
    #[error("{} is not there: the first process has made no session", dir.display())]
    NoSession { dir: PathBuf },
    #[error(transparent)]
    Session(#[from] BundleError),
    #[error(transparent)]
    Run(#[from] AgentError),
}

impl Problem {
    fn io(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempt, path: path.to_owned(), source }
    }

    /// 2 where the command has to be changed, 1 where the world has to be.
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::TooFew { .. } | Self::Used { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match (&arguments.session, arguments.worker) {
        (Some(dir), Some(until)) => {
            worker::work(&arguments.folder, arguments.files, until, dir).await
        }
        (Some(dir), None) => supervise(&arguments, dir).await,
        (None, _) => match tempfile::tempdir() {
            Ok(dir) => supervise(&arguments, dir.path()).await,
            Err(source) => Err(Problem::io("make a folder in", &std::env::temp_dir())(source)),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("handoff: {problem}");
            problem.exit_code()
        }
    }
}

/// Starts both, and judges what they did.
async fn supervise(arguments: &Arguments, dir: &Path) -> Result<(), Problem> {
    let queue = worker::queue(&arguments.folder, arguments.files)?;
    if queue.len() < 2 {
        let folder = arguments.folder.clone();
        return Err(Problem::TooFew { folder, found: queue.len() });
    }
    let ledger = Ledger::in_dir(dir);
    if !ledger.read()?.is_empty() {
        return Err(Problem::Used { dir: dir.to_owned() });
    }
    println!("{} files to work on, from {}", queue.len(), arguments.folder.display());

    // It must not be done before it is killed, however slow this process is.
    let mut first = start(arguments, queue.len() - 1, dir)?;
    let by_first = kill_when(&mut first, &ledger, queue.len() / 3)?;
    println!("process {} killed: {by_first} files are in the ledger", first.id());

    let second = start(arguments, usize::MAX, dir)?;
    let id = second.id();
    let output = second.wait_with_output().map_err(Problem::io("wait for", dir))?;
    if !output.status.success() {
        return Err(Problem::Failed);
    }
    let finished: Finished = serde_json::from_slice(&output.stdout)
        .map_err(|source| Problem::Unintelligible { source })?;
    println!(
        "process {id} went on: {} replayed, {} found in the ledger, {} worked on",
        finished.replayed, finished.found, finished.worked_on,
    );

    let (mut twice, mut never) = (0, 0);
    let entries = ledger.read()?;
    let mut count: BTreeMap<&str, usize> = queue.iter().map(|file| (file.as_str(), 0)).collect();
    for entry in &entries {
        *count.entry(entry.file.as_str()).or_default() += 1;
    }
    for (file, times) in count {
        match times {
            1 => {}
            0 => never += 1,
            _ => twice += 1,
        }
        if times != 1 {
            println!("  {file}: {times} times");
        }
    }
    println!("the ledger has each of {} files once: {}", queue.len(), twice + never == 0);

    let sessions = Sessions::in_dir(dir);
    let listed = sessions.list(&Filter::all()).await?;
    let [session] = &listed[..] else { return Err(Problem::NoSession { dir: dir.to_owned() }) };
    let checked = sessions.view(session.id).await?.check(&finished.document).await?;
    let mut unsupported = 0;
    for checked in &checked {
        unsupported += usize::from(checked.support != Support::Verified);
        let receipts = checked.claim.receipts.len();
        println!("claim {:?}, {receipts} receipts: {:?}", checked.claim.text, checked.support);
    }
    match (twice + never, unsupported) {
        (0, 0) => Ok(()),
        (0, claims) => Err(Problem::Unsupported { claims }),
        _ => Err(Problem::Wrong { twice, never }),
    }
}

fn start(arguments: &Arguments, until: usize, dir: &Path) -> Result<Child, Problem> {
    let program =
        std::env::current_exe().map_err(Problem::io("find", Path::new("this program")))?;
    Command::new(&program)
        .args(["--worker", &until.to_string()])
        .arg(&arguments.folder)
        .args(["--files", &arguments.files.to_string()])
        .arg("--session")
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Problem::io("start", &program))
}

/// Kills a process when that many files are in the ledger, and says how many are there then.
fn kill_when(process: &mut Child, ledger: &Ledger, files: usize) -> Result<usize, Problem> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let began = Instant::now();
    while ledger.read()?.len() < files && began.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(1));
    }
    let ended = process.try_wait().map_err(Problem::io("wait for", ledger.path()))?;
    if ended.is_some() {
        return Err(Problem::Failed);
    }
    process.kill().map_err(Problem::io("kill the process of", ledger.path()))?;
    process.wait().map_err(Problem::io("wait for", ledger.path()))?;
    Ok(ledger.read()?.len())
}
