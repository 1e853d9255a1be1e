//! Who else calls a function? Its triggers that nothing here stands for. What such a trigger is set to is not looked at.

use super::node::Node;
use crate::function::configuration::Sender;

/// All such triggers.
pub fn of(props: &Node) -> Vec<Sender> {
    let triggers = props.get("triggers").into_iter().flat_map(Node::items);
    let sender = |trigger: &Node| {
        let kind =
            text(trigger.get("triggerType")).filter(|kind| !["http", "timer"].contains(&kind.as_str()))?;
        let name = text(trigger.get("triggerName")).unwrap_or_default();
        Some(Sender { kind, name, sample: sample(trigger) })
    };
    triggers.filter_map(sender).collect()
}

fn text(node: Option<&Node>) -> Option<String> {
    node.and_then(Node::text)
}

/// The sample of what a trigger sends.
pub fn sample(trigger: &Node) -> Option<&'static str> {
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
    fn each_trigger_has_its_sample() {
        for (triggers, samples) in [
            ("[]", &[][..]),
            ("[{triggerType: http}, {triggerType: timer}, {}]", &[]),
            ("[{triggerType: oss}, {triggerType: log}, {triggerType: oss}]", &["oss", "sls", "oss"]),
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
            let found: Vec<&str> = of(&props).iter().filter_map(|sender| sender.sample).collect();
            assert_eq!(found, samples, "{triggers}");
            assert!(samples.iter().all(|sample| crate::sample::named(sample).is_ok()), "{samples:?}");
        }
    }

    #[test]
    fn one_that_nobody_knows_is_there_without_a_sample() {
        let text = "triggers: [{triggerType: nobodys, triggerName: a}, {triggerType: oss}]";
        let all = of(&yaml::parse(text, None).expect("YAML"));
        let sender = |kind: &str, name: &str, sample| Sender { kind: kind.into(), name: name.into(), sample };
        assert_eq!(all, [sender("nobodys", "a", None), sender("oss", "", Some("oss"))]);
    }
}
