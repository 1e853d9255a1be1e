//! The fields of one function in a template. Unknown fields are noted; what the platform would refuse is
//! refused here, with its line. How a document becomes nodes and how references are followed is not known
//! here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::code::{self, Code};
use super::document::{Document, Resource};
use super::domains;
use super::fields::{integer, line_of, seconds, string, strings};
use super::interpolate::{Scope, Seen};
use super::notes::{self, Kind, Note};
use super::yaml::{Line, Node, Value};
use crate::function::configuration::{
    CustomDomain, HOOK_TIMEOUT, HealthCheck, HttpTrigger, Initializer, InitializerKind, PreStop,
};
use crate::function::{header_text, variables};

/// The fields of one resource that matter to a function running locally; `None` is "not written".
#[derive(Debug, Default)]
pub struct Template {
    pub name: Option<String>,
    pub region: Option<String>,
    pub http_trigger: Option<HttpTrigger>,
    pub container: bool,
    pub code: Code,
    pub layers: Vec<Code>,
    pub handler: Option<String>,
    pub runtime: Option<String>,
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
    /// All that is written, with every reference replaced.
    pub props: Option<Node>,
    /// References with their lines and values.
    pub substituted: Vec<(Line, String, String)>,
    pub notes: Vec<Note>,
    /// The files that it was read from, and those that would have been.
    pub files: Vec<PathBuf>,
}

/// Reads the resource `resource` of the template at `path`, or its only one.
pub fn read(path: &Path, resource: Option<&str>) -> Result<Template> {
    let document = Document::read(path)?;
    of(&document, resource).with_context(|| path.display().to_string())
}

/// The same of a text whose paths begin at `directory`.
#[cfg(any(test, fuzzing, feature = "internals"))]
pub fn parse(text: &str, directory: &Path, resource: Option<&str>) -> Result<Template> {
    of(&Document::of(text, directory)?, resource)
}

/// The functions of the template at `path`, by the names of their resources, and the custom domains that lead to them.
pub fn project(path: &Path) -> Result<(Vec<String>, Vec<CustomDomain>)> {
    let document = Document::read(path)?;
    let names = document.resources("fc3").map(|resource| resource.name.clone()).collect();
    Ok((names, domains::of(&document).with_context(|| path.display().to_string())?))
}

fn of(document: &Document, resource: Option<&str>) -> Result<Template> {
    let resource = choose(document, resource)?;
    let Some(written) = resource.node.get("props") else {
        bail!("line {}: the resource '{}' has no 'props'", resource.node.line, resource.name);
    };
    let mut notes = notes::of_fields(&resource.node, written);
    let scope = document.scope(resource);
    let props = resolved(&scope, written, &mut notes)?;
    let container = is_container(&props)?;
    check_ranges(&props)?;
    check_extends(document, resource, &mut notes);
    let runtime = props
        .get(if container { "customContainerConfig" } else { "customRuntimeConfig" })
        .cloned()
        .unwrap_or(Node { line: props.line.clone(), value: Value::Null });
    let lifecycle = props.get("instanceLifecycleConfig");
    let log_field = |key| match props.get("logConfig") {
        Some(config) if matches!(config.value, Value::Map(_)) => string(config, key),
        _ => Ok(None),
    };
    let command = command(&runtime, container)?;
    let layers = code::layers(&props, document.directory(), &mut notes);
    let mut files = document.files().to_vec();
    let code = code::of(&props, &resource.node, document.directory(), &command);
    let Seen { substituted, files: read } = scope.into_seen();
    files.extend(read);
    Ok(Template {
        name: Some(match string(&props, "functionName")? {
            Some(name) => name,
            None => {
                header_text::check_value("the resource", &resource.name)?;
                resource.name.clone()
            }
        }),
        region: string(&props, "region")?,
        http_trigger: domains::http_trigger(&props)?,
        container,
        code,
        layers,
        handler: string(&props, "handler")?,
        runtime: string(&props, "runtime")?,
        command,
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
        props: Some(props),
        substituted,
        notes,
        files,
    })
}

/// Fields without which there is nothing to run.
const NEEDED: [&str; 8] = [
    "runtime",
    "code",
    "customRuntimeConfig",
    "customContainerConfig",
    "timeout",
    "memorySize",
    "instanceConcurrency",
    "instanceLifecycleConfig",
];

/// `props` with every reference replaced. What is not needed, and refers to nothing, is left out, or in a variable left as
/// it is written, and noted.
fn resolved(scope: &Scope<'_>, props: &Node, notes: &mut Vec<Note>) -> Result<Node> {
    let mut entries = Vec::new();
    for (key, node) in props.entries() {
        let resolved = match (key.as_str(), &node.value) {
            ("environmentVariables", Value::Map(variables)) => {
                let one = |(name, value): &(String, Node)| {
                    let field = format!("environmentVariables.{name}");
                    let kept = |node: &Node| node.clone();
                    (name.clone(), or_noted(scope.resolve(value), value, field, kept, notes))
                };
                let value = Value::Map(variables.iter().map(one).collect());
                Node { line: node.line.clone(), value }
            }
            (key, _) if NEEDED.contains(&key) => scope.resolve(node)?,
            (key, _) => {
                let nothing = |node: &Node| Node { line: node.line.clone(), value: Value::Null };
                or_noted(scope.resolve(node), node, key.to_owned(), nothing, notes)
            }
        };
        entries.push((key.clone(), resolved));
    }
    Ok(Node { line: props.line.clone(), value: Value::Map(entries) })
}

fn or_noted(
    resolved: Result<Node>,
    written: &Node,
    field: String,
    otherwise: impl Fn(&Node) -> Node,
    notes: &mut Vec<Note>,
) -> Node {
    resolved.unwrap_or_else(|error| {
        let kind = Kind::Unresolved(format!("{error:#}"));
        notes.push(Note { line: written.line.clone(), field, kind });
        otherwise(written)
    })
}

/// The resource asked for; without a name the only one of component fc3.
fn choose<'a>(document: &'a Document, resource: Option<&str>) -> Result<&'a Resource> {
    let functions: Vec<&Resource> = document.resources("fc3").collect();
    let names = || functions.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    match (resource, functions.as_slice()) {
        (Some(wanted), all) => match all.iter().find(|it| it.name == wanted) {
            Some(found) => Ok(found),
            None => bail!("there is no resource '{wanted}' of component fc3; there is: {}", names()),
        },
        (None, [only]) => Ok(only),
        (None, []) => {
            let line = document.root().get("resources").map_or(0, |resources| resources.line.number);
            let others: Vec<&str> = document.all_resources().iter().map(|it| it.component.as_str()).collect();
            let advice = match others.contains(&"fc") {
                true => "; 's cli fc3 s2tos3' makes one of 'component: fc', Function Compute 2.0",
                false => "",
            };
            bail!("line {line}: no resource has 'component: fc3'{advice}")
        }
        (None, _) => bail!("there are several functions; choose one with --resource: {}", names()),
    }
}

/// A template that is extended and is not there changes nothing, which is not what was meant.
fn check_extends(document: &Document, resource: &Resource, notes: &mut Vec<Note>) {
    let Some(name) = resource.node.get("extend").and_then(|extend| extend.get("name")) else { return };
    let text = name.text().unwrap_or_default();
    if document.root().get("template").and_then(|templates| templates.get(&text)).is_none() {
        let kind = Kind::Remark(format!("there is no '{text}' in 'template': nothing is inherited"));
        notes.push(Note { line: name.line.clone(), field: "extend.name".to_owned(), kind });
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
    // Without a value it is none.
    for (name, value) in entries.iter().filter(|(_, value)| !matches!(value.value, Value::Null)) {
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
