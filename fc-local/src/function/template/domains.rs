//! Which custom domains has a template, each of a resource of its own or a function's, and where do they lead? What a
//! function is, is not known here.

use anyhow::{Context as _, Result, bail};

use super::document::Resource;
use super::fields::{string, strings};
use super::node::{Line, Node, Value};
use super::note::{Kind, Note};
use crate::function::configuration::{CustomDomain, Route};
use crate::function::rewrite::Rewrite;

/// All custom domains of a template, each once with the routes of all resources that name it. The vendor's `auto` is a
/// domain of its own making: here `NAME.localhost`, which leads to this machine, by the name of the resource.
pub fn of(resources: &[Resource], notes: &mut Vec<Note>) -> Result<Vec<CustomDomain>> {
    let mut found: Vec<CustomDomain> = Vec::new();
    for Resource { name, component, props, .. } in resources {
        let own = match component.as_str() {
            "fc3-domain" => Some(props),
            _ => props.get("customDomain"),
        };
        let Some(own) = own else { continue };
        // One that cannot be resolved is another run's matter.
        let needed = ["domainName", "authConfig", "routeConfig", "route"];
        if let Some((node, reason)) = needed.iter().find_map(|key| own.get(key)?.broken()) {
            notes.push(Note::new(Kind::Unresolved, &node.line, &format!("{name}: its domain"), reason));
            continue;
        }
        let routes = if component == "fc3-domain" {
            routes(own)?
        } else {
            let function = string(props, "functionName").unwrap_or(None).unwrap_or_else(|| name.clone());
            vec![own_route(own, function)?]
        };
        let Some(domain) = domain(name, own, routes)? else { continue };
        add(&mut found, domain, &own.line, notes);
    }
    Ok(found)
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

fn domain(resource: &str, node: &Node, routes: Vec<Route>) -> Result<Option<CustomDomain>> {
    let name = string(node, "domainName")?.filter(|name| !name.is_empty());
    let name = name.map(|name| match name.as_str() {
        auto if auto.eq_ignore_ascii_case("auto") => format!("{}.localhost", resource.to_ascii_lowercase()),
        _ => name,
    });
    let auth_type = match node.get("authConfig") {
        Some(config) => string(config, "authType")?.unwrap_or_default(),
        None => String::new(),
    };
    Ok(name.map(|name| CustomDomain { name, auth_type, routes }))
}

fn routes(domain: &Node) -> Result<Vec<Route>> {
    let listed = domain.get("routeConfig").and_then(|config| config.get("routes"));
    let Some(Node { value: Value::List(routes), .. }) = listed else { return Ok(Vec::new()) };
    let read = |node: &Node| {
        let (Some(path), Some(function)) = (string(node, "path")?, string(node, "functionName")?) else {
            bail!("line {}: a route needs path and functionName", node.line);
        };
        route(node, path, function)
    };
    routes.iter().map(read).collect()
}

/// The route of a function's own domain: every path, unless it says which.
fn own_route(domain: &Node, function: String) -> Result<Route> {
    match domain.get("route") {
        Some(node) => route(node, string(node, "path")?.unwrap_or_else(|| "/*".to_owned()), function),
        None => Ok(Route { path: "/*".to_owned(), function, methods: Vec::new(), rewrites: Vec::new() }),
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
        for rule in rules {
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
