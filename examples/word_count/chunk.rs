//! One piece of one file, and the agent that counts its words.

use std::fs::{File, Metadata};
use std::io;
use std::num::NonZeroU64;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use maniple::core::{AgentError, BaseAgent, Class, Classify, agent_fn};
use serde::{Serialize, Serializer};

use crate::words::{Counts, count_words};

/// A file, and what tells it from what it was or will be.
#[derive(Debug)]
pub(crate) struct OpenFile {
    path: PathBuf,
    file: File,
    /// The path below the folder, every other than printable ASCII byte escaped: names need not be
    /// UTF-8.
    name: String,
    bytes: u64,
    changed: String,
    begun: AtomicBool,
}

/// So many bytes of a file, and the words that begin in them.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    file: Arc<OpenFile>,
    start: u64,
    /// None in the last one: whatever was written behind it in the meantime counts too.
    end: Option<u64>,
}

impl OpenFile {
    pub(crate) fn new(root: &Path, path: PathBuf, file: File, metadata: &Metadata) -> Arc<Self> {
        let name = path.strip_prefix(root).unwrap_or(&path).as_os_str().as_encoded_bytes();
        Arc::new(Self {
            name: name.escape_ascii().to_string(),
            bytes: metadata.len(),
            changed: changed(metadata),
            begun: AtomicBool::new(false),
            path,
            file,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// At least one, an empty one of an empty file.
    pub(crate) fn chunks(self: Arc<Self>, size: NonZeroU64) -> impl Iterator<Item = Chunk> {
        let number = self.bytes.div_ceil(size.get()).max(1);
        (0..number).map(move |at| Chunk {
            file: self.clone(),
            start: at * size.get(),
            end: (at + 1 < number).then(|| (at + 1) * size.get()),
        })
    }
}

impl Chunk {
    /// The same only while the file is the same.
    pub(crate) fn key(&self) -> String {
        let OpenFile { name, bytes, changed, .. } = &*self.file;
        format!("{name} {bytes} {changed} @{}", self.start)
    }
}

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.key())
    }
}

/// When the file was written last and, where the system says so, when anything about it has changed:
/// whoever sets the one time back does not set back the other.
fn changed(metadata: &Metadata) -> String {
    let nanos = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |at| at.as_nanos());
    let modified = metadata.modified().map_or(0, nanos);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        format!("{modified} {}.{:09}", metadata.ctime(), metadata.ctime_nsec())
    }
    #[cfg(not(unix))]
    modified.to_string()
}

/// How far the counting is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Read>);

#[derive(Debug, Default)]
struct Read {
    found: AtomicU64,
    files: AtomicU64,
    chunks: AtomicU64,
}

impl Progress {
    /// Counts a file that the walk has come by.
    pub(crate) fn find(&self) {
        self.0.found.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn found(&self) -> u64 {
        self.0.found.load(Ordering::Relaxed)
    }

    /// Files of which something was read.
    pub(crate) fn files(&self) -> u64 {
        self.0.files.load(Ordering::Relaxed)
    }

    pub(crate) fn chunks(&self) -> u64 {
        self.0.chunks.load(Ordering::Relaxed)
    }

    fn count(&self, file: &OpenFile) {
        self.0.chunks.fetch_add(1, Ordering::Relaxed);
        if !file.begun.swap(true, Ordering::Relaxed) {
            self.0.files.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A disk that failed may be well again when the same command is given again.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}", path.display())]
struct ReadError {
    path: PathBuf,
    source: io::Error,
}

impl Classify for ReadError {
    fn class(&self) -> Class {
        Class::Transient
    }
}

/// The agent that counts the words of one chunk.
pub(crate) fn counter(progress: Progress) -> impl BaseAgent<Input = Chunk, Output = Counts> {
    agent_fn("chunk", move |chunk: Chunk, _cx| {
        let progress = progress.clone();
        async move {
            let file = chunk.file.clone();
            // Reading and counting keep a thread busy, so they get one of their own.
            let counting = tokio::task::spawn_blocking(move || {
                let read = |buffer: &mut [u8], at| read_at(&chunk.file.file, buffer, at);
                count_words(read, chunk.start, chunk.end)
            });
            let counted = match counting.await {
                Ok(counted) => counted,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                Err(error) => return Err(AgentError::transient(error)),
            };
            let counts = counted.map_err(|source| ReadError { path: file.path.clone(), source })?;
            progress.count(&file);
            Ok(counts)
        }
    })
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}
