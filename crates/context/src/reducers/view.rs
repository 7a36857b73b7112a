use std::collections::HashMap;

use super::content::settled_fits;
use super::selection::Choice;
use super::{Cause, Draft, PartId, UnitId};
use crate::draft::Shorter;
use crate::error::ContextError;
use crate::relevance::{Passage, PassageList, Query, relevance};
use crate::segment::{Cut, Kind, Role};
use crate::transcript::{
    Cost, Gone, Index, Line, Lines, Origin, Shape, Turn, Worth, choose, repeated,
};

/// What a token of a line that answers the query as well as the mean one is worth more, where one of a
/// plain result is worth 1.
const ANSWER: u64 = 128;
/// Far below what overflows where it is set against costs.
const MOST_WORTH: u64 = 1 << 40;

/// What a draft is as the transcript of an agent.
pub(super) struct View {
    parts: Vec<PartId>,
    lines: Lines,
    index: Index,
    costs: Vec<Cost>,
    /// By line, whether it has gone already.
    gone: Vec<bool>,
}

impl View {
    /// The view of a draft in which a tool was called and has answered; none of any other.
    pub(super) fn of(draft: &Draft<'_>) -> Option<Self> {
        let parts: Vec<PartId> = draft.parts().map(|part| part.id()).collect();
        let turns = turns(draft, &parts);
        if !turns.iter().any(|turn| turn.pair.is_some()) {
            return None;
        }
        let lines = Lines::of(&turns);
        let index = Index::of(&turns, &lines);
        let mut costs = Vec::with_capacity(lines.all().len());
        let mut gone = Vec::with_capacity(lines.all().len());
        let mut openings = Openings::new();
        for (turn, part) in parts.iter().enumerate() {
            let pieces = PieceCosts::of(draft, *part);
            for place in lines.of_turn(turn) {
                let line = &lines.all()[place];
                let continues = lines.continues(place);
                costs.push(pieces.cost(draft, &turns[turn], line, continues, &mut openings));
                gone.push(pieces.is_gone(line));
            }
        }
        Some(Self { parts, lines, index, costs, gone })
    }

    /// Drops what is said again.
    pub(super) fn drop_repeated(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        let turns = turns(draft, &self.parts);
        let found = repeated(&turns, &self.lines, &self.index, &self.costs);
        let kept: Vec<bool> =
            found.iter().zip(&self.gone).map(|(found, gone)| found.is_none() && !gone).collect();
        let cause = |turn: usize| {
            let outdated = self.lines.of_turn(turn).find_map(|line| match found[line] {
                Some(Gone::Outdated { by_turn }) => Some(by_turn),
                _ => None,
            });
            let by = outdated.map(|turn| draft.part(self.parts[turn]).unit());
            by.map_or(Cause::OverBudget, Cause::SupersededBy)
        };
        let choice = self.choice(draft, &turns, &kept, cause);
        choice.apply(draft)
    }

    /// What fills the room best.
    pub(super) fn choose(&self, draft: &Draft<'_>, room: usize) -> Choice {
        let turns = turns(draft, &self.parts);
        let Self { lines, index, costs, gone, .. } = self;
        let mut worth = Worth::of(&turns, lines, index, costs);
        if let Some(query) = draft.query() {
            self.add_answers(&mut worth, &turns, query);
        }
        let kept = choose(&turns, lines, index, &worth, costs, gone, room as u64);
        self.choice(draft, &turns, &kept, |_| Cause::OverBudget)
    }

    /// Adds what lines are worth as an answer to the query.
    fn add_answers(&self, worth: &mut Worth, turns: &[Turn<'_>], query: &Query) {
        let lines = self.lines.all();
        let passage = |place: usize| {
            let (turn, span) = (lines[place].turn(), lines[place].span());
            Passage { text: &turns[turn].text[span], segment: turn, ..Passage::default() }
        };
        let passages = PassageList::new(lines.len(), &passage);
        let Some(answers) = relevance(passages, query) else { return };
        let sum: u128 = answers.values().iter().map(|value| u128::from(*value)).sum();
        let mean = (sum / (answers.values().len() as u128).max(1)).max(1);
        for ((value, answer), cost) in
            worth.values.iter_mut().zip(answers.values()).zip(&self.costs)
        {
            let more = u128::from(cost.body) * u128::from(ANSWER) * u128::from(*answer) / mean;
            *value = value.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)).min(MOST_WORTH);
        }
    }

    /// The choice of these lines; `cause` says of a turn why its unit goes.
    fn choice(
        &self,
        draft: &Draft<'_>,
        turns: &[Turn<'_>],
        kept: &[bool],
        cause: impl Fn(usize) -> Cause,
    ) -> Choice {
        let turn_of: HashMap<PartId, usize> =
            self.parts.iter().enumerate().map(|(turn, part)| (*part, turn)).collect();
        let has_line = |turn: usize| {
            let mut lines = self.lines.of_turn(turn);
            lines.any(|line| kept[line])
        };
        let mut choice = Choice::begin(draft);
        for unit in draft.units().filter(|unit| !unit.is_kept()) {
            let mut members = unit.parts().map(|part| turn_of[&part.id()]);
            if unit.tokens() > 0 && !members.clone().any(has_line) {
                let cause = members.next().map_or(Cause::OverBudget, &cause);
                choice.drop_unit(unit.id(), cause);
                continue;
            }
            for (turn, part) in members.zip(unit.parts()) {
                let changes = self
                    .lines
                    .of_turn(turn)
                    .any(|line| !kept[line] && !self.gone[line] || self.lines.continues(line));
                if changes && !turns[turn].settled {
                    choice.shorten(&part, self.shorter(draft, turn, turns, kept));
                } else {
                    choice.keep(&part);
                }
            }
        }
        choice
    }

    /// A turn without the lines that are not kept.
    fn shorter(
        &self,
        draft: &Draft<'_>,
        turn: usize,
        turns: &[Turn<'_>],
        kept: &[bool],
    ) -> Shorter {
        let mut cuts = Vec::new();
        let mut goes = Vec::new();
        for place in self.lines.of_turn(turn) {
            let line = &self.lines.all()[place];
            let follows = self.lines.continues(place);
            let cost = self.costs[place];
            let tokens = if follows { cost.body } else { cost.body + cost.opening };
            for (nth, (end, opening)) in line.pieces(turns[turn].text).enumerate() {
                // What follows the first of a line's pieces has its number told by it.
                let (lead, tokens) = match nth {
                    0 => (if follows { opening } else { 0 }, tokens),
                    _ => (opening, 0),
                };
                cuts.push(Cut { end, lead, tokens, is_fixed: line.shape() == Shape::Frame });
                goes.push(!kept[place]);
            }
        }
        draft.recut(self.parts[turn], &cuts, |piece| goes[piece])
    }
}

/// The parts of a draft as turns, in their order.
fn turns<'d>(draft: &'d Draft<'_>, parts: &[PartId]) -> Vec<Turn<'d>> {
    let mut calls: HashMap<UnitId, usize> = HashMap::new();
    let mut turns: Vec<Turn<'d>> = Vec::with_capacity(parts.len());
    let settles = settled_fits(draft);
    for (number, part) in parts.iter().map(|part| draft.part(*part)).enumerate() {
        let segment = part.segment();
        let (origin, pair) = match segment.kind() {
            Kind::ToolCall => {
                calls.insert(part.unit(), number);
                let name = segment.text().split_whitespace().next().unwrap_or("");
                (Origin::Call { name }, None)
            }
            // A call has one result; further ones are what else its unit holds.
            Kind::ToolResult => match calls.remove(&part.unit()) {
                Some(call) => {
                    turns[call].pair = Some(number);
                    (Origin::Result, Some(call))
                }
                None => (Origin::Document, None),
            },
            _ => match segment.role() {
                Role::Assistant => (Origin::Assistant, None),
                Role::User if segment.kind() == Kind::User => (Origin::User, None),
                _ => (Origin::Document, None),
            },
        };
        turns.push(Turn {
            text: part.text(),
            origin,
            pair,
            pinned: part.is_kept(),
            settled: settles && part.is_rewritten(),
            priority: draft.unit(part.unit()).priority(),
        });
    }
    turns
}

/// What openings take; the same paths and numbers stand before many lines.
type Openings<'d> = HashMap<&'d str, u32>;

/// Where the pieces of a part end, and what they take up to there.
struct PieceCosts {
    ends: Vec<usize>,
    tokens: Vec<u32>,
    /// Whether the tokens are without the lead.
    has_lead: Vec<bool>,
    gone: Vec<bool>,
}

impl PieceCosts {
    fn of(draft: &Draft<'_>, part: PartId) -> Self {
        let mut ends = vec![0];
        let (mut tokens, mut has_lead, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for piece in draft.part(part).pieces() {
            ends.push(ends[ends.len() - 1] + piece.lead.len() + piece.text.len());
            tokens.push(u32::try_from(piece.tokens).unwrap_or(u32::MAX));
            has_lead.push(!piece.lead.is_empty());
            gone.push(piece.is_gone);
        }
        Self { ends, tokens, has_lead, gone }
    }

    /// What a line costs: what was counted of its pieces, where it consists of whole ones.
    fn cost<'d>(
        &self,
        draft: &Draft<'_>,
        turn: &Turn<'d>,
        line: &Line,
        continues: bool,
        openings: &mut Openings<'d>,
    ) -> Cost {
        // Numbered blank lines behind it lose their numbers, and are part of its line end then.
        let end = line.pieces(turn.text).next().map_or(line.span().end, |(end, _)| end);
        let span = line.span().start..end;
        let count = |text: &str| u32::try_from(draft.count(text)).unwrap_or(u32::MAX);
        let mut opening = |most: u32| {
            let text = &turn.text[span.start..span.start + line.opening()];
            if continues {
                (*openings.entry(text).or_insert_with(|| count(text))).min(most)
            } else {
                0
            }
        };
        match self.range(&span) {
            Some(range) if self.has_lead.get(range.start) == Some(&true) => {
                let body = self.tokens[range].iter().copied().fold(0, u32::saturating_add);
                Cost { body, opening: opening(u32::MAX) }
            }
            range => {
                let whole = match range {
                    Some(range) => self.tokens[range].iter().copied().fold(0, u32::saturating_add),
                    None => count(&turn.text[span.clone()]),
                };
                let opening = opening(whole);
                Cost { body: whole - opening, opening }
            }
        }
    }

    fn is_gone(&self, line: &Line) -> bool {
        self.range(&line.span()).is_some_and(|range| !range.is_empty() && self.gone[range.start])
    }

    /// The pieces that make a span, if whole ones do.
    fn range(&self, span: &std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
        let first = self.ends.binary_search(&span.start).ok()?;
        let end = self.ends.binary_search(&span.end).ok()?;
        Some(first..end)
    }
}
