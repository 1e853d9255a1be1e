//! What does a request to the API ask for? Paths as the vendor's SDKs write them: names percent-encoded, of FC 2.0 too
//! ("Error codes" has the words for what is none). What a function is, is not known here.

use percent_encoding::percent_decode_str;

use crate::front::failure::Failure;

/// The API's versions by the date that their paths begin with, and whether a function belongs to a service there, as
/// in FC 2.0.
const VERSIONS: [(&str, bool); 3] = [("2023-03-30", false), ("2021-04-06", true), ("2016-08-15", true)];

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Invoke(FunctionName),
    /// FC 2.0's path of an HTTP trigger.
    CallTrigger(FunctionName),
    GetFunction(FunctionName),
    ListFunctions,
    GetTrigger(FunctionName, String),
    ListTriggers(FunctionName),
    GetAsyncTask(FunctionName, String),
    ListAsyncTasks(FunctionName),
    StopAsyncTask(FunctionName, String),
}

/// A function as a path names it.
#[derive(Debug, PartialEq, Eq)]
pub struct FunctionName {
    pub name: String,
    /// FC 2.0's service.
    pub service: Option<String>,
    /// A version or an alias.
    pub qualifier: Option<String>,
}

/// What a path of the API is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Fc3,
    Fc2,
}

/// The version that `path` belongs to; `None` when it is none of the API's. An endpoint with a slash at its end puts a
/// second one at the path's beginning.
pub fn dialect(path: &str) -> Option<Dialect> {
    let first = path.trim_start_matches('/').split('/').next()?;
    let (_, has_services) = VERSIONS.iter().find(|(version, _)| *version == first)?;
    Some(if *has_services { Dialect::Fc2 } else { Dialect::Fc3 })
}

/// What `method` of `path` asks for.
pub fn action(method: &str, path: &str) -> Result<Action, Failure> {
    let segments = segments(path)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let named = |name: &str| FunctionName::of(name);
    let action = match (method, segments.as_slice()) {
        (_, ["2016-08-15", "proxy", service, function, ..]) => {
            FunctionName::of_service(service, function).map(Action::CallTrigger)
        }
        (
            "POST",
            ["2016-08-15" | "2021-04-06", "services", service, "functions", function, "invocations"],
        ) => FunctionName::of_service(service, function).map(Action::Invoke),
        ("POST", ["2023-03-30", "functions", function, "invocations"]) => named(function).map(Action::Invoke),
        ("GET", ["2023-03-30", "functions"]) => Some(Action::ListFunctions),
        ("GET", ["2023-03-30", "functions", function]) => named(function).map(Action::GetFunction),
        ("GET", ["2023-03-30", "functions", function, "triggers"]) => {
            named(function).map(Action::ListTriggers)
        }
        ("GET", ["2023-03-30", "functions", function, "triggers", trigger]) if !trigger.is_empty() => {
            named(function).map(|function| Action::GetTrigger(function, (*trigger).to_owned()))
        }
        ("GET", ["2023-03-30", "functions", function, "async-tasks"]) => {
            named(function).map(Action::ListAsyncTasks)
        }
        ("GET", ["2023-03-30", "functions", function, "async-tasks", task]) if !task.is_empty() => {
            named(function).map(|function| Action::GetAsyncTask(function, (*task).to_owned()))
        }
        ("PUT", ["2023-03-30", "functions", function, "async-tasks", task, "stop"]) if !task.is_empty() => {
            named(function).map(|function| Action::StopAsyncTask(function, (*task).to_owned()))
        }
        _ => None,
    };
    action.ok_or_else(|| not_supported(method, path))
}

/// The vendor's words, and what there is.
pub fn not_supported(method: &str, path: &str) -> Failure {
    let served = match dialect(path) {
        Some(Dialect::Fc2) => {
            "of FC 2.0's API fc-local serves InvokeFunction alone; the SDK of FC 3.0 gets and lists functions"
        }
        _ => {
            "fc-local serves InvokeFunction, GetFunction, ListFunctions, GetTrigger, ListTriggers, GetAsyncTask, ListAsyncTasks and StopAsyncTask"
        }
    };
    let hint = if path.starts_with("//") { "; the client's endpoint ends in a slash too many" } else { "" };
    Failure::PathNotSupported(format!("'{path}' against '{method}' is not supported: {served}{hint}"))
}

/// The decoded segments of a path.
fn segments(path: &str) -> Result<Vec<String>, Failure> {
    path.strip_prefix('/').unwrap_or(path).split('/').map(decoded).collect()
}

fn decoded(segment: &str) -> Result<String, Failure> {
    let malformed =
        || Failure::InvalidArgument(format!("'{segment}' in the path is not percent-encoded text"));
    let mut after_percent = segment.split('%').skip(1);
    let is_hex =
        |rest: &str| rest.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !after_percent.all(is_hex) {
        return Err(malformed());
    }
    Ok(percent_decode_str(segment).decode_utf8().map_err(|_| malformed())?.into_owned())
}

impl FunctionName {
    /// A name, or an ARN: `acs:fc:REGION:ACCOUNT:functions/NAME`, after which a qualifier may stand.
    fn of(text: &str) -> Option<FunctionName> {
        let (name, qualifier) = match text.strip_prefix("acs:fc:") {
            Some(rest) => {
                let resource = rest.splitn(3, ':').nth(2)?.strip_prefix("functions/")?;
                match resource.split_once('/') {
                    Some((name, qualifier)) => (name, Some(qualifier.to_owned())),
                    None => (resource, None),
                }
            }
            None => (text, None),
        };
        // FC 2.0's qualifier belongs to the service: `service.qualifier$function`.
        if let Some((service, function)) = name.split_once('$').filter(|(service, _)| service.contains('.')) {
            let FunctionName { name, qualifier, .. } = FunctionName::of_service(service, function)?;
            let service = service.split('.').next().unwrap_or_default();
            return Some(FunctionName { name: format!("{service}${name}"), service: None, qualifier });
        }
        let is_name = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        is_name.then(|| FunctionName { name: name.to_owned(), service: None, qualifier })
    }

    /// FC 2.0's `SERVICE.QUALIFIER` and function.
    fn of_service(service: &str, function: &str) -> Option<FunctionName> {
        let (service, qualifier) = match service.split_once('.') {
            Some((service, qualifier)) => (service, Some(qualifier.to_owned())),
            None => (service, None),
        };
        let name = FunctionName::of(function)?.name;
        let is_service = !service.is_empty() && !service.contains('/');
        is_service.then(|| FunctionName { name, service: Some(service.to_owned()), qualifier })
    }

    /// What the function may be called, the likeliest first. FC 3.0 calls a function of FC 2.0 `service$function`; one
    /// of a template has no service, and answers whichever is named.
    pub fn candidates(&self) -> impl Iterator<Item = String> {
        let alone = self.service.is_some().then(|| self.name.clone());
        std::iter::once(self.shown()).chain(alone)
    }

    /// As a client wrote it.
    pub fn shown(&self) -> String {
        match &self.service {
            Some(service) => format!("{service}${}", self.name),
            None => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, service: Option<&str>, qualifier: Option<&str>) -> FunctionName {
        let owned = |text: &str| text.to_owned();
        FunctionName { name: owned(name), service: service.map(owned), qualifier: qualifier.map(owned) }
    }

    #[test]
    fn paths_are_read_as_the_sdks_write_them() {
        let plain = |text| name(text, None, None);
        for (method, path, wanted) in [
            ("POST", "/2023-03-30/functions/shop/invocations", Action::Invoke(plain("shop"))),
            ("POST", "/2023-03-30/functions/s%68op/invocations", Action::Invoke(plain("shop"))),
            ("POST", "/2023-03-30/functions/svc%24shop/invocations", Action::Invoke(plain("svc$shop"))),
            ("POST", "/2023-03-30/functions/svc$shop/invocations", Action::Invoke(plain("svc$shop"))),
            (
                "POST",
                "/2023-03-30/functions/svc.prod%24shop/invocations",
                Action::Invoke(name("svc$shop", None, Some("prod"))),
            ),
            (
                "POST",
                "/2023-03-30/functions/acs%3Afc%3Acn-hangzhou%3A123%3Afunctions%2Fshop/invocations",
                Action::Invoke(plain("shop")),
            ),
            (
                "GET",
                "/2023-03-30/functions/acs:fc:cn-hangzhou:123:functions%2Fshop%2FLATEST",
                Action::GetFunction(name("shop", None, Some("LATEST"))),
            ),
            ("GET", "/2023-03-30/functions", Action::ListFunctions),
            ("GET", "/2023-03-30/functions/a/triggers", Action::ListTriggers(plain("a"))),
            (
                "GET",
                "/2023-03-30/functions/a/triggers/t%2Du",
                Action::GetTrigger(plain("a"), "t-u".to_owned()),
            ),
            ("GET", "/2023-03-30/functions/a/async-tasks", Action::ListAsyncTasks(plain("a"))),
            (
                "GET",
                "/2023-03-30/functions/a/async-tasks/t%2D1",
                Action::GetAsyncTask(plain("a"), "t-1".to_owned()),
            ),
            (
                "PUT",
                "/2023-03-30/functions/a/async-tasks/t/stop",
                Action::StopAsyncTask(plain("a"), "t".to_owned()),
            ),
            (
                "POST",
                "/2016-08-15/services/s/functions/f/invocations",
                Action::Invoke(name("f", Some("s"), None)),
            ),
            (
                "POST",
                "/2016-08-15/services/s.prod/functions/f/invocations",
                Action::Invoke(name("f", Some("s"), Some("prod"))),
            ),
            (
                "POST",
                "/2021-04-06/services/s/functions/f/invocations",
                Action::Invoke(name("f", Some("s"), None)),
            ),
            ("PUT", "/2016-08-15/proxy/s.LATEST/f/a//b", {
                Action::CallTrigger(name("f", Some("s"), Some("LATEST")))
            }),
        ] {
            assert_eq!(action(method, path), Ok(wanted), "{method} {path}");
        }
    }

    #[test]
    fn what_is_no_action_that_is_served_is_refused_in_the_vendors_words() {
        for (method, path) in [
            ("GET", "/2023-03-30/functions/f/invocations"),
            ("DELETE", "/2023-03-30/functions/f"),
            ("PUT", "/2023-03-30/functions/f"),
            ("POST", "/2023-03-30/functions"),
            ("get", "/2023-03-30/functions"),
            ("GET", "/2023-03-30"),
            ("GET", "/2023-03-30/"),
            ("GET", "/2023-03-30/functions/"),
            ("GET", "/2023-03-30/functions/f/"),
            ("POST", "/2023-03-30/functions//invocations"),
            ("POST", "/2023-03-30/functions/f//invocations"),
            ("POST", "//2023-03-30/functions/f/invocations"),
            ("POST", "/2023-03-30/functions/../functions/f/invocations"),
            ("POST", "/2023-03-30/functions/../invocations"),
            ("POST", "/2023-03-30/functions/%2E%2E/invocations"),
            ("POST", "/2023-03-30/functions/a%2Fb/invocations"),
            ("POST", "/2023-03-30/functions/acs:fc:x/invocations"),
            ("PUT", "/2023-03-30/functions/f/async-tasks/t"),
            ("GET", "/2023-03-30/functions/f/async-tasks/t/stop"),
            ("PUT", "/2023-03-30/functions/f/async-tasks//stop"),
            ("GET", "/2023-03-30/functions/f/async-tasks/"),
            ("GET", "/2023-03-30/functions/f/triggers/"),
            ("POST", "/2016-08-15/functions/f/invocations"),
            ("POST", "/2016-08-15/services//functions/f/invocations"),
            ("DELETE", "/2016-08-15/services/s/functions/f"),
            ("GET", "/2016-08-15/proxy/s"),
        ] {
            let error = action(method, path).expect_err(path);
            let begin = format!("'{path}' against '{method}' is not supported");
            assert!(
                matches!(&error, Failure::PathNotSupported(what) if what.starts_with(&begin)),
                "{method} {path}: {error}"
            );
        }
    }

    #[test]
    fn malformed_encodings_are_refused() {
        for segment in ["%", "%4", "a%zzb", "%%41", "%+1", "%ff", "%C3%28", "%é1"] {
            let path = format!("/2023-03-30/functions/{segment}/invocations");
            assert!(matches!(action("POST", &path), Err(Failure::InvalidArgument(_))), "{segment}");
        }
    }

    #[test]
    fn the_api_is_known_by_its_versions() {
        for (path, wanted) in [
            ("/2023-03-30/functions/f", Some(Dialect::Fc3)),
            ("/2023-03-30", Some(Dialect::Fc3)),
            ("//2023-03-30/functions/f", Some(Dialect::Fc3)),
            ("/2016-08-15/services/s", Some(Dialect::Fc2)),
            ("/2021-04-06/services/s", Some(Dialect::Fc2)),
            ("/", None),
            ("/2023-03-31/functions/f", None),
            ("/2023-03-30x/functions/f", None),
            ("/a/2023-03-30/functions/f", None),
        ] {
            assert_eq!(dialect(path), wanted, "{path}");
        }
    }

    #[test]
    fn a_function_of_fc_2_is_named_with_or_without_its_service() {
        let candidates = |service| name("f", service, None).candidates().collect::<Vec<_>>();
        assert_eq!(candidates(Some("svc")), ["svc$f", "f"]);
        assert_eq!(candidates(None), ["f"]);
    }
}
