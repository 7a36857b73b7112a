use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::error::PrimeError;
use crate::names::PrimerName;

/// The instructions that one rendering may take.
const FUEL: u64 = 1_000_000;

/// One parsed template, in an environment that reaches nothing else.
#[derive(Debug)]
pub(super) struct Engine {
    environment: Environment<'static>,
    variables: BTreeSet<Arc<str>>,
}

impl Engine {
    pub(super) fn new(primer: &PrimerName, template: String) -> Result<Self, PrimeError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_fuel(Some(FUEL));
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment
            .add_template_owned(primer.to_string(), template)
            .map_err(|error| syntax(primer, error))?;
        let variables = variables(&environment, primer).map_err(|error| syntax(primer, error))?;
        Ok(Self { environment, variables })
    }

    pub(super) fn variables(&self) -> &BTreeSet<Arc<str>> {
        &self.variables
    }

    pub(super) fn render(
        &self,
        primer: &PrimerName,
        values: &BTreeMap<Arc<str>, String>,
    ) -> Result<String, PrimeError> {
        let values: Value =
            values.iter().map(|(name, value)| (&**name, Value::from(value.as_str()))).collect();
        self.environment
            .get_template(primer.as_str())
            .and_then(|template| template.render(values))
            .map_err(|error| failure(primer, error))
    }
}

/// What the template names and does not itself set, without the engine's own functions.
fn variables(
    environment: &Environment<'static>,
    primer: &PrimerName,
) -> Result<BTreeSet<Arc<str>>, Error> {
    let mut names = environment.get_template(primer.as_str())?.undeclared_variables(false);
    for (global, _) in environment.globals() {
        names.remove(global);
    }
    Ok(names.into_iter().map(Arc::from).collect())
}

fn syntax(primer: &PrimerName, error: Error) -> PrimeError {
    let (primer, line, detail) = (primer.clone(), error.line().unwrap_or(1), detail(&error));
    PrimeError::Syntax { primer, line, detail, source: error.into() }
}

fn failure(primer: &PrimerName, error: Error) -> PrimeError {
    let primer = primer.clone();
    if error.kind() == ErrorKind::OutOfFuel {
        return PrimeError::OutOfFuel { primer };
    }
    let (line, detail) = (error.line().unwrap_or(1), detail(&error));
    PrimeError::Render { primer, line, detail, source: error.into() }
}

fn detail(error: &Error) -> Box<str> {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned).into()
}
