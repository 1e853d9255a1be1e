//! Where are a function's code and its layers? What a template's `code` and `layers` mean on this machine. Nothing is
//! unpacked here.

use std::path::{Path, PathBuf};

use super::notes::{Kind, Note};
use super::yaml::{Node, Value};

/// Where the code is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Code {
    #[default]
    NotWritten,
    /// The vendor has it: a bucket, or an address.
    Elsewhere,
    Directory(PathBuf),
    /// A zip by any name, whose content it is.
    Package(PathBuf),
    /// One file, which is all of it.
    File(PathBuf),
    /// Nothing is there, as the text says.
    Missing(String),
}

/// What stands at `code`, as the vendor's tool takes it: a file by its ending, and for `java -jar` the jar's directory.
pub fn of(props: &Node, resource: &Node, directory: &Path, command: &[String]) -> Code {
    let Some(node) = props.get("code") else { return Code::NotWritten };
    let path = match &node.value {
        Value::Map(_) => return Code::Elsewhere,
        _ => directory.join(node.text().unwrap_or_default()),
    };
    let shown = std::path::absolute(&path).unwrap_or_else(|_| path.clone());
    let Ok(path) = path.canonicalize() else {
        let advice =
            built_by(resource).map_or(String::new(), |run| format!("; the template builds it by '{run}'"));
        return Code::Missing(format!(
            "line {}: code: there is nothing at {}{advice}",
            node.line,
            shown.display()
        ));
    };
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_ascii_lowercase();
    match ending.as_str() {
        _ if path.is_dir() => Code::Directory(path),
        "jar" | "war" if command.iter().any(|word| word.split(' ').any(|word| word == "-jar")) => {
            Code::Directory(path.parent().unwrap_or(directory).to_owned())
        }
        "zip" | "jar" | "war" => Code::Package(path),
        _ => Code::File(path),
    }
}

/// The command by which the resource's actions make its code before it is deployed.
fn built_by(resource: &Node) -> Option<String> {
    let actions = resource.get("actions")?.entries().iter().filter(|(name, _)| name.starts_with("pre-"));
    let steps = actions.filter_map(|(_, node)| match &node.value {
        Value::List(steps) => Some(steps),
        _ => None,
    });
    steps.flatten().find_map(|step| step.get("run")?.text())
}

/// The layers that are directories or packages here, in their order. The vendor's own and those of an account are not.
pub fn layers(props: &Node, directory: &Path, notes: &mut Vec<Note>) -> Vec<Code> {
    let Some(Node { value: Value::List(layers), .. }) = props.get("layers") else { return Vec::new() };
    let mut found = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let text = layer.text().unwrap_or_default();
        match directory.join(&text).canonicalize() {
            Ok(path) if path.is_dir() => found.push(Code::Directory(path)),
            Ok(path) if !text.is_empty() => found.push(Code::Package(path)),
            _ => {
                let kind = Kind::Ignored(if text.starts_with("acs:") || !text.contains('/') {
                    "it is the platform's, and not on this machine: /opt has nothing of it"
                } else {
                    "there is nothing at this path: /opt has nothing of it"
                });
                notes.push(Note { line: layer.line.clone(), field: format!("layers[{index}] {text}"), kind });
            }
        }
    }
    found
}
