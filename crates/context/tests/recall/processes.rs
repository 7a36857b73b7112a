//! Several processes at one directory, some of which die.

use std::fs;
use std::path::Path;
use std::time::Duration;

use maniple_context::{FileRecall, RecallError, RecallStore};

use crate::child::{Role, Running, batch, command};

/// What was never finished.
fn leftovers(root: &Path) -> usize {
    let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().unwrap().starts_with("new-")).count()
}

/// Whether a batch is there: as a whole, or not at all.
fn is_there(store: &FileRecall, number: usize) -> bool {
    let texts = batch(number);
    let found = texts.iter().filter(|(handle, text)| match store.get(handle) {
        Ok(found) => {
            assert!(found == *text, "another text of batch {number} came back");
            true
        }
        Err(RecallError::Unknown { .. }) => false,
        Err(error) => panic!("batch {number}: {error}"),
    });
    let count = found.count();
    assert!(count == 0 || count == texts.len(), "{count} texts of batch {number} are there");
    count > 0
}

#[test]
fn killed_at_any_moment_what_was_kept_is_there_and_nothing_is_half() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("store");
    let (mut kept, mut torn, mut rounds) = (0, 0, 0);
    while torn < 5 {
        assert!(rounds < 200, "only {torn} of {rounds} kills came while a file was written");
        let mut child = Running::start(command(Role::Write, &root));
        // Past where those before it came, and then into the next batch.
        let next = kept + rounds % 3;
        while child.wait_for("begin").unwrap().parse::<usize>().unwrap() < next {}
        kept = next;
        // Any moment will do; this makes it another one each time.
        std::thread::sleep(Duration::from_micros(u64::try_from(rounds * 977 % 7000).unwrap()));
        let said = child.kill("kept");
        rounds += 1;
        torn += usize::from(leftovers(&root) > 0);

        let store = FileRecall::open(&root).unwrap();
        assert_eq!(leftovers(&root), 0, "the dead wait for nothing");
        kept = said.last().map_or(kept, |last| last.parse::<usize>().unwrap() + 1);
        for number in kept.saturating_sub(5)..kept {
            assert!(is_there(&store, number), "batch {number} was acknowledged");
        }
        // The one that it was at may be there or not.
        while is_there(&store, kept) {
            kept += 1;
        }
    }
    println!("{rounds} rounds, {kept} batches");
    let store = FileRecall::open(&root).unwrap();
    assert!((0..kept).all(|number| is_there(&store, number)));
}

#[test]
fn processes_write_the_same_and_read_what_the_others_wrote() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("store");
    let reader = FileRecall::open(&root).unwrap();
    let mut writers: Vec<_> =
        (0..3).map(|_| Running::start(command(Role::WriteTen, &root))).collect();
    for number in 0..10 {
        writers[0].wait_for("kept").unwrap();
        assert!(is_there(&reader, number), "another process has kept it");
    }
    for writer in &mut writers {
        writer.rest("kept");
    }
    assert_eq!(leftovers(&root), 0);
    let packs = fs::read_dir(&root).unwrap().count() - 1;
    assert_eq!(packs, 10, "the same texts are in the same files");
}
