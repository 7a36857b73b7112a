//! The files of a closed session can be read by anything that reads JSON.

use std::path::Path;
use std::process::{Command, Stdio};

use maniple_bundles::{Durability, History, Meta, SessionId};
use serde_json::Value;

use crate::place::{Place, chunks, files, has_ending, note};

/// Closed sessions that were written in every way: one at a time, many at once, buffered, with
/// blobs, taken up again, compacted, forked.
async fn sessions(place: &Place) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for durability in [Durability::Synced, Durability::Buffered] {
        let sessions = place.sessions().with_durability(durability);
        let bundle = sessions.create(Meta::new("plain \u{fc}")).await.unwrap();
        bundle.append(note("a \"quote\",\n a zero \0 and \u{1F600}")).await.unwrap();
        let appends: Vec<_> = (0..300).map(|n| bundle.append(note("x".repeat(n * 40)))).collect();
        for append in appends {
            append.await.unwrap();
        }
        bundle.snapshot().await.unwrap();
        drop(bundle);
        let bundle = sessions.open_or_create(Meta::new("plain \u{fc}")).await.unwrap();
        bundle.append(note("and on")).await.unwrap();
        let fork = bundle.fork(7, Meta::new("fork")).await.unwrap();
        fork.append(note("of the fork")).await.unwrap();
        fork.close().await.unwrap();
        bundle.compact(History::Drop).await.unwrap();
        bundle.append(note("behind the gap")).await.unwrap();
        bundle.close().await.unwrap();
        ids.extend([bundle.id(), fork.id()]);
    }
    ids
}

/// What is wrong with the text of a chunk, if anything is.
fn flaw(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0) {
        return Some("it has a zero byte".into());
    }
    let Some(lines) = bytes.strip_suffix(b"\n") else {
        return Some("it does not end with a line end".into());
    };
    let mut lines = lines.split(|byte| *byte == b'\n');
    lines
        .find_map(|line| serde_json::from_slice::<Value>(line).err())
        .map(|error| error.to_string())
}

#[tokio::test]
async fn every_line_of_a_closed_session_is_json_and_no_file_has_a_zero_byte() {
    let place = Place::in_memory();
    for id in sessions(&place).await {
        for (name, bytes) in files(&place.dir(id)) {
            assert!(!bytes.contains(&0), "{name} has a zero byte");
            if has_ending(&name, "json") || has_ending(&name, "jsonl") {
                assert_eq!(flaw(&bytes), None, "{name}");
            }
        }
        let last = std::fs::read_to_string(chunks(&place.dir(id)).pop().unwrap()).unwrap();
        let seal: Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
        assert!(seal["b"]["seal"].is_object(), "the last line of a closed session is a seal");
    }
}

#[test]
fn the_judge_sees_what_is_not_plain() {
    assert_eq!(flaw(b"{}\n[1]\n"), None);
    for bad in [&b"{}\n\0\0"[..], b"{}\n{", b"{}\n{\n", b"{}\n\n", b""] {
        assert!(flaw(bad).is_some(), "{bad:?}");
    }
}

/// The texts of a log's actions, as jq finds them; `None` where jq fails.
fn jq(chunk: &Path) -> Option<String> {
    let mut jq = Command::new("jq");
    jq.args(["-c", ".b | select(.action) | .seq"]).arg(chunk).stderr(Stdio::null());
    let output = jq.output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn jq_reads_every_chunk_of_a_closed_session() {
    if Command::new("jq").arg("--version").output().is_err() {
        eprintln!("SKIPPED: jq is not installed");
        return;
    }
    let place = Place::in_memory();
    for id in sessions(&place).await {
        let read: String = chunks(&place.dir(id)).iter().map(|chunk| jq(chunk).unwrap()).collect();
        let view = place.sessions().view(id).await.unwrap();
        let own = view.parent().map_or(0, |parent| parent.at);
        let seqs = view.actions(own).await.unwrap().into_iter().map(|entry| entry.seq.to_string());
        assert!(read.lines().eq(seqs), "{read}");
    }
    let torn = place.beside("torn.jsonl");
    std::fs::write(&torn, b"{\"h\":\"\",\"b\":{\"seq\":0").unwrap();
    assert_eq!(jq(&torn), None, "it sees what is not whole");
}
