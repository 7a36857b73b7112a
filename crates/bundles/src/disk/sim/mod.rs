//! A disk in memory on which the real code runs, and which crashes and fails as it is told. What it
//! keeps in a crash, a seed decides.
//!
//! It keeps no more than the contract of [`Disk`] demands: each sector written, each length and each
//! entry of a directory is durable by the sync that is named for it, and without one is kept, lost
//! or, if it is a sector, torn, by itself. So what was removed may come back, a directory may be
//! gone with all that was synced in it, and a rename may be half done: the file has both names, or,
//! between directories, none.

mod content;
mod dice;
mod entries;
mod faults;
mod file;
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Access, Disk, DiskFile};
use content::Content;
pub(crate) use dice::Dice;
use entries::Entries;
use faults::Next;
pub(crate) use faults::{Faults, Forgets};
use file::SimFile;
use tree::{Id, Node, Tree};

/// What a crash keeps of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Survival {
    /// The beginning, of each file and directory.
    InOrder,
    /// Anything.
    Any,
}

/// A machine with a disk. Processes on it come and go.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    dice: Dice,
    faults: Faults,
    /// Who has the lock of a file: the number of the open file.
    locks: BTreeMap<Id, u64>,
    opened: u64,
    /// Which process runs. Those before it are dead.
    process: u64,
    /// The process dies within this operation.
    dying: bool,
    operations: u64,
}

impl Machine {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            tree: Tree::new(),
            dice: Dice::new(seed),
            faults: Faults::default(),
            locks: BTreeMap::new(),
            opened: 0,
            process: 0,
            dying: false,
            operations: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as the process sees it that runs now.
    pub(crate) fn disk(&self) -> SimDisk {
        SimDisk { machine: self.clone(), process: self.state().process, forgets: None }
    }

    /// How many operations were asked for so far, each of which can fail or be the last.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The process dies; what it wrote stays in the system's memory.
    pub(crate) fn kill(&self) {
        self.state().kill();
    }

    /// The power fails, and the disk works again. Returns whether every file could be what a disk
    /// leaves that writes in order.
    pub(crate) fn crash(&self, survival: Survival) -> bool {
        let mut state = self.state();
        state.kill();
        state.faults = Faults::default();
        let State { tree, dice, .. } = &mut *state;
        tree.crash(survival, dice)
    }

    /// The process that runs now. Those before it are dead.
    pub(crate) fn process(&self) -> u64 {
        self.state().process
    }

    /// The names of what is in a directory, in their order; none if there is no directory.
    pub(crate) fn names(&self, dir: &Path) -> Vec<String> {
        let mut state = self.state();
        let Ok(entries) = state.tree.dir(dir) else { return Vec::new() };
        entries.names().filter_map(OsStr::to_str).map(str::to_owned).collect()
    }

    /// What a file says; `None` if there is none.
    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let mut state = self.state();
        let id = state.tree.find(path).ok()?;
        Some(state.tree.file(id).ok()?.cached().to_vec())
    }

    /// Whether what is found now at this path, below it or on the way to it can be lost although it
    /// is synced, because a sync failed before.
    pub(crate) fn is_in_doubt(&self, path: &Path) -> bool {
        self.state().tree.is_in_doubt(path)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn kill(&mut self) {
        self.process += 1;
        self.locks.clear();
    }

    fn may_change(&self) -> io::Result<()> {
        if self.faults.read_only { Err(ErrorKind::ReadOnlyFilesystem.into()) } else { Ok(()) }
    }

    fn is_permitted(&self) -> io::Result<()> {
        if self.faults.forbidden { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn has_room(&self) -> io::Result<()> {
        if self.faults.room == Some(0) { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// The disk in the hands of one process.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk {
    machine: Machine,
    process: u64,
    forgets: Option<Forgets>,
}

impl SimDisk {
    /// The same disk, with syncs that forget something.
    pub(crate) fn forgetting(self, forgets: Forgets) -> Self {
        Self { forgets: Some(forgets), ..self }
    }

    /// Does an operation if the process still lives, and if it is to succeed.
    fn operate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.machine.state();
        let dead = || Err(io::Error::other("the process is dead"));
        if state.process != self.process {
            return dead();
        }
        state.operations += 1;
        match state.faults.next() {
            Next::Go => act(&mut state),
            Next::Fail => Err(io::Error::other("the device does not answer")),
            Next::Die => {
                if state.dice.chance(2, 3) {
                    state.dying = true;
                    // Nobody is left to be told.
                    let _ = act(&mut state);
                    state.dying = false;
                }
                state.kill();
                dead()
            }
        }
    }
}

impl Disk for SimDisk {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.may_change()?;
            state.is_permitted()?;
            state.has_room()?;
            state.tree.add(path, Node::Dir(Entries::default())).map(drop)
        })
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.operate(|state| state.tree.dir(path).map(drop)).is_ok()
    }

    fn is_file(&self, path: &Path) -> io::Result<bool> {
        self.operate(|state| {
            let id = state.tree.find(path)?;
            Ok(matches!(state.tree.node(id), Node::File(_)))
        })
    }

    fn is_own_dir(&self, path: &Path) -> io::Result<bool> {
        self.operate(|state| {
            let id = state.tree.find(path)?;
            Ok(matches!(state.tree.node(id), Node::Dir(_)))
        })
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let (id, number) = self.operate(|state| {
            let id = match access {
                Access::CreateNew => {
                    if state.tree.find(path).is_ok() {
                        return Err(ErrorKind::AlreadyExists.into());
                    }
                    state.may_change()?;
                    state.is_permitted()?;
                    state.has_room()?;
                    state.tree.add(path, Node::File(Content::default()))?
                }
                Access::Read | Access::Write => {
                    let id = state.tree.find(path)?;
                    state.tree.file(id)?;
                    state.is_permitted()?;
                    if access == Access::Write {
                        state.may_change()?;
                    }
                    id
                }
            };
            state.opened += 1;
            Ok((id, state.opened))
        })?;
        Ok(Box::new(SimFile { disk: self.clone(), id, number, access }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.operate(|state| {
            state.is_permitted()?;
            let names = state.tree.dir(dir)?.names().filter_map(OsStr::to_str);
            let mut names: Vec<_> = names.map(str::to_owned).collect();
            for last in (1..names.len()).rev() {
                names.swap(last, state.dice.up_to(last));
            }
            Ok(names)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.may_change()?;
            state.is_permitted()?;
            state.tree.rename(from, to)
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.tree.find(path)?;
            state.may_change()?;
            state.is_permitted()?;
            state.tree.remove(path)
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.tree.find(path)?;
            state.may_change()?;
            state.is_permitted()?;
            state.tree.remove_dir(path)
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.is_permitted()?;
            let State { tree, dice, faults, .. } = state;
            let entries = tree.dir(path)?;
            if faults.fails_sync_dir() {
                entries.fail_to_sync(dice);
                return Err(io::Error::other("the disk did not take it"));
            }
            entries.sync(self.forgets);
            Ok(())
        })
    }
}
