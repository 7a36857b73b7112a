//! Recall as a tool of a model.

mod arguments;
mod page;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use maniple_core::{AgentError, Effect, StepContext, Tool, ToolOutput, ToolSpec};
use serde_json::Value;

use self::arguments::Arguments;
use self::page::{Page, page};
use super::RecallStore;
use crate::count::TokenCounter;

/// Gives a model back what was left out of its context, by the handle in a marker: as a whole, by
/// lines, or those lines in which something stands.
///
/// An answer has at most a page of text, and where there is more, the arguments of the call that
/// reads on. A text that is read is answered byte for byte: its pages one after the other are the
/// text. A search shows numbered lines, and of long ones what stands around the match. What is wrong
/// with a call, such as a handle that nothing is kept under, the model is told too.
///
/// The store is asked on the runtime's threads for blocking work; a call that is dropped meanwhile
/// only stops waiting.
///
/// ```
/// use std::sync::Arc;
///
/// use maniple_context::{Encoding, Handle, MemoryRecall, RecallStore, RecallTool, Tiktoken};
/// use maniple_core::{Run, ToolRegistry};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(MemoryRecall::new());
/// let text: Arc<str> = "begin\nerror: disk full\nend\n".into();
/// let handle = Handle::of(&text);
/// store.put(&handle, &text)?;
///
/// let counter = Arc::new(Tiktoken::new(Encoding::O200kBase));
/// let tools = ToolRegistry::builder().with(RecallTool::new(store, counter)).build()?;
/// let run = Run::builder("example").open().await?;
/// let arguments = json!({ "handle": handle.short().to_string(), "lines": "2-3" });
/// let answer = tools.call(&run.context(), "recall", arguments).await?;
/// assert_eq!(answer.data["text"], "error: disk full\nend\n");
/// assert_eq!(answer.data["of"], 3);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RecallTool {
    store: Arc<dyn RecallStore>,
    counter: Arc<dyn TokenCounter>,
    page: NonZeroUsize,
}

const PAGE: NonZeroUsize = NonZeroUsize::new(4_000).expect("it is not 0");

impl RecallTool {
    /// Recalls from a store, in pages of at most 4,000 tokens.
    pub fn new(store: Arc<dyn RecallStore>, counter: Arc<dyn TokenCounter>) -> Self {
        Self { store, counter, page: PAGE }
    }

    /// Answers with at most so many tokens of text, counted line by line; the model can ask for less.
    pub fn with_page(mut self, tokens: NonZeroUsize) -> Self {
        self.page = tokens;
        self
    }

    fn answer(&self, arguments: &Arguments) -> Result<Page, AgentError> {
        let handle = arguments.handle.handle(&*self.store)?;
        let text = self.store.get(&handle)?;
        let tokens = arguments.max_tokens.map_or(self.page, |most| most.min(self.page)).get();
        Ok(page(&text, handle.to_string(), arguments, &*self.counter, tokens)?)
    }
}

#[async_trait]
impl Tool for RecallTool {
    /// It is named `recall`, as markers say, and reads only.
    fn spec(&self) -> ToolSpec {
        let description = "Reads text that was left out of the conversation. A marker like \
            […34 lines: recall 3fa29c01b7de] stands where it was. Gives the whole text, or some \
            lines, or the lines with certain words. A long text comes in pages: call again with \
            what `next` says.";
        ToolSpec::of::<Arguments>("recall", description, Effect::Pure)
    }

    async fn call(&self, arguments: Value, step: StepContext) -> Result<ToolOutput, AgentError> {
        let codec = |what| {
            let key = step.key().clone();
            move |error| AgentError::Codec { key, what, source: maniple_core::Source::new(error) }
        };
        let arguments = serde_json::from_value(arguments).map_err(codec("input"))?;
        let tool = self.clone();
        let answered = tokio::task::spawn_blocking(move || tool.answer(&arguments)).await;
        let page = match answered {
            Ok(answered) => answered?,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime shuts down.
                Err(failure) => return Err(AgentError::transient(failure)),
            },
        };
        Ok(serde_json::to_value(page).map_err(codec("output"))?.into())
    }
}
