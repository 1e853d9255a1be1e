//! An event as a trigger would send it: for `testing::Call::event` and whoever invokes a function.

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
    /// The message itself where it has no attributes.
    fn from(event: &MnsStreamEvent) -> Vec<u8> {
        if event.is_bare() { event.body.clone().into_bytes() } else { json(event) }
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
