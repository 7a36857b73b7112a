use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use super::author::{Author, Batch, Numbered};
use crate::error::BundleError;
use crate::format::BlobId;
use crate::store::{BundleStore, Commit, SessionReader, SessionWriter};

/// The name of a rule, which every message begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule(pub(super) &'static str);

/// Asserts that a call was refused with such an error.
macro_rules! refused {
    ($rule:expr, $what:expr, $found:expr, $expected:pat) => {{
        let found = $found;
        assert!(
            matches!(found, Err($expected)),
            "{}: {} gives {:?}, not {}",
            $rule.0,
            $what,
            found,
            stringify!($expected),
        );
    }};
}
pub(super) use refused;

impl Rule {
    /// The answer, where there must be one.
    pub(super) fn ok<T>(self, what: &str, answer: Result<T, BundleError>) -> T {
        answer.unwrap_or_else(|error| panic!("{}: {what} fails: {error}", self.0))
    }

    /// That both are the same.
    pub(super) fn same<T: PartialEq + Debug>(self, what: &str, found: &T, expected: &T) {
        let rule = self.0;
        assert!(found == expected, "{rule}: {what} is {found:?}, not {expected:?}");
    }

    /// The session of this author, created.
    pub(super) fn create(
        self,
        store: &impl BundleStore,
        author: &Author,
    ) -> Box<dyn SessionWriter> {
        self.ok("creating a session", store.create(&author.new_session()))
    }

    /// Writes a batch as a bundle does.
    pub(super) fn write(self, writer: &mut dyn SessionWriter, batch: &Batch, commit: Commit) {
        for (id, content) in &batch.blobs {
            self.ok("putting a blob", writer.put_blob(*id, content));
        }
        self.ok("appending", writer.append(&batch.lines, commit));
    }

    /// That the session says what its author knows, from the action `from` on, and of all blobs that
    /// its lines need.
    pub(super) fn log(self, when: &str, reader: &dyn SessionReader, author: &Author, from: u64) {
        let expected: Vec<_> = author.log().iter().filter(|(seq, _)| *seq >= from).collect();
        let found = self.read(when, reader, from);
        let rule = self.0;
        let numbers = |lines: &[&Numbered]| lines.iter().map(|(seq, _)| *seq).collect::<Vec<_>>();
        let (shown, meant) = (numbers(&found.iter().collect::<Vec<_>>()), numbers(&expected));
        assert!(
            shown == meant,
            "{rule}: {when}, the lines from {from} on are those of {shown:?}, not of {meant:?}"
        );
        let differs = found.iter().zip(&expected).find(|(found, expected)| found != *expected);
        if let Some(((seq, _), _)) = differs {
            panic!("{rule}: {when}, the line of {seq} is not as it was written");
        }
        for id in author.blobs() {
            let content = self.ok("reading a blob", reader.blob(id));
            let is_whole = content.is_some_and(|content| BlobId::of(&content) == id);
            assert!(is_whole, "{rule}: {when}, the blob {id} is not as it was put");
        }
    }

    /// The lines from the action `from` on.
    pub(super) fn read(self, when: &str, reader: &dyn SessionReader, from: u64) -> Vec<Numbered> {
        let mut lines = Vec::new();
        let read = reader.lines(from, &mut |line| {
            lines.push((line.seq(), line.bytes().to_vec()));
            Ok(ControlFlow::Continue(()))
        });
        self.ok(&format!("reading the lines, {when},"), read);
        lines
    }
}

/// Says that it is over also where a check fails, so that nobody waits for ever.
pub(super) struct Over<'a>(pub(super) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a thread has come to, which may be that a rule is broken.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
