//! Which fields are there, and which of them change nothing here? As component fc3 has them (its schema, and its
//! documentation of `s.yaml`). What the others do is not known here.

use super::document::Resource;
use super::node::{Line, Node};
use super::note::{Kind, Note};
use super::senders::sample;

/// What a field does here.
#[derive(Clone, Copy)]
enum Effect {
    Used,
    /// Its entries are the author's.
    Free,
    Ignored(&'static str),
}

use Effect::{Free, Ignored, Used};

const NETWORK: Effect = Ignored("functions are in this machine's network");
const MOUNTS: Effect = Ignored("nothing is mounted; the directory is this machine's");
const SCALING: Effect = Ignored("instances are started on demand, up to --max-instances");
const CONTAINER: Effect = Ignored("a container runs with the command given after --");
const NOTHING: Effect = Ignored("it changes nothing on one machine");

/// The fields of `props`; those of a list's items stand below the list.
const PROPS: &[(&str, Effect)] = &[
    ("annotations", NOTHING),
    ("asyncInvokeConfig", Used),
    ("asyncInvokeConfig.asyncTask", Used),
    ("asyncInvokeConfig.destinationConfig", Used),
    ("asyncInvokeConfig.destinationConfig.onFailure", Used),
    ("asyncInvokeConfig.destinationConfig.onFailure.destination", Used),
    ("asyncInvokeConfig.destinationConfig.onSuccess", Used),
    ("asyncInvokeConfig.destinationConfig.onSuccess.destination", Used),
    ("asyncInvokeConfig.maxAsyncEventAgeInSeconds", Used),
    ("asyncInvokeConfig.maxAsyncRetryAttempts", Used),
    ("asyncInvokeConfig.qualifier", NOTHING),
    ("code", Used),
    ("code.ossBucketName", Used),
    ("code.ossObjectName", Used),
    ("code.src", Used),
    ("concurrencyConfig", SCALING),
    ("cpu", Ignored("it is checked, and the function has all of the machine")),
    ("customContainerConfig", Used),
    ("customContainerConfig.accelerationInfo", CONTAINER),
    ("customContainerConfig.accelerationType", CONTAINER),
    ("customContainerConfig.acrInstanceId", CONTAINER),
    ("customContainerConfig.command", CONTAINER),
    ("customContainerConfig.entrypoint", CONTAINER),
    ("customContainerConfig.healthCheckConfig", Used),
    ("customContainerConfig.healthCheckConfig.failureThreshold", Used),
    ("customContainerConfig.healthCheckConfig.httpGetUrl", Used),
    ("customContainerConfig.healthCheckConfig.initialDelaySeconds", Used),
    ("customContainerConfig.healthCheckConfig.periodSeconds", Used),
    ("customContainerConfig.healthCheckConfig.successThreshold", Used),
    ("customContainerConfig.healthCheckConfig.timeoutSeconds", Used),
    ("customContainerConfig.image", CONTAINER),
    ("customContainerConfig.port", Used),
    ("customContainerConfig.registryConfig", CONTAINER),
    ("customContainerConfig.resolvedImageUri", CONTAINER),
    ("customDNS", Ignored("names are resolved as this machine does it")),
    ("customDomain", Used),
    ("customDomain.authConfig", Free),
    ("customDomain.certConfig", Ignored("addresses here are plain HTTP")),
    ("customDomain.corsConfig", NOTHING),
    ("customDomain.domainName", Used),
    ("customDomain.protocol", Ignored("addresses here are plain HTTP")),
    ("customDomain.route", Free),
    ("customDomain.tlsConfig", Ignored("addresses here are plain HTTP")),
    ("customDomain.wafConfig", NOTHING),
    ("customRuntimeConfig", Used),
    ("customRuntimeConfig.args", Used),
    ("customRuntimeConfig.command", Used),
    ("customRuntimeConfig.healthCheckConfig", Used),
    ("customRuntimeConfig.healthCheckConfig.failureThreshold", Used),
    ("customRuntimeConfig.healthCheckConfig.httpGetUrl", Used),
    ("customRuntimeConfig.healthCheckConfig.initialDelaySeconds", Used),
    ("customRuntimeConfig.healthCheckConfig.periodSeconds", Used),
    ("customRuntimeConfig.healthCheckConfig.successThreshold", Used),
    ("customRuntimeConfig.healthCheckConfig.timeoutSeconds", Used),
    ("customRuntimeConfig.port", Used),
    ("description", NOTHING),
    ("disableInjectCredentials", NOTHING),
    ("disableOndemand", SCALING),
    ("diskSize", Ignored("it is checked, and the disk is this machine's")),
    ("enableLongLiving", SCALING),
    ("endpoint", Ignored("it is where the vendor's tool deploys to")),
    ("environmentVariables", Free),
    ("functionName", Used),
    ("gpuConfig", Ignored("the function has what the machine has")),
    ("handler", Used),
    ("idleTimeout", Ignored("--idle-timeout says it here")),
    ("instanceConcurrency", Used),
    ("instanceIsolationMode", SCALING),
    ("instanceLifecycleConfig", Used),
    ("instanceLifecycleConfig.initializer", Used),
    ("instanceLifecycleConfig.initializer.command", Used),
    ("instanceLifecycleConfig.initializer.handler", Used),
    ("instanceLifecycleConfig.initializer.timeout", Used),
    ("instanceLifecycleConfig.preStop", Used),
    ("instanceLifecycleConfig.preStop.command", Ignored("PreStop is a request here")),
    ("instanceLifecycleConfig.preStop.handler", Used),
    ("instanceLifecycleConfig.preStop.timeout", Used),
    ("internetAccess", NETWORK),
    ("layers", Used),
    ("logConfig", Used),
    ("logConfig.enableInstanceMetrics", NOTHING),
    ("logConfig.enableLlmMetrics", NOTHING),
    ("logConfig.enableRequestMetrics", NOTHING),
    ("logConfig.logBeginRule", Used),
    ("logConfig.logstore", Used),
    ("logConfig.project", Used),
    ("memorySize", Used),
    ("nasConfig", MOUNTS),
    ("ossMountConfig", MOUNTS),
    ("polarFsConfig", MOUNTS),
    ("provisionConfig", SCALING),
    ("region", Used),
    ("resourceGroupId", NOTHING),
    ("role", Ignored("the credentials here are made up")),
    ("runtime", Used),
    ("scalingConfig", SCALING),
    ("sessionAffinity", SCALING),
    ("sessionAffinityConfig", SCALING),
    ("supplement", NOTHING),
    ("tags", NOTHING),
    ("timeout", Used),
    ("tracingConfig", NOTHING),
    ("triggers", Free),
    ("vpcBinding", NETWORK),
    ("vpcConfig", NETWORK),
];

/// The fields of a trigger.
const TRIGGER: &[&str] = &[
    "description",
    "invocationRole",
    "qualifier",
    "sourceArn",
    "triggerConfig",
    "triggerName",
    "triggerType",
];

const TRIGGER_TYPES: &[&str] =
    &["cdn_events", "eventbridge", "http", "log", "mns_topic", "oss", "tablestore", "timer"];

/// The fields of an HTTP trigger's `triggerConfig`, and the values that they have.
const HTTP: &[&str] = &["authConfig", "authType", "corsConfig", "disableURLInternet", "methods"];
const AUTH_TYPES: &[&str] = &["anonymous", "function", "jwt", "bearer"];
const METHODS: &[&str] = &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// The fields of a timer's `triggerConfig`.
const TIMER: &[&str] = &["cronExpression", "enable", "payload"];

/// What fields were called in FC 2.0, and what they are called now.
const RENAMED: &[(&str, &str)] = &[
    ("codeUri", "code"),
    ("codeUri", "src"),
    ("config", "triggerConfig"),
    ("name", "triggerName"),
    ("role", "invocationRole"),
    ("type", "triggerType"),
];

/// What stood around the fields of a function in FC 2.0.
const WRAPPERS: &[&str] = &["function", "service"];

/// What a resource has beside its `props`.
const RESOURCE: &[&str] = &["access", "actions", "component", "extend", "name", "props"];

/// What a template has beside its resources. Other keys are those of anchors.
const TEMPLATE: &[&str] = &[
    "access",
    "actions",
    "components",
    "edition",
    "env",
    "extend",
    "flow",
    "name",
    "resources",
    "services",
    "template",
    "vars",
];

/// The keys of the template itself that are almost known ones.
pub fn check_template(root: &Node, notes: &mut Vec<Note>) {
    for (key, node) in root.entries().iter().filter(|(key, _)| !TEMPLATE.contains(&key.as_str())) {
        if let Some(nearest) = nearest(key, TEMPLATE.iter().copied()) {
            notes.push(unknown(&node.line, key, Some(nearest)));
        }
    }
    if let Some(env) = root.get("env") {
        let text = "environments are not applied here";
        notes.push(Note::new(Kind::Ignored, &env.line, "env", text));
    }
}

/// Whether a resource is a layer, which the vendor's component makes as well as functions.
pub fn is_layer(resource: &Resource) -> bool {
    let has = |key: &str| resource.props.get(key).is_some();
    (has("layerName") || has("compatibleRuntime")) && !has("functionName") && !has("runtime")
}

/// The fields of a resource that change nothing here, or that nobody knows.
pub fn check(resource: &Resource, notes: &mut Vec<Note>) {
    for (key, node) in resource.node.entries() {
        if !RESOURCE.contains(&key.as_str()) {
            // A field that is indented too little is one of `props`.
            let in_props = PROPS.iter().any(|(path, _)| path == key).then(|| format!("props.{key}"));
            let nearest = in_props.or_else(|| nearest(key, RESOURCE.iter().copied()).map(str::to_owned));
            notes.push(unknown(&node.line, key, nearest.as_deref()));
        }
    }
    check_fields(&resource.props, "", notes);
    check_triggers(&resource.props, notes);
}

fn check_fields(node: &Node, above: &str, notes: &mut Vec<Note>) {
    for (key, value) in node.entries().iter().filter(|(_, value)| !value.says_nothing()) {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        match PROPS.iter().find(|(known, _)| **known == path) {
            Some((_, Used)) => check_fields(value, &path, notes),
            Some((_, Free)) => {}
            None if WRAPPERS.contains(&path.as_str()) => {
                let text = "there is no such field; its fields belong directly below 'props'";
                notes.push(Note::new(Kind::Unknown, &value.line, &path, text));
            }
            Some((_, Ignored(why))) => notes.push(Note::new(Kind::Ignored, &value.line, &path, *why)),
            None => {
                let siblings = PROPS.iter().filter_map(|(known, _)| match known.rsplit_once('.') {
                    Some((parent, name)) => (parent == above).then_some(name),
                    None => above.is_empty().then_some(*known),
                });
                notes.push(unknown(&value.line, &path, meant(key, siblings)));
            }
        }
    }
}

fn check_triggers(props: &Node, notes: &mut Vec<Note>) {
    let all = props.get("triggers").into_iter().flat_map(Node::items).enumerate();
    for (place, trigger) in all.filter(|(_, trigger)| !trigger.says_nothing()) {
        let path = format!("triggers[{place}]");
        check_keys(trigger, &path, TRIGGER, notes);
        let kind = trigger.get("triggerType").and_then(Node::text).unwrap_or_default();
        match kind.as_str() {
            "http" => trigger.get("triggerConfig").iter().for_each(|config| {
                check_http(config, &format!("{path}.triggerConfig"), notes);
            }),
            "timer" => trigger.get("triggerConfig").iter().for_each(|config| {
                check_keys(config, &format!("{path}.triggerConfig"), TIMER, notes);
            }),
            "" => notes.push(Note::remark(&trigger.line, &path, "without a triggerType it calls nothing")),
            _ => {
                let meant = nearest(&kind, TRIGGER_TYPES.iter().copied()).filter(|name| **name != kind);
                let meant = meant.map(|name| format!(" (is it '{name}'?)")).unwrap_or_default();
                let example =
                    sample(trigger).map(|sample| format!(" --example {sample}")).unwrap_or_default();
                let text = format!(
                    "a trigger of type '{kind}'{meant} calls nothing here; 'fc-local invoke{example}' does"
                );
                notes.push(Note::new(Kind::Ignored, &trigger.line, "triggers", text));
            }
        }
    }
}

fn check_keys(node: &Node, above: &str, known: &[&str], notes: &mut Vec<Note>) {
    for (key, value) in node.entries().iter().filter(|(key, _)| !known.contains(&key.as_str())) {
        notes.push(unknown(&value.line, &format!("{above}.{key}"), meant(key, known.iter().copied())));
    }
}

/// The settings of an HTTP trigger, whose values the vendor's schema lists.
fn check_http(config: &Node, path: &str, notes: &mut Vec<Note>) {
    check_keys(config, path, HTTP, notes);
    let kinds = config.get("authType").into_iter().map(|kind| ("authType", kind, AUTH_TYPES));
    let methods = config.get("methods").into_iter().flat_map(Node::items);
    let methods = methods.map(|method| ("methods", method, METHODS));
    for (key, node, known) in kinds.chain(methods) {
        let Some(value) =
            node.text().filter(|value| !known.iter().any(|known| known.eq_ignore_ascii_case(value)))
        else {
            continue;
        };
        let text = match nearest(&value, known.iter().copied()) {
            Some(name) => format!("there is no '{value}'; is it '{name}'?"),
            None => format!("there is no '{value}'; there are: {}", known.join(", ")),
        };
        notes.push(Note::remark(&node.line, &format!("{path}.{key}"), text));
    }
}

fn unknown(line: &Line, field: &str, nearest: Option<&str>) -> Note {
    let text = match nearest {
        Some(name) => format!("there is no such field; is it '{name}'?"),
        None => "there is no such field".to_owned(),
    };
    Note { nearest: nearest.map(str::to_owned), ..Note::new(Kind::Unknown, line, field, text) }
}

/// The known name that was probably meant: what it is called now, or one that is written much like it.
fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let is_now = |known: &&str| RENAMED.contains(&(name, *known));
    known.clone().find(is_now).or_else(|| nearest(name, known))
}

/// The known name that is written much like this one.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let distances = known.map(|known| (strsim::damerau_levenshtein(&known.to_lowercase(), &name), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1 + name.len() / 4).then_some(known)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::document::Document;
    use super::super::reading;
    use super::*;

    /// What is read of a function whose field `path` is `value`, and how much there is to say about it.
    fn read(path: &str, value: &str) -> (String, usize) {
        let inner = path.rsplit('.').fold(value.to_owned(), |inner, key| format!("{{{key}: {inner}}}"));
        let text = format!("resources: {{f: {{component: fc3, props: {inner}}}}}");
        let fields = reading::parse(&text, Path::new("."), None);
        let fields = fields.unwrap_or_else(|error| panic!("{path}: {value}: {error:#}"));
        let mut document = Document::parse(&text, Path::new(".")).expect("a template");
        let mut notes = Vec::new();
        document.resources(&["fc3"]).expect("a resource").iter().for_each(|found| check(found, &mut notes));
        (format!("{fields:?}"), notes.len())
    }

    #[test]
    fn a_field_in_which_nothing_is_written_is_as_if_it_were_absent() {
        let absent = read("handler", "null");
        for (path, _) in PROPS {
            for nothing in ["null", "{}", "[]"] {
                assert_eq!(read(path, nothing), absent, "{path}: {nothing}");
            }
        }
        for (path, nothing) in [
            ("triggers", "[{}, null]"),
            ("layers", "[null]"),
            ("customDomain", "{domainName: null}"),
            ("customRuntimeConfig.healthCheckConfig", "{httpGetUrl: ''}"),
            ("customRuntimeConfig.healthCheckConfig", "{periodSeconds: 5}"),
        ] {
            assert_eq!(read(path, nothing), absent, "{path}: {nothing}");
        }
    }

    #[test]
    fn fields_of_fc_2_are_told_their_new_names() {
        for (path, wanted) in [
            ("codeUri", "codeUri: there is no such field; is it 'code'?"),
            ("code.codeUri", "code.codeUri: there is no such field; is it 'src'?"),
            (
                "function.handler",
                "function: there is no such field; its fields belong directly below 'props'",
            ),
        ] {
            let inner = path.rsplit('.').fold("x".to_owned(), |inner, key| format!("{{{key}: {inner}}}"));
            let text = format!("resources: {{f: {{component: fc3, props: {inner}}}}}");
            let mut document = Document::parse(&text, Path::new(".")).expect("a template");
            let mut notes = Vec::new();
            document
                .resources(&["fc3"])
                .expect("a resource")
                .iter()
                .for_each(|found| check(found, &mut notes));
            let said: Vec<String> = notes.iter().map(ToString::to_string).collect();
            assert_eq!(said, [format!("line 1: {wanted}")]);
        }
    }

    #[test]
    fn what_stands_below_triggers_is_checked_too() {
        let said = |trigger: &str| {
            let text = format!("resources: {{f: {{component: fc3, props: {{triggers: [{trigger}]}}}}}}");
            let mut document = Document::parse(&text, Path::new(".")).expect("a template");
            let mut notes = Vec::new();
            let resources = document.resources(&["fc3"]).expect("a resource");
            resources.iter().for_each(|resource| check(resource, &mut notes));
            notes.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let http =
            |config: &str| said(&format!("{{triggerName: t, triggerType: http, triggerConfig: {config}}}"));
        let fine =
            "{authType: anonymous, methods: [get, POST], disableURLInternet: true, authConfig: {jwks: {}}}";
        assert!(http(fine).is_empty(), "{:?}", http(fine));
        assert!(http("{authType: '${x}', methods: ['${x}']}").is_empty(), "what is open is said elsewhere");
        for (config, wanted) in [
            (
                "{authType: anonymus}",
                "line 1: triggers[0].triggerConfig.authType: there is no 'anonymus'; is it 'anonymous'?",
            ),
            ("{authType: none}", "there is no 'none'; there are: anonymous, function, jwt, bearer"),
            (
                "{methods: [GET, POSTT]}",
                "triggers[0].triggerConfig.methods: there is no 'POSTT'; is it 'POST'?",
            ),
            (
                "{disableURLInternt: true}",
                "triggers[0].triggerConfig.disableURLInternt: there is no such field; is it 'disableURLInternet'?",
            ),
        ] {
            let said = http(config);
            assert!(said.len() == 1 && said[0].contains(wanted), "{config}: {said:?}");
        }
        let older = said("{name: t, type: http, config: {a: b}}").join("; ");
        for wanted in ["is it 'triggerName'?", "is it 'triggerType'?", "is it 'triggerConfig'?"] {
            assert!(older.contains(wanted), "{older}");
        }
        let misspelt = said("{triggerType: htp}").join("; ");
        assert!(
            misspelt.contains("a trigger of type 'htp' (is it 'http'?) calls nothing here"),
            "{misspelt}"
        );
        let timer = said("{triggerType: timer, triggerConfig: {cron: '@every 4m'}}");
        assert!(
            timer.len() == 1 && timer[0].contains("triggers[0].triggerConfig.cron: there is no"),
            "{timer:?}"
        );
        let other = said("{triggerType: oss, triggerConfig: {anything: 1}}");
        assert!(other.len() == 1 && other[0].contains("of type 'oss' calls nothing here"), "{other:?}");
    }

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let names = || PROPS.iter().map(|(name, _)| *name);
        for (written, meant) in [
            ("timeOut", Some("timeout")),
            ("memorysize", Some("memorySize")),
            ("enviromentVariables", Some("environmentVariables")),
            ("customRuntimeConfg", Some("customRuntimeConfig")),
            ("handlr", Some("handler")),
            ("somethingElse", None),
        ] {
            assert_eq!(nearest(written, names()), meant, "{written}");
        }
    }

    #[test]
    fn every_field_has_its_parent() {
        for (path, _) in PROPS {
            if let Some((parent, _)) = path.rsplit_once('.') {
                assert!(
                    PROPS.iter().any(|(known, effect)| *known == parent && matches!(effect, Used)),
                    "{path}"
                );
            }
        }
    }
}
