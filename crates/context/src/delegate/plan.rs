use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fixed::Fixed;
use super::request::PartRequest;
use super::shares::{Need, shares};
use super::specialty::Specialty;
use super::topics::{Item, Topic, topics};
use crate::count::TokenCounter;
use crate::error::ContextError;
use crate::segment::{Kind, Segment, SegmentId};
use crate::share::Share;

/// The part of a window above which its context is delegated, unless another is given.
const THRESHOLD: Share = Share::millionths(300_000);
/// The part of what a part may take that its answer has, unless it is given: one tenth.
const ANSWER: usize = 10;

/// Plans which parts of a context others could answer for.
///
/// A context above a threshold, a share of the window, is divided into topics: what has a source by
/// the folders that it lies in, a conversation where it turns to something else, and anything else by
/// what it is. The largest topics go first, of equals the earliest, and no more than it takes for what
/// is kept to be within the threshold, and to leave the answers what they need of the window, up to
/// half of it. Small neighbours are one part, and what is too large for one is several in a row. A call and its result
/// are never parted.
///
/// A part may take as much of the window as the threshold permits beside the requirements: what is
/// pinned, of the kinds [`System`](Kind::System) and [`Instruction`](Kind::Instruction), or of
/// [high](crate::Priority::High) priority. These stay where they are, and every part is given them too.
///
/// The same context gives the same plan everywhere.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{Delegation, Encoding, Kind, Segment, Source, Tiktoken};
///
/// // A question, and two folders that are too much for the window.
/// let file = |path: &str| {
///     let text = format!("// What {path} does.\n").repeat(60);
///     Segment::new(path, Kind::Code, text).with_source(Source::new(path))
/// };
/// let context = [
///     Segment::new("asked", Kind::User, "Why does it reconnect?").pinned(),
///     file("src/net/tcp.rs"),
///     file("src/net/udp.rs"),
///     file("src/store/log.rs"),
///     file("src/store/page.rs"),
/// ];
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let plan = Delegation::new(counter, 4_000).plan(&context)?.expect("it is above the threshold");
///
/// let parts: Vec<&str> = plan.parts.iter().map(|part| &*part.name).collect();
/// assert_eq!(parts, ["src/net"]);
/// assert_eq!(plan.kept.len(), 3, "the question and the other folder are within the threshold");
/// assert_eq!(plan.requirements, context[..1]);
/// let asked = plan.request(&plan.parts[0], Some("Why does it reconnect?"));
/// assert!(asked.requirements == context[..1] && asked.segments == context[1..3]);
/// assert_eq!(plan.merge(["Its timer is too short.".to_owned()])[1].speaker(), Some("src/net"));
/// # Ok::<(), maniple_context::ContextError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Delegation {
    counter: Arc<dyn TokenCounter>,
    window: usize,
    threshold: Share,
    budget: Option<usize>,
    answer: Option<usize>,
}

/// What of a context others could answer for; made by [`Delegation::plan`].
///
/// Every segment of the context is either kept or of one part, as it was, and both keep its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DelegationPlan {
    /// The tokens of the window.
    pub window: usize,
    /// The tokens above which a context is delegated.
    pub threshold: usize,
    /// The tokens of the context.
    pub before: usize,
    /// The tokens of what is kept.
    pub after: usize,
    /// By how many tokens that still exceeds the threshold, because nothing else can be separated.
    pub excess: usize,
    /// What stays, in the order of the context.
    pub kept: Vec<Segment>,
    /// What of that every part is given too.
    pub requirements: Vec<Segment>,
    /// The tokens of that.
    pub required: usize,
    /// The most tokens that an answer should have.
    pub answer: usize,
    /// What can be separated, in the order of the first segments.
    pub parts: Vec<Part>,
}

/// What somebody else could answer for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Part {
    /// Its name, unique in the plan: the folder or file that it is, or what it is; with a number, where
    /// there are several of that.
    pub name: String,
    /// Who it is for.
    pub specialty: Specialty,
    /// How many of the segments that are kept stand before its first one.
    pub at: usize,
    /// Its segments, in the order of the context.
    pub segments: Vec<Segment>,
    /// The tokens of these.
    pub tokens: usize,
    /// The tokens that it may take in all: for the requirements, for its segments and for its answer.
    pub share: usize,
}

impl Delegation {
    /// Plans for a window of so many tokens, as `counter` counts them.
    pub fn new(counter: Arc<dyn TokenCounter>, window: usize) -> Self {
        Self { counter, window, threshold: THRESHOLD, budget: None, answer: None }
    }

    /// Delegates above this share of the window, between 0 and 1; 0.3 by default. A part may take no
    /// more than it either, so that at 0 there are none.
    ///
    /// # Errors
    /// [`ContextError::NoShare`] where it is not between 0 and 1.
    pub fn with_threshold(mut self, share: f64) -> Result<Self, ContextError> {
        self.threshold = Share::new(share)?;
        Ok(self)
    }

    /// What all parts may take together, in tokens; by default what they need.
    ///
    /// Where they need more, it is shared out in proportion, and a part has to be reduced to its share.
    pub fn with_budget(mut self, tokens: usize) -> Self {
        self.budget = Some(tokens);
        self
    }

    /// The most tokens that an answer should have, at least 1; by default a tenth of what a part may
    /// take. What is not larger than an answer is not worth separating.
    pub fn with_answer(mut self, tokens: usize) -> Self {
        self.answer = Some(tokens.max(1));
        self
    }

    /// The same for another window.
    pub(super) fn for_window(self, counter: Arc<dyn TokenCounter>, window: usize) -> Self {
        Self { counter, window, ..self }
    }

    /// The tokens above which a context is delegated.
    pub fn threshold(&self) -> usize {
        self.threshold.of(self.window)
    }

    /// The plan for a context, or none where that is not above the threshold.
    ///
    /// # Errors
    /// [`DuplicateId`](ContextError::DuplicateId),
    /// [`ResultWithoutCall`](ContextError::ResultWithoutCall) and
    /// [`PairReused`](ContextError::PairReused) where the segments are no context;
    /// [`PartsExceedBudget`](ContextError::PartsExceedBudget) where the budget is too small for what
    /// every part has to be given.
    pub fn plan(&self, segments: &[Segment]) -> Result<Option<DelegationPlan>, ContextError> {
        self.plan_for(segments, |_| true)
    }

    /// The plan with parts only of those specialties.
    pub(super) fn plan_for(
        &self,
        segments: &[Segment],
        is_answered: impl Fn(Specialty) -> bool,
    ) -> Result<Option<DelegationPlan>, ContextError> {
        let fixed = Fixed::of(segments)?;
        let counter = &*self.counter;
        let before = tokens(segments, counter);
        let threshold = self.threshold();
        if before <= threshold {
            return Ok(None);
        }
        let required = tokens(fixed.requirements(segments), counter);
        let room = self.threshold.of(self.window.saturating_sub(required));
        let answer = self.answer.unwrap_or(room / ANSWER).max(1);
        let capacity = room.saturating_sub(answer);

        let units = fixed.separable();
        let item = |unit: &Vec<usize>| {
            let segments: Vec<&Segment> = unit.iter().map(|place| &segments[*place]).collect();
            let tokens = tokens(segments.iter().copied(), counter);
            Item { segments, tokens }
        };
        let items: Vec<Item<'_>> = units.iter().map(item).collect();
        let mut candidates = Vec::new();
        if capacity > 0 {
            for topic in topics(&items, capacity).into_iter().filter(|topic| topic.tokens > answer)
            {
                let of_topic = topic.items.iter().flat_map(|item| &items[*item].segments);
                let of_topic: Vec<&Segment> = of_topic.copied().collect();
                let specialty = Specialty::of_most(&of_topic, counter);
                if is_answered(specialty) {
                    candidates.push((topic, specialty));
                }
            }
        }
        candidates.sort_by_key(|(topic, _)| (Reverse(topic.tokens), topic.items.first().copied()));
        let mut after = before;
        let mut chosen: Vec<(Topic, Specialty)> = Vec::new();
        for candidate in candidates {
            // A threshold above half of the window would leave the answers no room.
            let answers = (answer * chosen.len()).min(self.window / 2);
            if after <= threshold.min(self.window - answers) {
                break;
            }
            after -= candidate.0.tokens;
            chosen.push(candidate);
        }
        chosen.sort_by_key(|(topic, _)| topic.items.first().copied());

        let needs: Vec<Need> = chosen
            .iter()
            .map(|(topic, _)| {
                let given = required + answer;
                Need { least: given + 1, whole: given + topic.tokens.min(capacity) }
            })
            .collect();
        let shares = shares(&needs, self.budget)?;
        let names = names(chosen.iter().map(|(topic, _)| &*topic.name));
        let mut is_kept = vec![true; segments.len()];
        let mut parts = Vec::with_capacity(chosen.len());
        for (((topic, specialty), share), name) in chosen.into_iter().zip(shares).zip(names) {
            let mut places: Vec<usize> =
                topic.items.iter().flat_map(|item| units[*item].iter().copied()).collect();
            places.sort_unstable();
            for place in &places {
                is_kept[*place] = false;
            }
            let segments = places.iter().map(|place| segments[*place].clone()).collect();
            let tokens = topic.tokens;
            let at = places.first().copied().unwrap_or(0);
            parts.push(Part { name, specialty, at, segments, tokens, share });
        }
        for part in &mut parts {
            part.at = is_kept[..part.at].iter().filter(|is_kept| **is_kept).count();
        }
        let kept = segments.iter().zip(&is_kept).filter(|(_, is_kept)| **is_kept);
        Ok(Some(DelegationPlan {
            window: self.window,
            threshold,
            before,
            after,
            excess: after.saturating_sub(threshold),
            kept: kept.map(|(segment, _)| segment.clone()).collect(),
            requirements: fixed.requirements(segments).cloned().collect(),
            required,
            answer,
            parts,
        }))
    }
}

impl DelegationPlan {
    /// What all parts may take together.
    pub fn shares(&self) -> usize {
        self.parts.iter().map(|part| part.share).sum()
    }

    /// What a specialist is asked for a part: with all of its segments, so where these are more than its
    /// share permits, reduce them first, as a [`ContextOptimizedAgent`](crate::ContextOptimizedAgent) does.
    pub fn request(&self, part: &Part, question: Option<&str>) -> PartRequest {
        PartRequest {
            part: part.name.clone(),
            specialty: part.specialty,
            requirements: self.requirements.clone(),
            segments: part.segments.clone(),
            question: question.map(str::to_owned),
            share: part.share,
            answer: self.answer,
        }
    }

    /// What is kept, with the answer of each part, in their order, as a note by it where its first
    /// segment stood. An empty answer makes no note, and so does one that is missing.
    pub fn merge(&self, answers: impl IntoIterator<Item = String>) -> Vec<Segment> {
        let mut taken: HashSet<SegmentId> =
            self.kept.iter().map(|segment| segment.id().clone()).collect();
        let mut merged = Vec::with_capacity(self.kept.len() + self.parts.len());
        let mut kept = 0;
        for (part, answer) in self.parts.iter().zip(answers) {
            // A plan that was read from elsewhere may say anything.
            let at = part.at.clamp(kept, self.kept.len());
            merged.extend_from_slice(&self.kept[kept..at]);
            kept = at;
            if answer.trim().is_empty() {
                continue;
            }
            let mut id = SegmentId::from(format!("answer: {}", part.name));
            for copy in 2.. {
                if taken.insert(id.clone()) {
                    break;
                }
                id = format!("answer {copy}: {}", part.name).into();
            }
            merged.push(Segment::new(id, Kind::Note, answer).with_speaker(part.name.as_str()));
        }
        merged.extend_from_slice(&self.kept[kept..]);
        merged
    }
}

pub(super) fn tokens<'s>(
    segments: impl IntoIterator<Item = &'s Segment>,
    counter: &dyn TokenCounter,
) -> usize {
    segments.into_iter().map(|segment| segment.tokens(counter)).sum()
}

/// Numbers those of one name, and tells apart what would still be named alike.
fn names<'n>(topics: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let mut of_name: BTreeMap<&str, usize> = BTreeMap::new();
    topics.clone().for_each(|name| *of_name.entry(name).or_default() += 1);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    topics
        .map(|name| {
            let number = seen.entry(name).or_default();
            *number += 1;
            let mut unique = match of_name[name] {
                1 => name.to_owned(),
                all => format!("{name} {number} of {all}"),
            };
            while !taken.insert(unique.clone()) {
                unique.push('\'');
            }
            unique
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_and_unique() {
        let of = |names_of: &[&str]| names(names_of.iter().copied());
        assert_eq!(of(&["a", "b", "a"]), ["a 1 of 2", "b", "a 2 of 2"]);
        assert_eq!(of(&["a 1 of 2", "a", "a"]), ["a 1 of 2", "a 1 of 2'", "a 2 of 2"]);
    }
}
