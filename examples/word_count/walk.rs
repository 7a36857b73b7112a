//! Finds the files, and gives them away chunk by chunk.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::WalkBuilder;
use tokio::sync::mpsc::Sender;

use crate::chunk::{Chunk, OpenFile, Progress};

/// What the walk has come by.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) files: u64,
    /// The size of the files when they were opened.
    pub(crate) bytes: u64,
    /// Files and folders that could not be read.
    pub(crate) skipped: u64,
}

/// Why something is not counted.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("cannot list {source}")]
    List { source: ignore::Error },
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
}

/// Opens each file below a folder and sends its chunks, as fast as somebody takes them. It blocks its
/// thread.
///
/// Files are opened here, so that those that cannot be are never work: nothing of them is journaled,
/// and the same command tries them again. A chunk is named by what its open file is, so what is read
/// is what it was named by.
pub(crate) fn walk(
    root: &Path,
    own: Option<&Path>,
    size: NonZeroU64,
    chunks: &Sender<Chunk>,
    progress: &Progress,
) -> Walked {
    let own = own.map(Path::to_owned);
    let mut walked = Walked::default();
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .filter_entry(move |entry| own.as_deref() != Some(entry.path()))
        .build();
    for entry in walk {
        let opened = match entry {
            Ok(entry) if !entry.file_type().is_some_and(|kind| kind.is_file()) => continue,
            Ok(entry) => open(root, entry.into_path()),
            Err(source) => Err(Unread::List { source }),
        };
        match opened {
            Ok(file) => {
                walked.files += 1;
                progress.find();
                walked.bytes += file.bytes();
                for chunk in file.chunks(size) {
                    if chunks.blocking_send(chunk).is_err() {
                        // Nobody counts any more.
                        return walked;
                    }
                }
            }
            // Told at once, because a list of them could be as long as that of the files.
            Err(unread) => {
                walked.skipped += 1;
                eprintln!("word_count: left out: {unread}");
            }
        }
    }
    walked
}

fn open(root: &Path, path: PathBuf) -> Result<Arc<OpenFile>, Unread> {
    let opened = File::open(&path).and_then(|file| {
        let metadata = file.metadata()?;
        Ok((file, metadata))
    });
    match opened {
        Ok((file, metadata)) => Ok(OpenFile::new(root, path, file, &metadata)),
        Err(source) => Err(Unread::Open { path, source }),
    }
}
