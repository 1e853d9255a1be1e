//! A template as it is in the end: with the file that it extends, with what its resources inherit, and with the variables
//! that stand beside it. What the fields of a resource mean is not known here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use super::dotenv::Dotenv;
use super::interpolate::Scope;
use super::yaml::{self, Line, Node, Value};

/// Where variables stand.
const DOTENV: &str = ".env";

pub struct Document {
    root: Node,
    dotenv: Dotenv,
    directory: PathBuf,
    /// The files that it is made of, and those that would be.
    files: Vec<PathBuf>,
    resources: Vec<Resource>,
}

/// A resource with all that it inherits.
pub struct Resource {
    pub name: String,
    /// Of which component, in whatever version and from whichever registry.
    pub component: String,
    /// What is written of it.
    pub node: Node,
}

impl Document {
    /// The template at `path`.
    pub fn read(path: &Path) -> Result<Document> {
        let directory = path.parent().unwrap_or(Path::new("."));
        let text = read(path)?;
        let mut document = Document::of(&text, directory).with_context(|| path.display().to_string())?;
        document.files.push(path.to_owned());
        Ok(document)
    }

    /// The same of a text whose paths begin at `directory`.
    pub fn of(text: &str, directory: &Path) -> Result<Document> {
        let mut root = yaml::parse(text)?;
        let (mut files, mut dotenv) = (Vec::new(), Dotenv::default());
        if let Some(base) = root.get("extend").and_then(|node| Some((node.text()?, node.line.clone()))) {
            let (path, base) = extended(&base.0, &base.1, directory)?;
            files.push(path);
            root = base.overlaid(&root);
        }
        check_edition(&root)?;
        let codes =
            resources_of(&root)?.iter().filter_map(|(_, node)| node.get("props")?.get("code")?.text());
        let places = codes.map(|code| directory.join(code)).chain([directory.to_owned()]);
        for path in places.map(|place| place.join(DOTENV)) {
            dotenv.read(&path);
            files.push(path);
        }
        let resources = resources_of(&root)?
            .iter()
            .map(|(name, node)| {
                let node = inherited(&root, node);
                let scope = Scope::new(&root, None, &dotenv, directory);
                // One that cannot be resolved is none of those that are looked for.
                let component = node.get("component").and_then(|node| scope.resolve(node).ok()?.text());
                let component = component_name(&component.unwrap_or_default());
                Resource { name: name.clone(), component, node }
            })
            .collect::<Vec<_>>();
        // References see what is inherited.
        if let Value::Map(entries) = &mut root.value {
            let found = resources.iter().map(|resource| (resource.name.clone(), resource.node.clone()));
            let found = Value::Map(found.collect());
            if let Some((_, node)) = entries.iter_mut().find(|(key, _)| key == "resources") {
                node.value = found;
            }
        }
        Ok(Document { root, dotenv, directory: directory.to_owned(), files, resources })
    }

    /// The resources of the component `component`.
    pub fn resources(&self, component: &str) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.component == component)
    }

    pub fn all_resources(&self) -> &[Resource] {
        &self.resources
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// What references in `resource` see.
    pub fn scope<'a>(&'a self, resource: &'a Resource) -> Scope<'a> {
        Scope::new(&self.root, Some((&resource.name, &resource.node)), &self.dotenv, &self.directory)
    }
}

/// A file's text. What is no UTF-8 is in comments as a rule, and shown as such.
fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read the template {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn extended(name: &str, line: &Line, directory: &Path) -> Result<(PathBuf, Node)> {
    let path = directory.join(name);
    if !path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        bail!("line {line}: extend: '{name}' should be a .yaml or .yml file");
    }
    let text = read(&path).with_context(|| format!("line {line}: extend"))?;
    let file: Arc<Path> = Arc::from(path.as_path());
    let node = yaml::parse_file(&text, Some(file)).with_context(|| path.display().to_string())?;
    let origin = Arc::from(name);
    Ok((path, node.inherited_from(&origin)))
}

/// The props of a resource's `extend` below its own, without those that it ignores.
fn inherited(root: &Node, resource: &Node) -> Node {
    let Some(extend) = resource.get("extend") else { return resource.clone() };
    let name = extend.get("name").and_then(Node::text).unwrap_or_default();
    let Some(base) = root.get("template").and_then(|templates| templates.get(&name)) else {
        return resource.clone();
    };
    let ignored = match extend.get("ignore").map(|node| &node.value) {
        Some(Value::List(paths)) => paths.iter().filter_map(Node::text).collect(),
        Some(Value::Text(path)) => vec![path.clone()],
        _ => Vec::new(),
    };
    let base = ignored.iter().fold(base.clone(), |base, path| base.without(path));
    let origin = Arc::from(format!("template {name}"));
    let mut props = base.inherited_from(&origin);
    if let Some(own) = resource.get("props") {
        props = props.overlaid(own);
    }
    let mut resource = resource.clone();
    if let Value::Map(entries) = &mut resource.value {
        entries.retain(|(key, _)| key != "props");
        entries.push(("props".to_owned(), props));
    }
    resource
}

fn resources_of(root: &Node) -> Result<&[(String, Node)]> {
    match root.get("resources") {
        Some(resources) => Ok(resources.entries()),
        None => {
            bail!(
                "the template has no 'resources'; fc-local reads Serverless Devs templates of edition 3.0.0"
            )
        }
    }
}

/// What is of the edition before has a way to this one.
fn check_edition(root: &Node) -> Result<()> {
    let line = &root.line;
    match root.get("services") {
        Some(services) if root.get("resources").is_none() => bail!(
            "line {}: 'services' is of edition 1.0.0, Function Compute 2.0; 's cli fc3 s2tos3' makes a template of edition 3.0.0 of it",
            services.line
        ),
        _ if matches!(root.value, Value::Map(_)) => Ok(()),
        _ => bail!("line {line}: a template is a mapping, with 'edition' and 'resources'"),
    }
}

/// `fc3` of `devsapp/fc3@0.1.2`, and of a path to it.
fn component_name(component: &str) -> String {
    let unversioned = component.split('@').next().unwrap_or_default();
    unversioned.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_known_by_its_name_alone() {
        for name in ["fc3", "fc3@0.1", "devsapp/fc3", "devsapp/fc3@1.0", "../../fc3", "/x/fc3/"] {
            assert_eq!(component_name(name), "fc3", "{name}");
        }
        assert_eq!(component_name("fc3-domain@2"), "fc3-domain");
    }
}
