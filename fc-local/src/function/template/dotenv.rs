//! `.env`: variables beside a template or in a function's code, for `${env('NAME')}` alone. They are read as the npm
//! package dotenv reads them, and `$NAME` in them as dotenv-expand does, which Serverless Devs has. Where such files are
//! is not known here.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex_lite::Regex;

/// A line, in dotenv's own words: a name, and a value in quotes or up to a comment.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let quoted = r#"'(?:\\'|[^'])*'|"(?:\\"|[^"])*"|`(?:\\`|[^`])*`"#;
    let line =
        format!(r"(?m)^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*(?:{quoted})|[^#\n]+)?\s*(?:#.*)?$");
    Regex::new(&line).ok()
});

/// A reference in a value, with a default perhaps.
static REFERENCE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\\\$|\$\{([A-Za-z_][\w]*)(?::?-([^}]*))?\}|\$([A-Za-z_][\w]*)").ok());

/// Variables for a template, and where they come from: an exported one wins, and of two files the one that was read first.
#[derive(Clone, Debug, Default)]
pub struct Dotenv {
    variables: HashMap<String, (String, PathBuf)>,
}

impl Dotenv {
    /// Reads the file at `path`, if there is one; whether there is.
    pub fn read(&mut self, path: &Path) -> bool {
        let Ok(bytes) = std::fs::read(path) else { return false };
        for (name, value) in parse(&String::from_utf8_lossy(&bytes)) {
            let value = self.expanded(&value);
            self.variables.entry(name).or_insert_with(|| (value, path.to_owned()));
        }
        true
    }

    /// The value of a variable that is not empty, and the file that it is from.
    pub fn get(&self, name: &str) -> Option<(String, Option<&Path>)> {
        if let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) {
            return Some((value, None));
        }
        let (value, path) = self.variables.get(name).filter(|(value, _)| !value.is_empty())?;
        Some((value.clone(), Some(path)))
    }

    fn expanded(&self, value: &str) -> String {
        let replace = |found: &regex_lite::Captures<'_>| {
            let name = found.get(1).or(found.get(3));
            match name.map(|name| name.as_str()) {
                None => "$".to_owned(),
                Some(name) => match self.get(name) {
                    Some((value, _)) => value,
                    None => found.get(2).map_or("", |default| default.as_str()).to_owned(),
                },
            }
        };
        match &*REFERENCE {
            Some(reference) => reference.replace_all(value, replace).into_owned(),
            None => value.to_owned(),
        }
    }
}

fn parse(text: &str) -> Vec<(String, String)> {
    let text: String = text.lines().flat_map(|line| [line, "\n"]).collect();
    let of = |found: regex_lite::Captures<'_>| {
        let name = found.get(1).map_or("", |name| name.as_str()).to_owned();
        let value = found.get(2).map_or("", |value| value.as_str()).trim();
        let quote = value.chars().next().filter(|first| ['\'', '"', '`'].contains(first));
        let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
        let value = inner.unwrap_or(value);
        let is_escaped = quote == Some('"') && inner.is_some();
        (name, if is_escaped { value.replace("\\n", "\n").replace("\\r", "\u{d}") } else { value.to_owned() })
    };
    LINE.iter().flat_map(|line| line.captures_iter(&text)).map(of).collect()
}

#[cfg(test)]
mod tests {
    use support::Scratch;

    use super::*;

    #[test]
    fn lines_are_read_as_dotenv_reads_them() {
        let text = "# a comment\nA=plain\n  B = spaced value  # comment\nexport C=exported\nD='single # quoted'\nE=\"two\\nlines\"\nF=\nG: colon\r\nH=`back`\nI=a=b\nnot a line\nJ=\"open\nK=last";
        let found = parse(text);
        let wanted = [
            ("A", "plain"),
            ("B", "spaced value"),
            ("C", "exported"),
            ("D", "single # quoted"),
            ("E", "two\nlines"),
            ("F", ""),
            ("G", "colon"),
            ("H", "back"),
            ("I", "a=b"),
            ("J", "\"open"),
            ("K", "last"),
        ];
        let found: Vec<(&str, &str)> =
            found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn values_refer_to_others_and_the_first_file_wins() {
        let scratch = Scratch::new();
        let (first, second) = (scratch.path("first"), scratch.path("second"));
        std::fs::write(&first, "T_HOST=db\nT_URL=http://$T_HOST/${T_NONE:-x}\\$\n").expect("a file");
        std::fs::write(&second, "T_HOST=other\nT_MORE=${T_URL}\n").expect("a file");
        let mut dotenv = Dotenv::default();
        assert!(dotenv.read(Path::new(&first)) && dotenv.read(Path::new(&second)));
        assert!(!dotenv.read(Path::new(&scratch.path("none"))));
        let get = |name: &str| dotenv.get(name).map(|(value, _)| value);
        assert_eq!(get("T_URL").as_deref(), Some("http://db/x$"));
        assert_eq!((get("T_HOST").as_deref(), get("T_MORE").as_deref()), (Some("db"), Some("http://db/x$")));
        assert_eq!(dotenv.get("PATH").map(|(_, from)| from.is_none()), Some(true), "an exported one");
    }
}
