//! One flipped bit in any byte of any file of a closed session: an error that names the file, or
//! nothing that anyone would notice.

use std::path::Path;

use maniple_bundles::{Action, BundleError, Entry, History, SessionId, Sessions, State};

use crate::place::{Place, files, has_ending, note};

/// What a session says.
#[derive(Debug, Clone, PartialEq)]
struct Content {
    actions: Vec<Entry>,
    state: State,
}

/// Opens and verifies a session.
async fn open(sessions: &Sessions, id: SessionId) -> Result<Content, BundleError> {
    let bundle = sessions.remount(id).await?;
    bundle.verify().await?;
    let actions = bundle.actions().await?;
    let state = bundle.state().clone();
    Ok(Content { actions, state })
}

/// Judges what came of one bit flipped in this file.
fn judge(
    name: &str,
    dir: &Path,
    expected: &Content,
    found: &Result<Content, BundleError>,
) -> Result<(), String> {
    match found {
        Ok(found) if found == expected => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let is_named = match name.strip_prefix("blobs/") {
                Some(blob) => text.contains(blob) && text.contains(dir.to_str().unwrap()),
                None => text.contains(dir.join(name).to_str().unwrap()),
            };
            if is_named { Ok(()) } else { Err(format!("{name} is not named: {text}")) }
        }
        Ok(found) => Err(format!("in {name} unseen: {found:?}")),
    }
}

/// How many bytes of a file say what nothing else says. A seal that is lost can be made again, and
/// so can whatever is neither the header nor the log.
fn needed(name: &str, bytes: &[u8]) -> usize {
    if has_ending(name, "jsonl") {
        let before_seal = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n');
        before_seal.unwrap() + 1
    } else if name == "bundle.json" || name.starts_with("blobs/") {
        bytes.len()
    } else {
        0
    }
}

/// A closed session with every kind of file.
async fn session(place: &Place) -> SessionId {
    let bundle = place.create().await;
    bundle.append(note("dropped")).await.unwrap();
    bundle.compact(History::Drop).await.unwrap();
    bundle.append(note("one")).await.unwrap();
    bundle.append(Action::Tagged { add: ["a".into()].into(), remove: [].into() }).await.unwrap();
    bundle.append(note("b".repeat(4200))).await.unwrap();
    bundle.close().await.unwrap();
    bundle.id()
}

#[tokio::test]
async fn every_flipped_bit_is_named_or_harmless() {
    let place = Place::in_memory();
    let id = session(&place).await;
    let (dir, sessions) = (place.dir(id), place.sessions());
    let expected = open(&sessions, id).await.unwrap();
    let whole = files(&dir);
    assert!(whole.len() >= 8, "two chunks, a blob, three documents, the lock and the epoch");
    let (mut refused, mut harmless) = (0_u32, 0_u32);
    for (name, bytes) in &whole {
        let path = dir.join(name);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&path, flipped).unwrap();
            let found = open(&sessions, id).await;
            judge(name, &dir, &expected, &found).unwrap();
            let is_needed = at < needed(name, bytes);
            assert!(found.is_err() || !is_needed, "byte {at} of {name} can say anything");
            *(if found.is_err() { &mut refused } else { &mut harmless }) += 1;
            std::fs::write(&path, bytes).unwrap();
        }
    }
    println!("{refused} flips were refused, {harmless} harmless");
    assert_eq!(open(&sessions, id).await.unwrap(), expected, "every file was put back");
}

#[tokio::test]
async fn the_judge_sees_what_goes_unseen() {
    let place = Place::in_memory();
    let id = session(&place).await;
    let (dir, sessions) = (place.dir(id), place.sessions());
    let expected = open(&sessions, id).await.unwrap();
    let mut other = expected.clone();
    other.actions.pop();
    assert!(judge("bundle.json", &dir, &expected, &Ok(expected.clone())).is_ok());
    assert!(judge("bundle.json", &dir, &expected, &Ok(other)).is_err());
    std::fs::write(dir.join("bundle.json"), b"{}\n").unwrap();
    let error = open(&sessions, id).await;
    assert!(judge("bundle.json", &dir, &expected, &error).is_ok());
    assert!(judge("card.json", &dir, &expected, &error).is_err());
}
