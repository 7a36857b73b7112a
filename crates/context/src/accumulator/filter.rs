//! Which findings have to do with a question.

use super::{Finding, Topic};
use crate::relevance::{Bm25, CorpusStats, Query, Score, TermCounts};
use crate::share::Share;

/// What a finding came to.
pub(super) struct Judged {
    /// None where nothing is asked.
    pub(super) score: Option<Score>,
    pub(super) passes: bool,
}

/// Judges each finding for a query, in order.
///
/// It is BM25F with two fields, of which the title counts twice: as though it were written twice
/// beside the text (S. Robertson, H. Zaragoza and M. Taylor, *Simple BM25 Extension to Multiple
/// Weighted Fields*, 2004). The corpus is all of the findings.
pub(super) fn judge(findings: &[Finding], query: Option<&Query>, least: Share) -> Vec<Judged> {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return findings.iter().map(|_| Judged { score: None, passes: true }).collect();
    };
    let mut scanner = query.scanner();
    let mut stats = CorpusStats::identity();
    let counts: Vec<TermCounts> = findings
        .iter()
        .map(|finding| {
            let title = scanner.count(&finding.title_words());
            let counts = scanner.count(finding.text()).merge(&title).merge(&title);
            stats.add(query, &counts);
            counts
        })
        .collect();
    let bm25 = Bm25::new(query, &stats);
    let scores: Vec<Score> = counts.iter().map(|counts| bm25.score(counts)).collect();
    let is_filtered = |finding: &Finding| finding.topic() != Topic::Constraint;
    let filtered = findings.iter().zip(&scores).filter(|(finding, _)| is_filtered(finding));
    let best = filtered.map(|(_, score)| score.get()).max().unwrap_or(0);
    let passes =
        |score: Score| least.is_none() || (score.get() > 0 && least.is_reached(score.get(), best));
    let judged = |(finding, score): (&Finding, Score)| Judged {
        score: Some(score),
        passes: !is_filtered(finding) || passes(score),
    };
    findings.iter().zip(scores).map(judged).collect()
}
