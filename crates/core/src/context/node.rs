use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::RunContext;
use super::env::Env;
use crate::error::AgentError;
use crate::identity::{Key, Name, Sigil};
use crate::scratch::{push_number, scratch};

/// One place in the tree of contexts.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) env: Arc<Env>,
    pub(crate) parent: Option<RunContext>,
    pub(crate) segment: Segment,
    pub(crate) path: OnceLock<Key>,
    pub(crate) latch: OnceLock<AgentError>,
    ordinals: OnceLock<Mutex<Ordinals>>,
    /// Whether a policy has this place to itself: see [`Hold`].
    held: AtomicU8,
    /// How many calls were counted here by guards.
    calls: AtomicU32,
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
    /// The same place, which the latches there and around it do not reach.
    Shielded,
}

impl Segment {
    /// Whether the place is one below its parent's.
    pub(crate) fn is_child(&self) -> bool {
        matches!(self, Self::Named(..) | Self::Index(_) | Self::Keyed(_))
    }
}

#[derive(Debug, Default)]
struct Ordinals {
    /// Most contexts open a few things, so that the first names are looked through and not hashed.
    first: Vec<(Sigil, Name, u32)>,
    more: HashMap<(Sigil, Name), u32>,
    in_flight: Vec<(Sigil, Name)>,
}

const FREE: u8 = 0;
const HELD: u8 = 1;
const LEFT: u8 = 2;

/// That a policy has a place to itself, and whoever is inside of it has it too. When the outermost one
/// ends, the place is left: how much was opened in it depends on what the policy has decided.
#[derive(Debug)]
pub(crate) struct Hold<'a> {
    held: Option<&'a AtomicU8>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        if let Some(held) = self.held {
            held.store(LEFT, Ordering::Relaxed);
        }
    }
}

/// How many names are looked through.
const FEW: usize = 8;

impl Ordinals {
    fn next(&mut self, sigil: Sigil, name: &Name) -> u32 {
        let known = self.first.iter().position(|(s, n, _)| *s == sigil && n == name);
        let taken = match known {
            Some(at) => &mut self.first[at].2,
            None if self.first.len() < FEW => {
                self.first.push((sigil, name.clone(), 1));
                return 1;
            }
            None => self.more.entry((sigil, name.clone())).or_default(),
        };
        *taken = taken.saturating_add(1);
        *taken
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        let first = self.first.iter().map(|(_, name, _)| name);
        first.chain(self.more.keys().map(|(_, name)| name))
    }
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
            held: AtomicU8::new(FREE),
            calls: AtomicU32::new(0),
        }
    }

    pub(crate) fn path(&self) -> &Key {
        self.path.get_or_init(|| {
            let above = self.parent.as_ref().map_or("", |parent| parent.node.path().as_str());
            match &self.segment {
                Segment::Root | Segment::Attempt(_) | Segment::Narrowed | Segment::Shielded => {
                    Key::new(above)
                }
                Segment::Named(name, ordinal) => keyed(above, Sigil::Child, name, *ordinal),
                Segment::Index(index) => at(above, |text| push_number(text, *index)),
                Segment::Keyed(name) => at(above, |text| text.push_str(name.as_str())),
            }
        })
    }

    /// What the host calls this place; `None` for the root, and for one of many, which goes by a
    /// number or key.
    pub(crate) fn name(&self) -> Option<&str> {
        match (&self.segment, &self.parent) {
            (Segment::Named(name, _), _) => Some(name.as_str()),
            (Segment::Attempt(_) | Segment::Narrowed | Segment::Shielded, Some(parent)) => {
                parent.node.name()
            }
            _ => None,
        }
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
        self.ordinals().next(sigil, name)
    }

    /// Whether anything of the host's was opened here.
    pub(crate) fn is_used(&self) -> bool {
        let Some(ordinals) = self.anchor().ordinals.get() else { return false };
        let ordinals = ordinals.lock().unwrap_or_else(PoisonError::into_inner);
        ordinals.names().any(|name| !name.is_ours())
    }

    /// Gives the place to a policy and to those inside of it; `None` where it was given to another
    /// before.
    pub(crate) fn hold(&self) -> Option<Hold<'_>> {
        let held = &self.anchor().held;
        match held.compare_exchange(FREE, HELD, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Some(Hold { held: Some(held) }),
            Err(HELD) => Some(Hold { held: None }),
            Err(_) => None,
        }
    }

    /// Whether a policy had this place.
    pub(crate) fn is_left(&self) -> bool {
        self.anchor().held.load(Ordering::Relaxed) == LEFT
    }

    /// The number of the next call that is counted here, from 1.
    pub(crate) fn next_call(&self) -> u32 {
        self.anchor().calls.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Hashes what the path says, without making it. No path goes on where another one ends, nor with a
    /// byte 0.
    pub(crate) fn hash_path(&self, hasher: &mut impl Hasher) {
        if let Some(parent) = &self.parent {
            parent.node.hash_path(hasher);
        }
        match &self.segment {
            Segment::Index(index) => {
                // In one piece, since a hasher takes its time for each.
                let mut bytes = [1; 9];
                bytes[1..].copy_from_slice(&index.to_ne_bytes());
                hasher.write(&bytes);
            }
            Segment::Named(name, ordinal) => (2_u8, name.as_str(), ordinal).hash(hasher),
            Segment::Keyed(name) => (3_u8, name.as_str()).hash(hasher),
            Segment::Root | Segment::Attempt(_) | Segment::Narrowed | Segment::Shielded => {}
        }
    }

    /// Claims a name; `false` if something of that name is in flight here.
    pub(crate) fn claim(&self, sigil: Sigil, name: &Name) -> bool {
        let mut ordinals = self.ordinals();
        let is_free = !ordinals.in_flight.iter().any(|(s, n)| *s == sigil && n == name);
        if is_free {
            ordinals.in_flight.push((sigil, name.clone()));
        }
        is_free
    }

    pub(crate) fn release(&self, sigil: Sigil, name: &Name) {
        self.ordinals().in_flight.retain(|(s, n)| *s != sigil || n != name);
    }

    /// The node that keeps the ordinals and the latch of this place.
    pub(crate) fn anchor(&self) -> &Self {
        match (&self.segment, &self.parent) {
            (Segment::Narrowed | Segment::Shielded, Some(parent)) => parent.node.anchor(),
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
pub(super) fn at(above: &str, which: impl FnOnce(&mut String)) -> Key {
    scratch(|text| {
        text.push_str(above);
        text.push('[');
        which(text);
        text.push(']');
        Key::new(text)
    })
}

/// The key of something named inside a context. The first of a name is written without its ordinal.
pub(crate) fn keyed(above: &str, sigil: Sigil, name: &Name, ordinal: u32) -> Key {
    scratch(|text| {
        text.push_str(above);
        text.push(sigil.char());
        text.push_str(name.as_str());
        if ordinal != 1 {
            text.push('#');
            push_number(text, ordinal.into());
        }
        Key::new(text)
    })
}
