use std::fmt::Write as _;

use maniple::context::{Kind, Segment};

use super::Case;
use super::words::Dice;

/// An agent works on a repository: it reads files and reads them again, searches, edits and runs
/// tests. What its next steps need is the evidence: the lines around its last edits, as they are now,
/// as far as it has seen them. What an edit has replaced is not needed.
pub fn transcript(seed: u64, steps: usize) -> Case {
    let mut work = Work::new(seed);
    for _ in 0..steps {
        work.step();
    }
    if work.edited.is_empty() {
        work.edit(0);
    }
    let evidence = work.needed();
    Case { segments: work.segments, question: None, evidence }
}

struct File {
    path: String,
    lines: Vec<String>,
}

struct Work {
    dice: Dice,
    files: Vec<File>,
    segments: Vec<Segment>,
    calls: usize,
    /// The files and lines that were edited, the last one last.
    edited: Vec<(usize, usize)>,
}

impl Work {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let files = (0..12).map(|_| file(&mut dice)).collect();
        let task = format!("The function {} fails for empty input. Mend it.", dice.name());
        let segments = vec![Segment::new("task", Kind::User, task).pinned()];
        Self { dice, files, segments, calls: 0, edited: Vec::new() }
    }

    fn step(&mut self) {
        // It comes back to a few files again and again.
        let file = self.dice.below(self.files.len()).min(self.dice.below(self.files.len()));
        match self.dice.below(10) {
            0..=4 => self.read(file),
            5 | 6 => self.search(file),
            7 => self.edit(file),
            8 => self.test(),
            _ => self.plan(),
        }
    }

    fn call(&mut self, name: &str, arguments: &serde_json::Value, result: &str) {
        let pair = format!("call{}", self.calls);
        let text = format!("{name} {arguments}");
        self.segments.push(Segment::tool_call(format!("c{}", self.calls), pair.as_str(), text));
        let result = Segment::tool_result(format!("r{}", self.calls), pair.as_str(), result);
        self.segments.push(result);
        self.calls += 1;
    }

    fn read(&mut self, file: usize) {
        let File { path, lines } = &self.files[file];
        let first = self.dice.below(lines.len() / 2);
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate().skip(first).take(80) {
            let _ = writeln!(text, "{:>6}→{line}", at + 1);
        }
        let arguments = serde_json::json!({ "path": path, "offset": first + 1, "limit": 80 });
        self.call("read", &arguments, &text);
    }

    fn search(&mut self, file: usize) {
        let at = self.dice.below(self.files[file].lines.len());
        let line = &self.files[file].lines[at];
        let word = line.split(|c: char| !c.is_alphanumeric() && c != '_').find(|w| w.len() > 4);
        let word = word.unwrap_or("self").to_owned();
        let mut text = String::new();
        for File { path, lines } in &self.files {
            let found = lines.iter().enumerate().filter(|(_, line)| line.contains(&word));
            for (at, line) in found.take(8) {
                let _ = writeln!(text, "{path}:{}:{line}", at + 1);
            }
        }
        self.call("search", &serde_json::json!({ "pattern": word }), &text);
    }

    fn edit(&mut self, file: usize) {
        let at = self.dice.below(self.files[file].lines.len());
        let changed = format!("    let {} = {}();", self.dice.word(), self.dice.word());
        let old = std::mem::replace(&mut self.files[file].lines[at], changed.clone());
        let path = self.files[file].path.clone();
        let arguments = serde_json::json!({ "path": path, "old": old, "new": changed });
        self.call("edit", &arguments, &format!("The file {path} has been updated."));
        self.edited.push((file, at));
    }

    fn test(&mut self) {
        let mut text = String::new();
        for File { path, .. } in &self.files {
            let _ = writeln!(text, "test {path} ... ok");
        }
        let _ = writeln!(text, "test result: ok. {} passed; 0 failed", self.files.len());
        self.call("run", &serde_json::json!({ "command": "make test" }), &text);
    }

    fn plan(&mut self) {
        let words = 10 + self.dice.below(30);
        let text = self.dice.sentence(words);
        self.segments.push(Segment::new(
            format!("s{}", self.segments.len()),
            Kind::Assistant,
            text,
        ));
    }

    /// Lines beside those that were edited last, and those themselves.
    fn needed(&self) -> Vec<String> {
        let shown: Vec<&str> = self.segments.iter().map(|segment| &**segment.text()).collect();
        let shown = shown.join("\n");
        let last = self.edited.iter().rev().take(3);
        let beside = last.flat_map(|(file, at)| {
            let lines = &self.files[*file].lines;
            let first = at.saturating_sub(3);
            lines.iter().skip(first).take(7).map(|line| line.trim().to_owned())
        });
        let mut needed: Vec<String> =
            beside.filter(|line| line.len() >= 12 && shown.contains(line.as_str())).collect();
        needed.sort();
        needed.dedup();
        needed
    }
}

fn file(dice: &mut Dice) -> File {
    let path = format!("src/{}/{}.rs", dice.word(), dice.name().to_lowercase());
    let mut lines = Vec::new();
    for _ in 0..8 + dice.below(8) {
        lines.push(format!("/// {}", dice.sentence(9)));
        lines.push(format!(
            "pub fn {}({}: &str) -> usize {{",
            dice.name().to_lowercase(),
            dice.word()
        ));
        for _ in 0..4 + dice.below(9) {
            let (left, call, argument) = (dice.word(), dice.word(), dice.word());
            lines.push(format!("    let {left}_{} = {call}({argument});", dice.below(90)));
        }
        lines.push("}".to_owned());
        lines.push(String::new());
    }
    File { path, lines }
}
