//! `fc-local config`: what was read of a template, where each value comes from, and what of it means nothing here. How a
//! template is read is not known here.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value as Json, json};

use super::args::{ConfigArgs, FunctionArgs};
use super::{console, load};
use crate::function::template::notes::{Kind, Note};
use crate::function::template::yaml::{Line, Node, Value};
use crate::function::template::{self, Template};
use crate::log::terminal::{self, shown};

/// In a variable's name they say that its value is nobody's business.
const SECRET: [&str; 7] = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "KEY"];

pub fn run(args: &ConfigArgs) -> Result<ExitCode> {
    let found = FunctionArgs { template: args.template.clone(), ..FunctionArgs::default() };
    let Some(path) = load::template_path(&found) else {
        bail!("there is no s.yaml here; name a template with -t");
    };
    let resources = match &args.resource {
        Some(resource) => vec![resource.clone()],
        None => template::project(&path)?.0,
    };
    if resources.is_empty() {
        template::read(&path, None)?; // which says why
    }
    let templates: Vec<(String, Result<Template>)> = resources
        .into_iter()
        .map(|resource| {
            let template = template::read(&path, Some(&resource));
            (resource, template)
        })
        .collect();
    let is_read = templates.iter().all(|(_, template)| template.is_ok());
    let show = Show { path: &path, secrets: args.show_secrets };
    if args.json {
        let functions: Vec<Json> =
            templates.iter().map(|(name, template)| show.json(name, template)).collect();
        console::print(terminal::json(&json!({ "functions": functions }), true))?;
    } else {
        let text: Vec<String> = templates.iter().map(|(name, template)| show.text(name, template)).collect();
        console::print(text.join("\n").trim_end())?;
    }
    Ok(if is_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A value as it is written, and where.
struct Leaf<'t> {
    field: String,
    line: &'t Line,
    value: String,
    /// Where a value comes from that does not stand there itself.
    whence: String,
}

struct Show<'a> {
    path: &'a Path,
    secrets: bool,
}

impl Show<'_> {
    fn text(&self, resource: &str, template: &Result<Template>) -> String {
        let template = match template {
            Ok(template) => template,
            Err(error) => return format!("resource {resource}: {}\n", shown(&format!("{error:#}"))),
        };
        let name = template.name.as_deref().unwrap_or(resource);
        let mut out = format!("{name} (resource {resource} of {})\n", self.path.display());
        for leaf in self.leaves(template) {
            let whence = if leaf.whence.is_empty() { String::new() } else { format!("   # {}", leaf.whence) };
            let (line, field, value) = (leaf.line.to_string(), leaf.field, shown(&leaf.value));
            let _ = writeln!(out, "  {line:>4}  {field:<40} {value}{whence}"); // a String takes it
        }
        for (title, wanted) in [
            ("not used here", (|kind| matches!(kind, Kind::Ignored(_))) as fn(&Kind) -> bool),
            ("unknown", |kind| matches!(kind, Kind::Unknown { .. })),
            ("refers to nothing", |kind| matches!(kind, Kind::Unresolved(_))),
            ("see also", |kind| matches!(kind, Kind::Remark(_))),
        ] {
            let notes: Vec<&Note> = template.notes.iter().filter(|note| wanted(&note.kind)).collect();
            if !notes.is_empty() {
                let _ = writeln!(out, "  {title}:");
            }
            for note in notes {
                let (line, reason) = (note.line.to_string(), reason(note));
                let _ = writeln!(out, "  {line:>4}  {:<40} {}", note.field, shown(&reason));
            }
        }
        out
    }

    fn json(&self, resource: &str, template: &Result<Template>) -> Json {
        let template = match template {
            Ok(template) => template,
            Err(error) => return json!({ "resource": resource, "error": format!("{error:#}") }),
        };
        let at = |line: &Line| line.file.as_deref().unwrap_or(self.path).display().to_string();
        let field = |leaf: Leaf<'_>| json!({ "field": leaf.field, "value": leaf.value, "file": at(leaf.line), "line": leaf.line.number, "from": leaf.whence });
        let note = |note: &Note| {
            let kind = match note.kind {
                Kind::Ignored(_) => "ignored",
                Kind::Unknown { .. } => "unknown",
                Kind::Unresolved(_) => "unresolved",
                Kind::Remark(_) => "remark",
            };
            json!({ "field": note.field, "kind": kind, "reason": reason(note), "file": at(&note.line), "line": note.line.number })
        };
        json!({
            "name": template.name,
            "resource": resource,
            "fields": self.leaves(template).into_iter().map(field).collect::<Vec<_>>(),
            "notes": template.notes.iter().map(note).collect::<Vec<_>>(),
        })
    }

    /// The values that are used.
    fn leaves<'t>(&self, template: &'t Template) -> Vec<Leaf<'t>> {
        let mut leaves = Vec::new();
        if let Some(props) = &template.props {
            collect(props, String::new(), &mut leaves);
        }
        let is_unused = |field: &str| {
            template.notes.iter().any(|note| {
                let rest = field.strip_prefix(note.field.as_str());
                !matches!(note.kind, Kind::Unresolved(_) | Kind::Remark(_))
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        leaves.retain(|leaf| !is_unused(&leaf.field));
        for leaf in &mut leaves {
            leaf.whence = whence(leaf, template);
        }
        for leaf in leaves.iter_mut().filter(|leaf| !self.secrets && is_secret(&leaf.field)) {
            "***".clone_into(&mut leaf.value);
        }
        leaves
    }
}

fn collect<'t>(node: &'t Node, field: String, leaves: &mut Vec<Leaf<'t>>) {
    match &node.value {
        Value::Null => {}
        Value::Map(entries) => {
            for (key, node) in entries {
                let field = if field.is_empty() { key.clone() } else { format!("{field}.{key}") };
                collect(node, field, leaves);
            }
        }
        Value::List(items) if items.iter().all(|item| item.text().is_some()) => {
            let words: Vec<String> = items.iter().filter_map(Node::text).collect();
            leaves.push(Leaf {
                field,
                line: &node.line,
                value: format!("[{}]", words.join(", ")),
                whence: String::new(),
            });
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{field}[{index}]"), leaves);
            }
        }
        _ => leaves.push(Leaf {
            field,
            line: &node.line,
            value: node.text().unwrap_or_default(),
            whence: String::new(),
        }),
    }
}

fn whence(leaf: &Leaf<'_>, template: &Template) -> String {
    let inherited = leaf.line.origin.as_ref().map(|origin| format!("inherited from {origin}"));
    let references = template
        .substituted
        .iter()
        .filter(|(line, _, value)| line == leaf.line && leaf.value.contains(value));
    let references: Vec<&str> = references.map(|(_, reference, _)| reference.as_str()).collect();
    let references = (!references.is_empty()).then(|| references.join(", "));
    inherited.into_iter().chain(references).collect::<Vec<_>>().join("; ")
}

fn reason(note: &Note) -> String {
    match &note.kind {
        Kind::Ignored(why) => (*why).to_owned(),
        Kind::Unknown { nearest: Some(nearest) } => format!("{nearest}?"),
        Kind::Unknown { nearest: None } => "no field of the component fc3".to_owned(),
        Kind::Unresolved(why) | Kind::Remark(why) => why.clone(),
    }
}

fn is_secret(field: &str) -> bool {
    let Some(name) = field.strip_prefix("environmentVariables.") else { return false };
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
template:
  base: {timeout: 25, role: r}
vars: {level: debug}
resources:
  f:
    component: fc3
    extend: {name: base}
    props:
      functionName: shop
      timeOut: 10
      code: .
      environmentVariables: {LEVEL: '${vars.level}', DB_PASSWORD: hidden, A: '${self.x}'}
      customRuntimeConfig: {command: [a, 'b c']}
";

    fn read() -> Result<Template> {
        let scratch = support::Scratch::new();
        let path = scratch.path("s.yaml");
        std::fs::write(&path, TEXT).expect("a file");
        template::read(Path::new(&path), None)
    }

    #[test]
    fn each_value_has_its_line_and_its_origin_and_what_is_not_used_its_reason() {
        let show = Show { path: Path::new("s.yaml"), secrets: false };
        let text = show.text("f", &read());
        for line in [
            "shop (resource f of s.yaml)",
            "     2  timeout                                  25   # inherited from template base",
            "    12  environmentVariables.LEVEL               debug   # ${vars.level}",
            "    12  environmentVariables.DB_PASSWORD         ***",
            "    13  customRuntimeConfig.command              [a, b c]",
            "  not used here:",
            "     2  role                                     the credentials are made up here",
            "  unknown:",
            "    10  timeOut                                  timeout?",
            "  refers to nothing:",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} in\n{text}");
        }
        let open = Show { secrets: true, ..show }.text("f", &read());
        assert!(open.contains("DB_PASSWORD         hidden"), "{open}");
    }

    #[test]
    fn programs_read_the_same() {
        let json = Show { path: Path::new("s.yaml"), secrets: false }.json("f", &read());
        let field = |name: &str| {
            let fields = json["fields"].as_array().expect("fields");
            fields.iter().find(|field| field["field"] == name).expect(name).clone()
        };
        assert_eq!((&field("timeout")["value"], &field("timeout")["line"]), (&json!("25"), &json!(2)));
        assert_eq!(field("environmentVariables.LEVEL")["from"], "${vars.level}");
        let notes = json["notes"].as_array().expect("notes");
        assert!(
            notes.iter().any(|note| note["field"] == "timeOut" && note["reason"] == "timeout?"),
            "{json}"
        );
    }
}
