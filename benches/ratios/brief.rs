//! The example `brief` against a plain loop that reads and counts the same files.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use benches::table::{Bar, Failed, Fastest, note};
use maniple::context::{Encoding, Tiktoken, TokenCounter};

const FILES: usize = 2_000;
const TURNS: usize = 7;
/// What makes this program the plain loop, in a process of its own as `brief` is.
const PLAIN_LOOP: &str = "--plain-loop";

/// Three rows: without a session, with one, and resumed from one that has everything.
pub(crate) fn rows() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let found = gather(folder.path())?;
    if found < FILES {
        println!("SKIPPED: brief, because cargo's registry has {found} source files, not {FILES}");
        return Ok(());
    }
    let (brief, this) = (build_brief()?, std::env::current_exe()?);
    let [mut plain, mut bare, mut journaled, mut resumed] = [Fastest::default(); 4];
    let mut memory = 0;
    for _ in 0..TURNS {
        let session = tempfile::tempdir()?;
        let plain_loop = Command::new(&this).arg(PLAIN_LOOP).arg(folder.path()).spawn_timed()?;
        plain.0 = plain.0.min(plain_loop.0);
        let once = || {
            let mut command = Command::new(&brief);
            command.arg(folder.path()).args(["--question", "how does retry work?", "--json"]);
            command
        };
        let (took, _) = once().spawn_timed()?;
        bare.0 = bare.0.min(took);
        let (took, peak) = once().arg("--session").arg(session.path()).spawn_timed()?;
        journaled.0 = journaled.0.min(took);
        memory = memory.max(peak);
        let (took, _) = once().arg("--session").arg(session.path()).spawn_timed()?;
        resumed.0 = resumed.0.min(took);
    }
    Bar::Ratio(3.0).judge("brief of 2,000 files / reading and counting them", bare, plain);
    Bar::Ratio(3.0).judge("  the same with a session / the same", journaled, plain);
    note("  the same, replayed from it / the same", resumed.over(plain), "x");
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    Bar::MiB(300.0).print("  its peak memory, with a session", memory as f64 / 1024.0 / 1024.0);
    Ok(())
}

trait SpawnTimed {
    /// Runs to the end: the time it took, and the peak memory that it says it had.
    fn spawn_timed(&mut self) -> Result<(std::time::Duration, u64), Failed>;
}

impl SpawnTimed for Command {
    fn spawn_timed(&mut self) -> Result<(std::time::Duration, u64), Failed> {
        let began = Instant::now();
        let output = self.stderr(Stdio::inherit()).output()?;
        let took = began.elapsed();
        if !output.status.success() {
            return Err(format!("{self:?} failed: {}", output.status).into());
        }
        let said: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        Ok((took, said["peak_memory_bytes"].as_u64().unwrap_or(0)))
    }
}

pub(crate) fn asked_for_plain_loop() -> Option<PathBuf> {
    let mut arguments = std::env::args_os().skip_while(|argument| argument != PLAIN_LOOP);
    arguments.nth(1).map(PathBuf::from)
}

/// Reads every file and counts its tokens, over the threads that `brief` would use.
pub(crate) fn plain_loop(folder: &Path) -> Result<(), Failed> {
    let paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, Failed>>()?;
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let (next, tokens) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..threads.get() {
            scope.spawn(|| {
                let counter = Tiktoken::new(Encoding::O200kBase);
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Ok(text) = std::fs::read_to_string(path) {
                        tokens.fetch_add(counter.count(&text), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    println!("{}", serde_json::json!({ "tokens": tokens.into_inner() }));
    Ok(())
}

/// Copies source files of cargo's registry into one folder.
fn gather(into: &Path) -> Result<usize, Failed> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let Some(registry) = home.map(|home| home.join("registry/src")) else { return Ok(0) };
    let mut copied = 0;
    let walk = ignore::WalkBuilder::new(registry)
        .standard_filters(false)
        .sort_by_file_name(Ord::cmp)
        .build();
    for entry in walk.filter_map(Result::ok) {
        let is_source = entry.path().extension().is_some_and(|ending| ending == "rs");
        if is_source && entry.metadata().is_ok_and(|m| m.is_file() && m.len() < 1 << 20) {
            std::fs::copy(entry.path(), into.join(format!("{copied:04}.rs")))?;
            copied += 1;
            if copied == FILES {
                break;
            }
        }
    }
    Ok(copied)
}

/// Builds the example and says where it is.
fn build_brief() -> Result<PathBuf, Failed> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "examples", "--example", "brief"])
        .status()?;
    if !status.success() {
        return Err("the example brief does not build".into());
    }
    // This program lies in `deps`, beside `examples`.
    let this = std::env::current_exe()?;
    let profile = this.parent().and_then(Path::parent).ok_or("this program lies nowhere")?;
    Ok(profile.join("examples").join(format!("brief{}", std::env::consts::EXE_SUFFIX)))
}
