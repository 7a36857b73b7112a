use super::content::{Share, open_parts};
use super::{Draft, Loss, Part, PartId, Reducer};
use crate::code::{CodeOutline, Language, code_outline, numbered};
use crate::error::ContextError;
use crate::relevance::{Passage, worth};
use crate::segment::{Kind, Source};

/// Outlines source code: imports and signatures stay with their line numbers, and bodies as far as
/// there is room, those first that have most to do with the query or, without one, say most.
///
/// Code shrinks as much as everything that may. How it is read is said at [`code`](crate::code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeOutlines;

/// What the number of a line and the space behind it take.
const NUMBER_TOKENS: usize = 2;

impl Reducer for CodeOutlines {
    fn name(&self) -> &'static str {
        "code-outlines"
    }

    fn loss(&self) -> Loss {
        Loss::Lossy
    }

    fn reduce(&self, draft: &mut Draft<'_>) -> Result<(), ContextError> {
        // What a tool has shown of code is a part of it, with line numbers or as a search found it.
        let is_source = |part: &PartId| draft.part(*part).segment().kind() != Kind::ToolResult;
        let parts: Vec<PartId> =
            open_parts(draft, Kind::Code).into_iter().filter(is_source).collect();
        let share = Share::of(draft);
        let rooms: Vec<usize> =
            parts.iter().map(|part| share.room_for(draft.part(*part).tokens())).collect();
        for (part, room) in parts.into_iter().zip(rooms) {
            let outlined = outlined(&draft.part(part), draft, room);
            if !outlined.is_empty() {
                draft.rewrite(part, outlined)?;
            }
        }
        Ok(())
    }
}

/// As much of the code as there is room for.
fn outlined(part: &Part<'_>, draft: &Draft<'_>, room: usize) -> String {
    let path = part.segment().source().map(Source::name);
    let text = part.text();
    let outline = code_outline(Language::of(path, text), text);
    let scores = scores(&outline, text, path.unwrap_or(""), draft);
    let tokens = line_tokens(part, outline.lines().len());
    numbered(text, &outline.keep(&scores, &tokens, room))
}

/// What the body of each item is worth.
fn scores(outline: &CodeOutline<'_>, text: &str, path: &str, draft: &Draft<'_>) -> Vec<u64> {
    let passages: Vec<Passage<'_>> = outline
        .items()
        .iter()
        .map(|item| Passage { text: &text[item.bytes()], title: path, ..Passage::default() })
        .collect();
    worth(&passages, draft.query()).values().to_vec()
}

/// What each line takes with its number, a piece of several lines counted to its first.
fn line_tokens(part: &Part<'_>, lines: usize) -> Vec<usize> {
    let mut tokens = vec![NUMBER_TOKENS; lines];
    let mut line = 0;
    for piece in part.pieces() {
        if let Some(tokens) = tokens.get_mut(line) {
            *tokens += piece.tokens;
        }
        line += piece.text.bytes().filter(|byte| *byte == b'\n').count();
    }
    tokens
}
