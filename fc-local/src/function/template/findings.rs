//! What is found out about a function beside what it is: what keeps it from running, and what is only worth saying. One
//! fault does not hide another: whoever reads a field hands on what came of it. Which fields there are is not known here.

use anyhow::Result;

use super::fields::string;
use super::node::Node;
use super::note::{Kind, Note};

/// What keeps a function from running.
#[derive(Debug)]
pub struct Fault {
    /// The field whose value it is, where an option can give another one.
    pub field: Option<&'static str>,
    pub text: String,
}

/// What was found out about a function while its fields were read.
#[derive(Default)]
pub struct Findings {
    pub notes: Vec<Note>,
    /// Why it cannot run.
    pub faults: Vec<Fault>,
}

impl Findings {
    /// What was read, or nothing in its place, so that the other fields are read too.
    pub fn of<T: Default>(&mut self, read: Result<T>) -> T {
        self.read(None, read)
    }

    /// The same of a field that an option replaces.
    pub fn of_field<T: Default>(&mut self, field: &'static str, read: Result<T>) -> T {
        self.read(Some(field), read)
    }

    fn read<T: Default>(&mut self, field: Option<&'static str>, read: Result<T>) -> T {
        read.unwrap_or_else(|error| {
            self.faults.push(Fault { field, text: format!("{error:#}") });
            T::default()
        })
    }

    /// A text without which a function runs as well, where it cannot be made out.
    pub fn needless_text(&mut self, node: &Node, key: &str) -> Option<String> {
        if let Some((broken, reason)) = node.get(key).and_then(Node::broken) {
            self.notes.push(Note::new(Kind::Unresolved, &broken.line, key, reason));
            return None;
        }
        self.of(string(node, key))
    }
}
