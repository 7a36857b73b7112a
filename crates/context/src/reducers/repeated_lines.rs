use super::view::View;
use super::{Draft, Loss, Reducer};
use crate::error::ContextError;

/// Drops lines of tool results and of the arguments of calls that are said again.
///
/// Of equal lines the last stays: in an older reading of a file goes what a newer one shows, in an
/// edit what the file shows. A call goes with its result where the next one of the same tool says
/// all that it did and got the same. Line numbers, and the paths of what a search found, stay where a
/// run of lines begins; the lines below follow from it.
///
/// Everything that was said is still said, so it is lossless in what the texts say, if not in how
/// often. Turns of the user and of the model are left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RepeatedLines;

impl Reducer for RepeatedLines {
    fn name(&self) -> &'static str {
        "repeated-lines"
    }

    fn loss(&self) -> Loss {
        Loss::Lossless
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        match View::of(draft) {
            Some(view) => view.drop_repeated(draft),
            None => Ok(()),
        }
    }
}
