//! Variables that stand in `.env` files, read as the packages dotenv and dotenv-expand do, which the vendor's tool uses.
//! An exported variable wins over a file, and an earlier file over a later one. Who asks for them is not known here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};
use regex_lite::Regex;

/// How large a `.env` may be.
const MAX_SIZE: u64 = 1024 * 1024;

/// How often the references of one value are replaced: more refer to themselves.
const ROUNDS: usize = 64;

/// The variables of `.env` files.
#[derive(Debug, Default)]
pub struct Variables {
    files: BTreeMap<String, (String, PathBuf)>,
}

/// A variable's value and where it is from; `None` is the environment of this process.
pub struct Found<'a> {
    pub value: String,
    pub file: Option<&'a Path>,
}

impl Variables {
    pub fn get(&self, name: &str) -> Option<Found<'_>> {
        if let Some(value) = exported(name) {
            return Some(Found { value, file: None });
        }
        let (value, file) = self.files.get(name)?;
        Some(Found { value: value.clone(), file: Some(file) })
    }

    /// Adds the variables of a file; whether there is one.
    pub fn add(&mut self, path: &Path) -> Result<bool> {
        let Ok(metadata) = path.metadata() else { return Ok(false) };
        if !metadata.is_file() {
            return Ok(false);
        }
        if metadata.len() > MAX_SIZE {
            bail!("{} is over {MAX_SIZE} bytes", path.display());
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let parsed = parse(&String::from_utf8_lossy(&bytes));
        let mut size = 0;
        for (name, value) in &parsed {
            if !self.files.contains_key(name) {
                let value = self.expanded(value, &parsed);
                // Values that refer to several others double with each.
                size += value.len() as u64;
                if size > MAX_SIZE {
                    bail!("{}, with its references replaced, is over {MAX_SIZE} bytes", path.display());
                }
                self.files.insert(name.clone(), (value, path.to_owned()));
            }
        }
        Ok(true)
    }

    /// A value with `$NAME` and `${NAME:-default}` replaced, the last one first; `\$` is a dollar.
    fn expanded(&self, value: &str, parsed: &[(String, String)]) -> String {
        static GROUP: OnceLock<Option<Regex>> = OnceLock::new();
        let pattern = || Regex::new(r"\$\{?(\w+)(?::-([^}\\]*))?\}?").ok();
        let Some(group) = GROUP.get_or_init(pattern) else { return value.to_owned() };
        let mut value = value.to_owned();
        for _ in 0..ROUNDS {
            if value.len() as u64 > MAX_SIZE {
                break;
            }
            let dollar = value
                .char_indices()
                .rev()
                .find(|(at, c)| *c == '$' && !value.get(..*at).is_some_and(|before| before.ends_with('\\')));
            let Some((at, _)) = dollar else { break };
            let tail = value.split_off(at);
            let Some(found) = group.captures(&tail) else {
                value.push_str(&tail);
                break;
            };
            let part = |number| found.get(number).map(|part| part.as_str()).unwrap_or_default();
            let name = part(1);
            let known = exported(name).or_else(|| self.files.get(name).map(|(value, _)| value.clone()));
            let in_file = || parsed.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
            let replacement = known.filter(|value| !value.is_empty());
            let default = Some(part(2)).filter(|text| !text.is_empty()).map(str::to_owned);
            let replacement = replacement.or(default).or_else(in_file).unwrap_or_default();
            value.push_str(&tail.replacen(part(0), &replacement, 1));
        }
        value.replace("\\$", "$")
    }
}

fn exported(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The lines of a `.env`: dotenv's own expression.
fn parse(text: &str) -> Vec<(String, String)> {
    const LINE: &str = r#"(?m)^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\n]+)?\s*(?:#.*)?$"#;
    static REGEX: OnceLock<Option<Regex>> = OnceLock::new();
    let Some(regex) = REGEX.get_or_init(|| Regex::new(LINE).ok()) else { return Vec::new() };
    let mut lines = text.split('\r');
    let mut text = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        text.push('\n');
        text.push_str(line.strip_prefix('\n').unwrap_or(line));
    }
    let mut found: Vec<(String, String)> = Vec::new();
    for line in regex.captures_iter(&text) {
        let part = |number| line.get(number).map(|part| part.as_str()).unwrap_or_default();
        let (name, value) = (part(1).to_owned(), unquoted(part(2).trim()));
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => found.push((name, value)),
        }
    }
    found
}

fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|c| ['\'', '"', '`'].contains(c));
    let inner = quote.and_then(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    if quote == Some('"') { inner.replace("\\n", "\n").replace("\\r", "\r") } else { inner.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_dotenvs() {
        let text = "A=1\nexport B = two words # comment\nC='single # kept'\nD=\"a\\nb\"\n# E=no\nF=\nG: yaml\nH=`x`\n\
                    I=\"many\nlines\"\nA=again\nnot a line\nJ.k-l=x=y\r\nK=it's\n";
        let found = parse(text);
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wanted = [
            ("A", "again"),
            ("B", "two words"),
            ("C", "single # kept"),
            ("D", "a\nb"),
            ("F", ""),
            ("G", "yaml"),
            ("H", "x"),
            ("I", "many\nlines"),
            ("J.k-l", "x=y"),
            ("K", "it's"),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn values_refer_to_others() {
        let parsed = parse("A=1\nB=$A-${A}\nC=${NOWHERE_AT_ALL:-x}\nD=a\\$b\nE=$E\nF=5$\n");
        let variables = Variables::default();
        let value = |name: &str| {
            let (_, value) = parsed.iter().find(|(key, _)| key == name).expect("a variable");
            variables.expanded(value, &parsed)
        };
        assert_eq!((value("B").as_str(), value("C").as_str(), value("D").as_str()), ("1-1", "x", "a$b"));
        assert_eq!(value("F"), "5$");
        assert!(value("E").len() < 1000, "a value that refers to itself ends");
    }
}
