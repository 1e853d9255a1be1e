//! The fields of one function in a template. Unknown fields are ignored; what the platform would refuse is
//! refused here, with its line. How a document becomes nodes and how references are followed is not known
//! here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::fields::{integer, line_of, seconds, string, strings};
use super::interpolate::Scope;
use super::yaml::{self, Node, Value};
use crate::function::configuration::{
    CustomDomain, HOOK_TIMEOUT, HealthCheck, HttpTrigger, Initializer, InitializerKind, PreStop, Route,
};
use crate::function::rewrite::Rewrite;
use crate::function::{header_text, variables};

/// The fields of one resource that matter to a function running locally; `None` is "not written".
#[derive(Debug, Default)]
pub struct Template {
    pub name: Option<String>,
    pub region: Option<String>,
    pub http_trigger: Option<HttpTrigger>,
    pub container: bool,
    pub code: Option<PathBuf>,
    pub handler: Option<String>,
    pub command: Vec<String>,
    pub port: Option<u16>,
    pub memory_mb: Option<u64>,
    pub timeout: Option<Duration>,
    pub concurrency: Option<usize>,
    pub variables: Vec<(String, String)>,
    pub initializer: Option<Initializer>,
    pub pre_stop: Option<PreStop>,
    pub health: Option<HealthCheck>,
    pub async_retries: Option<u32>,
    pub log_project: Option<String>,
    pub log_store: Option<String>,
}

/// Reads the resource `resource` of the template at `path`, or its only one.
pub fn read(path: &Path, resource: Option<&str>) -> Result<Template> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    parse(&text, directory, resource).with_context(|| path.display().to_string())
}

/// The domains of the template at `path`.
pub fn domains_with_routes(path: &Path) -> Result<Vec<CustomDomain>> {
    let document = yaml::parse(&std::fs::read_to_string(path)?)?;
    let mut found = Vec::new();
    for (_, resource) in document.get("resources").map(Node::entries).unwrap_or_default() {
        let component = resource.get("component").and_then(Node::text).unwrap_or_default();
        let Some(props) = resource.get("props") else { continue };
        let Ok(props) = Scope::new(&document, resource).resolve(props) else { continue };
        let mut add = |domain: &Node, own: Option<String>| -> Result<()> {
            let mut routes = Vec::new();
            let listed = domain.get("routeConfig").and_then(|config| config.get("routes"));
            if let Some(Node { value: Value::List(list), .. }) = listed {
                for route in list {
                    routes.push(Route {
                        path: string(route, "path")?.unwrap_or_default(),
                        function: string(route, "functionName")?.unwrap_or_default(),
                        methods: strings(route, "methods")?,
                        rewrites: rewrites(route)?,
                    });
                }
            }
            if let (Some(function), Some(route)) = (own, domain.get("route")) {
                let path = string(route, "path")?.unwrap_or_default();
                let (methods, rewrites) = (strings(route, "methods")?, rewrites(route)?);
                routes.push(Route { path, function, methods, rewrites });
            }
            if let Some(name) = string(domain, "domainName")?.filter(|name| name != "auto") {
                let auth_type = match domain.get("authConfig") {
                    Some(config) => string(config, "authType")?.unwrap_or_default(),
                    None => String::new(),
                };
                found.push(CustomDomain { name, auth_type, routes });
            }
            Ok(())
        };
        if component == "fc3-domain" {
            add(&props, None)?;
        } else if let Some(domain) = props.get("customDomain") {
            add(domain, string(&props, "functionName")?)?;
        }
    }
    Ok(found)
}

/// The rewrite rules of a route, in the order that they are tried.
pub fn rewrites(route: &Node) -> Result<Vec<Rewrite>> {
    type Make = fn(&str, &str) -> Result<Rewrite, regex_lite::Error>;
    let kinds: [(&str, Make); 3] = [
        ("equalRules", Rewrite::equal),
        ("wildcardRules", Rewrite::wildcard),
        ("regexRules", Rewrite::regex),
    ];
    let Some(config) = route.get("rewriteConfig") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (kind, make) in kinds {
        let Some(Node { value: Value::List(rules), .. }) = config.get(kind) else { continue };
        for rule in rules {
            let (Some(pattern), Some(replacement)) = (string(rule, "match")?, string(rule, "replacement")?)
            else {
                bail!("line {}: a rule of {kind} needs match and replacement", rule.line);
            };
            let rewrite = make(&pattern, &replacement);
            found.push(rewrite.with_context(|| format!("line {}: {kind}: match '{pattern}'", rule.line))?);
        }
    }
    Ok(found)
}

fn http_trigger(props: &Node) -> Result<Option<HttpTrigger>> {
    let Some(Node { value: Value::List(triggers), .. }) = props.get("triggers") else { return Ok(None) };
    for trigger in triggers {
        if string(trigger, "triggerType")?.as_deref() == Some("http") {
            let Some(config) = trigger.get("triggerConfig") else { continue };
            return Ok(Some(HttpTrigger {
                name: string(trigger, "triggerName")?.unwrap_or_default(),
                methods: strings(config, "methods")?,
                auth_type: string(config, "authType")?.unwrap_or_default(),
                disables_internet_url: matches!(
                    config.get("disableURLInternet").map(|node| &node.value),
                    Some(Value::Bool(true))
                ),
            }));
        }
    }
    Ok(None)
}

/// The functions of the template at `path`.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let document = yaml::parse(&text).with_context(|| path.display().to_string())?;
    let entries = document.get("resources").map(Node::entries).unwrap_or_default();
    let is_function =
        |node: &Node| node.get("component").and_then(Node::text).is_some_and(|name| name == "fc3");
    Ok(entries.iter().filter(|(_, node)| is_function(node)).map(|(name, _)| name.clone()).collect())
}

/// The same of a text whose paths begin at `directory`.
pub fn parse(text: &str, directory: &Path, resource: Option<&str>) -> Result<Template> {
    let document = yaml::parse(text)?;
    let (name, this) = choose(&document, resource)?;
    let Some(props) = this.get("props") else {
        bail!("line {}: the resource '{name}' has no 'props'", this.line);
    };
    let props = Scope::new(&document, this).resolve(props)?;
    let container = is_container(&props)?;
    check_ranges(&props)?;
    let runtime = props
        .get(if container { "customContainerConfig" } else { "customRuntimeConfig" })
        .cloned()
        .unwrap_or(Node { line: props.line, value: Value::Null });
    let lifecycle = props.get("instanceLifecycleConfig");
    let log_field = |key| match props.get("logConfig") {
        Some(config) => string(config, key),
        None => Ok(None),
    };
    Ok(Template {
        name: Some(match string(&props, "functionName")? {
            Some(name) => name,
            None => {
                header_text::check_value("the resource", name)?;
                name.to_owned()
            }
        }),
        region: string(&props, "region")?,
        http_trigger: http_trigger(&props)?,
        container,
        code: code(&props, directory)?,
        handler: string(&props, "handler")?,
        command: command(&runtime, container)?,
        port: integer(&runtime, "port", 1..=65535)?,
        memory_mb: integer(&props, "memorySize", 128..=32768)?,
        timeout: seconds(&props, "timeout", 1..=86400)?,
        concurrency: integer(&props, "instanceConcurrency", 1..=200)?,
        variables: variables_of(&props)?,
        initializer: lifecycle.map(initializer).transpose()?.flatten(),
        pre_stop: lifecycle.map(pre_stop).transpose()?.flatten(),
        health: runtime.get("healthCheckConfig").map(health).transpose()?,
        async_retries: match props.get("asyncInvokeConfig") {
            Some(config) => integer(config, "maxAsyncRetryAttempts", 0..=8)?,
            None => None,
        },
        log_project: log_field("project")?,
        log_store: log_field("logstore")?,
    })
}

/// The resource asked for; without a name the only one of component fc3.
fn choose<'a>(document: &'a Node, resource: Option<&str>) -> Result<(&'a str, &'a Node)> {
    let Some(resources) = document.get("resources") else {
        bail!("the template has no 'resources'; fc-local reads Serverless Devs templates of edition 3.0.0");
    };
    let functions: Vec<(&str, &Node)> = resources
        .entries()
        .iter()
        .filter(|(_, node)| {
            node.get("component").and_then(Node::text).is_some_and(|component| {
                component == "fc3" || component.starts_with("fc3@") || component.ends_with("/fc3")
            })
        })
        .map(|(name, node)| (name.as_str(), node))
        .collect();
    let names = || functions.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match (resource, functions.as_slice()) {
        (Some(wanted), all) => match all.iter().find(|(name, _)| *name == wanted) {
            Some(found) => Ok(*found),
            None => bail!("there is no resource '{wanted}' of component fc3; there is: {}", names()),
        },
        (None, [only]) => Ok(*only),
        (None, []) => bail!("line {}: no resource has 'component: fc3'", resources.line),
        (None, _) => bail!("there are several functions; choose one with --resource: {}", names()),
    }
}

fn is_container(props: &Node) -> Result<bool> {
    match string(props, "runtime")?.as_deref() {
        None | Some("custom" | "custom.debian10" | "custom.debian11" | "custom.debian12") => Ok(false),
        Some("custom-container") => Ok(true),
        Some(other) => bail!(
            "line {}: runtime '{other}' is run by the platform itself; fc-local runs custom, custom.debian10, custom.debian11, custom.debian12 and custom-container",
            line_of(props, "runtime")
        ),
    }
}

/// Refuses values of fields that change nothing locally: the vendor refuses them all the same.
fn check_ranges(props: &Node) -> Result<()> {
    if let Some(memory) = integer::<u64>(props, "memorySize", 128..=32768)?
        && !memory.is_multiple_of(64)
    {
        bail!("line {}: memorySize must be a multiple of 64, not {memory}", line_of(props, "memorySize"));
    }
    if let Some(node) = props.get("cpu") {
        let cpu = match node.value {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
            _ => bail!("line {}: cpu must be a number", node.line),
        };
        // Multiples of 0.05, compared in thousandths: 0.35 has no exact binary form.
        if !(0.05..=16.0).contains(&cpu) || !((cpu * 1000.0).round() as u64).is_multiple_of(50) {
            bail!("line {}: cpu must be between 0.05 and 16 in steps of 0.05, not {cpu}", node.line);
        }
    }
    if let Some(disk) = integer::<u64>(props, "diskSize", 512..=10240)?
        && ![512, 10240].contains(&disk)
    {
        bail!("line {}: diskSize must be 512 or 10240, not {disk}", line_of(props, "diskSize"));
    }
    Ok(())
}

fn code(props: &Node, directory: &Path) -> Result<Option<PathBuf>> {
    let Some(node) = props.get("code") else {
        return Ok(None);
    };
    let path = match &node.value {
        Value::Text(text) => directory.join(text),
        Value::Map(_) => return Ok(None),
        _ => bail!("line {}: code must be a directory", node.line),
    };
    match unpacked(&path).canonicalize() {
        Ok(path) if path.is_dir() => Ok(Some(path)),
        Ok(path) => bail!(
            "line {}: code '{}' is not a directory; a package runs from the directory of its name, here '{}'",
            node.line,
            path.display(),
            path.with_extension("").display()
        ),
        Err(error) => bail!("line {}: code '{}': {error}", node.line, path.display()),
    }
}

/// The package `function.zip` is made of the directory `function`, which is what runs here.
fn unpacked(code: &Path) -> PathBuf {
    let directory = code.with_extension("");
    let packaged = code.extension().is_some_and(|extension| extension == "zip") && directory.is_dir();
    if packaged { directory } else { code.to_owned() }
}

/// A container's entrypoint belongs to its image, which does not run here.
fn command(runtime: &Node, container: bool) -> Result<Vec<String>> {
    let mut command = strings(runtime, "command")?;
    if container {
        return Ok(Vec::new());
    }
    let arguments = strings(runtime, "args")?;
    if command.is_empty() && !arguments.is_empty() {
        command.push("/code/bootstrap".to_owned());
    }
    command.extend(arguments);
    Ok(command)
}

fn variables_of(props: &Node) -> Result<Vec<(String, String)>> {
    let Some(node) = props.get("environmentVariables") else {
        return Ok(Vec::new());
    };
    let Value::Map(entries) = &node.value else {
        bail!("line {}: environmentVariables must be a mapping", node.line);
    };
    let mut found = Vec::new();
    for (name, value) in entries {
        let Some(text) = value.text() else {
            bail!("line {}: the variable {name} must be a text", value.line);
        };
        variables::check_name(name).with_context(|| format!("line {}", value.line))?;
        found.push((name.clone(), text));
    }
    Ok(found)
}

fn initializer(lifecycle: &Node) -> Result<Option<Initializer>> {
    let Some(node) = lifecycle.get("initializer") else {
        return Ok(None);
    };
    let timeout = seconds(node, "timeout", 1..=300)?.unwrap_or(HOOK_TIMEOUT);
    let command = strings(node, "command")?;
    let handler = string(node, "handler")?.is_some_and(|handler| !handler.is_empty());
    let kind = match (handler, command.is_empty()) {
        (true, false) => {
            bail!("line {}: an initializer has a handler or a command, not both", line_of(node, "command"))
        }
        (_, false) => InitializerKind::Command(command),
        (true, true) => InitializerKind::Code,
        (false, true) => return Ok(None),
    };
    Ok(Some(Initializer { kind, timeout }))
}

fn pre_stop(lifecycle: &Node) -> Result<Option<PreStop>> {
    let Some(node) = lifecycle.get("preStop") else {
        return Ok(None);
    };
    let timeout = seconds(node, "timeout", 1..=90)?.unwrap_or(HOOK_TIMEOUT);
    let handler = string(node, "handler")?.is_some_and(|handler| !handler.is_empty());
    Ok(handler.then_some(PreStop { timeout }))
}

fn health(node: &Node) -> Result<HealthCheck> {
    let Some(path) = string(node, "httpGetUrl")? else {
        bail!("line {}: healthCheckConfig needs httpGetUrl", node.line);
    };
    header_text::check_path("httpGetUrl", &path)
        .with_context(|| format!("line {}", line_of(node, "httpGetUrl")))?;
    let defaults = HealthCheck::new(path);
    Ok(HealthCheck {
        initial_delay: seconds(node, "initialDelaySeconds", 0..=120)?.unwrap_or(defaults.initial_delay),
        period: seconds(node, "periodSeconds", 1..=120)?.unwrap_or(defaults.period),
        timeout: seconds(node, "timeoutSeconds", 1..=3)?.unwrap_or(defaults.timeout),
        failure_threshold: integer(node, "failureThreshold", 1..=120)?.unwrap_or(defaults.failure_threshold),
        success_threshold: integer(node, "successThreshold", 1..=120)?.unwrap_or(defaults.success_threshold),
        path: defaults.path,
    })
}

#[cfg(test)]
mod tests;
