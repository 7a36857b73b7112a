//! One writer at a time, in whatever process.

use std::collections::BTreeSet;
use std::path::Path;

use maniple_bundles::{BundleError, Durability, Filter, Meta};

use crate::child::{Role, Running};
use crate::place::{Place, content, note, notes};

fn is_open_elsewhere<T>(opened: &Result<T, BundleError>) -> bool {
    matches!(opened, Err(BundleError::OpenElsewhere { .. }))
}

#[tokio::test]
async fn a_second_opener_in_this_process_is_told() {
    let place = Place::on_disk();
    let first = place.create().await;
    assert!(is_open_elsewhere(&place.sessions().remount(first.id()).await));
    assert!(is_open_elsewhere(&place.sessions().delete(first.id(), "no").await));
    let id = first.id();
    drop(first);
    assert!(place.sessions().remount(id).await.is_ok());
}

#[tokio::test]
async fn a_session_is_handed_over_a_hundred_times_and_always_has_one_writer() {
    let place = Place::on_disk();
    let id = place.closed(&[]).await;
    let mut children = [0, 1].map(|_| Running::start(Role::Obey, &place.root()));
    let (remount, open) = (format!("remount {id}"), format!("open {id}"));
    for round in 0..100 {
        let [first, second] = &mut children;
        let (holder, other) = if round % 2 == 0 { (first, second) } else { (second, first) };
        assert_eq!(holder.ask(&remount), open);
        assert_eq!(other.ask(&remount), "elsewhere");
        assert_eq!(holder.ask(&format!("append {round}")), round.to_string());
        assert_eq!(other.ask(&remount), "elsewhere");
        // It is handed over in good order, by dropping it, and by dying.
        match round % 10 {
            9 => {
                let heir = Running::start(Role::Obey, &place.root());
                std::mem::replace(holder, heir).kill();
            }
            at if at % 2 == 0 => assert_eq!(holder.ask("close"), "closed"),
            _ => assert_eq!(holder.ask("drop"), "dropped"),
        }
    }
    let bundle = place.sessions().remount(id).await.unwrap();
    let expected: Vec<String> = (0..100).map(|round| round.to_string()).collect();
    assert_eq!(notes(&bundle).await, expected);
    assert_eq!(bundle.recovered(), None);
}

#[tokio::test]
async fn processes_that_race_for_a_session_take_turns() {
    let place = Place::on_disk();
    drop(place.sessions().create(Meta::new("child")).await.unwrap());
    let children = [0, 1].map(|_| Running::start(Role::TakeTurns, &place.root()));
    let ids = children.each_ref().map(|child| child.id().to_string());
    let said = children.map(Running::rest);
    let mut seqs: Vec<u64> = said
        .iter()
        .flat_map(|said| said.all("acknowledged"))
        .map(|seq| seq.parse().unwrap())
        .collect();
    seqs.sort_unstable();
    assert!(seqs.into_iter().eq(0..100));
    let bundle = place.sessions().open_or_create(Meta::new("child")).await.unwrap();
    let turns = notes(&bundle).await;
    assert!(turns.iter().all(|turn| ids.contains(turn)));
    assert!(turns.windows(2).all(|turns| turns[0] != turns[1]), "{turns:?}");
}

#[tokio::test]
async fn of_two_who_look_for_a_name_at_once_one_creates_the_session() {
    let place = Place::on_disk();
    let mut children = [0, 1].map(|_| Running::start(Role::Obey, &place.root()));
    for round in 0..30_usize {
        for child in &mut children {
            child.tell(&format!("find name-{round}"));
        }
        let answers = children.each_mut().map(|child| child.wait_for("answer").unwrap());
        let listed = place.sessions().list(&Filter::all().named(format!("name-{round}"))).await;
        let listed = listed.unwrap();
        assert_eq!(listed.len(), 1, "{answers:?}");
        let open = format!("open {}", listed[0].id);
        let expected = BTreeSet::from([open.as_str(), "elsewhere"]);
        assert_eq!(answers.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
        let holder = answers.iter().position(|answer| *answer == open).unwrap();
        assert_eq!(children[holder].ask("append mine"), "0");
        assert_eq!(children[holder].ask("close"), "closed");
        assert_eq!(children[1 - holder].ask(&format!("find name-{round}")), open);
        assert_eq!(children[1 - holder].ask("append mine too"), "1");
        assert_eq!(children[1 - holder].ask("close"), "closed");
    }
    assert_eq!(place.sessions().list(&Filter::all()).await.unwrap().len(), 30);
}

#[tokio::test]
async fn a_writer_whose_lock_was_removed_is_fenced_and_nothing_is_lost() {
    for durability in [Durability::Synced, Durability::Buffered] {
        fence(durability, |_| {}).await;
    }
}

/// Counted from 1 again, the second writer would be taken for the first.
#[tokio::test]
async fn an_epoch_that_says_nothing_is_not_taken_for_the_first() {
    for text in ["", "no number\n", "\0\0\0\0\0\0\0\0"] {
        fence(Durability::Synced, |epoch| std::fs::write(epoch, text).unwrap()).await;
    }
    fence(Durability::Synced, |epoch| std::fs::remove_file(epoch).unwrap()).await;
}

async fn fence(durability: Durability, harm: impl Fn(&Path)) {
    let place = Place::on_disk();
    let first = place.sessions().with_durability(durability).create(Meta::new("test")).await;
    let first = first.unwrap();
    let id = first.id();
    first.append(note("first")).await.unwrap();
    std::fs::remove_file(place.dir(id).join("lock")).unwrap();
    first.append(note("still the only one")).await.unwrap();
    harm(&place.dir(id).join("epoch"));

    let mut second = Running::start(Role::Obey, &place.root());
    assert_eq!(second.ask(&format!("remount {id}")), format!("open {id}"));
    assert_eq!(second.ask("append second"), "2");
    for text in ["late", "later"] {
        let error = first.append(note(text)).await.unwrap_err();
        assert!(matches!(error, BundleError::Fenced { .. }), "{error}");
    }
    assert_eq!(second.ask("append goes on"), "3");
    // Nor does it write anything else.
    let before = content(&place.dir(id));
    let long = first.append(note("z".repeat(5000))).await.unwrap_err();
    assert!(matches!(long, BundleError::Fenced { .. }), "{long}");
    assert_eq!(content(&place.dir(id)), before, "no blob");
    let snapshot = first.snapshot().await.unwrap_err();
    assert!(matches!(snapshot, BundleError::Fenced { .. }), "{snapshot}");
    let closed = first.close().await.unwrap_err();
    assert!(matches!(closed, BundleError::Fenced { .. }), "{closed}");
    assert_eq!(second.ask("append and on"), "4");
    assert_eq!(second.ask("close"), "closed");

    let third = place.sessions().remount(id).await.unwrap();
    let all = ["first", "still the only one", "second", "goes on", "and on"];
    assert_eq!(notes(&third).await, all);
    assert_eq!(third.recovered(), None);
    let summary = place.sessions().list(&Filter::all()).await.unwrap().remove(0);
    assert_eq!(summary.log.unwrap().actions, 5, "the card is the last writer's");
}
