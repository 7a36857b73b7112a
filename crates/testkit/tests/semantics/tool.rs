//! Calls of tools, between the steps of a model that goes on from what it is answered.

use std::fmt;

use async_trait::async_trait;
use maniple_core::{
    AgentError, BaseAgent, Class, Effect, RunContext, StepContext, Tool, ToolCall, ToolOutput,
    ToolRegistry, ToolSpec, agent_fn,
};
use maniple_testkit::{CrashTest, Process};
use serde_json::{Value, json};

use crate::common::*;

/// A tool whose effect the world sees, and which fails as it is told.
struct Obedient {
    process: Process,
    effect: Effect,
}

impl fmt::Debug for Obedient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Obedient").field("effect", &self.effect).finish_non_exhaustive()
    }
}

#[async_trait]
impl Tool for Obedient {
    fn spec(&self) -> ToolSpec {
        let schema = json!({
            "type": "object",
            "properties": { "fail": { "enum": [null, "transient", "permanent"] } },
            "required": ["fail"],
        });
        let schema = schema.try_into().expect("a schema is an object");
        ToolSpec::new("obey", "Does as it is told.", schema, self.effect)
    }

    async fn call(&self, arguments: Value, step: StepContext) -> Result<ToolOutput, AgentError> {
        match arguments["fail"].as_str() {
            Some("transient") => Err(AgentError::transient("not now")),
            Some(_) => Err(AgentError::permanent("not ever")),
            None => {
                let key = step.key().to_string();
                let done = self.process.perform(&step, || Ok(key)).await?;
                Ok(Value::from(done).into())
            }
        }
    }
}

/// What a model says next is a step over all that it was told.
async fn hear(cx: &RunContext, told: &[String]) -> Result<usize, AgentError> {
    cx.step("model", Effect::Pure, told.to_vec(), |told, _| async move { Ok(told.len()) }).await
}

/// Calls one tool after the other, and then all at once.
fn converse(
    process: Process,
    effect: Effect,
) -> impl BaseAgent<Input = (), Output = Vec<String>> + use<> {
    let tools = ToolRegistry::builder().with(Obedient { process, effect }).build();
    let tools = tools.expect("the tool has a name and a schema");
    agent_fn("agent", move |(), cx: RunContext| {
        let tools = tools.clone();
        async move {
            let fails =
                [json!(null), json!("transient"), json!(7), json!("permanent"), json!(null)];
            let (mut told, mut calls) = (Vec::new(), Vec::new());
            for fail in fails {
                let arguments = json!({ "fail": fail });
                calls.push(ToolCall::new("obey", arguments.clone()));
                told.push(tools.call(&cx, "obey", arguments).await?.for_model());
                hear(&cx, &told).await?;
            }
            let two = 2.try_into().expect("2 is not 0");
            let answers = tools.call_all(&cx, calls, two).await?;
            told.extend(answers.iter().map(maniple_core::ToolResponse::for_model));
            hear(&cx, &told).await?;
            Ok(told)
        }
    })
}

#[tokio::test(start_paused = true)]
async fn what_a_model_was_answered_stands_wherever_the_process_dies() {
    for effect in EFFECTS {
        for seed in 0..SEEDS / 4 {
            let test = CrashTest::new(|process| converse(process, effect)).with_seed(seed);
            let examined = test.run().await.unwrap();
            assert!(examined.crashes > examined.records, "{effect} {examined:?}");
            assert_eq!(examined.parked == 0, effect.may_repeat(), "{effect} {examined:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_response_is_one_receipt_and_a_refusal_is_none() {
    let machine = new_machine(1);
    let told = boot(&machine, |p| converse(p, Effect::Irreversible), ()).await.unwrap();
    assert_eq!(told.len(), 10);
    for key in ["/agent/obey", "/agent/obey#2", "/agent/obey#3", "/agent/obey#4"] {
        assert_eq!(count(&machine, key, Kind::Receipt), 1, "{key}");
    }
    assert_eq!(count(&machine, "/agent/obey#5", Kind::Intent), 0);
    for (call, receipts) in [(0, 1), (1, 1), (2, 0), (3, 1), (4, 1)] {
        let key = format!("/agent/calls[{call}]/obey");
        assert_eq!(count(&machine, &key, Kind::Receipt), receipts, "{key}");
    }
    check(&machine);
}

/// A tool that panics when its effect has happened.
#[derive(Debug)]
struct Breaks;

#[async_trait]
impl Tool for Breaks {
    fn spec(&self) -> ToolSpec {
        let schema = json!({ "type": "object" }).try_into().expect("a schema is an object");
        ToolSpec::new("break", "Breaks.", schema, Effect::Irreversible)
    }

    async fn call(&self, _: Value, _: StepContext) -> Result<ToolOutput, AgentError> {
        std::panic::resume_unwind(Box::new("as it was told"))
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_have_happened_and_may_not_repeat_is_in_doubt() {
    let machine = new_machine(2);
    let agent = |_: Process| {
        let tools = ToolRegistry::builder().with(Breaks).build().expect("it can be registered");
        agent_fn("agent", move |(), cx: RunContext| {
            let tools = tools.clone();
            async move { tools.call(&cx, "break", json!({})).await.map(drop) }
        })
    };
    assert_eq!(class(&boot(&machine, agent, ()).await), Some(Class::Panicked));
    assert_eq!(count(&machine, "/agent/break", Kind::Intent), 1);
    assert_eq!(count(&machine, "/agent/break", Kind::Receipt), 0);
    assert_eq!(class(&boot(&machine, agent, ()).await), Some(Class::Parked));
    check(&machine);
}
