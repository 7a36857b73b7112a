//! `kill -9` at any point: what is found is a prefix that contains everything acknowledged.

use maniple_bundles::{Action, ContextBundle, Durability, Entry};

use crate::child::{Role, Running, command, text_of};
use crate::support::{Place, note};

/// Judges what was found after a kill: every note is in its place and whole, and none that was
/// acknowledged is missing.
fn judge(found: &[Entry], acknowledged: u64) -> Result<(), String> {
    for (place, entry) in (0..).zip(found) {
        if (entry.seq, &entry.action) != (place, &note(text_of(place))) {
            return Err(format!("{place} is not what was appended there"));
        }
    }
    match u64::try_from(found.len()) {
        Ok(len) if len >= acknowledged => Ok(()),
        len => Err(format!("{acknowledged} were acknowledged, {len:?} found")),
    }
}

#[tokio::test]
async fn killed_twenty_four_times_nothing_acknowledged_is_lost() {
    let place = Place::on_disk();
    let mut acknowledged = 0;
    for round in 0_u32..24 {
        let role = if round % 2 == 0 { Role::AppendSynced } else { Role::AppendBuffered };
        let mut child = Running::start(command(role, &place.dir()));
        child.wait_for("open").unwrap();
        for _ in 0..(round * 37 % 29) {
            child.wait_for("acknowledged").unwrap();
        }
        let said = child.kill("acknowledged");
        if let Some(last) = said.last() {
            acknowledged = last.parse::<u64>().unwrap() + 1;
        }
        let bundle = ContextBundle::remount(place.dir(), Durability::Synced).await.unwrap();
        let found = bundle.actions().await.unwrap();
        judge(&found, acknowledged).unwrap();
        acknowledged = u64::try_from(found.len()).unwrap();
    }
    assert!(acknowledged > 100, "only {acknowledged} survived: the kills come too early to tell");
}

#[tokio::test]
async fn the_judge_sees_what_is_lost_or_changed() {
    let place = Place::on_disk();
    let bundle = place.create().await;
    for seq in 0..3 {
        bundle.append(note(text_of(seq))).await.unwrap();
    }
    let mut found = bundle.actions().await.unwrap();
    assert_eq!(judge(&found, 3), Ok(()));
    assert!(judge(&found, 4).is_err());
    found[1].action = Action::Closed;
    assert!(judge(&found, 3).is_err());
    found.remove(1);
    assert!(judge(&found, 1).is_err());
}
