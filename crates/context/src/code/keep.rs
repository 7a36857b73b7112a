use std::cmp::Reverse;

use super::item::LinePart;
use super::outline::CodeOutline;
use crate::segment::LineRange;

impl CodeOutline<'_> {
    /// The lines that stay in a room of so many tokens, as ranges that do not touch, in order.
    ///
    /// Signatures come first, imports among them: the outer before the inner, then by score; and
    /// none stays without that of the item around it. Then come bodies, each with the rest of its
    /// documentation, by score per token; a body stays whole or goes whole, and only where its
    /// signature stays. Whatever has no room is passed over. Of what is equal, the first comes
    /// first.
    ///
    /// `scores` says what the body of each of the [`items`](Self::items) is worth, and `tokens`
    /// what each of the [`lines`](Self::lines) costs.
    ///
    /// # Panics
    ///
    /// If there is not one score per item and one cost per line.
    pub fn keep(&self, scores: &[u64], tokens: &[usize], room: usize) -> Vec<LineRange> {
        assert_eq!(scores.len(), self.items.len(), "one score is given for each item");
        assert_eq!(tokens.len(), self.lines.len(), "one cost is given for each line");
        let costs = self.costs(tokens);
        let mut kept = Kept { stays: vec![Stays::default(); self.items.len()], room };

        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|&item| (self.items[item].depth, Reverse(scores[item])));
        for &item in &order {
            let in_kept = self.items[item].parent.is_none_or(|outer| kept.stays[outer].signature);
            kept.stays[item].signature = in_kept && kept.take(costs[item].signature);
        }

        order.retain(|&item| kept.stays[item].signature && costs[item].has_body);
        order.sort_unstable();
        // `score / cost`, compared without a division.
        let worth =
            |item: usize, other: usize| u128::from(scores[item]) * costs[other].body as u128;
        order.sort_by(|&a, &b| worth(b, a).cmp(&worth(a, b)));
        for &item in &order {
            kept.stays[item].body = kept.take(costs[item].body);
        }
        self.ranges(&kept.stays)
    }

    fn costs(&self, tokens: &[usize]) -> Vec<Costs> {
        let mut costs = vec![Costs::default(); self.items.len()];
        for (line, tokens) in self.lines.iter().zip(tokens) {
            let costs = &mut costs[line.item];
            match line.part {
                LinePart::Signature => costs.signature = costs.signature.saturating_add(*tokens),
                LinePart::Doc | LinePart::Body => {
                    costs.has_body = true;
                    costs.body = costs.body.saturating_add(*tokens);
                }
            }
        }
        costs
    }

    fn ranges(&self, stays: &[Stays]) -> Vec<LineRange> {
        let mut ranges: Vec<LineRange> = Vec::new();
        for (number, line) in (1..).zip(&self.lines) {
            let stays = match line.part {
                LinePart::Signature => stays[line.item].signature,
                LinePart::Doc | LinePart::Body => stays[line.item].body,
            };
            if !stays {
                continue;
            }
            let last = ranges.pop_if(|range| range.last() + 1 == number);
            ranges.extend(LineRange::new(last.map_or(number, LineRange::first), number));
        }
        ranges
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Costs {
    signature: usize,
    body: usize,
    has_body: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Stays {
    signature: bool,
    body: bool,
}

struct Kept {
    stays: Vec<Stays>,
    room: usize,
}

impl Kept {
    fn take(&mut self, cost: usize) -> bool {
        let fits = cost <= self.room;
        if fits {
            self.room -= cost;
        }
        fits
    }
}

/// The given lines of a text, each behind its number and a space: a gap in the numbers is a gap in
/// the text.
///
/// The ranges are in order and do not overlap, as [`CodeOutline::keep`] gives them; what of them is
/// beyond the text is not there.
pub fn numbered(text: &str, kept: &[LineRange]) -> String {
    let mut ranges = kept.iter().peekable();
    let mut out = String::new();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        while ranges.next_if(|range| range.last() < number).is_some() {}
        match ranges.peek() {
            None => break,
            Some(range) if number < range.first() => {}
            Some(_) => out.extend([&number.to_string(), " ", line]),
        }
    }
    out
}
