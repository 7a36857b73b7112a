//! Patterns in patterns, up to four deep, over faulty agents: invariants 1 to 7, 10, 13 and 20,
//! however they are stopped.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, Budget, Class, Effect, agent_fn};
use maniple_orchestration::{ForkJoin, Inputs, MapReduce, Partial, Pipeline};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::item::*;
use crate::lab::*;

#[derive(Debug, Clone)]
enum Tree {
    Leaf(Item),
    Pipeline(Vec<Tree>),
    Map { many: Many, part: Box<Tree> },
    Flow { many: Many, buffer: usize, stages: Vec<Tree> },
    Fork { tolerant: bool, limit: usize, branches: Vec<Tree> },
}

/// A pattern with many inputs.
#[derive(Debug, Clone, Copy)]
struct Many {
    tolerant: bool,
    limit: usize,
    inputs: u32,
    streamed: bool,
}

fn many() -> impl Strategy<Value = Many> {
    (any::<bool>(), 1..4_usize, 0..4_u32, any::<bool>())
        .prop_map(|(tolerant, limit, inputs, streamed)| Many { tolerant, limit, inputs, streamed })
}

/// A pattern of such parts.
fn pattern(part: &BoxedStrategy<Tree>) -> BoxedStrategy<Tree> {
    let two = || prop::collection::vec(part.clone(), 2);
    prop_oneof![
        two().prop_map(Tree::Pipeline),
        (many(), part.clone()).prop_map(|(many, part)| Tree::Map { many, part: part.into() }),
        (many(), 0..2_usize, two()).prop_map(|(many, buffer, stages)| Tree::Flow {
            many,
            buffer,
            stages
        }),
        (any::<bool>(), 1..3_usize, two()).prop_map(|(tolerant, limit, branches)| Tree::Fork {
            tolerant,
            limit,
            branches
        }),
    ]
    .boxed()
}

fn trees() -> BoxedStrategy<Tree> {
    let leaf = items(1).prop_filter_map("a leaf", |items| items.first().copied().map(Tree::Leaf));
    // Three levels of patterns, and the one around them.
    pattern(&leaf.prop_recursive(3, 24, 2, |inner| pattern(&inner)).boxed())
}

impl Many {
    fn inputs(self, n: u32) -> impl Iterator<Item = u32> {
        (0..self.inputs).map(move |i| n.wrapping_add(i))
    }

    fn list(self, n: u32) -> Inputs<u32> {
        let inputs: Vec<u32> = self.inputs(n).collect();
        if self.streamed { Inputs::stream(futures::stream::iter(inputs)) } else { inputs.into() }
    }
}

/// One number of what there is, in its order, and of how much there is not.
fn digest(ok: impl IntoIterator<Item = u32>, failed: usize) -> u32 {
    let ok = ok.into_iter().fold(7, |sum: u32, n| sum.wrapping_mul(31).wrapping_add(n));
    ok.wrapping_add(u32::try_from(failed).unwrap().wrapping_mul(1_000_003))
}

/// What a pattern returns that has these ends.
fn closed(tolerant: bool, ends: impl Iterator<Item = Option<u32>>) -> Option<u32> {
    let ends: Vec<Option<u32>> = ends.collect();
    let failed = ends.iter().filter(|end| end.is_none()).count();
    (tolerant || failed == 0).then(|| digest(ends.into_iter().flatten(), failed))
}

impl Tree {
    /// What it returns, if nobody stops it.
    fn expected(&self, n: u32) -> Option<u32> {
        let through = |stages: &[Self], n| stages.iter().try_fold(n, |n, stage| stage.expected(n));
        match self {
            Self::Leaf(item) => item.is_good().then(|| n.wrapping_add(item.number)),
            Self::Pipeline(stages) => through(stages, n),
            Self::Map { many, part } => {
                closed(many.tolerant, many.inputs(n).map(|n| part.expected(n)))
            }
            Self::Flow { many, stages, .. } => {
                closed(many.tolerant, many.inputs(n).map(|n| through(stages, n)))
            }
            Self::Fork { tolerant, branches, .. } => {
                closed(*tolerant, branches.iter().map(|branch| branch.expected(n)))
            }
        }
    }
}

/// What the parts of a built tree have in common.
struct Site {
    /// Everything that runs.
    all: Gauge,
    /// When steps began.
    began: Arc<Mutex<Vec<Instant>>>,
    /// Each part, and how many of it may run at the same time.
    limits: Mutex<Vec<(Gauge, usize)>>,
}

impl Site {
    /// Builds a part of which so many may run at the same time.
    fn build(&self, tree: &Tree, most: usize) -> BoxAgent<u32, u32> {
        let gauge = Gauge::default();
        self.limits.lock().unwrap().push((gauge.clone(), most));
        let (agent, all) = (self.pattern(tree, most), self.all.clone());
        agent_fn("part", move |n: u32, cx| {
            let (agent, alive) = (agent.clone(), (gauge.enter(), all.enter()));
            async move {
                let _alive = alive;
                agent.run(n, &cx).await
            }
        })
        .boxed()
    }

    fn pattern(&self, tree: &Tree, most: usize) -> BoxAgent<u32, u32> {
        let build_two = |parts: &[Tree], most| [0, 1].map(|at| self.build(&parts[at], most));
        let whole = |outputs: Vec<u32>| digest(outputs, 0);
        let partial = |partial: Partial<Vec<u32>>| digest(partial.ok, partial.failed.len());
        match tree {
            Tree::Leaf(item) => self.leaf(*item),
            Tree::Pipeline(stages) => {
                let [a, b] = build_two(stages, most);
                Pipeline::new("pipeline", a).then(b).durable().boxed()
            }
            Tree::Map { many, part } => {
                let many = *many;
                let map = MapReduce::collect("map", self.build(part, most * many.limit));
                let map = map.with_concurrency(many.limit).durable();
                if many.tolerant {
                    map.collect_all().over(move |n| many.list(n)).map(partial).boxed()
                } else {
                    map.over(move |n| many.list(n)).map(whole).boxed()
                }
            }
            Tree::Flow { many, buffer, stages } => {
                let many = *many;
                let [a, b] = build_two(stages, most * many.limit);
                let flow = Pipeline::new("flow", a).with_concurrency(many.limit).then(b);
                let flow = flow.with_concurrency(many.limit).durable().flow().with_buffer(*buffer);
                if many.tolerant {
                    flow.fail_item().over(move |n| many.list(n)).map(partial).boxed()
                } else {
                    flow.over(move |n| many.list(n)).map(whole).boxed()
                }
            }
            Tree::Fork { tolerant, limit, branches } => {
                let [a, b] = build_two(branches, most);
                let fork = ForkJoin::new("fork", (a, b)).with_concurrency(*limit).durable();
                if *tolerant {
                    let some = |partial: Partial<(Option<u32>, Option<u32>)>| {
                        let (a, b) = partial.ok;
                        digest([a, b].into_iter().flatten(), partial.failed.len())
                    };
                    fork.collect_all().map(some).boxed()
                } else {
                    fork.map(|(a, b)| digest([a, b], 0)).boxed()
                }
            }
        }
    }

    /// A step that uses some of the budget, and then what the item says.
    fn leaf(&self, item: Item) -> BoxAgent<u32, u32> {
        let began = self.began.clone();
        agent_fn("leaf", move |n: u32, cx| {
            let began = began.clone();
            async move {
                let effect = Effect::Pure.reserving(Budget::tokens(9));
                let n = cx.step("use", effect, n, |n, step| async move {
                    began.lock().unwrap().push(Instant::now());
                    step.spend(Budget::tokens(4));
                    Ok::<_, AgentError>(n)
                });
                let n = n.await?;
                Ok(n.wrapping_add(item.act(&cx).await?))
            }
        })
        .boxed()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    Cancel,
    Deadline,
    Drop,
}

async fn run(
    lab: &Lab,
    tree: &Tree,
    stop: Stop,
    after: Duration,
) -> Option<Result<u32, AgentError>> {
    let (began, limits) = <(Arc<Mutex<Vec<Instant>>>, Mutex<Vec<_>>)>::default();
    let site = Site { all: lab.gauge.clone(), began, limits };
    let agent = site.build(tree, 1);
    let total = Budget::tokens(1_000_000);
    let cx = lab.cx().with_budget(total).unwrap();
    let cx = if stop == Stop::Deadline { cx.with_deadline(after) } else { cx };
    let zero = Instant::now();
    let result = {
        let running = agent.run(5, &cx);
        let stopping = async {
            tokio::time::sleep(after).await;
            if stop == Stop::Cancel {
                lab.run.cancel();
            }
        };
        match stop {
            Stop::Drop => tokio::time::timeout(after, running).await.ok(),
            _ => Some(tokio::join!(running, stopping).0),
        }
    };
    let took = zero.elapsed();
    if stop == Stop::Drop {
        lab.run.quiesce().await;
    }
    for (gauge, most) in site.limits.lock().unwrap().iter() {
        assert!(gauge.most() <= *most, "{} of {most}", gauge.most());
    }
    let lease = cx.lease();
    assert!(lease.granted().is_zero(), "{:?} is held", lease.granted());
    let began = site.began.lock().unwrap();
    let spent = 4 * u64::try_from(began.len()).unwrap();
    assert_eq!((lease.spent().tokens, cx.remaining().tokens), (spent, total.tokens - spent));
    if stop != Stop::Never {
        // A timer of tokio may be a millisecond late.
        let last = after + Duration::from_millis(1);
        assert!(
            began.iter().all(|at| at.duration_since(zero) <= last),
            "one began after {after:?}"
        );
        // Nobody listens, and no leaf takes longer.
        assert!(
            took <= after + Duration::from_millis(14),
            "it took {took:?}, stopped at {after:?}"
        );
    }
    result
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_tree_of_patterns_keeps_the_laws(
        tree in trees(), after in 0..60_u64,
        stop in prop::sample::select(vec![Stop::Never, Stop::Cancel, Stop::Deadline, Stop::Drop]),
    ) {
        let after = Duration::from_millis(after);
        let trial = async |lab: &Lab| (run(lab, &tree, stop, after).await, lab.journal.clone());
        let (result, journal) = match stop {
            Stop::Drop => simulate_dropping(trial),
            _ => simulate(trial),
        };
        let expected = tree.expected(5);
        match result {
            Some(Ok(output)) => {
                prop_assert_eq!(Some(output), expected);
                let (again, ran) = simulate_on(journal, async |lab| {
                    let steps = Arc::<Mutex<Vec<Instant>>>::default();
                    let site = Site {
                        all: lab.gauge.clone(), began: steps.clone(), limits: Mutex::default(),
                    };
                    let again = site.build(&tree, 1).run(5, &lab.cx()).await;
                    (again, steps.lock().unwrap().len())
                });
                prop_assert_eq!((again.ok(), ran), (expected, 0), "finished steps run no more");
            }
            Some(Err(error)) => {
                let class = error.class();
                let is_stop = match class {
                    Class::Cancelled => stop == Stop::Cancel,
                    Class::DeadlineExceeded => stop == Stop::Deadline,
                    _ => false,
                };
                let is_own = matches!(class, Class::Permanent | Class::Transient | Class::Panicked);
                prop_assert!(is_stop || is_own && expected.is_none(), "{}", error);
            }
            None => prop_assert_eq!(stop, Stop::Drop),
        }
    }
}
