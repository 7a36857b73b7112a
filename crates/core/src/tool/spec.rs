use std::fmt;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::misfit;
use super::response::ArgumentFault;
use crate::permission::Permissions;
use crate::step::{Effect, StepOptions};

/// What a model and a registry are told of a tool.
#[derive(Clone)]
pub struct ToolSpec {
    name: Arc<str>,
    description: Arc<str>,
    schema: Schema,
    options: StepOptions,
    misfit: Option<fn(&Value) -> Option<ArgumentFault>>,
}

impl ToolSpec {
    /// A tool whose arguments this schema describes.
    ///
    /// `options` is an [`Effect`], or one that [reserves](Effect::reserving) a part of the budget for
    /// each call. Name and schema are checked when the tool is
    /// [registered](super::ToolRegistryBuilder::build).
    pub fn new(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        schema: Schema,
        options: impl Into<StepOptions>,
    ) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, description, schema, options: options.into(), misfit: None }
    }

    /// A tool whose arguments are of this type: the schema is made of it, and what the schema accepts
    /// and the type does not, such as a text that is no date, is refused before the call too.
    pub fn of<A: JsonSchema + DeserializeOwned>(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        options: impl Into<StepOptions>,
    ) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
        let mut schema = settings.into_generator().into_root_schema_for::<A>();
        // The name of a type tells a model nothing, and renaming the type would change the prompt.
        schema.remove("title");
        Self { misfit: Some(misfit::<A>), ..Self::new(name, description, schema, options) }
    }

    /// The name, which is that of the step of each call too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the tool is for, in words for the model.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The JSON schema of the arguments.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// What a call does to the world.
    pub fn effect(&self) -> Effect {
        self.options.effect
    }

    /// The narrowest permissions that permit this tool.
    pub fn permissions(&self) -> Permissions {
        Permissions::all().with_tools([self.name()]).with_highest_effect(self.effect())
    }

    pub(super) fn options(&self) -> StepOptions {
        self.options
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.name.clone()
    }

    pub(super) fn is_permitted(&self, permissions: &Permissions) -> bool {
        permissions.allows_tool(&self.name) && self.effect() <= permissions.highest_effect()
    }

    /// What keeps these arguments from the type, if anything does.
    pub(super) fn misfit(&self, arguments: &Value) -> Option<ArgumentFault> {
        self.misfit.and_then(|misfit| misfit(arguments))
    }
}

impl fmt::Debug for ToolSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolSpec")
            .field("name", &self.name)
            .field("description", &self.description)
            .field("schema", &self.schema)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
