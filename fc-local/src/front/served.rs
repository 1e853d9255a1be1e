//! One of the functions that are served: its platform, its asynchronous invocations, its address. Which function a call
//! is for is not known here.

use std::net::SocketAddr;
use std::sync::Arc;

use super::async_queue::AsyncQueue;
use crate::scaling::Platform;

pub struct Served {
    pub platform: Arc<Platform>,
    pub queue: AsyncQueue,
    /// Where its HTTP trigger is.
    pub address: SocketAddr,
}

impl Served {
    pub fn new(platform: Arc<Platform>, address: SocketAddr) -> Served {
        Served { queue: AsyncQueue::new(Arc::clone(&platform)), platform, address }
    }
}
