//! What can be made of an agent: another output, and one over JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use maniple_core::{AgentError, AgentExt, BaseAgent, BoxAgent, Class, Run, RunContext, agent_fn};
use serde_json::{Value, json};

use crate::common::open;

async fn execute(agent: BoxAgent<Value, Value>, input: Value) -> Result<Value, AgentError> {
    open(Run::builder("agents")).await.execute(agent, input).await
}

fn adder() -> impl BaseAgent<Input = (u32, i8), Output = BTreeMap<String, f64>> {
    agent_fn("add", |(a, b): (u32, i8), _| async move {
        Ok(BTreeMap::from([("sum".to_owned(), f64::from(a) + f64::from(b) / 2.0)]))
    })
}

#[tokio::test(start_paused = true)]
async fn an_erased_agent_is_the_agent_over_json() {
    let erased = adder().erase();
    assert_eq!(erased.name(), "add");
    assert_eq!(execute(erased.clone(), json!([4, -1])).await.unwrap(), json!({"sum": 3.5}));
    assert_eq!(execute(erased.erase(), json!([4, 1])).await.unwrap(), json!({"sum": 4.5}));
}

#[tokio::test(start_paused = true)]
async fn an_input_of_another_type_is_a_codec_error() {
    for input in [json!(null), json!([4]), json!([-4, 1]), json!([4, 200]), json!("4")] {
        let error = execute(adder().erase(), input.clone()).await.unwrap_err();
        let AgentError::Codec { key, what, .. } = &error else { panic!("{input}: {error}") };
        assert_eq!((key.as_str(), *what), ("/add", "input"));
        assert_eq!(error.class(), Class::Permanent);
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_without_a_form_in_json_is_a_codec_error() {
    let pairs = agent_fn("pairs", |(): (), _| async move { Ok(BTreeMap::from([((1, 2), 3)])) });
    let error = execute(pairs.erase(), json!(null)).await.unwrap_err();
    let AgentError::Codec { key, what, .. } = &error else { panic!("{error}") };
    assert_eq!((key.as_str(), *what), ("/pairs", "output"));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_erased_agent_is_its_own() {
    let fails =
        agent_fn(
            "fails",
            |(): (), _| async move { Err::<(), _>(AgentError::transient("overloaded")) },
        );
    let error = execute(fails.erase(), json!(null)).await.unwrap_err();
    assert_eq!(error.class(), Class::Transient);
    assert_eq!(error.to_string(), "overloaded");
}

#[tokio::test(start_paused = true)]
async fn map_changes_the_output_and_nothing_else() {
    let run = open(Run::builder("map")).await;
    let length = agent_fn("length", |text: String, cx: RunContext| async move {
        if text.is_empty() {
            return Err(AgentError::permanent("empty"));
        }
        Ok((text.len(), cx.path()))
    });
    let mapped = length.map(|(length, path)| format!("{length} at {path}"));
    assert_eq!(mapped.name(), "length");
    let mapped = Arc::new(mapped);
    assert_eq!(run.execute(mapped.clone(), "four".into()).await.unwrap(), "4 at /length");
    let error = run.execute(mapped, String::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "empty");
}

#[tokio::test(start_paused = true)]
async fn agents_behind_pointers_run_as_themselves() {
    let agent = || agent_fn("same", |n: u8, cx: RunContext| async move { Ok((n, cx.path())) });
    let plain = open(Run::builder("plain")).await.execute(agent(), 1).await.unwrap();
    let pointers: [BoxAgent<u8, _>; 3] =
        [agent().boxed(), Arc::new(Box::new(agent())), agent().boxed().boxed()];
    for pointer in pointers {
        assert_eq!(pointer.name(), "same");
        let run = open(Run::builder("pointer")).await;
        assert_eq!(run.execute(pointer, 1).await.unwrap(), plain);
    }
}
