use maniple_core::Budget;
use serde::{Deserialize, Serialize};

/// Prices are for so many tokens.
const PER_TOKENS: u128 = 1_000_000;

/// What a model takes for a million tokens, in millionths of the host's currency, as
/// [`Budget::cost_micros`](maniple_core::Budget::cost_micros) counts: a model that takes 2.50 for a
/// million tokens has the price 2,500,000.
///
/// In JSON it is `{"input": 3000000, "output": 15000000, "cached_input": 300000,
/// "cache_write": 3750000, "smallest_cached": 1024}`, of which the last three may be left out.
///
/// A provider that caches reads the beginning that a request shares with the one before for the
/// cached price, and writes the rest, with which the next request begins. So no token is paid at the
/// plain input price there, but those of a request that is too small to be cached.
///
/// ```
/// use maniple_context::{Price, Sent};
///
/// let price = Price::new(3_000_000, 15_000_000).with_cache(300_000, 3_750_000);
/// // 90,000 tokens are read from the cache, 10,000 are new.
/// assert_eq!(price.of(Sent::new(100_000).with_cached(90_000)), 27_000 + 37_500);
/// let call = price.call(Sent::new(100_000).with_cached(90_000), 2_000);
/// assert_eq!((call.tokens, call.cost_micros), (102_000, 64_500 + 30_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Price {
    input: u64,
    output: u64,
    cached_input: u64,
    cache_write: u64,
    smallest_cached: usize,
}

impl Price {
    /// The price of a model whose provider caches nothing: all that is sent costs `input`.
    pub const fn new(input: u64, output: u64) -> Self {
        Self { input, output, cached_input: input, cache_write: input, smallest_cached: 0 }
    }

    /// The price where the provider caches: `read` for what it reads from its cache, `write` for
    /// what it writes there. Where writing costs nothing more, `write` is the price of input.
    pub const fn with_cache(self, read: u64, write: u64) -> Self {
        Self { cached_input: read, cache_write: write, ..self }
    }

    /// The smallest beginning, in tokens, that the provider caches; by default 0. What is smaller
    /// costs `input`, and is neither read from the cache nor written.
    pub const fn with_smallest_cached(self, tokens: usize) -> Self {
        Self { smallest_cached: tokens, ..self }
    }

    /// What sending a request costs, in millionths of the host's currency, without its answer.
    ///
    /// It is rounded up, so a request whose tokens are not free is not either. What is more than a
    /// `u64` holds is `u64::MAX`.
    pub fn of(&self, sent: Sent) -> u64 {
        if sent.tokens < self.smallest_cached {
            return cost([(sent.tokens, self.input)]);
        }
        let cached = sent.cached.min(sent.tokens);
        let read = if cached < self.smallest_cached { 0 } else { cached };
        cost([(read, self.cached_input), (sent.tokens - read, self.cache_write)])
    }

    /// What a call uses that sends a request and gets an answer of so many tokens, each cost rounded
    /// as [`of`](Self::of) rounds.
    pub fn call(&self, sent: Sent, answered: usize) -> Budget {
        let tokens = |tokens| u64::try_from(tokens).unwrap_or(u64::MAX);
        Budget {
            tokens: tokens(sent.tokens).saturating_add(tokens(answered)),
            cost_micros: self.of(sent).saturating_add(cost([(answered, self.output)])),
            calls: 1,
        }
    }
}

fn cost<const N: usize>(parts: [(usize, u64); N]) -> u64 {
    // The parts have at most `usize::MAX` tokens together, so their sum is no more than one product.
    let sum: u128 = parts.map(|(tokens, price)| tokens as u128 * u128::from(price)).iter().sum();
    u64::try_from(sum.div_ceil(PER_TOKENS)).unwrap_or(u64::MAX)
}

/// The tokens of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Sent {
    /// All of them.
    pub tokens: usize,
    /// How many of them, at the beginning, are byte for byte those of the request before. More than
    /// all count as all.
    #[serde(default)]
    pub cached: usize,
}

impl Sent {
    /// A request that shares nothing with the one before.
    pub const fn new(tokens: usize) -> Self {
        Self { tokens, cached: 0 }
    }

    /// The same where so many tokens at the beginning are those of the request before.
    pub const fn with_cached(self, cached: usize) -> Self {
        Self { cached, ..self }
    }
}

/// A price as a host writes it down. A misspelt field is refused, for it would change the price.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input: u64,
    output: u64,
    cached_input: Option<u64>,
    cache_write: Option<u64>,
    #[serde(default)]
    smallest_cached: usize,
}

impl From<Written> for Price {
    fn from(written: Written) -> Self {
        let Written { input, output, cached_input, cache_write, smallest_cached } = written;
        Self::new(input, output)
            .with_cache(cached_input.unwrap_or(input), cache_write.unwrap_or(input))
            .with_smallest_cached(smallest_cached)
    }
}
