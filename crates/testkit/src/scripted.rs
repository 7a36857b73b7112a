use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use maniple_core::{AgentError, BaseAgent, Effect, IdempotencyKey, Key, RunContext};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An agent that answers from a script, in the order in which it is called, and remembers its calls.
///
/// It stands for a service that honours idempotency keys, such as a model behind a gateway. Each call
/// is a step, so that a call whose answer is in the journal is not made again; and a call that is made
/// again under the same idempotency key, because a crash left it in doubt, gets the answer that it got
/// before. *Next* is therefore the next call that nobody has made yet, and a run that is resumed goes on
/// in the script where it stopped. A transient failure is no answer: the attempt after it gets the next
/// one. All clones share the script. In a crash test it is kept in the
/// [world](crate::World::keep), where it outlives the processes.
///
/// Agents that run at the same time come to the script in an order that may change with a crash: give
/// these answers [by their input](Self::with_replies_when).
///
/// When the script is used up, the call fails for good with [`ScriptError::UsedUp`], which a tolerant
/// pattern may swallow; so a test ends with [`verify`](Self::verify).
///
/// ```
/// use maniple_core::{AgentError, BaseAgent, Run, agent_fn};
/// use maniple_testkit::{ScriptError, ScriptedAgent};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), AgentError> {
/// let model = ScriptedAgent::new("model", [Ok("fine".to_owned())])
///     .with_replies_when(|prompt: &String| prompt.contains("hard"), [Ok("no idea".to_owned())]);
///
/// let asked = model.clone();
/// let chat = agent_fn("chat", move |prompts: Vec<String>, cx| {
///     let model = asked.clone();
///     async move {
///         let mut replies = Vec::new();
///         for prompt in prompts {
///             replies.push(model.run(prompt, &cx.child("ask")).await?);
///         }
///         Ok(replies)
///     }
/// });
///
/// let run = Run::builder("chat").open().await?;
/// let prompts = ["hard", "easy"].map(str::to_owned);
/// assert_eq!(run.execute(chat, prompts.to_vec()).await?, ["no idea", "fine"]);
/// assert_eq!(model.inputs(), prompts);
/// model.verify().unwrap();
///
/// let error = run.execute(model.clone(), "another".to_owned()).await.unwrap_err();
/// assert_eq!(error.to_string(), "the script of model is used up: it has 2 replies, this is call 3");
/// assert!(matches!(model.verify(), Err(ScriptError::UsedUp { call: 3, .. })));
/// # Ok(())
/// # }
/// ```
pub struct ScriptedAgent<I, O, M = Journaled> {
    name: Arc<str>,
    effect: Effect,
    script: Arc<Mutex<Script<I, O>>>,
    mode: PhantomData<fn() -> M>,
}

/// Each call of a [`ScriptedAgent`] is a step: the default.
#[derive(Debug)]
pub enum Journaled {}

/// No call of a [`ScriptedAgent`] is a step.
#[derive(Debug)]
pub enum Unjournaled {}

/// Why a script and the calls do not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptError {
    /// There was a call for which the script has no reply left.
    #[error("the script of {agent} is used up: it has {replies} replies, this is call {call}")]
    UsedUp {
        /// The agent.
        agent: Arc<str>,
        /// How many replies the script had.
        replies: usize,
        /// Which call it was, from 1.
        call: usize,
    },
    /// Replies are left that no call has asked for.
    #[error("{left} of the {replies} replies of {agent} were not asked for")]
    Unused {
        /// The agent.
        agent: Arc<str>,
        /// How many replies the script had.
        replies: usize,
        /// How many are left.
        left: usize,
    },
}

/// A call that a [`ScriptedAgent`] got.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScriptedCall<I> {
    /// What it was given.
    pub input: I,
    /// The step of the call; without steps, the agent's context.
    pub key: Key,
    /// What it was answered with.
    pub reply: Replied,
}

/// What a call of a [`ScriptedAgent`] was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replied {
    /// The next reply.
    Next,
    /// What the same call got before, in a process that died of it.
    Again,
    /// [`ScriptError::UsedUp`].
    UsedUp,
}

type Reply<O> = Result<O, AgentError>;

struct Script<I, O> {
    by_input: Vec<(Predicate<I>, VecDeque<Reply<O>>)>,
    in_order: VecDeque<Reply<O>>,
    /// What a service remembers by its key.
    given: BTreeMap<IdempotencyKey, Reply<O>>,
    calls: Vec<ScriptedCall<I>>,
    replies: usize,
}

type Predicate<I> = Box<dyn Fn(&I) -> bool + Send>;

impl<I, O> ScriptedAgent<I, O> {
    /// An agent with this name and these replies. Its calls are idempotent steps of the name `reply`.
    pub fn new(name: &str, replies: impl IntoIterator<Item = Result<O, AgentError>>) -> Self {
        let in_order: VecDeque<_> = replies.into_iter().collect();
        let script = Script {
            by_input: Vec::new(),
            replies: in_order.len(),
            in_order,
            given: BTreeMap::new(),
            calls: Vec::new(),
        };
        let script = Arc::new(Mutex::new(script));
        Self { name: name.into(), effect: Effect::Idempotent, script, mode: PhantomData }
    }

    /// Lets the calls be steps of this effect. A reversible or irreversible one that a crash leaves in
    /// doubt is put to the run's reconciler, and not made again by itself.
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The same agent, whose calls are no steps, so that input and output need no form in JSON. A run
    /// that is resumed then makes all its calls again, and gets the replies that follow.
    pub fn unjournaled(self) -> ScriptedAgent<I, O, Unjournaled> {
        let Self { name, effect, script, mode: _ } = self;
        ScriptedAgent { name, effect, script, mode: PhantomData }
    }
}

impl<I, O, M> ScriptedAgent<I, O, M> {
    /// Replies, in order, for the inputs of which this is so. These get no others. Where several fit,
    /// the first that was given decides. It looks at the input alone: the script is locked meanwhile,
    /// and asking the agent, such as for its [`calls`](Self::calls), would wait for ever.
    pub fn with_replies_when(
        self,
        is_meant: impl Fn(&I) -> bool + Send + 'static,
        replies: impl IntoIterator<Item = Result<O, AgentError>>,
    ) -> Self {
        let replies: VecDeque<_> = replies.into_iter().collect();
        let mut script = self.lock();
        script.replies += replies.len();
        script.by_input.push((Box::new(is_meant), replies));
        drop(script);
        self
    }

    /// The calls so far, in order, those of all clones and processes.
    pub fn calls(&self) -> Vec<ScriptedCall<I>>
    where
        I: Clone,
    {
        self.lock().calls.clone()
    }

    /// The inputs of all calls so far, in order.
    pub fn inputs(&self) -> Vec<I>
    where
        I: Clone,
    {
        self.lock().calls.iter().map(|call| call.input.clone()).collect()
    }

    /// Whether there was a reply for each call, and a call for each reply.
    ///
    /// # Errors
    /// [`ScriptError`], which says what is left or was missing.
    pub fn verify(&self) -> Result<(), ScriptError> {
        let script = self.lock();
        let (agent, replies) = (self.name.clone(), script.replies);
        let used_up = |call: &ScriptedCall<I>| call.reply == Replied::UsedUp;
        if let Some(at) = script.calls.iter().position(used_up) {
            return Err(ScriptError::UsedUp { agent, replies, call: at + 1 });
        }
        let by_input: usize = script.by_input.iter().map(|(_, replies)| replies.len()).sum();
        match script.in_order.len() + by_input {
            0 => Ok(()),
            left => Err(ScriptError::Unused { agent, replies, left }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Script<I, O>> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I, O: Clone, M> ScriptedAgent<I, O, M> {
    fn reply(&self, input: I, key: Key, call: Option<IdempotencyKey>) -> Reply<O> {
        let mut script = self.lock();
        let script = &mut *script;
        let before = call.and_then(|call| script.given.get(&call));
        let (reply, replied) = if let Some(before) = before {
            (before.clone(), Replied::Again)
        } else {
            let meant = script.by_input.iter_mut().find(|(is_meant, _)| is_meant(&input));
            match meant.map_or(&mut script.in_order, |(_, replies)| replies).pop_front() {
                Some(reply) => (reply, Replied::Next),
                None => (Err(self.used_up(script)), Replied::UsedUp),
            }
        };
        // What is no outcome of a step is none of a call: the next attempt is another one.
        let is_outcome = reply.as_ref().map_or_else(|error| error.class().is_receipt(), |_| true);
        if let Some(call) = call
            && is_outcome
        {
            script.given.insert(call, reply.clone());
        }
        script.calls.push(ScriptedCall { input, key, reply: replied });
        reply
    }

    fn used_up(&self, script: &Script<I, O>) -> AgentError {
        AgentError::permanent(ScriptError::UsedUp {
            agent: self.name.clone(),
            replies: script.replies,
            call: script.calls.len() + 1,
        })
    }
}

impl<I, O, M> Clone for ScriptedAgent<I, O, M> {
    fn clone(&self) -> Self {
        let (name, script) = (self.name.clone(), self.script.clone());
        Self { name, effect: self.effect, script, mode: PhantomData }
    }
}

impl<I, O, M> fmt::Debug for ScriptedAgent<I, O, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let script = self.lock();
        f.debug_struct("ScriptedAgent")
            .field("name", &self.name)
            .field("replies", &script.replies)
            .field("calls", &script.calls.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<I, O> BaseAgent for ScriptedAgent<I, O, Journaled>
where
    I: Serialize + Send + 'static,
    O: Serialize + DeserializeOwned + Clone + Send + 'static,
{
    type Input = I;
    type Output = O;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: I, cx: &RunContext) -> Result<O, AgentError> {
        cx.step("reply", self.effect, input, |input, step| async move {
            self.reply(input, step.key().clone(), Some(step.idempotency_key()))
        })
        .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<I, O> BaseAgent for ScriptedAgent<I, O, Unjournaled>
where
    I: Send + 'static,
    O: Clone + Send + 'static,
{
    type Input = I;
    type Output = O;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, input: I, cx: &RunContext) -> Result<O, AgentError> {
        self.reply(input, cx.path(), None)
    }
}
