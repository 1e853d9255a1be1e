//! A YAML document as plain values that know their line. What a template means is not known here.

use std::collections::HashMap;

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

/// A value and the line it starts on, counted from 1.
#[derive(Clone, Debug)]
pub struct Node {
    pub line: usize,
    pub value: Value,
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

/// The first document of `text`.
pub fn parse(text: &str) -> Result<Node> {
    check_bounds(text)?;
    let documents = MarkedYamlOwned::load_from_str(text).map_err(|error| anyhow!("{error}"))?;
    match documents.into_iter().next() {
        Some(document) => Node::of(document),
        None => bail!("the file is empty"),
    }
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
        let (event, span) = event.map_err(|error| anyhow!("{error}"))?;
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

    pub fn check(&self, line: usize) -> Result<()> {
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

    fn of(node: MarkedYamlOwned) -> Result<Node> {
        let line = node.span.start.line();
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
                Value::List(items.into_iter().map(Node::of).collect::<Result<_>>()?)
            }
            YamlDataOwned::Mapping(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                let mut merged = Vec::new();
                for (key, value) in entries {
                    let key_line = key.span.start.line();
                    let Some(key) = Node::of(key)?.text() else {
                        bail!("line {key_line}: a key must be a plain value");
                    };
                    let value = Node::of(value)?;
                    if key == "<<" { merged.push(value) } else { map.push((key, value)) }
                }
                merge(&mut map, merged);
                Value::Map(map)
            }
            YamlDataOwned::Tagged(_, inner) => Node::of(*inner)?.value,
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
