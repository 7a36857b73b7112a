//! One item through stages.

use maniple_core::{AgentError, RunContext, agent_fn};
use maniple_orchestration::Pipeline;
use proptest::prelude::*;

use crate::item::config;
use crate::lab::*;

proptest! {
    #![proptest_config(config(100))]

    /// A pipeline is the composition of its stages, and ends with the first failure.
    #[test]
    fn a_pipeline_is_a_composition(stages in prop::array::uniform3((any::<u32>(), any::<bool>()))) {
        let stage = |name: &'static str, (add, fails): (u32, bool)| {
            agent_fn(name, move |mut seen: Vec<u32>, _cx: RunContext| async move {
                seen.push(add);
                if fails { Err(AgentError::permanent(format!("{name} after {seen:?}"))) } else { Ok(seen) }
            })
        };
        let reported = simulate(async |lab| {
            let pipeline = Pipeline::new("pipeline", stage("a", stages[0]))
                .then(stage("b", stages[1]))
                .then(stage("c", stages[2]));
            pipeline.run_reported(Vec::new(), &lab.cx()).await
        });
        check_report(&reported.report);
        let reached = stages.iter().position(|(_, fails)| *fails);
        let seen: Vec<u32> = stages.iter().map(|(add, _)| *add).take(reached.map_or(3, |i| i + 1)).collect();
        prop_assert_eq!(reported.report.started, seen.len());
        match reached {
            None => prop_assert_eq!(reported.result.unwrap(), seen),
            Some(i) => prop_assert_eq!(
                reported.result.unwrap_err().to_string(),
                format!("{} after {seen:?}", ["a", "b", "c"][i])
            ),
        }
    }
}
