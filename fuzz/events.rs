//! What has to hold of events, for any bytes: shared by the fuzz target and the seeded loop of the tests.

use fc_runtime::events::{
    AsyncResult, Batch, CdnEvent, CloudEvent, Content, DtsMessage, Event, GatewayEvent, GatewayResponse,
    HttpEvent, KafkaMessage, MnsQueueMessage, MnsStreamEvent, MnsTopicEvent, MqttMessage, ObjectFcEvent,
    OssEvent, OssRecord, RabbitMqMessage, RocketMqMessage, SlsEvent, TablestoreEvent, TimerEvent,
};
use fc_runtime::fuzzing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;

/// Whatever is read as a type is read again from what is written of it, as the same value; and whatever has a shape
/// is read as its type, or is an error.
pub(crate) fn event(input: &[u8]) {
    rewrites::<AsyncResult>(input);
    rewrites::<Batch<DtsMessage>>(input);
    rewrites::<Batch<KafkaMessage>>(input);
    rewrites::<Batch<MnsQueueMessage>>(input);
    rewrites::<Batch<MqttMessage>>(input);
    rewrites::<Batch<RabbitMqMessage>>(input);
    rewrites::<Batch<RocketMqMessage>>(input);
    rewrites::<Batch<Value>>(input);
    rewrites::<CdnEvent>(input);
    rewrites::<CloudEvent<Content>>(input);
    rewrites::<CloudEvent<OssRecord>>(input);
    rewrites::<GatewayEvent>(input);
    rewrites::<GatewayResponse>(input);
    rewrites::<HttpEvent>(input);
    rewrites::<MnsStreamEvent>(input);
    rewrites::<MnsTopicEvent>(input);
    rewrites::<ObjectFcEvent>(input);
    rewrites::<OssEvent>(input);
    rewrites::<SlsEvent>(input);
    rewrites::<TimerEvent>(input);
    table(input);
    match fuzzing::event::<Event>(input) {
        Ok(Event::Other(bytes)) => assert_eq!(bytes, input),
        Ok(Event::Timer(event)) => assert_eq!(fuzzing::event(input), Ok(event)),
        Ok(Event::Kafka(event)) => assert_eq!(fuzzing::event(input), Ok(event)),
        Ok(_) => {}
        Err(error) => assert!(!error.is_empty() && error.len() < 2 * input.len() + 1000, "{error}"),
    }
}

fn rewrites<T: DeserializeOwned + Serialize + PartialEq + Debug>(input: &[u8]) {
    let Ok(read) = fuzzing::event::<T>(input) else { return };
    let written = serde_json::to_vec(&read).expect("JSON");
    let again = fuzzing::event::<T>(&written);
    assert_eq!(again.as_ref(), Ok(&read), "from {}", written.escape_ascii());
    let value: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(serde_json::from_value::<T>(value).ok().as_ref(), Some(&read), "from a value");
}

/// A table's doubles may be no numbers, which are not equal to themselves: what is written has to be.
fn table(input: &[u8]) {
    let Ok(read) = fuzzing::event::<TablestoreEvent>(input) else { return };
    let cbor = Vec::from(&read);
    let again: TablestoreEvent = fuzzing::event(&cbor).expect("a table");
    assert_eq!(Vec::from(&again), cbor);
    let json = serde_json::to_vec(&read).expect("JSON");
    if read == again {
        assert!(fuzzing::event::<TablestoreEvent>(&json).is_ok(), "from {}", json.escape_ascii());
    }
}
