//! A template as a whole: the file it extends, the templates that its resources extend, its `.env` files. What a resource
//! is for is not known here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};

use super::dotenv::Variables;
use super::node::{Line, Node, Value};
use super::note::Note;
use super::references::{Scope, This};
use super::yaml::{self, Size};

/// A template, with what it extends, before its references are replaced.
pub struct Document {
    pub root: Node,
    /// Where relative paths begin.
    pub directory: PathBuf,
    pub variables: Variables,
    /// The files that it was read from, or would be.
    pub sources: Vec<PathBuf>,
    pub notes: Vec<Note>,
}

/// One resource, its references replaced.
pub struct Resource {
    pub name: String,
    pub component: String,
    pub line: Line,
    /// What it says beside its `props`.
    pub node: Node,
    pub props: Node,
}

impl Document {
    /// Reads the template at `path`.
    pub fn read(path: &Path) -> Result<Document> {
        let text = content(path)?;
        let mut document = Document::parse(&text.text, directory_of(path))?;
        document.sources.insert(0, path.to_owned());
        if text.is_lossy {
            let text = "it is not UTF-8: what no character is made of was replaced".to_owned();
            document.notes.push(Note::remark(&Line { number: 1, file: None }, "", text));
        }
        Ok(document)
    }

    /// The same of a text whose paths begin at `directory`.
    pub fn parse(text: &str, directory: &Path) -> Result<Document> {
        let own = yaml::parse(text, None)?;
        let mut document = Document {
            root: own,
            directory: directory.to_owned(),
            variables: Variables::default(),
            sources: Vec::new(),
            notes: Vec::new(),
        };
        document.extend_file()?;
        check_edition(&document.root)?;
        document.extend_templates()?;
        document.read_variables()?;
        Ok(document)
    }

    /// `extend: base.yaml`: the base with this file over it.
    fn extend_file(&mut self) -> Result<()> {
        let Some(Node { value: Value::Text(name), line, .. }) = self.root.get("extend") else {
            return Ok(());
        };
        let path = self.directory.join(name);
        let text = content(&path).with_context(|| format!("line {line}: extend: {}", path.display()))?;
        let file: Arc<Path> = path.clone().into();
        let mut base = yaml::parse(&text.text, Some(&file)).with_context(|| path.display().to_string())?;
        let what: Arc<str> = name.as_str().into();
        self.sources.push(path);
        if let Some(second) = base.get("extend").filter(|node| matches!(node.value, Value::Text(_))) {
            let text = format!("line {}: Serverless Devs follows one file only", second.line);
            self.notes.push(Note::remark(&second.line, "extend", text));
        }
        inherit(&mut base, &what);
        // Each file's resources have what they extend before the files are put together.
        let templates = over(base.get("template"), self.root.get("template"));
        for root in [&mut base, &mut self.root] {
            extend_resources(root, templates.as_ref(), &mut Vec::new())?;
        }
        // What an extending file leaves empty is the base's.
        self.root = merged(&base.without_nulls(), &self.root.clone().without_nulls());
        Ok(())
    }

    /// `extend: {name, ignore}` of each resource.
    fn extend_templates(&mut self) -> Result<()> {
        let templates = self.root.get("template").cloned();
        extend_resources(&mut self.root, templates.as_ref(), &mut self.notes)
    }

    /// `.env` in each directory of code, then beside the template.
    fn read_variables(&mut self) -> Result<()> {
        let code = |resource: &Node| match resource.at("props.code")?.value {
            Value::Text(ref code) => Some(code.clone()),
            _ => None,
        };
        let resources = self.root.get("resources").map(Node::entries).unwrap_or_default();
        let mut directories: Vec<PathBuf> = resources
            .iter()
            .filter_map(|(_, node)| code(node))
            .map(|code| self.directory.join(code))
            .collect();
        directories.push(self.directory.clone());
        for directory in directories {
            let file = directory.join(".env");
            self.variables.add(&file)?;
            if !self.sources.contains(&file) {
                self.sources.push(file);
            }
        }
        Ok(())
    }

    /// The resources of the vendor's components `names`, their references replaced.
    pub fn resources(&mut self, names: &[&str]) -> Result<Vec<Resource>> {
        let scope = Scope::new(&self.root, &self.directory, &self.variables);
        let mut found = Vec::new();
        for (name, node) in self.root.get("resources").map(Node::entries).unwrap_or_default() {
            let component = match node.get("component") {
                Some(component) => scope.resolve(component, None)?.text().unwrap_or_default(),
                None => String::new(),
            };
            let known = names.iter().find(|name| is_component(&component, name));
            // A component in a directory has any name; this one's functions are known by their runtime.
            let is_local = component.contains('/') && self.directory.join(&component).is_dir();
            let own = names.first().filter(|_| is_local && node.at("props.runtime").is_some());
            let Some(component) = known.or(own) else { continue };
            let node = scope.resolve(node, Some(This { name, node }))?;
            let nothing = Node::new(node.line.clone(), Value::Null);
            found.push(Resource {
                name: name.clone(),
                component: (*component).to_owned(),
                line: node.line.clone(),
                props: node.entry("props").cloned().unwrap_or(nothing).without_nulls(),
                node,
            });
        }
        let files = scope.files();
        self.sources.extend(files);
        Ok(found)
    }

    /// The components that the resources have, each once; of one that cannot be made out the text, and why.
    pub fn components(&self) -> Vec<String> {
        let scope = Scope::new(&self.root, &self.directory, &self.variables);
        let resources = self.root.get("resources").map(Node::entries).unwrap_or_default();
        let mut found = Vec::new();
        for component in resources.iter().filter_map(|(_, node)| node.get("component")) {
            let name = match scope.resolve(component, None).map(|node| node.value) {
                Ok(Value::Broken { text, reason }) => Some(format!("{text} ({reason})")),
                Ok(value) => value.text(),
                Err(_) => component.text(),
            };
            found.extend(name.filter(|name| !found.contains(name)));
        }
        found
    }
}

/// Whether `component` is the vendor's `name`, in whatever version and from whichever registry or directory.
fn is_component(component: &str, name: &str) -> bool {
    let component = component.split('@').next().unwrap_or_default().trim_end_matches('/');
    component == name || component.ends_with(&format!("/{name}"))
}

/// The file that the template at `path` extends, whether or not it is there.
pub fn base(path: &Path) -> Option<PathBuf> {
    let root = yaml::parse(&content(path).ok()?.text, None).ok()?;
    match &root.get("extend")?.value {
        Value::Text(name) => Some(directory_of(path).join(name)),
        _ => None,
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

struct Content {
    text: String,
    is_lossy: bool,
}

/// A template's text, as the vendor's tool takes it: what is not UTF-8 is replaced.
fn content(path: &Path) -> Result<Content> {
    let bytes = std::fs::read(path).context("cannot be read")?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(Content { is_lossy: matches!(text, std::borrow::Cow::Owned(_)), text: text.into_owned() })
}

/// What a template of an older edition can be told.
fn check_edition(root: &Node) -> Result<()> {
    const REWRITE: &str = "'s cli fc3 s2tos3' makes one of edition 3.0.0 of it";
    let edition = root.get("edition").map(|node| (node.text().unwrap_or_default(), &node.line));
    if let Some((edition, line)) = edition.filter(|(edition, _)| edition != "3.0.0") {
        // One that is only numbered so has the resources of 3.0.0 already.
        let resources = root.get("resources").map(Node::entries).unwrap_or_default();
        let component = |node: &Node| node.get("component").and_then(Node::text).unwrap_or_default();
        let remedy = match resources.iter().any(|(_, node)| is_component(&component(node), "fc3")) {
            true => "its resources are of 3.0.0: write 'edition: 3.0.0'",
            false => REWRITE,
        };
        bail!("line {line}: edition {edition} is not read here; {remedy}");
    }
    if root.entry("resources").is_some() {
        return Ok(());
    }
    match root.get("services") {
        Some(services) => bail!("line {}: 'services' is of edition 1.0.0; {REWRITE}", services.line),
        None => bail!(
            "the template has no 'resources'; fc-local reads Serverless Devs templates of edition 3.0.0"
        ),
    }
}

fn extend_resources(root: &mut Node, templates: Option<&Node>, notes: &mut Vec<Note>) -> Result<()> {
    let Value::Map(entries) = &mut root.value else { return Ok(()) };
    let resources = entries.iter_mut().find(|(key, _)| key == "resources");
    let Some((_, Node { value: Value::Map(resources), .. })) = resources else { return Ok(()) };
    // Each copy of a template counts.
    let mut size = Size::default();
    for (_, resource) in resources {
        let Some(extend) = resource.get("extend") else { continue };
        let Some(name) = extend.get("name").and_then(Node::text) else {
            let text = "it takes a name: 'extend: {name: base}'".to_owned();
            notes.push(Note::remark(&extend.line, "extend", text));
            continue;
        };
        let template = templates.and_then(|all| all.get(&name).or_else(|| all.at(&name)));
        let Some(template) = template else {
            let text = format!("'template' has no '{name}', so nothing is inherited");
            notes.push(Note::remark(&extend.line, "extend.name", text));
            continue;
        };
        size.add(template.size());
        size.check(extend.line.number)?;
        let mut template = template.clone().without_nulls();
        let ignored = extend.get("ignore").cloned();
        let ignored = ignored.iter().flat_map(|node| match &node.value {
            Value::List(items) => items.clone(),
            _ => vec![node.clone()],
        });
        for path in ignored.filter_map(|node| node.text()) {
            remove(&mut template, &path);
        }
        inherit(&mut template, &format!("template '{name}'").into());
        let nothing = Node::new(resource.line.clone(), Value::Map(Vec::new()));
        let props = merged(&template, resource.get("props").unwrap_or(&nothing));
        set(resource, "props", props);
    }
    Ok(())
}

/// Marks a value and all below it as inherited.
fn inherit(node: &mut Node, from: &Arc<str>) {
    node.inherited = Some(Arc::clone(from));
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| inherit(node, from)),
        Value::List(items) => items.iter_mut().for_each(|node| inherit(node, from)),
        _ => {}
    }
}

/// `base` with `own` over it: mappings are put together, all else is replaced.
fn merged(base: &Node, own: &Node) -> Node {
    let (Value::Map(base_entries), Value::Map(own_entries)) = (&base.value, &own.value) else {
        return own.clone();
    };
    let mut entries = base_entries.clone();
    for (key, value) in own_entries {
        match entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, inherited)) => *inherited = merged(inherited, value),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Node { value: Value::Map(entries), ..own.clone() }
}

fn over(base: Option<&Node>, own: Option<&Node>) -> Option<Node> {
    match (base, own) {
        (Some(base), Some(own)) => Some(merged(base, own)),
        (base, own) => own.or(base).cloned(),
    }
}

fn set(node: &mut Node, key: &str, value: Node) {
    let Value::Map(entries) = &mut node.value else { return };
    match entries.iter_mut().find(|(name, _)| name == key) {
        Some((_, old)) => *old = value,
        None => entries.push((key.to_owned(), value)),
    }
}

/// Takes out what a dotted path leads to.
fn remove(node: &mut Node, path: &str) {
    let Value::Map(entries) = &mut node.value else { return };
    if entries.iter().any(|(key, _)| key == path) {
        entries.retain(|(key, _)| key != path);
    } else if let Some((key, rest)) = path.split_once('.')
        && let Some((_, inner)) = entries.iter_mut().find(|(name, _)| name == key)
    {
        remove(inner, rest);
    }
}
