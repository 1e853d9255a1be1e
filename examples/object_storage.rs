//! Sees each object that is stored in a bucket once, though a multipart upload and a repeated call tell of it several times:
//! `cargo run --example object_storage --features events`, and
//! `fc-local event oss | curl --data-binary @- localhost:9000/invoke`.

use fc_runtime::events::OssEvent;
use fc_runtime::{Context, Function, Request, Response};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// What this instance has seen. Another instance has not: for that there is a database, or a put that fails when the key is there.
#[derive(Default)]
struct Thumbnails {
    seen: Mutex<HashSet<String>>,
}

impl Function for Thumbnails {
    fn initialize(_: &Context) -> anyhow::Result<Self> {
        Ok(Thumbnails::default())
    }

    fn invoke(&self, _: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
        let event: OssEvent = request.event()?;
        let mut made = Vec::new();
        for record in event.events {
            let (bucket, object) = (record.oss.bucket.name, record.oss.object);
            // Its own output is stored too: a function that does not leave it out calls itself without end.
            if !record.event_name.starts_with("ObjectCreated:") || object.key.starts_with("thumbnails/") {
                continue;
            }
            let content = object.e_tag.unwrap_or_default();
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if !seen.insert(format!("{bucket}/{}#{content}", object.key)) {
                log::info!("{bucket}/{} again", object.key);
                continue;
            }
            let size = object.size.map_or(0, |size| size.value);
            log::info!("{bucket}/{}: {size} bytes", object.key);
            made.push(format!("thumbnails/{}", object.key));
        }
        Ok(Response::json(&made))
    }
}

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve::<Thumbnails>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fc_runtime::events::{Oss, OssBucket, OssObject, OssRecord};
    use fc_runtime::testing::Call;

    fn stored(key: &str) -> OssEvent {
        let bucket = OssBucket { name: "photos".into(), ..OssBucket::default() };
        let object = OssObject { key: key.into(), e_tag: Some("1".into()), ..OssObject::default() };
        let event_name = "ObjectCreated:PutObject".into();
        let oss = Oss { bucket, object, ..Oss::default() };
        OssEvent {
            events: vec![OssRecord { event_name, oss, ..OssRecord::default() }],
            ..OssEvent::default()
        }
    }

    #[test]
    fn an_object_is_seen_once_and_its_thumbnail_never() {
        let thumbnails = Thumbnails::default();
        for (key, made) in [("a.png", "[\"thumbnails/a.png\"]"), ("a.png", "[]"), ("thumbnails/a.png", "[]")]
        {
            assert_eq!(Call::event(&stored(key)).send(&thumbnails).text(), made, "{key}");
        }
    }
}
