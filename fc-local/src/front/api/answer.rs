//! What is a request to the API answered with? How an event is invoked is not known here.

use std::borrow::Cow;
use std::sync::Arc;

use fc_runtime::{Request, Response};
use serde_json::{Value, json};

use super::describe::{self, Page};
use super::invoke;
use super::path::{self, Action, FunctionName};
use super::tasks;
use crate::front::failure::Failure;
use crate::front::served::Served;
use crate::function::{Function, HttpTrigger};

/// Does what the request asks for of one of the functions.
pub fn answer(all: &[Served], request: &mut Request<'_>, request_id: &str) -> Result<Response, Failure> {
    let (method, target) = (request.method(), request.path());
    let query = |name: &str| request.query_value(name);
    let answer = match path::action(method, target)? {
        Action::Invoke(name) => {
            let (served, function) = find(all, &name)?;
            check_qualifier(&name, query("qualifier"))?;
            return invoke::invoke(served, &function, request, request_id);
        }
        Action::ListFunctions => {
            let functions: Vec<Arc<Function>> = all.iter().map(|served| served.platform.function()).collect();
            describe::functions(functions.iter().map(AsRef::as_ref), &Page::of(query)?)
        }
        Action::GetFunction(name) => {
            let (_, function) = find(all, &name)?;
            check_qualifier(&name, query("qualifier"))?;
            describe::of_function(&function)
        }
        Action::ListTriggers(name) => {
            let (served, function) = find(all, &name)?;
            let http = function.http_triggers().map(|http| of_trigger(http, served, &function));
            let timers = function.timers.iter().map(|timer| describe::timer(timer, &function));
            json!({ "triggers": http.chain(timers).collect::<Vec<Value>>() })
        }
        Action::GetTrigger(name, trigger) => {
            let (served, function) = find(all, &name)?;
            let http = function.http_triggers().find(|http| http.name == trigger);
            let timer = function.timers.iter().find(|timer| timer.name == trigger);
            match (http, timer) {
                (Some(http), _) => of_trigger(http, served, &function),
                (None, Some(timer)) => describe::timer(timer, &function),
                (None, None) => return Err(Failure::TriggerNotFound(trigger)),
            }
        }
        Action::GetAsyncTask(name, task) => {
            let (served, function) = find(all, &name)?;
            check_qualifier(&name, query("qualifier"))?;
            tasks::get(served, &function, &task)?
        }
        Action::ListAsyncTasks(name) => {
            let (served, function) = find(all, &name)?;
            check_qualifier(&name, query("qualifier"))?;
            tasks::list(served, &function, query)?
        }
        Action::StopAsyncTask(name, task) => {
            let (served, function) = find(all, &name)?;
            check_qualifier(&name, query("qualifier"))?;
            tasks::stop(served, &function, &task)?;
            return Ok(Response::new(200));
        }
        // Where a request is to an HTTP trigger is seen before it comes here.
        Action::CallTrigger(_) => return Err(path::not_supported(method, target)),
    };
    let body = answer.to_string().into_bytes();
    Ok(Response::bytes(body).with_header("content-type", "application/json"))
}

fn of_trigger(http: &HttpTrigger, served: &Served, function: &Function) -> Value {
    let is_served = function.http_trigger.as_ref() == Some(http) && !http.disables_internet_url;
    let address = is_served.then_some(served.address);
    describe::trigger(http, function, address)
}

/// The function of a name.
pub fn find<'s>(all: &'s [Served], name: &FunctionName) -> Result<(&'s Served, Arc<Function>), Failure> {
    let called = |name: String| {
        let mut functions = all.iter().map(|served| (served, served.platform.function()));
        functions.find(|(_, function)| function.name == name)
    };
    name.candidates().find_map(called).ok_or_else(|| Failure::FunctionNotFound(name.shown()))
}

/// Locally there is one version, LATEST, and no alias.
fn check_qualifier(name: &FunctionName, query: Option<Cow<'_, str>>) -> Result<(), Failure> {
    match name.qualifier.as_deref().or(query.as_deref()) {
        None | Some("" | "LATEST") => Ok(()),
        Some(version) if version.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Failure::VersionNotFound(version.to_owned()))
        }
        Some(alias) => Err(Failure::AliasNotFound(alias.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_names_the_latest_version_or_is_not_found() {
        let check = |in_path: Option<&str>, in_query: Option<&'static str>| {
            let name =
                FunctionName { name: "f".to_owned(), service: None, qualifier: in_path.map(str::to_owned) };
            check_qualifier(&name, in_query.map(Cow::Borrowed))
        };
        for (in_path, in_query) in
            [(None, None), (None, Some("")), (None, Some("LATEST")), (Some("LATEST"), None), (Some(""), None)]
        {
            assert_eq!(check(in_path, in_query), Ok(()), "{in_path:?} {in_query:?}");
        }
        assert_eq!(check(None, Some("7")), Err(Failure::VersionNotFound("7".to_owned())));
        assert_eq!(check(None, Some("prod")), Err(Failure::AliasNotFound("prod".to_owned())));
        assert_eq!(check(None, Some("latest")), Err(Failure::AliasNotFound("latest".to_owned())));
        assert_eq!(check(Some("7"), Some("LATEST")), Err(Failure::VersionNotFound("7".to_owned())));
    }
}
