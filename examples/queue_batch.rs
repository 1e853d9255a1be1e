//! Takes the messages of a queue (Kafka here), of which a failed call repeats the whole batch: what is done already is skipped, and
//! what can never be done is put aside instead of failing for ever.
//! `cargo run --example queue_batch --features events`, and
//! `fc-local event kafka --set 0.data.value='{"id":7}' | curl --data-binary @- localhost:9000/invoke`.

use fc_runtime::events::{Batch, KafkaMessage};
use fc_runtime::{Context, Function, Request, Response};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

#[derive(serde::Deserialize)]
struct Order {
    id: u64,
}

/// What this instance has done; a database's unique key knows it of all.
#[derive(Default)]
struct Orders {
    done: Mutex<HashSet<String>>,
}

impl Function for Orders {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        Ok(Orders::default())
    }

    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        let batch: Batch<KafkaMessage> = request.event()?;
        let (mut handled, mut skipped, mut aside) = (0, 0, 0);
        for message in batch.data() {
            let place = (message.partition.unwrap_or_default(), message.offset.unwrap_or_default());
            let key = format!("{}/{}/{}", message.topic, place.0, place.1);
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            if done.contains(&key) {
                skipped += 1;
                continue;
            }
            // The task parses JSON or leaves it as text: both are read here.
            match message.value.json::<Order>() {
                Ok(order) => {
                    log::info!("order {} at {key}", order.id);
                    handled += 1;
                }
                Err(error) => {
                    log::error!("put aside {key}: {error}: {}", message.value.to_text());
                    aside += 1;
                }
            }
            // Last, so that a message whose handling failed is handled again.
            done.insert(key);
        }
        Ok(format!("{handled} handled, {skipped} skipped, {aside} put aside").into())
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve::<Orders>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::events::Content;
    use fc_runtime::testing::Call;
    use serde_json::json;

    fn message(offset: i64, value: Content) -> KafkaMessage {
        KafkaMessage { topic: "orders".into(), offset: Some(offset.into()), value, ..KafkaMessage::default() }
    }

    #[test]
    fn a_repeated_batch_is_skipped_and_what_is_no_order_put_aside() {
        let values = [json!({ "id": 7 }).into(), "{\"id\":8}".into(), "no order".into()];
        let batch: Batch<_> = (0..).zip(values).map(|(offset, value)| message(offset, value)).collect();
        let orders = Orders::default();
        for answer in ["2 handled, 0 skipped, 1 put aside", "0 handled, 3 skipped, 0 put aside"] {
            assert_eq!(Call::event(&batch).send(&orders).text(), answer);
        }
    }
}
