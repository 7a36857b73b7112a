//! Transcripts of agents, made from a seed, and a counter that costs nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use maniple_context::{
    ContextOptimizer, Kind, LiveContext, Priority, Segment, Source, TokenCounter,
};

/// Counts words, signs and line ends; two texts count their sum unless a word crosses between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words;

impl TokenCounter for Words {
    fn count(&self, text: &str) -> usize {
        let mut inside = false;
        let mut tokens = 0;
        for c in text.chars() {
            let is_word = c.is_alphanumeric();
            tokens +=
                usize::from(is_word && !inside || !is_word && (c == '\n' || !c.is_whitespace()));
            inside = is_word;
        }
        tokens
    }

    fn encoding(&self) -> &'static str {
        "words"
    }

    fn is_cut_safe(&self, before: &str, after: &str) -> bool {
        match (before.chars().next_back(), after.chars().next()) {
            (Some(last), Some(first)) => !(last.is_alphanumeric() && first.is_alphanumeric()),
            _ => false,
        }
    }
}

pub(crate) fn optimizer(window: usize) -> Arc<ContextOptimizer> {
    Arc::new(ContextOptimizer::builder(Arc::new(Words), window).build().unwrap())
}

pub(crate) fn live(window: usize) -> LiveContext {
    LiveContext::new(optimizer(window))
}

/// So many lines, which begin like this.
pub(crate) fn numbered(name: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "{name} has found row {n} of {}", n * 7);
        text
    })
}

/// The tokens of all texts, counted without any cache.
pub(crate) fn tokens(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| Words.count(segment.text())).sum()
}

/// Numbers that look like chance (George Marsaglia, *Xorshift RNGs*, 2003).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// What is pushed before each of so many turns, made for a window of so many tokens.
pub(crate) fn transcript(seed: u64, turns: usize, window: usize) -> Vec<Vec<Segment>> {
    let mut work = Work { dice: Dice::new(seed), made: 0, waiting: Vec::new(), window };
    let task = "Mend the parser of the orders, and keep its tests as they are.\n";
    let task = Segment::new("task", Kind::User, task).pinned();
    let mut batches = vec![vec![task]];
    batches.extend((1..turns).map(|_| work.batch()));
    batches
}

struct Work {
    dice: Dice,
    made: usize,
    /// Pairs of calls that have no result yet, with the first lines of that.
    waiting: Vec<(String, Vec<String>)>,
    window: usize,
}

impl Work {
    fn batch(&mut self) -> Vec<Segment> {
        let mut batch = Vec::new();
        match self.dice.below(20) {
            0 => batch.push(self.plain(Kind::User)),
            1 => batch.push(self.pinned()),
            2 => batch.push(self.log()),
            3 => batch.push(self.code()),
            4 => {
                for _ in 0..self.dice.below(6) {
                    batch.push(self.plain(Kind::Note));
                }
            }
            5 => {}
            6 => self.parallel(&mut batch, 5, 30),
            7 if self.dice.below(6) == 0 => self.parallel(&mut batch, 2, self.window / 6),
            _ => {
                batch.push(self.plain(Kind::Assistant));
                self.parallel(&mut batch, 2, 30);
            }
        }
        self.answer(&mut batch);
        batch
    }

    fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}{}", self.made)
    }

    fn plain(&mut self, kind: Kind) -> Segment {
        let id = self.id("m");
        let text = (0..=self.dice.below(3)).map(|_| self.sentence()).collect::<String>();
        let priority = [Priority::Low, Priority::Normal, Priority::Normal, Priority::High];
        let priority = priority[self.dice.below(priority.len())];
        Segment::new(id, kind, text).with_priority(priority)
    }

    /// Rare enough that what is pinned stays less than the window.
    fn pinned(&mut self) -> Segment {
        let segment = self.plain(Kind::Instruction);
        if self.made * 8 < self.window { segment.pinned() } else { segment }
    }

    fn log(&mut self) -> Segment {
        let id = self.id("l");
        let mut text = String::new();
        for n in 0..10 + self.dice.below(20) {
            let _ =
                writeln!(text, "10:00:{n:02} INFO pool: served {} in 4 ms", self.dice.below(99));
        }
        Segment::new(id, Kind::Log, text)
    }

    fn code(&mut self) -> Segment {
        let id = self.id("f");
        let name = format!("src/part{}.rs", self.dice.below(4));
        Segment::new(id, Kind::Code, self.lines(20).concat()).with_source(Source::new(name))
    }

    fn sentence(&mut self) -> String {
        let what = ["parser", "order", "index", "total", "header"][self.dice.below(5)];
        format!("The {what} of {} is read before part{} ends. ", self.made, self.dice.below(40))
    }

    fn lines(&mut self, most: usize) -> Vec<String> {
        let first = self.dice.below(60);
        let count = 1 + self.dice.below(most.max(1));
        (first..first + count)
            .map(|n| format!("    let part{n} = read(order{n}, {n});\n"))
            .collect()
    }

    /// Some calls, whose results come now or later, in any order.
    fn parallel(&mut self, batch: &mut Vec<Segment>, most: usize, lines: usize) {
        for _ in 0..=self.dice.below(most) {
            let pair = self.id("p");
            let call = match self.dice.below(3) {
                0 => format!(r#"read {{"path":"src/part{}.rs"}}"#, self.dice.below(4)),
                1 => format!(r#"run {{"command":"make part{}"}}"#, self.dice.below(4)),
                _ => {
                    let text = self.lines(6).concat();
                    format!("write {}", serde_json::json!({"path": "src/a.rs", "text": text}))
                }
            };
            batch.push(Segment::tool_call(format!("c-{pair}"), pair.as_str(), call));
            let mut result = self.lines(lines);
            if self.dice.below(5) == 0 {
                result.push(format!("ERROR {pair}: order7 is not read\n"));
            }
            self.waiting.push((pair, result));
        }
    }

    fn answer(&mut self, batch: &mut Vec<Segment>) {
        let mut left = Vec::new();
        while !self.waiting.is_empty() {
            let at = self.dice.below(self.waiting.len());
            let (pair, mut lines) = self.waiting.swap_remove(at);
            if self.dice.below(8) == 0 {
                left.push((pair, lines));
                continue;
            }
            if self.dice.below(6) == 0 {
                let rest = lines.split_off(lines.len() / 2).concat();
                let first = format!("r1-{pair}");
                batch.push(Segment::tool_result(first, pair.as_str(), lines.concat()));
                batch.push(Segment::tool_result(format!("r2-{pair}"), pair.as_str(), rest));
            } else {
                let text = lines.concat();
                batch.push(Segment::tool_result(format!("r-{pair}"), pair.as_str(), text));
            }
        }
        self.waiting = left;
    }
}
