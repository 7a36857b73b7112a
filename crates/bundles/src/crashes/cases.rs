//! What single histories have shown.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::action::Action;
use crate::bundle::ContextBundle;
use crate::disk::sim::{Dice, Faults, Machine, Survival};
use crate::durability::Durability;
use crate::error::BundleError;
use crate::session::{Header, Meta, SessionId};
use crate::store::{Opening, Place};
use crate::writer::Driven;

const DIR: &str = "/data/sessions/one";
const LOG: &str = "/data/sessions/one/log.jsonl";

fn opening() -> Opening {
    Opening::RemountOrCreate(Header::new(SessionId::generate(), 1, Meta::new("case")))
}

fn open(machine: &Machine, durability: Durability) -> Result<Driven, BundleError> {
    Driven::open(Place::new(Arc::new(machine.disk()), DIR.into()), opening(), durability)
}

fn note(text: impl Into<String>) -> Action {
    Action::Note { text: text.into() }
}

fn actions(session: &mut Driven) -> Vec<Action> {
    session.actions().unwrap().into_iter().map(|entry| entry.action).collect()
}

fn dies_after(operations: u64) -> Faults {
    Faults { dies_after: Some(operations), ..Faults::default() }
}

#[test]
fn directories_that_a_killed_process_made_are_made_durable() {
    for seed in 0..20 {
        for operations in 0..30 {
            let machine = Machine::new(seed);
            machine.set_faults(dies_after(operations));
            let _ = open(&machine, Durability::Synced);
            machine.set_faults(Faults::default());
            let mut session = open(&machine, Durability::Synced).unwrap();
            session.append(&[note("acknowledged")]).remove(0).unwrap();
            machine.crash(Survival::Any);
            let mut session = open(&machine, Durability::Synced).unwrap();
            assert_eq!(actions(&mut session), [note("acknowledged")], "{seed}, {operations}");
        }
    }
}

#[test]
fn a_root_that_cannot_be_looked_at_is_an_error() {
    for dir in ["/", "/one", "one", ".", "..", "../one", "a/b/c"] {
        let machine = Machine::new(1);
        let disk = Arc::new(machine.disk());
        machine.kill();
        let opened = Driven::open(Place::new(disk, dir.into()), opening(), Durability::Synced);
        assert!(matches!(opened, Err(BundleError::Io { .. })), "{dir}");
    }
}

#[test]
fn every_refusal_is_named_and_costs_nothing() {
    let none = Faults::default;
    for (faults, kind) in [
        (Faults { room: Some(100), ..none() }, ErrorKind::StorageFull),
        (Faults { read_only: true, ..none() }, ErrorKind::ReadOnlyFilesystem),
        (Faults { sync_fails: true, ..none() }, ErrorKind::Other),
        (Faults { fails_after: Some(0), ..none() }, ErrorKind::Other),
        (Faults { fails_after: Some(1), ..none() }, ErrorKind::Other),
    ] {
        let machine = Machine::new(1);
        let mut session = open(&machine, Durability::Synced).unwrap();
        session.append(&[note("acknowledged")]).remove(0).unwrap();
        machine.set_faults(faults.clone());
        let error = session.append(&[note("refused")]).remove(0).unwrap_err();
        assert_eq!(io_kind(&error), Some(kind), "{faults:?}: {error}");
        let after = session.append(&[note("late")]).remove(0).unwrap_err();
        assert!(matches!(after, BundleError::Stopped { .. }), "{faults:?}: {after}");
        machine.set_faults(none());
        let mut session = open(&machine, Durability::Synced).unwrap();
        assert_eq!(actions(&mut session), [note("acknowledged")], "{faults:?}");
    }
    for (faults, kind) in [
        (Faults { forbidden: true, ..none() }, ErrorKind::PermissionDenied),
        (Faults { read_only: true, ..none() }, ErrorKind::ReadOnlyFilesystem),
        (Faults { sync_fails: true, ..none() }, ErrorKind::Other),
    ] {
        let machine = Machine::new(1);
        drop(open(&machine, Durability::Synced).unwrap());
        machine.set_faults(faults.clone());
        let error = open(&machine, Durability::Synced).unwrap_err();
        assert_eq!(io_kind(&error), Some(kind), "{faults:?}: {error}");
    }
}

fn io_kind(error: &BundleError) -> Option<ErrorKind> {
    match error {
        BundleError::Io { source, .. } => Some(source.kind()),
        _ => None,
    }
}

/// The limit that the crate's documentation states: the system shows what it failed to write, and
/// says of a later sync that it succeeded.
#[test]
fn after_a_failed_sync_a_later_one_proves_nothing() {
    let mut lost = 0;
    for seed in 0..50 {
        let machine = Machine::new(seed);
        let mut session = open(&machine, Durability::Synced).unwrap();
        session.append(&[note("durable")]).remove(0).unwrap();
        drop(session);
        let mut session = open(&machine, Durability::Buffered).unwrap();
        session.append(&[note("x".repeat(2000))]).remove(0).unwrap();
        machine.set_faults(Faults { sync_fails: true, ..Faults::default() });
        assert!(matches!(
            session.close(),
            Err(BundleError::Io { .. } | BundleError::Stopped { .. })
        ));
        machine.set_faults(Faults::default());

        let mut session = open(&machine, Durability::Synced).unwrap();
        session.append(&[note("late")]).remove(0).unwrap();
        machine.crash(Survival::Any);
        let durable = match open(&machine, Durability::Synced) {
            Ok(mut session) => actions(&mut session),
            Err(BundleError::Damaged { offset, .. }) => {
                let mut log = machine.content(Path::new(LOG)).unwrap();
                log.truncate(usize::try_from(offset).unwrap());
                machine.replace(Path::new(LOG), log);
                actions(&mut open(&machine, Durability::Synced).unwrap())
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(durable[0], note("durable"), "what was synced before stays");
        lost += u32::from(!durable.contains(&note("late")));
    }
    assert!(lost > 0, "the limit is gone: say so in the documentation");
}

/// The histories drive the writer step by step; here its thread does the work.
#[test]
fn a_bundle_with_its_thread_keeps_what_it_acknowledged() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut died, mut kept) = (0, 0);
    for seed in 0..200 {
        let machine = Machine::new(seed);
        let mut dice = Dice::new(seed);
        let mut acknowledged = Vec::new();
        for _ in 0..3 {
            machine.set_faults(dies_after(dice.below(120)));
            let lived = runtime.block_on(live(&machine, &mut acknowledged));
            died += u32::from(lived.is_err());
            machine.crash(Survival::Any);
        }
        let mut session = open(&machine, Durability::Synced).unwrap();
        let found = actions(&mut session);
        assert!(acknowledged.iter().all(|action| found.contains(action)), "history {seed}");
        assert!(found.iter().is_sorted_by_key(number), "history {seed}");
        kept += acknowledged.len();
    }
    assert!(died > 100 && kept > 1000, "{died} died, {kept} were kept");
}

async fn live(machine: &Machine, acknowledged: &mut Vec<Action>) -> Result<(), BundleError> {
    let disk = Arc::new(machine.disk());
    let bundle = ContextBundle::open(disk, DIR.into(), opening(), Durability::Synced).await?;
    let next = bundle.actions().await?.last().map_or(0, |entry| number(&entry.action) + 1);
    for number in next..next + 20 {
        let action = note(format!("{number} {}", "x".repeat(700)));
        bundle.append(action.clone()).await?;
        acknowledged.push(action);
    }
    Ok(())
}

fn number(action: &Action) -> u64 {
    match action {
        Action::Note { text } => text.split(' ').next().unwrap().parse().unwrap(),
        other => panic!("nobody appended {other:?}"),
    }
}
