//! An event as a trigger would send it: for `testing::Call::event` and whoever invokes a function.

use super::read::read;
use super::{
    AsyncResult, Batch, CdnEvent, CloudEvent, GatewayEvent, HttpEvent, MnsStreamEvent, MnsTopicEvent,
    ObjectFcEvent, OssEvent, SlsEvent, TablestoreEvent, TimerEvent,
};
use serde::Serialize;

/// A type of the author's that cannot be written is the author's mistake, in a test.
fn json<T: Serialize>(event: &T) -> Vec<u8> {
    match serde_json::to_vec(event) {
        Ok(json) => json,
        Err(error) => panic!("cannot write JSON: {error}"),
    }
}

impl From<&TimerEvent> for Vec<u8> {
    fn from(event: &TimerEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&OssEvent> for Vec<u8> {
    fn from(event: &OssEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&SlsEvent> for Vec<u8> {
    fn from(event: &SlsEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&CdnEvent> for Vec<u8> {
    fn from(event: &CdnEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&MnsTopicEvent> for Vec<u8> {
    fn from(event: &MnsTopicEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&MnsStreamEvent> for Vec<u8> {
    /// The message itself where it has no attributes, as a JSON string where it would be taken for something else.
    fn from(event: &MnsStreamEvent) -> Vec<u8> {
        let is_itself = |body: &str| read::<MnsStreamEvent>(body.as_bytes()).is_ok_and(|read| read == *event);
        match event.body.as_str() {
            _ if !event.is_bare() => json(event),
            body if is_itself(body) => body.into(),
            body => json(&body),
        }
    }
}

impl From<&TablestoreEvent> for Vec<u8> {
    /// In CBOR.
    fn from(event: &TablestoreEvent) -> Vec<u8> {
        match cbor4ii::serde::to_vec(Vec::new(), event) {
            Ok(cbor) => cbor,
            Err(error) => panic!("cannot write CBOR: {error}"),
        }
    }
}

impl From<&GatewayEvent> for Vec<u8> {
    fn from(event: &GatewayEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&HttpEvent> for Vec<u8> {
    fn from(event: &HttpEvent) -> Vec<u8> {
        json(event)
    }
}

impl From<&AsyncResult> for Vec<u8> {
    fn from(event: &AsyncResult) -> Vec<u8> {
        json(event)
    }
}

impl From<&ObjectFcEvent> for Vec<u8> {
    fn from(event: &ObjectFcEvent) -> Vec<u8> {
        json(event)
    }
}

impl<T: Serialize> From<&CloudEvent<T>> for Vec<u8> {
    /// # Panics
    /// When `data` cannot be written as JSON.
    fn from(event: &CloudEvent<T>) -> Vec<u8> {
        json(event)
    }
}

impl<T: Serialize> From<&Batch<T>> for Vec<u8> {
    /// # Panics
    /// When the data of an event cannot be written as JSON.
    fn from(event: &Batch<T>) -> Vec<u8> {
        json(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topics_message_is_read_as_it_was_whatever_it_looks_like() {
        for body in ["hi", "\"hi\"", r#"{"body":"x"}"#, r#"{"body":"x","attrs":{"a":1}}"#, "7", "null", ""] {
            let event = MnsStreamEvent { body: body.into(), ..MnsStreamEvent::default() };
            assert_eq!(read::<MnsStreamEvent>(&Vec::from(&event)).unwrap(), event, "{body}");
        }
    }
}
