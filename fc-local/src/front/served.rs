//! One of the functions that are served: its platform, its asynchronous invocations, its address. Which function a call
//! is for is not known here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::async_queue::{AsyncQueue, Siblings};
use crate::scaling::Platform;

pub struct Served {
    pub platform: Arc<Platform>,
    pub queue: Arc<AsyncQueue>,
    /// Where its HTTP trigger is.
    pub address: SocketAddr,
}

impl Served {
    /// One that waits for so long before it tries an asynchronous invocation a second time, and whose results go to its `siblings`.
    pub fn new(
        platform: Arc<Platform>,
        address: SocketAddr,
        retry_delay: Duration,
        siblings: &Arc<Siblings>,
    ) -> Served {
        let queue = AsyncQueue::new(Arc::clone(&platform), retry_delay, siblings);
        Served { queue, platform, address }
    }
}
