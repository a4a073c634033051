//! The border between typed processors and the engine that knows no types.

use std::any::Any;

use super::context::Context;
use super::pipeline::Hop;
use super::{Processor, Punctuation};
use crate::fault::Fault;
use crate::record::Record;

/// A node the engine can run. Input is `&mut Option<T>` behind `Any`; the node takes it.
pub(crate) trait Node: Send {
    fn init(&mut self, hop: Hop<'_>) -> Result<(), Fault>;
    fn process(&mut self, input: &mut dyn Any, hop: Hop<'_>) -> Result<(), Fault>;
    fn punctuate(&mut self, event: Punctuation, hop: Hop<'_>) -> Result<(), Fault>;

    /// Nothing has come for the idle timeout: time goes on without records.
    fn idle(&mut self, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// Sends on what was held back until the commit.
    fn flush(&mut self, _hop: Hop<'_>) -> Result<(), Fault> {
        Ok(())
    }
}

/// Makes a [`Node`] of a [`Processor`].
pub(crate) struct Erased<P>(pub(crate) P);

impl<P: Processor> Node for Erased<P> {
    fn init(&mut self, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.0.init(&mut Context::new(&mut hop))
    }

    fn process(&mut self, input: &mut dyn Any, mut hop: Hop<'_>) -> Result<(), Fault> {
        let record = take::<Record<P::KeyIn, P::ValueIn>>(input)?;
        self.0.process(record, &mut Context::new(&mut hop))
    }

    fn punctuate(&mut self, event: Punctuation, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.0.punctuate(event, &mut Context::new(&mut hop))
    }

    fn idle(&mut self, mut hop: Hop<'_>) -> Result<(), Fault> {
        self.0.idle(&mut Context::new(&mut hop))
    }
}

/// Takes the record out of its sender's slot.
pub(crate) fn take<R: 'static>(input: &mut dyn Any) -> Result<R, Fault> {
    input.downcast_mut::<Option<R>>().and_then(Option::take).ok_or_else(|| {
        Fault::fatal(
            "TOPOLOGY",
            format!("a node expected {} and got something else", std::any::type_name::<R>()),
        )
    })
}
