//! What one file has to say to the question.

use std::cmp::Reverse;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maniple::context::relevance::{CorpusStats, Query};
use maniple::context::{Block, Encoding, Tiktoken, TokenCounter, blocks, outline};
use maniple::core::{AgentError, BaseAgent, agent_fn};
use maniple::orchestration::Combiner;
use serde::{Deserialize, Serialize};

use crate::walk::{File, Skipped, skip};

/// How much of one file can be chosen from, so that no file can crowd out the others.
const MOST_EXCERPTS: usize = 6;
const MOST_OUTLINE_LINES: usize = 40;
/// Lines.
const OPENING: NonZeroUsize = NonZeroUsize::new(5).unwrap();
/// A file with a zero byte near its start is no text.
const SNIFF: usize = 8 * 1024;

/// What was read, of one file or of many.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Digested {
    pub(crate) files: Vec<Reading>,
    pub(crate) corpus: CorpusStats,
    pub(crate) skipped: Skipped,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) path: String,
    pub(crate) tokens: usize,
    pub(crate) bytes: u64,
    pub(crate) encoding: TextEncoding,
    pub(crate) outline: Vec<(usize, String)>,
    pub(crate) excerpts: Vec<Excerpt>,
    /// How the file begins, where it says nothing of the question.
    pub(crate) opening: Option<Excerpt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TextEncoding {
    Utf8,
    /// Bytes that are not UTF-8 were replaced.
    Repaired,
}

/// Lines of a file that say some term of the question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Excerpt {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) text: String,
}

/// The agent that reads one file.
pub(crate) fn reader(
    root: PathBuf,
    query: Arc<Query>,
    counter: Arc<AtomicU64>,
) -> impl BaseAgent<Input = File, Output = Digested> {
    agent_fn("read", move |file: File, _cx| {
        let (path, query, counter) = (root.join(&file.path), query.clone(), counter.clone());
        async move {
            // Reading and counting keep a thread busy, so they get one of their own.
            let reading = tokio::task::spawn_blocking(move || read(path, file, &query));
            let digested = reading.await.map_err(AgentError::permanent)?;
            counter.fetch_add(1, Ordering::Relaxed);
            Ok(digested)
        }
    })
}

fn read(path: PathBuf, file: File, query: &Query) -> Digested {
    let mut digested = Digested::default();
    match std::fs::read(path) {
        Ok(bytes) if bytes.iter().take(SNIFF).any(|byte| *byte == 0) => {
            skip(&mut digested.skipped, "binary", file.path);
        }
        Ok(bytes) => digest(file, bytes, query, &mut digested),
        Err(error) => skip(&mut digested.skipped, "unreadable", refused(&file.path, &error)),
    }
    digested
}

fn refused(path: &str, error: &io::Error) -> String {
    format!("{path}: {error}")
}

fn digest(file: File, bytes: Vec<u8>, query: &Query, digested: &mut Digested) {
    let (text, encoding) = match String::from_utf8(bytes) {
        Ok(text) => (text, TextEncoding::Utf8),
        Err(error) => {
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), TextEncoding::Repaired)
        }
    };
    let mut scanner = query.scanner();
    digested.corpus.add(query, &scanner.count(&text));
    let mut excerpts: Vec<_> = blocks(&text)
        .filter_map(|block| {
            let counts = scanner.count(block.text);
            let distinct = counts.counts().iter().filter(|count| **count > 0).count();
            let all: u32 = counts.counts().iter().fold(0, |sum, count| sum.saturating_add(*count));
            (distinct > 0).then_some((Reverse((distinct, all)), block))
        })
        .collect();
    // Stable, so that of equals the earlier stays.
    excerpts.sort_by_key(|(worth, _)| *worth);
    excerpts.truncate(MOST_EXCERPTS);
    excerpts.sort_by_key(|(_, block)| block.lines.first());
    let opening = excerpts.is_empty().then(|| opening(&text)).flatten();
    digested.files.push(Reading {
        path: file.path,
        tokens: Tiktoken::new(Encoding::O200kBase).count(&text),
        bytes: file.bytes,
        encoding,
        outline: outline(&text)
            .take(MOST_OUTLINE_LINES)
            .map(|line| (line.number, line.text.to_owned()))
            .collect(),
        excerpts: excerpts.into_iter().map(|(_, block)| Excerpt::of(block)).collect(),
        opening,
    });
}

fn opening(text: &str) -> Option<Excerpt> {
    blocks(text).with_max_lines(OPENING).next().map(Excerpt::of)
}

impl Excerpt {
    fn of(block: Block<'_>) -> Self {
        Self { first: block.lines.first(), last: block.lines.last(), text: block.text.to_owned() }
    }
}

/// Puts the readings of many files together, in their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Together;

impl Combiner for Together {
    type Item = Digested;
    type Value = Digested;

    fn identity(&self) -> Digested {
        Digested::default()
    }

    fn lift(&self, digested: Digested) -> Digested {
        digested
    }

    fn combine(&self, mut left: Digested, right: Digested) -> Digested {
        left.files.extend(right.files);
        left.corpus = left.corpus.merge(right.corpus);
        for (reason, paths) in right.skipped {
            left.skipped.entry(reason).or_default().extend(paths);
        }
        left
    }
}
