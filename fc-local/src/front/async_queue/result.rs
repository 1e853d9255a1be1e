//! What does a destination get of an asynchronous invocation? The event of the vendor's page ("Result callback"), which an event bus
//! wraps in a CloudEvent. Who sends it is not known here.

use std::time::Duration;

use serde::Serialize;

/// What came of an invocation.
pub struct Outcome<'a> {
    pub request_id: &'a str,
    pub function_arn: &'a str,
    /// When it was over, since 1970.
    pub unix: Duration,
    /// The platform's name for what went wrong; empty when nothing did.
    pub error: &'a str,
    /// Whether that is an error of the function's, and not the platform's.
    pub is_functions: bool,
    /// How often it was tried.
    pub tries: u32,
    /// What a caller would have got.
    pub status: u16,
    pub request_payload: &'a [u8],
    pub response_payload: &'a [u8],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    timestamp: u64,
    request_context: RequestContext<'a>,
    request_payload: String,
    response_context: ResponseContext<'a>,
    response_payload: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: &'a str,
    condition: &'a str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    function_error: &'a str,
}

/// The envelope of an event bus (CloudEvents 1.0).
#[derive(Serialize)]
struct CloudEvent<'a> {
    id: &'a str,
    source: &'a str,
    specversion: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    datacontenttype: &'a str,
    subject: &'a str,
    time: String,
    data: Event<'a>,
}

impl<'a> Outcome<'a> {
    /// The event for functions and message queues.
    pub fn event(&self) -> Vec<u8> {
        serde_json::to_vec(&self.content()).unwrap_or_default() // texts and numbers become JSON always
    }

    /// The event for an event bus.
    pub fn cloud_event(&self) -> Vec<u8> {
        let seconds = i64::try_from(self.unix.as_secs()).unwrap_or_default();
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        let event = CloudEvent {
            id: self.request_id,
            source: "acs:fc",
            specversion: "1.0",
            kind: if self.error.is_empty() { "fc:AsyncInvoke:succeeded" } else { "fc:AsyncInvoke:failed" },
            datacontenttype: "application/json;charset=utf-8",
            subject: self.function_arn,
            time: time.to_string(),
            data: self.content(),
        };
        serde_json::to_vec(&event).unwrap_or_default()
    }

    fn content(&self) -> Event<'a> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Event {
            timestamp: u64::try_from(self.unix.as_millis()).unwrap_or_default(),
            request_context: RequestContext {
                request_id: self.request_id,
                function_arn: self.function_arn,
                condition: self.error,
                approximate_invoke_count: self.tries,
            },
            request_payload: text(self.request_payload),
            response_context: ResponseContext {
                status_code: self.status,
                function_error: if self.is_functions { self.error } else { "" },
            },
            response_payload: text(self.response_payload),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> Outcome<'static> {
        Outcome {
            request_id: "1-2-3-4",
            function_arn: "acs:fc:r:1:functions/f",
            unix: Duration::from_millis(1_660_120_276_975),
            error: "",
            is_functions: false,
            tries: 1,
            status: 200,
            request_payload: b"{\"a\":1}",
            response_payload: b"done",
        }
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn the_event_has_the_vendors_fields_in_their_order() {
        assert_eq!(
            text(outcome().event()),
            r#"{"timestamp":1660120276975,"requestContext":{"requestId":"1-2-3-4","functionArn":"acs:fc:r:1:functions/f","condition":"","approximateInvokeCount":1},"requestPayload":"{\"a\":1}","responseContext":{"statusCode":200,"functionError":""},"responsePayload":"done"}"#
        );
    }

    #[test]
    fn an_error_is_the_functions_or_the_platforms() {
        let failed = Outcome { error: "UnhandledInvocationError", is_functions: true, tries: 4, ..outcome() };
        assert!(
            text(failed.event())
                .contains(r#""condition":"UnhandledInvocationError","approximateInvokeCount":4}"#)
        );
        assert!(
            text(failed.event()).contains(r#"{"statusCode":200,"functionError":"UnhandledInvocationError"}"#)
        );
        let throttled = Outcome { error: "FunctionResourceExhausted", status: 429, ..outcome() };
        assert!(text(throttled.event()).contains(r#"{"statusCode":429,"functionError":""}"#));
    }

    #[test]
    fn an_event_bus_gets_a_cloud_event() {
        let event: serde_json::Value = serde_json::from_slice(&outcome().cloud_event()).expect("JSON");
        for (name, wanted) in [
            ("source", "acs:fc"),
            ("specversion", "1.0"),
            ("type", "fc:AsyncInvoke:succeeded"),
            ("subject", "acs:fc:r:1:functions/f"),
            ("time", "2022-08-10T08:31:16Z"),
        ] {
            assert_eq!(event[name], wanted, "{name}");
        }
        assert_eq!(event["data"]["requestContext"]["requestId"], "1-2-3-4");
        let failed = Outcome { error: "x", ..outcome() };
        assert!(text(failed.cloud_event()).contains("\"fc:AsyncInvoke:failed\""));
    }
}
