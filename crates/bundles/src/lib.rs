//! Sessions that lose nothing: an append-only, hash-chained, crash-safe log of what agents did.
//!
//! A [`ContextBundle`] is one session in a directory of its own. [`append`](ContextBundle::append)
//! takes an [`Action`] at once and acknowledges it when it is durable; after a crash, a restart or a
//! hand-off, [`remount`](ContextBundle::remount) continues at the exact point. It is a
//! [`Journal`](maniple_core::Journal), so every run can be made to survive the process by handing
//! it one.
//!
//! ```
//! use maniple_bundles::{Action, BundleError, ContextBundle, Durability, Meta};
//!
//! # async fn example(dir: &std::path::Path) -> Result<(), BundleError> {
//! let bundle = ContextBundle::create(dir, Meta::new("triage"), Durability::Synced).await?;
//! bundle.append(Action::Note { text: "the flaky test is in net::retry".into() }).await?;
//! drop(bundle); // or the process is killed
//!
//! let bundle = ContextBundle::open_or_create(dir, Meta::new("triage"), Durability::Synced).await?;
//! for entry in bundle.actions().await? {
//!     println!("{} {:?}", entry.seq, entry.action);
//! }
//! # assert_eq!(bundle.actions().await?.len(), 1);
//! bundle.close().await?;
//! # Ok(())
//! # }
//! # let dir = tempfile::tempdir().unwrap();
//! # let session = dir.path().join("session");
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(example(&session)).unwrap();
//! ```
//!
//! # Guarantees
//! - *Order*: an action is accepted, behind all that were accepted before it, when `append` returns
//!   its future. What is on disk is always a prefix of what was accepted.
//! - *Durability*: what was acknowledged survives what its [`Durability`] says, and remounting finds
//!   a prefix that contains all of it.
//! - *Damage*: every line is chained to the ones before it by BLAKE3. Damage is an error that names
//!   file, line and byte offset. The one exception is a tail that cannot be told from a write that
//!   a crash tore: it is erased, and [`recovered`](ContextBundle::recovered) says so.
//! - *One writer*: a second opener, in this process or another, gets
//!   [`BundleError::OpenElsewhere`].
//! - *Failure*: after the first append that fails nothing more is taken; the log stays a valid
//!   prefix, and remounting goes on when the cause is gone.
//!
//! # Limits
//! - The format has the version 0: it is not yet promised to anyone.
//! - Payloads are written as they are given. Nothing is redacted or encrypted; on Unix the files
//!   are readable by their owner alone (0600, in a directory of 0700).
//! - The chain shows a change to whoever holds an earlier [`ChainHead`]; without one, a log that was
//!   cut exactly between two lines is a shorter valid log.
//! - Damage to the last line of a log that was not [closed](ContextBundle::close) cannot be told
//!   from a torn write. After power loss, a file system that keeps the later pages of an unsynced
//!   write without the earlier ones leaves a log that is refused as damaged, not repaired.
//! - After a sync that failed, some systems (Linux) still show what they did not write, and say of a
//!   later sync that it succeeded. Where a bundle failed that way, what was not synced before may be
//!   lost with the power, with what is appended after it, although remounting found it.
//! - Advisory locks do not hold on every network file system.
//!
//! # No runtime is needed
//! Every open bundle has one thread of its own, which does all of its I/O and ends with it. The
//! futures wait for that thread and run on any executor.
//!
//! # Features
//! - `sqlite`: `SqliteStore`, which keeps sessions in a database. It compiles SQLite, which needs a C
//!   compiler.
//! - `testkit`: the contract that every [`BundleStore`] must keep, as functions to call from its tests.
//!
//! None is on by default.

mod action;
mod bundle;
#[cfg(test)]
mod crashes;
mod disk;
mod durability;
mod error;
mod format;
mod handoff;
mod json;
mod log;
mod offload;
mod redact;
mod session;
mod sessions;
mod split;
mod state;
mod store;
#[cfg(feature = "testkit")]
pub mod testkit;
mod view;
mod writer;

pub use action::{Action, Entry, MergedValue, TaskStatus};
pub use bundle::{Append, Compacted, Conflict, ContextBundle, Decide, History, Merge, MergePolicy};
pub use durability::Durability;
pub use error::{BundleError, Damage};
pub use format::{BlobId, ChainHead, InvalidHash, MAX_ACTION_BYTES, SCHEMA};
pub use handoff::{CheckedClaim, Handoff, HandoffDocument, OpenWork};
pub use log::Verified;
pub use redact::{InvalidPattern, Redactor};
pub use session::{Forked, InvalidSessionId, Meta, Point, SessionId};
pub use sessions::{Collected, Filter, LogSummary, Sessions, Summary, Tombstone};
pub use state::{RunState, State, Task, Value};
pub use store::{
    BundleStore, Commit, Document, FileStore, Line, Lines, Listed, MemoryStore, NewSession,
    Recovery, SessionReader, SessionWriter, Visit,
};
#[cfg(feature = "sqlite")]
pub use store::{SqliteStore, UnfitDatabase};
pub use view::{Diff, Difference, Exported, SessionView, Tail};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
