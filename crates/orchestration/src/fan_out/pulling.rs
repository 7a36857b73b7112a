use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::child::{Child, Naming};
use crate::error::PatternError;

type List<I> = Box<dyn Iterator<Item = I> + Send>;

/// The inputs as they are pulled, one after the other.
pub(super) struct Pulling<I> {
    /// Absent for a stream, and for a list that is used up or has panicked.
    pub(super) list: Option<List<I>>,
    pub(super) next: usize,
    naming: Naming<I>,
    seen: HashMap<Arc<str>, usize>,
    pub(super) exhausted: bool,
}

/// What a worker has pulled.
pub(super) struct Item<I> {
    pub(super) index: usize,
    pub(super) child: Result<Child, PatternError>,
    pub(super) input: I,
}

impl<I> Pulling<I> {
    pub(super) fn new(list: Option<List<I>>, naming: Naming<I>) -> Self {
        Self { list, next: 0, naming, seen: HashMap::new(), exhausted: false }
    }

    /// Takes in what was pulled, or that there is no more.
    pub(super) fn take(&mut self, input: Option<I>) -> Option<Item<I>> {
        let Some(input) = input else {
            self.exhausted = true;
            self.list = None;
            return None;
        };
        let index = self.next;
        self.next += 1;
        Some(Item { index, child: self.name(index, &input), input })
    }

    /// The children of all inputs that were pulled.
    pub(super) fn children(&self) -> Vec<Child> {
        match &self.naming {
            Naming::Key(_) => self.seen.keys().cloned().map(Child::Key).collect(),
            Naming::Index | Naming::Names(_) => (0..self.next).map(|at| self.child(at)).collect(),
        }
    }

    /// The child of an input that was pulled before.
    pub(super) fn child(&self, index: usize) -> Child {
        if let Naming::Names(names) = &self.naming {
            return Child::Key(names[index].clone());
        }
        let named = self.seen.iter().find(|(_, at)| **at == index);
        named.map_or(Child::Index(index as u64), |(key, _)| Child::Key(key.clone()))
    }

    fn name(&mut self, index: usize, input: &I) -> Result<Child, PatternError> {
        match &self.naming {
            Naming::Index => Ok(Child::Index(index as u64)),
            Naming::Names(names) => Ok(Child::Key(names[index].clone())),
            Naming::Key(key) => {
                let key: Arc<str> = key(input).into();
                match self.seen.entry(key.clone()) {
                    Entry::Vacant(vacant) => {
                        vacant.insert(index);
                        Ok(Child::Key(key))
                    }
                    Entry::Occupied(first) => Err(PatternError::DuplicateKey {
                        key: String::from(&*key),
                        first: *first.get(),
                        second: index,
                    }),
                }
            }
        }
    }
}
