//! A disk in memory on which the real code runs, and which crashes and fails as it is told. What it
//! keeps in a crash, a seed decides.
//!
//! It keeps no more than the contract of [`Disk`] demands: each sector written, each length and each
//! entry of a directory is durable by the sync that is named for it, and without one is kept, lost
//! or, if it is a sector, torn, by itself.

mod content;
mod dice;
mod faults;
mod tests;
mod tree;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Access, Disk, DiskFile};
use content::Content;
pub(crate) use dice::Dice;
pub(crate) use faults::Faults;
use faults::Next;
use tree::{Entries, Id, Node, Tree};

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
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The disk as the process sees it that runs now.
    pub(crate) fn disk(&self) -> SimDisk {
        SimDisk { machine: self.clone(), process: self.state().process }
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

    /// What a file says; `None` if there is none.
    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let mut state = self.state();
        let id = state.tree.find(path).ok()?;
        Some(state.tree.file(id).ok()?.cached().to_vec())
    }

    /// Whether what a file says now can be lost although it is synced, because a sync failed before.
    pub(crate) fn is_in_doubt(&self, path: &Path) -> bool {
        let mut state = self.state();
        let found = state.tree.find(path);
        found.is_ok_and(|id| state.tree.file(id).unwrap().is_in_doubt())
    }

    /// Changes a file, durably, as someone does who repairs or damages it.
    pub(crate) fn replace(&self, path: &Path, bytes: Vec<u8>) {
        let mut state = self.state();
        let id = state.tree.find(path).unwrap();
        state.tree.file(id).unwrap().replace(bytes);
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

    /// How much of a transfer is done.
    fn portion(&mut self, bytes: usize) -> io::Result<usize> {
        if self.dying {
            return Ok(self.dice.up_to(bytes));
        }
        if !self.faults.short || bytes == 0 {
            return Ok(bytes);
        }
        match self.dice.below(4) {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Ok(bytes),
            _ => Ok(1 + self.dice.up_to(bytes - 1)),
        }
    }

    fn write(&mut self, id: Id, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.may_change()?;
        let wanted = self.portion(bytes.len())?;
        let offset = usize::try_from(offset).unwrap();
        let len = self.tree.file(id)?.cached().len();
        let growth = (offset + wanted).saturating_sub(len);
        let room = self.faults.room.map_or(growth, |room| usize::try_from(room).unwrap());
        let written = wanted - growth.saturating_sub(room).min(wanted);
        if written == 0 && wanted > 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        if let Some(room) = &mut self.faults.room {
            let grown = (offset + written).saturating_sub(len);
            *room -= u64::try_from(grown).unwrap();
        }
        self.tree.file(id)?.write(offset, &bytes[..written]);
        Ok(written)
    }

    fn sync(&mut self, id: Id) -> io::Result<()> {
        let Self { tree, dice, faults, .. } = self;
        if faults.sync_fails {
            tree.file(id)?.fail_to_sync(dice);
            return Err(io::Error::other("the disk did not take it"));
        }
        tree.file(id)?.sync();
        Ok(())
    }
}

/// The disk in the hands of one process.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk {
    machine: Machine,
    process: u64,
}

impl SimDisk {
    /// Does an operation if the process still lives, and if it is to succeed.
    fn operate<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.machine.state();
        let dead = || Err(io::Error::other("the process is dead"));
        if state.process != self.process {
            return dead();
        }
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

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.operate(|state| {
            state.is_permitted()?;
            state.tree.dir(path)?.sync();
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    id: Id,
    number: u64,
    access: Access,
}

impl SimFile {
    fn require_write(&self) -> io::Result<()> {
        if self.access == Access::Read { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }
}

impl DiskFile for SimFile {
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.disk.operate(|state| {
            let begin = usize::try_from(offset).unwrap();
            let left = state.tree.file(self.id)?.cached().len().saturating_sub(begin);
            let read = state.portion(left.min(into.len()))?;
            let cached = state.tree.file(self.id)?.cached();
            into[..read].copy_from_slice(&cached[begin..begin + read]);
            Ok(read)
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.require_write()?;
        self.disk.operate(|state| state.write(self.id, offset, bytes))
    }

    fn len(&mut self) -> io::Result<u64> {
        self.disk.operate(|state| {
            let len = state.tree.file(self.id)?.cached().len();
            Ok(u64::try_from(len).unwrap())
        })
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.require_write()?;
        self.disk.operate(|state| {
            state.may_change()?;
            if state.faults.cut_fails {
                return Err(io::Error::other("the device does not answer"));
            }
            state.tree.file(self.id)?.set_len(usize::try_from(len).unwrap());
            Ok(())
        })
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.operate(|state| state.sync(self.id))
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.disk.operate(|state| state.sync(self.id))
    }

    fn try_lock(&mut self) -> io::Result<()> {
        self.disk.operate(|state| match state.locks.get(&self.id) {
            Some(holder) if *holder != self.number => Err(ErrorKind::WouldBlock.into()),
            _ => {
                state.locks.insert(self.id, self.number);
                Ok(())
            }
        })
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.disk.operate(|state| {
            state.unlock(self.id, self.number);
            Ok(())
        })
    }
}

impl State {
    fn unlock(&mut self, id: Id, number: u64) {
        if self.locks.get(&id) == Some(&number) {
            self.locks.remove(&id);
        }
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.machine.state().unlock(self.id, self.number);
    }
}
