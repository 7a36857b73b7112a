//! What a turn of a growing transcript costs, and how often it begins with the turn before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::context::{transcripts, uncounted};
use benches::table::{Bar, Failed, grouped, note};
use maniple::context::{ContextOptimizer, Encoding, Kind, LiveContext, Segment, Tiktoken};

/// A transcript of so many steps has some ten thousand tokens.
const STEPS: usize = 18;
const WINDOW: usize = 8_000;
const TURNS: usize = 5;

pub(crate) fn rows() -> Result<(), Failed> {
    growth()?;
    wide()?;
    beginnings()
}

/// The same turns, behind ten thousand tokens and behind a million, in one window.
fn growth() -> Result<(), Failed> {
    let all = transcripts(116, STEPS);
    let (history, next) = all.split_at(start_of(&all, 100));
    let short = &history[..start_of(&all, 1)];
    let [mut few, mut many] = [Cycles::default(); 2];
    for _ in 0..TURNS {
        few = few.faster(cycles(short, next)?);
        many = many.faster(cycles(history, next)?);
    }
    let row = format!(
        "  a token behind {} / behind {}",
        grouped(many.history.try_into()?),
        grouped(few.history.try_into()?)
    );
    Bar::Ratio(1.2).print(&row, many.per_token() / few.per_token());
    Ok(())
}

/// A window as large as the history: a compaction takes time for all of it, and comes as much less often.
fn wide() -> Result<(), Failed> {
    let mut per_token = Vec::new();
    for (window, copies) in [(10_000, 4), (1_000_000, 260)] {
        let segments = transcripts(copies, STEPS);
        let mut fastest = Cycles::default();
        for _ in 0..2 {
            fastest = fastest.faster(Cycles::of(&mut live(window)?, &uncounted(&segments))?);
        }
        per_token.push(fastest.per_token());
    }
    note("  a token in a window of 1,000,000 / of 10,000", per_token[1] / per_token[0], "x");
    Ok(())
}

/// The share of turns that begin with something else than the turn before.
fn beginnings() -> Result<(), Failed> {
    let segments = transcripts(130, STEPS);
    for (window, has_bar) in [(8_000, false), (32_000, true), (128_000, true)] {
        let mut live = live(window)?;
        let (mut turns, mut others, mut before) = (0_u32, 0_u32, 0);
        each_turn(&mut live, &segments, |live| {
            let turn = live.turn(None)?;
            turns += 1;
            others += u32::from(turn.kept.segments < before);
            before = turn.segments.len();
            Ok(())
        })?;
        let row = format!("  turns that begin anew, window of {}", grouped(window.try_into()?));
        let figure = 100.0 * f64::from(others) / f64::from(turns);
        if has_bar { Bar::PercentOver(5.0).print(&row, figure) } else { note(&row, figure, "%") }
    }
    Ok(())
}

/// Whole cycles, from one compaction to another.
#[derive(Debug, Clone, Copy, Default)]
struct Cycles {
    /// The tokens before the first of them.
    history: usize,
    /// The tokens that were pushed in them.
    tokens: usize,
    time: Duration,
}

impl Cycles {
    fn of(live: &mut LiveContext, next: &[Segment]) -> Result<Self, Failed> {
        let began = Instant::now();
        // When the first compaction was done, and the last, and what was pushed by then.
        let mut ends: Option<[(Duration, usize); 2]> = None;
        each_turn(live, next, |live| {
            let turn = live.turn(None)?;
            let (is_end, pushed) = (turn.compaction.is_some(), turn.unreduced);
            if is_end {
                let now = (began.elapsed(), pushed);
                ends = Some([ends.map_or(now, |[first, _]| first), now]);
            }
            Ok(())
        })?;
        let [first, last] = ends.ok_or("nothing was compacted")?;
        Ok(Self {
            history: first.1,
            tokens: last.1 - first.1,
            time: last.0.saturating_sub(first.0),
        })
    }

    fn faster(self, other: Self) -> Self {
        if self.tokens == 0 || other.time < self.time { other } else { self }
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn per_token(self) -> f64 {
        self.time.as_secs_f64() / self.tokens as f64
    }
}

/// What comes next takes behind this history.
fn cycles(history: &[Segment], next: &[Segment]) -> Result<Cycles, Failed> {
    let mut live = live(WINDOW)?;
    each_turn(&mut live, history, |live| Ok(_ = live.turn(None)?))?;
    Cycles::of(&mut live, &uncounted(next))
}

/// Pushes segment by segment, and asks for a turn whenever it is the model's.
fn each_turn(
    live: &mut LiveContext,
    segments: &[Segment],
    mut turn: impl FnMut(&mut LiveContext) -> Result<(), Failed>,
) -> Result<(), Failed> {
    for segment in segments {
        live.push(segment.clone())?;
        if segment.kind() != Kind::ToolCall {
            turn(live)?;
        }
    }
    Ok(())
}

/// Where this transcript begins.
fn start_of(segments: &[Segment], transcript: usize) -> usize {
    let id = format!("{transcript}-task");
    segments.iter().position(|segment| segment.id().as_str() == id).unwrap_or(segments.len())
}

fn live(window: usize) -> Result<LiveContext, Failed> {
    let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
    Ok(LiveContext::new(Arc::new(ContextOptimizer::builder(counter, window).build()?)))
}
