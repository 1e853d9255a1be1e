//! Where is a function's code? A directory, or a package that is unpacked as the vendor's own local run does it. What is
//! done with it is not known here.

use std::path::{Path, PathBuf};

use super::evaluation::normalized;
use super::node::{Node, Value};

/// What a template says about a function's code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Code {
    /// Nothing.
    #[default]
    Unsaid,
    Directory(PathBuf),
    /// A zip file, by whatever name.
    Package(PathBuf),
    /// It is not here: why, and what to do.
    Missing(String),
}

impl Code {
    /// Of the field `code` of `props`; `resource` has the actions that may build it.
    pub fn of(props: &Node, resource: &Node, document: &Node, directory: &Path, command: &[String]) -> Code {
        let Some(node) = props.get("code") else { return Code::Unsaid };
        let missing = |text: String| Code::Missing(format!("line {}: {text}", node.line));
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Map(_) => match node.get("src").and_then(Node::text) {
                Some(text) => text,
                None => {
                    let name = |key| node.get(key).and_then(Node::text).unwrap_or_default();
                    let (bucket, object) = (name("ossBucketName"), name("ossObjectName"));
                    if bucket.is_empty() && object.is_empty() {
                        return missing("code has no 'src'; --code DIR says where it is".to_owned());
                    }
                    return missing(format!(
                        "the code is the object '{object}' of the bucket '{bucket}', which is not here; --code DIR says what stands for it"
                    ));
                }
            },
            Value::Broken { reason, .. } => {
                return missing(format!("code: {reason}; --code DIR says where it is"));
            }
            _ => return missing("code must be a directory or a package".to_owned()),
        };
        // Without the second dot of `././code`.
        let path: PathBuf = directory.join(&text).components().collect();
        if text.contains('\0') {
            return missing("code has a NUL, which ends a path".to_owned());
        }
        let runs_jar = text.ends_with(".jar") && command.join(" ").contains("java -jar");
        let found = match path.canonicalize() {
            Ok(found) => found,
            Err(error) => {
                let builds = [resource, document].map(|node| builds_of(node, directory, &path)).concat();
                let build = match builds.as_slice() {
                    [] => String::new(),
                    runs => format!("; 'actions: pre-deploy' makes it: {}", runs.join(", ")),
                };
                return missing(format!("code '{}': {error}{build}", path.display()));
            }
        };
        if found.is_dir() {
            return Code::Directory(found);
        }
        if runs_jar && let Some(parent) = found.parent() {
            return Code::Directory(parent.to_owned());
        }
        match [".zip", ".jar", ".war"].iter().any(|end| text.ends_with(end)) {
            true => Code::Package(found),
            false => {
                missing(format!("code '{}' is not a directory, and no .zip, .jar or .war", found.display()))
            }
        }
    }
}

/// Where code and layers are by the names that a template has for them, whether or not anything is there.
pub struct Origins {
    pub code: PathBuf,
    pub layers: Vec<PathBuf>,
}

impl Origins {
    /// Of `props`, whose code was found to be `code`, if it was.
    pub fn of(props: &Node, directory: &Path, code: Option<&Code>) -> Origins {
        let is_path = |name: &String| !name.is_empty() && !name.contains('\0');
        let named = props.get("code").and_then(|code| code.text().or_else(|| code.get("src")?.text()));
        let named = named.filter(is_path).map_or(directory.to_owned(), |name| directory.join(name));
        let layers = props.get("layers").into_iter().flat_map(Node::items).filter_map(Node::text);
        let code = match code {
            // What lies beside a jar is its program's too.
            Some(Code::Directory(found)) if named.is_file() => found.clone(),
            _ => named,
        };
        Origins { code, layers: layers.filter(is_path).map(|name| directory.join(name)).collect() }
    }
}

/// The commands of `actions: pre-deploy` that may make `missing`: not those that run in it.
fn builds_of(node: &Node, directory: &Path, missing: &Path) -> Vec<String> {
    let actions = node.at("actions.pre-deploy").map(Node::items).unwrap_or_default();
    let build = |action: &Node| {
        let run = action.get("run")?.text()?;
        let Some(path) = action.get("path").and_then(Node::text) else { return Some(format!("'{run}'")) };
        let runs_in_it = normalized(&directory.join(&path)).starts_with(normalized(missing));
        (!runs_in_it).then(|| format!("'{run}' in {path}"))
    };
    actions.iter().filter_map(build).collect()
}
