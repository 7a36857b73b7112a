//! Many cases, one on each line.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::command::{InputKind, Task};
use crate::input::Context;
use crate::output::Answer;
use crate::problem::Problem;
use crate::reduction::Reduction;

/// No case is longer, so that a line without an end takes no more memory than this.
const LONGEST: usize = 256 << 20;

#[derive(Debug, Deserialize)]
struct Case<'l> {
    #[serde(borrow)]
    kind: Option<&'l str>,
    #[serde(borrow)]
    messages: &'l RawValue,
    query: Option<String>,
    budget: usize,
}

/// As much of a case as tells which one it is.
#[derive(Debug, Deserialize)]
struct Named<'l> {
    #[serde(borrow)]
    id: &'l RawValue,
}

#[derive(Debug, Serialize)]
struct Refused<'l> {
    id: Option<&'l RawValue>,
    error: String,
}

/// Answers each line of the standard input with a line, in their order.
pub(crate) fn answer(task: &Task) -> Result<(), Problem> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut last = Last::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
        let read = input.by_ref().take(most).read_until(b'\n', &mut line);
        if read.map_err(|source| Problem::ReadInput { source })? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let id = serde_json::from_slice(&line).ok().map(|named: Named<'_>| named.id);
        let answered = if line.len() == LONGEST && line.last() != Some(&b'\n') {
            input.skip_until(b'\n').map_err(|source| Problem::ReadInput { source })?;
            Err(Problem::LongLine { most: LONGEST })
        } else {
            last.answer(&line, id, task)
        };
        let written = answered.or_else(|problem| {
            serde_json::to_vec(&Refused { id, error: problem.to_string() })
                .map_err(|source| Problem::Json { source })
        })?;
        out.write_all(&written)
            .and_then(|()| out.write_all(b"\n"))
            // Whoever waits for the answer before it asks again must get it.
            .and_then(|()| if input.buffer().is_empty() { out.flush() } else { Ok(()) })
            .map_err(|source| Problem::Print { source })?;
    }
    out.flush().map_err(|source| Problem::Print { source })
}

/// The context of the last line, which is often that of the next one, too.
#[derive(Debug, Default)]
struct Last {
    known: Option<(Box<str>, Option<InputKind>, Rc<Context>)>,
}

impl Last {
    fn answer(
        &mut self,
        line: &[u8],
        id: Option<&RawValue>,
        task: &Task,
    ) -> Result<Vec<u8>, Problem> {
        let case: Case<'_> =
            serde_json::from_slice(line).map_err(|source| Problem::Case { source })?;
        let kind = case.kind.map(InputKind::named).transpose()?;
        let context = self.context(case.messages, kind)?;
        let reduction = Reduction::of(&context, case.budget, case.query.as_deref(), task)?;
        let answer = Answer::of(id, &context, &reduction)?;
        serde_json::to_vec(&answer).map_err(|source| Problem::Json { source })
    }

    /// The context, which knows its counts where it is the same as on the line before.
    fn context(
        &mut self,
        messages: &RawValue,
        kind: Option<InputKind>,
    ) -> Result<Rc<Context>, Problem> {
        if let Some((json, of_kind, context)) = &self.known
            && **json == *messages.get()
            && *of_kind == kind
        {
            return Ok(Rc::clone(context));
        }
        let context = Rc::new(Context::of_messages(messages.get(), kind)?);
        self.known = Some((messages.get().into(), kind, Rc::clone(&context)));
        Ok(context)
    }
}
