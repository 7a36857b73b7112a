//! Many cases in one process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{common, joined, log, printed, recall, reduce, run, run_on, said, tokens};

/// A process that answers while it is asked.
struct Talk {
    running: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Talk {
    fn begin(arguments: &[&str]) -> Self {
        let mut command = reduce(&[&["--batch"], arguments].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut running = command.spawn().unwrap();
        let ask = running.stdin.take().unwrap();
        let answers = BufReader::new(running.stdout.take().unwrap());
        Self { running, ask, answers }
    }

    fn tell(&mut self, text: &str) {
        self.ask.write_all(text.as_bytes()).unwrap();
        self.ask.flush().unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, case: &Value) -> Value {
        self.tell(&format!("{case}\n"));
        self.answer()
    }

    fn end(mut self) {
        drop(self.ask);
        let mut rest = String::new();
        self.answers.read_to_string(&mut rest).unwrap();
        assert_eq!((rest, self.running.wait().unwrap().code()), (String::new(), Some(0)));
    }
}

fn case(id: impl Into<Value>, text: &str, budget: usize) -> Value {
    let messages = json!([{"id": "m", "role": "user", "content": text}]);
    json!({"id": id.into(), "kind": "messages", "messages": messages, "query": null, "budget": budget})
}

#[test]
fn each_line_is_answered_in_order_and_a_bad_one_stops_nothing() {
    let good = case("good", "one two three", 9);
    let lines: [(&str, Value, &str); 15] = [
        (&good.to_string(), json!("good"), ""),
        (
            r#"{"id":1,"kind":"poem","messages":[],"budget":9}"#,
            json!(1),
            "no kind is named \"poem\"",
        ),
        (r#"{"id":2,"messages":[],"budget":0}"#, json!(2), "budget of 0 tokens"),
        (
            r#"{"id":3,"messages":[]}"#,
            json!(3),
            "line 4, column 22 is no case: missing field `budget`",
        ),
        (r#"{"id":4,"budget":9}"#, json!(4), "missing field `messages`"),
        (r#"{"id":5,"messages":[],"budget":-1}"#, json!(5), "invalid value"),
        (r#"{"id":6,"messages":"x","budget":9}"#, json!(6), "give an array of them"),
        (
            r#"{"id":7,"messages":[{"role":"boss","content":""}],"budget":9}"#,
            json!(7),
            "unknown role \"boss\"",
        ),
        (r#"{"id":8,"messages":[],"budget":9}"#, json!(8), ""),
        (r#"{"messages":[],"budget":9}"#, Value::Null, ""),
        (r#"{"id":9,"messages":["#, Value::Null, "line 11, column 21 is no case: EOF"),
        ("[null,[],null,9]", Value::Null, "line 12 is no case: give an object"),
        ("no JSON", Value::Null, "line 13 is no case"),
        (r#"{"id":{"a":[1.50]},"messages":[],"budget":9}"#, json!({"a": [1.50]}), ""),
        (&good.to_string(), json!("good"), ""),
    ];
    let input = joined(lines.iter().map(|(line, ..)| format!("{line}\r\n")));
    let output = printed(&run_on(input.as_bytes(), &["--batch"]));
    assert_eq!(output.lines().count(), lines.len());
    for (answer, (line, id, says)) in output.lines().zip(&lines) {
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(answer.get("id"), Some(id), "{line}");
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => assert!(!says.is_empty() && error.contains(says), "{line}: {error}"),
            None => assert!(says.is_empty() && answer["report"].is_object(), "{line}: {answer}"),
        }
    }
    let bytes = [b"{\"id\":\"\xff\"}\n", format!("{good}").as_bytes()].concat();
    let output = printed(&run_on(&bytes, &["--batch"]));
    let (bad, after) = output.split_once('\n').unwrap();
    assert!(bad.starts_with(r#"{"id":null,"error":"line 1 is not UTF-8"#), "{bad}");
    assert!(after.starts_with(r#"{"id":"good","messages""#), "a last line needs no end");
}

/// It would wait for ever if an answer were held back.
#[test]
fn an_answer_comes_before_the_next_line_is_sent() {
    let mut talk = Talk::begin(&[]);
    for (number, after) in ["\n", "\n\n", "\n  \n", "\n{\"id\"", ":7}\n"].into_iter().enumerate() {
        if after == ":7}\n" {
            talk.tell(after);
            assert_eq!(talk.answer()["id"], 7);
            break;
        }
        talk.tell(&format!("{}{after}", case(number, "one two three", 9)));
        assert_eq!(talk.answer()["id"], number);
    }
    talk.end();
}

#[test]
fn a_line_that_is_too_long_is_answered_and_passed_over() {
    const MIB: usize = 1 << 20;
    let good = case("after", "one two three", 9).to_string();
    // As long as it may be, and longer by one.
    let fits = format!("{good}{}", " ".repeat(MIB - good.len()));
    let input = format!("{fits}\n{fits} \n{}\n{good}\n{fits} ", "x".repeat(3 * MIB));
    let output = printed(&run_on(input.as_bytes(), &["--batch", "--longest-line", "1"]));
    let long = |line| format!(r#"{{"id":null,"error":"line {line} is longer than 1 MiB: "#);
    let begins = [r#"{"id":"after","m"#, &long(2), &long(3), r#"{"id":"after","m"#, &long(5)];
    assert_eq!(output.lines().count(), begins.len());
    for (answer, begin) in output.lines().zip(begins) {
        assert!(answer.starts_with(begin), "{answer}");
    }
}

#[test]
fn cases_come_from_a_file_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.jsonl");
    fs::write(&file, case(1, "one two three", 9).to_string()).unwrap();
    let file = file.to_string_lossy();
    let answer = printed(&run(&[&file, "--batch"]));
    assert!(answer.starts_with(r#"{"id":1,"messages":["#), "{answer}");
}

#[test]
fn a_case_comes_to_what_it_comes_to_alone() {
    let text = log(300);
    let alone =
        run_on(case(1, &text, 300)["messages"].to_string().as_bytes(), &["--budget", "300"]);
    let mut talk = Talk::begin(&[]);
    // After others, and after itself.
    for (id, text, budget) in
        [(1, "other", 9), (2, &*text, 500), (3, &*text, 300), (4, &*text, 300)]
    {
        let answer = talk.ask(&case(id, text, budget));
        if budget == 300 {
            let alone: Value = serde_json::from_str(&printed(&alone)).unwrap();
            assert_eq!(answer["messages"], alone, "{id}");
        }
        assert!(tokens(&answer["report"], "tokens_after") <= budget as u64);
    }
    talk.end();
}

#[test]
#[cfg(target_os = "linux")]
fn memory_does_not_grow_with_the_cases() {
    const CASES: usize = 100;
    let mut talk = Talk::begin(&[]);
    let status = format!("/proc/{}/status", talk.running.id());
    let resident = || {
        let status = fs::read_to_string(&status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
    };
    let text = log(4000);
    let (mut before, mut dropped) = (0, 0);
    for i in 0..CASES {
        // Each is another text, and all of it goes or is shortened.
        let text = format!("{text}2031-02-03T05:00:00Z INFO case {i}\n");
        let messages = json!([{"id": "m", "role": "tool", "name": "a.log", "content": text}]);
        let answer = talk.ask(&json!({"id": i, "messages": messages, "budget": 500}));
        assert_eq!(answer["report"]["handles"].as_object().unwrap().len(), 1, "{answer}");
        dropped += text.len();
        if i == CASES / 4 {
            (before, dropped) = (resident(), 0);
        }
    }
    let grown = resident().saturating_sub(before);
    println!("{grown} bytes more after {dropped} bytes were dropped");
    assert!(dropped > 10 << 20 && grown < dropped / 4, "{grown} of {dropped} bytes");
    talk.end();
}

/// The same context costs its counts once: asked again it is answered in less than half of the time.
#[test]
fn a_context_that_repeats_is_counted_once() {
    let mut talk = Talk::begin(&[]);
    let texts =
        ["a", "b"].map(|word| joined((0..40_000).map(|i| format!("{word}{} ", i * 7919 % 10_007))));
    let mut ask = |text: &str| {
        let began = Instant::now();
        let answer = talk.ask(&case(0, text, 1_000_000));
        assert_eq!(answer["report"]["tokens_before"], answer["report"]["tokens_after"]);
        began.elapsed()
    };
    ask(&texts[1]);
    let (mut new, mut known) = (Duration::MAX, Duration::MAX);
    for _ in 0..4 {
        for text in &texts {
            new = new.min(ask(text));
            known = known.min(ask(text));
        }
    }
    println!("new {new:?}, known {known:?}");
    assert!(known * 2 < new, "new {new:?}, known {known:?}");
    talk.end();
}

#[test]
#[cfg(unix)]
fn what_was_answered_before_a_kill_is_recalled() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("kept").to_string_lossy().into_owned();
    let mut answered = BTreeMap::new();
    for round in 0..4 {
        let mut talk = Talk::begin(&["--store", &store]);
        let texts = (0..40).map(|i| format!("{}2031-02-03 case {round} {i}\n", log(200)));
        let texts: Vec<String> = texts.collect();
        let cases = joined(texts.iter().enumerate().map(|(i, text)| {
            let messages = json!([{"id": "m", "role": "tool", "name": "a.log", "content": text}]);
            format!("{}\n", json!({"id": i, "messages": messages, "budget": 300}))
        }));
        // Those that are not answered are still on their way when it is killed.
        let mut ask = talk.ask;
        let asking = std::thread::spawn(move || ask.write_all(cases.as_bytes()));
        for text in texts.iter().take(3 + round) {
            let mut line = String::new();
            talk.answers.read_line(&mut line).unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            let handle = answer["report"]["handles"]["m"].as_str().unwrap().to_owned();
            answered.insert(handle, text.clone());
        }
        assert!(
            common::kill_once(&mut talk.running, Duration::ZERO, || true),
            "not killed in time"
        );
        drop(talk.answers);
        let _ = asking.join().unwrap();
    }
    assert_eq!(answered.len(), 3 + 4 + 5 + 6);
    for (handle, text) in &answered {
        assert_eq!(&printed(&recall(&store, &[handle])), text);
    }
}

#[test]
fn whoever_has_seen_enough_may_close_the_pipe() {
    let mut command = reduce(&["--batch"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().unwrap();
    drop(running.stdout.take());
    let mut ask = running.stdin.take().unwrap();
    // The process ends at its first answer, so that the rest may not be taken.
    let line = format!("{}\n", case(1, "one two three", 9));
    while ask.write_all(line.as_bytes()).is_ok() {}
    let output = running.wait_with_output().unwrap();
    assert_eq!((output.status.code(), said(&output)), (Some(0), String::new()));
}
