//! Gates: they force the order in which functions go on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use crate::wait::WATCHDOG;

/// A place where functions wait until the test lets them go on.
pub struct Gate {
    entered: Receiver<()>,
    go_on: Sender<()>,
}

/// The function's side of a gate.
#[derive(Clone)]
pub struct Passage {
    entered: Sender<()>,
    go_on: crossbeam_channel::Receiver<()>,
}

pub fn gate() -> (Gate, Passage) {
    let (entered, has_entered) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let (relay, relayed) = crossbeam_channel::unbounded();
    thread::spawn(move || may_go_on.iter().try_for_each(|()| relay.send(())));
    (Gate { entered: has_entered, go_on }, Passage { entered, go_on: relayed })
}

impl Gate {
    /// Waits until `count` more calls stand at the gate.
    pub fn wait_for(&self, count: usize) {
        for number in 0..count {
            match self.entered.recv_timeout(WATCHDOG) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => panic!("only {number} of {count} calls at the gate"),
                Err(RecvTimeoutError::Disconnected) => panic!("the function is gone"),
            }
        }
    }

    pub fn nobody_is_there(&self) -> bool {
        self.entered.try_recv().is_err()
    }

    pub fn let_go(&self, count: usize) {
        for _ in 0..count {
            self.go_on.send(()).unwrap();
        }
    }
}

impl Passage {
    pub fn pass(&self) {
        let _ = self.entered.send(()); // the test may be over
        let _ = self.go_on.recv_timeout(WATCHDOG);
    }
}
