//! One try of an asynchronous invocation: what the function answers, what that means for the task, and where its result goes. When it
//! is tried is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::life::Status;
use super::queue::{AsyncQueue, now};
use super::result::Outcome;
use super::siblings::Sink;
use super::tasks::{New, Taken};
use crate::front::event::{self, Event, MAX_ASYNC};
use crate::front::failure::{CallKind, Failure};
use crate::function::Function;
use crate::function::asynchronous::Destination;
use crate::id;
use crate::instance::Instance;
use crate::instance::client::Recipient;
use crate::log::excerpt;

/// Others wait no longer with one that has found no room: its delays double, and there may be room long before.
pub(super) const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// What came of a try.
struct Answer {
    kind: Kind,
    /// The platform's name for what went wrong; empty when nothing did.
    error: &'static str,
    status: u16,
    payload: Vec<u8>,
    /// The same for people.
    text: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Success,
    /// The function failed it.
    Function,
    NoRoom,
    /// There is no instance, and a retry would find none.
    NoInstance,
    Expired,
    Stopped,
}

/// A task that has ended, or is to be tried again.
struct Tried {
    request_id: String,
    title: String,
    payload: Arc<[u8]>,
    status: Status,
    tries: u32,
    failures: u32,
    delay: Option<Duration>,
}

/// Nobody waits for the reply, but somebody may stop it.
struct Stoppable(Arc<AtomicBool>);

impl Recipient for Stoppable {
    fn has_gone(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl AsyncQueue {
    /// Tries a task once.
    pub(super) fn run(&self, taken: &Taken) {
        let begin = |instance: &Instance| {
            if taken.should_stop.load(Ordering::SeqCst) {
                return Err(Failure::Stopped);
            }
            let id = instance.id.clone();
            self.state.lock().tasks.change(taken.number, |task| {
                task.instance = Some(id);
                task.life.run(now());
            });
            Ok(())
        };
        let event = Event {
            retries: taken.failures,
            call: taken.call.as_deref(),
            caller: Arc::new(Stoppable(Arc::clone(&taken.should_stop))),
            gone: Failure::Stopped,
            begin: &begin,
            trigger: taken.trigger,
            ..Event::new(&taken.payload, &taken.request_id)
        };
        let answer = match event::invoke(&self.platform.scaler, &event).map_err(Failure::from) {
            Ok(reply) => Answer::of_reply(reply.body, reply.failed),
            Err(failure) => Answer::of_failure(&failure, &taken.request_id),
        };
        self.tried(taken.number, answer);
    }

    /// A task that has waited for too long.
    pub(super) fn expired(&self, number: u64) {
        let age = self.rules().max_age.as_secs();
        let text = format!("it has waited for more than the {age} seconds of maxAsyncEventAgeInSeconds");
        let answer =
            Answer { kind: Kind::Expired, error: "EventAgeExceeded", status: 408, payload: Vec::new(), text };
        self.tried(number, answer);
    }

    /// What a try means for its task.
    fn tried(&self, number: u64, answer: Answer) {
        let (now, rules) = (now(), self.rules());
        let mut state = self.state.lock();
        let is_closed = state.is_closed;
        let changed = state.tasks.change(number, |task| {
            match answer.kind {
                Kind::Success => task.life.succeed(now),
                Kind::Function => task.life.fail(answer.error, now, &rules),
                Kind::NoRoom => task.life.throttle(answer.error, now, &rules),
                Kind::NoInstance => task.life.give_up(answer.error, now),
                Kind::Stopped => task.life.stopped(now),
                Kind::Expired => {}
            }
            let status = task.life.status();
            if status.is_end() {
                task.error = Some(answer.error).filter(|error| !error.is_empty());
                task.returned.clone_from(&answer.payload);
            }
            let name = if task.id == task.request_id { String::new() } else { format!(" task {}", task.id) };
            Tried {
                request_id: task.request_id.clone(),
                title: format!("{} async{name}", task.request_id),
                payload: Arc::clone(&task.payload),
                status,
                tries: task.life.tries(),
                failures: task.life.failures(),
                delay: task.life.due().map(|due| due.saturating_duration_since(now.at)),
            }
        });
        let Some(tried) = changed else { return };
        if answer.kind == Kind::NoRoom {
            state.held_until = tried.delay.map(|delay| now.at + delay.min(LONGEST_HOLD));
        }
        if tried.status.is_end() {
            state.tasks.close(number);
        } else if is_closed {
            state.tasks.lose_waiting();
        }
        drop(state);
        if is_closed && !tried.status.is_end() {
            let text = format!("{}: not run to its end, fc-local stops", tried.title);
            return self.platform.log().warn(None, &text);
        }
        self.tell(&tried, &answer, rules.retries);
        if tried.status.is_end()
            && let Some(is_delivered) = self.hand_on(&tried, &answer)
        {
            self.state.lock().tasks.change(number, |task| task.is_delivered = Some(is_delivered));
        }
    }

    fn tell(&self, tried: &Tried, answer: &Answer, retries: u32) {
        let Tried { title, status, failures, .. } = tried;
        let (log, text) = (self.platform.log(), &answer.text);
        match (status, tried.delay) {
            (Status::Succeeded, _) => {}
            (Status::Stopped, _) => log.event(None, &format!("{title}: stopped")),
            (Status::Retrying, Some(delay)) if answer.kind == Kind::NoRoom => {
                log.warn(None, &format!("{title}: no room, tried again in {delay:?}: {text}"));
            }
            (Status::Retrying, Some(delay)) => {
                log.warn(
                    None,
                    &format!("{title}: failed, retry {failures} of {retries} in {delay:?}: {text}"),
                );
            }
            (Status::Failed, _) if answer.kind == Kind::Function => {
                log.warn(None, &format!("{title}: failed for good after {} attempts: {text}", failures + 1));
            }
            _ => log.warn(None, &format!("{title}: not run, and not tried again: {text}")),
        }
    }

    /// Hands a result on; whether it has got there, `None` when it goes to nobody who is here.
    fn hand_on(&self, tried: &Tried, answer: &Answer) -> Option<bool> {
        let function = self.platform.function();
        let destination = destination(&function, tried.status)?;
        let outcome = Outcome {
            request_id: &tried.request_id,
            function_arn: &function.arn(),
            unix: now().unix,
            error: answer.error,
            is_functions: answer.kind == Kind::Function,
            tries: tried.tries,
            status: answer.status,
            request_payload: &tried.payload,
            response_payload: &answer.payload,
        };
        let event = if destination.is_event_bus() { outcome.cloud_event() } else { outcome.event() };
        let (log, title) = (self.platform.log(), &tried.title);
        let sink = destination.function.as_ref().and_then(|name| self.siblings.of(name));
        let Some(sink) = sink else {
            let text = String::from_utf8_lossy(&event);
            log.event(None, &format!("{title}: its result would be sent to {}: {text}", destination.arn));
            return None;
        };
        match send(sink, event) {
            Ok(request_id) => {
                let function = destination.function.unwrap_or_default();
                log.event(None, &format!("{title}: its result goes to {function} as {request_id}"));
                Some(true)
            }
            Err(text) => {
                log.warn(None, &format!("{title}: its result does not go to {}: {text}", destination.arn));
                Some(false)
            }
        }
    }
}

/// Invokes a destination, which does not go round for good where it leads back to itself: each result has the one before it inside,
/// and so soon the size that no event may have. The request id of the invocation.
fn send(sink: Arc<dyn Sink>, event: Vec<u8>) -> Result<String, String> {
    if event.len() as u64 > MAX_ASYNC {
        return Err(format!("it has {} bytes, the limit of an event is {MAX_ASYNC}", event.len()));
    }
    let request_id = id::request();
    let accepted = sink.accept(New::event(event, request_id.clone()));
    accepted.map(|_| request_id).map_err(|failure| failure.to_string())
}

/// Where the result of a task that has ended goes.
fn destination(function: &Function, status: Status) -> Option<Destination> {
    let asynchronous = &function.asynchronous;
    match status {
        Status::Succeeded => asynchronous.on_success.clone(),
        Status::Failed | Status::Expired | Status::Invalid => asynchronous.on_failure.clone(),
        _ => None,
    }
}

impl Answer {
    fn of_reply(payload: Vec<u8>, failed: bool) -> Answer {
        let text = excerpt::first_line(&String::from_utf8_lossy(&payload));
        let (kind, error) =
            if failed { (Kind::Function, "UnhandledInvocationError") } else { (Kind::Success, "") };
        Answer { kind, error, status: 200, payload, text }
    }

    fn of_failure(failure: &Failure, request_id: &str) -> Answer {
        let refusal = failure.refusal(CallKind::Event, request_id, 200);
        let kind = match failure {
            Failure::Exhausted(_) => Kind::NoRoom,
            Failure::NotStarted(_) => Kind::NoInstance,
            Failure::Stopped | Failure::ClientClosed => Kind::Stopped,
            _ => Kind::Function,
        };
        // The name that the vendor's page of results has for it.
        let error = if kind == Kind::NoRoom { "FunctionResourceExhausted" } else { refusal.code };
        let payload = refusal.body.into_bytes();
        Answer { kind, error, status: refusal.status, payload, text: failure.to_string() }
    }
}
