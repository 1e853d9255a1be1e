//! A request's body as an event.

use super::read::read;
use crate::api::Request;
use serde::de::DeserializeOwned;

impl Request<'_> {
    /// The whole body as what a trigger sends (feature `events`): one of the [`events`](crate::events), or a type of yours. Unlike `json` it
    /// also reads those that are not JSON: CBOR of a table's stream, the bare text of a topic.
    ///
    /// ```
    /// use fc_runtime::events::OssEvent;
    /// # use fc_runtime::{Context, Request, Response};
    /// fn invoke(_: &Context, mut request: Request<'_>) -> anyhow::Result<Response> {
    ///     let event: OssEvent = request.event()?;
    ///     Ok(event.events[0].oss.object.key.clone().into())
    /// }
    /// # use fc_runtime::testing::Call;
    /// let event = r#"{"events":[{"oss":{"bucket":{"name":"b"},"object":{"key":"a/b.txt"}}}]}"#;
    /// assert_eq!(Call::event(event).send(&invoke).text(), "a/b.txt");
    /// let refused = Call::event("{}").send(&invoke);
    /// assert_eq!((refused.status(), refused.header("x-fc-status")), (404, Some("404")));
    /// assert!(refused.text().contains("the event: missing field `events`"));
    /// ```
    ///
    /// # Errors
    /// As [`bytes`](Request::bytes), and a [`StatusError`](crate::StatusError) with 400 for what is not a `T`: it names the path, what was
    /// expected there and what was found (`events[0].oss.object.size: expected a number, found "x"`). Returned from `invoke`, it fails
    /// the event, like any error.
    pub fn event<T: DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        Ok(read(&self.bytes()?)?)
    }
}
