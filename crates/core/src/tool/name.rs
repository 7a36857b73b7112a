/// The longest name that the providers take, in characters.
const LONGEST: usize = 64;

/// Why a text is no name of a tool. The providers take `^[a-zA-Z0-9_-]{1,64}$`, and refuse the whole
/// request over one name that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolNameFault {
    /// It has no character.
    #[error("it is empty")]
    Empty,
    /// It has too many characters.
    #[error("it has {length} characters, and {LONGEST} are the most")]
    TooLong {
        /// How many it has.
        length: usize,
    },
    /// It has a character that no name has.
    #[error("{character:?} at byte {at} is not one of a-z, A-Z, 0-9, _ and -")]
    Character {
        /// The first such character.
        character: char,
        /// Where it begins, in bytes from 0.
        at: usize,
    },
}

pub(super) fn check_name(name: &str) -> Result<(), ToolNameFault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if let Some((at, character)) = name.char_indices().find(|(_, c)| !allowed(*c)) {
        return Err(ToolNameFault::Character { character, at });
    }
    match name.len() {
        0 => Err(ToolNameFault::Empty),
        length if length > LONGEST => Err(ToolNameFault::TooLong { length }),
        _ => Ok(()),
    }
}
