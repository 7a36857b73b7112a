use std::io::{self, ErrorKind};

use super::tree::Id;
use super::{Access, DiskFile, Forgets, SimDisk, State};

/// An open file.
#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) id: Id,
    pub(super) number: u64,
    pub(super) access: Access,
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
            if read > 0 {
                let cached = state.tree.file(self.id)?.cached();
                into[..read].copy_from_slice(&cached[begin..begin + read]);
            }
            Ok(read)
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.require_write()?;
        self.disk.operate(|state| state.write(self.id, offset, bytes))
    }

    fn is_linked(&mut self) -> io::Result<bool> {
        self.disk.operate(|state| Ok(state.tree.is_linked(self.id)))
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
        self.disk.operate(|state| state.sync(self.id, self.disk.forgets))
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.disk.operate(|state| state.sync(self.id, self.disk.forgets))
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

    fn sync(&mut self, id: Id, forgets: Option<Forgets>) -> io::Result<()> {
        let Self { tree, dice, faults, .. } = self;
        let content = tree.file(id)?;
        if faults.fails_sync() {
            content.fail_to_sync(dice);
            return Err(io::Error::other("the disk did not take it"));
        }
        match forgets {
            Some(Forgets::Length) => content.sync_without_len(),
            _ => content.sync(),
        }
        Ok(())
    }

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
