//! What is answered to a call, without a step and with one.

use std::collections::BTreeMap;
use std::time::Duration;

use maniple_core::{
    AgentError, Budget, Class, Effect, Permissions, Run, StepContext, Tool, ToolOutcome,
    ToolOutput, ToolRegistry, ToolResponse, ToolSpec, agent_fn, tool_fn,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::common::open;
use crate::registered::{NAMES, four};
use crate::{Calls, any_object, only, scripted};

#[tokio::test(start_paused = true)]
async fn a_tool_that_does_not_exist_is_answered_without_a_step() {
    let run = open(Run::builder("unknown")).await;
    let name = "find\n".repeat(1000);
    let response = four().call(&run.context(), &name, json!({})).await.unwrap();
    assert_eq!(response.outcome, ToolOutcome::Unknown);
    let error = response.error.unwrap();
    assert_eq!(error.class, Class::Permanent);
    assert!(error.text.ends_with("there are edit, look, note, send"), "{error}");
    assert!(error.text.len() < 200, "{error}");
    assert_eq!(run.stats().steps_run, 0);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_told_the_names_of_many_tools_and_how_many_more_there_are() {
    let builder = (0..70).fold(ToolRegistry::builder(), |builder, i| {
        let answer = |_, sent: Value| Ok(sent.into());
        builder.with(scripted(&format!("t{i:02}"), Effect::Pure, &Calls::default(), answer))
    });
    let run = open(Run::builder("many")).await;
    let response = builder.build().unwrap().call(&run.context(), "t", json!({})).await.unwrap();
    let text = response.error.unwrap().text;
    assert!(text.starts_with("there is no tool \"t\"; there are t00, t01, "), "{text}");
    assert!(text.ends_with(", t62, t63 and 6 more"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_permitted_is_answered_without_a_step_and_by_whoever_forbids_it() {
    let pure = Permissions::all().with_highest_effect(Effect::Pure);
    let look = Permissions::all().with_tools(["look"]);
    let run = open(Run::builder("forbidden")).await;
    for forbidden in [pure, look] {
        // By the registry, by the context, and by both.
        let narrow = run.context().child("narrow").with_permissions(&forbidden);
        for (tools, cx) in [
            (four().permitted(&forbidden), run.context()),
            (four(), narrow.clone()),
            (four().permitted(narrow.permissions()), narrow),
        ] {
            let before = run.stats().steps_run;
            for name in NAMES {
                let response = tools.call(&cx, name, json!({})).await.unwrap();
                if name == "look" {
                    assert!(response.is_success());
                    continue;
                }
                assert_eq!(response.outcome, ToolOutcome::NotPermitted);
                let text = response.error.unwrap().text;
                assert_eq!(
                    text,
                    format!("the tool {name:?} may not be called here; there are look")
                );
            }
            assert_eq!(run.stats().steps_run, before + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn registry_and_context_may_each_permit_what_the_other_does_not() {
    let run = open(Run::builder("both")).await;
    let cx = run.context().with_permissions(&Permissions::all().with_tools(["look", "edit"]));
    let tools = four().permitted(&Permissions::all().with_tools(["look", "send"]));
    for (name, outcome) in [
        ("look", ToolOutcome::Succeeded),
        ("edit", ToolOutcome::NotPermitted),
        ("send", ToolOutcome::NotPermitted),
    ] {
        assert_eq!(tools.call(&cx, name, json!({})).await.unwrap().outcome, outcome);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_a_step_of_the_tools_name_under_its_effect() {
    let step = tool_fn("where", "", Effect::Idempotent, |_: Empty, step: StepContext| async move {
        Ok((step.key().to_string(), step.idempotency_key().to_string()))
    });
    let tools = only(step);
    let run = open(Run::builder("place")).await;
    let agent = agent_fn("agent", move |(), cx| {
        let tools = tools.clone();
        async move {
            let first = tools.call(&cx, "where", json!({})).await?.data;
            // A call that is refused takes no place.
            tools.call(&cx, "where", json!(1)).await?;
            let second = tools.call(&cx, "where", json!({})).await?.data;
            Ok((first, second))
        }
    });
    let (first, second) = run.execute(agent, ()).await.unwrap();
    assert_eq!((&first[0], &second[0]), (&json!("/agent/where"), &json!("/agent/where#2")));
    assert_ne!(first[1], second[1]);
}

#[derive(Deserialize, JsonSchema)]
struct Empty {}

#[tokio::test(start_paused = true)]
async fn the_duration_is_that_of_the_tool() {
    let slow = tool_fn("slow", "", Effect::Pure, |_: Empty, _| async {
        sleep(Duration::from_millis(70)).await;
        Ok(())
    });
    let run = open(Run::builder("slow")).await;
    let tools = only(slow);
    let response = tools.call(&run.context(), "slow", json!({})).await.unwrap();
    assert_eq!(response.duration, Duration::from_millis(70));
    let refused = tools.call(&run.context(), "slow", json!([])).await.unwrap();
    assert_eq!(refused.duration, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_reserves_and_spends_what_the_tool_says() {
    let spends = |_: Empty, step: StepContext| async move {
        step.spend(Budget::tokens(3));
        Ok(())
    };
    let tools = only(tool_fn("spend", "", Effect::Pure.reserving(Budget::tokens(10)), spends));
    let run = open(Run::builder("budget").with_budget(Budget::tokens(12))).await;
    tools.call(&run.context(), "spend", json!({})).await.unwrap();
    assert_eq!(run.context().remaining().tokens, 9);
    // The next does not fit, and that is the run's affair and not the model's.
    let error = tools.call(&run.context(), "spend", json!({})).await.unwrap_err();
    assert_eq!(error.class(), Class::BudgetExhausted);
}

#[derive(Debug)]
struct WithMetadata;

#[async_trait::async_trait]
impl Tool for WithMetadata {
    fn spec(&self) -> ToolSpec {
        ToolSpec::new("cite", "", any_object(), Effect::Pure)
    }

    async fn call(&self, _: Value, _: StepContext) -> Result<ToolOutput, AgentError> {
        Ok(ToolOutput::from(json!([1])).with("source", "here").with("at", 7))
    }
}

#[tokio::test(start_paused = true)]
async fn the_host_is_told_more_than_the_model() {
    let run = open(Run::builder("metadata")).await;
    let response = only(WithMetadata).call(&run.context(), "cite", json!({})).await.unwrap();
    let metadata = BTreeMap::from([("at".into(), json!(7)), ("source".into(), json!("here"))]);
    assert_eq!(response.metadata, metadata);
    assert_eq!(response.for_model(), r#"{"outcome":"succeeded","data":[1]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_model_is_told_of_a_refusal_in_these_words() {
    let run = open(Run::builder("words")).await;
    let strict = tool_fn("strict", "", Effect::Pure, |_: Strict, _| async { Ok(()) });
    let response = only(strict).call(&run.context(), "strict", json!({ "n": -1 })).await.unwrap();
    assert_eq!(
        response.for_model(),
        r#"{"outcome":"rejected","error":{"class":"permanent","text":"the arguments do not fit the tool's schema","faults":[{"path":"/n","problem":"-1 is less than the minimum of 0","allowed":0}]}}"#
    );
    let error = response.into_result().unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
    let text = "the arguments do not fit the tool's schema: -1 is less than the minimum of 0 at /n";
    assert_eq!(error.to_string(), text);
}

#[derive(Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only its schema matters")]
struct Strict {
    n: u32,
}

#[test]
fn a_response_is_read_back_as_it_was_written() {
    let written = r#"{"outcome":"failed","error":{"class":"transient","text":"busy"},"duration":{"secs":1,"nanos":5}}"#;
    let response: ToolResponse = serde_json::from_str(written).unwrap();
    assert_eq!(response.duration, Duration::new(1, 5));
    assert_eq!(serde_json::to_string(&response).unwrap(), written);
    let full = r#"{"outcome":"succeeded","data":{"a":1.5},"duration":{"secs":0,"nanos":0},"metadata":{"at":7,"from":"x"}}"#;
    let response: ToolResponse = serde_json::from_str(full).unwrap();
    let output = ToolOutput::from(json!({ "a": 1.5 })).with("from", "x").with("at", 7);
    assert_eq!(response, ToolResponse::succeeded(output));
    assert_eq!(serde_json::to_string(&response).unwrap(), full);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_the_body_of_a_step_is_a_mistake() {
    let run = open(Run::builder("nested")).await;
    let cx = run.context();
    let body = |(), _| async { four().call(&cx, "look", json!({})).await.map(drop) };
    let error = cx.step("outer", Effect::Pure, (), body).await.unwrap_err();
    assert!(matches!(error, AgentError::NestedStep { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_tool_is_an_agent_whose_failures_are_its_own() {
    let calls = Calls::default();
    let busy = scripted("busy", Effect::Irreversible, &calls, |call, sent| match call {
        1 => Err(AgentError::transient("busy")),
        _ => Ok(sent.into()),
    });
    let gone =
        scripted("gone", Effect::Irreversible, &calls, |_, _| Err(AgentError::permanent("gone")));
    let tools = ToolRegistry::builder().with(busy).with(gone).build().unwrap();
    assert!(tools.agent("other").is_none());
    let run = open(Run::builder("agent")).await;
    let class = async |name: &str, arguments: Value| {
        let result = run.execute(tools.agent(name).unwrap(), arguments).await;
        result.map_err(|error| error.class())
    };
    let arguments = json!({ "a": 1 });
    // Executed again, it goes on where it stopped, and then it is done.
    assert_eq!(class("busy", arguments.clone()).await, Err(Class::Transient));
    assert_eq!(class("busy", arguments.clone()).await, Ok(arguments.clone()));
    assert_eq!(class("busy", arguments.clone()).await, Ok(arguments.clone()));
    assert_eq!(calls.count(), 2);
    assert_eq!(class("gone", arguments.clone()).await, Err(Class::Permanent));
    assert_eq!(class("gone", arguments).await, Err(Class::Permanent));
    assert_eq!(calls.count(), 3);
    assert_eq!(class("gone", json!(1)).await, Err(Class::Permanent));
}
