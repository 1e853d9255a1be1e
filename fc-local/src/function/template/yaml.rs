//! A YAML document as plain values that know their line. What a template means is not known here.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};
use saphyr_parser::{Event, Parser};

/// How large a document may be with every alias and reference replaced by what it stands for: far more than a template
/// has, and little memory.
const MAX_SIZE: usize = 1024 * 1024;

/// What a node counts for beside its text.
const NODE_SIZE: usize = 64;

/// How deep its lists and mappings may be nested: a template has less than ten, and whoever walks them recurses.
const MAX_DEPTH: usize = 64;

/// A value and the line it starts on.
#[derive(Clone, Debug)]
pub struct Node {
    pub line: Line,
    pub value: Value,
}

/// Where a value is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// The file, unless it is the template itself.
    pub file: Option<Arc<Path>>,
    /// What it has been inherited from.
    pub origin: Option<Arc<str>>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)?;
        match &self.file {
            Some(file) => write!(f, " of {}", file.display()),
            None => Ok(()),
        }
    }
}

#[derive(Clone, Debug)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// The document `text`, of the template itself.
pub fn parse(text: &str) -> Result<Node> {
    parse_file(text, None)
}

/// The only document of `text`, which is that of `file`.
pub fn parse_file(text: &str, file: Option<Arc<Path>>) -> Result<Node> {
    let text = text.trim_start_matches('\u{feff}');
    check_bounds(text)?;
    let documents = MarkedYamlOwned::load_from_str(text).map_err(|error| explained(text, &error))?;
    match <[MarkedYamlOwned; 1]>::try_from(documents) {
        Ok([document]) => Node::of(document, &Line { file, ..Line::default() }),
        Err(none) if none.is_empty() => bail!("the file is empty"),
        Err(_) => {
            bail!("the file has several documents, separated by ---; Serverless Devs reads files of one")
        }
    }
}

/// What people get wrong most has a line of its own.
fn explained(text: &str, error: &saphyr::ScanError) -> anyhow::Error {
    let number = error.marker().line();
    let line = text.lines().nth(number.saturating_sub(1)).unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    if line.get(..indent).is_some_and(|indent| indent.contains('\t')) {
        return anyhow!("line {number}: it is indented by a tab; YAML takes spaces alone");
    }
    if error.info().contains("duplicated key") {
        let key =
            line.trim_start_matches([' ', '-', '{', ',', '"', '\'']).split(':').next().unwrap_or_default();
        return anyhow!("line {number}: the key '{}' is there twice", key.trim_end_matches(['"', '\'', ' ']));
    }
    anyhow!("line {number}: {}", error.info())
}

/// Refuses what is too deep or too large before any of it is built: the loader recurses, and copies what an alias
/// stands for without counting its texts and keys.
fn check_bounds(text: &str) -> Result<()> {
    let mut size = Size(text.len());
    size.check(1)?;
    // The anchor of each open list or mapping, and the size before it.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut anchored = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| explained(text, &error))?;
        let before = size.0;
        let ended = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, before));
                size.add(NODE_SIZE);
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop(),
            Event::Scalar(text, _, anchor, _) => {
                size.add(NODE_SIZE + text.len());
                Some((anchor, before))
            }
            Event::Alias(anchor) => {
                size.add(anchored.get(&anchor).copied().unwrap_or(NODE_SIZE));
                None
            }
            _ => None,
        };
        if let Some((anchor, before)) = ended.filter(|(anchor, _)| *anchor > 0) {
            let anchor_size = size.0 - before;
            anchored.insert(anchor, anchor_size);
            // The loader keeps a copy.
            size.add(anchor_size);
        }
        size.check(span.start.line())?;
        if open.len() > MAX_DEPTH {
            bail!("line {}: lists and mappings are nested more than {MAX_DEPTH} deep", span.start.line());
        }
    }
    Ok(())
}

/// The size of a document so far.
#[derive(Default)]
pub struct Size(usize);

impl Size {
    pub fn add(&mut self, size: usize) {
        self.0 = self.0.saturating_add(size);
    }

    pub fn check(&self, line: impl fmt::Display) -> Result<()> {
        if self.0 > MAX_SIZE {
            bail!(
                "line {line}: the template, with its aliases and references replaced, is over {MAX_SIZE} bytes"
            );
        }
        Ok(())
    }
}

impl Node {
    /// What it counts for in a document.
    pub fn size(&self) -> usize {
        let inner = match &self.value {
            Value::Text(text) => text.len(),
            Value::List(items) => items.iter().map(Node::size).sum(),
            Value::Map(entries) => {
                entries.iter().map(|(key, node)| NODE_SIZE + key.len() + node.size()).sum()
            }
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => 0,
        };
        NODE_SIZE + inner
    }

    fn of(node: MarkedYamlOwned, file: &Line) -> Result<Node> {
        let line = Line { number: node.span.start.line(), ..file.clone() };
        let value = match node.data {
            YamlDataOwned::Value(scalar) => match scalar {
                ScalarOwned::Null => Value::Null,
                ScalarOwned::Boolean(value) => Value::Bool(value),
                ScalarOwned::Integer(value) => Value::Int(value),
                ScalarOwned::FloatingPoint(value) => Value::Float(value.into_inner()),
                ScalarOwned::String(value) => Value::Text(value),
            },
            YamlDataOwned::Representation(text, ..) => Value::Text(text),
            YamlDataOwned::Sequence(items) => {
                Value::List(items.into_iter().map(|item| Node::of(item, file)).collect::<Result<_>>()?)
            }
            YamlDataOwned::Mapping(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                let mut merged = Vec::new();
                for (key, value) in entries {
                    let key_line = key.span.start.line();
                    let Some(key) = Node::of(key, file)?.text() else {
                        bail!("line {key_line}: a key must be a plain value");
                    };
                    let value = Node::of(value, file)?;
                    if key == "<<" { merged.push(value) } else { map.push((key, value)) }
                }
                merge(&mut map, merged);
                Value::Map(map)
            }
            YamlDataOwned::Tagged(_, inner) => Node::of(*inner, file)?.value,
            YamlDataOwned::Alias(_) => bail!("line {line}: this alias has no anchor"),
            YamlDataOwned::BadValue => bail!("line {line}: this value does not fit its tag"),
        };
        Ok(Node { line, value })
    }

    /// The entry `key` of a mapping; an explicit null counts as absent.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries
                .iter()
                .find(|(name, node)| name == key && !matches!(node.value, Value::Null))
                .map(|(_, node)| node),
            _ => None,
        }
    }

    pub fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// With all that is in it, inherited from `origin`.
    pub fn inherited_from(mut self, origin: &Arc<str>) -> Node {
        self.line.origin = Some(Arc::clone(origin));
        self.value = match self.value {
            Value::List(items) => {
                Value::List(items.into_iter().map(|item| item.inherited_from(origin)).collect())
            }
            Value::Map(entries) => Value::Map(
                entries.into_iter().map(|(key, node)| (key, node.inherited_from(origin))).collect(),
            ),
            value => value,
        };
        self
    }

    /// With what `over` says instead: mappings are merged, at any depth, and everything else is replaced.
    pub fn overlaid(self, over: &Node) -> Node {
        match (self.value, &over.value) {
            (Value::Map(mut entries), Value::Map(others)) => {
                for (key, other) in others {
                    match entries.iter_mut().find(|(known, _)| known == key) {
                        Some((_, known)) => {
                            let nothing = Node { line: known.line.clone(), value: Value::Null };
                            *known = std::mem::replace(known, nothing).overlaid(other);
                        }
                        None => entries.push((key.clone(), other.clone())),
                    }
                }
                Node { line: over.line.clone(), value: Value::Map(entries) }
            }
            _ => over.clone(),
        }
    }

    /// Without what is at `path`, names with dots between them.
    pub fn without(mut self, path: &str) -> Node {
        if let Value::Map(entries) = &mut self.value {
            match path.split_once('.') {
                _ if entries.iter().any(|(key, _)| key == path) => entries.retain(|(key, _)| key != path),
                Some((first, rest)) => {
                    let entries = std::mem::take(entries).into_iter();
                    let inner = |(key, node): (String, Node)| {
                        let node = if key == first { node.without(rest) } else { node };
                        (key, node)
                    };
                    self.value = Value::Map(entries.map(inner).collect());
                }
                None => {}
            }
        }
        self
    }

    /// A scalar as text, the way it reaches an environment variable.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Null => Some(String::new()),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// `<<: *defaults`: keys of the mapping itself win over merged ones.
fn merge(map: &mut Vec<(String, Node)>, merged: Vec<Node>) {
    for source in merged {
        let sources = match source.value {
            Value::List(items) => items,
            _ => vec![source],
        };
        for (key, value) in sources.iter().flat_map(Node::entries) {
            if !map.iter().any(|(name, _)| name == key) {
                map.push((key.clone(), value.clone()));
            }
        }
    }
}
