//! What does a start that failed mean for those who wait for it, and for further ones? What is learned of the function is
//! said once. How an instance is started is not known here.

use super::attempt::Outcome;
use super::fleet::{Fleet, State};
use super::slots::Ports;
use super::unavailable::{NoRoom, Unavailable};
use crate::instance::{IgnoresPort, NotIsolated, NotStarted, StartError};

/// What was so when a start began.
pub struct Begun {
    /// Whether another instance of ours had the configured port.
    pub is_beside: bool,
    ports: Ports,
}

impl Begun {
    pub fn of(state: &State) -> Begun {
        let is_beside = state.slots.holder_of(state.function.port).is_some();
        Begun { is_beside, ports: state.slots.ports().clone() }
    }

    /// What its failure means. It is tried elsewhere only when its port was lost to somebody, or when more is known than as
    /// it began.
    pub fn failed(self, fleet: &Fleet, state: &mut State, error: StartError) -> Outcome {
        let ignores = match error {
            StartError::NotStarted(not_started) => {
                return Outcome::Failed(Unavailable::NotStarted(not_started));
            }
            StartError::Stopping => return Outcome::Failed(NoRoom::Stopping.into()),
            StartError::PortLost(port) => return Outcome::Elsewhere(taken(port, None)),
            StartError::IgnoresPort(ignores) => {
                match fleet.surroundings.without_networks() {
                    None => learn_networks(fleet, state, &ignores),
                    Some(reason) if self.is_beside => learn_one(fleet, state, &ignores, &reason),
                    Some(_) => {}
                }
                Some(ignores)
            }
            StartError::NoNetwork(error) => {
                let ignores = self.ports.ignores().cloned();
                if let Some(ignores) = &ignores {
                    learn_one(fleet, state, ignores, &NotIsolated::NoNetwork(error.to_string()));
                }
                ignores
            }
        };
        let taken = taken(state.function.port, ignores);
        let known = state.slots.ports();
        // Where there can be only one, that one is waited for, unless the port is another program's.
        let has_elsewhere = self.is_beside || !matches!(known, Ports::One(_));
        if has_elsewhere && known.exceeds(&self.ports) {
            Outcome::Elsewhere(taken)
        } else {
            Outcome::Failed(taken)
        }
    }
}

fn taken(port: u16, ignores: Option<IgnoresPort>) -> Unavailable {
    Unavailable::NotStarted(NotStarted::PortTaken { port, ignores })
}

/// Further instances get networks of their own from now on.
fn learn_networks(fleet: &Fleet, state: &mut State, ignores: &IgnoresPort) {
    if state.slots.learn(Ports::OneEach(ignores.clone())) {
        let text = format!("{ignores}: further instances get networks of their own (pasta)");
        fleet.surroundings.log.warn(None, &text);
    }
}

/// There is one instance at the most from now on.
fn learn_one(fleet: &Fleet, state: &mut State, ignores: &IgnoresPort, reason: &NotIsolated) {
    if state.slots.learn(Ports::One(ignores.clone())) {
        let one = NoRoom::OneInstance(ignores.clone());
        let text = format!(
            "{one}: a call that finds it in use waits for it. Networks of their own would allow more, and there are none: {reason}"
        );
        fleet.surroundings.log.warn(None, &text);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;
    use crate::function::Function;
    use crate::scaling::fleet::tests::{enter, fleet, ready};
    use crate::scaling::slots::Choice;

    fn ignores() -> IgnoresPort {
        IgnoresPort::FoundInUse { told: 9001 }
    }

    fn fail(fleet: &Arc<Fleet>, is_beside: bool, error: StartError) -> Outcome {
        let mut state = fleet.lock();
        let begun = Begun { is_beside, ports: state.slots.ports().clone() };
        begun.failed(fleet, &mut state, error)
    }

    fn is_elsewhere(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Elsewhere(_))
    }

    #[test]
    fn a_function_that_ignores_its_port_is_judged_by_who_holds_it() {
        let fail = |fleet: &Arc<Fleet>, is_beside| fail(fleet, is_beside, StartError::IgnoresPort(ignores()));
        let alone = fleet();
        assert_eq!(fail(&alone, false), Outcome::Failed(taken(9000, Some(ignores()))), "another program");

        let beside_one = fleet();
        let one = ready(&beside_one);
        assert!(is_elsewhere(&fail(&beside_one, true)));
        let _claim = enter(&beside_one, one);
        let choice = beside_one.lock().slots.choose();
        assert_eq!(choice, Choice::Refuse(NoRoom::OneInstance(ignores())), "and further ones are not tried");

        let has_died = fleet();
        assert!(is_elsewhere(&fail(&has_died, true)));
        assert_eq!(has_died.lock().slots.choose(), Choice::Start);

        let replaced = fleet();
        let old = ready(&replaced);
        let _claim = enter(&replaced, old);
        replaced.reload(Function::example());
        assert!(is_elsewhere(&fail(&replaced, true)));
        assert_eq!(replaced.lock().slots.choose(), Choice::AwaitPort, "the older one's call may finish");
    }

    #[test]
    fn a_start_that_teaches_nothing_new_is_not_tried_elsewhere() {
        let none = || StartError::NoNetwork(io::Error::other("no tun device"));
        for is_beside in [true, false] {
            let fleet = fleet();
            fleet.lock().slots.learn(Ports::OneEach(ignores()));
            let outcome = fail(&fleet, is_beside, none());
            // The only instance is waited for, another program's port is not.
            assert_eq!(is_elsewhere(&outcome), is_beside, "{outcome:?}");
            assert_eq!(fleet.lock().slots.one_port(), Some(&ignores()));
            for error in [none(), StartError::IgnoresPort(ignores())] {
                let outcome = fail(&fleet, is_beside, error);
                assert!(matches!(outcome, Outcome::Failed(_)), "{outcome:?}");
            }
        }
    }

    #[test]
    fn a_start_that_others_have_overtaken_is_tried_as_they_have_learned() {
        let fleet = fleet();
        let begun = Begun::of(&fleet.lock());
        fleet.lock().slots.learn(Ports::OneEach(ignores()));
        let outcome = begun.failed(&fleet, &mut fleet.lock(), StartError::IgnoresPort(ignores()));
        assert!(is_elsewhere(&outcome), "{outcome:?}");
    }
}
