use std::num::NonZeroUsize;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::filter::{Judged, judge};
use super::reference::refer;
use super::{AccumulatorError, ContextAccumulator, Finding, Tier, Tiers, Topic};
use crate::count::TokenCounter;
use crate::optimizer::ContextOptimizer;
use crate::recall::{Handle, RecallStore};
use crate::relevance::{Query, Score};
use crate::segment::{Kind, Segment, SegmentId};
use crate::share::Share;

/// How findings are injected into a context.
#[derive(Debug, Clone)]
pub struct Injector {
    counter: Arc<dyn TokenCounter>,
    store: Arc<dyn RecallStore>,
    tiers: Tiers,
    least_relevance: Share,
    summary: NonZeroUsize,
}

/// An eighth: a finding passes that says one rare word of a question, in a text of twice the usual
/// length too, where the best one says four; one that only has a word of it in common with half
/// of the others does not. Little that matters is left out, for the tiers see to the size.
const LEAST_RELEVANCE: Share = Share::millionths(125_000);

/// About what the task takes at most of findings as they are, 10 KB.
const SUMMARY: NonZeroUsize = NonZeroUsize::new(2_500).expect("it is not 0");

impl Injector {
    /// Counts with `counter`, and keeps what is only referred to in `store`, where a
    /// [`FileRecall`](crate::FileRecall) keeps it on the disk and a `RecallTool` finds it.
    pub fn new(counter: Arc<dyn TokenCounter>, store: Arc<dyn RecallStore>) -> Self {
        let (least_relevance, summary) = (LEAST_RELEVANCE, SUMMARY);
        Self { counter, store, tiers: Tiers::default(), least_relevance, summary }
    }

    /// Puts so much here or there. By default [`Tiers::default`].
    pub fn with_tiers(mut self, tiers: Tiers) -> Self {
        self.tiers = tiers;
        self
    }

    /// Leaves out what is not at least this share, between 0 and 1, as relevant as the most relevant
    /// finding; by default 0.125. With 0 nothing is left out; with any other, what says no word of the
    /// question is.
    ///
    /// By an eighth a finding passes that says one rare word of a question where the best one says four,
    /// and none that only has a word of it in common with half of the others.
    ///
    /// # Errors
    /// [`AccumulatorError::NoShare`] where it is not between 0 and 1.
    pub fn with_least_relevance(mut self, share: f64) -> Result<Self, AccumulatorError> {
        self.least_relevance =
            Share::new(share).map_err(|_| AccumulatorError::NoShare { share })?;
        Ok(self)
    }

    /// Lets a summary have so many tokens; by default 2,500, which are about 10 KB.
    pub fn with_summary_tokens(mut self, tokens: NonZeroUsize) -> Self {
        self.summary = tokens;
        self
    }
}

/// Findings as segments of a context, and how they came to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Injection {
    /// First the constraints; then the other findings by topic and in the order of adding, or the note
    /// that refers to them, and the summary.
    pub segments: Vec<Segment>,
    /// What it took.
    pub report: InjectionReport,
}

/// What was injected and what was not. All that was added is in `passed` or in `left_out`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct InjectionReport {
    /// Where the findings went that are no constraints; none where none passed.
    pub tier: Option<Tier>,
    /// The bytes of these findings as they are injected, with their headings: what the tier goes by.
    pub bytes: usize,
    /// The bytes of the constraints, which stand in the system prompt whatever they are.
    pub constraint_bytes: usize,
    /// The name of the encoding in which tokens are counted.
    pub encoding: Box<str>,
    /// The tokens of all segments.
    pub tokens: usize,
    /// The findings that were injected, in their order there.
    pub passed: Vec<Weighed>,
    /// The findings that have too little to do with the question, by topic and in the order of adding.
    pub left_out: Vec<Weighed>,
    /// Recalls the text of all findings that are no constraints, where it is referred to.
    pub reference: Option<Handle>,
}

/// A finding and what it is worth for a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Weighed {
    /// Its id, by which the accumulator [gives](ContextAccumulator::get) it.
    pub id: SegmentId,
    /// What it is about.
    pub topic: Topic,
    /// How relevant it is among all findings; none where nothing was asked.
    pub score: Option<Score>,
}

impl ContextAccumulator {
    /// The findings that have to do with a question, or all of them where none is asked, as segments:
    /// for a [`ContextOptimizer`], or to be written into a prompt as they are.
    ///
    /// - A **constraint** always passes, and is injected whole, pinned, as an instruction of the system.
    ///   It counts for no tier, for it goes nowhere else.
    /// - Another finding passes where it is at least a
    ///   [share](Injector::with_least_relevance) as relevant as the best of them, by BM25F over all
    ///   findings with titles counted twice. A query without terms asks nothing. What does not pass is
    ///   listed in the report.
    /// - What passes goes where its [size](Tiers) says: into the system prompt or the task, each finding
    ///   a segment of its own; or, as one text, into the store for recall, where a pinned note says how
    ///   large it is, lists the headings of up to 24 findings with their lines, and has a
    ///   [marker](crate::Marker) by which `RecallTool` reads it. A summary is what a
    ///   [`ContextOptimizer`] leaves of the segments for the same question.
    ///
    /// The same findings, query and injector give the same bytes. Segments are named by what they say, so
    /// a finding that is injected into one context twice has one id there.
    ///
    /// It reads all findings and blocks while they are put into the store.
    ///
    /// # Errors
    /// [`AccumulatorError::Recall`] where the text behind a reference could not be kept;
    /// [`AccumulatorError::Summary`] where it could not be summed up, because what that leaves out could
    /// not be kept.
    pub fn inject(
        &self,
        query: Option<&Query>,
        injector: &Injector,
    ) -> Result<Injection, AccumulatorError> {
        let mut judged: Vec<(&Finding, Judged)> = self
            .findings
            .iter()
            .zip(judge(&self.findings, query, injector.least_relevance))
            .collect();
        judged.sort_by_key(|(finding, _)| finding.topic());
        let weighed = |passes: bool| {
            let chosen = judged.iter().filter(move |(_, judged)| judged.passes == passes);
            chosen.map(|(finding, judged)| Weighed {
                id: finding.id().clone(),
                topic: finding.topic(),
                score: judged.score,
            })
        };
        let passed = judged.iter().filter(|(_, judged)| judged.passes);
        let written = passed.map(|(finding, _)| (*finding, Arc::<str>::from(finding.written())));
        let (constraints, others): (Vec<_>, Vec<_>) =
            written.partition(|(finding, _)| finding.topic() == Topic::Constraint);
        let bytes =
            |written: &[(&Finding, Arc<str>)]| written.iter().map(|(_, text)| text.len()).sum();
        let mut report = InjectionReport {
            tier: None,
            bytes: bytes(&others),
            constraint_bytes: bytes(&constraints),
            encoding: injector.counter.encoding().into(),
            tokens: 0,
            passed: weighed(true).collect(),
            left_out: weighed(false).collect(),
            reference: None,
        };
        let mut segments = segments(&constraints, Kind::Instruction);
        segments = segments.into_iter().map(Segment::pinned).collect();
        if !others.is_empty() {
            let tier = injector.tiers.of(report.bytes);
            report.tier = Some(tier);
            segments.extend(injector.place(tier, &others, query, &mut report.reference)?);
        }
        report.tokens = segments.iter().map(|segment| segment.tokens(&*injector.counter)).sum();
        Ok(Injection { segments, report })
    }
}

impl Injector {
    fn place(
        &self,
        tier: Tier,
        findings: &[(&Finding, Arc<str>)],
        query: Option<&Query>,
        reference: &mut Option<Handle>,
    ) -> Result<Vec<Segment>, AccumulatorError> {
        match tier {
            Tier::System => Ok(segments(findings, Kind::System)),
            Tier::Task => Ok(segments(findings, Kind::Note)),
            Tier::Reference | Tier::Summary => {
                let (handle, note) = refer(findings, &*self.store)?;
                *reference = Some(handle);
                let mut placed = vec![note];
                if tier == Tier::Summary {
                    placed.extend(self.sum_up(&segments(findings, Kind::Note), query)?);
                }
                Ok(placed)
            }
        }
    }

    fn sum_up(
        &self,
        segments: &[Segment],
        query: Option<&Query>,
    ) -> Result<Vec<Segment>, AccumulatorError> {
        let reduce = || {
            ContextOptimizer::builder(Arc::clone(&self.counter), self.summary.get())
                .with_recall_store(Arc::clone(&self.store))
                .build()?
                .optimize(segments, query)
        };
        let reduced = reduce().map_err(|source| AccumulatorError::Summary { source })?;
        Ok(reduced.segments)
    }
}

/// Each finding as a segment, in the role that the kind usually has.
fn segments(findings: &[(&Finding, Arc<str>)], kind: Kind) -> Vec<Segment> {
    let segment = |(finding, text): &(&Finding, Arc<str>)| {
        Segment::new(finding.id().clone(), kind, Arc::clone(text))
    };
    findings.iter().map(segment).collect()
}
