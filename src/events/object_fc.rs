//! What an access point with a function sends.

use super::loose::text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An object is read through an Object FC access point, and the function answers in its place: not by its response, but by OSS's
/// WriteGetObjectResponse, to which route and token belong.
///
/// - **Trigger**: a GetObject request at the access point. Page:
///   [processing GetObject requests](https://www.alibabacloud.com/help/en/oss/user-guide/use-function-compute-to-process-get-object-requests).
/// - **Missing**: neither of the two that are documented; the rest is in `other`.
/// - **Delivery**: once, for the one who waits. **Idempotency key**: `get_object_context.output_token`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "the event of an access point")]
pub struct ObjectFcEvent {
    /// How to answer.
    pub get_object_context: GetObjectContext,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// How to answer the GetObject request of an [`ObjectFcEvent`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
pub struct GetObjectContext {
    /// Where the answer goes.
    #[serde(deserialize_with = "text")]
    pub output_route: String,
    /// What allows it, once.
    #[serde(deserialize_with = "text")]
    pub output_token: String,
    /// What else there is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}
