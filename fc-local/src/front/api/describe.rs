//! What does the API say of a function and its trigger? Bodies as the vendor's SDKs read them (their models `Function`,
//! `Trigger` and the lists of both). What is not known locally, such as when it was created, is left out.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::front::failure::Failure;
use crate::function::{Function, HealthCheck, HttpTrigger, Initializer, InitializerKind, Timer};

/// How many functions a page of the list has at the most.
const MAX_PAGE: usize = 100;

/// Which functions of all are asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    prefix: String,
    /// The name to begin with.
    begin: Option<String>,
    limit: usize,
}

impl Page {
    /// From `prefix`, `nextToken` and `limit` of a query.
    pub fn of<'q>(value: impl Fn(&str) -> Option<std::borrow::Cow<'q, str>>) -> Result<Page, Failure> {
        let text = |name| value(name).map(std::borrow::Cow::into_owned).filter(|text| !text.is_empty());
        let limit = match text("limit") {
            None => MAX_PAGE,
            Some(limit) => match limit.parse() {
                Ok(limit @ 1..=MAX_PAGE) => limit,
                _ => {
                    let what = format!("limit '{limit}' is no number from 1 to {MAX_PAGE}");
                    return Err(Failure::InvalidArgument(what));
                }
            },
        };
        Ok(Page { prefix: text("prefix").unwrap_or_default(), begin: text("nextToken"), limit })
    }
}

/// A page of the functions, in the order of their names.
pub fn functions<'f>(functions: impl Iterator<Item = &'f Function>, page: &Page) -> Value {
    let is_asked = |function: &&Function| {
        function.name.starts_with(&page.prefix)
            && page.begin.as_ref().is_none_or(|begin| function.name >= *begin)
    };
    let mut sorted: Vec<&Function> = functions.filter(is_asked).collect();
    sorted.sort_by(|one, other| one.name.cmp(&other.name));
    let listed: Vec<Value> = sorted.iter().take(page.limit).map(|function| of_function(function)).collect();
    match sorted.get(page.limit) {
        Some(next) => json!({"functions": listed, "nextToken": next.name}),
        None => json!({"functions": listed}),
    }
}

/// One function.
pub fn of_function(function: &Function) -> Value {
    let variables: Map<String, Value> =
        function.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut runtime = json!({"command": function.command, "port": function.port});
    if let Some(health) = &function.health {
        insert(&mut runtime, "healthCheckConfig", of_health_check(health));
    }
    let mut described = json!({
        "functionName": function.name,
        "functionArn": function.arn(),
        "handler": function.handler,
        "runtime": function.runtime,
        "memorySize": function.memory_mb,
        "timeout": function.timeout.as_secs(),
        "instanceConcurrency": function.concurrency,
        "environmentVariables": variables,
        "state": "Active",
        "lastUpdateStatus": "Successful",
    });
    let is_container = function.runtime == "custom-container";
    insert(
        &mut described,
        if is_container { "customContainerConfig" } else { "customRuntimeConfig" },
        runtime,
    );
    let mut lifecycle = json!({});
    if let Some(initializer) = &function.initializer {
        insert(&mut lifecycle, "initializer", of_initializer(initializer));
    }
    if let Some(pre_stop) = &function.pre_stop {
        let hook = json!({"handler": function.handler, "timeout": pre_stop.timeout.as_secs()});
        insert(&mut lifecycle, "preStop", hook);
    }
    if lifecycle != json!({}) {
        insert(&mut described, "instanceLifecycleConfig", lifecycle);
    }
    if !function.log_project.is_empty() {
        let config = json!({"project": function.log_project, "logstore": function.log_store});
        insert(&mut described, "logConfig", config);
    }
    described
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn of_health_check(health: &HealthCheck) -> Value {
    json!({
        "httpGetUrl": health.path,
        "initialDelaySeconds": health.initial_delay.as_secs(),
        "periodSeconds": health.period.as_secs(),
        "timeoutSeconds": health.timeout.as_secs(),
        "failureThreshold": health.failure_threshold,
        "successThreshold": health.success_threshold,
    })
}

fn of_initializer(initializer: &Initializer) -> Value {
    let timeout = initializer.timeout.as_secs();
    match &initializer.kind {
        InitializerKind::Code => json!({"handler": "initializer", "timeout": timeout}),
        InitializerKind::Command(command) => json!({"command": command, "timeout": timeout}),
    }
}

/// The HTTP trigger of a function that is reached at `address`.
pub fn trigger(trigger: &HttpTrigger, function: &Function, address: Option<SocketAddr>) -> Value {
    let config = json!({
        "authType": trigger.auth_type,
        "methods": trigger.methods,
        "disableURLInternet": trigger.disables_internet_url,
    });
    let mut described = of_trigger("http", &trigger.name, &trigger.qualifier, &config, function);
    if let Some(address) = address {
        let url = format!("http://{address}");
        insert(&mut described, "httpTrigger", json!({"urlInternet": url, "urlIntranet": url}));
    }
    described
}

/// A timer of a function.
pub fn timer(timer: &Timer, function: &Function) -> Value {
    let config = json!({
        "cronExpression": timer.schedule.text(),
        "enable": timer.is_enabled,
        "payload": timer.payload,
    });
    of_trigger("timer", &timer.name, &timer.qualifier, &config, function)
}

fn of_trigger(kind: &str, name: &str, qualifier: &str, config: &Value, function: &Function) -> Value {
    json!({
        "triggerName": name,
        "triggerType": kind,
        "triggerConfig": config.to_string(),
        "qualifier": qualifier,
        "targetArn": function.arn(),
    })
}

#[cfg(test)]
mod tests {
    use crate::function::account::ACCOUNT_ID;
    use std::borrow::Cow;
    use std::time::Duration;

    use super::*;
    use crate::function::PreStop;

    fn page(query: &[(&str, &'static str)]) -> Result<Page, Failure> {
        Page::of(|name| {
            query.iter().find(|(other, _)| *other == name).map(|(_, value)| Cow::Borrowed(*value))
        })
    }

    #[test]
    fn functions_are_listed_by_name_in_pages() {
        let named = |name: &str| Function { name: name.to_owned(), ..Function::example() };
        let all = ["c", "a2", "a1", "b"].map(named);
        for (query, names, next) in [
            (&[][..], &["a1", "a2", "b", "c"][..], None),
            (&[("prefix", "a")], &["a1", "a2"], None),
            (&[("limit", "3")], &["a1", "a2", "b"], Some("c")),
            (&[("limit", "3"), ("nextToken", "c")], &["c"], None),
            (&[("limit", ""), ("prefix", "z")], &[], None),
        ] {
            let listed = functions(all.iter(), &page(query).expect("a page"));
            let found: Vec<_> = listed["functions"].as_array().expect("a list").iter().collect();
            let found: Vec<_> =
                found.iter().filter_map(|function| function["functionName"].as_str()).collect();
            assert_eq!(
                (found.as_slice(), listed.get("nextToken").and_then(Value::as_str)),
                (names, next),
                "{query:?}"
            );
        }
        for limit in ["0", "101", "-1", "x"] {
            assert!(matches!(page(&[("limit", limit)]), Err(Failure::InvalidArgument(_))), "{limit}");
        }
    }

    #[test]
    fn a_function_is_told_in_the_fields_of_the_sdks_model() {
        let function = Function {
            variables: vec![("A".to_owned(), "1".to_owned())],
            initializer: Some(Initializer {
                kind: InitializerKind::Command(vec!["true".to_owned()]),
                timeout: Duration::from_secs(9),
            }),
            pre_stop: Some(PreStop { timeout: Duration::from_secs(5) }),
            health: Some(HealthCheck::new("/health".to_owned())),
            log_project: "p".to_owned(),
            ..Function::example()
        };
        let told = of_function(&function);
        for (pointer, wanted) in [
            ("/functionName", json!("example")),
            ("/functionArn", json!(format!("acs:fc:cn-hangzhou:{ACCOUNT_ID}:functions/example"))),
            ("/timeout", json!(3)),
            ("/runtime", json!("custom")),
            ("/memorySize", json!(512)),
            ("/environmentVariables/A", json!("1")),
            ("/customRuntimeConfig/port", json!(9000)),
            ("/customRuntimeConfig/healthCheckConfig/httpGetUrl", json!("/health")),
            ("/instanceLifecycleConfig/initializer", json!({"command": ["true"], "timeout": 9})),
            ("/instanceLifecycleConfig/preStop/timeout", json!(5)),
            ("/logConfig/project", json!("p")),
            ("/state", json!("Active")),
        ] {
            assert_eq!(told.pointer(pointer), Some(&wanted), "{pointer}");
        }
        let plain = of_function(&Function::example());
        for absent in ["instanceLifecycleConfig", "logConfig"] {
            assert!(plain.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn a_triggers_configuration_is_a_text_of_json() {
        let http = HttpTrigger {
            qualifier: "LATEST".to_owned(),
            name: "http".to_owned(),
            methods: vec!["GET".to_owned()],
            auth_type: "anonymous".to_owned(),
            disables_internet_url: false,
        };
        let told = trigger(&http, &Function::example(), Some(([127, 0, 0, 1], 8081).into()));
        let config: Value =
            serde_json::from_str(told["triggerConfig"].as_str().expect("a text")).expect("JSON");
        assert_eq!(config["methods"], json!(["GET"]));
        assert_eq!(told["httpTrigger"]["urlInternet"], "http://127.0.0.1:8081");
        assert!(trigger(&http, &Function::example(), None).get("httpTrigger").is_none());
    }
}
