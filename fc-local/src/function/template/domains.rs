//! Which custom domains has a template, each of a resource of its own or a function's, and where do they lead? What a
//! function is, is not known here.

use anyhow::{Context as _, Result, bail};

use super::document::Resource;
use super::fields::{string, strings};
use super::name;
use super::node::{Line, Node, Value};
use super::note::{Kind, Note};
use crate::function::configuration::{CustomDomain, Route};
use crate::function::rewrite::Rewrite;

/// All custom domains of a template, each once with the routes of all resources that name it. The vendor's `auto` is a
/// domain of its own making: here `NAME.localhost`, which leads to this machine, by the name of the resource.
pub fn of(resources: &[Resource], notes: &mut Vec<Note>) -> Result<Vec<CustomDomain>> {
    let functions = resources.iter().filter(|resource| resource.component != "fc3-domain");
    let functions: Vec<String> = functions.map(function_of).collect();
    let mut found: Vec<CustomDomain> = Vec::new();
    for resource in resources {
        let of_function = resource.component != "fc3-domain";
        let own = if of_function { resource.props.get("customDomain") } else { Some(&resource.props) };
        let Some(own) = own else { continue };
        let Some(mut domain) = domain(resource, own, notes)? else { continue };
        if of_function {
            domain.routes.extend(own_route(resource, own, notes)?);
        } else {
            domain.routes = routes(resource, own, &functions, notes)?;
        }
        add(&mut found, domain, &own.line, notes);
    }
    Ok(found)
}

/// Whether a value can be made out. Where it cannot, that is another run's matter, and the rest of the domain stays.
fn is_whole(node: &Node, resource: &Resource, what: &str, notes: &mut Vec<Note>) -> bool {
    if let Some((broken, reason)) = node.broken() {
        let field = format!("{}: {what}", resource.name);
        notes.push(Note::new(Kind::Unresolved, &broken.line, &field, reason));
    }
    node.broken().is_none()
}

/// The name of a resource's function.
fn function_of(resource: &Resource) -> String {
    let written = string(&resource.props, "functionName").unwrap_or(None);
    name::of(&resource.props, written, &resource.name).unwrap_or_else(|_| resource.name.clone())
}

/// Adds what a resource says of a domain at `line` to what others have said of it.
fn add(all: &mut Vec<CustomDomain>, more: CustomDomain, line: &Line, notes: &mut Vec<Note>) {
    let place = all.iter().position(|known| known.name.eq_ignore_ascii_case(&more.name));
    let nothing = || CustomDomain { name: more.name.clone(), auth_type: String::new(), routes: Vec::new() };
    let mut known = place.map_or_else(nothing, |place| all.remove(place));
    let mut say = |text: String| notes.push(Note::remark(line, "customDomain", text));
    let CustomDomain { name, auth_type, routes } = &mut known;
    let of_others = routes.len();
    for route in more.routes {
        // Within a resource methods tell them apart.
        let rivals = |(place, other): &(usize, &Route)| {
            other.path == route.path && (*place < of_others || shares_method(other, &route))
        };
        if let Some((_, first)) = routes.iter().enumerate().find(rivals) {
            let Route { path, function, .. } = &route;
            let other = &first.function;
            say(format!(
                "{name}{path} leads to {other} already: the vendor's tool refuses {function} as a second one"
            ));
        }
        routes.push(route);
    }
    if !auth_type.is_empty() && !more.auth_type.is_empty() && *auth_type != more.auth_type {
        say(format!("{name} has authType {auth_type} already, so not {}", more.auth_type));
    } else if auth_type.is_empty() {
        *auth_type = more.auth_type;
    }
    all.insert(place.unwrap_or(all.len()), known);
}

fn shares_method(one: &Route, other: &Route) -> bool {
    let is_any = one.methods.is_empty() || other.methods.is_empty();
    is_any || one.methods.iter().any(|method| other.methods.contains(method))
}

/// A domain without its routes.
fn domain(resource: &Resource, own: &Node, notes: &mut Vec<Note>) -> Result<Option<CustomDomain>> {
    if own.get("domainName").is_some_and(|name| !is_whole(name, resource, "its domain", notes)) {
        return Ok(None);
    }
    let Some(name) = string(own, "domainName")?.filter(|name| !name.is_empty()) else { return Ok(None) };
    let name = match name.as_str() {
        auto if auto.eq_ignore_ascii_case("auto") => {
            format!("{}.localhost", resource.name.to_ascii_lowercase())
        }
        _ => name,
    };
    let config = own.get("authConfig").filter(|node| is_whole(node, resource, "authConfig", notes));
    let auth_type = config.map(|node| string(node, "authType")).transpose()?.flatten().unwrap_or_default();
    Ok(Some(CustomDomain { name, auth_type, routes: Vec::new() }))
}

/// The routes of a domain, as far as they can be made out, to one of the functions or to another one.
fn routes(
    resource: &Resource,
    own: &Node,
    functions: &[String],
    notes: &mut Vec<Note>,
) -> Result<Vec<Route>> {
    let listed = own.at("routeConfig.routes").map(Node::items).unwrap_or_default();
    let mut found = Vec::new();
    for node in listed.iter().filter(|node| !node.says_nothing()) {
        if !is_whole(node, resource, "a route", notes) {
            continue;
        }
        let (Some(path), Some(function)) = (string(node, "path")?, string(node, "functionName")?) else {
            bail!("line {}: a route needs path and functionName", node.line);
        };
        if !functions.contains(&function) {
            let text = format!("{path} leads to '{function}', which is no function of this template");
            notes.push(Note::remark(&node.line, &format!("{}: a route", resource.name), text));
        }
        found.push(route(node, path, function)?);
    }
    Ok(found)
}

/// The route of a function's own domain: every path, unless it says which.
fn own_route(resource: &Resource, own: &Node, notes: &mut Vec<Note>) -> Result<Option<Route>> {
    let (path, function) = ("/*".to_owned(), function_of(resource));
    match own.get("route") {
        None => Ok(Some(Route { path, function, methods: Vec::new(), rewrites: Vec::new() })),
        Some(node) if is_whole(node, resource, "its route", notes) => {
            route(node, string(node, "path")?.unwrap_or(path), function).map(Some)
        }
        Some(_) => Ok(None),
    }
}

fn route(node: &Node, path: String, function: String) -> Result<Route> {
    Ok(Route { path, function, methods: methods(node)?, rewrites: rewrites(node)? })
}

pub fn methods(node: &Node) -> Result<Vec<String>> {
    Ok(strings(node, "methods")?.into_iter().map(|method| method.to_ascii_uppercase()).collect())
}

/// The rewrite rules of a route, in the order that they are tried.
fn rewrites(route: &Node) -> Result<Vec<Rewrite>> {
    type Make = fn(&str, &str) -> Result<Rewrite, regex_lite::Error>;
    let kinds: [(&str, Make); 3] = [
        ("equalRules", Rewrite::equal),
        ("wildcardRules", Rewrite::wildcard),
        ("regexRules", Rewrite::regex),
    ];
    let Some(config) = route.get("rewriteConfig") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (kind, make) in kinds {
        let Some(Node { value: Value::List(rules), .. }) = config.get(kind) else { continue };
        for rule in rules.iter().filter(|rule| !rule.says_nothing()) {
            let (Some(pattern), Some(replacement)) = (string(rule, "match")?, string(rule, "replacement")?)
            else {
                bail!("line {}: a rule of {kind} needs match and replacement", rule.line);
            };
            let rewrite = make(&pattern, &replacement);
            found.push(rewrite.with_context(|| format!("line {}: {kind}: match '{pattern}'", rule.line))?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::document::Document;
    use super::*;

    fn domains(resources: &str) -> Result<Vec<CustomDomain>> {
        let text = format!("vars: {{zone: shop.example}}\nresources:\n{resources}");
        let mut document = Document::parse(&text, Path::new("/nonexistent")).expect("a template");
        let resources = document.resources(&["fc3", "fc3-domain"]).expect("resources");
        of(&resources, &mut Vec::new())
    }

    #[test]
    fn domains_are_those_of_resources_and_of_functions() {
        let found = domains(
            "  f:
    component: fc3
    props: {functionName: f, customDomain: {domainName: own.example, protocol: HTTP, route: {path: /a, methods: [get]}}}
  g:
    component: fc3@0.1
    props: {customDomain: {domainName: all.example}}
  d:
    component: devsapp/fc3-domain
    props:
      domainName: 'www.${vars.zone}'
      authConfig: {authType: function}
      routeConfig: {routes: [{path: /*, functionName: f, rewriteConfig: {equalRules: [{match: /o, replacement: /n}]}}]}
  Auto: {component: fc3-domain, props: {domainName: auto}}
  elsewhere: {component: fc3-domain, props: {domainName: \"${env('NOT_SET_ANYWHERE')}\"}}
",
        );
        let route = |path: &str, function: &str, methods: &[&str], rewrites| Route {
            path: path.to_owned(),
            function: function.to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            rewrites,
        };
        let domain = |name: &str, auth_type: &str, route| CustomDomain {
            name: name.to_owned(),
            auth_type: auth_type.to_owned(),
            routes: vec![route],
        };
        let rule = Rewrite::equal("/o", "/n").expect("a rule");
        assert_eq!(
            found.expect("domains"),
            [
                domain("own.example", "", route("/a", "f", &["GET"], Vec::new())),
                domain("all.example", "", route("/*", "g", &[], Vec::new())),
                domain("www.shop.example", "function", route("/*", "f", &[], vec![rule])),
                CustomDomain {
                    name: "auto.localhost".to_owned(),
                    auth_type: String::new(),
                    routes: Vec::new()
                },
            ]
        );
    }

    #[test]
    fn a_domain_has_the_routes_of_all_resources_that_name_it() {
        let text = "vars: {}
resources:
  a: {component: fc3, props: {customDomain: {domainName: one.example, route: {path: /a}}}}
  b: {component: fc3, props: {customDomain: {domainName: ONE.example, authConfig: {authType: function}, route: {path: /b}}}}
  c: {component: fc3, props: {customDomain: {domainName: one.example, authConfig: {authType: jwt}, route: {path: /a, methods: [PUT]}}}}
  d:
    component: fc3-domain
    props:
      domainName: one.example
      routeConfig:
        routes:
          - {path: /d, functionName: a, methods: [GET]}
          - {path: /d, functionName: b, methods: [PUT]}
          - {path: /d, functionName: c, methods: [PUT]}
";
        let mut document = Document::parse(text, Path::new("/nonexistent")).expect("a template");
        let resources = document.resources(&["fc3", "fc3-domain"]).expect("resources");
        let mut notes = Vec::new();
        let found = of(&resources, &mut notes).expect("domains");
        let [domain] = found.as_slice() else { panic!("{found:?}") };
        let paths: Vec<_> = domain.routes.iter().map(|route| (&*route.path, &*route.function)).collect();
        assert_eq!(paths, [("/a", "a"), ("/b", "b"), ("/a", "c"), ("/d", "a"), ("/d", "b"), ("/d", "c")]);
        assert_eq!(domain.auth_type, "function");
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        assert_eq!(
            notes,
            [
                "line 5: customDomain: one.example/a leads to a already: the vendor's tool refuses c as a second one",
                "line 5: customDomain: one.example has authType function already, so not jwt",
                "line 9: customDomain: one.example/d leads to b already: the vendor's tool refuses c as a second one",
            ]
        );
    }

    #[test]
    fn a_route_that_leads_nowhere_takes_no_other_one_with_it() {
        let text = "resources:
  f: {component: fc3, props: {functionName: f, customDomain: {domainName: own.example, route: {path: \"${vars.no}\"}}}}
  d:
    component: fc3-domain
    props:
      domainName: d.example
      authConfig: {authType: \"${vars.no}\"}
      routeConfig:
        routes:
          - {path: /a, functionName: \"${resources.other.output.functionName}\"}
          - {path: /b, functionName: f, rewriteConfig: {equalRules: [{}, {match: /x, replacement: /y}]}}
          - {}
          - {path: /c, functionName: elsewhere}
";
        let mut document = Document::parse(text, Path::new("/nonexistent")).expect("a template");
        let resources = document.resources(&["fc3", "fc3-domain"]).expect("resources");
        let mut notes = Vec::new();
        let found = of(&resources, &mut notes).expect("domains");
        let paths = found.iter().map(|domain| {
            let routes = domain.routes.iter().map(|route| route.path.as_str());
            (domain.name.as_str(), routes.collect::<Vec<_>>())
        });
        assert!(paths.eq([("own.example", vec![]), ("d.example", vec!["/b", "/c"])]), "{found:?}");
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        for wanted in [
            "line 2: f: its route: the template has no 'vars'",
            "line 7: d: authConfig: the template has no 'vars'",
            "line 10: d: a route: '${resources.other.output.functionName}' is known to a deployment only",
            "line 13: d: a route: /c leads to 'elsewhere', which is no function of this template",
        ] {
            assert!(notes.iter().any(|note| note == wanted), "{notes:?}");
        }
    }

    #[test]
    fn what_is_no_route_and_no_rule_is_refused_with_its_line() {
        let refused = |route: &str| {
            let text = format!(
                "  d:\n    component: fc3-domain\n    props:\n      domainName: d\n      routeConfig: {{routes: [{route}]}}\n"
            );
            format!("{:#}", domains(&text).expect_err(route))
        };
        for (route, wanted) in [
            ("{path: /}", "line 7: a route needs path and functionName"),
            (
                "{path: /, functionName: f, rewriteConfig: {regexRules: [{match: '(', replacement: /}]}}",
                "line 7: regexRules: match '('",
            ),
            (
                "{path: /, functionName: f, rewriteConfig: {equalRules: [{match: /a}]}}",
                "line 7: a rule of equalRules needs match and replacement",
            ),
        ] {
            let error = refused(route);
            assert!(error.starts_with(wanted), "{error}");
        }
    }
}
