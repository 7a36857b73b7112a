/// What a disk refuses. Nothing by default.
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// By how many bytes files may still grow.
    pub(crate) room: Option<u64>,
    /// Nothing can be changed.
    pub(crate) read_only: bool,
    /// Nothing can be opened, listed, made, renamed or removed any more; what is open stays open.
    pub(crate) forbidden: bool,
    /// Every sync of a file fails, and what it was to write may never be written.
    pub(crate) sync_fails: bool,
    /// Every sync of a directory fails, and what was changed in it may never be written.
    pub(crate) sync_dir_fails: bool,
    /// After so many more syncs, one of them fails like that.
    pub(crate) sync_fails_after: Option<u64>,
    /// Files cannot be cut.
    pub(crate) cut_fails: bool,
    /// Writes and reads are cut short or interrupted now and then.
    pub(crate) short: bool,
    /// After so many more operations, one fails.
    pub(crate) fails_after: Option<u64>,
    /// After so many more operations, the process dies within one.
    pub(crate) dies_after: Option<u64>,
}

/// What a sync answers as done and leaves undone, on a disk that breaks its promise. A later crash
/// keeps it or not, as what was never synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgets {
    /// The length of a file.
    Length,
    /// What was renamed within a directory.
    Renames,
    /// What was removed from a directory.
    Removals,
}

/// What comes of the next operation.
pub(super) enum Next {
    Go,
    Fail,
    Die,
}

impl Faults {
    /// Whether the sync of a file that comes now fails.
    pub(super) fn fails_sync(&mut self) -> bool {
        self.sync_fails | count_down(&mut self.sync_fails_after)
    }

    /// Whether the sync of a directory that comes now fails.
    pub(super) fn fails_sync_dir(&mut self) -> bool {
        self.sync_dir_fails | count_down(&mut self.sync_fails_after)
    }

    pub(super) fn next(&mut self) -> Next {
        let dies = count_down(&mut self.dies_after);
        let fails = count_down(&mut self.fails_after);
        match (dies, fails) {
            (true, _) => Next::Die,
            (_, true) => Next::Fail,
            _ => Next::Go,
        }
    }
}

/// True once, when nothing is left.
fn count_down(left: &mut Option<u64>) -> bool {
    match left {
        None => false,
        Some(0) => {
            *left = None;
            true
        }
        Some(more) => {
            *more -= 1;
            false
        }
    }
}
