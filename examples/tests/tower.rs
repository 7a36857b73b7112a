//! The program `tower` under loads of which the outcome is known.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

// Nothing of this program is killed.
#[expect(dead_code, reason = "other tests use the rest")]
mod common;

use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn tower(arguments: &str) -> Output {
    let mut command = Command::new(common::program("tower"));
    command.args(arguments.split_whitespace()).stdin(Stdio::null()).output().unwrap()
}

fn printed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Served, shed and timed out, which are all there are.
fn counts(arguments: &str) -> [u64; 3] {
    let report: Value =
        serde_json::from_str(&printed(&tower(&format!("{arguments} --json")))).unwrap();
    let count = |name: &str| report[name].as_u64().unwrap();
    let counts = ["served", "shed", "timed_out"].map(count);
    assert_eq!(counts.iter().sum::<u64>(), count("requests"), "{report}");
    assert!(count("timed_out_at_work") <= count("timed_out"), "{report}");
    counts
}

#[test]
fn who_may_wait_long_enough_is_served() {
    let all = "--requests 50 --every 0 --work 5 --buffer 50 --concurrency 5 --timeout 60000";
    assert_eq!(counts(all), [50, 0, 0]);
}

#[test]
fn who_finds_no_room_is_shed() {
    let [served, shed, timed_out] =
        counts("--requests 100 --every 0 --work 500 --buffer 1 --concurrency 1 --timeout 60000");
    assert_eq!(timed_out, 0);
    assert!((1..=10).contains(&served), "{served} were served");
    assert_eq!(served + shed, 100);
}

#[test]
fn who_takes_too_long_is_timed_out() {
    let never = "--requests 20 --every 1 --work 60000 --buffer 20 --concurrency 2 --timeout 20";
    assert_eq!(counts(never), [0, 0, 20]);
}

#[test]
fn the_table_says_what_the_json_says() {
    let text = printed(&tower("-r 10 --every 0 --work 1 -b 10 -c 10 -t 60000 --spread 0"));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..2], ["10", "requests,"], "{text}");
    assert_eq!(rows[1][..4], ["served", "10", "100", "%"], "{text}");
    assert_eq!(rows[2][..4], ["shed", "0", "0", "%"], "{text}");
    assert_eq!(rows[3][..5], ["timed", "out", "0", "0", "%"], "{text}");
}

#[test]
fn help_says_what_can_be_asked_and_nonsense_is_refused() {
    let help = printed(&tower("--help"));
    for option in ["--requests", "--every", "--work", "--timeout", "--buffer", "--concurrency"] {
        assert!(help.contains(option), "{help}");
    }
    for nonsense in ["--buffer 0", "--concurrency 0", "--requests 0", "--spread 101", "--work soon"]
    {
        let output = tower(nonsense);
        assert_eq!(output.status.code(), Some(2), "{nonsense}");
        assert!(output.stdout.is_empty());
    }
}
