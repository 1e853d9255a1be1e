//! Which timer triggers has a function? What an expression means is not known here.

use anyhow::{Context as _, Result, anyhow, bail};

use super::fields::{line_of, string};
use super::findings::Findings;
use super::node::{Node, Value};
use super::note::{Kind, Note};
use crate::function::configuration::{LATEST, Timer};
use crate::function::schedule::Schedule;

/// The platform's limit for a payload, in bytes: that of an asynchronous event.
const MAX_PAYLOAD: usize = 128 * 1024;

/// How many timers a function may have: the platform allows fewer, and each takes its time to be read.
const MAX_TIMERS: usize = 100;

pub fn of(props: &Node, found: &mut Findings) -> Vec<Timer> {
    let all = props.get("triggers").into_iter().flat_map(Node::items).enumerate();
    let timers = all.filter(|(_, trigger)| {
        trigger.get("triggerType").and_then(Node::text).is_some_and(|kind| kind == "timer")
    });
    let mut read: Vec<Timer> = Vec::new();
    for (place, trigger) in timers {
        if read.len() >= MAX_TIMERS {
            let line = &trigger.line;
            found.of(Err::<(), _>(anyhow!("line {line}: there are more than {MAX_TIMERS} timers")));
            break;
        }
        let field = format!("triggers[{place}]");
        let Some(timer) = found.of(of_node(trigger).map(Some)) else { continue };
        if timer.name.is_empty() {
            let text = "it has no triggerName, which the vendor's tool refuses: its events have none here";
            found.notes.push(Note::remark(&trigger.line, &field, text));
        }
        if timer.qualifier != LATEST {
            let text = format!("it is that of {}: here it calls what runs here", timer.qualifier);
            found.notes.push(Note::remark(&trigger.line, &field, text));
        }
        if read.iter().any(|other| other.name == timer.name) {
            let text =
                format!("there is a timer '{}' already, which the platform replaces by it", timer.name);
            found.notes.push(Note::new(Kind::Remark, &trigger.line, &field, text));
        }
        read.retain(|other| other.name.is_empty() || other.name != timer.name);
        read.push(timer);
    }
    read
}

fn of_node(trigger: &Node) -> Result<Timer> {
    let nothing = Node::new(trigger.line.clone(), Value::Null);
    let config = trigger.get("triggerConfig").unwrap_or(&nothing);
    let line = line_of(config, "cronExpression");
    let Some(expression) = string(config, "cronExpression")?.filter(|expression| !expression.is_empty())
    else {
        bail!("line {line}: a timer needs a cronExpression, such as '@every 4m' or '0 0 4 * * *'");
    };
    let schedule = Schedule::parse(&expression).with_context(|| format!("line {line}: cronExpression"))?;
    let qualifier = string(trigger, "qualifier")?.filter(|qualifier| !qualifier.is_empty());
    Ok(Timer {
        name: string(trigger, "triggerName")?.unwrap_or_default(),
        qualifier: qualifier.unwrap_or_else(|| LATEST.to_owned()),
        schedule,
        is_enabled: is_enabled(config)?,
        payload: payload(config)?,
    })
}

/// A timer fires unless it says otherwise.
fn is_enabled(config: &Node) -> Result<bool> {
    let Some(node) = config.get("enable") else { return Ok(true) };
    // What `${env(…)}` gives is always text.
    match (&node.value, node.text().as_deref()) {
        (Value::Bool(value), _) => Ok(*value),
        (Value::Text(_), Some("true")) => Ok(true),
        (Value::Text(_), Some("false")) => Ok(false),
        _ => bail!("line {}: enable must be true or false", node.line),
    }
}

/// It is a text of any lines: it becomes no header.
fn payload(config: &Node) -> Result<String> {
    let Some(node) = config.get("payload") else { return Ok(String::new()) };
    if let Some((broken, reason)) = node.broken() {
        bail!("line {}: payload: {reason}", broken.line);
    }
    let Some(text) = node.text() else {
        bail!(
            "line {}: payload must be a text; JSON is written in quotes, as in '{{\"key\":\"value\"}}'",
            node.line
        );
    };
    if text.len() > MAX_PAYLOAD {
        bail!("line {}: payload has {} bytes, the limit is {MAX_PAYLOAD}", node.line, text.len());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    /// The timers of a text, and what there is to say of them: faults, then notes.
    fn read(text: &str) -> (Vec<Timer>, Vec<String>) {
        let mut found = Findings::default();
        let timers = of(&yaml::parse(text, None).expect("YAML"), &mut found);
        let faults = found.faults.into_iter().map(|fault| fault.text);
        (timers, faults.chain(found.notes.iter().map(ToString::to_string)).collect())
    }

    fn timer(config: &str) -> String {
        format!("triggers:\n  - triggerType: timer\n    triggerName: t\n    triggerConfig: {config}")
    }

    #[test]
    fn timers_are_those_among_all_triggers() {
        let text = "triggers: [{triggerType: http}, {triggerType: timer, triggerName: a, triggerConfig: {cronExpression: '@every 4m', enable: true, payload: x}}, {triggerType: timer, triggerName: b, triggerConfig: {cronExpression: 'CRON_TZ=Asia/Shanghai 0 0 4 * * *', enable: false}}]";
        let (timers, said) = read(text);
        assert!(said.is_empty(), "{said:?}");
        let told: Vec<_> = timers
            .iter()
            .map(|timer| (&*timer.name, timer.schedule.text(), timer.is_enabled, &*timer.payload))
            .collect();
        assert_eq!(
            told,
            [("a", "@every 4m", true, "x"), ("b", "CRON_TZ=Asia/Shanghai 0 0 4 * * *", false, "")]
        );
        assert!(timers.iter().all(|timer| timer.qualifier == LATEST));
        assert_eq!(read("a: 1"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_payload_is_a_text_of_any_lines_within_the_platforms_limit() {
        let of =
            |payload: &str| read(&timer(&format!("{{cronExpression: '@every 4m', payload: {payload}}}")));
        for (payload, wanted) in
            [("'{\"a\": 1}'", "{\"a\": 1}"), ("\"a\\nb\"", "a\nb"), ("7", "7"), ("null", "")]
        {
            assert_eq!(of(payload).0[0].payload, wanted, "{payload}");
        }
        assert_eq!(of(&"x".repeat(MAX_PAYLOAD)).0.len(), 1);
        for (payload, wanted) in
            [("{a: 1}", "line 4: payload must be a text"), (&*"x".repeat(MAX_PAYLOAD + 1), "131073 bytes")]
        {
            let (timers, said) = of(payload);
            assert!(timers.is_empty() && said.len() == 1 && said[0].contains(wanted), "{said:?}");
        }
    }

    #[test]
    fn what_the_platform_refuses_is_refused_with_its_line() {
        for (config, wanted) in [
            ("{enable: true}", "line 4: a timer needs a cronExpression"),
            ("{cronExpression: ''}", "line 4: a timer needs a cronExpression"),
            ("{cronExpression: '0 4 * * *'}", "line 4: cronExpression: '0 4 * * *' has 5 fields"),
            ("{cronExpression: '@every 4m', enable: maybe}", "line 4: enable must be true or false"),
        ] {
            let (timers, said) = read(&timer(config));
            assert!(timers.is_empty() && said.len() == 1 && said[0].contains(wanted), "{config}: {said:?}");
        }
    }

    #[test]
    fn of_two_with_one_name_the_last_one_fires() {
        let timer = |name: &str, payload: &str| {
            format!(
                "{{triggerType: timer, triggerName: {name}, triggerConfig: {{cronExpression: '@every 4m', payload: {payload}}}}}"
            )
        };
        let all = [timer("a", "1"), timer("b", "2"), timer("a", "3")].join(", ");
        let (timers, said) = read(&format!("triggers: [{all}]"));
        let payloads: Vec<_> = timers.iter().map(|timer| timer.payload.as_str()).collect();
        assert_eq!(payloads, ["2", "3"]);
        assert!(said.len() == 1 && said[0].contains("there is a timer 'a' already"), "{said:?}");
    }

    #[test]
    fn there_are_not_any_number_of_them() {
        let one = |name| {
            format!(
                "{{triggerType: timer, triggerName: t{name}, triggerConfig: {{cronExpression: '@every 4m'}}}}"
            )
        };
        let all: Vec<_> = (0..MAX_TIMERS + 2).map(one).collect();
        let (timers, said) = read(&format!("triggers: [{}]", all.join(", ")));
        assert_eq!(timers.len(), MAX_TIMERS);
        assert!(said.iter().any(|line| line == "line 1: there are more than 100 timers"), "{said:?}");
    }

    #[test]
    fn what_is_odd_is_noted() {
        let two = "triggers: [{triggerType: timer, triggerConfig: {cronExpression: '@every 4m'}}, {triggerType: timer, qualifier: prod, triggerConfig: {cronExpression: '@every 4m', enable: 'false'}}]";
        let (timers, said) = read(two);
        assert_eq!(timers.iter().map(|timer| timer.is_enabled).collect::<Vec<_>>(), [true, false]);
        for wanted in
            ["triggers[0]: it has no triggerName", "triggers[1]: it is that of prod", "there is a timer ''"]
        {
            assert!(said.iter().any(|line| line.contains(wanted)), "{wanted}: {said:?}");
        }
    }
}
