//! The program `live`, run as a person would run it.
#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod common;
#[path = "live/given.rs"]
mod given;
#[path = "live/refused.rs"]
mod refused;

use std::fs;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn live(arguments: &[&str]) -> Command {
    let mut command = Command::new(common::program("live"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    live(arguments).output().unwrap()
}

/// What was printed, of a run that has succeeded.
fn printed(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The turns that were printed as JSON, and the sums after them.
fn turns(output: &Output) -> (Vec<Value>, Value) {
    let lines = printed(output);
    let mut values: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let total = values.pop().unwrap();
    (values, total["total"].clone())
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is no number in {value}"))
}

fn sum(turns: &[Value], name: &str) -> u64 {
    turns.iter().map(|turn| number(turn, name)).sum()
}

/// What a turn costs at the example price: input 3, reading 0.3 and writing 3.75 for a token, and
/// nothing smaller than 1,024 tokens is cached.
fn cost(tokens: u64, cached: u64) -> u64 {
    let tenths_of_hundredths = match (tokens, cached) {
        (..1_024, _) => tokens * 3_000,
        (_, ..1_024) => tokens * 3_750,
        _ => cached * 300 + (tokens - cached) * 3_750,
    };
    tenths_of_hundredths.div_ceil(1_000)
}

/// The laws of turns in a window, and that they come to what is said of them.
fn check(turns: &[Value], total: &Value, window: u64) {
    let none = (0, 0);
    let mut before = none;
    let mut is_compacted = false;
    for (at, turn) in turns.iter().enumerate() {
        let (tokens, unreduced) = (number(turn, "tokens"), number(turn, "unreduced"));
        assert_eq!(number(turn, "turn"), u64::try_from(at + 1).unwrap());
        assert!(tokens <= window, "the window is exceeded: {turn}");
        assert!(unreduced >= before.1, "a transcript only grows: {turn}");
        let kept = number(turn, "kept_tokens");
        match turn.get("compaction") {
            None => {
                assert_eq!(turn["kept_bytes"], turn["bytes_before"], "only added to: {turn}");
                assert_eq!(kept, before.0, "{turn}");
                assert_eq!(tokens - before.0, unreduced - before.1, "what is new is sent: {turn}");
            }
            Some(compaction) => {
                is_compacted = true;
                assert!(number(compaction, "before") * 100 > window * 85, "too early: {turn}");
                assert!(number(compaction, "after") * 100 <= window * 45, "too much: {turn}");
                assert_eq!(number(compaction, "after"), tokens, "{turn}");
                assert!(number(compaction, "marker_tokens") * 50 <= window, "{turn}");
                let reducers = compaction["reducers"].as_array().unwrap();
                assert!(reducers.iter().any(|one| number(one, "after") < number(one, "before")));
                assert!(kept <= tokens && kept <= before.0, "{turn}");
            }
        }
        if !is_compacted {
            assert_eq!(tokens, unreduced, "nothing is lost below the mark: {turn}");
        }
        assert_eq!(number(turn, "cost_micros"), cost(tokens, kept), "{turn}");
        assert_eq!(number(turn, "cost_micros_without"), cost(unreduced, before.1), "{turn}");
        before = (tokens, unreduced);
    }

    let later = turns.iter().skip(1);
    let kept = later.filter(|turn| turn["kept_bytes"] == turn["bytes_before"]).count();
    let compactions = turns.iter().filter(|turn| turn.get("compaction").is_some()).count();
    assert_eq!(total["turns"], turns.len());
    assert_eq!(total["turns_kept"], kept);
    assert_eq!(total["compactions"], compactions);
    assert_eq!(number(total, "tokens"), sum(turns, "tokens"));
    assert_eq!(number(total, "tokens_without"), sum(turns, "unreduced"));
    assert_eq!(number(total, "cost_micros"), sum(turns, "cost_micros"));
    assert_eq!(number(total, "cost_micros_without"), sum(turns, "cost_micros_without"));
    let saved = |name: &str, without: &str| {
        i64::try_from(number(total, without)).unwrap() - i64::try_from(number(total, name)).unwrap()
    };
    assert_eq!(total["tokens_saved"], saved("tokens", "tokens_without"));
    assert_eq!(total["cost_micros_saved"], saved("cost_micros", "cost_micros_without"));
    let largest = |name: &str| turns.iter().map(|turn| number(turn, name)).max().unwrap();
    assert_eq!(number(total, "largest_turn"), largest("tokens"));
    assert_eq!(number(total, "largest_unreduced"), largest("unreduced"));
    let above = turns.iter().filter(|turn| number(turn, "unreduced") > window).count();
    assert_eq!(
        (&total["above_window"], &total["above_window_without"]),
        (&0.into(), &above.into())
    );
    assert_eq!((number(total, "lost_segments"), number(total, "lost_tokens")), (0, 0));
}

#[test]
fn a_made_up_transcript_stays_in_its_window() {
    let of_seeds = [("7", "12000"), ("8", "5000")].map(|(seed, window)| {
        let given = ["--window", window, "--turns", "150", "--seed", seed, "--json"];
        let output = run(&given);
        let (turns, total) = turns(&output);
        assert_eq!(turns.len(), 150);
        check(&turns, &total, window.parse().unwrap());
        assert!(number(&total, "compactions") > 5, "{total}");
        assert!(number(&total, "tokens_saved") > number(&total, "tokens"), "{total}");
        assert!(number(&total, "recalled_tokens") > 20_000, "{total}");
        assert_eq!(printed(&run(&given)), printed(&output), "the same seed, another transcript");
        number(&total, "tokens_without")
    });
    assert_ne!(of_seeds[0], of_seeds[1], "another seed, the same transcript");
}

#[test]
fn marks_and_a_query_are_kept_to() {
    let given = ["--window", "12000", "--turns", "60", "--json"];
    let wide = turns(&run(&given)).1;
    let narrow = turns(&run(&[&given[..], &["--high", "0.5", "--low", "0.4"]].concat()));
    assert!(number(&narrow.1, "compactions") > number(&wide, "compactions"), "{}", narrow.1);
    assert!(narrow.0.iter().all(|turn| number(turn, "tokens") <= 6_000));
    let asked = turns(&run(&[&given[..], &["--query", "parse_ledger in src/ledger.rs"]].concat()));
    check(&asked.0, &asked.1, 12_000);
    assert_ne!(asked.1, wide, "the query has changed nothing");
}

#[test]
fn a_table_says_what_the_lines_of_json_say() {
    let given = ["--window", "12000", "--turns", "60"];
    let (turns, total) = turns(&run(&[&given[..], &["--json"]].concat()));
    let compacted = |turn: &&Value| turn.get("compaction").is_some();
    let all = printed(&run(&given));
    let some = printed(&run(&[&given[..], &["--every", "25"]].concat()));
    let quiet = printed(&run(&[&given[..], &["--quiet"]].concat()));
    let rows = |text: &str| {
        let is_row = |line: &&str| line.contains(" bytes ") || line.contains("->");
        text.lines().filter(is_row).count()
    };
    // The first turn has none before it.
    assert_eq!(rows(&all), 59, "{all}");
    assert_eq!(rows(&some), turns.iter().filter(compacted).count() + 2, "{some}");
    assert_eq!(rows(&quiet), 0, "{quiet}");
    let (_, table) = all.split_once("saved\n").unwrap();
    for text in [&some, &quiet] {
        assert_eq!(text.split_once("saved\n").unwrap().1, table);
    }

    let columns = |name: &str| -> Vec<String> {
        let row = table.lines().find(|line| line.starts_with(name)).unwrap();
        row[name.len()..]
            .split("  ")
            .map(|word| word.replace(' ', ""))
            .filter(|w| !w.is_empty())
            .collect()
    };
    let texts = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| total[*name].to_string()).collect()
    };
    assert_eq!(columns("tokens"), texts(&["tokens", "tokens_without", "tokens_saved"]));
    assert_eq!(columns("largest turn"), texts(&["largest_turn", "largest_unreduced"]));
    assert_eq!(columns("turns above window"), texts(&["above_window", "above_window_without"]));
    assert_eq!(columns("turns  "), ["60"]);
    assert_eq!(columns("compactions"), texts(&["compactions"]));
    assert_eq!(columns("not recallable"), ["0tokens"]);
    assert!(table.contains("an example, of no model"), "{table}");
    assert!(table.ends_with("could be sent\n"), "{table}");
}

/// The points of each line that is drawn.
fn drawn(svg: &str) -> Vec<Vec<(f64, f64)>> {
    let point = |text: &str| {
        let (x, y) = text.split_once(',').unwrap();
        (x.parse().unwrap(), y.parse().unwrap())
    };
    let lines = svg.split("<polyline").skip(1).map(|line| {
        let (points, _) = line.split_once("points=\"").unwrap().1.split_once('"').unwrap();
        points.split_whitespace().map(point).collect()
    });
    lines.collect()
}

#[test]
fn a_plot_shows_what_was_sent_and_the_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turns.svg").to_string_lossy().into_owned();
    let given = ["--window", "12000", "--turns", "80", "--json", "--svg", &path];
    let (turns, _) = turns(&run(&given));
    let svg = fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    let texts: Vec<&str> = svg.lines().map(str::trim).collect();
    for said in ["turn", "tokens", "as sent", "without reducing", "window of 12 000", "20 000"] {
        assert!(texts.contains(&said), "{said} is not in the plot");
    }
    let lines = drawn(&svg);
    let curves: Vec<_> = lines.iter().filter(|line| line.len() == turns.len()).collect();
    let [without, with] = curves[..] else { panic!("{} curves are drawn", curves.len()) };
    for (at, turn) in turns.iter().enumerate() {
        let is_reduced = number(turn, "tokens") < number(turn, "unreduced");
        // Upwards the numbers become smaller.
        assert_eq!(with[at].1 > without[at].1, is_reduced, "in turn {}", at + 1);
        assert!(
            (with[at].0 - without[at].0).abs() < 1e-9 && (at == 0 || with[at].0 > with[at - 1].0)
        );
    }
    // A window that is far above is named, and leaves room for the curves.
    let most = u64::MAX.to_string();
    let given = ["--window", &most, "--turns", "80", "--quiet", "--svg", &path];
    printed(&run(&given));
    let svg = fs::read_to_string(&path).unwrap();
    assert!(svg.contains("window of 18 446 744 073 709 551 615, above"));
    let heights =
        drawn(&svg).into_iter().filter(|line| line.len() == 80).map(|line| line[0].1 - line[79].1);
    assert!(heights.min_by(f64::total_cmp).unwrap() > 300.0);
}
