//! What can be registered, how it is listed, and as what it is exported.

use maniple_core::{
    Effect, Permissions, RegisterError, Tool, ToolNameFault, ToolRegistry, ToolRegistryBuilder,
    ToolSpec, tool_fn,
};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{cases, hostile_name};
use crate::{Calls, Scripted, any_object, only, schema, scripted};

/// What is asked of the weather service.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema matters")]
struct Weather {
    /// The city, in English.
    city: String,
    /// How many days ahead.
    #[schemars(range(max = 7))]
    days: Option<u8>,
    units: Units,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Units {
    Metric,
    Imperial,
}

fn weather() -> impl Tool {
    tool_fn("weather", "Tells the weather.", Effect::Pure, |_: Weather, _| async { Ok(()) })
}

fn with_schema(schema: Value) -> Result<ToolRegistry, RegisterError> {
    let spec = ToolSpec::new("tool", "", crate::schema(schema), Effect::Pure);
    let tool = Scripted { spec, calls: Calls::default(), answer: |_, _| Ok(Value::Null.into()) };
    ToolRegistry::builder().with(tool).build()
}

fn named(name: &str) -> impl Tool + use<> {
    scripted(name, Effect::Pure, &Calls::default(), |_, _| Ok(Value::Null.into()))
}

/// The schema of [`Weather`], as it is sent.
fn weather_schema() -> Value {
    json!({
        "$defs": { "Units": { "enum": ["metric", "imperial"], "type": "string" } },
        "additionalProperties": false,
        "description": "What is asked of the weather service.",
        "properties": {
            "city": { "description": "The city, in English.", "type": "string" },
            "days": {
                "description": "How many days ahead.",
                "format": "uint8",
                "maximum": 7,
                "minimum": 0,
                "type": ["integer", "null"]
            },
            "units": { "$ref": "#/$defs/Units" }
        },
        "required": ["city", "units"],
        "type": "object"
    })
}

#[test]
fn tools_are_exported_as_chat_completions_take_them() {
    let tools = ToolRegistry::builder().with(weather()).with(named("z")).build().unwrap();
    assert_eq!(
        Value::from(tools.openai()),
        json!([
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Tells the weather.",
                    "parameters": weather_schema()
                }
            },
            {
                "type": "function",
                "function": {
                    "name": "z",
                    "description": "Answers as it is told.",
                    "parameters": { "properties": {}, "type": "object" }
                }
            }
        ])
    );
}

#[test]
fn tools_are_exported_as_anthropics_messages_take_them() {
    let tools = ToolRegistry::builder().with(weather()).with(named("z")).build().unwrap();
    assert_eq!(
        Value::from(tools.anthropic()),
        json!([
            {
                "name": "weather",
                "description": "Tells the weather.",
                "input_schema": weather_schema()
            },
            {
                "name": "z",
                "description": "Answers as it is told.",
                "input_schema": { "type": "object" }
            }
        ])
    );
}

#[test]
fn an_export_is_these_bytes() {
    let tools = ToolRegistry::builder().with(named("b")).with(named("a")).build().unwrap();
    let exported = Value::from(tools.anthropic()).to_string();
    assert_eq!(
        exported,
        r#"[{"description":"Answers as it is told.","input_schema":{"type":"object"},"name":"a"},{"description":"Answers as it is told.","input_schema":{"type":"object"},"name":"b"}]"#
    );
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn the_order_is_that_of_the_names_however_tools_were_registered(
        names in Just(vec!["b", "a", "c-1", "B", "_", "c_1"]).prop_shuffle()
    ) {
        let builder = names.iter().fold(ToolRegistry::builder(), |b, name| b.with(named(name)));
        let tools = builder.build().unwrap();
        let sorted = ["B", "_", "a", "b", "c-1", "c_1"];
        prop_assert_eq!(tools.names().collect::<Vec<_>>(), sorted);
        let exported: Vec<_> = tools.anthropic().iter().map(|t| t["name"].clone()).collect();
        prop_assert_eq!(exported, sorted);
    }

    #[test]
    fn a_name_is_taken_exactly_where_the_providers_take_it(
        name in prop_oneof![hostile_name(), "[a-zA-Z0-9_-]{0,70}", "\\PC{0,5}"]
    ) {
        let takes = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        let registered = ToolRegistry::builder().with(named(&name)).build();
        prop_assert_eq!(registered.is_ok(), takes);
        if let Err(error) = registered {
            let RegisterError::Name { name: told, .. } = &error else { panic!("{error}") };
            prop_assert_eq!(&**told, &name);
        }
    }

    #[test]
    fn a_view_lists_and_exports_what_is_permitted_by_name_and_effect(
        names in prop::option::of(prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len())),
        effect in prop::sample::select(EFFECTS.to_vec()),
        more in prop::option::of(prop::sample::subsequence(NAMES.to_vec(), 0..=NAMES.len())),
    ) {
        let narrow = |names: Option<Vec<&str>>| match names {
            Some(names) => Permissions::all().with_tools(names),
            None => Permissions::all(),
        };
        let (first, second) = (narrow(names).with_highest_effect(effect), narrow(more));
        let view = four().permitted(&first).permitted(&second);
        let permitted: Vec<_> = NAMES.into_iter().zip(EFFECTS).filter(|(name, needed)| {
            first.allows_tool(name) && second.allows_tool(name) && *needed <= effect
        }).map(|(name, _)| name).collect();
        prop_assert_eq!(view.names().collect::<Vec<_>>(), &permitted[..]);
        prop_assert_eq!(view.len(), permitted.len());
        prop_assert_eq!(view.is_empty(), permitted.is_empty());
        let openai: Vec<_> =
            view.openai().iter().map(|t| t["function"]["name"].clone()).collect();
        prop_assert_eq!(openai, &permitted[..]);
        let anthropic: Vec<_> = view.anthropic().iter().map(|t| t["name"].clone()).collect();
        prop_assert_eq!(anthropic, &permitted[..]);
        for name in NAMES {
            prop_assert_eq!(view.get(name).is_some(), permitted.contains(&name));
            prop_assert_eq!(view.agent(name).is_some(), permitted.contains(&name));
        }
    }
}

pub(crate) const NAMES: [&str; 4] = ["edit", "look", "note", "send"];
const EFFECTS: [Effect; 4] =
    [Effect::Reversible, Effect::Pure, Effect::Idempotent, Effect::Irreversible];

/// A tool of each effect.
pub(crate) fn four() -> ToolRegistry {
    let tools = NAMES.into_iter().zip(EFFECTS).map(|(name, effect)| {
        scripted(name, effect, &Calls::default(), |_, arguments| Ok(arguments.into()))
    });
    tools.fold(ToolRegistry::builder(), ToolRegistryBuilder::with).build().unwrap()
}

#[test]
fn what_a_tool_needs_permits_it_and_nothing_else() {
    for (name, effect) in NAMES.into_iter().zip(EFFECTS) {
        let needed = four().get(name).unwrap().permissions();
        assert_eq!(four().permitted(&needed).names().collect::<Vec<_>>(), [name]);
        assert_eq!(needed.highest_effect(), effect);
    }
}

#[test]
fn what_is_wrong_with_a_name_is_told() {
    let fault = |name: &str| match ToolRegistry::builder().with(named(name)).build() {
        Err(RegisterError::Name { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    assert_eq!(fault(""), ToolNameFault::Empty);
    assert_eq!(fault(&"x".repeat(65)), ToolNameFault::TooLong { length: 65 });
    assert_eq!(fault("web search"), ToolNameFault::Character { character: ' ', at: 3 });
}

#[test]
fn two_tools_of_one_name_are_refused() {
    let error = ToolRegistry::builder().with(named("a")).with(named("a")).build().unwrap_err();
    let RegisterError::Duplicate { name } = &error else { panic!("{error}") };
    assert_eq!(&**name, "a");
}

#[test]
fn a_schema_that_no_provider_takes_is_refused() {
    for other in [json!({}), json!({ "type": "array" }), json!({ "type": ["object", "null"] })] {
        let error = with_schema(other).unwrap_err();
        assert!(matches!(error, RegisterError::NotAnObject { .. }), "{error}");
    }
    for top in ["oneOf", "anyOf", "allOf", "enum", "not"] {
        let error = with_schema(json!({ "type": "object", top: [{}] })).unwrap_err();
        let RegisterError::TopLevel { keyword, .. } = error else { panic!("{error}") };
        assert_eq!(keyword, top);
    }
    let nothing = tool_fn("nothing", "", Effect::Pure, |(): (), _| async { Ok(()) });
    let error = ToolRegistry::builder().with(nothing).build().unwrap_err();
    assert!(matches!(error, RegisterError::NotAnObject { .. }), "{error}");
}

#[test]
fn a_schema_that_is_wrong_is_refused_when_it_is_registered() {
    for wrong in [
        json!({ "type": "object", "properties": { "a": { "type": "text" } } }),
        json!({ "type": "object", "properties": { "a": { "pattern": "(" } } }),
        json!({ "type": "object", "properties": { "a": { "$ref": "#/$defs/none" } } }),
        // Nothing is fetched.
        json!({ "type": "object", "properties": { "a": { "$ref": "http://localhost/a" } } }),
        json!({ "type": "object", "properties": { "a": { "$ref": "file:///etc/hosts" } } }),
    ] {
        let error = with_schema(wrong.clone()).expect_err(&wrong.to_string());
        let RegisterError::Schema { name, .. } = &error else { panic!("{error}") };
        assert_eq!(&**name, "tool");
    }
}

#[test]
fn a_shared_tool_is_a_tool() {
    let shared: std::sync::Arc<dyn Tool> = std::sync::Arc::new(named("shared"));
    assert_eq!(only(shared.clone()).get("shared").unwrap().schema(), &any_object());
    assert_eq!(only(Box::new(shared)).names().collect::<Vec<_>>(), ["shared"]);
    assert_eq!(schema(json!({ "type": "object" })), any_object());
}
