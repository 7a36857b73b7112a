//! What the program prints.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::future::Future;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::pin::pin;
use std::time::{Duration, Instant};

use maniple::bundles::Recovery;

use crate::Counted;
use crate::chunk::Progress;
use crate::problem::Problem;

const NOW_AND_THEN: Duration = Duration::from_secs(2);

/// Prints the words that occur most often first, and of those that occur equally often the first in
/// order, in the form of `uniq -c`.
pub(crate) fn print(words: &BTreeMap<String, u64>, top: Option<usize>) -> Result<(), Problem> {
    let mut words: Vec<(&str, u64)> =
        words.iter().map(|(word, count)| (word.as_str(), *count)).collect();
    // Stable, so that equals stay in the order of the words.
    words.sort_by_key(|(_, count)| Reverse(*count));
    words.truncate(top.unwrap_or(usize::MAX));
    match write(&words) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|source| Problem::Print { source }),
    }
}

fn write(words: &[(&str, u64)]) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for (word, count) in words {
        writeln!(out, "{count:>7} {word}")?;
    }
    out.flush()
}

/// For people, beside the words and not among them.
pub(crate) fn tell(counted: &Counted, has_session: bool, wall: Duration) {
    let Counted { words, walked, files_read, stats } = counted;
    eprintln!(
        "{} files, {} bytes: {} words, {} different, in {wall:.2?}",
        walked.files,
        walked.bytes,
        words.values().sum::<u64>(),
        words.len(),
    );
    if has_session {
        eprintln!(
            "{files_read} files read, {} replayed from the session ({} of their chunks read, {} \
             replayed)",
            walked.files - files_read,
            stats.branches_run,
            stats.branches_replayed,
        );
    }
    if walked.skipped > 0 {
        eprintln!("{} files and folders left out: they cannot be read", walked.skipped);
    }
}

/// Says what opening the session has erased: the last record of a process that was killed in the
/// middle of it.
pub(crate) fn recovered(recovery: Option<Recovery>) {
    if let Some(Recovery { seq, erased_bytes, .. }) = recovery {
        eprintln!(
            "word_count: the session ended in the middle of action {seq}: {erased_bytes} bytes erased"
        );
    }
}

/// Says now and then how far the work is.
pub(crate) async fn during<T>(work: impl Future<Output = T>, progress: &Progress) -> T {
    let began = Instant::now();
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(NOW_AND_THEN, work.as_mut()).await {
            Ok(result) => return result,
            Err(_) => eprintln!(
                "{:>3} s  found {} files, read {} of them in {} chunks",
                began.elapsed().as_secs(),
                progress.found(),
                progress.files(),
                progress.chunks(),
            ),
        }
    }
}
