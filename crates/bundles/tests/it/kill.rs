//! `kill -9` at any moment: what is found is a prefix that contains everything acknowledged, and
//! what was begun is done, or can be done again.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use maniple_bundles::{
    Action, BundleError, ContextBundle, Entry, Filter, History, Meta, Point, SessionId, Sessions,
};
use maniple_core::Journal;

use crate::child::{APPENDERS, Role, Running, Said, TURNS, record, text_of};
use crate::place::{Dice, Place, chunks, content, copy, note, notes, texts};

/// What was acknowledged: the number of the action, by appender and the appender's own number.
type Acknowledged = BTreeMap<(u64, u64), u64>;

fn acknowledged(said: &Said) -> Acknowledged {
    let parsed = said.all("acknowledged").map(|line| {
        let numbers: Vec<u64> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        ((numbers[0], numbers[1]), numbers[2])
    });
    parsed.collect()
}

/// Judges what was found after a kill: of each appender the first notes, whole and in their order,
/// with everything that was acknowledged at its place. Returns how many each has.
fn judge(found: &[Entry], acknowledged: &Acknowledged) -> Result<Vec<u64>, String> {
    let mut next = vec![0; usize::try_from(APPENDERS).unwrap()];
    let mut seqs = BTreeMap::new();
    for (seq, entry) in (0..).zip(found) {
        let Action::Note { text } = &entry.action else { return Err(format!("{entry:?}")) };
        let appender = text.split(' ').next().and_then(|appender| appender.parse::<usize>().ok());
        let appender = appender.filter(|appender| *appender < next.len());
        let appender = appender.ok_or_else(|| format!("{seq} is nobody's"))?;
        let of = u64::try_from(appender).unwrap();
        if entry.seq != seq || *text != text_of(of, next[appender]) {
            return Err(format!("{seq} is not note {} of appender {of}", next[appender]));
        }
        seqs.insert((of, next[appender]), seq);
        next[appender] += 1;
    }
    match acknowledged.iter().find(|(note, seq)| seqs.get(note) != Some(seq)) {
        None => Ok(next),
        Some(lost) => Err(format!("{lost:?} was acknowledged, and is not there")),
    }
}

async fn kill_fifty_times(role: Role, place: Place) {
    let mut dice = Dice::new(7);
    let (mut all, mut id, mut torn) = (Acknowledged::new(), None, 0);
    let mut counts = vec![0; usize::try_from(APPENDERS).unwrap()];
    for round in 0..50 {
        let mut child = Running::start(role, &place.root());
        child.tell(&counts.iter().map(u64::to_string).collect::<Vec<_>>().join(" "));
        child.wait_for("open").unwrap();
        // Some more may be acknowledged by the time it is killed.
        for _ in 0..dice.below(APPENDERS * TURNS) {
            child.wait_for("acknowledged").unwrap();
        }
        all.extend(acknowledged(&child.kill()));

        let sessions = place.sessions();
        let listed = sessions.list(&Filter::all()).await.unwrap();
        assert_eq!(listed.len(), 1, "one session, whoever was killed");
        assert_eq!(*id.get_or_insert(listed[0].id), listed[0].id);
        let chunk = chunks(&place.dir(listed[0].id)).pop();
        let written = chunk.map_or(0, |chunk| chunk.metadata().unwrap().len());
        let bundle = sessions.remount(listed[0].id).await.unwrap();
        let found = bundle.actions().await.unwrap();
        counts = judge(&found, &all).unwrap();
        if let Some(recovery) = bundle.recovered() {
            torn += 1;
            assert_eq!(recovery.seq, u64::try_from(found.len()).unwrap(), "it was the tail");
            assert!((1..=written).contains(&recovery.erased_bytes), "{recovery:?} of {written}");
        }
        if round % 2 == 0 {
            bundle.snapshot().await.unwrap();
            bundle.close().await.unwrap();
        }
        drop(bundle);
        let again = sessions.remount(listed[0].id).await.unwrap();
        assert_eq!(again.recovered(), None, "there is nothing left to erase");
    }
    println!("{} were acknowledged, {torn} tails were torn", all.len());
    assert!(all.len() > 1000, "the kills come too early to tell");
}

#[tokio::test]
async fn killed_fifty_times_nothing_that_was_synced_is_lost() {
    kill_fifty_times(Role::AppendSynced, Place::on_disk()).await;
}

#[tokio::test]
async fn killed_fifty_times_nothing_that_was_buffered_is_lost() {
    kill_fifty_times(Role::AppendBuffered, Place::in_memory()).await;
}

#[tokio::test]
async fn the_judge_sees_what_is_lost_or_changed() {
    let place = Place::in_memory();
    let bundle = place.create().await;
    for (appender, number) in [(0, 0), (3, 0), (0, 1)] {
        bundle.append(note(text_of(appender, number))).await.unwrap();
    }
    let found = bundle.actions().await.unwrap();
    let all = Acknowledged::from([((0, 0), 0), ((3, 0), 1), ((0, 1), 2)]);
    assert!(judge(&found, &all).is_ok());
    assert!(judge(&found, &Acknowledged::new()).is_ok(), "more than was acknowledged");
    assert!(judge(&found[..2], &all).is_err(), "one that was acknowledged is lost");
    assert!(judge(&found, &Acknowledged::from([((0, 0), 1)])).is_err(), "it moved");
    let mut without_a_first = found.clone();
    without_a_first.remove(0);
    assert!(judge(&without_a_first, &Acknowledged::new()).is_err());
    let mut changed = found;
    changed[1].action = note("3 0 y");
    assert!(judge(&changed, &Acknowledged::new()).is_err());
}

/// Kills children until ten of them were in the middle of what they do.
struct Killer {
    dice: Dice,
    in_the_middle: u32,
    rounds: u32,
}

impl Killer {
    fn new() -> Self {
        Self { dice: Dice::new(11), in_the_middle: 0, rounds: 0 }
    }

    fn is_done(&self) -> bool {
        assert!(self.rounds < 300, "only {} of 300 kills came in time", self.in_the_middle);
        self.in_the_middle >= 10
    }

    /// Starts a child and kills it at some moment of something that it has begun: what takes so long
    /// here is measured here.
    fn kill(&mut self, role: Role, place: &Place, begun: u64) -> Said {
        let mut child = Running::start(role, &place.root());
        let mut micros = 2000;
        for _ in 0..self.dice.below(begun) {
            let done = child.wait_for("done").unwrap();
            micros = done.split(' ').next().unwrap().parse().unwrap();
        }
        child.wait_for("begin").unwrap();
        // Any moment will do; this makes it another one each time.
        std::thread::sleep(Duration::from_micros(self.dice.below(micros + 1)));
        let said = child.kill();
        self.rounds += 1;
        self.in_the_middle += u32::from(said.all("begin").count() > said.all("done").count());
        said
    }
}

async fn only(sessions: &Sessions) -> SessionId {
    let listed = sessions.list(&Filter::all()).await.unwrap();
    assert_eq!(listed.len(), 1);
    listed[0].id
}

/// The state is the one that the log comes to by itself.
async fn require_state_of_log(place: &Place, bundle: &ContextBundle) {
    let without = Place::in_memory();
    copy(&place.dir(bundle.id()), &without.dir(bundle.id()));
    let _ = std::fs::remove_file(without.dir(bundle.id()).join("snapshot.json"));
    let folded = without.sessions().view(bundle.id()).await.unwrap();
    assert_eq!(folded.state(Point::End).await.unwrap(), bundle.state().clone());
}

/// Kills in the middle of `role`, which reworks the session "child", and judges what is found.
async fn kill_while_reworked(role: Role) {
    let place = Place::in_memory();
    let (mut killer, mut last, mut actions) = (Killer::new(), None, 0);
    while !killer.is_done() {
        let said = killer.kill(role, &place, 4);
        last = said.all("acknowledged").last().map(|last| last.parse::<u64>().unwrap()).or(last);

        let sessions = place.sessions();
        let bundle = sessions.remount(only(&sessions).await).await.unwrap();
        assert!(bundle.bad_snapshot().is_none(), "{:?}", bundle.bad_snapshot());
        let found = bundle.get::<u64>("n").unwrap();
        assert!(found >= last, "{last:?} was acknowledged, found {found:?}");
        let records = bundle.load().await.unwrap();
        let expected = (0..).take(records.len()).map(record).collect::<Vec<_>>();
        assert_eq!(records, expected, "of a run nothing is dropped");
        assert!(u64::try_from(records.len()).unwrap() > last.unwrap());
        let entries = bundle.actions().await.unwrap();
        let verified = bundle.verify().await.unwrap();
        if role == Role::CompactDrop {
            assert!(verified.actions > actions, "what was dropped is still counted");
        } else {
            let seqs = entries.iter().map(|entry| entry.seq);
            assert!(seqs.eq(0..verified.actions), "everything is kept");
        }
        actions = verified.actions;
        for text in texts(&entries) {
            assert_eq!(text.split_once(' ').unwrap().1, "y".repeat(5000));
        }
        require_state_of_log(&place, &bundle).await;
        bundle.close().await.unwrap();
        assert_eq!(sessions.collect_garbage().await.unwrap().expired, []);
        assert_eq!(sessions.remount(bundle.id()).await.unwrap().actions().await.unwrap(), entries);
    }
}

#[tokio::test]
async fn killed_in_a_snapshot_the_state_is_that_of_the_log() {
    kill_while_reworked(Role::Snapshot).await;
}

#[tokio::test]
async fn killed_while_compacting_the_history_is_kept() {
    kill_while_reworked(Role::CompactKeep).await;
}

/// A writer that is killed at the wrong moment leaves what it had put in one chunk.
#[tokio::test]
async fn chunks_that_are_left_behind_are_not_merged_again() {
    for history in [History::Keep, History::Drop] {
        let place = Place::in_memory();
        let id = place.closed(&["one"]).await;
        for text in ["two", "three"] {
            let bundle = place.sessions().remount(id).await.unwrap();
            bundle.append(note(text)).await.unwrap();
            bundle.append(Action::from(record(0))).await.unwrap();
            bundle.close().await.unwrap();
        }
        let dir = place.dir(id);
        let left: Vec<_> = chunks(&dir)[1..]
            .iter()
            .map(|chunk| (chunk.clone(), std::fs::read(chunk).unwrap()))
            .collect();
        assert_eq!(left.len(), 2);
        let bundle = place.sessions().remount(id).await.unwrap();
        bundle.compact(history).await.unwrap();
        let expected = bundle.actions().await.unwrap();
        drop(bundle);
        for (chunk, bytes) in &left {
            assert!(!chunk.exists());
            std::fs::write(chunk, bytes).unwrap();
        }

        let bundle = place.sessions().remount(id).await.unwrap();
        assert_eq!(bundle.actions().await.unwrap(), expected);
        bundle.append(note("behind them")).await.unwrap();
        bundle.compact(History::Keep).await.unwrap();
        bundle.close().await.unwrap();
        assert_eq!(chunks(&dir).len(), 1, "what was left is removed");
        let bundle = place.sessions().remount(id).await.unwrap();
        let found = bundle.actions().await.unwrap();
        assert_eq!(found[..expected.len()], expected);
        assert_eq!(found.len(), expected.len() + 1);
    }
}

#[tokio::test]
async fn killed_while_dropping_history_what_it_has_come_to_is_kept() {
    kill_while_reworked(Role::CompactDrop).await;
}

#[tokio::test]
async fn killed_while_forking_there_is_a_whole_fork_or_none() {
    let place = Place::in_memory();
    let mut killer = Killer::new();
    while !killer.is_done() {
        let said = killer.kill(Role::Fork, &place, 4);
        let sessions = place.sessions();
        sessions.collect_garbage().await.unwrap();
        let parent = sessions.open_or_create(Meta::new("child")).await.unwrap();
        let of_parent = parent.actions().await.unwrap();
        for seq in said.all("acknowledged") {
            assert!(seq.parse::<usize>().unwrap() < of_parent.len());
        }
        let forked: Vec<SessionId> = said.all("forked").map(|id| id.parse().unwrap()).collect();
        let mut listed = Vec::new();
        for summary in sessions.list(&Filter::all().forked_from(parent.id())).await.unwrap() {
            let fork = sessions.remount(summary.id).await.unwrap();
            fork.verify().await.unwrap();
            let at = usize::try_from(fork.parent().unwrap().at).unwrap();
            let entries = fork.actions().await.unwrap();
            assert_eq!(entries[..at], of_parent[..at]);
            let own = texts(&entries[at..]);
            assert!(own.is_empty() || own == ["of the fork"], "{own:?}");
            assert!(!own.is_empty() || !forked.contains(&summary.id), "it was acknowledged");
            listed.push(summary.id);
            drop(fork);
            // So that there are not more of them with each kill.
            sessions.delete(summary.id, "seen").await.unwrap();
        }
        assert!(forked.iter().all(|id| listed.contains(id)), "{forked:?} of {listed:?}");
        assert_eq!(sessions.list(&Filter::all()).await.unwrap().len(), 1);
        parent.verify().await.unwrap();
    }
}

#[tokio::test]
async fn killed_while_deleting_a_session_is_whole_or_deleted() {
    let place = Place::in_memory();
    let sessions = place.sessions();
    let mut killer = Killer::new();
    while !killer.is_done() {
        let mut expected = BTreeMap::new();
        for _ in 0..4 {
            let bundle = place.create().await;
            bundle.append(note("z".repeat(5000))).await.unwrap();
            bundle.set("k", &1).await.unwrap();
            bundle.snapshot().await.unwrap();
            let fork = bundle.fork(1, Meta::new("fork")).await.unwrap();
            fork.append(note("more")).await.unwrap();
            for bundle in [bundle, fork] {
                bundle.close().await.unwrap();
                expected.insert(bundle.id(), bundle.view().actions(0).await.unwrap());
            }
        }
        let said = killer.kill(Role::Delete, &place, 6);
        let done: Vec<String> = said.all("done").collect();
        let begun: Vec<String> = said.all("begin").collect();
        for (id, entries) in &expected {
            let is_done = done.iter().any(|done| done.ends_with(&id.to_string()));
            let is_begun = begun.contains(&id.to_string());
            match sessions.remount(*id).await {
                Ok(bundle) => {
                    assert!(!is_done, "{id} was deleted");
                    assert_eq!(bundle.actions().await.unwrap(), *entries);
                    drop(bundle);
                    sessions.delete(*id, "again").await.unwrap();
                }
                Err(BundleError::Deleted { .. }) => assert!(is_begun, "{id} is still wanted"),
                Err(error) => panic!("{error}"),
            }
        }
        sessions.collect_garbage().await.unwrap();
        for id in expected.keys() {
            let left = content(&place.dir(*id));
            assert!(left.into_keys().eq(["deleted.json".to_owned()]), "only that is left");
            std::fs::remove_dir_all(place.dir(*id)).unwrap();
        }
    }
}

/// A session that takes a while to be written or read.
async fn long_session(place: &Place) -> SessionId {
    let bundle = place.sessions().create(Meta::new("child")).await.unwrap();
    let appends: Vec<_> =
        (0..400).map(|number| bundle.append(note(text_of(number % 64, number)))).collect();
    for append in appends {
        append.await.unwrap();
    }
    bundle.close().await.unwrap();
    bundle.id()
}

#[tokio::test]
async fn killed_while_exporting_the_part_is_refused_and_the_session_is_whole() {
    let place = Place::in_memory();
    let id = long_session(&place).await;
    let expected = place.sessions().view(id).await.unwrap().actions(0).await.unwrap();
    let mut killer = Killer::new();
    let mut refused = 0;
    while !killer.is_done() || refused == 0 {
        killer.kill(Role::Export, &place, 3);
        let into = Place::in_memory();
        let part = File::open(place.beside("export")).unwrap();
        match into.sessions().import(part).await {
            Ok(id) => {
                let copy = into.sessions().view(id).await.unwrap();
                assert_eq!(copy.actions(0).await.unwrap(), expected);
            }
            Err(BundleError::Damaged { .. }) => {
                refused += 1;
                assert!(!into.root().exists(), "nothing of it is taken");
            }
            Err(error) => panic!("{error}"),
        }
        let bundle = place.sessions().remount(id).await.unwrap();
        assert_eq!(bundle.actions().await.unwrap(), expected);
    }
    let out = File::create(place.beside("export")).unwrap();
    let exported = place.sessions().view(id).await.unwrap().export(out).await.unwrap();
    assert_eq!(exported.bytes, place.beside("export").metadata().unwrap().len());
    let into = Place::in_memory();
    let whole = File::open(place.beside("export")).unwrap();
    assert_eq!(into.sessions().import(whole).await.unwrap(), id);
}

#[tokio::test]
async fn killed_while_importing_it_is_tried_again_and_completes() {
    let place = Place::in_memory();
    let id = long_session(&place).await;
    let view = place.sessions().view(id).await.unwrap();
    let (expected, state) = (view.actions(0).await.unwrap(), view.state(Point::End).await.unwrap());
    view.export(File::create(place.beside("export")).unwrap()).await.unwrap();
    let mut killer = Killer::new();
    while !killer.is_done() {
        let said = killer.kill(Role::Import, &place, 3);
        let done = said.all("done").map(|line| line.split_once(' ').unwrap().1.to_owned());
        let done: Vec<String> = done.collect();
        for number in said.all("begin") {
            let root = place.beside(&format!("import-{number}"));
            let into = Sessions::in_dir(&root);
            match into.import(File::open(place.beside("export")).unwrap()).await {
                Ok(imported) => {
                    assert_eq!(imported, id);
                    assert!(!done.contains(&number), "it was imported twice");
                }
                Err(BundleError::AlreadyExists { .. }) => {}
                Err(error) => panic!("{error}"),
            }
            let bundle = into.remount(id).await.unwrap();
            assert_eq!(bundle.actions().await.unwrap(), expected);
            assert_eq!(bundle.state().clone(), state);
            bundle.append(note("and on")).await.unwrap();
            assert_eq!(notes(&bundle).await.len(), expected.len() + 1);
            bundle.close().await.unwrap();
            std::fs::remove_dir_all(root).unwrap();
        }
    }
}
