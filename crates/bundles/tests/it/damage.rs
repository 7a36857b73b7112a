//! Every single-bit flip and every cut of a small session is detected with its place, or is
//! reported as an erased tail that lies in the last line.

use std::path::Path;

use maniple_bundles::{Action, BundleError, Damage, Entry};

use crate::support::{Place, note};

/// What opening a session came to.
type Outcome = Result<Found, BundleError>;

#[derive(Debug)]
struct Found {
    actions: Vec<Entry>,
    /// The first line of the tail that was erased, and the tail's length.
    erased: Option<(u64, u64)>,
}

/// A small session whose files are put back before each try.
struct Subject {
    place: Place,
    log: Vec<u8>,
    header: Vec<u8>,
    entries: Vec<Entry>,
}

impl Subject {
    async fn dropped() -> Self {
        Self::read(Place::in_memory().with_notes(&["one", "two \u{fc}\n", "three"]).await).await
    }

    async fn closed() -> Self {
        let place = Place::in_memory();
        let bundle = place.create().await;
        bundle.append(note("one")).await.unwrap();
        bundle.append(note("two")).await.unwrap();
        bundle.close().await.unwrap();
        Self::read(place).await
    }

    async fn read(place: Place) -> Self {
        let log = std::fs::read(place.log()).unwrap();
        let header = std::fs::read(place.header()).unwrap();
        let entries = place.remount().await.unwrap().actions().await.unwrap();
        assert_eq!(entries.len(), 3);
        Self { place, log, header, entries }
    }

    /// Where each line begins, and where the last one ends.
    fn bounds(&self) -> Vec<usize> {
        let ends = self.log.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
    }

    /// The line that has this byte, counted from 1.
    fn line_of(&self, at: usize) -> u64 {
        u64::try_from(self.bounds().partition_point(|begin| *begin <= at)).unwrap()
    }

    async fn open(&self, log: &[u8], header: &[u8]) -> Outcome {
        std::fs::write(self.place.log(), log).unwrap();
        std::fs::write(self.place.header(), header).unwrap();
        match self.place.remount().await {
            Ok(bundle) => {
                let actions = bundle.actions().await.unwrap();
                let erased = bundle.recovered().map(|r| (r.line, r.erased_bytes));
                Ok(Found { actions, erased })
            }
            Err(error) => {
                assert_eq!(std::fs::read(self.place.log()).unwrap(), log, "changed by an error");
                Err(error)
            }
        }
    }

    /// Judges what came of one flipped bit at this byte of the log.
    fn judge_flip(&self, at: usize, outcome: &Outcome) -> Result<(), String> {
        let line = self.line_of(at);
        let is_last = line == 3;
        match outcome {
            Err(BundleError::Damaged { path, line: named, .. })
                if *named == line && *path == self.place.log() =>
            {
                Ok(())
            }
            Ok(Found { actions, erased: Some((3, _)) })
                if is_last && *actions == self.entries[..2] =>
            {
                Ok(())
            }
            other => Err(format!("byte {at} of line {line}: {other:?}")),
        }
    }
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

#[tokio::test]
async fn every_flipped_bit_of_a_log_is_seen() {
    for subject in [Subject::dropped().await, Subject::closed().await] {
        for at in 0..subject.log.len() {
            for bit in 0..8 {
                let log = flipped(&subject.log, at, bit);
                let outcome = subject.open(&log, &subject.header).await;
                subject.judge_flip(at, &outcome).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_flip_in_a_closed_log_never_costs_more_than_the_mark() {
    let subject = Subject::closed().await;
    assert_eq!(subject.entries[2].action, Action::Closed);
    let in_last_note = subject.bounds()[1] + 100;
    let outcome = subject.open(&flipped(&subject.log, in_last_note, 0), &subject.header).await;
    assert!(
        matches!(outcome, Err(BundleError::Damaged { line: 2, found: Damage::BrokenChain, .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn the_judge_sees_what_goes_unseen() {
    let subject = Subject::dropped().await;
    let untouched = subject.open(&subject.log, &subject.header).await;
    assert!(subject.judge_flip(10, &untouched).is_err());
    let elsewhere = subject.open(&flipped(&subject.log, 10, 0), &subject.header).await;
    assert!(subject.judge_flip(10, &elsewhere).is_ok());
    assert!(subject.judge_flip(subject.bounds()[1], &elsewhere).is_err());
    let erased = subject.open(&subject.log[..subject.log.len() - 1], &subject.header).await;
    assert!(subject.judge_flip(subject.log.len() - 1, &erased).is_ok());
    assert!(subject.judge_flip(10, &erased).is_err());
}

#[tokio::test]
async fn every_flipped_bit_of_the_header_is_seen() {
    let subject = Subject::dropped().await;
    for at in 0..subject.header.len() {
        for bit in 0..8 {
            let header = flipped(&subject.header, at, bit);
            let outcome = subject.open(&subject.log, &header).await;
            assert!(names(&outcome, &subject.place.header()), "byte {at}: {outcome:?}");
        }
    }
}

fn names(outcome: &Outcome, file: &Path) -> bool {
    matches!(outcome, Err(BundleError::Damaged { path, line: 1, .. }) if path == file)
}

#[tokio::test]
async fn every_cut_of_a_log_leaves_the_whole_lines_before_it() {
    for subject in [Subject::dropped().await, Subject::closed().await] {
        let bounds = subject.bounds();
        for cut in 0..=subject.log.len() {
            let outcome = subject.open(&subject.log[..cut], &subject.header).await;
            let whole = bounds.partition_point(|bound| *bound <= cut) - 1;
            let torn = u64::try_from(cut - bounds[whole]).unwrap();
            let line = u64::try_from(whole).unwrap() + 1;
            let Found { actions, erased } = outcome.unwrap();
            assert_eq!(actions, subject.entries[..whole], "cut at {cut}");
            assert_eq!(erased, (torn > 0).then_some((line, torn)), "cut at {cut}");
            let left = std::fs::read(subject.place.log()).unwrap();
            assert_eq!(left, subject.log[..bounds[whole]], "erased on disk");
        }
    }
}

#[tokio::test]
async fn every_cut_of_the_header_is_seen() {
    let subject = Subject::dropped().await;
    for cut in 0..subject.header.len() {
        let outcome = subject.open(&subject.log, &subject.header[..cut]).await;
        assert!(names(&outcome, &subject.place.header()), "cut at {cut}: {outcome:?}");
    }
}

#[tokio::test]
async fn work_goes_on_after_an_erased_tail() {
    let place = Place::on_disk().with_notes(&["one", "two"]).await;
    let log = std::fs::read(place.log()).unwrap();
    std::fs::write(place.log(), &log[..log.len() - 5]).unwrap();
    let bundle = place.remount().await.unwrap();
    assert!(bundle.recovered().is_some());
    assert_eq!(bundle.append(note("three")).await.unwrap(), 1);
    bundle.close().await.unwrap();
    let bundle = place.remount().await.unwrap();
    assert_eq!(bundle.recovered(), None);
    assert_eq!(crate::support::notes(&bundle).await, ["one", "three"]);
}

#[tokio::test]
async fn lines_of_another_session_are_not_believed() {
    let (mine, other) = (Place::on_disk(), Place::on_disk());
    let mine = mine.with_notes(&["mine", "mine too"]).await;
    let other = other.with_notes(&["other", "other too"]).await;
    std::fs::copy(other.log(), mine.log()).unwrap();
    let error = mine.remount().await.unwrap_err();
    assert!(
        matches!(error, BundleError::Damaged { line: 1, found: Damage::BrokenChain, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_change_behind_the_back_of_an_open_bundle_is_seen_by_verify() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    bundle.append(note("one")).await.unwrap();
    bundle.append(note("two")).await.unwrap();
    let verified = bundle.verify().await.unwrap();
    let log = std::fs::read(place.log()).unwrap();
    assert_eq!((verified.actions, verified.bytes), (2, u64::try_from(log.len()).unwrap()));
    assert!(String::from_utf8(log.clone()).unwrap().contains(&verified.head.to_string()));

    let first = 1 + log.iter().position(|byte| *byte == b'\n').unwrap();
    let after = u64::try_from(log.len()).unwrap();
    let cases = [
        (log[..first].to_vec(), Damage::Missing, 2, u64::try_from(first).unwrap()),
        (log[..first + 9].to_vec(), Damage::Malformed, 2, u64::try_from(first).unwrap()),
        ([&log[..], b"more"].concat(), Damage::Malformed, 3, after),
        (flipped(&log, first + 90, 0), Damage::BrokenChain, 2, u64::try_from(first).unwrap()),
    ];
    for (bytes, expected, at_line, at_offset) in cases {
        std::fs::write(place.log(), &bytes).unwrap();
        for error in [bundle.verify().await.unwrap_err(), bundle.actions().await.unwrap_err()] {
            let BundleError::Damaged { line, offset, found, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((found, line, offset), (expected, at_line, at_offset));
        }
    }
    std::fs::write(place.log(), &log).unwrap();
    assert_eq!(bundle.verify().await.unwrap(), verified);
    std::fs::write(place.header(), b"{}\n").unwrap();
    assert!(bundle.verify().await.is_err());
}
