//! Simple ways to make a context smaller.

use std::cmp::Reverse;

use benches::context::Case;
use maniple::context::relevance::{Bm25, CorpusStats, Query};
use maniple::context::{Encoding, Segment, Tiktoken};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Simple {
    Latest,
    HeadAndTail,
    Any,
    Bm25,
}

impl Simple {
    pub(crate) const ALL: [Self; 4] = [Self::Latest, Self::HeadAndTail, Self::Any, Self::Bm25];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::HeadAndTail => "head, tail",
            Self::Any => "random",
            Self::Bm25 => "BM25",
        }
    }

    /// What of the units stays; none where the way needs a question and there is none.
    pub(crate) fn reduce(
        self,
        units: &[Segment],
        case: &Case,
        budget: usize,
    ) -> Option<Vec<Segment>> {
        let ranks = self.ranks(units, case)?;
        let mut order: Vec<usize> = (0..units.len()).collect();
        order.sort_by_key(|at| (Reverse(units[*at].is_pinned()), ranks[*at]));
        let counter = Tiktoken::new(Encoding::O200kBase);
        let mut room = budget;
        let mut stays = vec![false; units.len()];
        for at in order {
            if let Some(left) = room.checked_sub(units[at].tokens(&counter)) {
                room = left;
                stays[at] = true;
            }
        }
        Some(units.iter().zip(stays).filter(|(_, stays)| *stays).map(|(u, _)| u.clone()).collect())
    }

    /// For each unit its rank, the least first.
    fn ranks(self, units: &[Segment], case: &Case) -> Option<Vec<u64>> {
        let count = u64::try_from(units.len()).ok()?;
        let places = 0..count;
        Some(match self {
            Self::Latest => places.rev().collect(),
            Self::HeadAndTail => places.map(|at| at.min(count - 1 - at)).collect(),
            Self::Any => places.map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20).collect(),
            Self::Bm25 => {
                let query = Query::new(case.question.as_deref()?);
                let counts: Vec<_> = units.iter().map(|unit| query.count(unit.text())).collect();
                let of = |counts| CorpusStats::of(&query, counts);
                let stats = counts.iter().map(of).fold(CorpusStats::identity(), CorpusStats::merge);
                let bm25 = Bm25::new(&query, &stats);
                counts.iter().map(|counts| u64::MAX - bm25.score(counts).get()).collect()
            }
        })
    }
}

/// What is chosen from: whole messages, or the lines of a single one.
pub(crate) fn units(case: &Case) -> Vec<Segment> {
    let [only] = &case.segments[..] else { return case.segments.clone() };
    let line = |(at, line)| Segment::new(format!("line{at}"), only.kind(), line);
    only.text().split_inclusive('\n').map(String::from).enumerate().map(line).collect()
}
