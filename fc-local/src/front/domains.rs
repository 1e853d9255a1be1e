//! Which function answers a call to a custom domain? The vendor's rules for hosts and paths ("Configure custom domain
//! names": exact before prefix, the longest prefix first). Who calls, and what a function is, is not known here.

use crate::function::{CustomDomain, Route};

/// The custom domains of a project.
pub struct Domains {
    domains: Vec<CustomDomain>,
    names: Vec<String>,
}

/// Why no route of a domain answers.
#[derive(Debug, PartialEq, Eq)]
pub enum Unrouted<'a> {
    NoPath,
    /// The path is there, for other methods.
    Methods(Vec<&'a str>),
}

impl Domains {
    pub fn new(domains: Vec<CustomDomain>) -> Domains {
        let names = domains.iter().map(|domain| domain.name.clone()).collect();
        Domains { domains, names }
    }

    /// As they are written; `*.` stands for any name below.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The domain of a host name: the one that is called so, else the closest above it.
    pub fn of_host(&self, host: &str) -> Option<&CustomDomain> {
        let is_named = |domain: &&CustomDomain| domain.name.eq_ignore_ascii_case(host);
        let above = |domain: &&CustomDomain| {
            let parent = domain.name.strip_prefix('*').map(str::to_ascii_lowercase);
            parent.is_some_and(|parent| {
                host.len() > parent.len() && host.to_ascii_lowercase().ends_with(&parent)
            })
        };
        let closest = || self.domains.iter().filter(above).max_by_key(|domain| domain.name.len());
        self.domains.iter().find(is_named).or_else(closest)
    }
}

/// The route of a call. Of several with one path the first that takes the method.
pub fn route<'a>(domain: &'a CustomDomain, method: &str, path: &str) -> Result<&'a Route, Unrouted<'a>> {
    let matching = domain.routes.iter().filter(|route| matches(&route.path, path));
    let Some(best) = matching.map(|route| rank(&route.path)).max() else { return Err(Unrouted::NoPath) };
    let best = domain.routes.iter().filter(|route| matches(&route.path, path) && rank(&route.path) == best);
    let takes =
        |route: &&Route| route.methods.is_empty() || route.methods.iter().any(|known| known == method);
    let methods = || best.clone().flat_map(|route| route.methods.iter().map(String::as_str)).collect();
    best.clone().find(takes).ok_or_else(|| Unrouted::Methods(methods()))
}

/// The target of a call that the route's rules rewrite; `None` when none does. A query stays, behind a rule's own.
pub fn rewritten(route: &Route, path: &str, query: Option<&str>) -> Option<String> {
    let target = route.rewrites.iter().find_map(|rewrite| rewrite.apply(path))?;
    Some(match query {
        Some(query) if target.contains('?') => format!("{target}&{query}"),
        Some(query) => format!("{target}?{query}"),
        None => target,
    })
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

/// Exact before prefix, then the longer one.
fn rank(pattern: &str) -> (bool, usize) {
    (!pattern.ends_with('*'), pattern.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::rewrite::Rewrite;

    fn domain(name: &str, routes: &[(&str, &str, &[&str])]) -> CustomDomain {
        let route = |(path, function, methods): &(&str, &str, &[&str])| Route {
            path: (*path).to_owned(),
            function: (*function).to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            rewrites: Vec::new(),
        };
        CustomDomain {
            name: name.to_owned(),
            auth_type: String::new(),
            routes: routes.iter().map(route).collect(),
        }
    }

    #[test]
    fn a_host_is_the_domain_of_its_name_or_the_closest_above_it() {
        let names = ["*.shop.example", "*.a.shop.example", "www.shop.example", "Own.Example"];
        let domains = Domains::new(names.map(|name| domain(name, &[])).into());
        for (host, wanted) in [
            ("www.shop.example", Some("www.shop.example")),
            ("WWW.SHOP.example", Some("www.shop.example")),
            ("x.shop.example", Some("*.shop.example")),
            ("a.shop.example", Some("*.shop.example")),
            ("x.A.shop.example", Some("*.a.shop.example")),
            ("own.example", Some("Own.Example")),
            ("shop.example", None),
            (".shop.example", None),
            ("xshop.example", None),
            ("www.own.example", None),
            ("", None),
        ] {
            assert_eq!(domains.of_host(host).map(|domain| domain.name.as_str()), wanted, "{host}");
        }
    }

    #[test]
    fn an_exact_path_comes_before_a_prefix_and_a_longer_prefix_before_a_shorter_one() {
        let routes: [(&str, &str, &[&str]); 6] = [
            ("/*", "all", &[]),
            ("/login/*", "login", &[]),
            ("/login/a/*", "deep", &[]),
            ("/login/a/b", "exact", &[]),
            ("/v*", "versions", &[]),
            ("/login/a/b*", "longest", &[]),
        ];
        let forwards = domain("d", &routes);
        let backwards = domain("d", &routes.iter().rev().copied().collect::<Vec<_>>());
        for (path, wanted) in [
            ("/", "all"),
            ("/login", "all"),
            ("/login/", "login"),
            ("/login/x/y", "login"),
            ("/login/a", "login"),
            ("/login/a/", "deep"),
            ("/login/a/b", "exact"),
            ("/login/a/b/", "longest"),
            ("/v2/x", "versions"),
            ("/LOGIN/x", "all"),
            ("/%6Cogin/x", "all"),
        ] {
            for domain in [&forwards, &backwards] {
                assert_eq!(route(domain, "GET", path).map(|route| &*route.function), Ok(wanted), "{path}");
            }
        }
        assert_eq!(route(&domain("d", &[("/a", "a", &[])]), "GET", "/a/"), Err(Unrouted::NoPath));
        assert_eq!(route(&domain("d", &[]), "GET", "/"), Err(Unrouted::NoPath));
    }

    #[test]
    fn the_first_rule_that_matches_rewrites_the_path_and_leaves_the_query() {
        let mut route = domain("d", &[("/*", "f", &[])]).routes.remove(0);
        assert_eq!(rewritten(&route, "/a", Some("x")), None);
        let rules = [
            Rewrite::equal("/a", "/b?c=1"),
            Rewrite::wildcard("^/*/z", "/$1"),
            Rewrite::regex("^/y", "/never"),
        ];
        route.rewrites = rules.map(|rule| rule.expect("a rule")).into();
        for (path, query, wanted) in [
            ("/a", None, Some("/b?c=1")),
            ("/a", Some("d=2"), Some("/b?c=1&d=2")),
            ("/y/z", Some("d=2"), Some("/y?d=2")),
            ("/x", Some("d=2"), None),
        ] {
            assert_eq!(rewritten(&route, path, query).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn routes_of_one_path_are_told_apart_by_their_methods() {
        let domain = domain(
            "d",
            &[("/a", "reads", &["GET", "HEAD"]), ("/a", "writes", &["POST"]), ("/*", "rest", &[])],
        );
        for (method, wanted) in [
            ("GET", Ok("reads")),
            ("POST", Ok("writes")),
            ("OPTIONS", Err(Unrouted::Methods(vec!["GET", "HEAD", "POST"]))),
            ("get", Err(Unrouted::Methods(vec!["GET", "HEAD", "POST"]))),
        ] {
            assert_eq!(route(&domain, method, "/a").map(|route| &*route.function), wanted, "{method}");
        }
        assert_eq!(route(&domain, "OPTIONS", "/b").map(|route| &*route.function), Ok("rest"));
    }
}
