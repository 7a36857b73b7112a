//! What a model is told of arguments that are wrong.

use std::collections::BTreeMap;

use maniple_core::{Class, Effect, JsonPosition, Run, ToolOutcome, ToolResponse, tool_fn};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::common::open;
use crate::{Calls, only, scripted};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only what they are read from matters")]
struct Order {
    /// How many.
    #[schemars(range(min = 1, max = 9))]
    count: u8,
    color: Option<Color>,
    shape: Option<Kind>,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    tags: BTreeMap<String, u8>,
    #[serde(default)]
    letters: BTreeMap<String, Line>,
    #[schemars(with = "Option<String>")]
    mark: Option<Mark>,
}

/// What the schema calls a text, and what a text is never enough for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only what it is read from matters")]
enum Mark {
    At(u8),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Color {
    Red,
    Green,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "only what they are read from matters")]
enum Kind {
    Circle { radius: u8 },
    Square { side: u8 },
}

/// Something that the schema calls a string, and that is not any string.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only what it is read from matters")]
struct Line(#[schemars(with = "String")] char);

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert_ne!(text, "panic", "as it was told");
        match text.chars().collect::<Vec<_>>().as_slice() {
            [only] => Ok(Self(*only)),
            more => Err(serde::de::Error::custom(format!("{} characters are not 1", more.len()))),
        }
    }
}

async fn order(arguments: Value) -> ToolResponse {
    let tools = only(tool_fn("order", "Orders.", Effect::Pure, |_: Order, _| async { Ok(()) }));
    let run = open(Run::builder("arguments")).await;
    let response = tools.call(&run.context(), "order", arguments).await.unwrap();
    let ran = usize::from(response.is_success());
    assert_eq!(run.stats().steps_run, u64::try_from(ran).unwrap());
    response
}

/// Path, problem and what is allowed, of each fault.
async fn wrong(arguments: Value) -> Vec<(String, String, Value)> {
    let response = order(arguments).await;
    assert_eq!(response.outcome, ToolOutcome::Rejected);
    let error = response.error.unwrap();
    assert_eq!(error.class, Class::Permanent);
    let told = |v: maniple_core::ArgumentFault| (v.path, v.problem, v.allowed.unwrap_or_default());
    error.faults.into_iter().map(told).collect()
}

fn told(path: &str, problem: &str, allowed: Value) -> (String, String, Value) {
    (path.into(), problem.into(), allowed)
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_told_with_its_path_what_is_wrong_and_what_is_allowed() {
    let arguments = json!({ "count": 12, "color": "pink", "tags": { "a/b": "x" }, "size": 1 });
    let fields = json!(["color", "count", "letters", "lines", "mark", "shape", "tags"]);
    assert_eq!(
        wrong(arguments).await,
        [
            told("", "Additional properties are not allowed ('size' was unexpected)", fields),
            told("/color", r#""pink" is not one of "red" or "green""#, json!(["red", "green"])),
            told("/count", "12 is greater than the maximum of 9", json!(9)),
            told("/tags/a~1b", r#""x" is not of type "integer""#, json!("integer")),
        ]
    );
    let missing = told("", r#""count" is a required property"#, json!(["count"]));
    assert_eq!(wrong(json!({})).await, [missing]);
}

#[tokio::test(start_paused = true)]
async fn of_several_alternatives_the_one_that_was_meant_is_told() {
    let circle = json!({ "count": 1, "shape": { "kind": "circle", "radius": -1 } });
    let problem = "-1 is less than the minimum of 0";
    assert_eq!(wrong(circle).await, [told("/shape/radius", problem, json!(0))]);
}

/// Alternatives inside of alternatives, of which two look alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "op", rename_all = "snake_case")]
#[expect(dead_code, reason = "only what they are read from matters")]
enum Filter {
    Not { inner: Box<Self> },
    Most { inner: Box<Self> },
    Is { word: String },
}

/// As deep as it gets, without alternatives that multiply.
#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only what they are read from matters")]
struct Chain {
    next: Option<Box<Self>>,
    items: Vec<u8>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[expect(dead_code, reason = "only what they are read from matters")]
struct Search {
    filter: Option<Filter>,
    chain: Option<Chain>,
}

async fn search(arguments: Value) -> ToolResponse {
    let tools = only(tool_fn("search", "", Effect::Pure, |_: Search, _| async { Ok(()) }));
    let run = open(Run::builder("arguments")).await;
    tools.call(&run.context(), "search", arguments).await.unwrap()
}

fn filter(depth: usize, word: &Value) -> Value {
    let innermost = json!({ "op": "is", "word": word });
    let around = |inner: Value, op: &str| json!({ "op": op, "inner": inner });
    let ops = ["not", "most"].into_iter().cycle().take(depth);
    json!({ "filter": ops.fold(innermost, around) })
}

fn first_fault(response: ToolResponse) -> maniple_core::ArgumentFault {
    assert_eq!(response.outcome, ToolOutcome::Rejected);
    response.error.unwrap().faults.swap_remove(0)
}

#[tokio::test(start_paused = true)]
async fn alternatives_inside_of_alternatives_are_refused_in_no_time() {
    for depth in [0, 1, 2, 3, 60] {
        assert!(search(filter(depth, &json!("ants"))).await.is_success());
    }
    for depth in [0, 1, 2, 3] {
        let fault = first_fault(search(filter(depth, &json!(7))).await);
        assert_eq!(fault.path, format!("/filter{}/word", "/inner".repeat(depth)));
    }
    // To look into each of them took a second here, and twice as long with each level more.
    for depth in [14, 60] {
        let fault = first_fault(search(filter(depth, &json!(7))).await);
        assert!(fault.problem.contains("nest them less"), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_only_deep_or_long_is_told_with_its_path() {
    let wrong: Vec<_> = std::iter::repeat_n(json!(7), 20_000).chain([json!("x")]).collect();
    let innermost = json!({ "next": null, "items": wrong });
    let chain = (0..30).fold(innermost, |next, _| json!({ "next": next, "items": [] }));
    let fault = first_fault(search(json!({ "chain": chain })).await);
    assert_eq!(fault.path, format!("/chain{}/items/20000", "/next".repeat(30)));
    assert_eq!(fault.problem, r#""x" is not of type "integer""#);
}

#[tokio::test(start_paused = true)]
async fn what_the_type_refuses_is_told_with_its_path_too() {
    let lines = json!({ "count": 1, "lines": ["a", "bc"] });
    assert_eq!(wrong(lines).await, [told("/lines/1", "2 characters are not 1", Value::Null)]);
    let letters = json!({ "count": 1, "letters": { "a": "b", "c/d": "" } });
    let problem = "0 characters are not 1";
    assert_eq!(wrong(letters).await, [told("/letters/c~1d", problem, Value::Null)]);
    // The variant is no key here.
    let [(path, ..)] = &wrong(json!({ "count": 1, "mark": "at" })).await[..] else { panic!() };
    assert_eq!(path, "/mark");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_reading_the_arguments_is_answered() {
    let response = order(json!({ "count": 1, "lines": ["panic"] })).await;
    assert_eq!(response.outcome, ToolOutcome::Panicked);
    assert!(response.error.unwrap().text.contains("as it was told"));
}

#[tokio::test(start_paused = true)]
async fn a_text_is_taken_for_the_json_in_it() {
    assert!(order(Value::from(r#" {"count": 3} "#)).await.is_success());
    // Written twice, as some models do.
    let twice = Value::from(r#"{"count": 3}"#).to_string();
    assert_eq!(order(Value::from(twice)).await.outcome, ToolOutcome::Rejected);
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_no_json_is_refused_with_the_place() {
    let response = order(Value::from("{\"count\": 1,\n \"lines\": [}")).await;
    assert_eq!(response.outcome, ToolOutcome::Rejected);
    let error = response.error.unwrap();
    assert_eq!(error.position, Some(JsonPosition { line: 2, column: 12 }));
    assert!(error.text.ends_with("at line 2 column 12"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_nested_too_deep_is_refused() {
    let response = order(Value::from(format!("{{\"count\":{}", "[".repeat(100_000)))).await;
    assert_eq!(response.outcome, ToolOutcome::Rejected);
    assert!(response.error.unwrap().position.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_too_deep_is_refused_also_where_the_host_has_read_it() {
    let tools = only(scripted("tool", Effect::Pure, &Calls::default(), |_, _| Ok(json!(1).into())));
    let run = open(Run::builder("arguments")).await;
    for (depth, outcome) in [(99, ToolOutcome::Succeeded), (3000, ToolOutcome::Rejected)] {
        let lists = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        let response = tools.call(&run.context(), "tool", json!({ "a": lists })).await.unwrap();
        assert_eq!(response.outcome, outcome, "{depth}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_at_all_is_no_arguments() {
    let tools = only(scripted("now", Effect::Pure, &Calls::default(), |_, sent| Ok(sent.into())));
    let run = open(Run::builder("nothing")).await;
    for nothing in [" ".into(), Value::Null, "null".into()] {
        let response = tools.call(&run.context(), "now", nothing).await.unwrap();
        assert_eq!(response.data, json!({}));
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_that_are_no_object_are_refused() {
    for arguments in [json!(7), json!([{ "count": 1 }]), json!(true)] {
        let [(path, problem, allowed)] = &wrong(arguments).await[..] else { panic!("one is told") };
        assert_eq!(path, "");
        assert!(problem.ends_with("is not of type \"object\""), "{problem}");
        assert_eq!(allowed, "object");
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_too_long_is_that_of_what_the_value_stands_in() {
    for (length, path) in [(194, format!("/tags/{}", "é".repeat(97))), (196, "/tags".into())] {
        let arguments = json!({ "count": 1, "tags": { "é".repeat(length / 2): "x" } });
        let problem = r#""x" is not of type "integer""#;
        assert_eq!(wrong(arguments).await, [told(&path, problem, json!("integer"))]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_model_is_told_is_short_however_much_is_wrong() {
    let long = "x".repeat(100_000);
    let mut tags: serde_json::Map<_, _> =
        (0..1000).map(|i| (format!("a{i:04}"), json!("x"))).collect();
    tags.insert("a".into(), json!(long));
    tags.insert(long.clone(), json!({}));
    let arguments = json!({ "count": 1, "tags": tags, &long: 1 });
    let response = order(arguments.clone()).await;
    let error = response.error.clone().unwrap();
    assert_eq!((error.faults.len(), error.omitted), (16, 1003 - 16));
    assert!(error.faults.iter().all(|v| arguments.pointer(&v.path).is_some()));
    assert!(response.for_model().len() < 16_000, "{}", response.for_model().len());
    assert_eq!(order(arguments).await, response);
}
