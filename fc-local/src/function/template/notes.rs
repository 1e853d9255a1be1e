//! What was found in a template beside what runs: fields that change nothing here, unknown ones, references that lead
//! nowhere. Which fields there are, as the vendor documents them for the component fc3.

use std::path::Path;

use super::yaml::{Line, Node, Value};

/// Something to tell the author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub line: Line,
    /// Its path within the resource's props.
    pub field: String,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is known, and changes nothing here, for this reason.
    Ignored(&'static str),
    /// It is not known; this name is the nearest one.
    Unknown { nearest: Option<&'static str> },
    /// A reference in it leads nowhere, as the text says, and what is done about it.
    Unresolved(String),
    /// What else there is to say.
    Remark(String),
}

/// A place, the fields that are read there, and those that are not with the reason.
type Place = (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)]);

/// Fields that are read, and fields that are known and not used with the reason. At each place: its path, `*` for a list's
/// items.
const FIELDS: [Place; 15] = [
    (
        "",
        &[
            "region",
            "functionName",
            "runtime",
            "code",
            "handler",
            "memorySize",
            "timeout",
            "instanceConcurrency",
            "environmentVariables",
            "customRuntimeConfig",
            "customContainerConfig",
            "instanceLifecycleConfig",
            "logConfig",
            "asyncInvokeConfig",
            "triggers",
            "layers",
            "customDomain",
        ],
        &[
            ("description", "it is for people"),
            ("cpu", "the machine's processors are not shared out here"),
            ("diskSize", "the machine's disk is not shared out here"),
            ("internetAccess", "the network is the machine's"),
            ("vpcConfig", "the network is the machine's"),
            ("vpcBinding", "the network is the machine's"),
            ("customDNS", "names are resolved as this machine does"),
            ("nasConfig", "nothing is mounted here"),
            ("ossMountConfig", "nothing is mounted here"),
            ("polarFsConfig", "nothing is mounted here"),
            ("role", "the credentials are made up here"),
            ("gpuConfig", "there is no GPU of the platform's here"),
            ("tracingConfig", "no traces are sent from here"),
            ("provisionConfig", "instances start with the first call here"),
            ("concurrencyConfig", "--max-instances bounds them here"),
            ("scalingConfig", "--max-instances bounds them here"),
            ("tags", "they are for people"),
            ("resourceGroupId", "it is the account's"),
            ("invocationRestriction", "the account restricts, not the function"),
            ("disableOndemand", "there are on-demand instances alone here"),
            ("enableLongLiving", "instances live for --idle-timeout here"),
            ("idleTimeout", "instances live for --idle-timeout here"),
            ("instanceIsolationMode", "instances are processes here"),
            ("sessionAffinity", "calls go to any instance here"),
            ("sessionAffinityConfig", "calls go to any instance here"),
            ("aliases", "there is one version here, LATEST"),
        ],
    ),
    ("customRuntimeConfig", &["command", "args", "port", "healthCheckConfig"], &[]),
    (
        "customContainerConfig",
        &["command", "entrypoint", "port", "healthCheckConfig"],
        &[
            ("image", "the command runs on this machine"),
            ("accelerationType", "the command runs on this machine"),
            ("acrInstanceId", "the command runs on this machine"),
            ("registryConfig", "the command runs on this machine"),
            ("resolvedImageUri", "the command runs on this machine"),
            ("role", "the credentials are made up here"),
        ],
    ),
    ("customRuntimeConfig.healthCheckConfig", HEALTH, &[]),
    ("customContainerConfig.healthCheckConfig", HEALTH, &[]),
    (
        "instanceLifecycleConfig",
        &["initializer", "preStop"],
        &[("preFreeze", "Function Compute 3.0 has no such hook")],
    ),
    ("instanceLifecycleConfig.initializer", &["handler", "timeout", "command"], &[]),
    ("instanceLifecycleConfig.preStop", &["handler", "timeout"], &[]),
    (
        "logConfig",
        &["project", "logstore"],
        &[
            ("enableInstanceMetrics", "the log is on the terminal"),
            ("enableRequestMetrics", "the log is on the terminal"),
            ("logBeginRule", "the log is on the terminal"),
            ("enableLlmMetrics", "the log is on the terminal"),
        ],
    ),
    (
        "asyncInvokeConfig",
        &["maxAsyncRetryAttempts"],
        &[
            ("maxAsyncEventAgeInSeconds", "events are tried until their retries are used up here"),
            ("asyncTask", "tasks are not listed here"),
            ("destinationConfig", "no destination is called from here"),
            ("qualifier", "there is one version here, LATEST"),
        ],
    ),
    (
        "triggers.*",
        &["triggerName", "triggerType", "triggerConfig"],
        &[
            ("qualifier", "there is one version here, LATEST"),
            ("description", "it is for people"),
            ("sourceArn", "it is of a service that is not here"),
            ("invocationRole", "it is of a service that is not here"),
        ],
    ),
    (
        "customDomain",
        &["domainName", "route", "authConfig"],
        &[
            ("protocol", "here it is HTTP"),
            ("certConfig", "here it is HTTP"),
            ("tlsConfig", "here it is HTTP"),
            ("wafConfig", "there is no firewall here"),
            ("corsConfig", "the function answers as it is"),
        ],
    ),
    (
        "customDomain.route",
        &["path", "methods", "rewriteConfig"],
        &[("qualifier", "there is one version here, LATEST")],
    ),
    (
        "http",
        &["authType", "methods", "disableURLInternet"],
        &[("authConfig", "any token is taken here"), ("corsConfig", "the function answers as it is")],
    ),
    (
        "resource",
        &["component", "props", "extend"],
        &[("actions", "they are of 's deploy' and the like"), ("access", "the credentials are made up here")],
    ),
];

const HEALTH: &[&str] = &[
    "httpGetUrl",
    "initialDelaySeconds",
    "periodSeconds",
    "timeoutSeconds",
    "failureThreshold",
    "successThreshold",
];

/// How unlike an unknown name may be to the one that was meant.
const MAX_DISTANCE: usize = 3;

/// What is to be said of the fields of `props`, and of the resource that they are of.
pub fn of_fields(resource: &Node, props: &Node) -> Vec<Note> {
    let mut notes = Vec::new();
    walk("resource", "", resource, &mut notes);
    walk("", "", props, &mut notes);
    for place in [
        "customRuntimeConfig",
        "customContainerConfig",
        "instanceLifecycleConfig",
        "logConfig",
        "asyncInvokeConfig",
        "customDomain",
        "customRuntimeConfig.healthCheckConfig",
        "customContainerConfig.healthCheckConfig",
        "instanceLifecycleConfig.initializer",
        "instanceLifecycleConfig.preStop",
        "customDomain.route",
    ] {
        let found = place.split('.').try_fold(props, |node, key| node.get(key));
        if let Some(node) = found {
            walk(place, place, node, &mut notes);
        }
    }
    if let Some(Value::List(triggers)) = props.get("triggers").map(|node| &node.value) {
        triggers.iter().enumerate().for_each(|(index, trigger)| of_trigger(index, trigger, &mut notes));
    }
    notes.sort_by_key(|note| note.line.number);
    notes
}

fn of_trigger(index: usize, trigger: &Node, notes: &mut Vec<Note>) {
    let field = format!("triggers[{index}]");
    walk("triggers.*", &field, trigger, notes);
    match trigger.get("triggerType").and_then(Node::text).as_deref() {
        Some("http") => {
            if let Some(config) = trigger.get("triggerConfig") {
                walk("http", &format!("{field}.triggerConfig"), config, notes);
            }
        }
        Some(_) => {
            let kind = Kind::Ignored("it does not fire here; fc-local invoke sends its event");
            notes.push(Note { line: trigger.line.clone(), field, kind });
        }
        None => {}
    }
}

/// Notes the fields of the mapping `node`, which is at `path`, that are not used at `place`.
fn walk(place: &str, path: &str, node: &Node, notes: &mut Vec<Note>) {
    let Some((_, used, ignored)) = FIELDS.iter().find(|(known, ..)| *known == place) else { return };
    for (key, value) in node.entries() {
        let kind = match ignored.iter().find(|(name, _)| name == key) {
            Some((_, why)) => Kind::Ignored(why),
            None if used.contains(&key.as_str()) => continue,
            None => Kind::Unknown { nearest: nearest(key, used, ignored) },
        };
        let field = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        notes.push(Note { line: value.line.clone(), field, kind });
    }
}

fn nearest(key: &str, used: &[&'static str], ignored: &[(&'static str, &str)]) -> Option<&'static str> {
    let names = used.iter().copied().chain(ignored.iter().map(|(name, _)| *name));
    let distance = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &key.to_lowercase());
    let found = names.map(|name| (distance(name), name)).min()?;
    (found.0 <= MAX_DISTANCE.min(key.len() / 2)).then_some(found.1)
}

/// What is to be said of the template at `path` in one line; `None` when all of it is used.
pub fn summary(path: &Path, notes: &[Note]) -> Option<String> {
    let names = |wanted: fn(&Kind) -> bool| {
        let found = notes.iter().filter(|note| wanted(&note.kind)).map(named);
        found.collect::<Vec<_>>().join(", ")
    };
    let parts = [
        ("not used here: ", names(|kind| matches!(kind, Kind::Ignored(_)))),
        ("unknown: ", names(|kind| matches!(kind, Kind::Unknown { .. }))),
        ("refers to nothing: ", names(|kind| matches!(kind, Kind::Unresolved(_)))),
        ("see also: ", names(|kind| matches!(kind, Kind::Remark(_)))),
    ];
    let said: Vec<String> = parts
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}{names}"))
        .collect();
    let path = path.display();
    (!said.is_empty()).then(|| format!("{path}: {}; fc-local config -t {path} says more", said.join("; ")))
}

fn named(note: &Note) -> String {
    match &note.kind {
        Kind::Unknown { nearest: Some(nearest) } => format!("{} ({nearest}?)", note.field),
        _ => note.field.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    #[test]
    fn fields_are_used_known_or_not_known_with_the_nearest_name() {
        let resource = yaml::parse("component: fc3\nactions: {}\nprobs: 1\nprops:\n  timeOut: 10\n  role: r\n  memory: 1\n  customRuntimeConfig: {comand: [x], port: 1}\n  triggers:\n    - {triggerType: timer}\n    - {triggerType: http, triggerConfig: {authtype: x}}\n  zzz: 1\n").expect("YAML");
        let notes = of_fields(&resource, resource.get("props").expect("props"));
        let unknown = |note: &Note| match &note.kind {
            Kind::Unknown { nearest } => Some((note.field.clone(), nearest.unwrap_or("-"))),
            _ => None,
        };
        let found: Vec<_> = notes.iter().filter_map(unknown).collect();
        let wanted = [
            ("probs", "props"),
            ("timeOut", "timeout"),
            ("memory", "-"),
            ("customRuntimeConfig.comand", "command"),
            ("triggers[1].triggerConfig.authtype", "authType"),
            ("zzz", "-"),
        ];
        assert_eq!(found, wanted.map(|(field, nearest)| (field.to_owned(), nearest)));
        let ignored: Vec<&str> = notes
            .iter()
            .filter(|note| matches!(note.kind, Kind::Ignored(_)))
            .map(|note| note.field.as_str())
            .collect();
        assert_eq!(ignored, ["actions", "role", "triggers[0]"]);
    }

    #[test]
    fn what_means_nothing_is_one_line() {
        let note = |field: &str, kind| Note { line: Line::default(), field: field.to_owned(), kind };
        let notes = [
            note("role", Kind::Ignored("")),
            note("timeOut", Kind::Unknown { nearest: Some("timeout") }),
            note("zzz", Kind::Unknown { nearest: None }),
            note("environmentVariables.A", Kind::Unresolved(String::new())),
        ];
        assert_eq!(
            summary(Path::new("s.yaml"), &notes).as_deref(),
            Some(
                "s.yaml: not used here: role; unknown: timeOut (timeout?), zzz; refers to nothing: environmentVariables.A; fc-local config -t s.yaml says more"
            )
        );
        assert_eq!(summary(Path::new("s.yaml"), &[]), None);
    }
}
