//! The fields of one function in a template. Unknown fields are ignored; what the platform would refuse is
//! refused here, with its line. How a document becomes nodes and how references are followed is not known
//! here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::domains::{self, is_component};
use super::fields::{integer, line_of, seconds, string, strings};
use super::interpolate::Scope;
use super::yaml::{self, Node, Value};
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
    pub code: Option<PathBuf>,
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

/// Reads the resource `resource` of the template at `path`, or its only one.
pub fn read(path: &Path, resource: Option<&str>) -> Result<Template> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    parse(&text, directory, resource).with_context(|| path.display().to_string())
}

/// The functions of the template at `path`, by the names of their resources, and the custom domains that lead to them.
pub fn project(path: &Path) -> Result<(Vec<String>, Vec<CustomDomain>)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the template {}", path.display()))?;
    let read = || -> Result<_> {
        let document = yaml::parse(&text)?;
        let resources = document.get("resources").map(Node::entries).unwrap_or_default();
        let functions = resources.iter().filter(|(_, resource)| is_component(resource, "fc3"));
        Ok((functions.map(|(name, _)| name.clone()).collect(), domains::of(&document)?))
    };
    read().with_context(|| path.display().to_string())
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
        http_trigger: domains::http_trigger(&props)?,
        container,
        code: code(&props, directory)?,
        handler: string(&props, "handler")?,
        runtime: string(&props, "runtime")?,
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
        .filter(|(_, node)| is_component(node, "fc3"))
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
