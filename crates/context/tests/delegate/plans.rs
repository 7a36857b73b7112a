//! The laws of a plan.

use std::collections::BTreeSet;

use maniple_context::{ContextError, DelegationPlan, Segment, SegmentId};
use proptest::prelude::*;

use crate::contexts::{Case, asked, cases, counter, file, tokens};

/// A plan of the case, where there is one and its budget is enough for it.
fn plan(case: &Case) -> Result<Option<DelegationPlan>, TestCaseError> {
    match case.delegation().plan(&case.segments) {
        Ok(plan) => Ok(plan),
        Err(ContextError::PartsExceedBudget { least, budget, excess, .. }) => {
            prop_assert_eq!(Some(budget), case.budget);
            prop_assert_eq!(least, budget + excess);
            prop_assert!(excess > 0);
            Ok(None)
        }
        Err(other) => Err(TestCaseError::fail(other.to_string())),
    }
}

fn place(case: &Case, id: &SegmentId) -> usize {
    case.segments.iter().position(|segment| segment.id() == id).unwrap()
}

fn ids<'s>(segments: impl IntoIterator<Item = &'s Segment>) -> Vec<&'s SegmentId> {
    segments.into_iter().map(Segment::id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn there_is_a_plan_above_the_threshold_and_only_there(case in cases()) {
        let delegation = case.delegation();
        let is_above = tokens(&case.segments) > delegation.threshold();
        match delegation.plan(&case.segments) {
            Ok(plan) => prop_assert_eq!(plan.is_some(), is_above),
            Err(_) => prop_assert!(is_above),
        }
        let millionths = (case.threshold * 1e6).round() / 1e6;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (share, given) =
            (millionths * case.window as f64, delegation.threshold() as f64);
        prop_assert!(given <= share + 1e-6 && share < given + 1.0 + 1e-6);
    }

    #[test]
    fn every_segment_is_in_one_place_and_in_its_order(case in cases()) {
        let Some(plan) = plan(&case)? else { return Ok(()) };
        let mut all: Vec<&Segment> = plan.kept.iter().collect();
        prop_assert!(ids(&plan.kept).is_sorted_by_key(|id| place(&case, id)));
        for part in &plan.parts {
            prop_assert!(!part.segments.is_empty());
            prop_assert!(ids(&part.segments).is_sorted_by_key(|id| place(&case, id)));
            all.extend(&part.segments);
        }
        all.sort_by_key(|segment| place(&case, segment.id()));
        prop_assert_eq!(all, case.segments.iter().collect::<Vec<_>>());
        let first = |part: &maniple_context::Part| place(&case, part.segments[0].id());
        prop_assert!(plan.parts.is_sorted_by_key(first));
        let names: BTreeSet<&str> = plan.parts.iter().map(|part| &*part.name).collect();
        prop_assert_eq!(names.len(), plan.parts.len());
        prop_assert!(!names.contains(""));
    }

    #[test]
    fn requirements_are_kept_and_given_to_all_and_pairs_are_whole(case in cases()) {
        let Some(plan) = plan(&case)? else { return Ok(()) };
        let required: Vec<&Segment> =
            case.segments.iter().filter(|segment| case.is_required(segment)).collect();
        prop_assert_eq!(&required, &plan.requirements.iter().collect::<Vec<_>>());
        prop_assert_eq!(plan.required, tokens(required.iter().copied()));
        for segment in required {
            prop_assert!(plan.kept.contains(segment));
        }
        for part in &plan.parts {
            for segment in &part.segments {
                prop_assert!(!case.is_pending(segment));
                let in_part = ids(&part.segments);
                prop_assert!(case.unit(segment).iter().all(|member| in_part.contains(&member.id())));
            }
        }
    }

    #[test]
    fn the_threshold_holds_or_nothing_else_can_be_separated(case in cases()) {
        let Some(plan) = plan(&case)? else { return Ok(()) };
        prop_assert_eq!(plan.before, tokens(&case.segments));
        prop_assert_eq!(plan.after, tokens(&plan.kept));
        prop_assert_eq!(plan.excess, plan.after.saturating_sub(plan.threshold));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let room = plan.window.saturating_sub(plan.required) as f64 * case.threshold;
        if plan.excess > 0 && room > 2.01 {
            for segment in &plan.kept {
                let separable = !case.is_required(segment) && !case.is_pending(segment);
                prop_assert!(!separable || tokens(case.unit(segment)) <= plan.answer);
            }
        }
        // No more goes than it takes.
        if let Some(least) = plan.parts.iter().map(|part| part.tokens).min() {
            // Without the last part there were more to keep, and an answer fewer.
            let answers = ((plan.parts.len() - 1) * plan.answer).min(plan.window / 2);
            prop_assert!(plan.after + least > plan.threshold.min(plan.window - answers));
            prop_assert!(least > plan.answer);
        }
    }

    #[test]
    fn shares_hold_what_a_part_is_given_and_add_up(case in cases()) {
        let Some(plan) = plan(&case)? else { return Ok(()) };
        prop_assert_eq!(plan.shares(), plan.parts.iter().map(|part| part.share).sum::<usize>());
        if let Some(budget) = case.budget {
            prop_assert!(plan.shares() <= budget);
        }
        let whole = Case { budget: None, ..case.clone() };
        let whole = whole.delegation().plan(&case.segments).unwrap().unwrap();
        for (part, at_best) in plan.parts.iter().zip(&whole.parts) {
            prop_assert_eq!(part.tokens, tokens(&part.segments));
            prop_assert_eq!((&part.name, &part.segments), (&at_best.name, &at_best.segments));
            prop_assert!(part.share <= at_best.share);
            prop_assert!(part.share > plan.required + plan.answer);
            // Given the budget that it needs, only what is one by itself has to be reduced.
            let is_whole = at_best.share == plan.required + plan.answer + part.tokens;
            prop_assert!(is_whole || case.unit(&part.segments[0]).len() == part.segments.len());
            prop_assert!(at_best.share <= plan.window);
        }
    }

    #[test]
    fn the_same_context_has_the_same_plan_and_a_plan_survives_json(case in cases()) {
        let Some(first) = plan(&case)? else { return Ok(()) };
        let again = case.delegation().plan(&case.segments).unwrap().unwrap();
        let json = serde_json::to_string(&first).unwrap();
        prop_assert_eq!(&json, &serde_json::to_string(&again).unwrap());
        prop_assert_eq!(serde_json::from_str::<DelegationPlan>(&json).unwrap(), first);
    }

    #[test]
    fn an_answer_stands_where_the_first_segment_of_its_part_stood(case in cases()) {
        let Some(plan) = plan(&case)? else { return Ok(()) };
        let answers: Vec<String> = plan.parts.iter().map(|part| format!("of {}", part.name)).collect();
        // Without a plan: each segment of the context in turn is itself, an answer, or nothing.
        let mut expected: Vec<String> = Vec::new();
        for segment in &case.segments {
            if plan.kept.contains(segment) {
                expected.push(segment.text().to_string());
            } else if let Some(part) =
                plan.parts.iter().find(|part| part.segments[0].id() == segment.id())
            {
                expected.push(format!("of {}", part.name));
            }
        }
        let merged = plan.merge(answers);
        let texts: Vec<String> = merged.iter().map(|segment| segment.text().to_string()).collect();
        prop_assert_eq!(texts, expected);
        let unique: BTreeSet<&SegmentId> = ids(&merged).into_iter().collect();
        prop_assert_eq!(unique.len(), merged.len());
        prop_assert_eq!(plan.merge(plan.parts.iter().map(|_| " \n".to_owned())), plan.kept);
    }
}

#[test]
fn a_budget_that_is_too_small_says_by_how_much() {
    let mut context = vec![asked()];
    context.extend((0..6).map(|at| file(&format!("f{at}/a.txt"), 40)));
    let plan = |budget| {
        let delegation = maniple_context::Delegation::new(counter(), 2_000);
        delegation.with_budget(budget).plan(&context)
    };
    let Err(ContextError::PartsExceedBudget { parts, least, budget: 9, excess }) = plan(9) else {
        panic!("nine tokens are too few");
    };
    assert_eq!(excess, least - 9);
    let enough = plan(least).unwrap().unwrap();
    assert_eq!((enough.parts.len(), enough.shares()), (parts, least));
    assert!(plan(least - 1).is_err());
}

#[test]
fn a_context_that_is_none_is_refused() {
    let delegation = || maniple_context::Delegation::new(counter(), 100);
    let twice = [file("a", 90), file("a", 90)];
    assert!(matches!(delegation().plan(&twice), Err(ContextError::DuplicateId { .. })));
    let result = [Segment::tool_result("r", "p", "text ".repeat(90))];
    assert!(matches!(delegation().plan(&result), Err(ContextError::ResultWithoutCall { .. })));
    for share in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(delegation().with_threshold(share), Err(ContextError::NoShare { .. })));
    }
}
