//! What triggers send, as types (feature `events`).
//!
//! [`Request::event`](crate::Request::event) reads one, [`testing::Call::event`](crate::testing::Call::event) sends one in a test.
//! [`Event`] is for a function with several triggers.
//!
//! | trigger | type |
//! |---|---|
//! | timer | [`TimerEvent`] |
//! | OSS; through EventBridge | [`OssEvent`]; [`CloudEvent`]`<`[`OssRecord`]`>` |
//! | cloud products, your own events on EventBridge | [`CloudEvent`]`<T>` with your `T`, or `serde_json::Value` |
//! | SLS | [`SlsEvent`] |
//! | MNS topic: `JSON`; `STREAM` | [`MnsTopicEvent`]; [`MnsStreamEvent`] |
//! | MNS queue | [`Batch`]`<`[`MnsQueueMessage`]`>` |
//! | Kafka | [`Batch`]`<`[`KafkaMessage`]`>` |
//! | RocketMQ, the vendor's or your own | [`Batch`]`<`[`RocketMqMessage`]`>` |
//! | RabbitMQ | [`Batch`]`<`[`RabbitMqMessage`]`>` |
//! | MQTT | [`Batch`]`<`[`MqttMessage`]`>` |
//! | DTS | [`Batch`]`<`[`DtsMessage`]`>` |
//! | Tablestore | [`TablestoreEvent`] |
//! | CDN | [`CdnEvent`] |
//! | API gateway | [`GatewayEvent`], answered with [`GatewayResponse`] |
//! | HTTP, as built-in runtimes see it | [`HttpEvent`], answered with [`GatewayResponse`] |
//! | destination of asynchronous invocations; through EventBridge | [`AsyncResult`]; [`CloudEvent`]`<AsyncResult>` |
//! | Object FC access point | [`ObjectFcEvent`] |
//!
//! # What holds for all of them
//!
//! - A field is an `Option` unless an event would mean nothing without it; null counts as missing. What this library does not know
//!   of is kept in `other`, and written again.
//! - Where the vendor's pages disagree on a type, both are taken, and what was read is written in the same one: [`Int`], [`Flag`], [`Id`],
//!   [`Time`], [`Content`]. Text also takes a number or a boolean, which is text from then on.
//! - Integers have 64 bits and are never rounded. In `other`, and in JSON that is not a field of these types, one beyond 64 bits is a double.
//! - A known field that is there twice, a nesting over 128 levels, and a number out of range are errors.
//! - Put no name of a field into `other`: it would be written twice.

mod batch;
mod bytes;
mod cdn;
mod cloud_event;
mod content;
mod event;
mod gateway;
mod kafka;
mod mns;
mod mqtt;
mod object_fc;
mod oss;
mod rabbitmq;
mod request;
mod rocketmq;
mod sls;
mod tablestore;
mod timer;

mod async_result;
mod dts;
mod loose;
mod others;
mod read;
mod time;

pub use async_result::{AsyncRequestContext, AsyncResponseContext, AsyncResult};
pub use batch::{Batch, BatchEvent, BatchForm};
pub use cdn::{CdnEvent, CdnParameter, CdnRecord, CdnResource, CdnUserIdentity};
pub use cloud_event::CloudEvent;
pub use content::Content;
pub use dts::{
    DtsDatabase, DtsField, DtsImage, DtsIndex, DtsMessage, DtsSchema, DtsTopicPartition, DtsValue,
};
pub use event::Event;
pub use gateway::{GatewayEvent, GatewayResponse, HttpEvent, HttpRequestContext, HttpRequestLine};
pub use kafka::{KafkaHeaders, KafkaMessage};
pub use loose::{Flag, Id, Int};
pub use mns::{MnsQueueMessage, MnsStreamEvent, MnsTopicEvent};
pub use mqtt::{MqttMessage, MqttProperties};
pub use object_fc::{GetObjectContext, ObjectFcEvent};
pub use oss::{
    Oss, OssBucket, OssEvent, OssObject, OssObjectMeta, OssRecord, OssRequestParameters, OssResponseElements,
    OssUserIdentity,
};
pub use rabbitmq::{RabbitMqEnvelope, RabbitMqMessage, RabbitMqProperties};
pub use rocketmq::{RocketMqMessage, RocketMqProperties};
pub use sls::{SlsEvent, SlsSource};
pub use tablestore::{TableColumn, TableInfo, TableKey, TableRecord, TableValue, TablestoreEvent};
pub use time::Time;
pub use timer::TimerEvent;

#[cfg(any(test, fuzzing, feature = "internals"))]
pub(crate) use read::read;
