//! The example `sessions`, run as a person would run it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use futures::executor::block_on;
use maniple::bundles::{Action, Meta, SessionId, Sessions};
use serde_json::Value;

fn sessions(root: &Path) -> Command {
    let mut command = Command::new(common::program("sessions"));
    command.arg("--root").arg(root);
    command
}

fn run(root: &Path, arguments: &[&str]) -> Output {
    sessions(root).args(arguments).output().unwrap()
}

/// What it prints, where it succeeds.
fn said(root: &Path, arguments: &[&str]) -> String {
    let output = run(root, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(root: &Path, arguments: &[&str]) -> Vec<Value> {
    let text = said(root, &[arguments, &["--json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A session with some notes, values and a tag.
fn triage(root: &Path) -> SessionId {
    block_on(async {
        let bundle =
            Sessions::in_dir(root).create(Meta::new("triage").with_label("of", "net")).await;
        let bundle = bundle.unwrap();
        for number in 0..5 {
            bundle.append(Action::Note { text: format!("note {number}") }).await.unwrap();
        }
        bundle.set("suspect", "retry").await.unwrap();
        let tagged = Action::Tagged { add: ["urgent".to_owned()].into(), remove: [].into() };
        bundle.append(tagged).await.unwrap();
        bundle.close().await.unwrap();
        bundle.id()
    })
}

#[test]
fn everything_it_is_asked_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let (root, other) = (folder.path().join("a"), folder.path().join("b"));
    let id = triage(&root).to_string();
    let id = id.as_str();

    let listed = json(&root, &["list", "--tag", "urgent", "--label", "of=net"]);
    assert_eq!((listed.len(), &listed[0]["log"]["actions"]), (1, &7.into()));
    assert!(json(&root, &["list", "--tag", "calm"]).is_empty());
    assert!(said(&root, &["list"]).contains("closed"));

    let shown = said(&root, &["show", &id[28..]]);
    assert!(shown.contains("suspect = \"retry\"") && shown.contains("note 4"), "{shown}");
    assert_eq!(json(&root, &["show", id, "--from", "6"]).len(), 2);
    assert!(said(&root, &["verify", id]).contains("7 actions"));

    let fork = json(&root, &["fork", id, "--at", "3"])[0]["forked"].as_str().unwrap().to_owned();
    let diff = &json(&root, &["diff", id, &fork])[0];
    assert_eq!((&diff["common"], diff["left"].as_array().unwrap().len()), (&3.into(), 4));
    assert!(said(&root, &["diff", id, &fork]).contains("- suspect = \"retry\""));

    let file = folder.path().join("triage.export").to_string_lossy().into_owned();
    assert!(said(&root, &["export", id, &file]).contains("7 actions"));
    assert_eq!(json(&other, &["import", &file])[0]["imported"], id);
    assert_eq!(json(&other, &["verify", id]), json(&root, &["verify", id]));

    // What the fork shares is kept.
    assert_eq!(json(&root, &["compact", id, "--drop"])[0]["dropped"], 4);
    said(&root, &["delete", id, "--reason", "solved"]);
    assert!(said(&root, &["list", "--deleted"]).contains("solved"));
    assert!(said(&root, &["verify", &fork]).contains("3 actions"));
    assert_eq!(json(&root, &["gc"])[0]["bytes"], 0);
    said(&root, &["delete", &fork]);
    assert_ne!(json(&root, &["gc"])[0]["bytes"], 0);
}

#[test]
fn it_follows_what_another_process_writes() {
    let folder = tempfile::tempdir().unwrap();
    let id = triage(folder.path());
    let mut following = sessions(folder.path())
        .args(["show", &id.to_string(), "--follow", "--from", "6"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("urgent"));
    let bundle = block_on(Sessions::in_dir(folder.path()).remount(id)).unwrap();
    for number in 0..3 {
        let text = format!("live {number}");
        block_on(bundle.append(Action::Note { text: text.clone() })).unwrap();
        assert!(lines.next().unwrap().unwrap().contains(&text));
    }
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a");
    let (id, _) = (triage(&root).to_string(), triage(&root));
    let damaged = folder.path().join("damaged");
    let hurt = triage(&damaged).to_string();
    common::damage(&damaged, "note 2", "note 3");
    let (missing, text) = (folder.path().join("missing"), folder.path().join("text"));
    std::fs::write(&text, "no export\n").unwrap();
    let text = text.to_string_lossy().into_owned();
    let unknown = "0198a6c0-5a00-7abc-8def-0123456789ab";

    let cases: [(&Path, &[&str], i32, &str); 10] = [
        (&missing, &["list"], 2, "there is no folder"),
        (&root, &["verify", "zzz"], 2, "no session has \"zzz\""),
        (&root, &["verify", "0"], 2, "2 sessions have"),
        (&root, &["verify", unknown], 1, "there is no session"),
        (&root, &["fork", &id, "--at", "99"], 1, "has 7 actions, and not 99"),
        (&root, &["export", &id, &text], 2, "is there already"),
        (&root, &["export", &id, "/nowhere/file"], 1, "cannot write"),
        (&root, &["import", &text], 1, "damaged at line 1"),
        (&root, &["import", "/nowhere"], 1, "cannot read"),
        (&damaged, &["verify", &hurt], 1, "is damaged at line 4"),
    ];
    for (root, arguments, code, says) in cases {
        common::check_refused(&run(root, arguments), code, says);
    }
}
