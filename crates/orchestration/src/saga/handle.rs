use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Serialize;

/// What a step has made, whatever its type.
pub(super) type Value = Arc<dyn Any + Send + Sync>;

/// The output of a step of a saga, for those that come after it.
///
/// It belongs to the builder that gave it; whether it may be read where it is given is checked by
/// [`build`](super::SagaBuilder::build).
pub struct Handle<T> {
    pub(super) place: Place,
    output: PhantomData<fn() -> T>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Which builder gave it.
    pub(super) builder: u64,
    /// Which of its steps, in the order in which they were added.
    pub(super) step: usize,
}

impl<T> Handle<T> {
    pub(super) fn new(place: Place) -> Self {
        Self { place, output: PhantomData }
    }
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.place.step).finish()
    }
}

/// Outputs of earlier steps that a step is given: `()`, a [`Handle`], or a tuple of up to six.
pub trait Given: sealed::Sealed + Copy + Send + Sync + 'static {
    /// What a step is given: the output, or a tuple of them.
    type Values: Clone + Serialize + Send + Sync + 'static;

    #[doc(hidden)]
    fn places(&self) -> Vec<sealed::Where>;

    #[doc(hidden)]
    fn read(values: &[sealed::Any]) -> Self::Values;
}

/// The value as the type that it has.
pub(super) fn typed<T: Clone + 'static>(value: &Value) -> T {
    value.downcast_ref::<T>().expect("a place has the type that its builder gave it").clone()
}

impl Given for () {
    type Values = ();

    fn places(&self) -> Vec<sealed::Where> {
        Vec::new()
    }

    fn read(_: &[sealed::Any]) {}
}

impl<T: Clone + Serialize + Send + Sync + 'static> Given for Handle<T> {
    type Values = T;

    fn places(&self) -> Vec<sealed::Where> {
        vec![sealed::Where(self.place)]
    }

    fn read(values: &[sealed::Any]) -> T {
        typed(&values[0].0)
    }
}

macro_rules! tuples {
    ($($type:ident $index:tt),+) => {
        impl<$($type: Clone + Serialize + Send + Sync + 'static),+> Given for ($(Handle<$type>,)+) {
            type Values = ($($type,)+);

            fn places(&self) -> Vec<sealed::Where> {
                vec![$(sealed::Where(self.$index.place)),+]
            }

            fn read(values: &[sealed::Any]) -> Self::Values {
                ($(typed::<$type>(&values[$index].0),)+)
            }
        }

        impl<$($type),+> sealed::Sealed for ($(Handle<$type>,)+) {}
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);

/// What a step comes after, besides those whose outputs it is given: a [`Handle`], or the name of a step,
/// which may be added later.
#[derive(Debug, Clone)]
pub struct Before(pub(super) Reference);

#[derive(Debug, Clone)]
pub(super) enum Reference {
    Place(Place),
    Name(String),
}

impl<T> From<Handle<T>> for Before {
    fn from(handle: Handle<T>) -> Self {
        Self(Reference::Place(handle.place))
    }
}

impl From<&str> for Before {
    fn from(name: &str) -> Self {
        Self(Reference::Name(name.to_owned()))
    }
}

pub(super) mod sealed {
    use super::{Handle, Place, Value};

    #[derive(Debug, Clone, Copy)]
    pub struct Where(pub(in crate::saga) Place);

    #[derive(Debug, Clone)]
    pub struct Any(pub(in crate::saga) Value);

    pub trait Sealed {}
    impl Sealed for () {}
    impl<T> Sealed for Handle<T> {}
}
