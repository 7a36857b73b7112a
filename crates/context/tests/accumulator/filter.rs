//! What has to do with a question, compared with the textbook.

use maniple_context::relevance::Query;
use maniple_context::{AccumulatorError, ContextAccumulator, Finding, Injector, Source, Topic};
use proptest::prelude::*;

use crate::findings::{findings, found, injector, questions};

/// BM25 of each finding over all of them, as it is written in the textbook, where the title stands in
/// the text twice.
fn textbook(findings: &[Finding], query: &Query) -> Vec<f64> {
    let documents: Vec<String> = findings
        .iter()
        .map(|finding| {
            let title = finding.title().unwrap_or_default();
            let source = finding.source().map_or("", Source::name);
            format!("{} ; {title} ; {source} ; {title} ; {source}", finding.text())
        })
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "they are small")]
    let number = |count: u64| count as f64;
    let counts: Vec<_> = documents.iter().map(|document| query.count(document)).collect();
    let total: f64 = counts.iter().map(|counts| number(counts.length())).sum();
    let n = number(counts.len() as u64);
    let score = |of: &maniple_context::relevance::TermCounts| -> f64 {
        (0..query.terms().len())
            .map(|term| {
                let with = counts.iter().filter(|counts| counts.counts()[term] > 0).count();
                let df = number(with as u64);
                let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).log2();
                let tf = f64::from(of.counts()[term]);
                let norm = if total > 0.0 { number(of.length()) * n / total } else { 1.0 };
                idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * norm))
            })
            .sum()
    };
    counts.iter().map(score).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn scores_are_those_of_the_textbook_and_a_share_of_the_best_passes(
        findings in findings(),
        query in questions(),
        share in 0.0..=1.0_f64,
    ) {
        let found = found(&findings);
        let injector = injector().0.with_least_relevance(share).unwrap();
        let report = found.inject(query.as_ref(), &injector).unwrap().report;
        let asked = query.as_ref().filter(|query| !query.terms().is_empty());
        let scores = asked.map(|query| textbook(found.findings(), query));
        let is_filtered = |finding: &Finding| finding.topic() != Topic::Constraint;
        let best = scores.iter().flatten().zip(found.findings());
        let best = best.filter(|(_, finding)| is_filtered(finding)).map(|(score, _)| *score);
        let best = best.fold(0.0, f64::max);
        for (at, finding) in found.findings().iter().enumerate() {
            let passed = report.passed.iter().find(|passed| passed.id == *finding.id());
            let left_out = report.left_out.iter().find(|left| left.id == *finding.id());
            prop_assert!(passed.is_some() != left_out.is_some());
            let score = passed.or(left_out).unwrap().score;
            let Some(scores) = &scores else {
                prop_assert!(score.is_none() && passed.is_some());
                continue;
            };
            #[expect(clippy::cast_precision_loss, reason = "compared to a tolerance")]
            let score = score.unwrap().get() as f64 / 4_294_967_296.0;
            let expected = scores[at];
            prop_assert!((score - expected).abs() <= 1e-3 + expected * 1e-3, "{score}, {expected}");
            if !is_filtered(finding) || share == 0.0 {
                prop_assert!(passed.is_some());
            } else if expected == 0.0 {
                prop_assert!(passed.is_none());
            } else if (expected - share * best).abs() > 4e-3 * (1.0 + best) {
                prop_assert_eq!(passed.is_some(), expected > share * best);
            }
        }
    }
}

fn passed(found: &ContextAccumulator, question: &str) -> Vec<String> {
    passed_of(found, question, &injector().0)
}

fn passed_of(found: &ContextAccumulator, question: &str, injector: &Injector) -> Vec<String> {
    let report = found.inject(Some(&Query::new(question)), injector).unwrap().report;
    let text = |id| found.get(id).unwrap().text().to_string();
    report.passed.iter().map(|passed| text(&passed.id)).collect()
}

/// Twenty findings, half of which speak of connections.
fn exploration() -> ContextAccumulator {
    let mut found: ContextAccumulator = (0..18)
        .map(|n| {
            let what = if n % 2 == 0 { "a connection" } else { "a file" };
            Finding::new(
                Topic::Structure,
                "explore",
                format!("Module m{n} opens {what} of its own."),
            )
        })
        .collect();
    let best = "Retries of a connection are counted, with jitter between them, in the pool.";
    found.add(Finding::new(Topic::Semantics, "explore", best));
    found.add(Finding::new(Topic::History, "explore", "Jitter came with the third release."));
    found
}

#[test]
fn one_rare_word_of_a_question_is_enough_and_a_common_one_is_not() {
    let passed = passed(&exploration(), "Are retries of a connection counted with jitter?");
    assert_eq!(passed.len(), 2, "{passed:?}");
    assert!(passed[0].starts_with("Retries") && passed[1].starts_with("Jitter"));
}

#[test]
fn one_of_four_rare_words_is_enough_in_a_long_text_too() {
    let mut found: ContextAccumulator = (0..40)
        .map(|n| {
            let text = format!("Module number {n} has a name and a place.");
            Finding::new(Topic::Structure, "explore", text)
        })
        .collect();
    found.add(Finding::new(
        Topic::History,
        "explore",
        "Retries, jitter, pools, sockets: see there.",
    ));
    let rest = "and many other words about other things ".repeat(2);
    found.add(Finding::new(Topic::Discovery, "explore", format!("Some jitter {rest}")));
    let passed = passed(&found, "retries jitter pools sockets");
    assert_eq!(passed.len(), 2, "{passed:?}");
}

#[test]
fn the_best_finding_says_what_passes_and_no_constraint_does() {
    let only_the_best = injector().0.with_least_relevance(1.0).unwrap();
    let mut found = exploration();
    let best = passed_of(&found, "jitter", &only_the_best);
    assert_eq!(best, ["Jitter came with the third release."]);
    found.add(Finding::new(Topic::Constraint, "explore", "Jitter, jitter, and jitter again."));
    let after = passed_of(&found, "jitter", &only_the_best);
    assert_eq!(after, ["Jitter, jitter, and jitter again.", &*best[0]]);
}

#[test]
fn a_word_in_the_title_or_the_source_counts_twice() {
    let plain = |text| Finding::new(Topic::Discovery, "explore", text);
    let found: ContextAccumulator = [
        plain("one retry of many other words here"),
        plain("no such word of many others here").with_title("retry"),
        plain("some other words of many more here").with_source(Source::new("src/retry.rs")),
    ]
    .into_iter()
    .collect();
    let report = found.inject(Some(&Query::new("retry")), &injector().0).unwrap().report;
    let scores: Vec<_> = report.passed.iter().map(|passed| passed.score.unwrap()).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores[1] > scores[0] && scores[2] > scores[0], "{scores:?}");
}

#[test]
fn what_nothing_speaks_of_leaves_the_constraints() {
    let mut found = exploration();
    found.add(Finding::new(Topic::Constraint, "explore", "Nothing is removed."));
    assert_eq!(passed(&found, "weather"), ["Nothing is removed."]);
}

#[test]
fn a_share_is_between_nothing_and_all() {
    for share in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = injector().0.with_least_relevance(share).unwrap_err();
        assert!(matches!(error, AccumulatorError::NoShare { .. }));
    }
    let all = injector().0.with_least_relevance(0.0).unwrap();
    let report = exploration().inject(Some(&Query::new("weather")), &all).unwrap().report;
    assert!(report.left_out.is_empty());
}
