//! What it costs.

use std::sync::Arc;

use maniple_context::reducers::{Loss, defaults};
use maniple_context::{
    ContextError, ContextOptimizer, Marker, ReducedContext, Segment, TokenCounter,
};
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
    fn the_lossy_steps_wait_for_need(case in cases()) {
        let lossless = ContextOptimizer::builder(Arc::new(counter()), case.budget)
            .with_most_loss(Loss::Lossless)
            .build()
            .unwrap();
        let lossy = |reduced: &ReducedContext| {
            let names: Vec<_> = reduced.report.reducers.iter().map(|r| r.name.clone()).collect();
            defaults().iter().any(|r| r.loss() > Loss::Lossless && names.contains(&r.name().into()))
        };
        if let Ok(reduced) = case.optimizer().optimize(&case.segments, case.query.as_ref()) {
            match lossless.optimize(&case.segments, case.query.as_ref()) {
                Ok(enough) => prop_assert!(!lossy(&enough)),
                Err(ContextError::BudgetNotMet { .. }) => prop_assert!(lossy(&reduced)),
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
    }

    #[test]
    fn markers_take_at_most_a_fiftieth_and_stand_for_more(case in cases()) {
        let optimizer = case.optimizer();
        let Ok(reduced) = optimizer.optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let all: usize = reduced.report.markers.iter().map(|marker| marker.tokens).sum();
        prop_assert!(all <= case.budget / 50);
        for marker in &reduced.report.markers {
            let text = optimizer.recall(&marker.handle).unwrap();
            prop_assert!(marker.tokens < counter().count(&text));
        }
        let written = reduced.segments.iter().flat_map(|segment| {
            Marker::all_in(segment.text()).map(|(_, marker)| marker.handle())
        });
        for short in written {
            let ours = reduced.report.markers.iter().any(|marker| marker.handle.short() == short);
            prop_assert!(ours || short.to_string() == "0123456789ab");
        }
    }

    #[test]
    fn more_is_reduced_where_more_is_asked_for(case in cases(), share in 0.0..1.0_f64) {
        let optimizer = ContextOptimizer::builder(Arc::new(counter()), case.budget)
            .with_min_reduction(share)
            .build()
            .unwrap();
        let Ok(reduced) = optimizer.optimize(&case.segments, case.query.as_ref()) else {
            return Ok(());
        };
        let must_stay = case.kept();
        let kept: Vec<Segment> =
            case.segments.iter().filter(|s| must_stay.contains(&s.id())).cloned().collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a small number"
        )]
        let most = (tokens(&case.segments) as f64 * (1.0 - share)) as usize + 1;
        prop_assert!(tokens(&reduced.segments) <= most.max(tokens(&kept)));
        let again = optimizer.optimize(&reduced.segments, case.query.as_ref()).unwrap();
        prop_assert_eq!(&again.segments, &reduced.segments);
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
                Err(ContextError::BudgetNotMet { reached, .. }) => {
                    prop_assert!(tokens(&reached.segments) <= tokens(&case.segments));
                }
                Err(ContextError::PinnedExceedsBudget { .. }) => {}
                Err(other) => return Err(TestCaseError::fail(other.to_string())),
            }
        }
    }
}

fn alone(case: &Case) -> impl Iterator<Item = ContextOptimizer> {
    let builder = || ContextOptimizer::builder(Arc::new(counter()), case.budget);
    defaults().into_iter().map(move |reducer| builder().with_reducers([reducer]).build().unwrap())
}
