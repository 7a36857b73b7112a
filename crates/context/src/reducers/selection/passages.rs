use std::ops::Range;

use super::Granularity;
use super::choice::Choice;
use crate::reducers::content::settled_fits;
use crate::reducers::{Cause, Draft, Part, PartId};
use crate::relevance::{Passage, PassageList, Worth, select_by_tokens, worth_of};
use crate::segment::Priority;

/// A turn of more tokens is chosen by its lines and sentences.
const LONG_TURN: usize = 400;

/// What a selection chooses from, in order.
pub(super) struct Passages {
    items: Vec<Item>,
}

/// Some adjacent pieces of a part, which are chosen together. There are many, and each is kept small.
struct Item {
    part: PartId,
    pieces: Range<u32>,
    tokens: u32,
    priority: Priority,
    is_kept: bool,
}

impl Passages {
    pub(super) fn of(draft: &Draft<'_>, granularity: Granularity) -> Self {
        let settles = settled_fits(draft);
        let mut items = Vec::new();
        for unit in draft.units() {
            let priority = unit.priority();
            for part in unit.parts() {
                let is_kept = part.is_kept() || settles && part.is_rewritten();
                let is_turn = part.segment().kind().is_turn() && part.tokens() <= LONG_TURN;
                let is_whole = is_kept || is_turn || granularity == Granularity::Segments;
                items.extend(Item::all_of(&part, priority, is_kept, is_whole));
            }
        }
        items.shrink_to_fit();
        items.sort_unstable_by_key(|item| (item.part, item.pieces.start));
        Self { items }
    }

    /// What each of them is worth for the query of the draft.
    pub(super) fn worth(&self, draft: &Draft<'_>) -> Worth {
        let passage = |index: usize| self.items[index].passage(draft);
        worth_of(PassageList::new(self.items.len(), &passage), draft.query())
    }

    /// Those of the highest priority that fit, then those of the next one.
    pub(super) fn choose(&self, draft: &Draft<'_>, worth: &Worth, room: usize) -> Choice {
        let kept = self.kept(worth, room);
        let mut choice = Choice::begin(draft);
        for unit in draft.units().filter(|unit| !unit.is_kept()) {
            let stays = |part: Part<'_>| kept[self.of_part(part.id())].contains(&true);
            if unit.tokens() > 0 && !unit.parts().any(stays) {
                choice.drop_unit(unit.id(), Cause::OverBudget);
                continue;
            }
            for part in unit.parts() {
                let of_part = self.of_part(part.id());
                let (items, kept) = (&self.items[of_part.clone()], &kept[of_part]);
                let goes = |piece| {
                    let piece = small(piece);
                    let at = items.partition_point(|item| item.pieces.end <= piece);
                    !kept.get(at).is_some_and(|kept| *kept && items[at].pieces.start <= piece)
                };
                match draft.without(part.id(), goes) {
                    Some(shorter) => choice.shorten(&part, shorter),
                    None => choice.keep(&part),
                }
            }
        }
        choice
    }

    /// By item, whether it stays.
    fn kept(&self, worth: &Worth, room: usize) -> Vec<bool> {
        let mut kept: Vec<bool> = self.items.iter().map(|item| item.is_kept).collect();
        let mut tiers: Vec<Priority> = self.items.iter().map(|item| item.priority).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let is_kept = |(item, kept): (&Item, &bool)| if *kept { item.tokens as usize } else { 0 };
        let must_stay: usize = self.items.iter().zip(&kept).map(is_kept).sum();
        let mut room = room.saturating_sub(must_stay);
        for tier in tiers.into_iter().rev() {
            let of_tier = |item: &Item| if item.priority == tier { item.tokens } else { u32::MAX };
            let tokens = self.items.iter().map(of_tier);
            let most = room.min(u32::MAX as usize - 1) as u64;
            let chosen = select_by_tokens(worth, tokens, &kept, most);
            let added = self.items.iter().zip(chosen.iter().zip(&kept));
            let taken = added.filter(|(_, (now, before))| **now && !**before);
            room = room.saturating_sub(taken.map(|(item, _)| item.tokens as usize).sum());
            kept = chosen;
        }
        kept
    }

    /// Where the items of a part are.
    fn of_part(&self, part: PartId) -> Range<usize> {
        let start = self.items.partition_point(|item| item.part < part);
        let count = self.items[start..].iter().take_while(|item| item.part == part).count();
        start..start + count
    }
}

impl Item {
    /// The items of a part: one, or one for each piece.
    fn all_of(part: &Part<'_>, priority: Priority, is_kept: bool, is_whole: bool) -> Vec<Self> {
        let mut items: Vec<Self> = Vec::new();
        for (index, piece) in part.pieces().enumerate() {
            if piece.is_gone {
                continue;
            }
            let tokens = u32::try_from(piece.tokens).unwrap_or(u32::MAX);
            let index = small(index);
            match items.last_mut().filter(|last| is_whole && last.pieces.end == index) {
                Some(last) => {
                    last.pieces.end = index + 1;
                    last.tokens = last.tokens.saturating_add(tokens);
                }
                None => items.push(Self {
                    part: part.id(),
                    pieces: index..index + 1,
                    tokens,
                    priority,
                    is_kept,
                }),
            }
        }
        items
    }

    fn passage<'d>(&self, draft: &'d Draft<'_>) -> Passage<'d> {
        let part = draft.part(self.part);
        let segment = part.segment();
        Passage {
            text: part.text_of(self.pieces.start as usize..self.pieces.end as usize),
            title: segment.source().map_or("", |source| source.name()),
            speaker: segment.speaker().unwrap_or(""),
            time: segment.time().unwrap_or(""),
            segment: self.part.index(),
            tokens: self.tokens,
        }
    }
}

fn small(piece: usize) -> u32 {
    u32::try_from(piece).expect("a text has fewer than 2³² pieces")
}
