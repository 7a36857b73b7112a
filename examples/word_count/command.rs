//! What the program is asked.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Parser;

use crate::given::{FolderError, absolute, folder};

/// What one worker reads at a time: it bounds what the words of a chunk take in memory, and in a
/// session.
const CHUNK: NonZeroU64 = NonZeroU64::new(4 * 1024 * 1024).unwrap();

/// Count the words of all files below a folder.
///
/// A word is a run of ASCII letters and digits, and capitals count as small letters; every other
/// byte lies between words, whatever the encoding. Every regular file counts, hidden and binary
/// ones too; links are not followed. What cannot be read is listed and left out.
#[derive(Debug, Parser)]
#[command(name = "word_count", version, about, max_term_width = 100)]
#[command(after_help = "\
It prints what this prints, whatever the size of the files:
  export LC_ALL=C
  find FOLDER -type f -exec grep -aohE '[[:alnum:]]+' {} + |
      tr A-Z a-z | sort | uniq -c | sort -k1,1nr -k2

Memory grows with the number of different words, and with a session also with the number of files.
Exit codes: 0 the words were counted, 1 they could not be, 2 the command is wrong.")]
pub(crate) struct Command {
    /// The folder to read
    folder: PathBuf,
    /// How many files, or chunks of files, are read at the same time [default: one for each core]
    #[arg(long, short)]
    jobs: Option<NonZeroUsize>,
    /// Print only so many of the words that occur most often [default: all words]
    #[arg(long, short)]
    top: Option<usize>,
    /// Keep a session in this folder: the same command goes on where it was stopped or killed, and
    /// reads again only what has changed. It is not counted itself
    #[arg(long, short, value_name = "DIR")]
    session: Option<PathBuf>,
    /// Files that are larger are read in chunks of so many bytes
    #[arg(long, default_value_t = CHUNK, value_name = "BYTES")]
    chunk: NonZeroU64,
}

/// A command that makes sense.
#[derive(Debug)]
pub(crate) struct Task {
    /// The folder, absolute.
    pub(crate) root: PathBuf,
    pub(crate) jobs: NonZeroUsize,
    pub(crate) top: Option<usize>,
    /// The session's folder, absolute.
    pub(crate) session: Option<PathBuf>,
    pub(crate) chunk: NonZeroU64,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// Checks what can be known before anything is read.
    pub(crate) fn check(&self) -> Result<Task, FolderError> {
        Ok(Task {
            root: folder(&self.folder)?,
            jobs: self.jobs.or_else(|| available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN),
            top: self.top,
            session: self.session.as_deref().map(absolute),
            chunk: self.chunk,
        })
    }
}
