use std::path::Path;
use std::time::Duration;

use super::super::code::Code;
use super::super::resource::Fields;
use super::{Document, Template, TemplateFunction, parse};
use crate::function::{Initializer, InitializerKind};

const WHOLE: &str = "\
edition: 3.0.0
vars:
  region: cn-shanghai
  memory: 1024
resources:
  other:
    component: oss
  shop:
    component: fc3
    props:
      region: ${vars.region}
      functionName: shop-${this.props.handler2}
      runtime: custom.debian12
      code: .
      handler: index.handler
      handler2: one
      cpu: 0.35
      memorySize: ${vars.memory}
      timeout: 30
      instanceConcurrency: 20
      somethingNew: {a: [1]}
      environmentVariables:
        MODE: test
        NUMBER: 7
      customRuntimeConfig:
        command: [python3, app.py]
        args: ['--fast']
        port: 9001
        healthCheckConfig: {httpGetUrl: /health, periodSeconds: 5}
      instanceLifecycleConfig:
        initializer: {handler: index.init, timeout: 20}
        preStop: {handler: index.stop}
      asyncInvokeConfig: {maxAsyncRetryAttempts: 1}
      logConfig: auto
";

/// The function whose props are `props`, whether it can run or not.
fn function(props: &str) -> TemplateFunction {
    let document = Document::parse(&text(props), Path::new(".")).expect("a template");
    Template::of(document).and_then(|template| template.choose(None)).expect("one function")
}

fn read(text: &str) -> Result<Fields, String> {
    parse(text, Path::new("."), None).map_err(|error| format!("{error:#}"))
}

/// A template whose props are `props`, each line indented; the first of them is line 5.
fn text(props: &str) -> String {
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    format!("resources:\n  f:\n    component: fc3\n    props:\n{props}")
}

fn with(props: &str) -> Result<Fields, String> {
    read(&text(props))
}

#[test]
fn every_field_that_matters_is_read() {
    let template = read(WHOLE).expect("a valid template");
    assert_eq!(template.name.as_deref(), Some("shop-one"));
    assert_eq!(template.region.as_deref(), Some("cn-shanghai"));
    assert_eq!(template.command, ["python3", "app.py", "--fast"]);
    assert_eq!(template.port, Some(9001));
    assert_eq!(template.memory_mb, Some(1024));
    assert_eq!(template.timeout, Some(Duration::from_secs(30)));
    assert_eq!(template.concurrency, Some(20));
    assert_eq!(template.asynchronous.retries, Some(1));
    let variables = [("MODE", "test"), ("NUMBER", "7")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(template.variables, variables);
    assert_eq!(
        template.initializer,
        Some(Initializer { kind: InitializerKind::Code, timeout: Duration::from_secs(20) })
    );
    assert_eq!(template.pre_stop.map(|hook| hook.timeout), Some(Duration::from_secs(3)));
    let health = template.health.expect("a health check");
    assert_eq!((health.path.as_str(), health.period), ("/health", Duration::from_secs(5)));
    assert!(matches!(template.code, Code::Directory(code) if code.is_dir()));
}

#[test]
fn values_outside_the_vendors_ranges_are_refused_with_their_line() {
    for (props, wanted) in [
        ("timeout: 0", "line 5: timeout must be a whole number from 1 to 86400, not 0"),
        ("timeout: 86401", "line 5: timeout"),
        ("runtime: custom\nmemorySize: 500", "line 6: memorySize must be a multiple of 64"),
        ("memorySize: 64", "line 5: memorySize"),
        ("memorySize: 65536", "line 5: memorySize must be a whole number from 128 to 32768"),
        ("instanceConcurrency: 201", "line 5: instanceConcurrency must be a whole number from 1 to 200"),
        ("customRuntimeConfig:\n  port: 70000", "line 6: port"),
        ("customRuntimeConfig:\n  command: python3 app.py", "line 6: command must be a list"),
        ("environmentVariables:\n  FC_X: 1", "line 6"),
        ("runtime: python3.10", "line 5: runtime 'python3.10'"),
        ("instanceLifecycleConfig:\n  preStop: {handler: a, timeout: 91}", "line 6: timeout"),
        ("asyncInvokeConfig: {maxAsyncRetryAttempts: 9}", "line 5: maxAsyncRetryAttempts"),
    ] {
        let error = with(props).expect_err(props);
        assert!(error.contains(wanted), "{props}: {error}");
    }
}

#[test]
fn what_a_run_does_not_need_never_stops_it() {
    for (props, wanted) in [
        ("cpu: 17", "line 5: cpu: the vendor's tool takes 0.05 to 16 in steps of 0.05, not 17"),
        ("cpu: 0.07", "line 5: cpu: the vendor's tool takes"),
        ("cpu: [1]", "line 5: cpu: the vendor's tool takes 0.05 to 16 in steps of 0.05, not a list"),
        ("diskSize: 1024", "line 5: diskSize: the vendor's tool takes 512 or 10240, not 1024"),
        ("diskSize: 61440", "line 5: diskSize: the vendor's tool takes 512 or 10240, not 61440"),
        ("region: ${vars.x}", "line 5: region: the template has no 'vars'"),
        (
            "memorySize: 65536\ngpuConfig: {gpuType: fc.gpu.tesla.1}",
            "line 5: memorySize: 65536 is over 32768",
        ),
        ("memorySize: 65536\ngpuMemorySize: 16384", "line 5: memorySize: 65536 is over 32768"),
    ] {
        let function = function(props);
        assert!(function.faults.is_empty(), "{props}: {:?}", function.faults);
        let said: Vec<String> = function.notes.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|note| note.starts_with(wanted)), "{props}: {said:?}");
    }
    let container =
        "runtime: custom-container\ncustomContainerConfig: {command: a b, entrypoint: c, port: 80}";
    assert_eq!(with(container).expect("what its image does is not read").port, Some(80));
    assert_eq!(function("memorySize: 65536\ngpuMemorySize: 1").fields.memory_mb, Some(65536));
}

#[test]
fn what_the_vendors_schema_requires_is_missed() {
    let missed = |props: &str| {
        let notes = function(props).notes;
        let missed = notes.into_iter().filter(|note| note.text.starts_with("it is missing"));
        missed.map(|note| note.field).collect::<Vec<_>>()
    };
    assert_eq!(missed("handler: x"), ["region", "runtime", "code", "functionName"]);
    assert_eq!(missed("runtime: custom-container\nfunctionName: f"), ["region"]);
}

#[test]
fn all_faults_of_a_function_are_found_at_once() {
    let function =
        function("timeout: 0\nmemorySize: 100\nregion: ${vars.x}\nenvironmentVariables: {FC_A: 1, B: [1]}");
    let lines: Vec<String> = function.faults.iter().map(|fault| fault.text[..7].to_owned()).collect();
    assert_eq!(lines, ["line 6:", "line 5:", "line 8:", "line 8:"]);
    assert!(function.notes.iter().any(|note| note.field == "region"), "{:?}", function.notes);
}

#[test]
fn handler_and_command_of_an_initializer_exclude_each_other() {
    let error = with("instanceLifecycleConfig:\n  initializer:\n    handler: a\n    command: [sh]")
        .expect_err("both types");
    assert!(error.contains("line 8: an initializer has a handler or a command, not both"), "{error}");
    let command =
        with("instanceLifecycleConfig: {initializer: {command: [sh, -c, 'true']}}").expect("one type");
    let words = ["sh", "-c", "true"].map(str::to_owned).to_vec();
    let kind = InitializerKind::Command(words);
    assert_eq!(command.initializer, Some(Initializer { kind, timeout: Duration::from_secs(3) }));
}

#[test]
fn references_are_followed_and_bad_ones_named() {
    let path = std::env::var("PATH").expect("a PATH");
    let template =
        with("region: ${env('PATH')}\nhandler: ${env('FC_LOCAL_UNSET', 'x')}").expect("references");
    assert_eq!((template.region, template.handler), (Some(path), Some("x".to_owned())));
    for (props, wanted) in [
        ("timeout: ${env('FC_LOCAL_UNSET')}", "the environment variable 'FC_LOCAL_UNSET' is not set"),
        ("runtime: ${vars.x}", "the template has no 'vars'"),
        ("timeout: ${this.props.nothing}", "'${this.props.nothing}' is not found"),
        ("timeout: ${this.props.memorySize}\nmemorySize: ${this.props.timeout}", "refers to itself"),
        ("timeout: ${file('x')}", "cannot read ./x"),
        ("customRuntimeConfig: {command: ['${secret(\"x\")}']}", "kept by the vendor's tool alone"),
        ("timeout: ${vars", "not ${vars"),
    ] {
        let error = with(props).expect_err(props);
        assert!(error.starts_with("line ") && error.contains(wanted), "{props}: {error}");
    }
}

#[test]
fn anchors_are_merged_and_own_keys_win() {
    let template = read(
        "x: &base {timeout: 7, handler: a}\nresources:\n  f:\n    component: fc3\n    props:\n      <<: *base\n      handler: b\n",
    )
    .expect("a template with an anchor");
    assert_eq!(template.timeout, Some(Duration::from_secs(7)));
    assert_eq!(template.handler.as_deref(), Some("b"));
}

#[test]
fn one_of_several_functions_must_be_chosen() {
    let text = "resources:\n  a: {component: fc3, props: {}}\n  b: {component: fc3, props: {}}\n";
    assert!(read(text).expect_err("two").contains("choose one with --resource: a, b"));
    let chosen = parse(text, Path::new("."), Some("b")).expect("b exists");
    assert_eq!(chosen.name.as_deref(), Some("b"));
    let error = parse(text, Path::new("."), Some("c")).expect_err("no c");
    assert!(error.to_string().contains("there is no resource 'c'"), "{error}");
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    let error = read("resources:\n  a: [1\n").expect_err("an open list");
    assert!(error.contains("line"), "{error}");
}

#[test]
fn what_init_fills_in_is_said_to_be_open() {
    let open = "is filled in by 's init'";
    for (text, wanted) in [
        ("edition: 3.0.0\nname: x\naccess: {{ access }}\nresources: {}\n", "line 3: '{{ access }}'"),
        ("edition: 3.0.0\n{{if x}}\nvars: {}\n{{/if}}\nresources: {}\n", "line 2: '{{if x}}'"),
        (
            "resources:\n  f:\n    component: fc3\n    props:\n      region: {{ region }}-x\n",
            "line 5: '{{ region }}'",
        ),
        (
            "resources:\n  f: {component: fc3, props: {runtime: '{{ runtime }}'}}\n",
            "line 2: runtime: '{{ runtime }}'",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(&format!("{wanted} {open}")), "{text}: {error}");
    }
    let props = "functionName: 'f-{{ name }}'\nregion: '{{ region }}'\nenvironmentVariables: {GREETING: 'Hello {{ you }}'}\ncustomRuntimeConfig: {command: [sh, -c, 'echo {{x}}']}";
    let function = function(props);
    assert!(function.faults.is_empty(), "{:?}", function.faults);
    assert_eq!(function.fields.name.as_deref(), Some("f"), "the resource's");
    assert_eq!(function.fields.variables[0].1, "Hello {{ you }}");
    assert_eq!(function.fields.command[2], "echo {{x}}");
    let notes: Vec<String> = function.notes.iter().map(ToString::to_string).collect();
    for wanted in [
        format!("line 5: functionName: '{{{{ name }}}}' {open}"),
        format!("line 6: region: '{{{{ region }}}}' {open}"),
        format!(
            "line 7: environmentVariables.GREETING: '{{{{ you }}}}' {open}; the function gets the text as it is"
        ),
    ] {
        assert!(notes.contains(&wanted), "{notes:?}");
    }
    let quoted = read("a: '{{ x }}'\nb: [1\n").expect_err("an open list");
    assert!(!quoted.contains("s init"), "{quoted}");
}

#[test]
fn a_template_that_is_nested_without_end_is_refused() {
    let deep = [
        format!("{}x", "- ".repeat(100_000)),
        format!("{}x{}", "[".repeat(100), "]".repeat(100)),
        "{a: ".repeat(100),
        (0..100).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(),
        format!("? {}x", "- ".repeat(100)),
    ];
    for text in deep {
        let error = read(&text).expect_err("too deep");
        assert!(error.contains("nested more than 64 deep"), "{error}");
    }
    assert!(!read(&"- ".repeat(60)).expect_err("no resources").contains("nested"));
}

#[test]
fn a_template_whose_aliases_multiply_is_refused() {
    let level = |open: &str, close: &str, name: char, inner: &str| {
        format!("{name}: &{name} {open}[{}]{close}\n", [inner; 10].join(", "))
    };
    let levels = |open: &str, close: &str| {
        let names: Vec<char> = ('a'..='h').collect();
        let rest = names.windows(2).map(|pair| level(open, close, pair[1], &format!("*{}", pair[0])));
        level(open, close, 'a', "x") + &rest.collect::<String>()
    };
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(50_000), vec!["*a"; 1000].join(", "));
    let nested: String = ('a'..='z').map(|name| format!("[&{name} ")).collect();
    let copies = format!("- {nested}{}{}\n", "x".repeat(100_000), "]".repeat(26));
    for bomb in [levels("", ""), levels("{? ", " : 1}"), text, copies, "#".repeat(2 << 20)] {
        let error = read(&bomb).expect_err("too large");
        assert!(error.contains("is over 1048576 bytes"), "{error}");
    }
}

#[test]
fn references_that_multiply_are_refused() {
    let vars: String = ('a'..='m')
        .zip('b'..)
        .map(|(name, next)| format!("{name}: '{}', ", format!("${{vars.{next}}}").repeat(8)))
        .collect();
    let template = format!(
        "vars: {{{vars}n: xxxxxxxx}}\nresources: {{f: {{component: fc3, props: {{handler: '${{vars.a}}'}}}}}}"
    );
    let error = read(&template).expect_err("too large");
    assert!(error.contains("is over 1048576 bytes"), "{error}");
}
