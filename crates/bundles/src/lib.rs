//! Sessions that lose nothing: an append-only, hash-chained, crash-safe log of what agents did.
//!
//! [`Sessions`] are those of a [store](BundleStore): a directory, a database, or memory. Each is an
//! append-only log of [`Action`]s, and the [`State`] that they come to. A [`ContextBundle`] is one that
//! is open for writing: [`append`](ContextBundle::append) takes an action at once and acknowledges it
//! when it is durable; after a crash, a restart or a hand-off, [`remount`](Sessions::remount) continues
//! at the exact point, in whichever process. It is a [`Journal`](maniple_core::Journal), so every run
//! can be made to survive the process by handing it one.
//!
//! ```
//! use maniple_bundles::{Action, BundleError, Meta, Sessions};
//!
//! # async fn example(dir: &std::path::Path) -> Result<(), BundleError> {
//! let sessions = Sessions::in_dir(dir);
//! let bundle = sessions.create(Meta::new("triage")).await?;
//! bundle.append(Action::Note { text: "the flaky test is in net::retry".into() }).await?;
//! bundle.set("suspects", &["retry", "dns"]).await?;
//! let id = bundle.id();
//! drop(bundle); // or the process is killed
//!
//! let bundle = sessions.remount(id).await?;
//! let suspects: Option<Vec<String>> = bundle.get("suspects").expect("it is a list of texts");
//! assert_eq!(suspects.unwrap().len(), 2);
//!
//! // A second opinion from the same point: nothing is copied, and the first is left as it is.
//! let fork = bundle.fork(1, Meta::new("second opinion")).await?;
//! fork.set("suspects", &["the disk"]).await?;
//! let merge = bundle.merge(&fork.view(), maniple_bundles::MergePolicy::Ours).await?;
//! assert_eq!(merge.conflicts.len(), 1);
//!
//! bundle.close().await?;
//! # Ok(())
//! # }
//! # let dir = tempfile::tempdir().unwrap();
//! # futures::executor::block_on(example(dir.path())).unwrap();
//! ```
//!
//! # What there is
//! - [`Sessions`]: create, [remount](Sessions::remount), [list](Sessions::list) by a [`Filter`]
//!   without opening logs, [delete](Sessions::delete) with a tombstone, expiry,
//!   [import](Sessions::import). It is core's [`RunStore`](maniple_core::RunStore) too, so that a
//!   process finds the runs that it can go on with. A [`Namespace`] keeps tenants apart.
//! - [`ContextBundle`]: append, values with [get](ContextBundle::get), [set](ContextBundle::set) and
//!   [history](ContextBundle::history), [checkpoint](ContextBundle::checkpoint),
//!   [snapshot](ContextBundle::snapshot), [fork](ContextBundle::fork), [merge](ContextBundle::merge),
//!   [compact](ContextBundle::compact), [hand off](ContextBundle::hand_off).
//! - [`SessionView`]: a session that is read, whoever writes it: actions, [state](SessionView::state)
//!   at any [`Point`], [diff](SessionView::diff), [verify](SessionView::verify),
//!   [export](SessionView::export), [tail](SessionView::tail), and a [check](SessionView::check) of
//!   what a hand-off claims against what the log says.
//! - [`Redactor`]: no common credential reaches the disk, unless the host wants it so.
//!
//! # Guarantees
//! - *Order*: an action is accepted, behind all that were accepted before it, when `append` returns
//!   its future. What is in the log is always a prefix of what was accepted, but for what was refused.
//! - *Durability*: what was acknowledged survives what its [`Durability`] says, and remounting finds
//!   a prefix that contains all of it, also after several crashes in a row that keep any part of what
//!   was not synced.
//! - *Damage*: every line is chained to the ones before it by BLAKE3. Damage is an error that names
//!   file, line and byte offset. The one exception is a tail that cannot be told from a write that
//!   a crash tore: it is erased, and [`recovered`](ContextBundle::recovered) says so. No crash leads
//!   to a log that is refused.
//! - *One writer*: a second opener, in this process or another, gets
//!   [`BundleError::OpenElsewhere`]. Where a lock does not hold, the writer that came first is
//!   [`Fenced`](BundleError::Fenced).
//! - *Failure*: an append that the system refuses fails with a typed error and leaves the log as it
//!   was; the next one succeeds when the cause is gone. After a *sync* that failed nothing more is
//!   taken, because what the system then shows need not be what it wrote: remounting writes again what
//!   is in doubt. A run whose record was refused takes no more until its session is remounted.
//! - *Sharing*: what a living fork shares with its parent is kept, whatever is compacted or deleted.
//!
//! # Limits
//! - Nothing is encrypted; on Unix the files are readable by their owner alone (0600, in directories of
//!   0700). Redaction finds what its patterns describe, and no more.
//! - The chain shows a deliberate change to whoever holds an earlier [`ChainHead`]; whoever can write
//!   all files of a session can make another one of it.
//! - In a log that was not [closed](ContextBundle::close), damage to what was written since the last
//!   sync but one cannot be told from a torn write.
//! - A step is recorded once and may run more than once; see core.
//! - An action has at most 64 MiB of JSON. Actions wait in memory until they are written: whoever
//!   appends without awaiting sets the bound. Compacting with [`History::Drop`] holds what it keeps in
//!   memory.
//! - A growing list of elements that are long themselves is stored anew in part each time: strings and
//!   runs of short elements are shared, nested parts are not.
//! - Forking at another point than the end, [`diff`](SessionView::diff) and
//!   [`merge`](ContextBundle::merge) read the log; forking at the end does not.
//! - Advisory locks do not hold on every network file system. The simulation that the crate is tested
//!   on is one of a local disk.
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
pub use session::{Forked, InvalidNamespace, InvalidSessionId, Meta, Namespace, Point, SessionId};
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
