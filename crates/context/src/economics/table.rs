use std::collections::BTreeMap;
use std::fmt;

use maniple_core::{Class, Classify};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Price;

/// The prices of models, by name.
///
/// None are built in, for they change without notice: the host gives those that it pays. In JSON it
/// is an object of [`Price`]s, in which no model stands twice.
///
/// ```
/// use maniple_context::{PriceTable, Sent};
///
/// let table: PriceTable = serde_json::from_str(
///     r#"{"small": {"input": 250000, "output": 2000000, "cached_input": 25000},
///         "large": {"input": 3000000, "output": 15000000}}"#,
/// )?;
/// assert_eq!(table.price("small")?.of(Sent::new(40_000)), 10_000);
/// let unknown = table.price("medium").expect_err("it is not in the table");
/// assert_eq!(unknown.known, ["large".into(), "small".into()]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct PriceTable {
    prices: BTreeMap<Box<str>, Price>,
}

impl PriceTable {
    /// A table without prices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this price for the model, whatever it was before.
    pub fn with_price(mut self, model: impl Into<Box<str>>, price: Price) -> Self {
        self.prices.insert(model.into(), price);
        self
    }

    /// What a model takes.
    ///
    /// # Errors
    /// [`UnknownModel`] where the table has no price for a model of exactly this name.
    pub fn price(&self, model: &str) -> Result<&Price, UnknownModel> {
        self.prices.get(model).ok_or_else(|| UnknownModel {
            model: model.into(),
            known: self.prices.keys().cloned().collect(),
        })
    }

    /// The models and their prices, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Price)> {
        self.prices.iter().map(|(model, price)| (&**model, price))
    }
}

/// A model has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no price is given for the model {model:?}: {}", Known(.known))]
#[non_exhaustive]
pub struct UnknownModel {
    /// The model that was asked for.
    pub model: Box<str>,
    /// Those that have one, by name.
    pub known: Vec<Box<str>>,
}

impl Classify for UnknownModel {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

struct Known<'k>(&'k [Box<str>]);

impl fmt::Display for Known<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("the table is empty"),
            known => write!(f, "the table has {}", known.join(", ")),
        }
    }
}

impl<'de> Deserialize<'de> for PriceTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Prices)
    }
}

struct Prices;

impl<'de> Visitor<'de> for Prices {
    type Value = PriceTable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of prices by the names of models")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PriceTable, A::Error> {
        let mut table = PriceTable::new();
        while let Some((model, price)) = map.next_entry::<Box<str>, Price>()? {
            if table.prices.contains_key(&model) {
                return Err(A::Error::custom(format_args!("the model {model:?} has two prices")));
            }
            table.prices.insert(model, price);
        }
        Ok(table)
    }
}
