/// What an acknowledged append survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Durability {
    /// The death of the process and the loss of power: an append is acknowledged after
    /// `fdatasync`. All appends that wait while one sync runs share the next.
    #[default]
    Synced,
    /// The death of the process, by `kill -9` too, but not the loss of power: an append is
    /// acknowledged after `write(2)`. [`close`](crate::ContextBundle::close) syncs.
    Buffered,
}
