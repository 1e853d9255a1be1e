//! `fc-local config`: what was read of a template, from which line, and what was made of it. What it means for a run is
//! not known here.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use super::args::ConfigArgs;
use super::{console, load};
use crate::function::template::{Node, Note, NoteKind, Template, TemplateFunction, Value};
use crate::function::variables;
use crate::function::{CustomDomain, Route};
use crate::log::terminal;

/// What stands for a value that nobody should see.
const HIDDEN: &str = "(hidden: --show-secrets)";

#[derive(Serialize)]
struct Report {
    template: String,
    sources: Vec<String>,
    /// Why its functions cannot run together.
    faults: Vec<String>,
    functions: Vec<FunctionReport>,
    domains: Vec<DomainReport>,
    notes: Vec<NoteReport>,
}

#[derive(Serialize)]
struct DomainReport {
    name: String,
    auth_type: String,
    routes: Vec<RouteReport>,
}

#[derive(Serialize)]
struct RouteReport {
    path: String,
    function: String,
    /// Empty is any.
    methods: Vec<String>,
}

#[derive(Serialize)]
struct FunctionReport {
    resource: String,
    name: Option<String>,
    /// Why it cannot run.
    faults: Vec<String>,
    fields: Vec<FieldReport>,
    notes: Vec<NoteReport>,
}

#[derive(Serialize)]
struct FieldReport {
    field: String,
    value: serde_json::Value,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inherited_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
}

#[derive(Serialize)]
struct NoteReport {
    kind: &'static str,
    field: String,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nearest: Option<String>,
}

pub fn run(args: &ConfigArgs) -> Result<ExitCode> {
    let Some(path) = args.template.clone().or_else(load::default_template) else {
        bail!("there is no s.yaml here; name the template with -t");
    };
    let mut template = Template::read(&path)?;
    let is_one_of_several = template.functions.len() > 1;
    let sources = template.sources.iter().filter(|path| path.exists()).map(|path| path.display().to_string());
    let (sources, notes) = (sources.collect(), template.notes.iter().map(NoteReport::of).collect());
    if args.resource.is_some() {
        let resource = args.resource.as_deref();
        template.functions = vec![
            Template {
                functions: std::mem::take(&mut template.functions),
                domains: Vec::new(),
                sources: Vec::new(),
                notes: Vec::new(),
            }
            .choose(resource)
            .with_context(|| path.display().to_string())?,
        ];
    }
    let functions: Vec<FunctionReport> = template
        .functions
        .iter()
        .map(|function| {
            let faults = load::refusals(function, &path, is_one_of_several);
            FunctionReport::of(function, faults, args.show_secrets)
        })
        .collect();
    let names = functions.iter().filter_map(|function| function.name.as_deref());
    let faults = load::check_names(names).err().map(|fault| fault.to_string()).into_iter().collect();
    let is_shown = |route: &Route| {
        args.resource.is_none()
            || functions.iter().any(|function| function.name.as_ref() == Some(&route.function))
    };
    let domains = template.domains.iter().map(|domain| DomainReport::of(domain, is_shown));
    let domains = domains.filter(|domain| args.resource.is_none() || !domain.routes.is_empty()).collect();
    let report = Report { template: path.display().to_string(), sources, faults, functions, domains, notes };
    console::print(if args.json { terminal::json(&report, true) } else { report.text(&path) })?;
    let fails =
        !report.faults.is_empty() || report.functions.iter().any(|function| !function.faults.is_empty());
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Report {
    fn text(&self, path: &Path) -> String {
        let mut lines = vec![format!("{}, read from {}", path.display(), self.sources.join(", "))];
        lines.extend(self.faults.iter().map(|fault| format!("  cannot run: {fault}")));
        lines.extend(self.notes.iter().map(|note| format!("  {}", note.line())));
        for function in &self.functions {
            lines.push(String::new());
            lines.push(match &function.name {
                Some(name) => format!("function {name} (resource {})", function.resource),
                None => format!("resource {}", function.resource),
            });
            lines.extend(function.faults.iter().map(|fault| format!("  cannot run: {fault}")));
            let width = function.fields.iter().map(|field| field.start().chars().count()).max();
            let width = width.unwrap_or_default().min(48);
            let fields = function.fields.iter().filter(|field| function.reads(&field.field));
            lines.extend(fields.map(|field| format!("  {:width$}  {}", field.start(), field.origin())));
            for kind in ["ignored", "unknown", "unresolved", "remark"] {
                let notes: Vec<_> = function.notes.iter().filter(|note| note.kind == kind).collect();
                if !notes.is_empty() {
                    lines.push(format!("  {}", heading(kind)));
                    lines.extend(notes.iter().map(|note| format!("    {}", note.line())));
                }
            }
        }
        for domain in &self.domains {
            lines.push(String::new());
            lines.push(match domain.auth_type.as_str() {
                "" => format!("domain {}", domain.name),
                auth_type => format!("domain {} (authType {auth_type})", domain.name),
            });
            lines.extend(domain.routes.iter().map(|RouteReport { path, function, methods }| {
                let methods =
                    if methods.is_empty() { String::new() } else { format!(" ({})", methods.join(", ")) };
                format!("  {path} leads to {function}{methods}")
            }));
        }
        lines.join("\n")
    }
}

impl DomainReport {
    /// With the routes that are to be shown.
    fn of(domain: &CustomDomain, is_shown: impl Fn(&Route) -> bool) -> DomainReport {
        let routes = domain.routes.iter().filter(|route| is_shown(route)).map(|route| RouteReport {
            path: route.path.clone(),
            function: route.function.clone(),
            methods: route.methods.clone(),
        });
        DomainReport {
            name: domain.name.clone(),
            auth_type: domain.auth_type.clone(),
            routes: routes.collect(),
        }
    }
}

fn heading(kind: &str) -> &'static str {
    match kind {
        "ignored" => "ignored here:",
        "unknown" => "unknown:",
        "unresolved" => "not made out, and not needed:",
        _ => "to note:",
    }
}

impl FunctionReport {
    fn of(function: &TemplateFunction, faults: Vec<String>, shows_secrets: bool) -> FunctionReport {
        let mut fields = Vec::new();
        let is_secret = |path: &str, node: &Node| !shows_secrets && is_secret(path, node);
        collect(&function.resource.props, "", &is_secret, &mut fields);
        FunctionReport {
            resource: function.resource.name.clone(),
            name: function.fields.name.clone(),
            faults,
            fields,
            notes: function.notes.iter().map(NoteReport::of).collect(),
        }
    }

    /// Whether a field does something here.
    fn reads(&self, field: &str) -> bool {
        let mut unread = self.notes.iter().filter(|note| ["ignored", "unknown"].contains(&note.kind));
        !unread.any(|note| {
            !["layers", "triggers"].contains(&note.field.as_str())
                && field
                    .strip_prefix(&note.field)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }
}

/// The values below `node`, each with the way that leads to it.
fn collect(node: &Node, path: &str, is_secret: &dyn Fn(&str, &Node) -> bool, fields: &mut Vec<FieldReport>) {
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect(value, &path, is_secret, fields);
            }
        }
        Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Map(_))) => {
            for (place, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{place}]"), is_secret, fields);
            }
        }
        _ => {
            let secret = is_secret(path, node);
            let written = node.written.as_ref().filter(|_| !secret).map(|text| text.to_string());
            let items = node.items().iter().filter_map(|item| item.written.as_deref()).collect::<Vec<_>>();
            let of_items = (!items.is_empty() && !secret).then(|| items.join(", "));
            fields.push(FieldReport {
                field: path.to_owned(),
                value: if secret { HIDDEN.into() } else { json(node) },
                line: node.line.number,
                file: node.line.file.as_ref().map(|file| file.display().to_string()),
                inherited_from: node.inherited.as_ref().map(|from| from.to_string()),
                written: written.or(of_items),
            });
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

/// Whether nobody should see a value.
fn is_secret(path: &str, node: &Node) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    let is_variable = path.starts_with("environmentVariables.");
    is_variable && variables::is_secret(name, &node.text().unwrap_or_default())
}

fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => match i64::try_from(*value) {
            Ok(value) => value.into(),
            Err(_) => value.to_string().into(),
        },
        Value::Float(value) => match serde_json::Number::from_f64(*value) {
            Some(number) => number.into(),
            None => node.text().into(),
        },
        Value::Text(text) | Value::Broken { text, .. } => text.as_str().into(),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(key, node)| (key.clone(), json(node))).collect(),
    }
}

impl FieldReport {
    fn start(&self) -> String {
        let value = match &self.value {
            serde_json::Value::String(text) => on_one_line(text),
            value => value.to_string(),
        };
        format!("{}: {value}", self.field)
    }

    fn origin(&self) -> String {
        let mut origin = match &self.file {
            Some(file) => format!("{file}:{}", self.line),
            None => format!("line {}", self.line),
        };
        if let Some(from) = &self.inherited_from {
            origin.push_str(&format!(", inherited from {from}"));
        }
        if let Some(written) = &self.written {
            origin.push_str(&format!(", {}", on_one_line(written)));
        }
        origin
    }
}

impl NoteReport {
    fn of(note: &Note) -> NoteReport {
        NoteReport {
            kind: match note.kind {
                NoteKind::Ignored => "ignored",
                NoteKind::Unknown => "unknown",
                NoteKind::Unresolved => "unresolved",
                NoteKind::Remark => "remark",
            },
            field: note.field.clone(),
            line: note.line.number,
            file: note.line.file.as_ref().map(|file| file.display().to_string()),
            text: note.text.clone(),
            nearest: note.nearest.clone(),
        }
    }

    fn line(&self) -> String {
        let place = match &self.file {
            Some(file) => format!("{file}:{}", self.line),
            None => format!("line {}", self.line),
        };
        match self.field.as_str() {
            "" => format!("{place}: {}", self.text),
            field => format!("{place}: {field}: {}", self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::template::Line;

    #[test]
    fn the_secrets_among_variables_are_not_shown() {
        let node = |text: &str| Node::new(Line::default(), Value::Text(text.to_owned()));
        let secret = |name: &str, text: &str| is_secret(&format!("environmentVariables.{name}"), &node(text));
        assert!(secret("DB_PASSWORD", "x") && secret("URL", "mysql://u:p@host/db") && !secret("REGION", "x"));
        assert!(!is_secret("triggers[0].triggerConfig.authType", &node("anonymous")));
    }
}
