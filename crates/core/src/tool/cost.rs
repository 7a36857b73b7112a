//! What arguments and outputs may cost.

use std::collections::HashMap;
use std::ptr::from_ref;

use serde_json::Value;

/// How many visits are few in any case.
const FEW_VISITS: u64 = 10_000;
/// How often each value is visited on average, at most.
const MOST_OFTEN: u64 = 16;

/// How many lists and objects stand in each other at most. What reads JSON from a text stops at 127, and
/// what a response and a journal put around a value counts there too.
pub(super) const DEEPEST: usize = 100;

/// Whether more than so many lists and objects stand in each other.
pub(super) fn is_deeper(value: &Value, levels: usize) -> bool {
    match (value, levels.checked_sub(1)) {
        (Value::Array(_) | Value::Object(_), None) => true,
        (Value::Array(items), Some(left)) => items.iter().any(|item| is_deeper(item, left)),
        (Value::Object(members), Some(left)) => {
            members.values().any(|member| is_deeper(member, left))
        }
        _ => false,
    }
}

/// Whether the faults can be looked for in a time that grows no faster than schema and arguments do.
///
/// Whether a value fits is found out once. What is wrong with it is looked for in each alternative
/// anew, so that alternatives inside of alternatives multiply that time with every level.
pub(super) fn is_affordable(schema: &Value, arguments: &Value) -> bool {
    let mut walk = Walk { root: schema, visits: HashMap::new(), distinct: 0 };
    let visits = walk.visits(schema, arguments);
    visits <= FEW_VISITS.max(walk.distinct.saturating_mul(MOST_OFTEN))
}

/// Counts the visits without making each of them.
struct Walk<'v> {
    root: &'v Value,
    /// By the places of schema and value in memory.
    visits: HashMap<(*const Value, *const Value), u64>,
    distinct: u64,
}

impl<'v> Walk<'v> {
    fn visits(&mut self, schema: &'v Value, value: &'v Value) -> u64 {
        if !(value.is_array() || value.is_object()) {
            self.distinct += 1;
            return 1;
        }
        let pair = (from_ref(schema), from_ref(value));
        if let Some(known) = self.visits.get(&pair) {
            return *known;
        }
        self.distinct += 1;
        // What refers to itself without going further ends here.
        self.visits.insert(pair, 0);
        let below = self.below(schema, value).saturating_add(1);
        self.visits.insert(pair, below);
        below
    }

    fn below(&mut self, schema: &'v Value, value: &'v Value) -> u64 {
        let Some(keywords) = schema.as_object() else { return 0 };
        let mut sum = 0_u64;
        for (keyword, inner) in keywords {
            let more = match (keyword.as_str(), inner) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", _) => match self.target(inner) {
                    Some(target) => self.visits(target, value),
                    None => u64::MAX,
                },
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                    self.sum(schemas.iter().map(|schema| (schema, value)))
                }
                ("not" | "if" | "then" | "else", _) => self.visits(inner, value),
                ("dependentSchemas", Value::Object(schemas)) => {
                    self.sum(schemas.values().map(|schema| (schema, value)))
                }
                (_, inner) => self.members(keyword, inner, value),
            };
            sum = sum.saturating_add(more);
        }
        sum
    }

    /// The visits to what stands in a value.
    fn members(&mut self, keyword: &str, inner: &'v Value, value: &'v Value) -> u64 {
        match (keyword, inner, value) {
            ("properties", Value::Object(schemas), Value::Object(members)) => {
                let known = members.iter().filter_map(|(key, v)| Some((schemas.get(key)?, v)));
                self.sum(known)
            }
            ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                let all = schemas.values().flat_map(|s| members.values().map(move |v| (s, v)));
                self.sum(all)
            }
            (
                "additionalProperties" | "unevaluatedProperties",
                Value::Object(_),
                Value::Object(members),
            ) => self.sum(members.values().map(|v| (inner, v))),
            ("prefixItems" | "items", Value::Array(schemas), Value::Array(items)) => {
                self.sum(schemas.iter().zip(items))
            }
            (
                "items" | "additionalItems" | "contains" | "unevaluatedItems",
                Value::Object(_),
                Value::Array(items),
            ) => self.sum(items.iter().map(|v| (inner, v))),
            _ => 0,
        }
    }

    fn sum(&mut self, pairs: impl Iterator<Item = (&'v Value, &'v Value)>) -> u64 {
        pairs.fold(0, |sum, (schema, value)| sum.saturating_add(self.visits(schema, value)))
    }

    /// What a reference is to, where that is a place in the schema.
    fn target(&self, reference: &Value) -> Option<&'v Value> {
        self.root.pointer(reference.as_str()?.strip_prefix('#')?)
    }
}
