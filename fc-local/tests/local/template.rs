//! s.yaml drives the same machine as the flags, and the function gets the contract's environment.

use crate::harness::{Fc, Said as _, fc_local, python, start_with};
use support::{Scratch, WATCHDOG, reserved_port, run_to_end};

/// A template beside a copy of the Python function in `code/`.
fn with_template(props: &str) -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    let function = include_str!("function.py");
    std::fs::write(scratch.path("code/app.py"), function).expect("a file");
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "edition: 3.0.0\nresources:\n  shop:\n    component: fc3\n    props:\n      region: cn-beijing\n      functionName: shop\n      runtime: custom.debian12\n      code: ./code\n      customRuntimeConfig:\n        command: [python3, /code/app.py]\n{props}"
    );
    scratch.write("s.yaml", &text);
    scratch
}

fn start(scratch: Scratch, arguments: &[&str]) -> Fc {
    let template = scratch.path("s.yaml");
    let mut all = vec!["-t", template.as_str()];
    all.extend(arguments);
    start_with(scratch, &all, &[])
}

#[test]
fn a_template_is_run_as_it_says() {
    let scratch = with_template(
        "memorySize: 256\ninstanceConcurrency: 2\nenvironmentVariables: {COLOUR: blue, TZ: Asia/Shanghai}\ninstanceLifecycleConfig:\n  initializer: {handler: x, timeout: 9}\n  preStop: {handler: x}",
    );
    let mut fc = start(scratch, &["--isolate", "off", "--env", "COLOUR=red"]);
    let environment = fc.get("/environment").json();
    for (name, value) in [
        ("FC_FUNCTION_NAME", "shop"),
        ("FC_REGION", "cn-beijing"),
        ("FC_FUNCTION_MEMORY_SIZE", "256"),
        ("FC_FUNCTION_HANDLER", "index.handler"),
        ("COLOUR", "red"),
        ("TZ", "Asia/Shanghai"),
    ] {
        assert_eq!(environment[name], value, "{name}");
    }
    let code = std::fs::canonicalize(fc.scratch.path("code")).expect("a directory").display().to_string();
    assert_eq!(
        (environment["CWD"].as_str(), environment["FC_FUNC_CODE_PATH"].as_str()),
        (Some(&*code), Some(&*code))
    );
    assert_eq!(fc.request("POST", "/2023-03-30/functions/shop/invocations", "", b"{}").status, 200);
    assert!(fc.stop().success());
    let trace = fc.trace();
    assert!(trace.iter().any(|line| line.starts_with("POST /initialize /initialize")));
    assert!(trace.last().expect("a trace").starts_with("GET /pre-stop /pre-stop"));
}

#[test]
fn the_function_gets_the_contracts_variables_and_five_of_the_authors() {
    let scratch = Scratch::new();
    let fc = start_with(scratch, &[], &python());
    let environment = fc.get("/environment").json();
    for name in [
        "FC_FUNC_CODE_PATH",
        "FC_ACCOUNT_ID",
        "FC_REGION",
        "FC_FUNCTION_NAME",
        "FC_FUNCTION_HANDLER",
        "FC_FUNCTION_MEMORY_SIZE",
        "FC_CUSTOM_LISTEN_PORT",
        "FC_SERVER_PORT",
        "FC_INSTANCE_ID",
        "FC_FUNCTION_VERSION",
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        "ALIBABA_CLOUD_SECURITY_TOKEN",
    ] {
        assert!(environment[name].as_str().is_some_and(|value| !value.is_empty()), "{name}");
    }
    let known = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "TRACE", "CWD", "LC_CTYPE", "FC_VER_ID"];
    for name in environment.as_object().expect("variables").keys() {
        let platform = name.starts_with("FC_") || name.starts_with("ALIBABA_CLOUD_");
        assert!(platform || known.contains(&name.as_str()), "{name} came from somewhere else");
    }
}

#[test]
fn a_container_runs_with_the_command_given_and_without_one_says_so() {
    let scratch = Scratch::new();
    let template = scratch.write(
        "s.yaml",
        "resources:\n  c:\n    component: fc3\n    props:\n      functionName: boxed\n      runtime: custom-container\n      customContainerConfig: {image: registry.example/x, entrypoint: [/x], port: 8000}\n",
    );
    let output = run_to_end(fc_local().args(["start", "-t", &template]), WATCHDOG);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("add it: fc-local start … -- COMMAND ARGS…"), "{text}");
    let fc = start_with(scratch, &["-t", &template], &python());
    assert_eq!(fc.get("/environment").json()["FC_FUNCTION_NAME"], "boxed");
}

#[test]
fn a_bad_template_is_refused_with_file_and_line() {
    let scratch = with_template("timeout: 0");
    let template = scratch.path("s.yaml");
    let output = run_to_end(fc_local().args(["start", "-t", &template]), WATCHDOG);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text.contains("s.yaml: line 12: timeout must be a whole number from 1 to 86400, not 0"),
        "{text}"
    );
}

#[test]
fn a_bootstrap_file_is_the_default_command() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    let function = include_str!("function.py");
    let bootstrap = scratch.path("code/bootstrap");
    std::fs::write(&bootstrap, format!("#!/usr/bin/env python3\n{function}")).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&bootstrap, mode).expect("a file of ours");
    let text =
        "resources:\n  f:\n    component: fc3\n    props: {functionName: f, runtime: custom, code: code}\n";
    scratch.write("s.yaml", text);
    let fc = start(scratch, &[]);
    assert_eq!(fc.get("/").status, 200);
}

#[test]
fn without_a_command_the_template_in_the_current_directory_is_used() {
    let scratch = with_template("");
    let port = reserved_port().to_string();
    let mut invoke = fc_local();
    invoke.current_dir(scratch.path("")).args(["invoke", "--port", &port]);
    invoke.args(["--event", r#"{"path":"/environment"}"#]);
    let output = run_to_end(&mut invoke, WATCHDOG);
    let environment: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(environment["FC_FUNCTION_NAME"], "shop");
}
