//! A template as it is handed on: its functions, the domains that lead to them, and what there is to say about both.
//! Flags and defaults are not known here.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::code::Origins;
use super::document::{Document, Resource};
use super::domains;
use super::findings::{Fault, Findings};
use super::note::{Kind, Note};
use super::resource::{Fields, fields};
use super::schema;
use crate::function::configuration::CustomDomain;

/// The vendor's components that fc-local knows.
const COMPONENTS: [&str; 2] = ["fc3", "fc3-domain"];

/// What a template says.
pub struct Template {
    pub functions: Vec<TemplateFunction>,
    pub domains: Vec<CustomDomain>,
    /// The files that it was read from, or would be if they were there.
    pub sources: Vec<PathBuf>,
    /// What there is to say about the template itself.
    pub notes: Vec<Note>,
}

/// One function of a template.
pub struct TemplateFunction {
    pub resource: Resource,
    /// What it is to run with, as far as that could be read.
    pub fields: Fields,
    /// Why it cannot run.
    pub faults: Vec<Fault>,
    pub origins: Origins,
    pub notes: Vec<Note>,
}

impl Template {
    /// Reads the template at `path`.
    pub fn read(path: &Path) -> Result<Template> {
        Document::read(path).and_then(Template::of).with_context(|| path.display().to_string())
    }

    fn of(mut document: Document) -> Result<Template> {
        let resources = document.resources(&COMPONENTS)?;
        let mut notes = std::mem::take(&mut document.notes);
        schema::check_template(&document.root, &mut notes);
        let (layers, resources): (Vec<Resource>, Vec<Resource>) =
            resources.into_iter().partition(schema::is_layer);
        notes.extend(layers.iter().map(|Resource { name, line, .. }| {
            Note::remark(line, name, "it is a layer, of which nothing runs by itself")
        }));
        let domains = domains::of(&resources, &mut notes)?;
        let functions = resources.into_iter().filter(|resource| resource.component == "fc3");
        let functions: Vec<_> = functions.map(|resource| TemplateFunction::of(resource, &document)).collect();
        if let ([], [layer, ..]) = (functions.as_slice(), layers.as_slice()) {
            bail!("line {}: '{}' is a layer, of which nothing runs by itself", layer.line, layer.name);
        }
        if functions.is_empty() {
            bail!("{}", without_functions(&document));
        }
        Ok(Template { functions, domains, sources: document.sources, notes })
    }

    /// The function of the resource `name`; without a name the only one.
    pub fn choose(self, name: Option<&str>) -> Result<TemplateFunction> {
        let names = self.functions.iter().map(|function| function.resource.name.clone()).collect::<Vec<_>>();
        let mut functions = self.functions.into_iter();
        match name {
            Some(name) => match functions.find(|function| function.resource.name == name) {
                Some(found) => Ok(found),
                None => {
                    bail!("there is no resource '{name}' of component fc3; there is: {}", names.join(", "))
                }
            },
            None => match (functions.next(), functions.next()) {
                (Some(only), None) => Ok(only),
                _ => bail!("there are several functions; choose one with --resource: {}", names.join(", ")),
            },
        }
    }
}

impl TemplateFunction {
    fn of(resource: Resource, document: &Document) -> TemplateFunction {
        let mut found = Findings::default();
        let fields = fields(&resource, document, &mut found);
        let Findings { mut notes, faults } = found;
        schema::check(&resource, &mut notes);
        notes.sort_by_key(|note| (note.line.file.clone(), note.line.number));
        let origins = Origins::of(&resource.props, &document.directory, Some(&fields.code));
        TemplateFunction { resource, fields, faults, origins, notes }
    }
}

/// What a function is to run with, or everything that keeps it from that: not what is the matter with a field that is
/// `replaced`.
pub fn runnable(fields: Fields, faults: &[Fault], replaced: &[&str]) -> Result<Fields> {
    let counts = |fault: &&Fault| fault.field.is_none_or(|field| !replaced.contains(&field));
    let faults: Vec<&str> = faults.iter().filter(counts).map(|fault| fault.text.as_str()).collect();
    if faults.is_empty() { Ok(fields) } else { Err(anyhow!("{}", faults.join("; "))) }
}

/// What to do with a template that has no function of component fc3.
fn without_functions(document: &Document) -> String {
    let line = document.root.entry("resources").map(|node| node.line.to_string()).unwrap_or_default();
    let components = document.components();
    let is_older =
        |component: &String| component.split('@').next().unwrap_or_default().rsplit('/').next() == Some("fc");
    match components.iter().find(|component| is_older(component)) {
        Some(older) => format!(
            "line {line}: 'component: {older}' is of FC 2.0, which fc-local does not read; 's cli fc3 s2tos3' makes a template of component fc3 of it"
        ),
        None if components.is_empty() => format!("line {line}: no resource has 'component: fc3'"),
        None => format!("line {line}: no resource has 'component: fc3'; there is: {}", components.join(", ")),
    }
}

/// What `start` says of all the fields that change nothing: one line, or none.
pub fn summary(notes: &[Note]) -> Option<String> {
    let named = |kind: Kind| {
        let mut names: Vec<String> = Vec::new();
        for note in notes.iter().filter(|note| note.kind == kind) {
            let name = match &note.nearest {
                Some(nearest) => format!("{} ({nearest}?)", note.field),
                None => note.field.clone(),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    };
    let kinds = [("ignored here", named(Kind::Ignored)), ("unknown", named(Kind::Unknown))];
    let parts: Vec<String> = kinds
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("{kind}: {names}"))
        .collect();
    (!parts.is_empty()).then(|| format!("{}; fc-local config tells more", parts.join("; ")))
}

/// The fields of one function of a text whose paths begin at `directory`.
#[cfg(any(test, fuzzing, feature = "internals"))]
pub fn parse(text: &str, directory: &Path, resource: Option<&str>) -> Result<Fields> {
    let function = Template::of(Document::parse(text, directory)?)?.choose(resource)?;
    runnable(function.fields, &function.faults, &[])
}

#[cfg(test)]
mod tests;
