//! What is done to a session as a whole, with a crash or a failed sync at each operation.

use std::sync::Arc;

use crate::action::Action;
use crate::disk::sim::{Faults, Forgets, Machine, Survival};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::format::{BlobId, encode_action, write_body, write_frame};
use crate::session::{Fork, Header, Meta, SessionId};
use crate::store::file::broken::Rule;
use crate::store::{BundleStore, FileStore, Lines};
use crate::writer::{Driven, Opening, Worker};

const ROOT: &str = "/data/sessions";

/// More operations than any of it takes.
const OPERATIONS: u64 = 250;

fn id(number: u32) -> SessionId {
    format!("0198a6c0-5a00-7abc-8def-{number:012}").parse().unwrap()
}

fn store(machine: &Machine) -> Arc<FileStore> {
    Arc::new(FileStore::on(Arc::new(machine.disk()), ROOT.into()))
}

fn open(machine: &Machine, opening: Opening) -> Result<Driven, BundleError> {
    Driven::open(store(machine), opening, Durability::Synced)
}

fn note(text: &str) -> Action {
    Action::Note { text: text.to_owned() }
}

fn secret() -> Action {
    note(&"secret".repeat(1000))
}

fn actions(session: &mut Driven) -> Vec<Action> {
    session.entries().unwrap().into_iter().map(|entry| entry.action).collect()
}

/// A session of three chunks, and what is in it.
fn session(machine: &Machine) -> Vec<Action> {
    let header = Header::new(id(1), 1, Meta::new("whole"));
    let mut opening = Opening::Create(header);
    for action in [note("first"), secret(), note("last")] {
        let mut session = open(machine, opening).unwrap();
        session.append(&[action]).remove(0).unwrap();
        session.close().unwrap();
        opening = Opening::Remount(id(1));
    }
    vec![note("first"), secret(), note("last")]
}

/// Does it on many machines, to each of which something else happens within, and then the power is
/// lost. `check` is told whether it was done.
fn each_fault(
    act: impl Fn(&Machine) -> Result<(), BundleError>,
    mut check: impl FnMut(&Machine, bool),
) {
    let (mut done, mut undone) = (0, 0);
    for operations in 0..OPERATIONS {
        let after = Some(operations);
        for faults in [
            Faults { fails_after: after, ..Faults::default() },
            Faults { sync_fails_after: after, ..Faults::default() },
            Faults { dies_after: after, ..Faults::default() },
        ] {
            let machine = Machine::new(operations);
            session(&machine);
            machine.set_faults(faults);
            let is_done = act(&machine).is_ok();
            assert!(is_done || operations + 1 < OPERATIONS, "it takes more operations");
            machine.crash(Survival::Any);
            check(&machine, is_done);
            machine.crash(Survival::Any);
            check(&machine, is_done);
            if is_done { done += 1 } else { undone += 1 }
        }
    }
    assert!(done > 50 && undone > 50, "{done} done, {undone} not");
}

/// Puts other actions in place of those that there are.
fn rewrite(worker: &mut Worker, actions: &[Action]) -> Result<(), BundleError> {
    let mut head = worker.header().root();
    let mut lines = Lines::default();
    for (seq, action) in (0..).zip(actions) {
        let action = encode_action(action).unwrap();
        let before = worker.header().before(seq, head);
        head = lines
            .push(seq, |out| write_frame(out, &before, |out| write_body(out, seq, 1, 3, &action)));
    }
    worker.writer().rewrite(1, &lines)
}

#[test]
fn a_log_is_rewritten_whole_or_not_at_all_and_its_blobs_go() {
    assert_eq!(rewrite_each(None, None), 0, "a blob that nothing needs came back");
    let broken = Some(Rule::RemovalsAreSynced);
    assert_ne!(rewrite_each(broken, None), 0, "the broken rule goes unseen");
    let forgets = Some(Forgets::Removals);
    assert_ne!(rewrite_each(None, forgets), 0, "the broken promise of the disk goes unseen");
}

/// Rewrites a log with each fault, and returns how often a blob came back.
fn rewrite_each(broken: Option<Rule>, forgets: Option<Forgets>) -> usize {
    let redacted = || vec![note("first"), note("withheld"), note("last")];
    let Some((blob, _)) = encode_action(&secret()).unwrap().blobs.pop() else {
        panic!("it has no blob");
    };
    let mut came_back = 0;
    each_fault(
        |machine| {
            let disk = machine.disk();
            let disk = match forgets {
                Some(forgets) => disk.forgetting(forgets),
                None => disk,
            };
            let store = Arc::new(FileStore::on(Arc::new(disk), ROOT.into()));
            let mut session = Driven::open(store, Opening::Remount(id(1)), Durability::Synced)?;
            Rule::break_only(broken);
            session.act(move |worker| rewrite(worker, &redacted()))
        },
        |machine, is_done| {
            let mut session = open(machine, Opening::Remount(id(1))).unwrap();
            let found = actions(&mut session);
            let is_old = found == [note("first"), secret(), note("last")];
            assert!(found == redacted() || (is_old && !is_done), "{found:.20?}");
            Rule::break_only(None);
            came_back += usize::from(is_done && is_kept(machine, blob));
        },
    );
    came_back
}

fn is_kept(machine: &Machine, blob: BlobId) -> bool {
    let dir = std::path::Path::new(ROOT).join(id(1).to_string()).join("blobs");
    machine.names(&dir).contains(&blob.to_string())
}

#[test]
fn what_was_deleted_stays_so_and_what_was_not_is_whole() {
    each_fault(
        |machine| store(machine).delete(id(1), b"gone"),
        |machine, is_done| match open(machine, Opening::Remount(id(1))) {
            Ok(mut session) if !is_done => {
                assert_eq!(actions(&mut session), [note("first"), secret(), note("last")]);
            }
            Err(BundleError::Deleted { .. }) => {
                store(machine).collect_garbage().unwrap();
                let again = open(machine, Opening::Remount(id(1)));
                assert!(matches!(again, Err(BundleError::Deleted { .. })), "{again:?}");
            }
            other => panic!("{other:?}"),
        },
    );
}

#[test]
fn a_fork_is_there_when_it_was_made_and_leaves_its_parent_alone() {
    each_fault(
        |machine| {
            let mut parent = open(machine, Opening::Remount(id(1)))?;
            let (header, tip) = parent.act(|worker| Ok((worker.header().clone(), worker.tip())))?;
            let at = Fork { at: tip.actions, head: tip.head };
            let fork = header.fork(&at, id(2), 1, Meta::new("fork"));
            let state = Box::new(parent.state().unwrap_or_default());
            let mut fork = open(machine, Opening::Fork(fork, state))?;
            fork.append(&[note("of the fork")]).remove(0).map(drop)
        },
        |machine, is_done| {
            let parent = [note("first"), secret(), note("last")];
            let mut session = open(machine, Opening::Remount(id(1))).unwrap();
            assert_eq!(actions(&mut session), parent);
            match open(machine, Opening::Remount(id(2))) {
                Ok(mut fork) => {
                    let found = actions(&mut fork);
                    assert_eq!(found[..3], parent);
                    assert!(found[3..] == [note("of the fork")] || (found.len() == 3 && !is_done));
                }
                Err(BundleError::NotFound { .. }) if !is_done => {}
                Err(error) => panic!("{error}"),
            }
        },
    );
}
