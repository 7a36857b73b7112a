//! What single histories have shown.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use crate::action::Action;
use crate::bundle::ContextBundle;
use crate::disk::sim::{Dice, Faults, Machine, Survival};
use crate::disk::{Access, Disk, write_all_at};
use crate::durability::Durability;
use crate::error::{BundleError, Damage};
use crate::format::{Frame, encode_action, write_body, write_frame};
use crate::session::{Header, Meta, SessionId};
use crate::sessions::Settings;
use crate::store::FileStore;
use crate::store::file::broken::Rule;
use crate::writer::{Driven, Opening};

const ROOT: &str = "/data/sessions";

fn opening() -> Opening {
    Opening::RemountOrCreate(Header::new(SessionId::generate(), 1, Meta::new("case")))
}

fn open_in(machine: &Machine, root: &str, durability: Durability) -> Result<Driven, BundleError> {
    let store = FileStore::on(Arc::new(machine.disk()), root.into());
    Driven::open(Arc::new(store), opening(), durability)
}

fn open(machine: &Machine) -> Result<Driven, BundleError> {
    open_in(machine, ROOT, Durability::Synced)
}

fn note(text: impl Into<String>) -> Action {
    Action::Note { text: text.into() }
}

fn actions(session: &mut Driven) -> Vec<Action> {
    session.entries().unwrap().into_iter().map(|entry| entry.action).collect()
}

fn dies_after(operations: u64) -> Faults {
    Faults { dies_after: Some(operations), ..Faults::default() }
}

#[test]
fn directories_that_a_killed_process_made_are_made_durable() {
    for seed in 0..20 {
        for operations in 0..40 {
            let machine = Machine::new(seed);
            machine.set_faults(dies_after(operations));
            let _ = open(&machine);
            machine.set_faults(Faults::default());
            let mut session = open(&machine).unwrap();
            session.append(&[note("acknowledged")]).remove(0).unwrap();
            machine.crash(Survival::Any);
            let mut session = open(&machine).unwrap();
            assert_eq!(actions(&mut session), [note("acknowledged")], "{seed}, {operations}");
        }
    }
}

#[test]
fn a_root_that_cannot_be_looked_at_is_an_error() {
    for root in ["/", "/one", "one", ".", "..", "../one", "a/b/c"] {
        let machine = Machine::new(1);
        let disk = Arc::new(machine.disk());
        machine.kill();
        let store = Arc::new(FileStore::on(disk, root.into()));
        let opened = Driven::open(store, opening(), Durability::Synced);
        assert!(matches!(opened, Err(BundleError::Io { .. })), "{root}");
    }
}

#[test]
fn every_refusal_is_named_and_costs_nothing_but_itself() {
    use ErrorKind::{Other, PermissionDenied, ReadOnlyFilesystem, StorageFull};

    let none = Faults::default;
    // Permission is asked for where something is opened, as the blob of a long text is.
    let (short, long) = ("refused ".repeat(100), "refused ".repeat(1000));
    for (faults, durability, text, kind) in [
        (Faults { room: Some(100), ..none() }, Durability::Buffered, &short, StorageFull),
        (Faults { read_only: true, ..none() }, Durability::Synced, &short, ReadOnlyFilesystem),
        (Faults { forbidden: true, ..none() }, Durability::Synced, &long, PermissionDenied),
        (Faults { fails_after: Some(0), ..none() }, Durability::Synced, &short, Other),
        (Faults { fails_after: Some(0), ..none() }, Durability::Buffered, &short, Other),
    ] {
        let machine = Machine::new(1);
        let mut session = open_in(&machine, ROOT, durability).unwrap();
        session.append(&[note("acknowledged")]).remove(0).unwrap();
        machine.set_faults(faults.clone());
        let error = session.append(&[note(text.clone())]).remove(0).unwrap_err();
        assert_eq!(io_kind(&error), Some(kind), "{faults:?}: {error}");
        machine.set_faults(none());
        session.append(&[note("after")]).remove(0).unwrap();
        session.finish();
        let mut session = open(&machine).unwrap();
        assert_eq!(actions(&mut session), [note("acknowledged"), note("after")], "{faults:?}");
    }
}

fn io_kind(error: &BundleError) -> Option<ErrorKind> {
    match error {
        BundleError::Io { source, .. } => Some(source.kind()),
        _ => None,
    }
}

/// The system shows what it failed to write, and says of a later sync that it succeeded.
#[test]
fn after_a_failed_sync_remounting_makes_good_what_is_acknowledged_then() {
    for seed in 0..50 {
        let machine = Machine::new(seed);
        let mut session = open_in(&machine, ROOT, Durability::Buffered).unwrap();
        let doubtful = [note("x".repeat(2000)), note("y".repeat(5000))];
        for answer in session.append(&doubtful) {
            answer.unwrap();
        }
        machine.set_faults(Faults { sync_fails: true, ..Faults::default() });
        assert_eq!(io_kind(&session.close().unwrap_err()), Some(ErrorKind::Other));
        machine.set_faults(Faults::default());

        let mut session = open(&machine).unwrap();
        assert_eq!(actions(&mut session), doubtful);
        session.append(&[note("late")]).remove(0).unwrap();
        machine.crash(Survival::Any);
        let mut session = open(&machine).unwrap();
        assert_eq!(actions(&mut session)[..2], doubtful, "history {seed}");
        assert_eq!(actions(&mut session)[2..], [note("late")], "history {seed}");
    }
}

#[test]
fn a_bundle_whose_sync_failed_takes_nothing_more() {
    let machine = Machine::new(1);
    let mut session = open(&machine).unwrap();
    session.append(&[note("acknowledged")]).remove(0).unwrap();
    machine.set_faults(Faults { sync_fails: true, ..Faults::default() });
    let error = session.append(&[note("doubtful")]).remove(0).unwrap_err();
    assert_eq!(io_kind(&error), Some(ErrorKind::Other));
    machine.set_faults(Faults::default());
    for _ in 0..2 {
        let error = session.append(&[note("late")]).remove(0).unwrap_err();
        assert!(matches!(error, BundleError::Stopped { .. }), "{error}");
    }
}

/// A line whose hash is right was made on purpose, or by a defect, and not by a crash.
#[test]
fn a_line_that_continues_the_chain_and_has_another_number_is_named() {
    let open = |broken| {
        let machine = Machine::new(1);
        let mut session = open(&machine).unwrap();
        session.append(&[note("first")]).remove(0).unwrap();
        let dir = Path::new(ROOT).join(session.id.to_string());
        machine.kill();
        let path = dir.join("00000000000000000000.jsonl");
        let mut chunk = machine.content(&path).unwrap();
        let end = chunk.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        let last = chunk[..end - 1].rsplit(|byte| *byte == b'\n').next().unwrap();
        let head = Frame::read(last).unwrap().stated_head().unwrap();
        chunk.truncate(end);
        let action = encode_action(&note("fifth")).unwrap();
        write_frame(&mut chunk, &head, |out| write_body(out, 5, 1, 1, &action));
        chunk.push(0);
        let mut file = machine.disk().open(&path, Access::Write).unwrap();
        write_all_at(&mut *file, 0, &chunk).unwrap();
        Rule::break_only(broken);
        let opened = self::open(&machine);
        Rule::break_only(None);
        opened
    };
    let found = match open(None) {
        Err(BundleError::Damaged { found, .. }) => found,
        other => panic!("{other:?}"),
    };
    assert_eq!(found, Damage::OutOfSequence { expected: 1, found: 5 });
    open(Some(Rule::NumberIsCompared)).unwrap();
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
            machine.set_faults(dies_after(dice.below(250)));
            let lived = runtime.block_on(live(&machine, &mut acknowledged));
            died += u32::from(lived.is_err());
            machine.crash(Survival::Any);
        }
        let mut session = open(&machine).unwrap();
        let found = actions(&mut session);
        assert!(acknowledged.iter().all(|action| found.contains(action)), "history {seed}");
        assert!(found.iter().is_sorted_by_key(number), "history {seed}");
        kept += acknowledged.len();
    }
    assert!(died > 100 && kept > 1000, "{died} died, {kept} were kept");
}

async fn live(machine: &Machine, acknowledged: &mut Vec<Action>) -> Result<(), BundleError> {
    let store = Arc::new(FileStore::on(Arc::new(machine.disk()), ROOT.into()));
    let bundle = ContextBundle::open(store, opening(), Settings::default()).await?;
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
