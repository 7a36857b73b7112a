use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;
use std::fmt;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::name::check_name;
use super::{Tool, ToolAgent, ToolNameFault, ToolSpec};
use crate::error::Source;
use crate::permission::Permissions;

/// Tools by name: what a model is told of, and how they are called.
///
/// It is cheap to clone. Tools are listed and exported in the order of their names, whatever the order
/// in which they were registered: the prompt stays the same, and what a provider caches of it stays
/// good.
///
/// A registry can be narrowed to what is [permitted](Self::permitted). What the context of a call does
/// not permit is not called either, whatever the registry lists.
///
/// ```
/// use maniple_core::{Effect, Permissions, ToolRegistry, tool_fn};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct File {
///     path: String,
/// }
///
/// let read = tool_fn("read", "Reads a file.", Effect::Pure, |file: File, _| async move {
///     Ok(format!("what stands in {}", file.path))
/// });
/// let delete = tool_fn("delete", "Deletes a file.", Effect::Irreversible, |_: File, _| async {
///     Ok(())
/// });
/// let tools = ToolRegistry::builder().with(read).with(delete).build()?;
/// assert_eq!(tools.names().collect::<Vec<_>>(), ["delete", "read"]);
///
/// let reader = tools.permitted(&Permissions::all().with_highest_effect(Effect::Pure));
/// assert_eq!(reader.names().collect::<Vec<_>>(), ["read"]);
/// assert_eq!(reader.openai()[0]["function"]["name"], "read");
/// # Ok::<(), maniple_core::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct ToolRegistry {
    entries: Arc<BTreeMap<Arc<str>, Arc<Entry>>>,
    permissions: Permissions,
}

/// A tool that is known to be callable.
pub(super) struct Entry {
    pub(super) spec: ToolSpec,
    pub(super) validator: Validator,
    pub(super) tool: Box<dyn Tool>,
}

/// Collects the tools of a [`ToolRegistry`].
#[derive(Debug, Default)]
pub struct ToolRegistryBuilder {
    tools: Vec<Box<dyn Tool>>,
}

/// Why tools are no registry.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// No provider would take the name.
    #[error("{name:?} cannot name a tool: {source}")]
    Name {
        /// The name.
        name: Arc<str>,
        /// What is wrong with it.
        source: ToolNameFault,
    },
    /// Two tools have one name.
    #[error("two tools are named {name:?}: rename one of them")]
    Duplicate {
        /// The name.
        name: Arc<str>,
    },
    /// The arguments are not a JSON object, which no provider would take.
    #[error(
        "the schema of the tool {name:?} is not that of an object: let its arguments be a struct with named fields"
    )]
    NotAnObject {
        /// The tool.
        name: Arc<str>,
    },
    /// At its top, the schema has a keyword that providers refuse there.
    #[error(
        "the schema of the tool {name:?} has {keyword:?} at its top, which providers refuse: put the alternatives into a field"
    )]
    TopLevel {
        /// The tool.
        name: Arc<str>,
        /// The keyword.
        keyword: &'static str,
    },
    /// The schema itself is wrong, or refers to one that is not in it.
    #[error("the schema of the tool {name:?} cannot be used: {source}")]
    Schema {
        /// The tool.
        name: Arc<str>,
        /// What is wrong with it.
        source: Source,
    },
}

impl ToolRegistryBuilder {
    /// Adds a tool.
    pub fn with(mut self, tool: impl Tool) -> Self {
        self.tools.push(Box::new(tool));
        self
    }

    /// Checks names and schemas, and makes ready what checks arguments.
    ///
    /// # Errors
    /// For the first tool, in the order in which they were added, with a name that a provider would
    /// refuse, or that another tool has; or with a schema that is wrong, or not one of an object.
    pub fn build(self) -> Result<ToolRegistry, RegisterError> {
        let mut entries = BTreeMap::new();
        for tool in self.tools {
            let spec = tool.spec();
            let name = spec.shared_name();
            check_name(&name)
                .map_err(|source| RegisterError::Name { name: name.clone(), source })?;
            let validator = compile(&spec)?;
            match entries.entry(name) {
                Place::Vacant(place) => {
                    place.insert(Arc::new(Entry { spec, validator, tool }));
                }
                Place::Occupied(place) => {
                    return Err(RegisterError::Duplicate { name: place.key().clone() });
                }
            }
        }
        Ok(ToolRegistry { entries: Arc::new(entries), permissions: Permissions::all() })
    }
}

/// The keywords that providers refuse at the top of a schema.
const NOT_AT_THE_TOP: [&str; 5] = ["allOf", "anyOf", "enum", "not", "oneOf"];

fn compile(spec: &ToolSpec) -> Result<Validator, RegisterError> {
    let (schema, name) = (spec.schema(), || spec.shared_name());
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(RegisterError::NotAnObject { name: name() });
    }
    if let Some(keyword) = NOT_AT_THE_TOP.into_iter().find(|keyword| schema.get(*keyword).is_some())
    {
        return Err(RegisterError::TopLevel { name: name(), keyword });
    }
    // Offline: what a schema refers to stands in it.
    let compiled = jsonschema::options().offline().build(schema.as_value());
    compiled.map_err(|error| RegisterError::Schema { name: name(), source: Source::new(error) })
}

impl ToolRegistry {
    /// A registry without tools, to add some to.
    pub fn builder() -> ToolRegistryBuilder {
        ToolRegistryBuilder::default()
    }

    /// The part of this registry that these permissions permit too, by the names of the tools and by
    /// their effects. For an agent, it is `tools.permitted(cx.permissions())`.
    pub fn permitted(&self, permissions: &Permissions) -> Self {
        let permissions = self.permissions.intersect(permissions);
        Self { entries: self.entries.clone(), permissions }
    }

    /// What is known of each tool, in the order of their names.
    pub fn specs(&self) -> impl Iterator<Item = &ToolSpec> {
        self.visible(&self.permissions)
    }

    /// The names of all tools, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.specs().map(ToolSpec::name)
    }

    /// What is known of a tool.
    pub fn get(&self, name: &str) -> Option<&ToolSpec> {
        let spec = &self.entry(name)?.spec;
        spec.is_permitted(&self.permissions).then_some(spec)
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.specs().count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.specs().next().is_none()
    }

    /// The tools as `OpenAI`'s Chat Completions take them, and whoever is compatible with those.
    pub fn openai(&self) -> Vec<Value> {
        let tool = |spec: &ToolSpec| {
            let (name, description) = (spec.name(), spec.description());
            let mut schema = spec.schema().clone();
            // Without it, a tool that takes no arguments gets the whole request refused.
            schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
            let function =
                json!({ "name": name, "description": description, "parameters": schema });
            json!({ "type": "function", "function": function })
        };
        self.specs().map(tool).collect()
    }

    /// The tools as Anthropic's Messages take them.
    pub fn anthropic(&self) -> Vec<Value> {
        let tool = |spec: &ToolSpec| {
            let (name, description) = (spec.name(), spec.description());
            json!({ "name": name, "description": description, "input_schema": spec.schema() })
        };
        self.specs().map(tool).collect()
    }

    /// A tool as an agent, to stand in patterns; `None` where there is none of that name.
    pub fn agent(&self, name: &str) -> Option<ToolAgent> {
        let name = self.get(name)?.shared_name();
        Some(ToolAgent::new(self.clone(), name))
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Arc<Entry>> {
        self.entries.get(name)
    }

    /// What this registry and a context permit.
    pub(super) fn permissions_in(&self, permissions: &Permissions) -> Permissions {
        self.permissions.intersect(permissions)
    }

    pub(super) fn visible(&self, permissions: &Permissions) -> impl Iterator<Item = &ToolSpec> {
        let specs = self.entries.values().map(|entry| &entry.spec);
        specs.filter(move |spec| spec.is_permitted(permissions))
    }
}

impl fmt::Debug for ToolRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolRegistry")
            .field("tools", &self.names().collect::<Vec<_>>())
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
