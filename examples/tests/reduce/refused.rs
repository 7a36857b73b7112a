//! What is refused, and how.

use std::fs;

use super::{common, recall, run, run_on};

#[test]
fn what_is_wrong_with_the_command_is_told_with_exit_code_2() {
    let cases: [(&[&str], &str); 10] = [
        (&[], "--budget <N>"),
        (&["--budget", "0"], "0 tokens hold nothing, give at least 1"),
        (&["--budget", "many"], "invalid value 'many' for '--budget <N>'"),
        (&["--budget", "9", "--min-reduction", "2"], "give a number from 0 to 1"),
        (&["--budget", "9", "--min-reduction", "NaN"], "give a number from 0 to 1"),
        (&["--budget", "9", "--encoding", "p50k"], "use o200k_base or cl100k_base"),
        (&["--budget", "9", "--kind", "poem"], "messages, text, log, json, code"),
        (&["--budget", "9", "--longest-line", "9"], "cannot be used with"),
        (&["--batch", "--budget", "9"], "cannot be used with"),
        (&["--batch", "--query", "why"], "cannot be used with"),
    ];
    for (arguments, says) in cases {
        common::check_refused(&run(arguments), 2, says);
    }
}

#[test]
fn what_is_wrong_with_the_input_is_told_with_exit_code_1() {
    let messages: [(&str, &str); 7] = [
        (
            "[{\"role\":\"user\",\n\"content\":\"x\"},\n{\"role\" 3}]",
            "line 3, column 9 is not JSON",
        ),
        (r#"[{"role":"boss","content":"x"}]"#, "$[0].role is the unknown role \"boss\""),
        (
            r#"[{"role":"user","content":"x"},{"role":"tool","tool_call_id":"q","content":"x"}]"#,
            "$[1].tool_call_id is \"q\", and no tool call before it has that id",
        ),
        (r#"{"messages":[{"role":"boss","content":"x"}]}"#, "$.messages[0].role"),
        (
            r#"[{"id":1,"role":"user","content":"x"},{"id":1,"role":"user","content":"y"}]"#,
            "$[1].id is \"1\", as is the id of an earlier message",
        ),
        (r#"[{"role":"user","content":7}]"#, "$[0].content"),
        (
            r#"[{"role":"user","content":"one two three four five","pinned":true}]"#,
            "the pinned part has 5 tokens, 3 more than the budget of 2",
        ),
    ];
    for (json, says) in messages {
        // Also where nobody says that these are messages.
        for kind in [&["--budget", "2", "--kind", "messages"][..], &["--budget", "2"]] {
            common::check_refused(&run_on(json.as_bytes(), kind), 1, says);
        }
    }
    let no_messages = run_on(b"7", &["--budget", "2", "--kind", "messages"]);
    common::check_refused(&no_messages, 1, "give an array of them, or an object");
    let latin = run_on(b"caf\xe9", &["--budget", "2"]);
    common::check_refused(
        &latin,
        1,
        "the standard input is not UTF-8: no character begins at byte 3",
    );
}

/// Records that only look a little like messages.
#[test]
fn a_json_document_is_no_bad_conversation() {
    for json in [
        r#"[{"role":"admin","name":"Ada"},{"role":"guest","name":"Bob"}]"#,
        r#"[{"content":"x"}]"#,
        r#"{"messages":["x"]}"#,
        "[]",
        "[1,2",
    ] {
        let output = run_on(json.as_bytes(), &["--budget", "100"]);
        assert_eq!((output.status.code(), &*output.stdout), (Some(0), json.as_bytes()));
    }
}

#[test]
fn what_is_wrong_with_the_world_is_told_with_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (file, missing, here) = (path("file"), path("missing"), path("."));
    fs::write(&file, "one two three four\n".repeat(50)).unwrap();
    common::check_refused(&run(&[&missing, "--budget", "9"]), 1, "missing: No such file");
    for arguments in [&["--budget", "9"][..], &["--batch"]] {
        common::check_refused(&run(&[&[&*here], arguments].concat()), 1, "cannot read ");
    }
    let in_file = run(&[&file, "--budget", "9", "--store", &path("file/kept")]);
    common::check_refused(&in_file, 1, "cannot create the directory ");
    // What is in the way of the store is behind what could not be done.
    fs::create_dir_all(path("kept/lock")).unwrap();
    let blocked = run(&[&file, "--budget", "9", "--store", &path("kept")]);
    common::check_refused(&blocked, 1, "what it would lose could not be kept for recall: ");
    common::check_refused(&blocked, 1, "kept/lock: ");
}

#[test]
fn recall_refuses_what_it_cannot_find() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (file, store, none) = (path("server.log"), path("kept"), path("none"));
    fs::write(&file, super::log(300)).unwrap();
    let short = super::printed(&run(&[&file, "--budget", "2000", "--store", &store]));
    let handle = &short.split_once(": recall ").unwrap().1[..12];
    let cases: [(&str, &[&str], i32, &str); 9] = [
        (&none, &[handle], 2, "give the folder that `reduce --store` made"),
        (&file, &[handle], 2, "give the folder that `reduce --store` made"),
        (&store, &["short"], 2, "\"short\" is no handle: copy the 12 digits"),
        (&store, &[handle, "--lines", "3-2"], 2, "\"3-2\" is no range of lines"),
        (&store, &[handle, "--search", " "], 2, "no words to search for"),
        (&store, &[handle, "--lines", "1", "--search", "x"], 2, "cannot be used with"),
        (&store, &["000000000000"], 1, "no dropped text is kept under a handle that begins"),
        (&store, &[handle, "--lines", "300-301"], 1, "the text has 300 lines"),
        (&store, &[handle, "--search", "no such words"], 1, "no line has \"no such words\""),
    ];
    for (store, arguments, code, says) in cases {
        common::check_refused(&recall(store, arguments), code, says);
    }
    assert!(!folder.path().join("none").exists(), "looking for a store has made one");
}
