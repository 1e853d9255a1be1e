//! What is different in a project for a trigger: the type that is read, what is done with it, what deploys the trigger. The
//! sample is in `sample.rs`.

/// A trigger's part of a project.
pub struct Trigger {
    /// The sample's name.
    pub name: &'static str,
    /// What is imported of `events`.
    pub imports: &'static str,
    /// What the request's body is read as.
    pub reads_as: &'static str,
    /// What is done with it.
    pub body: &'static str,
    /// What comes of the sample, as Rust writes it.
    pub answer: &'static str,
    /// The items of `triggers` in s.yaml; none where the trigger is made elsewhere.
    pub yaml: &'static str,
}

/// Where `s.yaml` makes no such trigger.
const ELSEWHERE: &str = "";

/// Several messages at once.
macro_rules! batch {
    ($name:literal, $message:literal, $line:literal, $yaml:expr) => {
        Trigger {
            name: $name,
            imports: concat!("{Batch, ", $message, "}"),
            reads_as: concat!("Batch<", $message, ">"),
            body: concat!(
                "    for message in event.data() {\n        ",
                $line,
                "\n    }\n    Ok(format!(\"{} messages\", event.events.len()).into())"
            ),
            answer: "\"1 messages\"",
            yaml: $yaml,
        }
    };
}

macro_rules! trigger {
    ($name:literal, $imports:literal, $reads_as:literal, $body:literal, $answer:literal, $yaml:expr) => {
        Trigger {
            name: $name,
            imports: $imports,
            reads_as: $reads_as,
            body: $body,
            answer: $answer,
            yaml: $yaml,
        }
    };
}

/// A trigger of EventBridge with a source of its own.
macro_rules! eventbridge {
    ($name:literal, $kind:literal, $parameters:literal) => {
        concat!(
            "- triggerName: ",
            $name,
            "\n  triggerType: eventbridge\n  triggerConfig:\n    triggerEnable: true\n    asyncInvocationType: false\n",
            "    eventRuleFilterPattern: '{}'\n    eventSinkConfig:\n      deliveryOption:\n        mode: event-streaming\n",
            "        eventSchema: CloudEvents\n    runOptions:\n      mode: event-streaming\n      errorsTolerance: ALL\n",
            "      retryStrategy:\n        PushRetryStrategy: BACKOFF_RETRY\n      batchWindow:\n        CountBasedWindow: 100\n",
            "        TimeBasedWindow: 10\n    eventSourceConfig:\n      eventSourceType: ",
            $kind,
            "\n      eventSourceParameters:\n        source",
            $kind,
            "Parameters:\n          RegionId: cn-hangzhou\n",
            $parameters
        )
    };
}

/// A rule of a bus: which of its events come here.
macro_rules! rule {
    ($pattern:literal) => {
        concat!(
            "- triggerName: eventbridge\n  triggerType: eventbridge\n  triggerConfig:\n    triggerEnable: true\n",
            "    asyncInvocationType: false\n    eventRuleFilterPattern: '",
            $pattern,
            "'\n    eventSourceConfig:\n      eventSourceType: Default\n"
        )
    };
}

const TIMER: &str = r#"- triggerName: timer
  triggerType: timer
  triggerConfig:
    cronExpression: '@every 1m' # or six fields, seconds first, in UTC: '0 0 4 * * *' is 04:00:00 every day
    enable: true
    payload: '{"key":"value"}'
"#;

const OSS: &str = r#"- triggerName: oss
  triggerType: oss
  sourceArn: acs:oss:cn-hangzhou:1000000000000001:my-bucket # your account and bucket
  invocationRole: acs:ram::1000000000000001:role/aliyunosseventnotificationrole
  triggerConfig:
    events: [oss:ObjectCreated:PutObject, oss:ObjectCreated:PostObject, oss:ObjectCreated:CompleteMultipartUpload]
    filter:
      key:
        prefix: folder/
        suffix: ''
"#;

const SLS: &str = r"- triggerName: log
  triggerType: log
  sourceArn: acs:log:cn-hangzhou:1000000000000001:project/my-project # your account and project
  invocationRole: acs:ram::1000000000000001:role/aliyunlogetlrole
  triggerConfig:
    enable: true
    functionParameter: {}
    jobConfig:
      maxRetryTime: 3
      triggerInterval: 60
    sourceConfig:
      logstore: my-logstore
    logConfig: # where the trigger itself logs
      project: my-project
      logstore: my-trigger-log
";

macro_rules! topic {
    ($format:literal) => {
        concat!(
            "- triggerName: topic\n  triggerType: mns_topic\n",
            "  sourceArn: acs:mns:cn-hangzhou:1000000000000001:/topics/my-topic # your account and topic\n",
            "  invocationRole: acs:ram::1000000000000001:role/aliyunmnsnotificationrole\n  triggerConfig:\n",
            "    notifyContentFormat: ",
            $format,
            "\n    notifyStrategy: BACKOFF_RETRY\n"
        )
    };
}

const TABLESTORE: &str = r"- triggerName: tablestore
  triggerType: tablestore
  sourceArn: acs:ots:cn-hangzhou:1000000000000001:instance/my-instance/table/my-table # yours, with its stream on
  invocationRole: acs:ram::1000000000000001:role/aliyuntablestorestreamnotificationrole
  triggerConfig: {}
";

const CDN: &str = r"- triggerName: cdn
  triggerType: cdn_events
  sourceArn: acs:cdn:*:1000000000000001 # your account
  invocationRole: acs:ram::1000000000000001:role/aliyuncdneventnotificationrole
  triggerConfig:
    eventName: LogFileCreated
    eventVersion: 1.0.0
    notes: logs
    filter:
      domain: [example.com]
";

/// For each sample.
pub const TRIGGERS: [Trigger; 21] = [
    trigger!(
        "timer",
        "TimerEvent",
        "TimerEvent",
        "    log::info!(\"{} fired at {}\", event.trigger_name, event.trigger_time);\n    Ok(event.payload.unwrap_or_default().into())",
        "r#\"{\"key\":\"value\"}\"#",
        TIMER
    ),
    trigger!(
        "oss",
        "OssEvent",
        "OssEvent",
        "    for record in &event.events {
        let (bucket, object) = (&record.oss.bucket.name, &record.oss.object.key);
        log::info!(\"{}: {bucket}/{object}\", record.event_name);
    }
    Ok(format!(\"{} objects\", event.events.len()).into())",
        "\"1 objects\"",
        OSS
    ),
    trigger!(
        "oss-eventbridge",
        "{CloudEvent, OssRecord}",
        "CloudEvent<OssRecord>",
        "    let (bucket, object) = (event.data.oss.bucket, event.data.oss.object);
    log::info!(\"{}: {}/{}\", event.event_type, bucket.name, object.key);
    Ok(object.key.into())",
        "\"folder/file.txt\"",
        rule!(r#"{"source":["acs.oss"],"type":["oss:ObjectCreated:PutObject"]}"#)
    ),
    trigger!(
        "cloud-event",
        "{CloudEvent, Content}",
        "CloudEvent<Content>",
        "    // `event.data.json::<T>()` reads it as a type of yours.
    log::info!(\"{}: {}\", event.event_type, event.data.to_text());
    Ok(event.event_type.into())",
        "\"ecs:Disk:ConvertToPostpaidCompleted\"",
        rule!(r#"{"source":["acs.ecs"]}"#)
    ),
    trigger!(
        "sls",
        "SlsEvent",
        "SlsEvent",
        "    // The logs are to be read, between the two cursors.
    let source = event.source;
    log::info!(\"{:?} to {:?}\", source.begin_cursor, source.end_cursor);
    Ok(source.logstore_name.unwrap_or_default().into())",
        "\"my-logstore\"",
        SLS
    ),
    trigger!(
        "mns-topic",
        "MnsTopicEvent",
        "MnsTopicEvent",
        "    log::info!(\"{:?} of {:?}\", event.message_id, event.topic_name);\n    Ok(event.message.into())",
        "\"hello\"",
        topic!("JSON")
    ),
    trigger!(
        "mns-stream",
        "MnsStreamEvent",
        "MnsStreamEvent",
        "    log::info!(\"{} bytes\", event.body.len());\n    Ok(event.body.into())",
        "\"hello\"",
        topic!("STREAM")
    ),
    batch!(
        "mns-queue",
        "MnsQueueMessage",
        "log::info!(\"{}\", message.message_body.to_text());",
        eventbridge!("queue", "MNS", "          QueueName: my-queue\n          IsBase64Decode: false\n")
    ),
    batch!(
        "kafka",
        "KafkaMessage",
        "log::info!(\"{}: {}\", message.topic, message.value.to_text());",
        eventbridge!(
            "kafka",
            "Kafka",
            "          InstanceId: alikafka_pre-cn-0123456789ab\n          Topic: my-topic\n          ConsumerGroup: my-group\n          OffsetReset: latest\n          Network: Default\n"
        )
    ),
    batch!(
        "rocketmq",
        "RocketMqMessage",
        "log::info!(\"{}: {}\", message.topic, message.body.to_text());",
        eventbridge!(
            "rocketmq",
            "RocketMQ",
            "          InstanceId: MQ_INST_1000000000000001_abcdefgh\n          GroupID: GID_my-group\n          Topic: my-topic\n          Offset: CONSUME_FROM_LAST_OFFSET\n"
        )
    ),
    batch!(
        "rocketmq-own",
        "RocketMqMessage",
        "log::info!(\"{}: {}\", message.topic, message.body.to_text());",
        ELSEWHERE
    ),
    batch!(
        "rabbitmq",
        "RabbitMqMessage",
        "log::info!(\"{}\", message.body.to_text());",
        eventbridge!(
            "rabbitmq",
            "RabbitMQ",
            "          InstanceId: amqp-cn-0123456789ab\n          VirtualHostName: my-host\n          QueueName: my-queue\n"
        )
    ),
    batch!(
        "mqtt",
        "MqttMessage",
        "log::info!(\"{}\", message.body.to_text());",
        eventbridge!("mqtt", "MQTT", "          InstanceId: post-cn-0123456789ab\n          Topic: my-topic\n")
    ),
    batch!(
        "dts",
        "DtsMessage",
        "log::info!(\"{:?} at {:?}\", message.operation_type, message.offset);",
        eventbridge!(
            "dts",
            "DTS",
            "          BrokerUrl: dts-cn-hangzhou-vpc.aliyuncs.com:18003\n          TaskId: abc0123456789\n          Topic: my-topic\n          Sid: dtsabc0123456789\n          Username: my-user\n          Password: ${env('DTS_PASSWORD')}\n          InitCheckPoint: 1767323045\n"
        )
    ),
    trigger!(
        "tablestore",
        "TablestoreEvent",
        "TablestoreEvent",
        "    for record in &event.records {
        log::info!(\"{} of {:?}\", record.kind, record.primary_key(\"id\"));
    }
    Ok(format!(\"{} rows\", event.records.len()).into())",
        "\"1 rows\"",
        TABLESTORE
    ),
    trigger!(
        "cdn",
        "CdnEvent",
        "CdnEvent",
        "    for record in &event.events {
        log::info!(\"{}: {:?}\", record.event_name, record.event_parameter);
    }
    Ok(format!(\"{} events\", event.events.len()).into())",
        "\"1 events\"",
        CDN
    ),
    trigger!(
        "api-gateway",
        "{GatewayEvent, GatewayResponse}",
        "GatewayEvent",
        "    let text = format!(\"{} {}\", event.http_method, event.path);\n    Ok(GatewayResponse::new(200, text).into())",
        "r#\"{\"statusCode\":200,\"headers\":{},\"isBase64Encoded\":false,\"body\":\"GET /orders/7\"}\"#",
        ELSEWHERE
    ),
    trigger!(
        "http",
        "{GatewayResponse, HttpEvent}",
        "HttpEvent",
        "    let text = format!(\"{:?} {}\", event.method(), event.raw_path);\n    Ok(GatewayResponse::new(200, text).into())",
        "r#\"{\"statusCode\":200,\"headers\":{},\"isBase64Encoded\":false,\"body\":\"Some(\\\"GET\\\") /orders/7\"}\"#",
        ELSEWHERE
    ),
    trigger!(
        "async-result",
        "AsyncResult",
        "AsyncResult",
        "    log::info!(\"{:?}\", event.request_context.request_id);\n    Ok(event.response_payload.to_text().into_owned().into())",
        "\"done\"",
        ELSEWHERE
    ),
    trigger!(
        "async-result-eventbridge",
        "{AsyncResult, CloudEvent}",
        "CloudEvent<AsyncResult>",
        "    log::info!(\"{}: {:?}\", event.event_type, event.data.request_context);\n    Ok(event.event_type.into())",
        "\"fc:AsyncInvoke:succeeded\"",
        rule!(r#"{"source":["acs:fc"]}"#)
    ),
    trigger!(
        "object-fc",
        "ObjectFcEvent",
        "ObjectFcEvent",
        "    // What is read instead of the object goes to OSS (WriteGetObjectResponse), and not into this response.
    log::info!(\"to {}\", event.get_object_context.output_route);
    Ok(\"\".into())",
        "\"\"",
        ELSEWHERE
    ),
];

impl Trigger {
    /// The rest of the function's part of s.yaml.
    pub fn section(&self) -> String {
        if self.yaml.is_empty() {
            return "      # s makes no trigger of this kind: it is set up where it belongs to.".to_owned();
        }
        let lines = self.yaml.lines().map(|line| format!("\n        {line}"));
        format!("      triggers:{}", lines.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SAMPLES;

    #[test]
    fn there_is_a_project_for_each_sample() {
        assert_eq!(TRIGGERS.map(|it| it.name), SAMPLES.map(|it| it.name));
    }
}
