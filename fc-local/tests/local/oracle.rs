//! Templates are read as the vendor's own parser reads them: `tests/oracle` has what it made of each, and where fc-local
//! differs and why.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use support::{Scratch, WATCHDOG, run_to_end};

use crate::harness::fc_local;

type Fields = BTreeMap<String, Value>;

#[test]
fn templates_are_what_the_vendors_parser_makes_of_them() {
    let text = include_str!("../oracle/cases.json");
    let cases: Vec<Value> = serde_json::from_str(text).expect("the vendor's results");
    assert!(cases.len() > 100);
    let faults: Vec<String> = cases.iter().filter_map(|case| fault(case).err()).collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}

/// What is wrong with what fc-local makes of one template.
fn fault(case: &Value) -> Result<(), String> {
    let name = &case["name"];
    let (output, text) = config(case);
    if let Some(refused) = case["refused"].as_str() {
        return if output.contains(refused) || text.contains(refused) {
            Ok(())
        } else {
            Err(format!("{name}: not '{refused}' but {text}{output}"))
        };
    }
    let report: Value = serde_json::from_str(&output).map_err(|_| format!("{name}: {text}"))?;
    let read = read(&report);
    let mut wanted = wanted(&case["oracle"]);
    for (field, value) in case["here"].as_object().into_iter().flatten() {
        wanted.insert(format!("api.{field}"), value.clone());
    }
    // Where the vendor's parser fails, what is read here is only looked at where it matters.
    let is_partial = case["oracle"]["error"].is_string();
    let keys = wanted.keys().chain(read.keys().filter(|_| !is_partial));
    for key in keys {
        let (here, there) = (read.get(key), wanted.get(key));
        if !here.zip(there).is_some_and(|(here, there)| alike(here, there)) {
            return Err(format!("{name}: {key} is {here:?}, not {there:?}"));
        }
    }
    Ok(())
}

/// What fc-local says about a template: its report, and its complaint.
fn config(case: &Value) -> (String, String) {
    let scratch = Scratch::new();
    let directory = std::fs::canonicalize(scratch.path("")).expect("a directory");
    std::fs::create_dir(directory.join("code")).expect("a directory");
    let write = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    };
    for (name, content) in case["files"].as_object().expect("files") {
        write(name, content.as_str().expect("a text").as_bytes());
    }
    for (name, content) in case["binary"].as_object().into_iter().flatten() {
        write(name, &base64(content.as_str().expect("a text")));
    }
    let mut command = fc_local();
    command.current_dir(&directory).args(["config", "--json", "--show-secrets"]);
    if case["template"] != "s.yaml" {
        command.args(["-t", case["template"].as_str().expect("a name")]);
    }
    for name in ["OUTER", "NOPE", "EMPTY", "R", "S", "A", "B", "C", "D", "Q", "STAGE"] {
        command.env_remove(name);
    }
    for (name, value) in case["env"].as_object().expect("variables") {
        command.env(name, value.as_str().expect("a text"));
    }
    let output = run_to_end(&mut command, WATCHDOG);
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace(&directory.display().to_string(), "<directory>");
        let parent = directory.parent().unwrap_or(Path::new("/"));
        text.replace(&format!("\"{}/\"", parent.display()), "\"<parent>/\"")
    };
    (text(&output.stdout), text(&output.stderr))
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(digit).collect();
    let bits =
        digits.iter().flat_map(|digit| (0..6).rev().map(move |bit| digit >> bit & 1)).collect::<Vec<_>>();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | bit)).collect()
}

/// The values that fc-local read.
fn read(report: &Value) -> Fields {
    let mut fields = Fields::new();
    for function in report["functions"].as_array().into_iter().flatten() {
        let resource = function["resource"].as_str().unwrap_or_default();
        for field in function["fields"].as_array().into_iter().flatten() {
            let name = field["field"].as_str().unwrap_or_default();
            fields.insert(format!("{resource}.{name}"), field["value"].clone());
        }
    }
    fields
}

/// The same of what the vendor's parser read, for functions.
fn wanted(oracle: &Value) -> Fields {
    let mut fields = Fields::new();
    for (name, resource) in oracle["resources"].as_object().into_iter().flatten() {
        let component = resource["component"].as_str().unwrap_or_default();
        if !component.contains("fc3-domain") {
            flatten(&resource["props"], name, &mut fields);
        }
    }
    fields
}

fn flatten(value: &Value, path: &str, fields: &mut Fields) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| flatten(value, &format!("{path}.{key}"), fields));
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let items = items.iter().enumerate();
            items.for_each(|(place, item)| flatten(item, &format!("{path}[{place}]"), fields));
        }
        value => {
            fields.insert(path.to_owned(), value.clone());
        }
    }
}

/// JavaScript has numbers of one kind.
fn alike(here: &Value, there: &Value) -> bool {
    match (here, there) {
        (Value::Number(here), Value::Number(there)) => here.as_f64() == there.as_f64(),
        (Value::Array(here), Value::Array(there)) => {
            here.len() == there.len() && here.iter().zip(there).all(|(here, there)| alike(here, there))
        }
        _ => here == there,
    }
}
