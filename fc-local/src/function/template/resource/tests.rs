use std::path::Path;
use std::time::Duration;

use support::Scratch;

use super::{Code, Kind, Template, parse};
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
      functionName: shop-${this.props.runtime}
      runtime: custom.debian12
      code: .
      handler: index.handler
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

fn read(text: &str) -> Result<Template, String> {
    parse(text, Path::new("."), None).map_err(|error| format!("{error:#}"))
}

/// A template whose props are `props`, each line indented; the first of them is line 5.
fn with(props: &str) -> Result<Template, String> {
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    read(&format!("resources:\n  f:\n    component: fc3\n    props:\n{props}"))
}

#[test]
fn every_field_that_matters_is_read() {
    let template = read(WHOLE).expect("a valid template");
    assert_eq!(template.name.as_deref(), Some("shop-custom.debian12"));
    assert_eq!(template.region.as_deref(), Some("cn-shanghai"));
    assert_eq!(template.command, ["python3", "app.py", "--fast"]);
    assert_eq!(template.port, Some(9001));
    assert_eq!(template.memory_mb, Some(1024));
    assert_eq!(template.timeout, Some(Duration::from_secs(30)));
    assert_eq!(template.concurrency, Some(20));
    assert_eq!(template.async_retries, Some(1));
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
        ("instanceConcurrency: 201", "line 5: instanceConcurrency must be a whole number from 1 to 200"),
        ("cpu: 17", "line 5: cpu must be between 0.05 and 16"),
        ("cpu: 0.07", "line 5: cpu"),
        ("diskSize: 1024", "line 5: diskSize must be 512 or 10240"),
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
    for (value, wanted) in [
        (
            "${env('FC_LOCAL_UNSET')}",
            "line 6: '${env('FC_LOCAL_UNSET')}': the environment variable 'FC_LOCAL_UNSET' is not set",
        ),
        ("${vars.x}", "line 6: '${vars.x}' is not found"),
        ("${this.props.nothing}", "'${this.props.nothing}' is not found"),
        ("${this.props.customRuntimeConfig.command[0]}", "refers to itself"),
        ("${file('nowhere')}", "nowhere: No such file"),
        ("${path('nowhere')}", "there is nothing at "),
        ("${self.AccessKeyID}", "the resource's own fields are ${this.props.…}"),
        ("${config('AccountID')}", "is in the author's account"),
        ("${nothing(1)}", "there is no nothing()"),
        ("${json('{')}", "it is not JSON"),
        ("${a b}", "'b' is not understood"),
    ] {
        let error = with(&format!("customRuntimeConfig:\n  command: [\"{value}\"]")).expect_err(value);
        assert!(error.contains(wanted), "{value}: {error}");
    }
}

#[test]
fn what_is_not_needed_and_refers_to_nothing_is_noted_and_stops_nothing() {
    let template = with("region: ${env('FC_LOCAL_UNSET')}\nrole: ${config('x')}\nlogConfig: {project: '${vars.p}'}\nenvironmentVariables:\n  A: ${self.AccessKeyID}\n  B: well\n  C:")
        .expect("a template");
    let notes: Vec<(usize, &str)> = template
        .notes
        .iter()
        .filter(|note| matches!(note.kind, Kind::Unresolved(_)))
        .map(|note| (note.line.number, note.field.as_str()))
        .collect();
    assert_eq!(notes, [(5, "region"), (6, "role"), (7, "logConfig"), (9, "environmentVariables.A")]);
    assert_eq!((template.region, template.log_project), (None, None));
    let variables = [("A", "${self.AccessKeyID}"), ("B", "well")];
    assert_eq!(template.variables, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// A directory with these files.
fn project(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in files {
        let path = scratch.path(name);
        std::fs::create_dir_all(Path::new(&path).parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
    scratch
}

#[test]
fn a_resource_inherits_the_template_that_it_extends_and_its_own_fields_win() {
    let text = "\
template:
  base:
    timeout: 25
    memorySize: 1024
    vpcConfig: {vpcId: x}
    environmentVariables: {KEEP: yes, LEVEL: base, GONE: x}
    customRuntimeConfig: {command: [a, b], port: 9001}
resources:
  f:
    component: fc3
    extend: {name: base, ignore: [vpcConfig, environmentVariables.GONE]}
    props:
      functionName: f
      memorySize: 512
      environmentVariables: {LEVEL: own, SEEN: '${this.props.timeout}'}
      customRuntimeConfig: {command: [c]}
";
    let template = read(text).expect("a template");
    assert_eq!((template.timeout, template.memory_mb), (Some(Duration::from_secs(25)), Some(512)));
    assert_eq!((template.command, template.port), (vec!["c".to_owned()], Some(9001)));
    let variables = [("KEEP", "yes"), ("LEVEL", "own"), ("SEEN", "25")];
    assert_eq!(template.variables, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(!template.notes.iter().any(|note| note.field == "vpcConfig"), "{:?}", template.notes);
    let timeout = template.props.as_ref().and_then(|props| props.get("timeout")).expect("a timeout");
    assert_eq!((timeout.line.number, timeout.line.origin.as_deref()), (3, Some("template base")));
    let misspelt = read(&text.replace("name: base", "name: bse")).expect("a template");
    assert!(misspelt.notes.iter().any(|note| note.field == "extend.name"), "{:?}", misspelt.notes);
}

#[test]
fn a_template_extends_another_file_whose_paths_begin_there() {
    let files = project(&[
        (
            "base/base.yaml",
            "edition: 3.0.0\nvars: {a: base, b: base}\nresources:\n  f:\n    component: ${vars.c}\n    props:\n      timeout: 9\n      handler: ${file('./text')}\n",
        ),
        ("base/text", "from the base"),
        (
            "s.yaml",
            "extend: base/base.yaml\nvars: {a: own, c: devsapp/fc3@1}\nresources:\n  f:\n    props:\n      functionName: '${vars.a}-${vars.b}'\n",
        ),
    ]);
    let template = super::read(Path::new(&files.path("s.yaml")), None).expect("a template");
    assert_eq!(template.name.as_deref(), Some("own-base"));
    assert_eq!(
        (template.timeout, template.handler.as_deref()),
        (Some(Duration::from_secs(9)), Some("from the base"))
    );
    let read: Vec<bool> = ["s.yaml", "base/base.yaml", "base/text", ".env"]
        .iter()
        .map(|name| template.files.iter().any(|file| file.ends_with(name)))
        .collect();
    assert_eq!(read, [true; 4], "{:?}", template.files);
}

#[test]
fn variables_stand_beside_the_template_and_in_the_code_and_the_codes_come_first() {
    let files = project(&[
        (
            "s.yaml",
            "resources:\n  f:\n    component: ${env('T1_V', 'fc3')}\n    props:\n      code: ./code\n      region: ${env('T1_R')}\n      handler: ${env('T1_BOTH')}\n      functionName: ${env('T1_EMPTY', 'default')}\n",
        ),
        (".env", "T1_R=cn-beijing\nT1_BOTH=beside\nT1_EMPTY=\n"),
        ("code/.env", "T1_BOTH=code\n"),
    ]);
    let template = super::read(Path::new(&files.path("s.yaml")), None).expect("a template");
    assert_eq!(template.region.as_deref(), Some("cn-beijing"));
    assert_eq!((template.handler.as_deref(), template.name.as_deref()), (Some("code"), Some("default")));
}

#[test]
fn the_resource_the_file_system_and_json_are_there_for_references() {
    let files = project(&[
        (
            "s.yaml",
            "access: mine\nresources:\n  api:\n    component: fc3\n    props:\n      environmentVariables:\n        NAME: ${this.name}\n        ACCESS: ${this.access}\n        PATHS: ${path('./x')}\n        TEXT: \"<${file('./x')}>\"\n        KEY: ${json(file('./j.json')).a.b}\n        OTHER: ${resources.db.props.host}\n        ENV: ${env('T2_NONE', path('./x'))}\n        B64: ${base64('hi')}\n  db: {component: rds, props: {host: h.example}}\n",
        ),
        ("x", "text"),
        ("j.json", "{\"a\": {\"b\": [1, 2]}}"),
    ]);
    let text = std::fs::read_to_string(files.path("s.yaml")).expect("a template");
    std::fs::write(files.path("s.yaml"), text.replace(".a.b}", ".a.b[1]}")).expect("a file");
    let template = super::read(Path::new(&files.path("s.yaml")), None).expect("a template");
    let x = files.path("x");
    let wanted = [
        ("NAME", "api"),
        ("ACCESS", "mine"),
        ("PATHS", x.as_str()),
        ("TEXT", "<text>"),
        ("KEY", "2"),
        ("OTHER", "h.example"),
        ("ENV", x.as_str()),
        ("B64", "aGk="),
    ];
    assert_eq!(template.variables, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn code_is_a_directory_a_package_or_a_file_by_its_ending() {
    let files =
        project(&[("t/web.jar", ""), ("app.zip", ""), ("app/stale", ""), ("main", ""), ("dir/x", "")]);
    let of = |code: &str, command: &str| {
        let text = format!(
            "resources:\n  f:\n    component: fc3\n    actions: {{pre-deploy: [{{run: mvn package}}]}}\n    props:\n      code: {code}\n      customRuntimeConfig: {{command: {command}}}\n"
        );
        let directory = files.path("");
        parse(&text, Path::new(&directory), None).expect("a template").code
    };
    let at = |name: &str| Path::new(&files.path(name)).canonicalize().expect("a path");
    assert_eq!(of("./t/web.jar", "[java, -jar]"), Code::Directory(at("t")));
    assert_eq!(of("./t/web.jar", "[sh, -c, 'java -jar web.jar']"), Code::Directory(at("t")));
    assert_eq!(of("./t/web.jar", "[java, -cp, .]"), Code::Package(at("t/web.jar")));
    assert_eq!(of("app.zip", "[x]"), Code::Package(at("app.zip")), "whatever lies beside it");
    assert_eq!(of("./main", "[x]"), Code::File(at("main")));
    assert_eq!(of("dir/", "[x]"), Code::Directory(at("dir")));
    assert_eq!(of("{ossBucketName: b, ossObjectName: o}", "[x]"), Code::Elsewhere);
    let Code::Missing(reason) = of("./target", "[x]") else { panic!("nothing is there") };
    assert!(reason.starts_with("line 6: code: there is nothing at /"), "{reason}");
    assert!(reason.ends_with("/target; the template builds it by 'mvn package'"), "{reason}");
}

#[test]
fn what_is_often_written_wrong_is_told_in_its_own_words() {
    for (text, wanted) in [
        ("resources:\n\tf: 1\n", "line 2: it is indented by a tab; YAML takes spaces alone"),
        ("a: 1\nresources: {}\na: 2\n", "the key 'a' is there twice"),
        ("resources: {}\n---\nresources: {}\n", "the file has several documents"),
        (
            "services:\n  f: {component: fc}\n",
            "line 2: 'services' is of edition 1.0.0, Function Compute 2.0; 's cli fc3 s2tos3'",
        ),
        (
            "resources:\n  f: {component: fc, props: {}}\n",
            "no resource has 'component: fc3'; 's cli fc3 s2tos3'",
        ),
        ("", "the file is empty"),
        ("- a\n", "a template is a mapping"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(wanted), "{text:?}: {error}");
    }
    let latin = project(&[]);
    let path = latin.path("s.yaml");
    std::fs::write(&path, b"\xef\xbb\xbf# \xd6\xd0\xce\xc4\nresources: {f: {component: fc3, props: {}}}\n")
        .expect("a file");
    assert!(super::read(Path::new(&path), None).is_ok(), "a comment in GBK");
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
        "vars: {{{vars}n: xxxxxxxx}}\nresources: {{f: {{component: fc3, props: {{runtime: '${{vars.a}}'}}}}}}"
    );
    let error = read(&template).expect_err("too large");
    assert!(error.contains("is over 1048576 bytes"), "{error}");
}
