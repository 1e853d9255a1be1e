//! The fields of one function in a template. What the platform would refuse is refused here, with its line; what nothing
//! here needs only leaves a note. How a document becomes values and how references are followed is not known here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::code::Code;
use super::document::{Document, Resource};
use super::domains;
use super::fields::{integer, line_of, seconds, string, strings};
use super::node::{Node, Value};
use super::note::{Kind, Note};
use crate::function::configuration::{
    HOOK_TIMEOUT, HealthCheck, HttpTrigger, Initializer, InitializerKind, PreStop,
};
use crate::function::{header_text, variables};

/// The fields of one resource that matter to a function running locally; `None` is "not written".
#[derive(Debug, Default)]
pub struct Fields {
    pub name: Option<String>,
    pub region: Option<String>,
    pub http_trigger: Option<HttpTrigger>,
    pub container: bool,
    pub code: Code,
    /// Local directories and packages; layers of the platform are not here.
    pub layers: Vec<PathBuf>,
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
}

/// The fields of `resource`, and what there is to say about them.
pub fn fields(resource: &Resource, document: &Document, notes: &mut Vec<Note>) -> Result<Fields> {
    let Resource { name, node, props, line, .. } = resource;
    if !matches!(props.value, Value::Map(_)) {
        bail!("line {line}: the resource '{name}' has no 'props'");
    }
    let container = is_container(props)?;
    check_ranges(props)?;
    let config = if container { "customContainerConfig" } else { "customRuntimeConfig" };
    let nothing = Node::new(props.line.clone(), Value::Null);
    let runtime = props.get(config).unwrap_or(&nothing);
    let lifecycle = props.get("instanceLifecycleConfig");
    let log = props.get("logConfig").unwrap_or(&nothing);
    let command = command(runtime, container)?;
    Ok(Fields {
        name: Some(name_of(props, name, notes)?),
        region: needless(props, "region", notes)?,
        http_trigger: http_trigger(props, notes)?,
        container,
        code: Code::of(props, node, &document.root, &document.directory, &command),
        layers: layers(props, &document.directory, notes),
        handler: needless(props, "handler", notes)?,
        runtime: string(props, "runtime")?,
        command,
        port: integer(runtime, "port", 1..=65535)?,
        memory_mb: integer(props, "memorySize", 128..=32768)?,
        timeout: seconds(props, "timeout", 1..=86400)?,
        concurrency: integer(props, "instanceConcurrency", 1..=200)?,
        variables: variables_of(props, notes)?,
        initializer: lifecycle.map(|node| initializer(node, props, notes)).transpose()?.flatten(),
        pre_stop: lifecycle.map(pre_stop).transpose()?.flatten(),
        health: runtime.get("healthCheckConfig").map(health).transpose()?.flatten(),
        async_retries: match props.get("asyncInvokeConfig") {
            Some(config) => integer(config, "maxAsyncRetryAttempts", 0..=8)?,
            None => None,
        },
        log_project: needless(log, "project", notes)?,
        log_store: needless(log, "logstore", notes)?,
    })
}

/// A text without which a function runs as well.
fn needless(node: &Node, key: &str, notes: &mut Vec<Note>) -> Result<Option<String>> {
    match node.get(key).and_then(Node::broken) {
        Some((broken, reason)) => {
            notes.push(Note::new(Kind::Unresolved, &broken.line, key, reason));
            Ok(None)
        }
        None => string(node, key),
    }
}

/// The function's name; the platform's rule for it is `[A-Za-z_][A-Za-z0-9_-]{0,63}`.
fn name_of(props: &Node, resource: &str, notes: &mut Vec<Note>) -> Result<String> {
    const LENGTH: usize = 64;
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let starts_well = |name: &str| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let fits = |name: &str| starts_well(name) && name.len() <= LENGTH && name.chars().all(is_word);
    if let Some(name) = needless(props, "functionName", notes)? {
        // A function of FC 2.0 is SERVICE$FUNCTION in 3.0.
        let (service, function) = name.split_once('$').unwrap_or(("_", &name));
        if !fits(service) || !fits(function) {
            bail!(
                "line {}: functionName '{name}' is refused: up to {LENGTH} letters, digits, _ and -, no digit and no - first",
                line_of(props, "functionName")
            );
        }
        return Ok(name);
    }
    // The resource's own, as far as it is one.
    let name: String = resource.chars().map(|c| if is_word(c) { c } else { '_' }).collect();
    let name = if starts_well(&name) { name } else { format!("_{name}") };
    let name: String = name.chars().take(LENGTH).collect();
    if props.get("functionName").is_none() {
        let text = format!("it is missing, which the vendor's tool refuses; here it is '{name}'");
        notes.push(Note::remark(&props.line, "functionName", text));
    }
    Ok(name)
}

fn http_trigger(props: &Node, notes: &mut Vec<Note>) -> Result<Option<HttpTrigger>> {
    let triggers = props.get("triggers");
    let http = triggers
        .iter()
        .flat_map(|all| all.items())
        .filter(|trigger| trigger.get("triggerType").and_then(Node::text).is_some_and(|kind| kind == "http"));
    match http.filter_map(Node::broken).next() {
        Some((broken, reason)) => {
            notes.push(Note::new(Kind::Unresolved, &broken.line, "triggers", reason));
            Ok(None)
        }
        None => domains::http_trigger(props),
    }
}

/// The layers that are here; the platform's own are noted.
fn layers(props: &Node, directory: &Path, notes: &mut Vec<Note>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let named = props.get("layers").into_iter().flat_map(Node::items).filter(|layer| !layer.says_nothing());
    for layer in named {
        let name = layer.text().unwrap_or_default();
        match directory.join(&name).canonicalize() {
            Ok(path) if !name.is_empty() => found.push(path),
            _ => {
                let text = format!(
                    "the layer '{name}' is not here; a local directory in its place is found at /opt"
                );
                notes.push(Note::new(Kind::Ignored, &layer.line, "layers", text));
            }
        }
    }
    found
}

const RUNTIMES: &str =
    "fc-local runs custom, custom.debian10, custom.debian11, custom.debian12 and custom-container";

fn is_container(props: &Node) -> Result<bool> {
    match string(props, "runtime")?.as_deref() {
        None | Some("custom" | "custom.debian10" | "custom.debian11" | "custom.debian12") => Ok(false),
        Some("custom-container") => Ok(true),
        Some(other) if other.starts_with("custom") => {
            bail!("line {}: there is no runtime '{other}'; {RUNTIMES}", line_of(props, "runtime"))
        }
        Some(other) => bail!(
            "line {}: runtime '{other}' is run by the platform itself; {RUNTIMES}: one of these with a command runs here too, 's local' runs the others",
            line_of(props, "runtime")
        ),
    }
}

/// Refuses values of fields that change nothing locally: the vendor refuses them all the same.
fn check_ranges(props: &Node) -> Result<()> {
    let is_whole = |key: &str| props.get(key).is_none_or(|node| node.broken().is_none());
    if let Some(memory) = integer::<u64>(props, "memorySize", 128..=32768)?
        && !memory.is_multiple_of(64)
    {
        bail!("line {}: memorySize must be a multiple of 64, not {memory}", line_of(props, "memorySize"));
    }
    if let Some(node) = props.get("cpu").filter(|_| is_whole("cpu")) {
        let cpu = match node.value {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
            // What `${env(…)}` gives is always text.
            Value::Text(ref text) => text.parse().unwrap_or(f64::NAN),
            _ => bail!("line {}: cpu must be a number", node.line),
        };
        // Multiples of 0.05, compared in thousandths: 0.35 has no exact binary form.
        if !(0.05..=16.0).contains(&cpu) || !((cpu * 1000.0).round() as u64).is_multiple_of(50) {
            bail!("line {}: cpu must be between 0.05 and 16 in steps of 0.05, not {cpu}", node.line);
        }
    }
    if is_whole("diskSize")
        && let Some(disk) = integer::<u64>(props, "diskSize", 512..=10240)?
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

fn variables_of(props: &Node, notes: &mut Vec<Note>) -> Result<Vec<(String, String)>> {
    let Some(node) = props.get("environmentVariables") else {
        return Ok(Vec::new());
    };
    let entries = match &node.value {
        Value::Map(entries) => entries,
        Value::Broken { reason, .. } => bail!("line {}: environmentVariables: {reason}", node.line),
        _ => bail!("line {}: environmentVariables must be a mapping", node.line),
    };
    let mut found = Vec::new();
    for (name, value) in entries {
        if let Value::Broken { text, reason } = &value.value {
            let field = format!("environmentVariables.{name}");
            let reason = format!("{reason}; the function gets the text as it is");
            notes.push(Note::new(Kind::Unresolved, &value.line, &field, reason));
            found.push((name.clone(), text.clone()));
            continue;
        }
        let Some(text) = value.text() else {
            bail!("line {}: the variable {name} must be a text", value.line);
        };
        variables::check_name(name).with_context(|| format!("line {}", value.line))?;
        found.push((name.clone(), text));
    }
    Ok(found)
}

fn initializer(lifecycle: &Node, props: &Node, notes: &mut Vec<Note>) -> Result<Option<Initializer>> {
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
        (_, false) => {
            if props.get("gpuConfig").is_none() {
                let text = "the platform takes it for functions with a gpuConfig only";
                let line = line_of(node, "command");
                notes.push(Note::remark(line, "instanceLifecycleConfig.initializer.command", text));
            }
            InitializerKind::Command(command)
        }
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

/// The vendor requires no field of it: without a path there is nothing to ask for.
fn health(node: &Node) -> Result<Option<HealthCheck>> {
    let Some(path) = string(node, "httpGetUrl")?.filter(|path| !path.is_empty()) else {
        return Ok(None);
    };
    header_text::check_path("httpGetUrl", &path)
        .with_context(|| format!("line {}", line_of(node, "httpGetUrl")))?;
    let defaults = HealthCheck::new(path);
    Ok(Some(HealthCheck {
        initial_delay: seconds(node, "initialDelaySeconds", 0..=120)?.unwrap_or(defaults.initial_delay),
        period: seconds(node, "periodSeconds", 1..=120)?.unwrap_or(defaults.period),
        timeout: seconds(node, "timeoutSeconds", 1..=3)?.unwrap_or(defaults.timeout),
        failure_threshold: integer(node, "failureThreshold", 1..=120)?.unwrap_or(defaults.failure_threshold),
        success_threshold: integer(node, "successThreshold", 1..=120)?.unwrap_or(defaults.success_threshold),
        path: defaults.path,
    }))
}
