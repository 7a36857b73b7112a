use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::RunContext;
use super::env::Env;
use crate::error::AgentError;
use crate::identity::{Key, Name, Sigil};

/// One place in the tree of contexts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) env: Arc<Env>,
    pub(crate) parent: Option<RunContext>,
    pub(crate) segment: Segment,
    pub(crate) path: OnceLock<Key>,
    pub(crate) latch: OnceLock<AgentError>,
    ordinals: OnceLock<Mutex<Ordinals>>,
}

/// How a context is named below its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Segment {
    Root,
    Named(Name, u32),
    Index(u64),
    Keyed(Name),
    /// The same place again, with fresh ordinals.
    Attempt(u32),
    /// The same place, in a narrower environment.
    Narrowed,
}

impl Segment {
    /// Whether the place is one below its parent's.
    pub(crate) fn is_child(&self) -> bool {
        matches!(self, Self::Named(..) | Self::Index(_) | Self::Keyed(_))
    }
}

#[derive(Debug, Default)]
struct Ordinals {
    taken: HashMap<(Sigil, Name), u32>,
    in_flight: HashSet<(Sigil, Name)>,
}

impl Node {
    pub(crate) fn new(env: Arc<Env>, parent: Option<RunContext>, segment: Segment) -> Self {
        Self {
            env,
            parent,
            segment,
            path: OnceLock::new(),
            latch: OnceLock::new(),
            ordinals: OnceLock::new(),
        }
    }

    pub(crate) fn path(&self) -> &Key {
        self.path.get_or_init(|| {
            let above = self.parent.as_ref().map_or("", |parent| parent.node.path().as_str());
            match &self.segment {
                Segment::Root | Segment::Attempt(_) | Segment::Narrowed => Key::new(above),
                Segment::Named(name, ordinal) => {
                    Key::new(&keyed(above, Sigil::Child, name, *ordinal))
                }
                Segment::Index(index) => Key::new(&at(above, index)),
                Segment::Keyed(name) => Key::new(&at(above, name)),
            }
        })
    }

    /// The attempts around this context, outermost first, as `2.1`; empty outside of any.
    pub(crate) fn attempts(&self) -> String {
        let mut attempts = self.parent.as_ref().map_or(String::new(), |p| p.node.attempts());
        if let Segment::Attempt(attempt) = self.segment {
            let dot = if attempts.is_empty() { "" } else { "." };
            write!(attempts, "{dot}{attempt}").expect("writing to a string does not fail");
        }
        attempts
    }

    /// The ordinal of the next thing of this name, from 1.
    pub(crate) fn next_ordinal(&self, sigil: Sigil, name: &Name) -> u32 {
        let mut ordinals = self.ordinals();
        let taken = ordinals.taken.entry((sigil, name.clone())).or_default();
        *taken = taken.saturating_add(1);
        *taken
    }

    /// Whether anything of the host's was opened here.
    pub(crate) fn is_used(&self) -> bool {
        let Some(ordinals) = self.anchor().ordinals.get() else { return false };
        let ordinals = ordinals.lock().unwrap_or_else(PoisonError::into_inner);
        ordinals.taken.keys().any(|(_, name)| !name.is_ours())
    }

    /// Claims a name; `false` if something of that name is in flight here.
    pub(crate) fn claim(&self, sigil: Sigil, name: &Name) -> bool {
        self.ordinals().in_flight.insert((sigil, name.clone()))
    }

    pub(crate) fn release(&self, sigil: Sigil, name: &Name) {
        self.ordinals().in_flight.remove(&(sigil, name.clone()));
    }

    /// The node that keeps the ordinals and the latch of this place.
    pub(crate) fn anchor(&self) -> &Self {
        match (&self.segment, &self.parent) {
            (Segment::Narrowed, Some(parent)) => parent.node.anchor(),
            _ => self,
        }
    }

    fn ordinals(&self) -> MutexGuard<'_, Ordinals> {
        self.anchor()
            .ordinals
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key of one of many inside a context.
fn at(above: &str, which: impl fmt::Display) -> String {
    // Room for the longest index.
    let mut text = String::with_capacity(above.len() + 22);
    write!(text, "{above}[{which}]").expect("writing to a string does not fail");
    text
}

/// The key of something named inside a context. The first of a name is written without its ordinal.
pub(crate) fn keyed(above: &str, sigil: Sigil, name: &Name, ordinal: u32) -> String {
    let sigil = sigil.char();
    if ordinal == 1 {
        format!("{above}{sigil}{name}")
    } else {
        format!("{above}{sigil}{name}#{ordinal}")
    }
}
