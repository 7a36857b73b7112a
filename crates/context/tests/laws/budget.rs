//! What it costs.

use std::sync::Arc;

use maniple_context::reducers::{ExactDuplicates, Reducer, Selection};
use maniple_context::relevance::{Bm25, CorpusStats};
use maniple_context::{ContextError, ContextOptimizer, Priority, Segment};
use proptest::prelude::*;

use crate::contexts::{Case, cases, counter, tokens};

proptest! {
    #[test]
    fn it_fits_or_the_error_says_by_how_much_not(case in cases()) {
        let must_stay = case.kept();
        let kept: Vec<Segment> =
            case.segments.iter().filter(|s| must_stay.contains(&s.id())).cloned().collect();
        let expected = tokens(&kept);
        match case.optimizer().optimize(&case.segments, case.query.as_ref()) {
            Ok(reduced) => prop_assert!(tokens(&reduced.segments) <= case.budget),
            Err(ContextError::PinnedExceedsBudget { pinned, budget, excess }) => {
                prop_assert_eq!((pinned, budget), (expected, case.budget));
                prop_assert_eq!(budget + excess, pinned);
                prop_assert!(excess > 0);
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn within_the_budget_nothing_is_touched(case in cases()) {
        let case = Case { budget: tokens(&case.segments).max(1), ..case };
        let reduced = case.optimizer().optimize(&case.segments, case.query.as_ref()).unwrap();
        prop_assert_eq!(&reduced.segments, &case.segments);
        prop_assert!(reduced.report.reducers.is_empty() && reduced.report.dropped.is_empty());
    }

    #[test]
    fn reducing_again_is_the_identity(case in cases()) {
        let optimizer = case.optimizer();
        let Ok(once) = optimizer.optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let twice = optimizer.optimize(&once.segments, case.query.as_ref()).unwrap();
        prop_assert_eq!(&once.segments, &twice.segments);
        prop_assert_eq!(once.report.after, twice.report.before);
    }

    #[test]
    fn the_lossy_step_waits_for_need(case in cases()) {
        let duplicates_only = ContextOptimizer::builder(Arc::new(counter()), case.budget)
            .with_reducer(ExactDuplicates)
            .build()
            .unwrap();
        let enough = duplicates_only.optimize(&case.segments, case.query.as_ref()).is_ok();
        if let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) {
            let selected = reduced.report.reducers.iter().any(|r| *r.name == *Selection.name());
            prop_assert_eq!(selected, !enough);
        }
    }

    #[test]
    fn no_reducer_alone_grows_a_context(case in cases()) {
        for optimizer in alone(&case) {
            match optimizer.optimize(&case.segments, case.query.as_ref()) {
                Ok(reduced) => {
                    prop_assert!(tokens(&reduced.segments) <= tokens(&case.segments));
                    for reducer in &reduced.report.reducers {
                        prop_assert!(reducer.after <= reducer.before);
                    }
                }
                Err(ContextError::BudgetNotMet { tokens: left, .. }) => {
                    prop_assert!(left <= tokens(&case.segments));
                }
                Err(ContextError::PinnedExceedsBudget { .. }) => {}
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
    }

    #[test]
    fn nothing_dropped_for_the_budget_would_still_fit(case in cases()) {
        let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let room = case.budget - tokens(&reduced.segments);
        for dropped in &reduced.report.dropped {
            let segment = case.segments.iter().find(|s| *s.id() == dropped.id).unwrap();
            let unit: Vec<Segment> = case
                .segments
                .iter()
                .filter(|s| s.id() == segment.id() || s.pair().is_some() && s.pair() == segment.pair())
                .cloned()
                .collect();
            let duplicate = *dropped.reducer == *ExactDuplicates.name();
            prop_assert!(duplicate || tokens(&unit) > room, "{:?}", dropped.id);
        }
    }

    #[test]
    fn of_two_that_cost_the_same_the_one_worth_less_goes(
        fillers in proptest::collection::vec(0_u8..3, 2..20),
        share in 1_usize..100,
    ) {
        // All texts are of two tokens, so that worth alone decides.
        let texts = ["retry retry", "retry weather", "weather cloud"];
        let segments: Vec<_> = fillers
            .iter()
            .enumerate()
            .map(|(at, filler)| {
                let priority = if at % 5 == 4 { Priority::High } else { Priority::Normal };
                let text = texts[usize::from(*filler)];
                Segment::new(format!("s{at}"), maniple_context::Kind::User, text)
                    .with_priority(priority)
            })
            .collect();
        let query = maniple_context::relevance::Query::new("retries");
        let budget = (tokens(&segments) * share / 100).max(1);
        let case = Case { segments, budget, query: Some(query.clone()) };
        let reduced = case.optimizer().optimize(&case.segments, Some(&query)).unwrap();

        let stats = case
            .segments
            .iter()
            .map(|segment| CorpusStats::of(&query, &query.count(segment.text())))
            .fold(CorpusStats::identity(), CorpusStats::merge);
        let bm25 = Bm25::new(&query, &stats);
        let worth = |segment: &Segment| {
            let at = case.segments.iter().position(|other| other == segment);
            (segment.priority(), bm25.score(&query.count(segment.text())), at)
        };
        let (stay, go): (Vec<_>, Vec<_>) =
            case.segments.iter().partition(|segment| reduced.segments.contains(segment));
        let least = stay.into_iter().map(worth).min();
        let most = go.into_iter().map(worth).max();
        prop_assert!(least.is_none() || most < least, "{most:?} went and {least:?} stayed");
    }
}

fn alone(case: &Case) -> [ContextOptimizer; 2] {
    let builder = || ContextOptimizer::builder(Arc::new(counter()), case.budget);
    [
        builder().with_reducer(ExactDuplicates).build().unwrap(),
        builder().with_reducer(Selection).build().unwrap(),
    ]
}
