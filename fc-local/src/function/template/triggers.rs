//! Which HTTP triggers has a function, and which of them counts here? What else is to be said of them is not known here.

use anyhow::Result;

use super::domains::methods;
use super::fields::string;
use super::findings::Findings;
use super::node::{Line, Node, Value};
use super::note::{Kind, Note};
use crate::function::configuration::{HttpTrigger, LATEST};

/// The HTTP triggers of a function.
#[derive(Default)]
pub struct Triggers {
    /// The one of what runs here, LATEST; where there is none, the first.
    pub used: Option<HttpTrigger>,
    /// Those of other versions and aliases.
    pub others: Vec<HttpTrigger>,
}

pub fn of(props: &Node, found: &mut Findings) -> Triggers {
    let all = props.get("triggers").into_iter().flat_map(Node::items).enumerate();
    let http = all.filter(|(_, trigger)| {
        trigger.get("triggerType").and_then(Node::text).is_some_and(|kind| kind == "http")
    });
    let mut read = Vec::new();
    for (place, trigger) in http {
        let field = format!("triggers[{place}]");
        match trigger.broken() {
            Some((broken, reason)) => {
                found.notes.push(Note::new(Kind::Unresolved, &broken.line, &field, reason));
            }
            None => read.extend(found.of(of_node(trigger).map(|http| Some((field, &trigger.line, http))))),
        }
    }
    chosen(read, &mut found.notes)
}

fn chosen(mut read: Vec<(String, &Line, HttpTrigger)>, notes: &mut Vec<Note>) -> Triggers {
    if read.is_empty() {
        return Triggers::default();
    }
    let (_, _, used) =
        read.remove(read.iter().position(|(_, _, http)| http.qualifier == LATEST).unwrap_or(0));
    for (field, line, other) in &read {
        let (name, qualifier) = (&used.name, &other.qualifier);
        let text = format!("it is that of {qualifier}: what runs here is called as '{name}' says");
        notes.push(Note::remark(line, field, text));
    }
    Triggers { used: Some(used), others: read.into_iter().map(|(_, _, other)| other).collect() }
}

fn of_node(trigger: &Node) -> Result<HttpTrigger> {
    let nothing = Node::new(trigger.line.clone(), Value::Null);
    let config = trigger.get("triggerConfig").unwrap_or(&nothing);
    let closed = config.get("disableURLInternet").map(|node| &node.value);
    let qualifier = string(trigger, "qualifier")?.filter(|qualifier| !qualifier.is_empty());
    Ok(HttpTrigger {
        name: string(trigger, "triggerName")?.unwrap_or_default(),
        qualifier: qualifier.unwrap_or_else(|| LATEST.to_owned()),
        methods: methods(config)?,
        auth_type: string(config, "authType")?.unwrap_or_default(),
        disables_internet_url: matches!(closed, Some(Value::Bool(true))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    /// The HTTP triggers of a text, and what there is to say of them.
    fn read(text: &str) -> (Triggers, Vec<String>) {
        let mut found = Findings::default();
        let triggers = of(&yaml::parse(text, None).expect("YAML"), &mut found);
        assert!(found.faults.is_empty(), "{:?}", found.faults);
        (triggers, found.notes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_http_trigger_is_the_one_among_all() {
        for nothing in ["a: 1", "triggers: [{triggerType: timer, triggerName: t}]", "triggers: []"] {
            assert!(read(nothing).0.used.is_none(), "{nothing}");
        }
        let (triggers, notes) = read(
            "triggers: [{triggerType: timer}, {triggerType: http, triggerName: h, triggerConfig: {authType: anonymous, methods: [get, POST], disableURLInternet: true}}]",
        );
        let trigger = triggers.used.expect("the second one");
        assert_eq!((trigger.name.as_str(), trigger.auth_type.as_str()), ("h", "anonymous"));
        assert_eq!(
            (trigger.qualifier.as_str(), trigger.methods),
            (LATEST, ["GET", "POST"].map(str::to_owned).to_vec())
        );
        assert!(trigger.disables_internet_url && triggers.others.is_empty() && notes.is_empty());
    }

    #[test]
    fn of_several_http_triggers_that_of_latest_counts() {
        let http = |name: &str, qualifier: &str| {
            format!("{{triggerType: http, triggerName: {name}, qualifier: {qualifier}}}")
        };
        for (triggers, used, wanted) in [
            ([http("t2", "test"), http("t", "")], "t", "triggers[0]: it is that of test"),
            ([http("t2", "test"), http("t", "LATEST")], "t", "triggers[0]: it is that of test"),
            ([http("t", "prod"), http("t2", "test")], "t", "triggers[1]: it is that of test"),
        ] {
            let (triggers, notes) = read(&format!("triggers: [{}]", triggers.join(", ")));
            assert_eq!(triggers.used.expect("one of them").name, used);
            let others: Vec<_> = triggers.others.iter().map(|http| (&*http.name, &*http.qualifier)).collect();
            assert_eq!(others, [("t2", "test")]);
            assert!(notes.len() == 1 && notes[0].contains(wanted), "{notes:?}");
        }
    }
}
