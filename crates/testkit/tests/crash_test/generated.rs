//! Inputs that a strategy makes.

use maniple_core::{Effect, agent_fn};
use maniple_testkit::{CrashSchedule, CrashTest, Moment, Process, strategy};
use proptest::strategy::{Just, Strategy};

use crate::agents::{add_one, adds_two, broken};

#[tokio::test(start_paused = true)]
async fn each_input_is_crashed_everywhere() {
    let test = CrashTest::new(adds_two(Effect::Idempotent)).with_inputs(0..100_u64).with_cases(5);
    let examined = test.run().await.unwrap();
    assert_eq!((examined.inputs, examined.runs), (5, 5 * 19));
    assert!(examined.is_complete());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_made_small_in_input_and_crashes() {
    // It forgets what it did for large orders, from the second step on.
    let build = |process: Process| {
        agent_fn("order", move |order: Vec<(String, u32)>, cx| {
            let process = process.clone();
            async move {
                let most = order.iter().map(|(_, count)| u64::from(*count)).max().unwrap_or(0);
                let n = add_one(&cx, &process, "reserve", Effect::Idempotent, most).await?;
                let began = process
                    .world()
                    .keep("began", || std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0)));
                let again = began.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let n = if most > 6 { n + again } else { n };
                add_one(&cx, &process, "charge", Effect::Idempotent, n).await
            }
        })
    };
    let test = CrashTest::new(build).with_crashes(2).with_inputs(strategy::orders());
    let failure = test.run().await.unwrap_err();
    assert_eq!(failure.input, r#"[("lamp", 7)]"#);
    assert_eq!(failure.schedule.points().len(), 1);
    assert_eq!(failure.crashed[0].key().as_str(), "/order/charge");
    // It is replayed with that input.
    let input = vec![("lamp".to_owned(), 7)];
    let again = CrashTest::new(build).with_input(input).replay(&failure.schedule).await;
    assert_eq!(again.unwrap_err().wrong, failure.wrong);
}

#[tokio::test(start_paused = true)]
async fn the_seed_decides_the_inputs() {
    let failing = |seed| async move {
        let build = broken(|process, _, n| async move { Ok(n + process.number()) });
        let inputs = (0..u64::MAX / 2).no_shrink();
        let test = CrashTest::new(build).with_seed(seed).with_inputs(inputs);
        test.run().await.unwrap_err().input.clone()
    };
    assert_eq!(failing(1).await, failing(1).await);
    assert_ne!(failing(1).await, failing(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_strategy_without_inputs_is_refused() {
    let never = Just(1_u64).prop_filter("there is none", |_| false);
    let test = CrashTest::new(adds_two(Effect::Pure)).with_inputs(never);
    let failure = test.run().await.unwrap_err();
    assert!(failure.to_string().starts_with("the strategy gives no input"), "{failure}");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]

    #[test]
    fn a_correct_agent_survives_any_schedule(schedule in strategy::crash_schedules(6, 4)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let test = CrashTest::new(adds_two(Effect::Idempotent)).with_input(1);
            test.replay(&schedule).await.unwrap();
        });
    }
}

#[test]
fn a_schedule_shrinks_to_the_mildest() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut tree = strategy::crash_schedules(50, 4).new_tree(&mut TestRunner::deterministic());
    let tree = tree.as_mut().unwrap();
    while tree.simplify() {}
    assert_eq!(tree.current(), CrashSchedule::default());
    let one = strategy::crash_schedules(50, 4).prop_filter("not none", |s| !s.points().is_empty());
    let mut tree = one.new_tree(&mut TestRunner::deterministic()).unwrap();
    for _ in 0..1000 {
        if !tree.simplify() {
            break;
        }
    }
    assert_eq!(tree.current(), CrashSchedule::new([(0, Moment::Before)]));
}

#[tokio::test(start_paused = true)]
async fn the_crashes_are_the_fewest_that_the_simplest_input_does_not_survive() {
    // A great number survives one crash, and a small one, from 5 on, none.
    let build = |process: Process| {
        agent_fn("count", move |n: u64, cx| {
            let process = process.clone();
            async move {
                let n = cx.step("pay", Effect::Pure, n, |n, _| async move { Ok(n) }).await?;
                Ok(match n {
                    0..5 => n,
                    5..100 => n + process.number(),
                    _ => n + process.number() / 2,
                })
            }
        })
    };
    let test = CrashTest::new(build).with_crashes(2).with_inputs(0..100_000_u64);
    let failure = test.run().await.unwrap_err();
    assert_eq!(failure.input, "5");
    assert_eq!(failure.schedule, CrashSchedule::new([(0, Moment::Before)]));
}
