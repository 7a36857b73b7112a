use std::fmt;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// It is not a complete line of this format.
    Malformed,
    /// Its hash does not follow from its content and the lines before it.
    BrokenChain,
    /// It is intact, but not the one that belongs here.
    OutOfSequence {
        /// The number that belongs here.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// The blobs that it names do not fit into it.
    Parts,
    /// The file ends before this line, which was written.
    Missing,
    /// The file goes on with a line that this writer did not write.
    Foreign,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a complete line of a log"),
            Self::BrokenChain => f.write_str("its hash does not continue the chain"),
            Self::OutOfSequence { expected, found } => {
                write!(f, "action {found} stands where action {expected} belongs")
            }
            Self::Parts => f.write_str("its parts do not fit into it"),
            Self::Missing => f.write_str("the file ends too early"),
            Self::Foreign => f.write_str("something else has written here"),
        }
    }
}
