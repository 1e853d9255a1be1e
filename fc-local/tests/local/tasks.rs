//! Asynchronous tasks: their states as the vendor's SDKs read them, their results at destinations, and how they are stopped.

use serde_json::{Value, json};

use crate::harness::{Fc, Said as _, python, start_with};
use crate::several::{ask, template};
use support::{Reply, Scratch, Signal};

/// A function of a template that runs the Python function of the tests.
fn resource(name: &str, props: &str) -> String {
    let command = json!(python());
    let props: String = props.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "  {name}:\n    component: fc3\n    props:\n      functionName: {name}\n      runtime: custom.debian12\n      code: ./code\n      timeout: 60\n      customRuntimeConfig: {{command: {command}}}\n{props}"
    )
}

fn start(resources: &[String], arguments: &[&str]) -> Fc {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("code")).expect("a directory");
    let path = scratch.write("s.yaml", &template(resources));
    let delay: &[&str] =
        if arguments.contains(&"--async-retry-delay") { &[] } else { &["--async-retry-delay", "1ms"] };
    start_with(scratch, &[&["-t", &path], delay, arguments].concat(), &[])
}

/// One function in task mode.
fn tracked(config: &str) -> Fc {
    start(&[resource("f", &format!("asyncInvokeConfig: {{asyncTask: true{config}}}"))], &[])
}

fn call(fc: &Fc, method: &str, path: &str, fields: &str, body: &str) -> Reply {
    ask(
        fc.address,
        method,
        &format!("/2023-03-30/functions/{path}"),
        &format!("host: localhost\r\n{fields}"),
        body,
    )
}

fn invoke(fc: &Fc, function: &str, id: &str, event: &Value) -> Reply {
    let fields = format!("x-fc-invocation-type: Async\r\nx-fc-async-task-id: {id}\r\n");
    call(fc, "POST", &format!("{function}/invocations"), &fields, &event.to_string())
}

fn task(fc: &Fc, id: &str) -> Value {
    let reply = call(fc, "GET", &format!("f/async-tasks/{id}"), "", "");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

/// The task, once it has a status.
fn task_with(fc: &Fc, id: &str, status: &str) -> Value {
    support::eventually(status, || Some(task(fc, id)).filter(|task| task["status"] == status))
}

fn states(task: &Value) -> Vec<&str> {
    task["events"].as_array().expect("events").iter().filter_map(|event| event["status"].as_str()).collect()
}

#[test]
fn a_task_is_followed_from_its_acceptance_to_its_end() {
    let fc = tracked("");
    let reply = invoke(&fc, "f", "task-7", &json!({"path": "/say", "text": "hello"}));
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    let done = task_with(&fc, "task-7", "Succeeded");
    assert_eq!(states(&done), ["Enqueued", "Dequeued", "Running", "Succeeded"]);
    assert_eq!(done["requestId"].as_str(), reply.header("x-fc-request-id"));
    for (field, wanted) in [
        ("taskId", json!("task-7")),
        ("qualifier", json!("LATEST")),
        ("alreadyRetriedTimes", json!(0)),
        ("returnPayload", json!("done")),
        ("taskPayload", json!(json!({"path": "/say", "text": "hello"}).to_string())),
    ] {
        assert_eq!(done[field], wanted, "{field}");
    }
    assert!(done["functionArn"].as_str().is_some_and(|arn| arn.ends_with(":functions/f")), "{done}");
    assert!(done["instanceId"].as_str().is_some_and(|id| id.starts_with("c-")), "{done}");
    assert!(
        done["startedTime"].as_u64() <= done["endTime"].as_u64() && done["durationMs"].is_u64(),
        "{done}"
    );
    assert_eq!(done["events"][0]["eventId"], 1);
}

#[test]
fn one_that_fails_says_how_often_and_why() {
    let fc = tracked(", maxAsyncRetryAttempts: 1");
    invoke(&fc, "f", "t", &json!({"path": "/fail"}));
    let failed = task_with(&fc, "t", "Failed");
    assert_eq!(
        states(&failed),
        ["Enqueued", "Dequeued", "Running", "Retrying", "Dequeued", "Running", "Failed"]
    );
    assert_eq!(
        (&failed["alreadyRetriedTimes"], &failed["taskErrorMessage"]),
        (&json!(1), &json!("UnhandledInvocationError"))
    );
    assert_eq!(failed["events"][3]["eventDetail"], r#"{"Error":"UnhandledInvocationError"}"#);
    assert_eq!(failed["returnPayload"], r#"{"errorMessage":"no luck"}"#);
}

#[test]
fn an_id_names_one_task() {
    let fc = tracked("");
    assert_eq!(invoke(&fc, "f", "t", &json!({})).status, 202);
    let (status, code, message) = invoke(&fc, "f", "t", &json!({})).system_error();
    assert_eq!((status, code.as_str()), (409, "AsyncTaskAlreadyExists"), "{message}");
    let (status, code, message) = invoke(&fc, "f", &"x".repeat(129), &json!({})).system_error();
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "{message}");
    let (status, code, _) = call(&fc, "GET", "f/async-tasks/other", "", "").system_error();
    assert_eq!((status, code.as_str()), (404, "AsyncTaskNotFound"));
    let fields = "x-fc-invocation-type: Async\r\n";
    let unnamed = call(&fc, "POST", "f/invocations", fields, "{}");
    task_with(&fc, unnamed.header("x-fc-request-id").expect("an id"), "Succeeded");
}

#[test]
fn without_task_mode_there_are_no_tasks() {
    let fc = start(&[resource("f", "")], &[]);
    for _ in 0..2 {
        assert_eq!(invoke(&fc, "f", "t", &json!({"path": "/say"})).status, 202);
    }
    fc.wait_for_logs("event 200", 2);
    let (status, code, message) = call(&fc, "GET", "f/async-tasks/t", "", "").system_error();
    assert_eq!((status, code.as_str()), (404, "AsyncTaskNotFound"));
    assert!(message.contains("asyncTask: true"), "{message}");
    assert_eq!(call(&fc, "GET", "f/async-tasks", "", "").json(), json!({"tasks": []}));
}

#[test]
fn tasks_are_listed_in_pages() {
    let fc = tracked("");
    for id in ["a1", "b1", "a2"] {
        invoke(&fc, "f", id, &json!({}));
        task_with(&fc, id, "Succeeded");
    }
    let list = |query: &str| {
        let listed = call(&fc, "GET", &format!("f/async-tasks?{query}"), "", "").json();
        let ids =
            listed["tasks"].as_array().expect("tasks").iter().filter_map(|task| task["taskId"].as_str());
        (ids.collect::<Vec<_>>().join(" "), listed["nextToken"].as_str().map(str::to_owned))
    };
    assert_eq!(list(""), ("a2 b1 a1".to_owned(), None));
    assert_eq!(list("prefix=a&sortOrderByTime=asc"), ("a1 a2".to_owned(), None));
    assert_eq!(list("status=Failed"), (String::new(), None));
    let (first, next) = list("limit=2");
    assert_eq!(first, "a2 b1");
    assert_eq!(list(&format!("limit=2&nextToken={}", next.expect("more"))), ("a1".to_owned(), None));
    let payloads = |query: &str| {
        let listed = call(&fc, "GET", &format!("f/async-tasks?{query}"), "", "").json();
        listed["tasks"][0]["taskPayload"].clone()
    };
    assert_eq!((payloads(""), payloads("includePayload=True")), (Value::Null, json!("{}")));
    assert_eq!(call(&fc, "GET", "f/async-tasks?limit=0", "", "").system_error().0, 400);
}

#[test]
fn one_that_runs_is_stopped_with_its_instance() {
    let hooks = "instanceLifecycleConfig: {preStop: {handler: index.stop, timeout: 5}}";
    let fc = start(&[resource("f", &format!("asyncInvokeConfig: {{asyncTask: true}}\n{hooks}"))], &[]);
    invoke(&fc, "f", "t", &json!({"path": "/hang"}));
    fc.wait_for_trace("hanging", 1);
    assert_eq!(task_with(&fc, "t", "Running")["status"], "Running");
    let stop = || call(&fc, "PUT", "f/async-tasks/t/stop", "", "");
    assert_eq!(stop().status, 200);
    let stopped = task_with(&fc, "t", "Stopped");
    assert_eq!(states(&stopped), ["Enqueued", "Dequeued", "Running", "Stopping", "Stopped"]);
    assert_eq!(stop().status, 200, "once more is no error");
    fc.wait_for_log("its task was stopped");
    fc.wait_for_trace("GET /pre-stop", 1);
    let (status, code, _) = call(&fc, "PUT", "f/async-tasks/none/stop", "", "").system_error();
    assert_eq!((status, code.as_str()), (404, "AsyncTaskNotFound"));
    invoke(&fc, "f", "done", &json!({}));
    task_with(&fc, "done", "Succeeded");
    let (status, code, message) = call(&fc, "PUT", "f/async-tasks/done/stop", "", "").system_error();
    assert_eq!((status, code.as_str()), (400, "InvalidArgument"), "{message}");
}

#[test]
fn one_that_is_delayed_waits_and_can_be_stopped() {
    let fc = tracked("");
    let fields = "x-fc-invocation-type: Async\r\nx-fc-async-task-id: later\r\nx-fc-async-delay: 3600\r\n";
    assert_eq!(call(&fc, "POST", "f/invocations", fields, "{}").status, 202);
    assert_eq!(task(&fc, "later")["status"], "Enqueued");
    assert_eq!(call(&fc, "PUT", "f/async-tasks/later/stop", "", "").status, 200);
    assert_eq!(states(&task(&fc, "later")), ["Enqueued", "Stopped"]);
    let fields = "x-fc-invocation-type: Async\r\nx-fc-async-delay: 3601\r\n";
    assert_eq!(call(&fc, "POST", "f/invocations", fields, "{}").system_error().0, 400);
}

#[test]
fn what_waits_at_ctrl_c_is_told() {
    let mut fc = tracked("");
    for _ in 0..2 {
        let fields = "x-fc-invocation-type: Async\r\nx-fc-async-delay: 60\r\n";
        assert_eq!(call(&fc, "POST", "f/invocations", fields, "{}").status, 202);
    }
    fc.signal(Signal::INT);
    assert!(fc.wait().success());
    fc.wait_for_log("without the 2 asynchronous invocations that wait");
    fc.wait_for_log("2 asynchronous invocations were not run");
}

#[test]
fn an_event_that_has_waited_for_too_long_is_not_run() {
    let fc = tracked(", maxAsyncEventAgeInSeconds: 1");
    let fields = "x-fc-invocation-type: Async\r\nx-fc-async-task-id: old\r\nx-fc-async-delay: 2\r\n";
    assert_eq!(call(&fc, "POST", "f/invocations", fields, "{}").status, 202);
    assert_eq!(states(&task_with(&fc, "old", "Expired")), ["Enqueued", "Expired"]);
    fc.wait_for_log("it has waited for more than the 1 seconds of maxAsyncEventAgeInSeconds");
}

#[test]
fn one_that_finds_no_room_is_tried_again_and_that_is_no_attempt() {
    let fc = start(
        &[resource("f", "asyncInvokeConfig: {asyncTask: true, maxAsyncRetryAttempts: 0}")],
        &["--max-instances", "1"],
    );
    let gate = fc.scratch.gate("gate");
    let event = json!({"path": "/wait", "fifo": gate.path});
    std::thread::scope(|scope| {
        scope.spawn(|| call(&fc, "POST", "f/invocations", "", &event.to_string()));
        fc.wait_for_trace("waiting", 1);
        invoke(&fc, "f", "t", &event);
        fc.wait_for_log("async task t: no room, tried again in");
        gate.let_pass(2);
        let task = task_with(&fc, "t", "Succeeded");
        assert_eq!((&task["alreadyRetriedTimes"], states(&task)[2]), (&json!(0), "Retrying"));
    });
}

#[test]
fn one_that_finds_no_room_keeps_no_other_for_as_long_as_itself() {
    let config = "asyncInvokeConfig: {asyncTask: true}";
    let fc = start(&[resource("f", config)], &["--max-instances", "1", "--async-retry-delay", "1h"]);
    let gate = fc.scratch.gate("gate");
    let event = json!({"path": "/wait", "fifo": gate.path});
    std::thread::scope(|scope| {
        scope.spawn(|| call(&fc, "POST", "f/invocations", "", &event.to_string()));
        fc.wait_for_trace("waiting", 1);
        invoke(&fc, "f", "first", &event);
        fc.wait_for_log("async task first: no room, tried again in 3600s");
        gate.let_pass(1);
    });
    invoke(&fc, "f", "second", &json!({"path": "/say"}));
    task_with(&fc, "second", "Succeeded");
}

#[test]
fn many_run_one_after_the_other_where_there_is_one_instance() {
    let config = "asyncInvokeConfig: {asyncTask: true}";
    let fc = start(&[resource("f", config)], &["--max-instances", "1", "--async-retry-delay", "1h"]);
    for number in 0..30 {
        invoke(&fc, "f", &format!("t{number}"), &json!({"path": "/say"}));
    }
    fc.wait_for_logs("event 200", 30);
    assert!(!fc.log().contains("no room"), "{}", fc.log());
}

#[test]
fn one_without_an_instance_is_not_tried_again() {
    let scratch = Scratch::new();
    let arguments = ["--async-retry-delay", "1ms"];
    let fc = start_with(scratch, &arguments, &["/bin/false".to_owned()]);
    let fields = "x-fc-invocation-type: Async\r\nx-fc-async-task-id: t\r\n";
    assert_eq!(call(&fc, "POST", "local/invocations", fields, "{}").status, 202);
    let invalid = support::eventually("its end", || {
        let task = call(&fc, "GET", "local/async-tasks/t", "", "").json();
        Some(task).filter(|task| task["status"] == "Invalid")
    });
    assert_eq!(invalid["taskErrorMessage"], "CAExited");
}

#[test]
fn an_http_call_is_made_later_too() {
    let config = "asyncInvokeConfig: {asyncTask: true}\ntriggers: [{triggerName: h, triggerType: http, triggerConfig: {authType: anonymous, methods: [PUT]}}]";
    let fc = start(&[resource("f", config)], &[]);
    let later = |method: &str, fields: &str, body: &str| {
        let fields = format!(
            "host: localhost\r\nx-mine: 1\r\nx-fc-invocation-type: Async\r\nx-fc-async-task-id: t\r\n{fields}"
        );
        ask(fc.address, method, "/a/b?c=d", &fields, body)
    };
    let reply = later("PUT", "", "a body");
    assert_eq!((reply.status, reply.body.len()), (202, 0));
    let task = task_with(&fc, "t", "Succeeded");
    assert_eq!(task["taskPayload"], "a body");
    let seen: Value = serde_json::from_str(task["returnPayload"].as_str().expect("a text")).expect("JSON");
    assert_eq!((&seen["method"], &seen["target"]), (&json!("PUT"), &json!("/a/b?c=d")));
    let headers = seen["headers"].as_object().expect("headers");
    for (name, wanted) in [
        ("x-fc-control-path", Some("/http-invoke")),
        ("x-fc-retry-count", Some("0")),
        ("x-mine", Some("1")),
        ("x-fc-invocation-type", None),
        ("x-fc-async-task-id", None),
    ] {
        assert_eq!(headers.get(name).and_then(Value::as_str), wanted, "{name}");
    }
    fc.wait_for_log("PUT /a/b 200");
    assert_eq!(later("PUT", "", "again").system_error().0, 409);
    assert_eq!(later("GET", "", "").status, 403, "the trigger's methods hold");
    let (status, code, _) = later("PUT", "", &"x".repeat(128 * 1024 + 1)).system_error();
    assert_eq!((status, code.as_str()), (400, "EntityTooLarge"));
}

fn destinations(on_success: &str, on_failure: &str) -> String {
    format!(
        "asyncInvokeConfig:\n  maxAsyncRetryAttempts: 1\n  destinationConfig:\n    onSuccess: {{destination: '{on_success}'}}\n    onFailure: {{destination: '{on_failure}'}}"
    )
}

#[test]
fn a_result_goes_to_a_function_of_the_template_and_others_to_the_log() {
    let to_log = "acs:mns:cn-hangzhou:123:/queues/q/messages";
    let f = resource("f", &destinations("acs:fc:cn-hangzhou:123:functions/g/LATEST", to_log));
    // What it is asked is its result, which goes to the log in turn.
    let g = resource("g", &destinations("acs:eventbridge:cn-hangzhou:123:eventbus/b", to_log));
    let fc = start(&[f, g], &[]);
    let reply = invoke(&fc, "f", "t", &json!({"path": "/say"}));
    let request_id = reply.header("x-fc-request-id").expect("an id").to_owned();
    fc.wait_for_log(&format!("{request_id} async task t: its result goes to g as 1-"));
    let sent = fc.find_in_log("a result", |log| {
        let line = log.lines().find(|line| line.contains("acs:eventbridge:cn-hangzhou:123:eventbus/b: {"))?;
        serde_json::from_str::<Value>(line.split_once("eventbus/b: ")?.1.trim()).ok()
    });
    assert_eq!((&sent["type"], &sent["source"]), (&json!("fc:AsyncInvoke:succeeded"), &json!("acs:fc")));
    // The event of g is the result of f.
    let event: Value =
        serde_json::from_str(sent["data"]["requestPayload"].as_str().expect("a text")).expect("JSON");
    assert_eq!(event["requestContext"]["requestId"], request_id.as_str());
    assert_eq!(
        (&event["requestContext"]["condition"], &event["requestContext"]["approximateInvokeCount"]),
        (&json!(""), &json!(1))
    );
    assert_eq!(event["requestPayload"], json!({"path": "/say"}).to_string());
    assert_eq!(event["responseContext"], json!({"statusCode": 200, "functionError": ""}));
    assert_eq!(event["responsePayload"], "done");

    invoke(&fc, "f", "u", &json!({"path": "/fail"}));
    let failed = fc.find_in_log("a failure", |log| {
        let line = log.lines().find(|line| line.contains("async task u: its result would be sent to"))?;
        serde_json::from_str::<Value>(line.split_once("messages: ")?.1.trim()).ok()
    });
    assert_eq!(failed["requestContext"]["condition"], "UnhandledInvocationError");
    assert_eq!(failed["requestContext"]["approximateInvokeCount"], 2);
    assert_eq!(failed["responseContext"]["functionError"], "UnhandledInvocationError");
}

#[test]
fn a_destination_that_leads_back_to_itself_ends() {
    let fc = start(&[resource("f", &destinations("acs:fc:::functions/f", ""))], &[]);
    invoke(&fc, "f", "t", &json!({"path": "/say"}));
    fc.wait_for_log("its result goes to f as 1-");
    // Each has the one before it inside.
    fc.wait_for_log("its result does not go to acs:fc:::functions/f: it has");
    fc.wait_for_log("the limit of an event is 131072");
}
