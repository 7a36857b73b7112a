use std::fmt;

use futures::stream::{BoxStream, Stream, StreamExt};

/// What a pattern works through: a list, or a stream. Either is pulled as there is room, and never
/// further ahead than the pattern's window.
///
/// ```
/// use futures::stream;
/// use maniple_orchestration::Inputs;
///
/// let list: Inputs<u64> = vec![1, 2, 3].into();
/// let endless = Inputs::stream(stream::iter(0_u64..));
/// # let _ = (list, endless);
/// ```
pub struct Inputs<I>(pub(crate) Source<I>);

pub(crate) enum Source<I> {
    List { left: Box<dyn Iterator<Item = I> + Send>, total: usize },
    Stream(BoxStream<'static, I>),
}

impl<I: Send + 'static> Inputs<I> {
    /// The items of a stream. Where an item can fail to be made, make the items `Result`s and let the
    /// agent begin with `?`: then it is one input that has failed.
    pub fn stream(items: impl Stream<Item = I> + Send + 'static) -> Self {
        Self(Source::Stream(items.boxed()))
    }

    /// How many there are, where that is known.
    pub(crate) fn total(&self) -> Option<usize> {
        match &self.0 {
            Source::List { total, .. } => Some(*total),
            Source::Stream(_) => None,
        }
    }

    /// At least how many there are.
    pub(crate) fn at_least(&self) -> usize {
        match &self.0 {
            Source::List { total, .. } => *total,
            Source::Stream(items) => items.size_hint().0,
        }
    }

    /// Changes each as it is pulled.
    pub(crate) fn map<J: Send + 'static>(
        self,
        f: impl FnMut(I) -> J + Send + 'static,
    ) -> Inputs<J> {
        Inputs(match self.0 {
            Source::List { left, total } => Source::List { left: Box::new(left.map(f)), total },
            Source::Stream(items) => Source::Stream(items.map(f).boxed()),
        })
    }
}

impl<I: Send + 'static> From<Vec<I>> for Inputs<I> {
    fn from(list: Vec<I>) -> Self {
        let total = list.len();
        Self(Source::List { left: Box::new(list.into_iter()), total })
    }
}

impl<I> fmt::Debug for Inputs<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::List { total, .. } => {
                f.debug_struct("List").field("total", total).finish_non_exhaustive()
            }
            Source::Stream(_) => f.debug_struct("Stream").finish_non_exhaustive(),
        }
    }
}
