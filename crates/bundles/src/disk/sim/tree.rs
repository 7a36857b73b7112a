use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use super::content::{Content, Fate};
use super::{Dice, Survival};

/// What a file or directory is called by the disk, whatever names it has.
pub(super) type Id = u64;

const ROOT: Id = 0;

/// All files and directories, by their numbers.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: BTreeMap<Id, Node>,
    next: Id,
}

#[derive(Debug)]
pub(super) enum Node {
    File(Content),
    Dir(Entries),
}

/// The entries of a directory, as they are read and as they are on the disk.
#[derive(Debug, Default)]
pub(super) struct Entries {
    cached: BTreeMap<OsString, Id>,
    durable: BTreeMap<OsString, Id>,
    pending: Vec<EntryChange>,
}

#[derive(Debug)]
enum EntryChange {
    Add(OsString, Id),
    Remove(OsString),
    Rename { from: OsString, to: OsString, id: Id },
}

impl Entries {
    fn change(&mut self, change: EntryChange) {
        apply(&mut self.cached, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.pending.drain(..).for_each(|change| apply(&mut self.durable, &change));
    }

    fn crash(&mut self, survival: Survival, dice: &mut Dice) {
        let fate = Fate::draw(survival, self.pending.len(), dice);
        for (place, change) in self.pending.drain(..).enumerate() {
            if fate.keeps(place, dice) {
                apply(&mut self.durable, &change);
            }
        }
        self.cached.clone_from(&self.durable);
    }
}

fn apply(entries: &mut BTreeMap<OsString, Id>, change: &EntryChange) {
    match change {
        EntryChange::Add(name, id) => drop(entries.insert(name.clone(), *id)),
        EntryChange::Remove(name) => drop(entries.remove(name)),
        EntryChange::Rename { from, to, id } => {
            entries.remove(from);
            entries.insert(to.clone(), *id);
        }
    }
}

impl Tree {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Entries::default()))]);
        Self { nodes, next: ROOT + 1 }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Id> {
        let mut at = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let Some(Node::Dir(entries)) = self.nodes.get(&at) else {
                    return Err(ErrorKind::NotADirectory.into());
                };
                at = *entries.cached.get(name).ok_or(ErrorKind::NotFound)?;
            }
        }
        Ok(at)
    }

    pub(super) fn node(&mut self, id: Id) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node stays when its entries are gone")
    }

    pub(super) fn file(&mut self, id: Id) -> io::Result<&mut Content> {
        match self.node(id) {
            Node::File(content) => Ok(content),
            Node::Dir(_) => Err(ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn dir(&mut self, path: &Path) -> io::Result<&mut Entries> {
        let id = self.find(path)?;
        match self.node(id) {
            Node::Dir(entries) => Ok(entries),
            Node::File(_) => Err(ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn add(&mut self, path: &Path, node: Node) -> io::Result<Id> {
        let (above, name) = split(path)?;
        let id = self.next;
        let entries = self.dir(above)?;
        if entries.cached.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        entries.change(EntryChange::Add(name.to_owned(), id));
        self.nodes.insert(id, node);
        self.next += 1;
        Ok(id)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        self.file(id)?;
        let (above, name) = split(path)?;
        self.dir(above)?.change(EntryChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        self.file(id)?;
        let ((above, from), (above_too, to)) = (split(from)?, split(to)?);
        assert_eq!(above, above_too, "a rename between directories is not simulated");
        let (from, to) = (from.to_owned(), to.to_owned());
        self.dir(above)?.change(EntryChange::Rename { from, to, id });
        Ok(())
    }

    /// Returns whether every file could be what a disk leaves that writes in order.
    pub(super) fn crash(&mut self, survival: Survival, dice: &mut Dice) -> bool {
        let mut in_order = true;
        for node in self.nodes.values_mut() {
            match node {
                Node::File(content) => in_order &= content.crash(survival, dice),
                Node::Dir(entries) => entries.crash(survival, dice),
            }
        }
        in_order
    }
}

fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).ok_or(ErrorKind::InvalidInput.into())
}
