//! What is printed: a table for people, or a JSON value a line.

use std::fmt::Display;
use std::io::{self, Write as _};

use maniple::context::{Price, ReducerReport, Report};
use serde::Serialize;

use crate::command::{Command, Pricing};
use crate::input::Recorded;
use crate::problem::Problem;
use crate::replay::{Recalled, Turn};
use crate::total::Total;

/// Prints turns as they are replayed.
#[derive(Debug)]
pub(crate) struct Output<'p> {
    form: Form,
    window: usize,
    pricing: &'p Pricing,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Json,
    /// Each so manieth turn; none at all prints none.
    Table(Option<usize>),
}

#[derive(Serialize)]
struct TurnLine<'t> {
    turn: usize,
    tokens: usize,
    unreduced: usize,
    kept_tokens: usize,
    kept_bytes: usize,
    bytes_before: usize,
    cost_micros: u64,
    cost_micros_without: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    compaction: Option<CompactionLine<'t>>,
}

#[derive(Serialize)]
struct CompactionLine<'t> {
    before: usize,
    after: usize,
    reducers: Vec<Step<'t>>,
    dropped: usize,
    shortened: usize,
    markers: usize,
    marker_tokens: usize,
}

#[derive(Serialize)]
struct Step<'t> {
    name: &'t str,
    before: usize,
    after: usize,
}

#[derive(Serialize)]
struct TotalLine<'t> {
    total: Sums<'t>,
}

#[derive(Serialize)]
struct Sums<'t> {
    turns: u64,
    window: usize,
    largest_turn: usize,
    largest_unreduced: usize,
    above_window: usize,
    above_window_without: usize,
    tokens: u64,
    tokens_without: u64,
    tokens_saved: i128,
    model: Option<&'t str>,
    price: Price,
    cost_micros: u64,
    cost_micros_without: u64,
    cost_micros_saved: i128,
    compactions: usize,
    turns_kept: u64,
    recalled_segments: usize,
    recalled_tokens: usize,
    lost_segments: usize,
    lost_tokens: usize,
}

impl<'p> Output<'p> {
    /// Says what is replayed.
    pub(crate) fn begin(
        command: &Command,
        recorded: &Recorded,
        pricing: &'p Pricing,
    ) -> Result<Self, Problem> {
        let form = match command {
            command if command.json => Form::Json,
            command if command.quiet => Form::Table(None),
            command => Form::Table(Some(command.every)),
        };
        let output = Self { form, window: command.window, pricing };
        if let Form::Table(every) = form {
            let messages = recorded.messages().count();
            let (name, window) = (&recorded.name, grouped(command.window));
            line(&format!("{name}: {messages} messages, in a window of {window} tokens"))?;
            if every.is_some() {
                line("")?;
                line(
                    "   turn   tokens   without  kept of the turn before      cost   without  \
                     compaction",
                )?;
            }
        }
        Ok(output)
    }

    pub(crate) fn turn(&self, turn: &Turn) -> Result<(), Problem> {
        let price = &self.pricing.price;
        let (cost, cost_without) = (price.of(turn.with), price.of(turn.without));
        match self.form {
            Form::Json => json(&TurnLine {
                turn: turn.number,
                tokens: turn.tokens,
                unreduced: turn.unreduced,
                kept_tokens: turn.with.cached,
                kept_bytes: turn.kept_bytes,
                bytes_before: turn.bytes_before,
                cost_micros: cost,
                cost_micros_without: cost_without,
                compaction: turn.compaction.as_ref().map(CompactionLine::of),
            }),
            Form::Table(Some(every))
                if turn.number.is_multiple_of(every) || turn.compaction.is_some() =>
            {
                let kept = if turn.number == 1 {
                    "-".to_owned()
                } else if turn.is_kept() {
                    format!("all {} bytes", grouped(turn.kept_bytes))
                } else {
                    format!("{} of {}", grouped(turn.kept_bytes), grouped(turn.bytes_before))
                };
                line(&format!(
                    "{:>7} {:>8} {:>9}  {kept:>23} {:>9} {:>9}  {}",
                    turn.number,
                    grouped(turn.tokens),
                    grouped(turn.unreduced),
                    money(cost),
                    money(cost_without),
                    turn.compaction.as_ref().map(compaction).unwrap_or_default(),
                ))
            }
            Form::Table(_) => Ok(()),
        }
    }

    /// Says what all turns come to.
    pub(crate) fn end(&self, total: &Total, recalled: Recalled) -> Result<(), Problem> {
        let (with, without) = (&total.savings.with, &total.savings.without);
        if let Form::Json = self.form {
            return json(&TotalLine {
                total: Sums {
                    turns: total.savings.turns(),
                    window: self.window,
                    largest_turn: total.largest,
                    largest_unreduced: total.largest_unreduced,
                    above_window: total.above_window,
                    above_window_without: total.above_window_without,
                    tokens: with.tokens,
                    tokens_without: without.tokens,
                    tokens_saved: total.savings.saved_tokens(),
                    model: self.pricing.model.as_deref(),
                    price: self.pricing.price,
                    cost_micros: with.cost_micros,
                    cost_micros_without: without.cost_micros,
                    cost_micros_saved: total.savings.saved_micros(),
                    compactions: total.compactions,
                    turns_kept: total.kept,
                    recalled_segments: recalled.segments,
                    recalled_tokens: recalled.tokens,
                    lost_segments: recalled.lost_segments,
                    lost_tokens: recalled.lost_tokens,
                },
            });
        }
        self.table(total, recalled)
    }

    fn table(&self, total: &Total, recalled: Recalled) -> Result<(), Problem> {
        let savings = &total.savings;
        let (with, without) = (&savings.with, &savings.without);
        line("")?;
        row("", "as sent", "without", "saved")?;
        let saved = signed(savings.saved_tokens(), grouped);
        row("tokens", &grouped(with.tokens), &grouped(without.tokens), &saved)?;
        let saved = signed(savings.saved_micros(), money);
        row("cost", &money(with.cost_micros), &money(without.cost_micros), &saved)?;
        row("largest turn", &grouped(total.largest), &grouped(total.largest_unreduced), "")?;
        row(
            "turns above window",
            &grouped(total.above_window),
            &grouped(total.above_window_without),
            "",
        )?;
        line("")?;
        line(&format!("turns              {}", savings.turns()))?;
        line(&format!("compactions        {}", total.compactions))?;
        let (kept, later) = (total.kept, total.later_turns());
        let share = percent(kept, later);
        line(&format!("beginning kept     in {kept} of {later} turns after the first{share}"))?;
        line(&format!(
            "gone or shortened  {} segments of {} tokens, each recalled and compared",
            recalled.segments,
            grouped(recalled.tokens)
        ))?;
        line(&format!("not recallable     {} tokens", grouped(recalled.lost_tokens)))?;
        line(&format!("prices             {}", priced(self.pricing)))?;
        line("")?;
        line(&savings.to_string())
    }
}

impl<'t> CompactionLine<'t> {
    fn of(report: &'t Report) -> Self {
        let step = |reducer: &'t ReducerReport| Step {
            name: &reducer.name,
            before: reducer.before,
            after: reducer.after,
        };
        Self {
            before: report.before,
            after: report.after,
            reducers: report.reducers.iter().map(step).collect(),
            dropped: report.dropped.len(),
            shortened: report.shortened.len(),
            markers: report.markers.len(),
            marker_tokens: report.markers.iter().map(|marker| marker.tokens).sum(),
        }
    }
}

/// What a compaction did, and which reducers did how much of it.
fn compaction(report: &Report) -> String {
    let by = report.reducers.iter().filter(|reducer| reducer.after < reducer.before);
    let by: Vec<String> = by
        .map(|reducer| format!("{} {}", reducer.name, grouped(reducer.before - reducer.after)))
        .collect();
    format!("{} -> {}: {}", grouped(report.before), grouped(report.after), by.join(", "))
}

fn row(name: &str, with: &str, without: &str, saved: &str) -> Result<(), Problem> {
    line(format!("{name:<18} {with:>12} {without:>12} {saved:>12}").trim_end())
}

fn signed(number: i128, write: impl Fn(u128) -> String) -> String {
    format!("{}{}", if number < 0 { "-" } else { "" }, write(number.unsigned_abs()))
}

/// Millionths as a number with four decimals.
fn money(micros: impl Into<u128>) -> String {
    let rounded = (micros.into() + 50) / 100;
    format!("{}.{:04}", rounded / 10_000, rounded % 10_000)
}

/// A number with a space before each three digits.
pub(crate) fn grouped(number: impl Display + Copy) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn percent(part: u64, whole: u64) -> String {
    match (u128::from(part) * 1_000).checked_div(whole.into()) {
        Some(thousandths) => format!(", {}.{} %", thousandths / 10, thousandths % 10),
        None => String::new(),
    }
}

fn priced(pricing: &Pricing) -> String {
    match &pricing.model {
        Some(model) => format!("those given for {model}"),
        None => "an example, of no model: give those that you pay with --prices and --model".into(),
    }
}

fn json(value: &impl Serialize) -> Result<(), Problem> {
    line(&serde_json::to_string(value).map_err(|source| Problem::Json { source })?)
}

fn line(text: &str) -> Result<(), Problem> {
    writeln!(io::stdout().lock(), "{text}").map_err(|source| Problem::Print { source })
}
