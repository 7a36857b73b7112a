//! What the program is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use maniple::context::{Encoding, Price, PriceTable};

use crate::problem::Problem;

const EXAMPLES: &str = "\
Examples:
  live --window 32000 --turns 200 --seed 7 --svg turns.svg
  live agent.json --window 32000 --prices prices.json --model large
  live agent.json --window 32000 --json | jq 'select(.compaction)'

A file of prices is what the models take for a million tokens, in millionths:
  {\"large\": {\"input\": 3000000, \"output\": 15000000, \"cached_input\": 300000,
             \"cache_write\": 3750000, \"smallest_cached\": 1024}}";

/// Of no model: it is there so that there is something to count with.
pub(crate) const EXAMPLE_PRICE: Price =
    Price::new(3_000_000, 15_000_000).with_cache(300_000, 3_750_000).with_smallest_cached(1_024);

/// Replays an agent's transcript turn by turn within a window of tokens.
///
/// Each message of the assistant is a turn: what stands before it was sent. Without a file a
/// transcript of a coding agent is made up.
#[derive(Debug, Parser)]
#[command(name = "live", version, after_help = EXAMPLES)]
pub(crate) struct Command {
    /// A JSON file of messages, or of a request that has them; `-` is the standard input.
    file: Option<PathBuf>,
    /// The most tokens that a turn may send.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) window: usize,
    /// Turns of a made-up transcript.
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value_t = 200,
        conflicts_with = "file")]
    pub(crate) turns: usize,
    /// What a made-up transcript follows from.
    #[arg(long, value_name = "N", default_value_t = 7, conflicts_with = "file")]
    pub(crate) seed: u64,
    /// Whose messages these are; by default told by their look.
    #[arg(long, value_enum)]
    pub(crate) style: Option<Style>,
    /// What a compaction keeps first: what has to do with this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) query: Option<String>,
    /// The share of the window above which a compaction runs.
    #[arg(long, value_name = "SHARE", default_value_t = 0.85)]
    pub(crate) high: f64,
    /// The share of the window to which a compaction reduces.
    #[arg(long, value_name = "SHARE", default_value_t = 0.45)]
    pub(crate) low: f64,
    /// The encoding in which tokens are counted: `o200k_base` or `cl100k_base`.
    #[arg(long, value_name = "NAME", default_value_t)]
    pub(crate) encoding: Encoding,
    /// A JSON file of prices by model; by default an example price.
    #[arg(long, value_name = "FILE", requires = "model")]
    prices: Option<PathBuf>,
    /// The model whose price is taken.
    #[arg(long, value_name = "NAME", requires = "prices")]
    model: Option<String>,
    /// Draw the tokens of each turn, with and without, to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print each N-th turn, and those in which a compaction ran.
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value_t = 1)]
    pub(crate) every: usize,
    /// Print no turns, only the table at the end.
    #[arg(long, conflicts_with = "every")]
    pub(crate) quiet: bool,
    /// Print a line of JSON for each turn, and one for the whole.
    #[arg(long, conflicts_with_all = ["every", "quiet"])]
    pub(crate) json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("give at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

/// Whose messages a transcript has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Style {
    /// Those of the chat completions API.
    Openai,
    /// Those of the messages API.
    Anthropic,
}

/// What a turn costs, and who says so.
#[derive(Debug)]
pub(crate) struct Pricing {
    pub(crate) price: Price,
    /// Of which model; none where it is the example.
    pub(crate) model: Option<String>,
}

impl Command {
    pub(crate) fn from_arguments() -> Self {
        Self::parse()
    }

    /// The file of the transcript; none where one is made up.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(crate) fn pricing(&self) -> Result<Pricing, Problem> {
        let (Some(path), Some(model)) = (&self.prices, &self.model) else {
            return Ok(Pricing { price: EXAMPLE_PRICE, model: None });
        };
        let read = fs::read(path);
        let json = read.map_err(|source| Problem::ReadPrices { path: path.clone(), source })?;
        let table: PriceTable = serde_json::from_slice(&json)
            .map_err(|source| Problem::Prices { path: path.clone(), source })?;
        Ok(Pricing { price: *table.price(model)?, model: Some(model.clone()) })
    }
}
