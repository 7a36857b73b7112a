//! Logs that were cut, exchanged, or changed behind the back of whoever has them open.

use std::fs;
use std::path::PathBuf;

use maniple_bundles::{
    BundleError, ContextBundle, Damage, Durability, Entry, Meta, Recovery, SessionId,
};

use crate::place::{Place, chunks, note, notes};

/// A session of three notes in one chunk, which is put back before each try.
struct Subject {
    place: Place,
    id: SessionId,
    chunk: PathBuf,
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Subject {
    async fn new(durability: Durability, is_closed: bool) -> Self {
        let place = Place::in_memory();
        let sessions = place.sessions().with_durability(durability);
        let bundle = sessions.create(Meta::new("test")).await.unwrap();
        for text in ["one", "two \u{fc}\n", "three"] {
            bundle.append(note(text)).await.unwrap();
        }
        let entries = bundle.actions().await.unwrap();
        if is_closed {
            bundle.close().await.unwrap();
        }
        let id = bundle.id();
        drop(bundle);
        let chunk = chunks(&place.dir(id)).remove(0);
        let bytes = fs::read(&chunk).unwrap();
        Self { place, id, chunk, bytes, entries }
    }

    /// Where each line ends.
    fn ends(&self) -> Vec<usize> {
        let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        ends.map(|(at, _)| at + 1).collect()
    }

    async fn open(&self, bytes: &[u8]) -> Result<(Vec<Entry>, Option<Recovery>), BundleError> {
        fs::write(&self.chunk, bytes).unwrap();
        let bundle = self.place.sessions().remount(self.id).await?;
        Ok((bundle.actions().await?, bundle.recovered()))
    }
}

/// A crash takes nothing of what was durable, so it is not for whoever opens the log to erase.
#[tokio::test]
async fn a_log_that_ends_before_its_snapshot_is_left_as_it_is() {
    let place = Place::in_memory();
    let sessions = place.sessions().with_durability(Durability::Buffered);
    let bundle = sessions.create(Meta::new("test")).await.unwrap();
    for text in ["one", "two", "three"] {
        bundle.append(note(text)).await.unwrap();
    }
    bundle.snapshot().await.unwrap();
    let id = bundle.id();
    drop(bundle);
    let chunk = chunks(&place.dir(id)).remove(0);
    let bytes = fs::read(&chunk).unwrap();
    let cut = &bytes[..bytes.len() - 10];
    for _ in 0..2 {
        fs::write(&chunk, cut).unwrap();
        let error = sessions.remount(id).await.unwrap_err();
        let is_missed = matches!(error, BundleError::Damaged { found: Damage::Missing, .. });
        assert!(is_missed, "{error}");
        assert_eq!(fs::read(&chunk).unwrap(), cut);
    }
    fs::write(&chunk, &bytes).unwrap();
    assert_eq!(notes(&sessions.remount(id).await.unwrap()).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn every_cut_of_a_log_leaves_the_whole_lines_before_it() {
    for is_closed in [false, true] {
        let subject = Subject::new(Durability::Buffered, is_closed).await;
        let ends = subject.ends();
        for cut in 0..=subject.bytes.len() {
            let opened = subject.open(&subject.bytes[..cut]).await;
            if cut < ends[0] {
                let error = opened.unwrap_err();
                let is_named = matches!(&error, BundleError::Damaged { path, line: 1, offset: 0, .. }
                    if *path == subject.chunk);
                assert!(is_named, "cut at {cut}: {error}");
                assert_eq!(fs::read(&subject.chunk).unwrap(), subject.bytes[..cut]);
                continue;
            }
            // The line that begins the chunk is no action, nor is the seal.
            let whole = ends.iter().filter(|end| **end <= cut).count();
            let count = (whole - 1).min(3);
            let is_missed =
                matches!(&opened, Err(BundleError::Damaged { found: Damage::Missing, .. }));
            if is_closed && count < 3 && is_missed {
                // What says that it was closed also says how long it was, and nothing was erased.
                assert_eq!(fs::read(&subject.chunk).unwrap(), subject.bytes[..cut], "cut at {cut}");
                continue;
            }
            let (actions, recovery) =
                opened.unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
            assert_eq!(actions, subject.entries[..count], "cut at {cut}");
            let torn = u64::try_from(cut - ends[whole - 1]).unwrap();
            let found = recovery.map(|recovery| (recovery.seq, recovery.erased_bytes));
            let expected = (torn > 0).then_some((u64::try_from(count).unwrap(), torn));
            assert_eq!(found, expected, "cut at {cut}");
            for left in chunks(&subject.place.dir(subject.id)) {
                fs::remove_file(left).unwrap();
            }
        }
    }
}

/// Room is made before it is used, and its last byte stays zero, so that a cut is no torn write.
#[tokio::test]
async fn a_log_with_room_is_not_cut_unnoticed() {
    let subject = Subject::new(Durability::Synced, false).await;
    let end = *subject.ends().last().unwrap();
    assert!(subject.bytes.len() > end + 1000, "there is room");
    for cut in [end, end - 1, end - 20, subject.ends()[1]] {
        let error = subject.open(&subject.bytes[..cut]).await.unwrap_err();
        assert!(
            matches!(&error, BundleError::Damaged { path, .. } if *path == subject.chunk),
            "{error}"
        );
        assert_eq!(fs::read(&subject.chunk).unwrap(), subject.bytes[..cut]);
    }
    let (actions, recovery) = subject.open(&subject.bytes).await.unwrap();
    assert_eq!((actions, recovery), (subject.entries.clone(), None));
}

#[tokio::test]
async fn work_goes_on_after_an_erased_tail() {
    let subject = Subject::new(Durability::Buffered, false).await;
    fs::write(&subject.chunk, &subject.bytes[..subject.bytes.len() - 5]).unwrap();
    let bundle = subject.place.sessions().remount(subject.id).await.unwrap();
    assert_eq!(bundle.recovered().unwrap().seq, 2);
    assert_eq!(bundle.append(note("other")).await.unwrap(), 2);
    bundle.close().await.unwrap();
    let bundle = subject.place.sessions().remount(subject.id).await.unwrap();
    assert_eq!(bundle.recovered(), None);
    assert_eq!(notes(&bundle).await, ["one", "two \u{fc}\n", "other"]);
}

#[tokio::test]
async fn chunks_of_another_session_are_not_believed() {
    let place = Place::in_memory();
    let (mine, other) = (place.closed(&["mine"]).await, place.closed(&["other"]).await);
    let (to, from) = (chunks(&place.dir(mine)).remove(0), chunks(&place.dir(other)).remove(0));
    fs::copy(from, &to).unwrap();
    let error = place.sessions().remount(mine).await.unwrap_err();
    let is_foreign = matches!(&error, BundleError::Damaged { path, line: 1, found: Damage::Foreign, .. }
        if *path == to);
    assert!(is_foreign, "{error}");
}

async fn require_damaged(bundle: &ContextBundle, line: u64, found: Damage) {
    for error in [bundle.verify().await.unwrap_err(), bundle.actions().await.unwrap_err()] {
        let is_named = matches!(&error, BundleError::Damaged { line: at, found: what, .. }
            if (*at, *what) == (line, found));
        assert!(is_named, "{error}");
    }
}

#[tokio::test]
async fn a_change_behind_the_back_of_an_open_bundle_is_seen_by_verify() {
    let place = Place::in_memory();
    let bundle = place.create().await;
    bundle.append(note("one")).await.unwrap();
    bundle.append(note("two")).await.unwrap();
    let verified = bundle.verify().await.unwrap();
    assert_eq!(verified.actions, 2);
    let chunk = chunks(&place.dir(bundle.id())).remove(0);
    let bytes = fs::read(&chunk).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains(&verified.head.to_string()));
    let ends: Vec<usize> =
        (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();

    let mut changed = bytes.clone();
    let in_the_text = ends[1] - 8;
    changed[in_the_text] ^= 1;
    for (now, line, found) in [
        (bytes[..ends[1]].to_vec(), 3, Damage::Missing),
        (changed, 2, Damage::BrokenChain),
        ([&bytes[..ends[1]], &bytes[ends[0]..ends[2]], &[0; 9]].concat(), 3, Damage::BrokenChain),
    ] {
        fs::write(&chunk, &now).unwrap();
        require_damaged(&bundle, line, found).await;
    }
    fs::write(&chunk, &bytes).unwrap();
    assert_eq!(bundle.verify().await.unwrap(), verified);
}
