//! A transcript of a coding agent, made up.
//!
//! It works on a repository as such agents do: it reads parts of files, most often those that it has
//! read before, searches, edits, builds and runs tests, looks at a list of issues, and sometimes does
//! two things at once. From time to time it is done, and is given the next task.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::dice::Dice;

/// So many answers of the agent, and what stands between them.
pub(crate) fn generate(seed: u64, turns: usize) -> Value {
    let mut work = Work::new(seed);
    for turn in 1..=turns {
        if turn == turns || turn.is_multiple_of(TURNS_OF_A_TASK) {
            work.finish(turn < turns);
        } else {
            work.step();
        }
    }
    Value::Array(work.messages)
}

const TURNS_OF_A_TASK: usize = 25;

/// A small repository, and what was done to it.
struct Work {
    dice: Dice,
    files: Vec<File>,
    messages: Vec<Value>,
    calls: usize,
    seconds: usize,
}

struct File {
    path: String,
    lines: Vec<String>,
}

impl Work {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let files = NOUNS.iter().map(|noun| file(&mut dice, noun)).collect();
        let mut work = Self { dice, files, messages: Vec::new(), calls: 0, seconds: 0 };
        work.messages.push(json!({"role": "system", "content": RULES, "pinned": true}));
        work.ask();
        work
    }

    fn ask(&mut self) {
        let (noun, verb, other) = (self.noun(), self.verb(), self.noun());
        let text = format!(
            "{verb}_{noun} in src/{noun}.rs returns the wrong {other} when the {noun} is empty. Find \
             out why, mend it, and add a test. The change must not be seen in src/{other}.rs."
        );
        self.messages.push(json!({"role": "user", "content": text}));
    }

    /// Says that it is done, and is asked for more.
    fn finish(&mut self, goes_on: bool) {
        let (noun, verb) = (self.noun(), self.verb());
        let text = format!(
            "{verb}_{noun} handles an empty {noun} now, and tests/{noun}.rs checks it. All tests pass."
        );
        self.messages.push(json!({"role": "assistant", "content": text}));
        if goes_on {
            self.ask();
        }
    }

    /// An answer with a call or two, and what the tools say to them.
    fn step(&mut self) {
        let calls = if self.dice.percent(15) { 2 } else { 1 };
        let calls: Vec<Call> = (0..calls).map(|_| self.call()).collect();
        let (noun, verb) = (self.noun(), self.verb());
        let says = match self.dice.below(4) {
            0 => Value::Null,
            1 => json!(format!("I look at how {verb}_{noun} is called.")),
            2 => json!(format!("The {noun} may be empty here. Let me check.")),
            _ => json!(format!("Next I {verb} the {noun}.")),
        };
        let mut results = Vec::new();
        let mut made = Vec::new();
        for Call { name, arguments, result } in calls {
            let id = format!("call_{}", self.calls);
            self.calls += 1;
            made.push(json!({"id": id, "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()}}));
            results.push(json!({"role": "tool", "tool_call_id": id, "content": result}));
        }
        self.messages.push(json!({"role": "assistant", "content": says, "tool_calls": made}));
        self.messages.extend(results);
    }

    fn call(&mut self) -> Call {
        // It comes back to a few files again and again.
        let file = self.dice.below(self.files.len()).min(self.dice.below(self.files.len()));
        match self.dice.below(20) {
            0..=8 => self.read(file),
            9..=11 => self.search(),
            12..=15 => self.edit(file),
            16 | 17 => self.test(),
            18 => self.build(),
            _ => self.issues(),
        }
    }

    fn read(&mut self, file: usize) -> Call {
        let File { path, lines } = &self.files[file];
        // In pages, so that it reads the same lines again.
        let first = self.dice.below(lines.len() / 40 + 1) * 40;
        let mut result = String::new();
        for (at, line) in lines.iter().enumerate().skip(first).take(80) {
            let _ = writeln!(result, "{:>5}\t{line}", at + 1);
        }
        let arguments = json!({"path": path, "offset": first + 1, "limit": 80});
        Call { name: "read", arguments, result }
    }

    fn search(&mut self) -> Call {
        let pattern = format!("{}_{}", self.verb(), self.noun());
        let mut result = String::new();
        for File { path, lines } in &self.files {
            let found = lines.iter().enumerate().filter(|(_, line)| line.contains(&pattern));
            for (at, line) in found.take(10) {
                let _ = writeln!(result, "{path}:{}:{line}", at + 1);
            }
        }
        if result.is_empty() {
            result.push_str("no matches\n");
        }
        Call { name: "grep", arguments: json!({"pattern": pattern}), result }
    }

    fn edit(&mut self, file: usize) -> Call {
        let at = self.dice.below(self.files[file].lines.len());
        let new = statement(&mut self.dice);
        let File { path, lines } = &mut self.files[file];
        let old = std::mem::replace(&mut lines[at], new.clone());
        let result = format!("{path} was changed in line {}.\n-{old}\n+{new}\n", at + 1);
        Call { name: "edit", arguments: json!({"path": path, "old": old, "new": new}), result }
    }

    fn test(&mut self) -> Call {
        let mut result = String::from("running 48 tests\n");
        let failing = self.dice.below(3);
        for at in 0..48 {
            let name = format!("{}::{}_{}", self.noun(), self.verb(), self.noun());
            let said = if at < failing { "FAILED" } else { "ok" };
            let _ = writeln!(result, "test {name} ... {said}");
            if at < failing {
                let (line, left) = (20 + self.dice.below(300), self.dice.below(1_000));
                let _ = writeln!(
                    result,
                    "thread '{name}' panicked at src/{}.rs:{line}:9:\nassertion `left == right` \
                     failed\n  left: {left}\n right: {}",
                    self.noun(),
                    left + 1
                );
            }
        }
        let _ = writeln!(
            result,
            "test result: {}. {} passed; {failing} failed; finished in 0.{}s",
            if failing == 0 { "ok" } else { "FAILED" },
            48 - failing,
            10 + self.dice.below(90)
        );
        Call { name: "run", arguments: json!({"command": "cargo test"}), result }
    }

    fn build(&mut self) -> Call {
        let mut result = String::new();
        for _ in 0..40 + self.dice.below(60) {
            self.seconds += self.dice.below(3);
            let (minute, second) = (self.seconds / 60 % 60, self.seconds % 60);
            let (noun, took) = (self.noun(), 5 + self.dice.below(900));
            let _ = match self.dice.below(40) {
                0 => writeln!(result, "2031-02-03T04:{minute:02}:{second:02}Z WARN {noun}: unused"),
                _ => writeln!(
                    result,
                    "2031-02-03T04:{minute:02}:{second:02}Z INFO compiled {noun} in {took} ms"
                ),
            };
        }
        Call { name: "run", arguments: json!({"command": "make build"}), result }
    }

    fn issues(&mut self) -> Call {
        let first = self.dice.below(400);
        let issue = |at: usize| {
            let (noun, verb) = (NOUNS[at % NOUNS.len()], VERBS[at % VERBS.len()]);
            json!({"number": at, "state": if at.is_multiple_of(3) { "closed" } else { "open" },
                "title": format!("{verb} the {noun} twice"), "comments": at % 7})
        };
        let issues: Vec<Value> = (first..first + 12 + self.dice.below(20)).map(issue).collect();
        let result = Value::Array(issues).to_string();
        Call { name: "issues", arguments: json!({"from": first}), result }
    }

    fn noun(&mut self) -> &'static str {
        self.dice.one(&NOUNS)
    }

    fn verb(&mut self) -> &'static str {
        self.dice.one(&VERBS)
    }
}

struct Call {
    name: &'static str,
    arguments: Value,
    result: String,
}

fn file(dice: &mut Dice, noun: &str) -> File {
    let mut lines = vec![format!("//! What becomes of a {noun}."), String::new()];
    for verb in VERBS {
        let (returned, argument) = (dice.one(&NOUNS), dice.one(&NOUNS));
        lines.push(format!("/// Has to {verb} the {noun} before the {returned} is there."));
        lines.push(format!("pub fn {verb}_{noun}({argument}: &str) -> usize {{"));
        for _ in 0..3 + dice.below(10) {
            lines.push(statement(dice));
        }
        lines.extend(["}".to_owned(), String::new()]);
    }
    File { path: format!("src/{noun}.rs"), lines }
}

fn statement(dice: &mut Dice) -> String {
    let (name, verb, noun) = (dice.one(&NOUNS), dice.one(&VERBS), dice.one(&NOUNS));
    let number = dice.below(500);
    match dice.below(3) {
        0 => format!("    let {name} = {verb}_{noun}({number});"),
        1 => format!("    if {name} > {number} {{ return {verb}_{noun}({name}); }}"),
        _ => format!("    {name}.{verb}({noun}, {number});"),
    }
}

const NOUNS: [&str; 16] = [
    "header", "packet", "session", "ledger", "route", "shard", "cursor", "token", "queue", "frame",
    "anchor", "bundle", "lease", "digest", "schema", "window",
];
const VERBS: [&str; 14] = [
    "parse", "merge", "split", "flush", "check", "build", "close", "fetch", "retry", "store",
    "count", "trim", "sort", "visit",
];
const RULES: &str = "\
You are a careful engineer who works in a repository through tools.
- Read a file before you change it, and change no more than the task asks for.
- Run the tests after each change. A test that fails is never deleted and never ignored.
- Keep public names as they are. Say so where a task cannot be done without renaming.
- Write errors that say what was attempted, on what, and what to do.
- Never write outside the repository, and never print what looks like a key or a password.
- When you are done, say in two sentences what was changed and how it is checked.";
