//! What has arrived in time, live and where a process comes by too late.

use std::collections::BTreeMap;
use std::sync::Arc;

use maniple_core::{AgentExt, Class, Effect, Record};
use tokio::time::Instant;

use super::resume::is_settlement;
use super::*;

async fn timed(lab: &Lab, goal: Goal, acts: &[Act], limit: usize) -> (Ended, u64) {
    let began = Instant::now();
    let ended = run(lab, goal, acts, limit).await;
    (ended, millis(began.elapsed()))
}

#[test]
fn it_takes_what_has_arrived() {
    let acts = [
        Act::answers(1, 5),
        Act::answers(2, 50),
        Act::ends(Ends::FailsForNow, 3),
        Act::ends(Ends::Waits, 4),
        Act::ends(Ends::Never, 0),
        // One that is asked to stop, and still answers within the grace.
        Act { millis: 50, end: Ends::Answers(3), deaf: 2 },
        // And one that needs longer than that.
        Act { millis: 50, end: Ends::Answers(4), deaf: 2 * GRACE },
    ];
    let (ended, took) =
        simulate(async |lab| timed(lab, Goal::Within(10, 2), &acts, acts.len()).await);
    let gathered = ended.result.unwrap();
    assert_eq!(gathered.answers, BTreeMap::from([(0, 1), (5, 3)]));
    assert_eq!(gathered.failed, [(2, "later".to_owned())]);
    assert_eq!((gathered.cancelled, gathered.suspended), (vec![1, 4, 6], vec![3]));
    assert!((10 + GRACE..=12 + GRACE).contains(&took), "{took}");
}

#[test]
fn it_ends_before_its_time() {
    let fails = Act::ends(Ends::FailsForGood, 2);
    let now = Act::ends(Ends::FailsForNow, 2);
    let cases = [
        // All have ended.
        (vec![Act::answers(1, 5), fails], 1, Ok(1), 5),
        // So many cannot answer any more.
        (vec![Act::answers(1, 50), fails], 2, Err(Class::Permanent), 2),
        (vec![Act::answers(1, 50), now], 2, Err(Class::Transient), 2),
        (vec![Act::answers(1, 50)], 2, Err(Class::Permanent), 0),
        // And the time was up only while whoever was left was awaited.
        (
            vec![
                Act { millis: 50, end: Ends::Answers(1), deaf: 4 },
                Act::ends(Ends::FailsForNow, 18),
            ],
            2,
            Err(Class::Transient),
            22,
        ),
        // A signal is not waited for with so many, and is with fewer.
        (vec![Act::answers(1, 5), Act::ends(Ends::Waits, 1)], 1, Ok(1), 5),
        (vec![Act::answers(1, 5), Act::ends(Ends::Waits, 1)], 2, Err(Class::Suspended), 5),
    ];
    for (acts, least, expected, at) in cases {
        let goal = Goal::Within(20, least);
        let (ended, took) = simulate(async |lab| timed(lab, goal, &acts, acts.len()).await);
        let result = ended.result.map(|gathered| gathered.answers.len());
        assert_eq!(result.map_err(|error| error.class()), expected, "{acts:?}");
        assert!((at..=at + 1).contains(&took), "{took}, not {at}: {acts:?}");
    }
}

#[test]
fn too_few_in_time_is_an_exceeded_deadline_and_stays_so() {
    let late = [Act::answers(1, 5), Act::answers(2, 50), Act::ends(Ends::Waits, 1)];
    let quick = [Act::answers(1, 0), Act::answers(2, 0), Act::answers(3, 0)];
    let goal = Goal::Within(10, 2);
    let (ended, journal) =
        simulate(async |lab| (run(lab, goal, &late, 3).await, lab.journal.clone()));
    let error = ended.result.unwrap_err();
    assert_eq!(error.class(), Class::DeadlineExceeded);
    assert!(error.to_string().contains("1 of 3 children succeeded, where 2 are needed"), "{error}");
    // Whoever heard of it may have acted on it.
    let (again, ran) =
        simulate_on(journal, async |lab| (run(lab, goal, &quick, 3).await, lab.gauge.ever()));
    assert_eq!(again.result.unwrap_err().recorded(), error.recorded());
    assert_eq!(ran, 0);
}

/// The deadline of what is around it is no settlement: a later process may be given another.
#[test]
fn a_deadline_around_it_is_its_failure() {
    let slow = Act { millis: 50, end: Ends::Answers(2), deaf: 4 };
    let acts = [Act::answers(1, 5), slow, Act::ends(Ends::Never, 0)];
    // It passes before the pattern's own, or while those are awaited that this has stopped.
    for (least, after) in [(0, 30), (1, 30), (3, 30), (0, 10), (1, 10), (3, 10)] {
        let journal = simulate(async |lab| {
            let within = gather(&lab.gauge, &acts).within(Duration::from_millis(after), least);
            let wall = std::time::SystemTime::now() + Duration::from_millis(12);
            let cx = lab.cx().with_wall_deadline(wall);
            let error = within.run_reported(1, &cx).await.result.unwrap_err();
            assert_eq!(error.class(), Class::DeadlineExceeded);
            assert!(!error.to_string().contains("are needed"), "{error}");
            assert!(!lab.journal.records().iter().any(is_settlement));
            lab.journal.clone()
        });
        let goal = Goal::Within(after, least);
        let ended = simulate_on(journal, async |lab| run(lab, goal, &acts, 3).await);
        match ended.result {
            Ok(gathered) => assert_eq!(gathered.answers, BTreeMap::from([(0, 1), (1, 2)])),
            Err(error) => {
                assert_eq!((least, error.class()), (3, Class::DeadlineExceeded));
                assert!(error.to_string().contains("are needed"), "{error}");
            }
        }
    }
}

/// Who has answered is known, and of the others one waits for a signal: the time is not up for it.
#[test]
fn a_deadline_around_it_leaves_a_signal_to_wait_for() {
    let fails = Act { millis: 50, end: Ends::FailsForGood, deaf: 3 };
    let acts = [Act::answers(1, 5), Act::ends(Ends::Waits, 1), fails];
    simulate(async |lab| {
        let within = gather(&lab.gauge, &acts).within(Duration::from_millis(30), 2);
        let wall = std::time::SystemTime::now() + Duration::from_millis(12);
        let reported = within.run_reported(1, &lab.cx().with_wall_deadline(wall)).await;
        let error = reported.result.unwrap_err();
        assert_eq!(error.class(), Class::Suspended, "{error}");
    });
}

/// Where the time was up before, those that replay have no more of it than what is around them gives.
#[test]
fn a_deadline_around_it_ends_a_replay_too() {
    let never = [Act::ends(Ends::Never, 0)];
    let goal = Goal::Within(1000, 0);
    let journal = simulate(async |lab| {
        run(lab, goal, &never, 1).await.result.unwrap();
        lab.journal.clone()
    });
    let records = journal.records().into_iter().take_while(|record| !is_settlement(record));
    let mut records: Vec<Record> = records.collect();
    records.last_mut().unwrap().worked = Duration::from_secs(2);
    let took = simulate_on(records.into_iter().collect(), async |lab| {
        let within = gather(&lab.gauge, &never).within(Duration::from_secs(1), 0);
        let cx = lab.cx().with_wall_deadline(std::time::SystemTime::now());
        let began = Instant::now();
        let error = within.run_reported(1, &cx).await.result.unwrap_err();
        assert_eq!(error.class(), Class::DeadlineExceeded);
        millis(began.elapsed())
    });
    assert!(took <= GRACE + 2, "{took}");
}

#[test]
fn who_has_not_begun_when_it_is_cancelled_is_skipped() {
    let acts = [Act::answers(1, 10); 5];
    let ended = simulate(async |lab| {
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            lab.run.cancel();
        };
        tokio::join!(run(lab, Goal::Within(100, 1), &acts, 1), cancel).0
    });
    assert_eq!(ended.result.unwrap_err().class(), Class::Cancelled);
    assert_eq!((ended.report.succeeded, ended.report.cancelled, ended.report.skipped), (1, 1, 3));
}

/// Once it is settled the time has had its say: whoever counts has as long as it takes.
#[test]
fn whoever_counts_may_replay_as_long_as_it_takes() {
    let run = async |lab: &Lab, millis: u64| {
        let acts = [Act::answers(1, millis), Act::ends(Ends::Never, 0)];
        let responders = acts.iter().map(|act| responder(&lab.gauge, *act));
        // Not durable, so that it is asked again.
        let within = ScatterGather::new("gather", (0..).zip(responders.collect::<Vec<_>>()));
        let within = within.within(Duration::from_millis(10), 1).with_grace(Duration::ZERO);
        let partial = within.run_reported(1, &lab.cx()).await.result.unwrap();
        (partial.ok, lab.journal.clone())
    };
    let (first, journal) = simulate(async |lab| run(lab, 5).await);
    let (second, _) = simulate_on(journal, async |lab| run(lab, 60).await);
    assert_eq!(first, BTreeMap::from([(0, 1)]));
    assert_eq!(second, first);
}

#[test]
fn attempts_have_a_time_each() {
    simulate(async |lab| {
        let calls = Gauge::default();
        let counted = calls.clone();
        // Fast enough when it is asked for the second time.
        let slow_at_first = agent_fn("slow at first", move |_: u32, _cx| {
            drop(counted.enter());
            let millis = if counted.ever() == 1 { 50 } else { 5 };
            async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Ok(1_u8)
            }
        });
        let within = ScatterGather::new("gather", [("one", slow_at_first)]);
        let within = within.within(Duration::from_millis(10), 1).with_grace(Duration::ZERO);
        let within = Arc::new(within);
        let twice = std::num::NonZeroU32::new(2).unwrap();
        let cx = lab.cx();
        let answers = cx.attempts("tries", twice, |cx| {
            let within = within.clone();
            async move {
                let answers = within.run(1, &cx.child("gather")).await;
                answers.map_err(|error| AgentError::transient(error.to_string()))
            }
        });
        assert_eq!(answers.await.unwrap().ok, BTreeMap::from([("one", 1)]));
        assert_eq!(calls.ever(), 2);
    });
}

/// Whose responders have answered in time, and whose process died when the time was up: they
/// replay, however late the next process comes, and nobody else begins.
#[test]
fn what_was_in_time_is_in_time_when_it_replays() {
    for durable in [true, false] {
        for limit in [1, 3] {
            for grace in [0, 5] {
                check_replay(durable, limit, grace);
            }
        }
    }
}

fn check_replay(durable: bool, limit: usize, grace: u64) {
    let begun = Gauge::default();
    let run = async |lab: &Lab| {
        // Answers by a step, which takes its time, or has taken it.
        let step = |answer: u8, millis: u64| {
            let begun = begun.clone();
            agent_fn("step", move |_: u32, cx| {
                let begun = begun.clone();
                async move {
                    // What is done outside of steps is done again, and takes its time then too.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    cx.step("answer", Effect::Pure, (), move |(), _| async move {
                        drop(begun.enter());
                        tokio::time::sleep(Duration::from_millis(millis)).await;
                        Ok::<_, AgentError>(answer)
                    })
                    .await
                }
            })
        };
        let endless = responder(&lab.gauge, Act::ends(Ends::Never, 0));
        let responders =
            [("a", step(1, 2).boxed()), ("b", step(2, 3).boxed()), ("c", endless.boxed())];
        let never = [("d", step(4, 1).boxed())];
        let gather = ScatterGather::new("gather", responders.into_iter().chain(never));
        let gather = gather.within(Duration::from_millis(10), 2).with_concurrency(limit);
        let gather = gather.with_grace(Duration::from_millis(grace));
        let gather = if durable { gather.durable() } else { gather };
        let reported = gather.run_reported(1, &lab.cx()).await;
        check_report(&reported.report);
        (reported.result.unwrap(), lab.journal.clone())
    };
    let (first, journal) = simulate(run);
    let in_time = if limit == 1 { 2 } else { 3 };
    assert_eq!(first.ok.len(), in_time, "limit {limit}");
    assert_eq!(begun.ever(), in_time);
    let records = journal.records();
    let until = records.iter().position(is_settlement).unwrap();
    let mut known = records[..until].to_vec();
    // The run went on elsewhere until the time was up, and then died.
    known.last_mut().unwrap().worked = Duration::from_millis(40);
    let (second, _) = simulate_on(known.into_iter().collect(), run);
    assert_eq!(second.ok, first.ok, "durable {durable}, limit {limit}, grace {grace}");
    assert_eq!(begun.ever(), in_time, "nobody begins");
    assert!(second.failed.is_empty());
}
