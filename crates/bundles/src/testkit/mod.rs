//! The contract of [`BundleStore`], for the tests of whoever implements it.

mod author;
mod life;
mod logs;
mod rewriting;
mod rule;
mod sessions;

use crate::store::BundleStore;

/// Checks that a store keeps the contract of [`BundleStore`].
///
/// `open` opens the *same* store each time that it is called, as the next process would, and is
/// called several times; what it returned before has been dropped by then, so a store may hold a
/// lock. The store is empty at first, and nobody else uses it meanwhile. The rules:
///
/// - **created**: a session that was created is there, with the header that it was given, and is
///   open; one of the same id is not created again; one whose parent is not there, or deleted and not kept, is not
///   created, and leaves nothing.
/// - **once**: of several that ask for a session at the same time, one creates it and the others find
///   it; where there are more, the newest is found, and none that was deleted.
/// - **alone**: a session is open once, whoever asks, until its writer is dropped, and is not deleted
///   while it is open.
/// - **free**: a session that nobody has open is opened, also while garbage is collected.
/// - **listed**: all sessions are listed in the order of their ids, with header and card.
/// - **lines**: the lines are shown in order, byte for byte, from any number, until the visitor breaks
///   off or fails; a visitor may read a blob or a document. The last line is known.
/// - **blobs**: a blob says what it was told, once it is put; short, long or empty, put once or twice.
/// - **documents**: a document says what was put last, as a whole.
/// - **beside**: who reads a session while it is written sees the lines of a moment: all those that
///   were appended before it looked, and behind them only whole ones in their order.
/// - **durable**: the next process finds all that was written, and goes on behind it: where it was
///   synced, where it was not, and where the session was closed.
/// - **rewritten**: all lines are replaced, and blobs that no line needs are gone; nothing is changed
///   that a session shares which was forked from this one and is not deleted.
/// - **tidy**: tidying changes no line.
/// - **deleted**: a deleted session leaves its tombstone, is not opened, created or deleted again, and
///   its forks can read what they share until they are deleted too.
/// - **life**: a whole [`ContextBundle`](crate::ContextBundle) lives on the store: appends of several
///   threads, values, a snapshot, the next process.
///
/// That a store survives a crash, a full disk or the loss of power is beyond a test that cannot make
/// it fail: a store tests that itself. One that several processes use at once is checked by
/// [`check_processes`] too.
///
/// It blocks, and runs threads of its own. A store that waits on the runtime of its client is checked
/// from a thread on which no runtime runs.
///
/// # Panics
/// Where a rule is broken, naming it; and where the store answers with an error.
///
/// ```
/// use maniple_bundles::{MemoryStore, testkit};
///
/// let store = MemoryStore::new();
/// testkit::check_store(|| store.clone());
/// ```
pub fn check_store<S: BundleStore>(open: impl Fn() -> S) {
    // While there are few, so that what is done to all of them meets the one that is opened.
    sessions::free(&open);
    sessions::created(&open);
    sessions::once(&open);
    sessions::alone(&open);
    sessions::listed(&open);
    logs::lines(&open);
    logs::blobs(&open);
    logs::documents(&open);
    logs::beside(&open);
    logs::durable(&open);
    rewriting::rewritten(&open);
    rewriting::tidy(&open);
    rewriting::deleted(&open);
    life::life(&open);
}

/// Checks that several processes can use a store at once: of two that are open at the same time, each
/// sees what the other does, and only one gets a session.
///
/// `open` opens the same store each time, and what it returned before is still in use.
///
/// # Panics
/// Where a rule is broken, naming it; and where the store answers with an error.
///
/// ```
/// use maniple_bundles::{FileStore, testkit};
///
/// # let dir = tempfile::tempdir().unwrap();
/// testkit::check_processes(|| FileStore::new(dir.path()));
/// ```
pub fn check_processes<S: BundleStore>(open: impl Fn() -> S) {
    sessions::processes(&open);
}

/// The parts of [`check_store`], for a suite with a test for each.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident: $module:ident::$part:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// It is a part of [`check_store`], which says what `open` is.
        ///
        /// # Panics
        /// Where the rule is broken, naming it; and where the store answers with an error.
        pub fn $name<S: BundleStore>(open: impl Fn() -> S) {
            $module::$part(&open);
        }
    )*};
}

parts! {
    /// Checks the rule **created**.
    check_created: sessions::created;
    /// Checks the rule **once**.
    check_once: sessions::once;
    /// Checks the rule **alone**.
    check_alone: sessions::alone;
    /// Checks the rule **free**.
    check_free: sessions::free;
    /// Checks the rule **listed**.
    check_listed: sessions::listed;
    /// Checks the rule **lines**.
    check_lines: logs::lines;
    /// Checks the rule **blobs**.
    check_blobs: logs::blobs;
    /// Checks the rule **documents**.
    check_documents: logs::documents;
    /// Checks the rule **beside**.
    check_beside: logs::beside;
    /// Checks the rule **durable**.
    check_durable: logs::durable;
    /// Checks the rule **rewritten**.
    check_rewritten: rewriting::rewritten;
    /// Checks the rule **tidy**.
    check_tidy: rewriting::tidy;
    /// Checks the rule **deleted**.
    check_deleted: rewriting::deleted;
    /// Checks the rule **life**.
    check_life: life::life;
}
