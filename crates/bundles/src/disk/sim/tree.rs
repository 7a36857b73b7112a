use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Component, Path};

use super::content::Content;
use super::entries::{Entries, EntryChange};
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

impl Tree {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(Entries::default()))]);
        Self { nodes, next: ROOT + 1 }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Id> {
        let mut at = ROOT;
        for name in names(path) {
            let Some(Node::Dir(entries)) = self.nodes.get(&at) else {
                return Err(ErrorKind::NotADirectory.into());
            };
            at = entries.get(name).ok_or(ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    pub(super) fn node(&mut self, id: Id) -> &mut Node {
        self.nodes.get_mut(&id).expect("a node stays as long as a process that found it")
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
        if entries.get(name).is_some() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        entries.change(EntryChange::Put(name.to_owned(), id));
        self.nodes.insert(id, node);
        self.next += 1;
        Ok(id)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let id = self.find(path)?;
        self.file(id)?;
        self.remove_entry(path)
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.dir(path)?.is_empty() {
            return Err(ErrorKind::DirectoryNotEmpty.into());
        }
        self.remove_entry(path)
    }

    fn remove_entry(&mut self, path: &Path) -> io::Result<()> {
        let (above, name) = split(path)?;
        self.dir(above)?.change(EntryChange::Remove(name.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.find(from)?;
        self.file(id)?;
        match self.find(to) {
            // Two names of a file, as a crash within a rename leaves them, both stay.
            Ok(there) if there == id => return Ok(()),
            Ok(there) => drop(self.file(there)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let ((above, old), (above_new, new)) = (split(from)?, split(to)?);
        if self.find(above)? == self.find(above_new)? {
            let (from, to) = (old.to_owned(), new.to_owned());
            self.dir(above)?.change(EntryChange::Rename { from, to, id });
        } else {
            self.dir(above_new)?.change(EntryChange::Put(new.to_owned(), id));
            self.remove_entry(from)?;
        }
        Ok(())
    }

    pub(super) fn is_linked(&self, id: Id) -> bool {
        self.nodes.values().any(|node| match node {
            Node::Dir(entries) => entries.ids().any(|linked| linked == id),
            Node::File(_) => false,
        })
    }

    /// Whether what is at this path, or below it, or that nothing is there, can be lost although it
    /// is synced.
    pub(super) fn is_in_doubt(&self, path: &Path) -> bool {
        let mut at = ROOT;
        for name in names(path) {
            let Some(Node::Dir(entries)) = self.nodes.get(&at) else { return false };
            if entries.doubtful().contains(name) {
                return true;
            }
            let Some(id) = entries.get(name) else { return false };
            at = id;
        }
        self.holds_doubt(at)
    }

    fn holds_doubt(&self, id: Id) -> bool {
        match &self.nodes[&id] {
            Node::File(content) => content.is_in_doubt(),
            Node::Dir(entries) => {
                !entries.doubtful().is_empty() || entries.ids().any(|id| self.holds_doubt(id))
            }
        }
    }

    /// Returns whether every file that is left could be what a disk leaves that writes in order.
    pub(super) fn crash(&mut self, survival: Survival, dice: &mut Dice) -> bool {
        for node in self.nodes.values_mut() {
            if let Node::Dir(entries) = node {
                entries.crash(survival, dice);
            }
        }
        self.forget_what_has_no_name();
        let mut in_order = true;
        for node in self.nodes.values_mut() {
            if let Node::File(content) = node {
                in_order &= content.crash(survival, dice);
            }
        }
        in_order
    }

    fn forget_what_has_no_name(&mut self) {
        let mut reached = BTreeSet::from([ROOT]);
        let mut open = vec![ROOT];
        while let Some(id) = open.pop() {
            if let Node::Dir(entries) = &self.nodes[&id] {
                open.extend(entries.ids().filter(|id| reached.insert(*id)));
            }
        }
        self.nodes.retain(|id, _| reached.contains(id));
    }
}

fn names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name),
        _ => None,
    })
}

fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).ok_or(ErrorKind::InvalidInput.into())
}
