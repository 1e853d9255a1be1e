//! Who else calls a function? Its triggers that nothing here stands for, by the names of their samples. What such a trigger is set
//! to is not looked at.

use super::node::Node;

/// The sample of each such trigger, once.
pub fn of(props: &Node) -> Vec<&'static str> {
    let mut samples = Vec::new();
    for trigger in props.get("triggers").into_iter().flat_map(Node::items) {
        let sample = sample(trigger);
        samples.extend(sample.filter(|sample| !samples.contains(sample)));
    }
    samples
}

/// The sample of what a trigger sends.
pub fn sample(trigger: &Node) -> Option<&'static str> {
    let text = |node: Option<&Node>| node.and_then(Node::text);
    let config = trigger.get("triggerConfig");
    Some(match text(trigger.get("triggerType"))?.as_str() {
        "oss" => "oss",
        "log" => "sls",
        "tablestore" => "tablestore",
        "cdn_events" => "cdn",
        "mns_topic" => {
            let format = text(config.and_then(|config| config.get("notifyContentFormat")));
            // Without one it is STREAM.
            if format.is_some_and(|format| format == "JSON") { "mns-topic" } else { "mns-stream" }
        }
        "eventbridge" => {
            let source = config.and_then(|config| config.get("eventSourceConfig"));
            match text(source.and_then(|source| source.get("eventSourceType"))).as_deref() {
                Some("Kafka") => "kafka",
                Some("MNS") => "mns-queue",
                Some("RocketMQ") => "rocketmq",
                Some("RabbitMQ") => "rabbitmq",
                Some("MQTT") => "mqtt",
                Some("DTS") => "dts",
                _ => {
                    let pattern = text(config.and_then(|config| config.get("eventRuleFilterPattern")));
                    let is_of_oss = pattern.is_some_and(|pattern| pattern.contains("acs.oss"));
                    if is_of_oss { "oss-eventbridge" } else { "cloud-event" }
                }
            }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn each_trigger_has_its_sample_once() {
        for (triggers, samples) in [
            ("[]", &[][..]),
            ("[{triggerType: http}, {triggerType: timer}, {triggerType: nobodys}, {}]", &[]),
            ("[{triggerType: oss}, {triggerType: log}, {triggerType: oss}]", &["oss", "sls"]),
            ("[{triggerType: cdn_events}, {triggerType: tablestore}]", &["cdn", "tablestore"]),
            (
                "[{triggerType: mns_topic}, {triggerType: mns_topic, triggerConfig: {notifyContentFormat: JSON}}]",
                &["mns-stream", "mns-topic"],
            ),
            (
                "[{triggerType: eventbridge, triggerConfig: {eventSourceConfig: {eventSourceType: Kafka}}}]",
                &["kafka"],
            ),
            (
                "[{triggerType: eventbridge, triggerConfig: {eventRuleFilterPattern: '{\"source\":[\"acs.oss\"]}'}}]",
                &["oss-eventbridge"],
            ),
            ("[{triggerType: eventbridge}]", &["cloud-event"]),
        ] {
            let props = yaml::parse(&format!("triggers: {triggers}"), None).expect("YAML");
            assert_eq!(of(&props), samples, "{triggers}");
            assert!(samples.iter().all(|sample| crate::sample::named(sample).is_ok()), "{samples:?}");
        }
    }
}
