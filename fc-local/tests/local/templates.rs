//! What people's templates have: inheritance, variables beside them, packages, and what nothing here needs.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::harness::{Fc, Said as _, fc_local, start_with};
use support::{Scratch, WATCHDOG, eventually, reserved_port, run_to_end};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const FUNCTION: &str = include_str!("function.py");

/// A template with `text`, and the Python function in `code/app.py`.
fn template(text: &str) -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    std::fs::write(scratch.path("code/app.py"), FUNCTION).expect("a file");
    scratch.write("s.yaml", text);
    scratch
}

const COMMAND: &str = "customRuntimeConfig: {command: [python3, /code/app.py]}";

/// One function with these fields beside its code, each line indented.
fn one(props: &str, before: &str) -> String {
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "edition: 3.0.0\n{before}resources:\n  api:\n    component: fc3\n    extend: {{name: base}}\n    props:\n      functionName: f\n      runtime: custom\n      {COMMAND}\n{props}"
    )
}

fn start(scratch: Scratch, arguments: &[&str]) -> Fc {
    let template = scratch.path("s.yaml");
    let mut all = vec!["-t", template.as_str()];
    all.extend(arguments);
    start_with(scratch, &all, &[])
}

/// What a command says that ends by itself: its exit code, standard output and standard error.
fn said(scratch: &Scratch, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run_to_end(fc_local().current_dir(scratch.path("")).args(arguments), WATCHDOG);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The variables of the function, invoked once.
fn environment(scratch: &Scratch) -> (serde_json::Value, String) {
    let port = reserved_port().to_string();
    let event = r#"{"path":"/environment"}"#;
    let (code, out, err) = said(scratch, &["invoke", "--port", &port, "--event", event]);
    assert_eq!(code, Some(0), "{err}");
    (serde_json::from_str(&out).expect("JSON"), err)
}

#[test]
fn what_is_inherited_counts() {
    let base = "template:\n  base: {memorySize: 1024, code: ./code, environmentVariables: {KEEP: kept, LEVEL: base}}\n";
    let scratch = template(&one("environmentVariables: {LEVEL: own}", base));
    let (environment, _) = environment(&scratch);
    assert_eq!(environment["FC_FUNCTION_MEMORY_SIZE"], "1024");
    assert_eq!((&environment["KEEP"], &environment["LEVEL"]), (&"kept".into(), &"own".into()));
}

#[test]
fn variables_are_read_from_dotenv_and_what_is_not_known_here_stays_as_it_is() {
    let scratch = template(&one(
        "code: ./code\nrole: ${resources.ram.output.arn}\nregion: ${resources.x.output.region}\nenvironmentVariables:\n  A: ${env('FROM_FILE')}\n  KEY: x-${self.AccessKeyID}",
        "",
    ));
    scratch.write(".env", "FROM_FILE=beside\n");
    let (environment, err) = environment(&scratch);
    assert_eq!((&environment["A"], &environment["KEY"]), (&"beside".into(), &"x-${self.AccessKeyID}".into()));
    assert_eq!(environment["FC_REGION"], "cn-hangzhou");
    assert!(
        err.contains(
            "line 15: environmentVariables.KEY: '${self.AccessKeyID}' is known to a deployment only"
        ),
        "{err}"
    );
}

#[test]
fn what_another_resource_needs_stops_nobody() {
    let other = "  other: {component: oss, props: {x: \"${vars.nowhere}\"}}\n";
    let scratch = template(&format!("{}{other}", one("code: ./code", "")));
    environment(&scratch);
}

#[test]
fn start_says_once_what_changes_nothing_and_what_is_unknown() {
    let text = one(
        "code: ./code\ncpu: 0.35\ndiskSize: 512\nrole: acs:ram::1:role/x\nvpcConfig: auto\ntimeOut: 10",
        "",
    );
    let fc = start(template(&text), &[]);
    let wanted = "ignored here: role, vpcConfig; unknown: timeOut (timeout?); fc-local config tells more";
    fc.wait_for_log(wanted);
    assert_eq!(fc.log().matches("ignored here").count(), 1);
}

#[test]
fn config_shows_values_with_their_lines_and_origins_but_no_secrets() {
    let base = "vars: {region: cn-beijing}\ntemplate:\n  base: {timeout: 25}\n";
    let scratch = template(&one(
        "code: ./code\nregion: ${vars.region}\nrole: auto\nmemorysize: 256\nenvironmentVariables: {DB_PASSWORD: hunter2, MODE: x}",
        base,
    ));
    let (code, out, err) = said(&scratch, &["config"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    for wanted in [
        "function f (resource api)",
        "line 14, ${vars.region} (line 2)",
        "line 4, inherited from template 'base'",
        "line 15: role: the credentials here are made up",
        "line 16: memorysize: there is no such field; is it 'memorySize'?",
        "environmentVariables.MODE: x",
        "environmentVariables.DB_PASSWORD: (hidden: --show-secrets)",
    ] {
        assert!(out.contains(wanted), "'{wanted}' is not in\n{out}");
    }
    assert!(!out.contains("hunter2") && !out.contains("role: auto"), "{out}");
    assert!(said(&scratch, &["config", "--show-secrets"]).1.contains("hunter2"));
    let (_, json, _) = said(&scratch, &["config", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["functions"][0]["name"], "f");
    assert!(!json.contains("hunter2"));
}

#[test]
fn config_shows_at_once_all_that_start_refuses() {
    let props = "code: ./nowhere\ntimeout: 0\ninstanceConcurrency: 0\nregion: ${vars.x}\nenvironmentVariables: {A: 1}";
    let scratch = template(
        &(one(props, "")
            + "  twin: {component: fc3, props: {functionName: f, runtime: python3.10, code: ./code}}\n"
            + "  boxed: {component: fc3, props: {functionName: b, runtime: custom-container}}\n"),
    );
    let (code, out, err) = said(&scratch, &["config"]);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    for wanted in [
        "cannot run: two functions have the name 'f'",
        "cannot run: line 10: code './nowhere': No such file",
        "cannot run: line 11: timeout must be",
        "cannot run: line 12: instanceConcurrency must be",
        "line 13: region: the template has no 'vars'",
        "cannot run: line 15: runtime 'python3.10' is run by the platform itself",
        "cannot run: line 16: the container 'boxed' runs its image's command, which is not here; add it: fc-local start … --resource boxed -- COMMAND",
    ] {
        assert!(out.contains(wanted), "'{wanted}' is not in\n{out}");
    }
    let fine = template(&one("code: ./code\ntimeOut: 5\nregion: ${vars.x}", ""));
    assert_eq!(said(&fine, &["config"]).0, Some(0), "what is only worth a note");
    let (code, _, err) = said(&fine, &["config", "-t", "elsewhere.yaml"]);
    assert_eq!(code, Some(2), "{err}");
}

#[test]
fn config_shows_custom_domains_and_where_they_lead() {
    let other = "  site:\n    component: fc3-domain\n    props:\n      domainName: site.example\n      authConfig: {authType: function}\n      routeConfig: {routes: [{path: /x, functionName: f, methods: [get]}, {path: /y, functionName: gone}]}\n";
    let props = "code: ./code\ncustomDomain: {domainName: own.example}";
    let scratch = template(&format!("{}{other}", one(props, "")));
    let (code, out, _) = said(&scratch, &["config"]);
    assert_eq!(code, Some(0));
    for wanted in [
        "domain own.example\n  /* leads to f\n",
        "domain site.example (authType function)\n  /x leads to f (GET)\n  /y leads to gone",
        "line 17: site: a route: /y leads to 'gone', which is no function of this template",
    ] {
        assert!(out.contains(wanted), "'{wanted}' is not in\n{out}");
    }
    let (_, json, _) = said(&scratch, &["config", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["domains"][1]["routes"][0]["methods"][0], "GET");
}

#[test]
fn a_layer_is_no_function() {
    let layer = "  deps: {component: fc3, props: {region: cn-beijing, layerName: deps, compatibleRuntime: [custom], code: ./gone}}\n";
    let scratch = template(&format!("{}{layer}", one("code: ./code", "")));
    let (code, out, _) = said(&scratch, &["config"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("line 11: deps: it is a layer") && !out.contains("resource deps"), "{out}");
    environment(&scratch);
}

#[test]
fn a_value_that_an_option_replaces_stops_nobody() {
    let scratch =
        template(&one("code: ./code\ntimeout: 0", "").replace("[python3, /code/app.py]", "python3 app.py"));
    let port = reserved_port().to_string();
    let all = [
        "invoke",
        "-t",
        "s.yaml",
        "--port",
        &port,
        "--event",
        "{}",
        "--timeout",
        "3s",
        "--",
        "python3",
        "app.py",
    ];
    let (code, _, err) = said(&scratch, &all);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = said(&scratch, &["invoke", "--event", "{}", "--timeout", "3s"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("command must be a list") && !err.contains("timeout must"), "{err}");
}

#[test]
fn a_container_says_how_its_command_is_given() {
    let boxed = |name: &str| {
        format!(
            "  {name}:\n    component: fc3\n    props: {{functionName: {name}, runtime: custom-container}}\n"
        )
    };
    let scratch = template(&format!("resources:\n{}", boxed("web")));
    for verb in ["start", "invoke", "check"] {
        let (code, _, err) = said(&scratch, &[verb]);
        assert_eq!(code, Some(2));
        let wanted = format!(
            "s.yaml: line 3: the container 'web' runs its image's command, which is not here; add it: fc-local {verb} … -- COMMAND ARGS…"
        );
        assert!(err.contains(&wanted), "{err}");
    }
    scratch.write("s.yaml", &format!("resources:\n{}{}", boxed("web"), boxed("job")));
    let (_, _, err) = said(&scratch, &["start"]);
    for wanted in
        ["line 3: the container 'web'", "start … --resource web -- COMMAND", "line 6: the container 'job'"]
    {
        assert!(err.contains(wanted), "'{wanted}' is not in\n{err}");
    }
    let port = reserved_port().to_string();
    let command = [
        "invoke",
        "--resource",
        "job",
        "--code",
        "code",
        "--port",
        &port,
        "--event",
        "{}",
        "--",
        "python3",
        "app.py",
    ];
    let (code, _, err) = said(&scratch, &command);
    assert_eq!(code, Some(0), "as it says: {err}");
}

fn pack(path: &str, body: &str) {
    // As a build does: all of it is there at once.
    let beside = format!("{path}.new");
    let mut zip = ZipWriter::new(File::create(&beside).expect("a file"));
    zip.start_file("app.py", SimpleFileOptions::default()).expect("an entry");
    zip.write_all(FUNCTION.replace("b\"done\"", &format!("b\"{body}\"")).as_bytes()).expect("bytes");
    zip.finish().expect("a package");
    std::fs::rename(beside, path).expect("a file");
}

#[test]
fn a_package_runs_from_a_place_of_its_own_never_from_a_stale_neighbour() {
    let scratch = template(&one("code: ./app.zip", ""));
    pack(&scratch.path("app.zip"), "packed");
    std::fs::create_dir(scratch.path("app")).expect("a directory");
    std::fs::write(scratch.path("app/app.py"), "raise SystemExit('stale')").expect("a file");
    let mut fc = start(scratch, &["--isolate=off", "--watch"]);
    assert_eq!(fc.get("/say").text(), "packed");
    let environment = fc.get("/environment").json();
    let place = PathBuf::from(environment["CWD"].as_str().expect("a path"));
    assert!(place.is_dir() && !place.starts_with(fc.scratch.path("")), "{}", place.display());
    pack(&fc.scratch.path("app.zip"), "changed");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/say").text(), "changed");
    let second = fc.get("/environment").json()["CWD"].as_str().map(PathBuf::from).expect("a path");
    assert!(fc.stop().success());
    eventually("both places are gone", || (!place.exists() && !second.exists()).then_some(()));
}

#[test]
fn a_change_of_a_variable_file_is_followed() {
    let scratch = template(&one("code: ./code\nenvironmentVariables: {A: \"${env('LEVEL_OF_FILE')}\"}", ""));
    scratch.write(".env", "LEVEL_OF_FILE=one\n");
    let fc = start(scratch, &["--watch"]);
    assert_eq!(fc.get("/environment").json()["A"], "one");
    let changed = fc.scratch.write("changed", "LEVEL_OF_FILE=two\n");
    std::fs::rename(changed, fc.scratch.path(".env")).expect("a file");
    fc.wait_for_log("the next call starts it anew");
    assert_eq!(fc.get("/environment").json()["A"], "two");
}

#[test]
fn code_has_the_forms_that_the_vendors_tool_takes() {
    let place = |scratch: &Scratch| PathBuf::from(environment(scratch).0["CWD"].as_str().expect("a path"));
    let jar = "code: ./target/web.jar\nenvironmentVariables: {J: 1}";
    let text = one(jar, "")
        .replace("[python3, /code/app.py]", "[sh, -c, 'exec python3 app.py # java -jar web.jar']");
    let scratch = template(&text);
    std::fs::create_dir(scratch.path("target")).expect("a directory");
    pack(&scratch.path("target/web.jar"), "x");
    std::fs::write(scratch.path("target/app.py"), FUNCTION).expect("a file");
    let target = Path::new(&scratch.path("target")).canonicalize().expect("a directory");
    assert!([Path::new("/code"), &target].contains(&place(&scratch).as_path()), "the jar's directory");
    for name in ["app.war", "app.jar", "dir/app.zip"] {
        let scratch = template(&one(&format!("code: {{src: {name}}}"), ""));
        std::fs::create_dir(scratch.path("dir")).expect("a directory");
        pack(&scratch.path(name), "x");
        environment(&scratch);
    }
}

#[test]
fn code_that_is_missing_is_named_with_what_builds_it() {
    for (props, beside, wanted) in [
        (
            "code: ./target",
            "    actions: {pre-deploy: [{run: make all, path: ./src}]}\n",
            "'make all' in ./src",
        ),
        (
            "code: ./code/target",
            "    actions: {pre-deploy: [{run: npm install, path: ./code/target}, {run: make, path: code/target/x}, {run: mkdir target, path: ./code}, {run: npm run build}]}\n",
            "makes it: 'mkdir target' in ./code, 'npm run build'",
        ),
        ("code: ./app.zip", "    actions: {pre-deploy: [{run: make, path: ./app.zip}]}\n", "(os error 2)\n"),
        ("code: ./app.zip", "", "./app.zip': No such file"),
        ("code: {ossBucketName: b, ossObjectName: o.zip}", "", "--code DIR"),
        ("code: \"${env('NOT_SET_HERE')}\"", "", "'NOT_SET_HERE' is not set"),
    ] {
        let text = one(props, "").replace("    extend:", &format!("{beside}    extend:"));
        let scratch = template(&text);
        let (code, _, err) = said(&scratch, &["start"]);
        assert_eq!(code, Some(2));
        assert!(err.contains("s.yaml: line ") && err.contains(wanted), "{err}");
        let port = reserved_port().to_string();
        let (code, _, err) = said(&scratch, &["invoke", "--code", "code", "--port", &port, "--event", "{}"]);
        assert_eq!(code, Some(0), "--code says where it is: {err}");
    }
}

#[test]
fn a_function_that_cannot_be_read_stops_only_itself() {
    let text = one("code: ./code", "")
        + "  broken: {component: fc3, props: {runtime: custom, code: ./code, timeout: 0}}\n  python: {component: fc3, props: {runtime: python3.10, code: ./code}}\n";
    let fc = start(template(&text), &[]);
    fc.wait_for_log("broken is not served");
    fc.wait_for_log("python is not served");
    assert_eq!(fc.get("/").status, 200);
    let (code, _, err) = said(&fc.scratch, &["invoke", "--event", "{}"]);
    assert_eq!(code, Some(2), "one that cannot run is one of several all the same");
    assert!(err.contains("choose one with --resource: api, broken, python"), "{err}");
}

#[test]
fn templates_that_nothing_here_can_run_say_what_to_do() {
    let twice = "resources:\n  a: {component: fc3, props: {functionName: f, runtime: custom}}\n  b: {component: fc3, props: {functionName: f, runtime: custom}}\n";
    for (text, wanted) in [
        (
            "edition: 1.0.0\nservices: {a: {component: fc}}\n",
            "line 1: edition 1.0.0 is not read here; 's cli fc3 s2tos3' makes one of edition 3.0.0 of it\n",
        ),
        (
            "edition: 1.0.0\nresources: {a: {component: fc3, props: {}}}\n",
            "line 1: edition 1.0.0 is not read here; its resources are of 3.0.0: write 'edition: 3.0.0'",
        ),
        (
            "resources: {a: {component: \"${env('NOT_SET_HERE')}\"}, b: {component: \"${env('NOT_SET_HERE')}\"}}\n",
            "there is: ${env('NOT_SET_HERE')} (the environment variable 'NOT_SET_HERE' is not set; export it, write it into .env or write ${env('NOT_SET_HERE', 'default')})\n",
        ),
        ("resources:\n  a:\n\tcomponent: fc3\n", "line 3: a tab indents it; YAML takes spaces only"),
        (
            "resources:\n  a:\n    cronExpression: @every 4m\n",
            "line 3: a text that begins with '@' needs quotes, as in '@every 4m'",
        ),
        ("extend: none.yaml\n", "s.yaml: line 1: extend: ./none.yaml: cannot be read: No such file"),
        ("edition: 3.0.0\nservices: {a: {component: fc}}\n", "line 2: 'services' is of edition 1.0.0"),
        ("resources: {a: {component: devsapp/fc, props: {}}}\n", "'component: devsapp/fc' is of FC 2.0"),
        ("resources: {}\n", "line 1: no resource has 'component: fc3'\n"),
        ("resources: {a: {component: oss}}\n", "no resource has 'component: fc3'; there is: oss"),
        ("resources: {a: {component: fc3, props: {runtime: python3.10}}}\n", "is run by the platform itself"),
        (
            "resources: {a: {component: fc3, props: {runtime: custom.debian99}}}\n",
            "there is no runtime 'custom.debian99'",
        ),
        ("resources: {a: {component: fc3, props: {functionName: 问候}}}\n", "functionName '问候' is refused"),
        (
            "resources: {a: {component: fc3, props: {layerName: a, code: ./code}}}\n",
            "line 1: 'a' is a layer, of which nothing runs by itself",
        ),
        (twice, "two functions have the name 'f'"),
    ] {
        let (code, _, err) = said(&template(text), &["start"]);
        assert_eq!(code, Some(2));
        assert!(err.contains(wanted), "{err}");
    }
}

#[test]
fn a_component_of_ones_own_checkout_is_taken_for_what_its_functions_look_like() {
    let text = one("code: ./code", "");
    let scratch =
        template(&text.replace("component: fc3", "component: \"${env('NOT_SET_HERE', path('./'))}\""));
    environment(&scratch);
}

#[test]
fn the_vendors_other_names_of_a_template_are_found() {
    let scratch = template(&one("code: ./code", ""));
    std::fs::rename(scratch.path("s.yaml"), scratch.path("s.yml")).expect("a file");
    environment(&scratch);
}
