//! What the sessions should be: vectors that are copied whole.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest_state_machine::ReferenceStateMachine;

use super::op::{Did, Durable, Op, Policy, Values, Which, did};

/// How many sessions there are at most; more are slower and find nothing else.
const MAX_SESSIONS: usize = 9;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) did: Did,
    /// Of all entries that were ever made, which. Copies of one are the same.
    pub(super) made: u64,
    /// Who made it.
    by: Which,
    /// In whose log it lies.
    kept_by: Which,
    pub(super) is_dropped: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Whose id it has: its own place, but for one that was imported.
    pub(super) id: Which,
    pub(super) in_store: usize,
    pub(super) parent: Option<(Which, u64)>,
    /// Whose log has action 0.
    root: Which,
    pub(super) log: Vec<Entry>,
    pub(super) is_open: bool,
    pub(super) is_deleted: bool,
}

impl Session {
    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.log.len()).unwrap()
    }

    pub(super) fn state(&self, at: usize) -> State {
        let mut state = State::default();
        for (seq, entry) in (0..).zip(&self.log[..at]) {
            state.apply(seq, &entry.did);
        }
        state
    }

    /// In whose logs its actions lie, each up to where.
    fn kept_by(&self) -> BTreeMap<Which, u64> {
        (1..).zip(&self.log).map(|(end, entry)| (entry.kept_by, end)).collect()
    }
}

/// What actions come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// With the number of the action that set it.
    pub(super) values: BTreeMap<String, (String, u64)>,
    /// Whether each is done.
    pub(super) tasks: BTreeMap<String, bool>,
    pub(super) checkpoints: BTreeMap<String, u64>,
    pub(super) tags: BTreeSet<String>,
    pub(super) expires: bool,
    pub(super) journal_records: u64,
}

impl State {
    fn apply(&mut self, seq: u64, did: &Did) {
        let mut set = |key: &str, value: &Option<String>| {
            match value {
                Some(value) => self.values.insert(key.into(), (value.clone(), seq)),
                None => self.values.remove(key),
            };
        };
        match did {
            Did::Note(_) => {}
            Did::Set(key, value) => set(key, &Some(value.clone())),
            Did::Unset(key) => set(key, &None),
            Did::Merged { values, .. } => values.iter().for_each(|(key, value)| set(key, value)),
            Did::Task(name, is_done) => drop(self.tasks.insert((*name).into(), *is_done)),
            Did::Checkpoint(name) => drop(self.checkpoints.insert((*name).into(), seq)),
            Did::Tagged(add, remove) => {
                self.tags.retain(|tag| !remove.contains(tag.as_str()));
                self.tags.extend(add.iter().map(|tag| (*tag).to_owned()));
            }
            Did::Expires(expires) => self.expires = *expires,
            Did::Journal(_) => self.journal_records += 1,
        }
    }
}

/// Two stores.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) sessions: Vec<Session>,
    made: u64,
    /// What the last merge did: how much was in common, what changed, and what was in conflict.
    pub(super) merge: Option<(u64, Values, Vec<&'static str>)>,
    /// What the last compaction dropped.
    pub(super) dropped: u64,
    /// What the last collection deleted.
    pub(super) expired: Vec<Which>,
}

impl World {
    fn living(&self) -> Vec<Which> {
        (0..self.sessions.len()).filter(|which| !self.sessions[*which].is_deleted).collect()
    }

    /// The session of that id in a store.
    fn find(&self, id: Which, in_store: usize) -> Option<Which> {
        let is_it = |session: &Session| session.id == id && session.in_store == in_store;
        self.sessions.iter().position(is_it)
    }

    fn push(&mut self, which: Which, did: Did) {
        let id = self.sessions[which].id;
        let entry = Entry { did, made: self.made, by: id, kept_by: id, is_dropped: false };
        self.made += 1;
        let session = &mut self.sessions[which];
        session.is_open = true;
        session.log.push(entry);
    }

    /// How many entries two have in common.
    pub(super) fn common(&self, left: Which, right: Which) -> usize {
        let (left, right) = (&self.sessions[left].log, &self.sessions[right].log);
        left.iter().zip(right).take_while(|(left, right)| left.made == right.made).count()
    }

    fn fork(&mut self, which: Which, at: usize) {
        let id = self.sessions.len();
        let from = &mut self.sessions[which];
        from.is_open = true;
        let log = from.log[..at].to_vec();
        let owner = log.last().map_or(from.root, |entry| entry.by);
        let parent = Some((owner, u64::try_from(at).unwrap()));
        let (root, in_store) = (from.root, from.in_store);
        self.sessions.push(Session {
            id,
            in_store,
            parent,
            root,
            log,
            is_open: true,
            is_deleted: false,
        });
    }

    fn merge(&mut self, into: Which, from: Which, policy: Policy) {
        let common = self.common(into, from);
        let changes = |which: Which| {
            let mut changes = BTreeMap::new();
            for Entry { did, made, .. } in &self.sessions[which].log[common..] {
                match did {
                    Did::Set(key, value) => drop(changes.insert(*key, (Some(value.clone()), made))),
                    Did::Unset(key) => drop(changes.insert(*key, (None, made))),
                    Did::Merged { values, .. } => changes
                        .extend(values.iter().map(|(key, value)| (*key, (value.clone(), made)))),
                    _ => {}
                }
            }
            changes
        };
        let (ours, mut values, mut conflicts) = (changes(into), Values::new(), Vec::new());
        for (key, (theirs, their_time)) in changes(from) {
            let Some((ours, our_time)) = ours.get(key) else {
                values.insert(key, theirs);
                continue;
            };
            if *ours == theirs {
                continue;
            }
            let merged = match policy {
                Policy::LastWrite if their_time > *our_time => theirs,
                Policy::LastWrite | Policy::Ours => ours.clone(),
                Policy::Theirs => theirs,
                Policy::Removed => None,
                Policy::Set(value) => Some(value.to_string()),
            };
            conflicts.push(key);
            if merged != *ours {
                values.insert(key, merged);
            }
        }
        let from = &self.sessions[from];
        let did = Did::Merged { from: from.id, actions: from.len(), values: values.clone() };
        self.merge = Some((u64::try_from(common).unwrap(), values, conflicts));
        self.push(into, did);
    }

    /// Drops what is nobody else's, and what no run needs.
    fn compact(&mut self, which: Which) {
        let Session { id, in_store, .. } = self.sessions[which];
        let others = self.sessions.iter().filter(|other| !other.is_deleted && other.id != id);
        let others = others.filter(|other| other.in_store == in_store);
        let shared =
            others.filter_map(|other| other.kept_by().get(&id).copied()).max().unwrap_or(0);
        self.dropped = 0;
        for (seq, entry) in (0..).zip(&mut self.sessions[which].log) {
            let is_needed =
                seq < shared || entry.kept_by != id || matches!(entry.did, Did::Journal(_));
            if !is_needed && !entry.is_dropped {
                entry.is_dropped = true;
                self.dropped += 1;
            }
        }
    }

    fn let_go(&mut self) {
        self.sessions.iter_mut().for_each(|session| session.is_open = false);
    }

    /// Whether everything that a session shows at a point can be told, and nothing before it is
    /// dropped that it would need.
    pub(super) fn may_fork(&self, which: Which, at: u64) -> bool {
        let session = &self.sessions[which];
        let at = usize::try_from(at).unwrap();
        at <= session.log.len()
            && (at == session.log.len() || !session.log[..at].iter().any(|entry| entry.is_dropped))
    }
}

impl ReferenceStateMachine for World {
    type State = Self;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self::default()).boxed()
    }

    fn transitions(world: &Self) -> BoxedStrategy<Op> {
        let living = world.living();
        if living.is_empty() {
            return Just(Op::Create).boxed();
        }
        let one = || select(living.clone());
        let sessions = world.sessions.clone();
        let at_a_point = one().prop_flat_map(move |which| {
            let end = sessions[which].len();
            prop_oneof![2 => 0..=end, 1 => Just(end)].prop_map(move |at| Op::Fork(which, at))
        });
        let policy = prop_oneof![
            Just(Policy::LastWrite),
            Just(Policy::Ours),
            Just(Policy::Theirs),
            Just(Policy::Removed),
            any::<u8>().prop_map(Policy::Set),
        ];
        let durable = select(vec![Durable::Synced, Durable::Grouped, Durable::Buffered]);
        prop_oneof![
            2 => Just(Op::Create),
            12 => (one(), vec(did(), 1..8), any::<bool>())
                .prop_map(|(which, dids, waits)| Op::Append(which, dids, waits)),
            1 => one().prop_map(Op::Sync),
            2 => one().prop_map(Op::Snapshot),
            2 => one().prop_map(Op::Close),
            2 => one().prop_map(Op::Drop),
            5 => at_a_point,
            4 => (one(), one(), policy)
                .prop_map(|(into, from, policy)| Op::Merge { into, from, policy }),
            4 => (one(), any::<bool>()).prop_map(|(which, drops)| Op::Compact(which, drops)),
            1 => one().prop_map(Op::Delete),
            1 => Just(Op::CollectGarbage),
            2 => one().prop_map(Op::Carry),
            1 => durable.clone().prop_map(Op::Reopen),
            2 => durable.prop_map(Op::Crash),
        ]
        .boxed()
    }

    fn preconditions(world: &Self, op: &Op) -> bool {
        let lives =
            |which: &Which| world.sessions.get(*which).is_some_and(|session| !session.is_deleted);
        let has_room = world.sessions.len() < MAX_SESSIONS;
        match op {
            Op::Create => has_room,
            Op::Append(which, ..)
            | Op::Sync(which)
            | Op::Snapshot(which)
            | Op::Close(which)
            | Op::Drop(which)
            | Op::Compact(which, _)
            | Op::Delete(which) => lives(which),
            Op::Fork(which, at) => has_room && lives(which) && world.may_fork(*which, *at),
            Op::Merge { into, from, .. } => {
                lives(into) && lives(from) && {
                    let common = world.common(*into, *from);
                    // What both have made since they parted must be there.
                    let is_whole = |session: &Session| {
                        session.log[common..].iter().all(|entry| !entry.is_dropped)
                    };
                    let (into, from) = (&world.sessions[*into], &world.sessions[*from]);
                    into.id != from.id && common > 0 && is_whole(into) && is_whole(from)
                }
            }
            Op::Carry(which) => {
                has_room && lives(which) && {
                    let Session { id, in_store, .. } = world.sessions[*which];
                    world.find(id, 1 - in_store).is_none()
                }
            }
            Op::CollectGarbage | Op::Reopen(_) | Op::Crash(_) => true,
        }
    }

    fn apply(mut world: Self, op: &Op) -> Self {
        match op {
            Op::Create => {
                let id = world.sessions.len();
                world.sessions.push(Session {
                    id,
                    in_store: id % 2,
                    parent: None,
                    root: id,
                    log: Vec::new(),
                    is_open: true,
                    is_deleted: false,
                });
            }
            Op::Append(which, dids, _) => {
                for did in dids {
                    world.push(*which, did.clone());
                }
            }
            Op::Sync(which) | Op::Snapshot(which) => world.sessions[*which].is_open = true,
            Op::Close(which) | Op::Drop(which) => world.sessions[*which].is_open = false,
            Op::Fork(which, at) => world.fork(*which, usize::try_from(*at).unwrap()),
            Op::Merge { into, from, policy } => world.merge(*into, *from, *policy),
            Op::Compact(which, drops) => {
                world.sessions[*which].is_open = true;
                if *drops {
                    world.compact(*which);
                }
            }
            Op::Delete(which) => {
                let session = &mut world.sessions[*which];
                (session.is_deleted, session.is_open) = (true, false);
            }
            Op::CollectGarbage => {
                let is_over = |session: &Session| {
                    let is_over = session.state(session.log.len()).expires;
                    is_over && !session.is_open && !session.is_deleted
                };
                world.expired = Vec::new();
                for (which, session) in world.sessions.iter_mut().enumerate() {
                    if is_over(session) {
                        session.is_deleted = true;
                        world.expired.push(which);
                    }
                }
            }
            Op::Carry(which) => {
                let mut carried = world.sessions[*which].clone();
                carried.in_store = 1 - carried.in_store;
                carried.is_open = false;
                carried.log.iter_mut().for_each(|entry| entry.kept_by = carried.id);
                world.sessions.push(carried);
            }
            Op::Reopen(_) | Op::Crash(_) => world.let_go(),
        }
        world
    }
}
