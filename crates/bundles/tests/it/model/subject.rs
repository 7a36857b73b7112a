//! The sessions themselves, and how they are compared with what they should be.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use futures::executor::block_on;
use futures::future::join_all;
use maniple_bundles::{
    Action, BundleError, ContextBundle, Durability, Entry, Filter, History, MemoryStore,
    MergePolicy, SessionId, SessionView, Sessions, State, TaskStatus,
};
use maniple_core::{Fact, Journal, Key, Record};
use proptest_state_machine::StateMachineTest;
use tempfile::TempDir;

use super::op::{Did, Durable, Op, Policy, Values, Which};
use super::reference::{self as model, World};
use super::stores::Stores;
use crate::world::{exported, let_the_clock_tick, meta, note, payload};

pub(super) type InMemory = In<[MemoryStore; 2]>;
pub(super) type InFiles = In<[TempDir; 2]>;

/// The test on such stores.
pub(super) struct In<S>(PhantomData<S>);

pub(super) struct Subject<S> {
    /// Before the stores, so that it is dropped first.
    open: BTreeMap<Which, ContextBundle>,
    ids: Vec<SessionId>,
    durable: Durable,
    stores: S,
}

impl<S: Stores> Subject<S> {
    fn sessions(&self, in_store: usize) -> Sessions {
        self.stores.sessions(in_store).with_durability(match self.durable {
            Durable::Synced => Durability::Synced,
            Durable::Grouped => Durability::Grouped { max_delay: Duration::from_micros(200) },
            Durable::Buffered => Durability::Buffered,
        })
    }

    async fn bundle(&mut self, which: Which, world: &World) -> &ContextBundle {
        if !self.open.contains_key(&which) {
            let sessions = self.sessions(world.sessions[which].in_store);
            let bundle = sessions.remount(self.ids[which]).await.unwrap();
            assert_eq!(bundle.recovered(), None);
            assert!(bundle.bad_snapshot().is_none());
            self.open.insert(which, bundle);
        }
        &self.open[&which]
    }

    async fn view(&self, which: Which, world: &World) -> Result<SessionView, BundleError> {
        self.sessions(world.sessions[which].in_store).view(self.ids[which]).await
    }

    fn add(&mut self, bundle: ContextBundle) {
        let which = self.ids.len();
        self.ids.push(bundle.id());
        self.open.insert(which, bundle);
    }

    async fn apply(&mut self, world: &World, op: Op) {
        match op {
            Op::Create => {
                let in_store = world.sessions[self.ids.len()].in_store;
                let created = self.sessions(in_store).create(meta()).await.unwrap();
                self.add(created);
            }
            Op::Append(which, dids, waits) => {
                let before = world.sessions[which].log.len() - dids.len();
                let bundle = self.bundle(which, world).await;
                let mut appended = Vec::new();
                for did in &dids {
                    // The last write is told by the clock.
                    let_the_clock_tick();
                    let append = append(bundle, did);
                    appended.push(if waits { Ok(append.await) } else { Err(append) });
                }
                let appended = appended.into_iter().map(|append| async {
                    match append {
                        Ok(done) => done,
                        Err(append) => append.await,
                    }
                });
                let appended: Vec<_> = join_all(appended).await;
                for (seq, appended) in (before..).zip(appended) {
                    assert_eq!(appended.unwrap(), u64::try_from(seq).unwrap());
                }
            }
            Op::Sync(which) => self.bundle(which, world).await.sync().await.unwrap(),
            Op::Snapshot(which) => self.bundle(which, world).await.snapshot().await.unwrap(),
            Op::Close(which) => {
                if let Some(bundle) = self.open.remove(&which) {
                    bundle.close().await.unwrap();
                    let late = bundle.append(note("late")).await;
                    assert!(matches!(late, Err(BundleError::Closed { .. })), "{late:?}");
                }
            }
            Op::Drop(which) => drop(self.open.remove(&which)),
            Op::Fork(which, at) => {
                let fork = self.bundle(which, world).await.fork(at, meta()).await.unwrap();
                self.add(fork);
            }
            Op::Merge { into, from, policy } => self.merge(world, into, from, policy).await,
            Op::Compact(which, drops) => {
                let history = if drops { History::Drop } else { History::Keep };
                let compacted = self.bundle(which, world).await.compact(history).await.unwrap();
                assert_eq!(compacted.dropped, if drops { world.dropped } else { 0 });
            }
            Op::Delete(which) => {
                let sessions = self.sessions(world.sessions[which].in_store);
                if let Some(bundle) = self.open.remove(&which) {
                    let refused = sessions.delete(bundle.id(), "in use").await;
                    assert!(matches!(refused, Err(BundleError::OpenElsewhere { .. })));
                }
                sessions.delete(self.ids[which], "a test").await.unwrap();
            }
            Op::CollectGarbage => {
                let mut expired = Vec::new();
                for in_store in [0, 1] {
                    let collected = self.sessions(in_store).collect_garbage().await.unwrap();
                    expired.extend(collected.expired.into_iter().map(|id| (in_store, id)));
                }
                let expected = world
                    .expired
                    .iter()
                    .map(|which| (world.sessions[*which].in_store, self.ids[*which]));
                let mut expected: Vec<_> = expected.collect();
                expected.sort_unstable();
                assert_eq!(expired, expected);
            }
            Op::Carry(which) => {
                let view = self.view(which, world).await.unwrap();
                let text = exported(&view).await;
                let other = self.sessions(1 - world.sessions[which].in_store);
                let input = || std::io::Cursor::new(text.clone());
                self.ids.push(other.import(input()).await.unwrap());
                let again = other.import(input()).await;
                assert!(matches!(again, Err(BundleError::AlreadyExists { .. })), "{again:?}");
            }
            Op::Reopen(durable) => {
                self.open.clear();
                self.durable = durable;
            }
            Op::Crash(durable) => {
                self.stores.crash();
                self.open.clear();
                self.durable = durable;
            }
        }
    }

    async fn merge(&mut self, world: &World, into: Which, from: Which, policy: Policy) {
        let fork = self.view(from, world).await.unwrap();
        let policy = match policy {
            Policy::LastWrite => MergePolicy::LastWrite,
            Policy::Ours => MergePolicy::Ours,
            Policy::Theirs => MergePolicy::Theirs,
            Policy::Removed => MergePolicy::Custom(Box::new(|_| None)),
            Policy::Set(value) => {
                let value = payload(&value.to_string());
                MergePolicy::Custom(Box::new(move |_| Some(value.clone())))
            }
        };
        let_the_clock_tick();
        let merge = self.bundle(into, world).await.merge(&fork, policy).await.unwrap();
        let values = merge.values.iter().map(|(key, value)| (known(key), value.as_ref().map(text)));
        let conflicts = merge.conflicts.iter().map(|conflict| known(&conflict.key)).collect();
        let (common, expected, expected_conflicts) = world.merge.as_ref().unwrap();
        assert_eq!(merge.seq, world.sessions[into].len() - 1);
        assert_eq!(
            (merge.common, values.collect::<Values>(), conflicts),
            (*common, expected.clone(), expected_conflicts.clone())
        );
    }

    async fn check(&self, world: &World) {
        for (which, session) in world.sessions.iter().enumerate() {
            match self.view(which, world).await {
                Ok(view) if !session.is_deleted => self.check_view(world, session, &view).await,
                Err(BundleError::Deleted { .. }) if session.is_deleted => {}
                found => panic!("{found:?} is {session:?}"),
            }
            match self.open.get(&which) {
                Some(bundle) => self.check_open(session, bundle).await,
                None => assert!(!session.is_open),
            }
        }
        for in_store in [0, 1] {
            self.check_lists(world, in_store).await;
        }
    }

    async fn check_view(&self, world: &World, session: &model::Session, view: &SessionView) {
        self.check_entries(session, &view.actions(0).await.unwrap());
        check_state(
            &view.state(maniple_bundles::Point::End).await.unwrap(),
            session,
            session.log.len(),
        );
        assert_eq!(view.verify().await.unwrap().actions, session.len());
        // Another point at each step.
        let at = world.sessions.iter().map(|other| other.log.len()).sum::<usize>() * 7;
        let at = at % (session.log.len() + 1);
        match view.state(u64::try_from(at).unwrap()).await {
            Ok(state) => check_state(&state, session, at),
            Err(BundleError::Dropped { .. }) => {
                assert!(session.log[..at].iter().any(|entry| entry.is_dropped));
            }
            Err(error) => panic!("{error} at {at} of {session:?}"),
        }
    }

    async fn check_open(&self, session: &model::Session, bundle: &ContextBundle) {
        self.check_entries(session, &bundle.actions().await.unwrap());
        check_state(&bundle.state(), session, session.log.len());
        let state = session.state(session.log.len());
        for key in ["a", "b", "c"] {
            let value = state.values.get(key).map(|(value, _)| value.clone());
            assert_eq!(bundle.get::<String>(key).unwrap(), value);
            let history = bundle.history(key).await.unwrap();
            let history: Vec<_> =
                history.iter().map(|(seq, value)| (*seq, value.as_ref().map(text))).collect();
            assert_eq!(history, expected_history(session, key));
        }
        let records = bundle.load().await.unwrap();
        let expected = session.log.iter().filter(|entry| matches!(entry.did, Did::Journal(_)));
        let expected: Vec<_> = expected.map(|entry| entry.did.clone()).collect();
        let read = |record| self.read(Action::Journal(record));
        assert_eq!(records.into_iter().map(read).collect::<Vec<_>>(), expected);
    }

    fn check_entries(&self, session: &model::Session, entries: &[Entry]) {
        let found = entries.iter().map(|entry| (entry.seq, self.read(entry.action.clone())));
        let kept = (0..).zip(&session.log).filter(|(_, entry)| !entry.is_dropped);
        let kept = kept.map(|(seq, entry)| (seq, entry.did.clone()));
        assert_eq!(found.collect::<Vec<_>>(), kept.collect::<Vec<_>>());
    }

    async fn check_lists(&self, world: &World, in_store: usize) {
        let sessions = self.sessions(in_store);
        let here = || {
            let all = self.ids.iter().zip(&world.sessions);
            let mut here: Vec<_> =
                all.filter(|(_, session)| session.in_store == in_store).collect();
            here.sort_by_key(|(id, _)| **id);
            here.into_iter()
        };
        let list = sessions.list(&Filter::all()).await.unwrap();
        let living = here().filter(|(_, session)| !session.is_deleted);
        assert!(list.iter().map(|summary| summary.id).eq(living.clone().map(|(id, _)| *id)));
        for (summary, (_, session)) in list.iter().zip(living) {
            let parent = summary.parent.map(|parent| (parent.from, parent.at));
            assert_eq!(parent, session.parent.map(|(which, at)| (self.ids[which], at)));
            let state = session.state(session.log.len());
            let log = summary.log.as_ref();
            assert_eq!(log.map(|log| log.tags.clone()).unwrap_or_default(), state.tags);
            assert_eq!(log.is_some_and(|log| log.expires_ms.is_some()), state.expires);
        }
        let deleted = sessions.deleted().await.unwrap();
        let expected = here().filter(|(_, session)| session.is_deleted).map(|(id, _)| *id);
        assert!(deleted.iter().map(|tombstone| tombstone.id).eq(expected));
    }

    /// What an action is to the model.
    fn read(&self, action: Action) -> Did {
        match action {
            Action::Note { text } => Did::Note(text),
            Action::Set { key, value } => Did::Set(known(&key), text(&value)),
            Action::Unset { key } => Did::Unset(known(&key)),
            Action::Task { name, status, .. } => {
                Did::Task(known(&name), status == TaskStatus::Done)
            }
            Action::Checkpoint { name } => Did::Checkpoint(known(&name)),
            Action::Tagged { add, remove } => {
                let known = |tags: std::collections::BTreeSet<String>| {
                    tags.iter().map(|tag| known(tag)).collect()
                };
                Did::Tagged(known(add), known(remove))
            }
            Action::Expires { at_ms } => Did::Expires(at_ms.is_some()),
            Action::Merged { from, actions, values, .. } => {
                let from = self.ids.iter().position(|id| *id == from).unwrap();
                let values = values
                    .iter()
                    .map(|changed| (known(&changed.key), changed.value.as_ref().map(text)));
                Did::Merged { from, actions, values: values.collect() }
            }
            Action::Journal(Record { fact: Fact::Decided { value }, .. }) => {
                Did::Journal(value.decode().unwrap())
            }
            action => panic!("{action:?} was never appended"),
        }
    }
}

fn expected_history(session: &model::Session, key: &str) -> Vec<(u64, Option<String>)> {
    let kept = (0..).zip(&session.log).filter(|(_, entry)| !entry.is_dropped);
    let set = kept.filter_map(|(seq, entry)| match &entry.did {
        Did::Set(set, value) if *set == key => Some((seq, Some(value.clone()))),
        Did::Unset(unset) if *unset == key => Some((seq, None)),
        Did::Merged { values, .. } => values.get(key).map(|value| (seq, value.clone())),
        _ => None,
    });
    set.collect()
}

fn check_state(state: &State, session: &model::Session, at: usize) {
    let values = state.values().iter();
    let found = model::State {
        values: values.map(|(key, set)| (key.clone(), (text(&set.value), set.seq))).collect(),
        tasks: state
            .tasks()
            .iter()
            .map(|(name, task)| (name.clone(), task.status == TaskStatus::Done))
            .collect(),
        checkpoints: state.checkpoints().clone(),
        tags: state.tags().clone(),
        expires: state.expires_ms().is_some(),
        journal_records: state.journal_records(),
    };
    assert_eq!(found, session.state(at), "at {at}");
}

/// The name as the model has it.
fn known(name: &str) -> &'static str {
    let names = ["a", "b", "c", "urgent", "net", "disk"];
    names.into_iter().find(|known| *known == name).unwrap()
}

fn text(value: &maniple_core::Payload) -> String {
    value.decode().unwrap()
}

fn append(bundle: &ContextBundle, did: &Did) -> maniple_bundles::Append {
    let tags =
        |tags: &std::collections::BTreeSet<&str>| tags.iter().map(|tag| (*tag).into()).collect();
    bundle.append(match did {
        Did::Note(text) => note(text),
        Did::Set(key, value) => return bundle.set(*key, value),
        Did::Unset(key) => Action::Unset { key: (*key).into() },
        Did::Task(name, is_done) => {
            let status = if *is_done { TaskStatus::Done } else { TaskStatus::Open };
            Action::Task { name: (*name).into(), status, detail: String::new() }
        }
        Did::Checkpoint(name) => return bundle.checkpoint(*name),
        Did::Tagged(add, remove) => Action::Tagged { add: tags(add), remove: tags(remove) },
        // In 1970.
        Did::Expires(expires) => Action::Expires { at_ms: expires.then_some(1) },
        Did::Journal(number) => {
            let fact = Fact::Decided { value: payload(number) };
            Action::Journal(Record { key: Key::new("/a:x"), worked: Duration::ZERO, fact })
        }
        Did::Merged { .. } => unreachable!("only a merge makes it"),
    })
}

impl<S: Stores> StateMachineTest for In<S> {
    type SystemUnderTest = Subject<S>;
    type Reference = World;

    fn init_test(_: &World) -> Subject<S> {
        let (open, ids) = (BTreeMap::new(), Vec::new());
        Subject { open, ids, durable: Durable::Synced, stores: S::new() }
    }

    fn apply(mut subject: Subject<S>, world: &World, op: Op) -> Subject<S> {
        block_on(async {
            subject.apply(world, op).await;
            subject.check(world).await;
        });
        subject
    }
}
