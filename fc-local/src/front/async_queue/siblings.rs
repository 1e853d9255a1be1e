//! Where is the queue of a function? Results of one go to another one of the same template. What a queue does is not known here.

use std::sync::{Arc, Weak};

use super::tasks::New;
use crate::front::failure::Failure;
use crate::sync::Mutex;

/// What takes asynchronous invocations of one function.
pub trait Sink: Send + Sync {
    fn function(&self) -> String;

    /// Accepts one; the id of its task.
    fn accept(self: Arc<Self>, new: New) -> Result<String, Failure>;
}

/// Those of all functions.
#[derive(Default)]
pub struct Siblings(Mutex<Vec<Weak<dyn Sink>>>);

impl Siblings {
    pub fn join(&self, sink: &Arc<dyn Sink>) {
        self.0.lock().push(Arc::downgrade(sink));
    }

    /// That of the function of a name.
    pub fn of(&self, function: &str) -> Option<Arc<dyn Sink>> {
        let sinks: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        sinks.into_iter().find(|sink| sink.function() == function)
    }
}
