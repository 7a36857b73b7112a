//! Many cases, one on each line.

use std::io::{self, Write as _};
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::causes::told;
use crate::command::{InputKind, Task};
use crate::input::{Context, Input};
use crate::lines::{Line, Lines};
use crate::output::{Answer, json};
use crate::problem::Problem;
use crate::reduction::Reduction;

#[derive(Debug, Deserialize)]
struct Case<'l> {
    kind: Option<String>,
    #[serde(borrow)]
    messages: &'l RawValue,
    query: Option<String>,
    budget: usize,
}

/// As much of a case as tells which one it is.
#[derive(Debug, Deserialize)]
struct Named<'l> {
    #[serde(borrow)]
    id: Option<&'l RawValue>,
}

#[derive(Debug, Serialize)]
struct Refused<'l> {
    id: &'l RawValue,
    error: String,
}

/// Answers each line with a line, in their order. Lines of white space are passed over.
pub(crate) fn answer(input: Input, longest_line: usize, task: &Task) -> Result<(), Problem> {
    let name = input.name();
    let mut lines = Lines::new(input.into_reader(), longest_line << 20);
    let mut out = io::stdout().lock();
    let mut last = Last::default();
    loop {
        let next = lines.next().map_err(|source| Problem::Read { name: name.clone(), source })?;
        let Some((line, content)) = next else { return Ok(()) };
        let mut answer = match content {
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Whole(bytes) => last.answer_or_refuse(line, bytes, task)?,
            Line::TooLong => {
                refuse(RawValue::NULL, &Problem::LongLine { line, most: longest_line })?
            }
        };
        answer.push('\n');
        // Whoever waits for the answer before it asks again must get it.
        out.write_all(answer.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|source| Problem::Print { source })?;
    }
}

fn refuse(id: &RawValue, problem: &Problem) -> Result<String, Problem> {
    json(&Refused { id, error: told(problem) })
}

/// The context of the last line, which is often that of the next one, too.
#[derive(Debug, Default)]
struct Last {
    known: Option<(Box<str>, Option<InputKind>, Rc<Context>)>,
}

impl Last {
    fn answer_or_refuse(
        &mut self,
        line: u64,
        bytes: &[u8],
        task: &Task,
    ) -> Result<String, Problem> {
        let text = match str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (name, at) = (format!("line {line}"), error.valid_up_to());
                return refuse(RawValue::NULL, &Problem::NotText { name, at });
            }
        };
        let named = serde_json::from_str(text).ok().and_then(|named: Named<'_>| named.id);
        let id = named.unwrap_or(RawValue::NULL);
        self.answer(line, text, id, task).or_else(|problem| refuse(id, &problem))
    }

    fn answer(
        &mut self,
        line: u64,
        text: &str,
        id: &RawValue,
        task: &Task,
    ) -> Result<String, Problem> {
        // An array would be read as the fields in their order.
        if !text.trim_start().starts_with('{') {
            return Err(Problem::NoObject { line });
        }
        let case: Case<'_> =
            serde_json::from_str(text).map_err(|error| Problem::case(line, &error))?;
        let kind = case.kind.as_deref().map(InputKind::named).transpose()?;
        let context = self.context(case.messages, kind)?;
        let reduction = Reduction::of(&context, case.budget, case.query.as_deref(), task)?;
        json(&Answer::of(Some(id), &context, &reduction)?)
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
        // Before the next one is read, so that there are never two.
        self.known = None;
        let context = Rc::new(Context::of_messages(messages.get(), kind)?);
        self.known = Some((messages.get().into(), kind, Rc::clone(&context)));
        Ok(context)
    }
}
